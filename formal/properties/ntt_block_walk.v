// A tile that ends when it likes.
module ntt_walk_@SIDE@_5(input clk, rst, start, input [2:0] len, tile, input [4:0] last, input interleaved, reversed, step,
  output [4:0] number, place, output inner_ends, ends);
(* anyseq *) wire f_ends;
(* anyseq *) wire [4:0] f_place;
assign ends = f_ends;
assign place = f_place;
endmodule
