// A FIFO of 4 words of @BITS@ bits that shows a word one clock after it came, or two: as in distributed RAM, and as in block RAM.
module fifo_@BITS@x4(clk,rst,clear,in_data,in_valid,in_ready,out_data,out_valid,out_ready,count);
    input wire clk;
    input wire rst;
    input wire clear;
    input wire [@BITS@ - 1:0] in_data;
    input wire in_valid;
    output reg in_ready;
    output reg [@BITS@ - 1:0] out_data;
    output reg out_valid;
    input wire out_ready;
    output reg [2:0] count;
    localparam [2:0] DEPTH = 4;
    (* anyseq *) wire f_soon;
    reg [@BITS@ - 1:0] mem [0:3];
    reg [1:0] head, tail;
    reg [2:0] used;
    // A word came in the clock before.
    reg fresh;
    wire push = in_valid && in_ready;
    wire pop = out_valid && out_ready;
    always @(*) in_ready = used != DEPTH;
    always @(*) out_valid = used > fresh || (used != 0 && f_soon);
    always @(*) out_data = mem[head];
    always @(*) count = used;
    always @(posedge clk) begin
      fresh <= push && !rst && !clear;
      if (push) mem[tail] <= in_data;
      if (push) tail <= tail + 1'b1;
      if (pop) head <= head + 1'b1;
      if (push && !pop) used <= used + 1'b1;
      if (pop && !push) used <= used - 1'b1;
      if (rst || clear) begin
        head <= 0;
        tail <= 0;
        used <= 0;
      end
    end
endmodule
