// The memory behind the write port `@P@_`: it answers bursts that were asked for and no others, the last of them after all data.
reg [12:0] f_@P@_beats = 0;
reg [11:0] f_@P@_bursts = 0;
wire f_@P@_ask = @P@_wr_valid && @P@_wr_ready, f_@P@_beat = @P@_wdat_valid && @P@_wdat_ready;
always @(*) if (@P@_wack_valid) assume (f_@P@_bursts != 0 && (f_@P@_bursts != 1 || f_@P@_beats == 0));
always @(posedge clk) begin
  f_@P@_beats <= f_@P@_beats + (f_@P@_ask ? @P@_wr_beats + 13'd1 : 13'd0) - f_@P@_beat;
  f_@P@_bursts <= f_@P@_bursts + f_@P@_ask - @P@_wack_valid;
  if (rst) {f_@P@_beats, f_@P@_bursts} <= 0;
end
