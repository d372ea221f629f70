// The lanes as the harness `ntt compute` proves them: buffers in turn, each only while it is at work.
module ntt_compute_5_1(input clk, rst, input [2:0] len, tile, ready, output [2:0] taken, done, output [7:0] issued, output rd_valid,
  output [1:0] rd_buffer, output [7:0] rd_rows, input [507:0] rd_data0, rd_data1, rd_data2, output [3:0] tw_row,
  input [253:0] tw_data, output wr_valid, output [1:0] wr_buffer, output [7:0] wr_rows, output [507:0] wr_data);
(* anyseq *) wire f_begins, f_done, f_rd_valid, f_wr_valid;
(* anyseq *) wire [1:0] f_done_buffer, f_rd_buffer, f_wr_buffer;
reg [1:0] buffer = 0;
reg [2:0] work = 0;
assign taken = f_begins && ready[buffer] ? 3'd1 << buffer : 3'd0;
assign done = f_done ? 3'd1 << f_done_buffer : 3'd0;
assign issued = work;
assign rd_valid = f_rd_valid;
assign rd_buffer = f_rd_buffer;
assign wr_valid = f_wr_valid;
assign wr_buffer = f_wr_buffer;
always @(posedge clk) begin
  if (taken != 0) buffer <= buffer == 2'd2 ? 2'd0 : buffer + 2'd1;
  work <= (work | taken) & ~done;
  if (rst) begin
    buffer <= 0;
    work <= 0;
  end
end
always @(*) begin
  assume (!f_done || (f_done_buffer < 3 && work[f_done_buffer]));
  assume (!f_rd_valid || (f_rd_buffer < 3 && work[f_rd_buffer] && !done[f_rd_buffer]));
  assume (!f_wr_valid || (f_wr_buffer < 3 && work[f_wr_buffer]));
end
endmodule
