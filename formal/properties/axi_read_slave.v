// An AXI4 read slave: data only for bursts whose address it has taken in an earlier clock. Data may change while they wait.
// `f_reads`: bursts whose address was taken and whose last beat was not.
reg [15:0] f_reads = 0;
wire f_ar = @p@arvalid && @p@arready;
wire f_r = @p@rvalid && @p@rready;
always @(posedge clk) f_reads <= rst ? 0 : f_reads + f_ar - (f_r && @p@rlast);
always @(*) assume (!@p@rvalid || f_reads != 0);
