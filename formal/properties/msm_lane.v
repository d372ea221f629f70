// The scan, as its own harness proves it: nothing comes from it while `done`, which falls with a start and rises in a tick.
always @(*) if (scan$done) assume (!scan$item_valid && !scan$src_ren && !scan$src_take && !scan$out_valid);
always @(posedge clk) if (f_started) begin
  if ($past(rst || (tick && scan$clear))) assume (scan$done);
  else if ($past(tick && scan$start)) assume (!scan$done);
  else if ($past(scan$done || !tick)) assume (scan$done == $past(scan$done));
end
always @(*) if (scan$phase == 3) assume (!scan$item_valid);
// The unit: an idle memory that gets no items stays idle; nothing is taken in under `flush`.
wire fires = tick && unit$item_valid && unit$item_ready;
always @(*) if (unit$flush) assume (!unit$item_ready);
genvar k;
generate
  for (k = 0; k < 4; k = k + 1) begin : memory
    always @(posedge clk) if (f_started && !$past(rst) && $past(unit$idle[k] && !(fires && unit$item_mem == k))) assume (unit$idle[k]);
  end
endgenerate
always @(posedge clk) if (f_started && $past(rst)) assume (unit$landed && (&unit$idle));

// Memories that may hold something: from an item until a phase has read it all, or the walk.
reg [3:0] filled = 4'd0;
// One address of the walk; it is `fresh` when no item has come since the walk, or at all.
(* anyconst *) wire [$bits(clear_addr)-1:0] fa;
reg walked = 1'b0, trusted = 1'b1, quiet = 1'b1;
// Closed jobs that have not been put out; one of them, its parameters, jobs before it.
(* anyseq *) wire pick;
reg [1:0] jobs = 2'd0, ahead;
reg followed = 1'b0, followed_some;
reg [4:0] job_bits;
reg [7:0] job_entries;
// Phases of the job in the back.
reg [2:0] phases = 3'd0;
wire put_out = tick && over && phase == OUT;
wire begins = tick && start;
wire ends = tick && over;
// Slots power up empty, and nothing moves in the first clock. What comes in a clock of reset is dropped.
always @(*) if (!f_started) assume (!tick);
wire all_walked = tick && mode == WALK && (&clear_addr);
wire [3:0] left = all_walked ? 4'd0 : filled & ~({3'd0, ends} << phase);
always @(posedge clk) if (rst) begin
  walked <= 1'b0;
  filled <= left;
  trusted <= !f_started || all_walked || (left == 0 && trusted);
  quiet <= 1'b1;
  jobs <= 2'd0;
  followed <= 1'b0;
  phases <= 3'd0;
end else if (tick) begin
  if (ends) filled[phase] <= 1'b0;
  if (fires) begin
    filled[unit$item_mem] <= 1'b1;
    quiet <= 1'b0;
  end
  if (unit$clr_we && unit$clr_addr == fa) walked <= 1'b1;
  if (begins) phases <= phases + 3'd1;
  if (put_out) phases <= 3'd0;
  jobs <= jobs + close_fire - put_out;
  if (close_fire && pick && !followed) begin
    followed <= 1'b1;
    ahead <= jobs - put_out;
    job_bits <= window_bits;
    job_entries <= entries;
    followed_some <= filled[0] || (fires && unit$item_mem == 0);
  end else if (followed && put_out) begin
    if (ahead == 0) followed <= 1'b0;
    else ahead <= ahead - 2'd1;
  end
  if (mode == FLUSH) begin
    walked <= 1'b0;
    trusted <= filled == 0 && trusted;
    quiet <= 1'b1;
    jobs <= 2'd0;
    followed <= 1'b0;
    phases <= 3'd0;
  end
  if (all_walked) begin
    trusted <= 1'b1;
    filled <= 4'd0;
  end
end
reg f_worked = 1'b0;
always @(posedge clk) if (mode == FLUSH && filled[1]) f_worked <= 1'b1;
// What has landed stays so under `flush`, and after a flush or reset until an item comes.
always @(posedge clk) if (f_started && $past(unit$landed && (unit$flush || (quiet && !fires)))) assume (unit$landed);
// After a flush or reset, without items, what has landed leaves every memory idle.
always @(*) if (f_started && quiet && unit$landed) assume (&unit$idle);
wire in_turn = followed && ahead == 0 && scanning;

always @(posedge clk) if (f_started) begin
  // What the unit and the scan ask for.
  asks_scan: assert (!scan$start || (scan$done && !scan$clear));
  if ($past(f_started && !rst && !scan$done && !(tick && scan$clear))) steady: assert (scan$phase == $past(scan$phase) && scan$window_bits == $past(scan$window_bits) && scan$entries == $past(scan$entries));
  if (!$past(unit$src_on && f_started && !rst) || unit$src_mem != $past(unit$src_mem)) landed_first: assert (!unit$src_on || unit$idle[unit$src_mem]);
  apart: assert (!(unit$src_on && unit$item_valid && unit$item_mem == unit$src_mem));
  cleared: assert (!unit$clr_we || (quiet && unit$landed && !unit$item_valid && !unit$src_on && !unit$flush));
  empty_first: assert (!(unit$item_valid && unit$item_ready || scanning && mode == RUN) || trusted);
  if ($past(f_started && !rst && mode == WALK) && mode == RUN) walks: assert (walked);
  // What the lane is for.
  empties: assert (!clean || (filled == 0 && jobs == 0 && trusted && (&unit$idle) && !scanning));
  unmixed: assert (!(mode == RUN && start && phase != OUT && !(phase == HALVES && !some)) || !filled[phase + 2'd1]);
  closed: assert (!(mode == RUN && start && phase == HALVES) || (jobs != 0 && !open));
  if ($past(f_started && !rst && tick && start && phase == HALVES && filled[0])) skipped: assert (phase == HALVES);
  if (in_turn && mode == RUN) begin
    parameters: assert (scan$window_bits == job_bits && scan$entries == job_entries);
    complete: assert (phase != OUT || phases == (followed_some ? 3'd4 : 3'd1));
  end
  once: assert (jobs <= 2 && (mode != RUN || (jobs == (front != OPEN && !(front == SPLIT)) + (phase != HALVES || scanning))));
  moves: assert (mode != RUN || jobs == 0 || scanning || !(&unit$idle) || start);
  if ($past(f_started && !rst && tick && mode == FLUSH && unit$landed)) moves_on: assert (mode == WALK && clear_addr == 0);
  two_jobs: cover (jobs == 2 && followed && ahead == 1 && phase == OUT && scanning);
  flushed: cover (clean && $past(mode == WALK) && $past(f_worked));
  skip: cover (in_turn && phase == OUT && !followed_some);
end
