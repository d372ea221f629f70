// A unit of which nothing is known.
module vector_inverse(input clk, input rst, input start, input [31:0] n, input a_valid, output a_ready,
  input [253:0] a_data, output d_valid, input d_ready, output [253:0] d_data, output done, output [253:0] mul0_a,
  output [253:0] mul0_b, input [253:0] mul0_y, output [253:0] mul1_a, output [253:0] mul1_b, input [253:0] mul1_y,
  output [253:0] mul2_a, output [253:0] mul2_b, input [253:0] mul2_y, output [253:0] mul3_a, output [253:0] mul3_b,
  input [253:0] mul3_y);
endmodule
