// The word that is chosen from above is followed through the FIFO.
wire f_pick;
reg f_in = 1'b0;
reg [$bits(in_data)-1:0] f_word;
// Words before it.
reg [$bits(count)-1:0] f_ahead;
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
