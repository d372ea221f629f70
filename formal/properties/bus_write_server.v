// The memory behind `@p@wr_…`: it takes data for bursts only that it has taken, and answers only those, each once.
// `unanswered_f`: bursts taken and not answered. That it answers when all data have come is not even used.
reg [15:0] unanswered_f = 0;
always @(posedge clk) unanswered_f <= rst ? 0 : unanswered_f + f_ask - @p@wack_valid;
always @(*) assume (!@p@wdat_ready || announced != 0);
always @(*) assume (!@p@wack_valid || unanswered_f != 0);
