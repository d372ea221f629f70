// One slot and one field of its point; both groups have all slots and fields.
(* anyconst *) wire [$bits(v_raddr)-1:0] s;
(* anyconst *) wire [1:0] fi;
localparam F = $bits(v_rdata) / 4;
function [F-1:0] field(input [4*F-1:0] p);
  field = p[fi*F +: F];
endfunction
wire g2 = 1'b0;
wire written = v_we && v_waddr == s;
wire [F-1:0] writes = field(v_wdata);
wire [F-1:0] stored = field(values[s]);
include msm_slots_kept.v
always @(posedge clk) begin
  read: cover (v_holds && s == 5 && field(v_rdata) == 6);
end
