// Rules of a client of the memory port for reads, `@p@rd_…` and `@p@rdat_…`.
always @(posedge clk) if (f_started) begin
  rd_form: assert (!@p@rd_valid || (@p@rd_addr[5:0] == 0 && @p@rd_addr[11:6] + @p@rd_beats < 64));
  if ($past(f_started) && !$past(rst) && $past(@p@rd_valid && !@p@rd_ready))
    rd_stays: assert (@p@rd_valid && {@p@rd_addr, @p@rd_beats} == $past({@p@rd_addr, @p@rd_beats}));
  rd_accepts: assert (@p@rdat_ready);
end
