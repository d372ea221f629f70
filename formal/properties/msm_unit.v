// One slot, one field of its points and one of the points' two ways through the adder are followed; what happens in other
// slots is arbitrary. Fields are integers modulo 7, a sum of points is the sum of their fields; doubling turns the bits.
(* anyconst *) wire [$bits(n1_at)-1:0] s;
(* anyconst *) wire [1:0] fi;
reg s_new = 1'b0, s_res = 1'b0;
reg [2:0] s_val;
function [2:0] plus7(input [2:0] a, input [2:0] b);
  reg [3:0] t;
  begin
    t = {1'b0, a} + {1'b0, b};
    plus7 = t >= 4'd7 ? t - 4'd7 : t;
  end
endfunction
function [2:0] less7(input [2:0] a, input [2:0] b);
  less7 = a >= b ? a - b : a + 3'd7 - b;
endfunction
// 2^m times v.
function [2:0] times(input [3:0] m, input [2:0] v);
  case (m)
    4'd1, 4'd4, 4'd7, 4'd10, 4'd13: times = {v[1:0], v[2]};
    4'd2, 4'd5, 4'd8, 4'd11, 4'd14: times = {v[0], v[2:1]};
    default: times = v;
  endcase
endfunction
function [2:0] field(input [11:0] p);
  field = fi == 0 ? p[2:0] : fi == 1 ? p[5:3] : fi == 2 ? p[8:6] : p[11:9];
endfunction
// Addresses that the memories have; in G2 memory 0 has half as many.
localparam A = $bits(n1_at) - 2;
localparam L0 = $bits(mem0$n_raddr), L1 = $bits(mem1$n_raddr), L2 = $bits(mem2$n_raddr), L3 = $bits(mem3$n_raddr);
function good(input [A+1:0] at);
  good = at[A+1:A] == 0 ? at[A-1:0] >> L0 == 0 && !(g2 && at[L0-1]) : at[A+1:A] == 1 ? at[A-1:0] >> L1 == 0 :
    at[A+1:A] == 2 ? at[A-1:0] >> L2 == 0 : at[A-1:0] >> L3 == 0;
endfunction
wire [1:0] sm = s[A+1:A];
wire [A-1:0] sa = s[A-1:0];
always @(*) assume (good(s) && (g2 || !fi[0]));

// The memory of the slot, as its own harness proves it: each port gives what was written last before the read.
wire a_n_ren = sm == 0 ? mem0$n_ren : sm == 1 ? mem1$n_ren : sm == 2 ? mem2$n_ren : mem3$n_ren;
wire a_r_ren = sm == 0 ? mem0$r_ren : sm == 1 ? mem1$r_ren : sm == 2 ? mem2$r_ren : mem3$r_ren;
wire a_n_we = sm == 0 ? mem0$n_we : sm == 1 ? mem1$n_we : sm == 2 ? mem2$n_we : mem3$n_we;
wire a_r_we = sm == 0 ? mem0$r_we : sm == 1 ? mem1$r_we : sm == 2 ? mem2$r_we : mem3$r_we;
wire a_v_ren = sm == 0 ? mem0$v_ren : sm == 1 ? mem1$v_ren : sm == 2 ? mem2$v_ren : mem3$v_ren;
wire a_n_wbit = sm == 0 ? mem0$n_wbit : sm == 1 ? mem1$n_wbit : sm == 2 ? mem2$n_wbit : mem3$n_wbit;
wire a_r_wbit = sm == 0 ? mem0$r_wbit : sm == 1 ? mem1$r_wbit : sm == 2 ? mem2$r_wbit : mem3$r_wbit;
wire a_n_rd = sm == 0 ? mem0$n_raddr == sa : sm == 1 ? mem1$n_raddr == sa : sm == 2 ? mem2$n_raddr == sa : mem3$n_raddr == sa;
wire a_r_rd = sm == 0 ? mem0$r_raddr == sa : sm == 1 ? mem1$r_raddr == sa : sm == 2 ? mem2$r_raddr == sa : mem3$r_raddr == sa;
wire a_n_wr = sm == 0 ? mem0$n_waddr == sa : sm == 1 ? mem1$n_waddr == sa : sm == 2 ? mem2$n_waddr == sa : mem3$n_waddr == sa;
wire a_r_wr = sm == 0 ? mem0$r_waddr == sa : sm == 1 ? mem1$r_waddr == sa : sm == 2 ? mem2$r_waddr == sa : mem3$r_waddr == sa;
wire a_v_rd = sm == 0 ? mem0$v_raddr == sa : sm == 1 ? mem1$v_raddr == sa : sm == 2 ? mem2$v_raddr == sa : mem3$v_raddr == sa;
wire a_clr = sm == 0 ? mem0$clr_addr == sa : sm == 1 ? mem1$clr_addr == sa : sm == 2 ? mem2$clr_addr == sa : mem3$clr_addr == sa;
wire a_clr_we = sm == 0 ? mem0$clr_we : sm == 1 ? mem1$clr_we : sm == 2 ? mem2$clr_we : mem3$clr_we;
wire o_n_new = sm == 0 ? mem0$n_new_bit : sm == 1 ? mem1$n_new_bit : sm == 2 ? mem2$n_new_bit : mem3$n_new_bit;
wire o_n_res = sm == 0 ? mem0$n_res_bit : sm == 1 ? mem1$n_res_bit : sm == 2 ? mem2$n_res_bit : mem3$n_res_bit;
wire o_r_new = sm == 0 ? mem0$r_new_bit : sm == 1 ? mem1$r_new_bit : sm == 2 ? mem2$r_new_bit : mem3$r_new_bit;
wire o_r_res = sm == 0 ? mem0$r_res_bit : sm == 1 ? mem1$r_res_bit : sm == 2 ? mem2$r_res_bit : mem3$r_res_bit;
wire [11:0] o_v = sm == 0 ? mem0$v_rdata : sm == 1 ? mem1$v_rdata : sm == 2 ? mem2$v_rdata : mem3$v_rdata;
wire bank = g2 ? fi[0] : s[0];
wire a_v_we = sm == 0 ? (bank ? mem0$v_we1 && mem0$v_waddr1 == sa : mem0$v_we0 && mem0$v_waddr0 == sa) :
  sm == 1 ? mem1$v_we && mem1$v_waddr == sa : sm == 2 ? mem2$v_we && mem2$v_waddr == sa : mem3$v_we && mem3$v_waddr == sa;
wire [11:0] a_v_wdata = sm == 0 ? (bank ? mem0$v_wdata1 : mem0$v_wdata0) :
  sm == 1 ? mem1$v_wdata : sm == 2 ? mem2$v_wdata : mem3$v_wdata;
// What the ports have to show, when they last read this slot; values are known when they were written for the group at work.
reg n_is = 1'b0, n_new_was, n_res_was, r_is = 1'b0, r_new_was, r_res_was, v_is = 1'b0, v_g2, s_known = 1'b0, s_g2;
reg [2:0] v_was;
wire v_holds = v_is && v_g2 == g2;
wire known = s_known && s_g2 == g2;
always @(posedge clk) begin
  if (tick && a_n_ren) begin
    n_is <= a_n_rd;
    n_new_was <= s_new;
    n_res_was <= s_res;
  end
  if (tick && a_r_ren) begin
    r_is <= a_r_rd;
    r_new_was <= s_new;
    r_res_was <= s_res;
  end
  if (tick && a_v_ren) begin
    v_is <= a_v_rd && known;
    v_g2 <= g2;
    v_was <= s_val;
  end
  if (tick && a_clr_we) begin
    if (a_clr) begin
      s_new <= 1'b0;
      s_res <= 1'b0;
    end
  end else if (tick) begin
    if (a_n_we && a_n_wr) s_new <= a_n_wbit;
    if (a_r_we && a_r_wr) s_res <= a_r_wbit;
  end
  if (!known) s_known <= 1'b0;
  if (a_v_we) begin
    s_known <= 1'b1;
    s_g2 <= g2;
    s_val <= field(a_v_wdata);
  end
end
always @(*) begin
  if (n_is) assume (o_n_new == n_new_was && o_n_res == n_res_was);
  if (r_is) assume (o_r_new == r_new_was && o_r_res == r_res_was);
  if (v_holds) assume (field(o_v) == v_was);
end
always @(posedge clk) if (f_started) begin
  if (!$past(tick && a_n_ren)) assume (o_n_new == $past(o_n_new) && o_n_res == $past(o_n_res));
end

// The adder: additions come out after two ticks or more, in any order. Known are the numbers under way, for the slot and for
// the rest of its memory, and the sum of the slot's.
reg [11:0] air = 12'd0, air_rest = 12'd0;
reg [2:0] air_sum = 3'd0;
wire in_s = issued && issued_tag[A+1:0] == s;
wire in_rest = issued && issued_tag[A+1:A] == sm && !in_s;
wire out_s = add$out_valid && r_at == s;
wire out_rest = add$out_valid && r_mem == sm && !out_s;
wire [2:0] other_in = other_known ? field(other) : v_was;
wire [2:0] in_sum = times(issued_tag[A+5:A+2], plus7(field(add$p), field(add$q)));
wire [2:0] out_sum = times(r_m, field(r_value));
always @(posedge clk) begin
  if (tick) begin
    air <= air + in_s - out_s;
    air_rest <= air_rest + in_rest - out_rest;
    air_sum <= less7(plus7(air_sum, in_s ? in_sum : 3'd0), out_s ? out_sum : 3'd0);
  end
  if (rst) begin
    air <= 12'd0;
    air_rest <= 12'd0;
    air_sum <= 3'd0;
  end
end
// The longest adder, G1 of the target `xcup`, has 2044 ticks: no more additions than that are under way.
always @(*) begin
  assume (air < 12'd2047 && air_rest < 12'd2047);
  assume (air_sum != 7);
  assume (field(r_value) != 7);
  if (add$early_valid) assume (good(early_at));
  if (add$early_valid && early_at == s) assume (air > out_s);
  if (add$early_valid && early_at[A+1:A] == sm && early_at != s) assume (air_rest > out_rest);
  if (out_s && air == 1) assume (out_sum == air_sum);
end
always @(posedge clk) if (f_started) begin
  if ($past(rst)) assume (!add$early_valid && !add$out_valid);
  else if ($past(tick)) assume (add$out_valid == $past(add$early_valid) && add$out_tag == $past(add$early_tag));
  else assume (add$early_valid == $past(add$early_valid) && add$early_tag == $past(add$early_tag) &&
    add$out_valid == $past(add$out_valid) && add$out_tag == $past(add$out_tag) && add$r == $past(add$r));
end

// The surroundings. After a reset or a flush that finds an item of the slot, it takes no part until it has been cleared, when nothing is under way.
reg live = 1'b1, quiet = 1'b1, some = 1'b0;
wire item_s = n0_fire && item_at == s;
wire src_s = src_on && src_mem == sm;
// The slot that the source read last and has not taken.
reg src_has = 1'b0;
reg [A-1:0] src_at;
wire take_s = src_s && src_take && src_taddr == sa;
wire empty_s = !(s_new ^ s_res);
always @(posedge clk) begin
  if (tick) begin
    if (src_s && src_ren) begin
      src_has <= 1'b1;
      src_at <= src_raddr;
    end else if (src_take) src_has <= 1'b0;
    if (n0_fire) quiet <= 1'b0;
    if (flush) begin
      live <= live && !some;
      quiet <= 1'b1;
    end
    if (a_clr_we && a_clr) live <= 1'b1;
  end
  if (!src_s) src_has <= 1'b0;
  if (rst) begin
    live <= !f_started || (live && !some) || (tick && a_clr_we && a_clr);
    quiet <= 1'b1;
    src_has <= 1'b0;
  end
end
always @(*) begin
  if (item_valid) assume (good(item_at) && field(item_value) != 7 && !(src_on && src_mem == item_mem));
  if (item_valid && item_at == s) assume (live);
  if (src_s) assume (live && good({src_mem, src_raddr}));
  if (src_s && src_take) assume (src_has && src_taddr == src_at && src_full && !(src_ren && src_raddr == src_at));
  if (clr_we) assume (quiet && landed && !item_valid && !src_on && !flush);
end
always @(posedge clk) if (f_started) begin
  if (src_on && !($past(src_on) && src_mem == $past(src_mem) && !$past(rst))) assume (idle[src_mem]);
  // The group changes while nothing is under way and slots are empty.
  if (g2 != $past(g2)) assume (landed && (&idle) && empty_s && !add$early_valid && !add$out_valid && !src_on && !src_has);
end

// What has come for the slot since it was empty: items, and the sum of them with their doublings; items less additions.
reg [2:0] total = 3'd0;
reg [12:0] things = 13'd0;
wire again = r_again || (n_issue && n_again);
wire join_s = issue && add_at == s && !again;
always @(posedge clk) begin
  if (tick && item_s) begin
    total <= plus7(total, times(item_m, field(item_value)));
    some <= 1'b1;
  end
  if (tick) things <= things + item_s - join_s;
  if (rst || (tick && (take_s || (a_clr_we && a_clr)))) begin
    total <= 3'd0;
    some <= 1'b0;
    things <= 13'd0;
  end
end

reg f_flushed = 1'b0;
always @(posedge clk) if (tick && flush && air != 0) f_flushed <= 1'b1;

// Where they are.
wire full = s_new ^ s_res;
reg [5:0] lates, queues;
reg [2:0] late_sum, queue_val;
reg ranges;
always @(*) begin : places
  integer i;
  lates = 0;
  queues = 0;
  late_sum = 0;
  queue_val = 0;
  ranges = 1'b1;
  for (i = 0; i < $bits(late); i = i + 1) begin
    if (late[i] && late_at[i] == s) begin
      lates = lates + 1;
      late_sum = late_sum | field(late_value[i]);
    end
    if (queued[i] && queue_at[i] == s) begin
      queues = queues + 1;
      queue_val = queue_val | field(queue_value[i]);
    end
    if (late[i] && (!good(late_at[i]) || field(late_value[i]) == 7)) ranges = 1'b0;
    if (queued[i] && (!good(queue_at[i]) || field(queue_value[i]) == 7)) ranges = 1'b0;
  end
end
wire n1_s = n1_valid && n1_at == s;
wire has = full || lates != 0;
wire [2:0] at_rest = !has ? 3'd0 : queues != 0 ? queue_val : s_val;
wire [2:0] a1 = plus7(at_rest, late_sum);
wire [2:0] a2 = plus7(a1, n1_s ? times(n1_m, field(n1_value)) : 3'd0);
wire [2:0] a3 = plus7(a2, in_s ? in_sum : 3'd0);
wire [2:0] all = plus7(a3, air_sum);
wire [11:0] flying_s = sm == 0 ? flying0 : sm == 1 ? flying1 : sm == 2 ? flying2 : flying3;
// Slots power up empty, and nothing moves in the first clock.
always @(*) if (!f_started) assume (!tick);
always @(posedge clk) if (!f_started) inv_first: assert (!full);
always @(posedge clk) if (f_started) begin
  inv_range: assert (ranges && (!n1_valid || (good(n1_at) && field(n1_value) != 7)) && (!issued || good(issued_tag[A+1:0])));
  inv_seven: assert (!live || total != 7 && (!has || queues != 0 || s_val != 7) && (!issued || field(operand) != 7) && (!issued || !other_known || field(other) != 7) && !(in_s && !other_known && v_was == 7));
  inv_air: assert (air != 0 || air_sum == 0);
  inv_out: assert (!out_s || air != 0);
  inv_out_rest: assert (!out_rest || air_rest != 0);
  inv_good_out: assert (!add$out_valid || good(r_at));
  inv_flying: assert (flying_s == {11'd0, in_s} + {11'd0, in_rest} + air + air_rest);
  inv_n1: assert (!n1_s || (n_is && n_new == s_new && n_res == s_res));
  inv_r: assert (!out_s || (r_is && r_new == s_new && r_res == s_res));
  inv_stored: assert (!in_s || !live || (stored_mem == sm && (other_known || v_holds)));
  inv_dead: assert (live || (!n1_s && lates == 0 && queues == 0));
  inv_quiet: assert (!quiet || (!n1_valid && late == 0 && queued == 0));
  inv_src: assert (!src_has || (good({sm, src_at}) && n_is == (src_at == sa)));
  inv_src_v: assert (!src_has || src_at != sa || (n_new_was == s_new && n_res_was == s_res && (!full || (v_holds && v_was == s_val))));
  if (live) begin
    inv_one: assert (lates <= 1 && queues <= 1 && !(full && lates != 0) && (queues == 0 || has) && (!has || queues != 0 || known));
    inv_some: assert (some == (things != 0));
    places: assert (things == {12'd0, has} + {7'd0, lates} + {12'd0, n1_s} + {12'd0, in_s} + {1'b0, air});
    conserved: assert (all == total);
    rests: assert (!idle[sm] || (things == {12'd0, full} && queues <= 1 && (!full || at_rest == total)));
  end
  still: assert (!src_s || idle[sm]);
  read: assert (!src_s || !src_has || src_at != sa || (src_full == some && (!some || field(src_value) == total)));
  rest: assert (!landed || (!issued && air == 0 && air_rest == 0 && (!quiet || idle[sm])));
  waits: assert (!n1_valid || n_fire || flush || (n_again && taken) || (n_add && taken && (&late)) ||
    (n_store && ((port_taken && (&queued)) || (late_hit_n && taken))));
  moves: assert (r_valid || flush || (n1_valid ? n_fire : late == 0 || late_fire));
  if ($past(f_started && !rst && queued != 0 && !own0 && !own1 && !own2 && !(tick && queue_in)))
    written: assert ((queued & ~$past(queued)) == 0 && queued != $past(queued));
  ports: assert ((!mem0$v_we0 || (g2 ? !mem0$v_waddr0[L0-1] : !mem0$v_waddr0[0])) &&
    (!mem0$v_we1 || (g2 ? !mem0$v_waddr1[L0-1] : mem0$v_waddr1[0])) && (src_on || !mem0$v_ren || !(g2 && mem0$v_raddr[L0-1])));
  through: cover (live && some && things == 1 && full && $past(add$out_valid));
  both: cover (live && direct && out_s && things == 4);
  late_pair: cover (live && late_hit_n && n1_s && late_fire && queue_hit);
  chain: cover (live && r_again && out_s && r_m == 2);
  emptied: cover (src_s && take_s && tick && total == 5 && $past(src_has));
  cleared: cover (live && $past(!live) && f_flushed);
end
