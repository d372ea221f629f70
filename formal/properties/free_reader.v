// A reader of which nothing is known.
module stream_reader(input clk, input rst, input job_valid, output job_ready, input [63:0] job_addr, input [32:0] job_count,
  input flush, output busy, output err, output [63:0] err_addr, output out_valid, input out_ready, output [253:0] out_data,
  output [1:0] out_top, output [63:0] rd_addr, output [7:0] rd_beats, output rd_valid, input rd_ready,
  input [511:0] rdat_data, input rdat_last, input rdat_err, input rdat_valid, output rdat_ready);
endmodule
