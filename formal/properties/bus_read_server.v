// The memory behind `@p@rd_…`: beats come in the order in which they were asked for, and none else. `due`: beats to come.
reg [15:0] due = 0;
wire f_ask = @p@rd_valid && @p@rd_ready;
wire f_came = @p@rdat_valid && @p@rdat_ready;
always @(posedge clk) due <= rst ? 0 : due + (f_ask ? @p@rd_beats + 16'd1 : 16'd0) - f_came;
always @(*) assume (!@p@rdat_valid || due != 0);
