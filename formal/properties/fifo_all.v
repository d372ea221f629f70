// All words of the storage, for the module around.
localparam F_WIDTH = $bits(in_data), F_DEPTH = @DEPTH@;
wire [F_DEPTH*F_WIDTH-1:0] f_all;
genvar f_i;
generate for (f_i = 0; f_i < F_DEPTH; f_i = f_i + 1) begin : f_words
  assign f_all[f_i*F_WIDTH+:F_WIDTH] = mem[f_i];
end endgenerate
