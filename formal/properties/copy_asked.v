// The word that is chosen from above is followed through the FIFO.
wire f_pick;
reg f_in = 1'b0;
reg [57:0] f_word;
reg [6:0] f_ahead;
always @(posedge clk)
  if (rst || clear) f_in <= 1'b0;
  else if (push && f_pick && !f_in) begin
    f_in <= 1'b1;
    f_word <= in_data;
    f_ahead <= used - pop;
  end else if (f_in && pop) begin
    f_in <= f_ahead != 0;
    f_ahead <= f_ahead - 1'b1;
  end
wire [5:0] f_place = head + f_ahead[5:0];
always @(posedge clk) if (f_started) begin
  inv_used: assert (used <= 64 && used[5:0] == tail - head);
  inv_ahead: assert (!f_in || f_ahead < used);
  inv_word: assert (!f_in || mem[f_place] == f_word);
end
