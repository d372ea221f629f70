// The reader of the indices: beats that come as they like, `err` until a flush.
module msm_reader(input clk, rst, start, input [63:0] addr, input [32:0] beats, input flush, output ready, busy, err,
  output [63:0] err_addr, output out_valid, input out_ready, output [511:0] out_data, output [63:0] rd_addr, output [7:0] rd_beats,
  output rd_valid, input rd_ready, input [511:0] rdat_data, input rdat_last, rdat_err, rdat_valid, output rdat_ready);
(* anyseq *) wire f_valid, f_fails, f_busy;
(* anyseq *) wire [511:0] f_data;
reg failed = 0, waits = 0;
reg [511:0] held;
assign err = failed;
assign busy = f_busy;
assign out_valid = f_valid;
assign out_data = f_data;
always @(posedge clk) begin
  failed <= !rst && !flush && (failed || f_fails);
  waits <= !rst && !flush && out_valid && !out_ready;
  held <= f_data;
end
// A beat stays until it is taken.
always @(*) assume (!waits || (f_valid && f_data == held));
endmodule
