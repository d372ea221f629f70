// Jobs of which nothing is known.
module ntt_jobs(input clk, input rst, input start, input clear, input interleaved, input [63:0] base, input [63:0] stride,
  input [31:0] batch, output busy, output job_valid, input job_ready, output [63:0] job_addr, output [32:0] job_count,
  input [4:0] rows, input [4:0] apart, input [4:0] len, input [4:0] tile, input [4:0] run);
endmodule
