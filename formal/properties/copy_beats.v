// The word that is chosen from above is followed through the FIFO.
wire f_pick;
reg f_in = 1'b0;
reg [511:0] f_word;
// Words before it.
reg [9:0] f_ahead;
always @(posedge clk)
  if (rst || clear) f_in <= 1'b0;
  else if (push && f_pick && !f_in) begin
    f_in <= 1'b1;
    f_word <= in_data;
    f_ahead <= count - (out_valid && out_ready);
  end else if (f_in && out_valid && out_ready) begin
    f_in <= f_ahead != 0;
    f_ahead <= f_ahead - 1'b1;
  end
wire [8:0] f_place = head + f_ahead[8:0] - out_valid;
always @(posedge clk) if (f_started) begin
  inv_used: assert (used <= 512 && used[8:0] == tail - head);
  inv_ahead: assert (!f_in || f_ahead < count);
  inv_word: assert (!f_in || (f_ahead == 0 && out_valid ? out_data : mem[f_place]) == f_word);
end
