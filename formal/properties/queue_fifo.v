// The FIFO of fetched commands without its storage: the word that it offers is any word. What is known of a FIFO's
// words is assumed where it is needed.
module fifo_513x4(clk,rst,clear,in_data,in_valid,in_ready,out_data,out_valid,out_ready,count);
    input wire clk;
    input wire rst;
    input wire clear;
    input wire [512:0] in_data;
    input wire in_valid;
    output reg in_ready;
    output reg [512:0] out_data;
    output reg out_valid;
    input wire out_ready;
    output reg [2:0] count;
    (* anyseq *) wire [512:0] f_any;
    reg [2:0] used;
    wire push = in_valid && in_ready;
    wire pop = out_valid && out_ready;
    always @(*) in_ready = used != 4;
    always @(*) out_valid = used != 0;
    always @(*) out_data = f_any;
    always @(*) count = used;
    always @(posedge clk) begin
      if (push && !pop) used <= used + 1'b1;
      if (pop && !push) used <= used - 1'b1;
      if (rst || clear) used <= 0;
    end
endmodule
