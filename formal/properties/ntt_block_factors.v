// Factors that are there or not as they like; good or bad at some time after `start`, until the next one.
module ntt_factors_5(input clk, rst, start, input [2:0] set_len, input [1:0] set_row_mode, input [4:0] set_before, set_repeat,
  input [253:0] set_omega, set_in_first, set_in_first_step, set_in_ratio, set_in_ratio_step, set_out_ratio, output good, bad, tw_write,
  output [4:0] tw_at, output [253:0] tw_data, output twiddles_ready, input [4:0] in_number, output in_ready, input in_take,
  in_inner_ends, in_ends, output [253:0] in_factor, input [4:0] out_number, output out_ready, output [253:0] out_factor);
(* anyseq *) wire f_checked, f_is_root, f_twiddles_ready, f_in_ready, f_out_ready;
reg is_good = 0, is_bad = 0;
assign good = is_good;
assign bad = is_bad;
assign twiddles_ready = f_twiddles_ready;
assign in_ready = f_in_ready;
assign out_ready = f_out_ready;
always @(posedge clk)
  if (rst || start) {is_good, is_bad} <= 0;
  else if (f_checked && !is_good && !is_bad) {is_good, is_bad} <= {f_is_root, !f_is_root};
endmodule
