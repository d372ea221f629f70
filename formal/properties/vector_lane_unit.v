// A pipeline of which nothing is known.
module vector_mul_add(input clk, rst, negate_product, negate_addend, input [253:0] a, b, c, output [253:0] d, mul0_a, mul0_b,
  input [253:0] mul0_y);
endmodule
