// A unit of which nothing is known.
module vector_walk(input clk, input rst, input start, input [63:0] addr, input [31:0] stride, input [31:0] count,
  output job_valid, input job_ready, output [63:0] job_addr, output [32:0] job_count);
endmodule
