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
// What the slot has to hold, and what the ports have to show when they last read it. A value is known when it was written for
// the group at work.
reg s_new = 1'b0, s_res = 1'b0, s_known = 1'b0, s_g2;
reg [F-1:0] s_val, v_was;
reg n_is = 1'b0, n_new_was, n_res_was, r_is = 1'b0, r_new_was, r_res_was, v_is = 1'b0, v_g2;
wire v_holds = v_is && v_g2 == g2;
wire known = s_known && s_g2 == g2;
always @(posedge clk) begin
  if (tick && n_ren) begin
    n_is <= n_raddr == s;
    n_new_was <= s_new;
    n_res_was <= s_res;
  end
  if (tick && r_ren) begin
    r_is <= r_raddr == s;
    r_new_was <= s_new;
    r_res_was <= s_res;
  end
  if (tick && v_ren) begin
    v_is <= v_raddr == s && known;
    v_g2 <= g2;
    v_was <= s_val;
  end
  if (tick && clr_we) begin
    if (clr_addr == s) begin
      s_new <= 1'b0;
      s_res <= 1'b0;
    end
  end else if (tick) begin
    if (n_we && n_waddr == s) s_new <= n_wbit;
    if (r_we && r_waddr == s) s_res <= r_wbit;
  end
  if (!known) s_known <= 1'b0;
  if (written) begin
    s_known <= 1'b1;
    s_g2 <= g2;
    s_val <= writes;
  end
end
always @(posedge clk) begin
  inv_bits: assert (new_bits[s] == s_new && res_bits[s] == s_res);
  inv_value: assert (!known || stored == s_val);
  fullness: assert ((!n_is || (n_new_bit == n_new_was && n_res_bit == n_res_was)) &&
    (!r_is || (r_new_bit == r_new_was && r_res_bit == r_res_was)));
  value: assert (!v_holds || field(v_rdata) == v_was);
  if (f_started && !$past(tick && n_ren)) stays: assert (n_new_bit == $past(n_new_bit) && n_res_bit == $past(n_res_bit));
  inv_word: assert (!v_is || (v_g2 ? (fi[0] ? (fi[1] ? word1[F +: F] : word1[0 +: F]) : (fi[1] ? word0[F +: F] : word0[0 +: F])) == v_was :
    bank == s[0] && (s[0] ? (fi[1] ? word1[F +: F] : word1[0 +: F]) : (fi[1] ? word0[F +: F] : word0[0 +: F])) == v_was));
  plain: assert (upper_zero);
  other_group: cover (v_holds && g2 && $past(!g2) && field(v_rdata) == 3);
  read: cover (v_holds && !g2 && s == 5 && field(v_rdata) == 6);
end
