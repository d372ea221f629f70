// A unit of which nothing is known.
module vector_parameters(input clk, input rst, input start, input [63:0] addr, input flush, input use_indices,
  input use_a_scalar, output [253:0] a_scalar, input use_b_scalar, output [253:0] b_scalar, input use_c_scalar,
  output [253:0] c_scalar, input use_a_stride, output [31:0] a_stride, input use_b_stride, output [31:0] b_stride,
  input use_c_stride, output [31:0] c_stride, input use_d_stride, output [31:0] d_stride, output [63:0] indices,
  output [31:0] b_len, output valid, output busy, output bad, output [7:0] bad_at, output err, output [63:0] err_addr,
  output [63:0] rd_addr, output [7:0] rd_beats, output rd_valid, input rd_ready, input [511:0] rdat_data, input rdat_last,
  input rdat_err, input rdat_valid, output rdat_ready);
endmodule
