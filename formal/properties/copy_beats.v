include fifo_followed.v
wire [8:0] f_place = head + f_ahead[8:0] - out_valid;
always @(posedge clk) if (f_started) begin
  inv_used: assert (used <= 512 && used[8:0] == tail - head);
  inv_ahead: assert (!f_in || f_ahead < count);
  inv_word: assert (!f_in || (f_ahead == 0 && out_valid ? out_data : mem[f_place]) == f_word);
end
