// The parameters are legal, and constant from three clocks before the start to the end.
reg [1:0] f_steady = 0;
always @(posedge clk)
  if (f_started && $stable({interleaved, rows, apart, len, tile, run, base, stride, batch})) begin
    f_steady <= f_steady == 3 ? 3 : f_steady + 1'b1;
    assume (!start || f_steady >= 2);
  end else begin
    f_steady <= 0;
    assume (!start && (!f_started || (!busy && !f_begun)));
  end
wire [7:0] f_bits = apart + len + (interleaved ? rows : 5'd0);
always @(*) begin
  assume (f_bits <= 28 && (!interleaved || tile <= apart) && batch != 0);
  assume (!start || (!busy && !f_begun));
end
// Begun; the transform and the job in it that come next: l before g before r, or i in f_g.
reg f_begun = 0;
reg [31:0] f_member = 0;
reg [28:0] f_l = 0, f_g = 0, f_r = 0;
reg [63:0] f_base = 0, f_addr = 0;
wire [4:0] f_groups = apart - tile;
wire f_l_ends = !interleaved || f_l == (29'd1 << len) - 1'b1;
wire f_g_ends = f_l_ends && f_g == (29'd1 << (interleaved ? f_groups : apart)) - 1'b1;
wire f_ends = f_g_ends && (!interleaved || f_r == (29'd1 << rows) - 1'b1);
function [33:0] f_rev(input [28:0] x, input [4:0] bits);
  integer i;
  begin
    f_rev = 0;
    for (i = 0; i < 29; i = i + 1) f_rev[28-i] = x[i];
    f_rev = f_rev >> (29 - bits);
  end
endfunction
wire [33:0] f_element = interleaved ? (f_r << len << apart) + (f_l << apart) + (f_g << tile) : f_rev(f_g, apart) << len;
always @(posedge clk) begin
  f_begun <= start;
  if (step) begin
    f_addr <= f_base + (f_element << 5);
    f_l <= f_l_ends ? 0 : f_l + 1'b1;
    if (f_l_ends) f_g <= f_g_ends ? 0 : f_g + 1'b1;
    if (f_g_ends) f_r <= f_ends ? 0 : f_r + 1'b1;
    if (f_ends) begin
      f_member <= f_member + 1'b1;
      f_base <= f_base + stride;
    end
  end
  if (start) begin
    f_member <= 0;
    {f_l, f_g, f_r} <= 0;
    f_base <= base;
  end
end

always @(posedge clk) if (f_started) begin
  if (running) begin
    inv_steady: assert (f_steady >= 2);
    inv_fields: assert (interleaved
      ? place == (f_l << (apart + 6'd5)) && group == (f_g << (tile + 6'd5)) && row == (f_r << (apart + 6'd5 + len))
      : place == 0 && row == 0 && f_l == 0 && f_r == 0 && group == (f_rev(f_g, apart) << (len + 6'd5)));
    inv_limits: assert (f_g < (29'd1 << (interleaved ? f_groups : apart))
      && (!interleaved || (f_l < (29'd1 << len) && f_r < (29'd1 << rows))));
    inv_members: assert (members == batch - f_member && f_member < batch && member == f_base);
  end
  if ($stable({interleaved, rows, apart, len, tile, run}) && $past(f_started))
    inv_at: assert (row_at == apart + 6'd5 + len && (!interleaved || step0 == 34'd1 << (apart + 6'd5)) && (interleaved || step0 == 1));
  if ($stable({interleaved, tile, run}) && $past(f_started)) inv_count: assert (job_count == 33'd1 << (interleaved ? tile : run));
  if ($stable({interleaved, rows, apart, len, tile, run}) && f_steady >= 1)
    inv_steps: assert (end0 == (interleaved ? 34'd1 << row_at : 34'd1) && step2 == end0
      && step1 == (interleaved ? 34'd1 << (tile + 6'd5) : 34'd1 << (row_at - 6'd1))
      && end1 == (interleaved ? 34'd1 << (apart + 6'd5) : 34'd1 << (len + 6'd4))
      && end_at == row_at + rows);
  if ($stable({interleaved, rows, apart, len, tile, run}) && f_steady >= 2)
    inv_end: assert (end2 == (interleaved ? 34'd1 << end_at : 34'd1));
  inv_drained: assert (running || !job_valid || f_member == batch);
  if (job_valid) address: assert (job_addr == f_addr && job_count == 33'd1 << (interleaved ? tile : run));
  if ($past(f_started) && !$past(rst || clear)) begin
    if ($past(step)) shown: assert (job_valid && (!$past(job_valid) || $past(job_ready)));
    if ($past(job_valid && !job_ready)) stays: assert (job_valid && job_addr == $past(job_addr));
    if ($past(running) && !running) all: assert (f_member == batch);
    if ($past(busy) && !busy) ends: assert ($past(f_member == batch));
  end
  if ($past(f_started) && $past(rst || clear)) early: assert (!busy);
  rows_done: cover (job_valid && f_r == 1 && f_l == 1 && f_g == 1);
  reversed: cover (!interleaved && job_valid && f_g == 3 && apart == 2);
  batch_done: cover (job_valid && f_member == 2 && batch == 2);
end
