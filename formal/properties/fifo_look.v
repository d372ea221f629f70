// A word of the storage, for the module around.
wire [$bits(head)-1:0] f_at;
wire [$bits(out_data)-1:0] f_word = mem[f_at];
