// An AXI4 write slave: answers only to bursts whose last beat it has taken in an earlier clock.
// `f_complete`: bursts whose last beat was taken and that are not answered.
reg [15:0] f_complete = 0;
wire f_b = @p@bvalid && @p@bready;
always @(posedge clk) f_complete <= rst ? 0 : f_complete + (@p@wvalid && @p@wready && @p@wlast) - f_b;
always @(*) assume (!@p@bvalid || f_complete != 0);
