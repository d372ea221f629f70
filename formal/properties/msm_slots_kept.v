// For `s`, `g2`, `written`, `writes`, `stored` and `field` of the form of the store.
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
end
