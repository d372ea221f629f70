// The decoder's timing; the verdict is any.
module card_decode(clk,rst,in_valid,admin,cmd,dram_bytes,out_valid,route,status,info,addr);
    input wire clk;
    input wire rst;
    input wire in_valid;
    input wire admin;
    input wire [511:0] cmd;
    input wire [63:0] dram_bytes;
    output reg out_valid;
    output reg [2:0] route;
    output reg [7:0] status;
    output reg [31:0] info;
    output reg [63:0] addr;
    (* anyseq *) wire [2:0] f_route;
    (* anyseq *) wire [7:0] f_status;
    (* anyseq *) wire [31:0] f_info;
    (* anyseq *) wire [63:0] f_addr;
    reg [2:0] f_pipe;
    always @(posedge clk) f_pipe <= rst ? 3'd0 : {f_pipe[1:0], in_valid};
    always @(*) out_valid = f_pipe[2];
    always @(*) route = f_route;
    always @(*) status = f_status;
    always @(*) info = f_info;
    always @(*) addr = f_addr;
endmodule
