// A butterfly of which nothing is known.
module fr_butterfly(input clk, input [253:0] a, b, w, output [253:0] x, y);
(* anyseq *) wire [253:0] f_x, f_y;
assign x = f_x;
assign y = f_y;
endmodule
