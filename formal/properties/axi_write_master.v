// Rules of an AXI4 write master for bursts of whole 64-byte beats, one ID, whose data follow their address.
// `f_writes`: bursts whose address was taken and whose last beat was not.
reg [15:0] f_writes = 0;
wire f_aw = @p@awvalid && @p@awready;
wire f_w = @p@wvalid && @p@wready;
always @(posedge clk) f_writes <= rst ? 0 : f_writes + f_aw - (f_w && @p@wlast);
always @(posedge clk) if (f_started) begin
  aw_form: assert (!@p@awvalid || (@p@awsize == 6 && @p@awburst == 1 && @p@awid == 0));
  if ($past(f_started) && $past(rst)) aw_reset: assert (!@p@awvalid && !@p@wvalid);
  if ($past(f_started) && !$past(rst) && $past(@p@awvalid && !@p@awready))
    aw_stays: assert (@p@awvalid && {@p@awaddr, @p@awlen, @p@awsize, @p@awburst, @p@awid}
      == $past({@p@awaddr, @p@awlen, @p@awsize, @p@awburst, @p@awid}));
  if ($past(f_started) && !$past(rst) && $past(@p@wvalid && !@p@wready))
    w_stays: assert (@p@wvalid && {@p@wdata, @p@wstrb, @p@wlast} == $past({@p@wdata, @p@wstrb, @p@wlast}));
  w_after_aw: assert (!@p@wvalid || f_writes != 0);
end
