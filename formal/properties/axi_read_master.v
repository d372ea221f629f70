// Rules of an AXI4 read master for bursts of whole 64-byte beats, one ID.
always @(posedge clk) if (f_started) begin
  ar_form: assert (!@p@arvalid || (@p@arsize == 6 && @p@arburst == 1 && @p@arid == 0));
  if ($past(f_started) && $past(rst)) ar_reset: assert (!@p@arvalid);
  if ($past(f_started) && !$past(rst) && $past(@p@arvalid && !@p@arready))
    ar_stays: assert (@p@arvalid && {@p@araddr, @p@arlen, @p@arsize, @p@arburst, @p@arid}
      == $past({@p@araddr, @p@arlen, @p@arsize, @p@arburst, @p@arid}));
end
