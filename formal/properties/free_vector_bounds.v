// A unit of which nothing is known.
module vector_bounds(input clk, input rst, input start, input [63:0] dram_bytes, input gathered, input [63:0] indices,
  input [31:0] n, input d_single, input a_on, input [63:0] a_addr, input [31:0] a_stride, input [31:0] a_count, input b_on,
  input [63:0] b_addr, input [31:0] b_stride, input [31:0] b_count, input c_on, input [63:0] c_addr, input [31:0] c_stride,
  input [31:0] c_count, input d_on, input [63:0] d_addr, input [31:0] d_stride, input [31:0] d_count, output valid,
  output outside, output [2:0] outside_which, output overlap);
endmodule
