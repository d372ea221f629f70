// One byte of card memory, which the solver chooses. `f_old`: something may be in it that was there at power-up or has been
// written since, and that no zeroing has covered.
(* anyconst *) wire [63:0] f_byte;
always @(*) assume (f_byte < dram_bytes);
reg f_old = 0;
// Power-up: three clocks or more with `rst`, once.
reg [1:0] f_up = 0;
always @(posedge clk) if (f_up != 3) f_up <= f_up + 1'b1;
always @(*) if (f_up != 3) assume (power_on);
always @(*) if (power_on) assume (rst);
always @(posedge clk) if (f_started && !$past(power_on)) assume (!power_on);
wire f_on = f_up == 3 && !power_on;
// The memory's size is a multiple of 4 KiB and constant, `clean` holds during power-up.
always @(*) assume (dram_bytes != 0 && dram_bytes[11:0] == 0);
always @(posedge clk) if (f_started) assume (dram_bytes == $past(dram_bytes));
always @(posedge clk) if (f_started && power_on) assume (clean == $past(clean));
// The copy engine answers each command once, after it has taken it. What is written meanwhile is the zeroing itself, and
// nothing is written any more when it answers or when a walk goes on.
reg f_asked = 0;
always @(posedge clk) f_asked <= !rst && (f_asked ? !done_valid : cmd_valid && cmd_ready);
always @(*) if (!f_asked) assume (!done_valid);
always @(*) if (mark_valid) assume (mark_addr < dram_bytes && f_on && !done_valid);
wire f_ours = mark_valid && f_asked;
always @(*) if (mark_valid && !f_asked) assume (!run && !cmd_valid);
always @(*) if (rst) assume (!mark_valid);
// The range that was commanded.
reg [63:0] f_from, f_length;
always @(posedge clk) if (cmd_valid && cmd_ready) {f_from, f_length} <= {cmd_addr, cmd_length};
wire f_covers = f_byte >= f_from && f_byte - f_from < f_length;
wire f_zeroed = done_valid && done_status == ST_SUCCESS[7:0];
always @(posedge clk)
  if (power_on) f_old <= !clean;
  else if (mark_valid && !f_asked && mark_addr == f_byte) f_old <= 1'b1;
  else if (f_zeroed && f_covers && !rst) f_old <= 1'b0;

// Helpers.
// Dirty regions in each group of eight, counted in a way of their own: the solver needs small sums.
reg [3:0] f_group [0:7];
reg [6:0] f_count;
wire [63:0] f_first = clean ? 64'd0 : ~(64'hffff_ffff_ffff_fffe << last);
integer f_i, f_j;
function [3:0] f_ones(input [7:0] x);
  f_ones = {3'd0, x[0]} + {3'd0, x[1]} + {3'd0, x[2]} + {3'd0, x[3]} + {3'd0, x[4]} + {3'd0, x[5]} + {3'd0, x[6]} + {3'd0, x[7]};
endfunction
always @(posedge clk) for (f_i = 0; f_i < 8; f_i = f_i + 1)
  if (power_on) f_group[f_i] <= f_ones(f_first[8 * f_i +: 8]);
  else if (zeroed && !rst && at[5:3] == f_i) f_group[f_i] <= f_group[f_i] - 1'b1;
  else if (adds && marked[5:3] == f_i) f_group[f_i] <= f_group[f_i] + 1'b1;
always @(*) f_count = ((f_group[0] + f_group[1] + 7'd0) + (f_group[2] + f_group[3])) + ((f_group[4] + f_group[5] + 7'd0) + (f_group[6] + f_group[7]));
wire [63:0] f_region = f_byte >> log2_bytes;
wire [63:0] f_last = (dram_bytes - 1'b1) >> log2_bytes;
// Clocks for which a walk has found nothing.
reg [6:0] f_walk = 0;
always @(posedge clk) f_walk <= state == WALK && run && dirty != 0 && !rst ? f_walk + 1'b1 : 0;
wire [5:0] f_begun = at - f_walk[5:0];
wire [127:0] f_twice = {map, map} >> f_begun;

always @(posedge clk) begin
  inv_up: assert (f_started == (f_up != 0));
  inv_ready: assert (f_up == 0 || log2_bytes == log2_size && (f_up == 1 || last == f_last[5:0]));
end
always @(posedge clk) if (f_started && f_on) begin
  inv_size: assert (log2_bytes == log2_size && last == f_last[5:0] && f_last < 64 && log2_bytes >= 12);
  inv_count: assert (dirty == f_count);
  inv_group0: assert (f_group[0] == f_ones(map[0 +: 8]));
  inv_group1: assert (f_group[1] == f_ones(map[8 +: 8]));
  inv_group2: assert (f_group[2] == f_ones(map[16 +: 8]));
  inv_group3: assert (f_group[3] == f_ones(map[24 +: 8]));
  inv_group4: assert (f_group[4] == f_ones(map[32 +: 8]));
  inv_group5: assert (f_group[5] == f_ones(map[40 +: 8]));
  inv_group6: assert (f_group[6] == f_ones(map[48 +: 8]));
  inv_group7: assert (f_group[7] == f_ones(map[56 +: 8]));
  inv_map: assert ((map & ~(~(64'hffff_ffff_ffff_fffe << last))) == 0);
  inv_old: assert (!f_old || map[f_region[5:0]]);
  inv_asked: assert (f_asked == (state == WAIT) && state != 3);
  inv_at: assert (state == WALK || map[at]);
  inv_range: assert (state != WAIT || (f_from == cmd_addr && f_length == cmd_length));
  inv_walk: assert (f_walk == 0 || state != WALK || (f_walk < 64 && (f_twice[63:0] & ~(64'hffff_ffff_ffff_ffff << f_walk)) == 0));
  zeroes_all: assert (dirty != 0 || !f_old);
  inside: assert (!cmd_valid || (cmd_addr[11:0] == 0 && cmd_length[11:0] == 0 && cmd_length != 0
    && cmd_addr < dram_bytes && cmd_length <= dram_bytes - cmd_addr));
  counts: assert (dirty <= 64 && (dirty != 0 || !cmd_valid));
  if ($past(f_on)) begin
    if ($past(cmd_valid && !cmd_ready && !rst)) stays: assert (cmd_valid && cmd_addr == $past(cmd_addr) && cmd_length == $past(cmd_length));
    if ($past(mark_valid && mark_addr == f_byte)) marks: assert (map[f_region[5:0]] && dirty != 0);
    fails: assert (failed == (done_valid && done_status != ST_SUCCESS[7:0]));
    if ($past(failed)) keeps: assert (dirty == $past(dirty));
    if ($past(f_zeroed && !rst)) progress: assert (dirty == $past(dirty) - 1'b1);
    if ($past(rst)) survives: assert (dirty == $past(dirty) && !cmd_valid);
  end
  inv_asks: assert (f_walk < 64 || (f_walk == 64 && state == ASK));
  finds: assert (f_walk <= 64);
  full: cover (dirty == 64 && cmd_valid);
  empties: cover (dirty == 0 && $past(dirty == 1) && !clean && dram_bytes == 64'h1000);
  wide: cover (cmd_valid && cmd_length == 64'h2000);
end
