// One slot and one field of its point.
(* anyconst *) wire [$bits(v_raddr)-1:0] s;
(* anyconst *) wire [1:0] fi;
localparam L = $bits(v_raddr);
localparam F = $bits(v_rdata) / 4;
always @(*) assume (g2 ? !s[L-1] : !fi[0]);
function [F-1:0] field(input [4*F-1:0] p);
  field = p[fi*F +: F];
endfunction
wire at_bank = g2 ? fi[0] : s[0];
wire written = at_bank ? v_we1 && v_waddr1 == s : v_we0 && v_waddr0 == s;
wire [F-1:0] writes = at_bank ? field(v_wdata1) : field(v_wdata0);
wire [F-1:0] stored = g2 ? (fi[0] ? (fi[1] ? values1[s[L-2:0]][F +: F] : values1[s[L-2:0]][0 +: F]) : (fi[1] ? values0[s[L-2:0]][F +: F] : values0[s[L-2:0]][0 +: F])) :
  s[0] ? (fi[1] ? values1[s[L-1:1]][F +: F] : values1[s[L-1:1]][0 +: F]) : (fi[1] ? values0[s[L-1:1]][F +: F] : values0[s[L-1:1]][0 +: F]);
// A port writes to its own bank; G2 has half as many slots.
always @(*) begin
  if (v_we0) assume (g2 ? !v_waddr0[L-1] : !v_waddr0[0]);
  if (v_we1) assume (g2 ? !v_waddr1[L-1] : v_waddr1[0]);
  if (v_ren) assume (!(g2 && v_raddr[L-1]));
end
wire upper_zero = g2 || (v_rdata[F +: F] == 0 && v_rdata[3*F +: F] == 0);
include msm_slots_kept.v
always @(posedge clk) begin
  inv_word: assert (!v_is || (v_g2 ? (fi[0] ? (fi[1] ? word1[F +: F] : word1[0 +: F]) : (fi[1] ? word0[F +: F] : word0[0 +: F])) == v_was :
    bank == s[0] && (s[0] ? (fi[1] ? word1[F +: F] : word1[0 +: F]) : (fi[1] ? word0[F +: F] : word0[0 +: F])) == v_was));
  plain: assert (upper_zero);
  other_group: cover (v_holds && g2 && $past(!g2) && field(v_rdata) == 3);
  read: cover (v_holds && !g2 && s == 5 && field(v_rdata) == 6);
end
