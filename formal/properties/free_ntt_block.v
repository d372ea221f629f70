// A core of which nothing is known.
module ntt_block_5_1(input clk, input rst, input set_valid, input [2:0] set_len, input [2:0] set_tile,
  input [4:0] set_before, input [4:0] set_repeat, input [39:0] set_tiles, input [5:0] set_last, input [1:0] set_row_mode,
  input set_in_interleaved, input set_in_reversed, input set_out_interleaved, input set_out_reversed,
  input [253:0] set_omega, input [253:0] set_in_first, input [253:0] set_in_first_step, input [253:0] set_in_ratio,
  input [253:0] set_in_ratio_step, input [253:0] set_out_ratio, output set_ready, output done, output bad_root,
  input in_valid, output in_ready, input [253:0] in_data, output out_valid, input out_ready, output [253:0] out_data,
  output [7:0] ev_butterflies, output ev_stall_in, output ev_stall_out);
endmodule
