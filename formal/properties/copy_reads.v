// The memory behind the read port `@P@_`: it answers beats that were asked for and no others. Its bursts end in order, each with
// `last`; of that no more is assumed than that as many beats remain as bursts, at least, and none when no burst does.
reg [11:0] f_@P@_beats = 0, f_@P@_bursts = 0;
wire f_@P@_ask = @P@_rd_valid && @P@_rd_ready, f_@P@_beat = @P@_rdat_valid && @P@_rdat_ready;
wire [11:0] f_@P@_rest = f_@P@_beats - 1'b1, f_@P@_after = f_@P@_bursts - @P@_rdat_last;
always @(*) if (@P@_rdat_valid)
  assume (f_@P@_beats != 0 && f_@P@_rest >= f_@P@_after && (f_@P@_rest == 0) == (f_@P@_after == 0));
always @(posedge clk) begin
  f_@P@_beats <= f_@P@_beats + (f_@P@_ask ? @P@_rd_beats + 12'd1 : 12'd0) - f_@P@_beat;
  f_@P@_bursts <= f_@P@_bursts + f_@P@_ask - (f_@P@_beat && @P@_rdat_last);
  if (rst) {f_@P@_beats, f_@P@_bursts} <= 0;
end
