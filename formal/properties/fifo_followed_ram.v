include fifo_followed.v
localparam ADDRESS = $bits(head);
wire [ADDRESS-1:0] f_place = head + f_ahead[ADDRESS-1:0];
always @(posedge clk) if (f_started) begin
  inv_used: assert (used <= DEPTH && used[ADDRESS-1:0] == tail - head);
  inv_ahead: assert (!f_in || f_ahead < used);
  inv_word: assert (!f_in || mem[f_place] == f_word);
end
