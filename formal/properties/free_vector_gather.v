// A unit of which nothing is known.
module vector_gather(input clk, input rst, input start, input [63:0] indices, input [31:0] n, input [63:0] base,
  input [31:0] stride, input [31:0] len, input flush, output busy, output bad, output err, output [63:0] err_addr,
  output job_valid, input job_ready, output [63:0] job_addr, output [63:0] rd_addr, output [7:0] rd_beats, output rd_valid,
  input rd_ready, input [511:0] rdat_data, input rdat_last, input rdat_err, input rdat_valid, output rdat_ready);
endmodule
