// A writer of which nothing is known.
module stream_writer(input clk, input rst, input job_valid, output job_ready, input [63:0] job_addr, input [32:0] job_count,
  input in_valid, output in_ready, input [253:0] in_data, input flush, output busy, output err, output [63:0] err_addr,
  output [63:0] wr_addr, output [7:0] wr_beats, output wr_valid, input wr_ready, output [511:0] wdat_data,
  output [63:0] wdat_strb, output wdat_valid, input wdat_ready, input wack_valid, input wack_err);
endmodule
