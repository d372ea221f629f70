// A unit of which nothing is known.
module vector_lane(input clk, input rst, input start, input [31:0] n, input a_scalar_on, input [1:0] b_from,
  input c_scalar_on, input negate_product, input negate_addend, input emit, input [253:0] a_scalar, input a_valid,
  output a_ready, input [253:0] a_data, input [253:0] b_scalar, input b_valid, output b_ready, input [253:0] b_data,
  input [253:0] c_scalar, input c_valid, output c_ready, input [253:0] c_data, output [253:0] mul0_a, output [253:0] mul0_b,
  input [253:0] mul0_y, output [253:0] mul1_a, output [253:0] mul1_b, input [253:0] mul1_y, output entered, output d_valid,
  input d_ready, output [253:0] d_data, output done, output [253:0] result);
endmodule
