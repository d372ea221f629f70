// Rules of a client of the memory port for writes, `@p@wr_…` and `@p@wdat_…`. `announced`: beats of bursts shown and not supplied.
reg [15:0] announced = 0;
wire f_ask = @p@wr_valid && @p@wr_ready;
wire f_beat = @p@wdat_valid && @p@wdat_ready;
always @(posedge clk) announced <= rst ? 0 : announced + (f_ask ? @p@wr_beats + 16'd1 : 16'd0) - f_beat;
always @(posedge clk) if (f_started) begin
  wr_form: assert (!@p@wr_valid || @p@wr_addr[11:6] + @p@wr_beats < 64);
  if ($past(f_started) && !$past(rst) && $past(@p@wr_valid && !@p@wr_ready))
    wr_stays: assert (@p@wr_valid && {@p@wr_addr, @p@wr_beats} == $past({@p@wr_addr, @p@wr_beats}));
  if ($past(f_started) && !$past(rst) && $past(@p@wdat_valid && !@p@wdat_ready))
    wdat_stays: assert (@p@wdat_valid && {@p@wdat_data, @p@wdat_strb} == $past({@p@wdat_data, @p@wdat_strb}));
  wdat_supplied: assert (announced == 0 || @p@wdat_valid);
end
