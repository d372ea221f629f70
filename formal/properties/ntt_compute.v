localparam M = $bits(index), K = $bits(stage), LANES = $bits(tw_data) / 254, BANKS = 2 * LANES, B = $clog2(BANKS);
localparam R = M - B, META = $bits(mw), UB = META - 4 - K - M, LATENCY = $bits(in_flight) / META, SLOTS = LATENCY + 3;
// Clocks from an issue to the first in which what it leads to can be read.
localparam AROUND = LATENCY + 4;

// The parameters are legal and constant while there is a tile; a buffer is ready again only when its tile is done.
wire [META*SLOTS-1:0] f_pipe = {in_flight, m3, m2, m1};
reg [2:0] f_work = 0;
reg f_busy;
integer f_j;
always @(*) begin
  f_busy = running || ready != 0 || f_work != 0;
  assume (len <= M && tile <= M && {1'b0, len} + tile <= M);
  assume ((ready & f_work) == 0);
end
always @(posedge clk) begin
  if (f_started && $past(f_busy)) assume ($stable(len) && $stable(tile));
  f_work <= rst ? 3'd0 : (f_work | taken) & ~done;
end

// Clocks of a stage, how many of them are over, windows of a stage as they come: number c is spread(c).
wire [M:0] f_clocks = size > B ? {{M{1'b0}}, 1'b1} << (size - B) : 1;
reg [M:0] f_c = 0;
function [M-1:0] f_spread(input [M-1:0] c, input [K-1:0] w);
  f_spread = (c >> w) << (w + B) | (c & ~({M{1'b1}} << w));
endfunction
function [M-1:0] f_count(input [M-1:0] e, input [K-1:0] w);
  f_count = (e >> w >> B) << w | (e & ~({M{1'b1}} << w));
endfunction

// An element of the tile; whether its stage has read it; clocks since it was read last, in this tile.
(* anyconst *) wire [M-1:0] f_e;
wire f_inside = {1'b0, f_e} < ({{M{1'b0}}, 1'b1} << size);
wire f_now = issue && (f_e & ~mask) == index;
reg f_seen = 0;
reg [7:0] f_age = AROUND;
wire [K-1:0] f_before = stage + 1'b1 < topmost ? stage + 1'b1 : topmost;
wire [M:0] f_since = f_clocks - f_count(f_e, f_before) + gap_of_stage - gap + f_c;
wire [M:0] f_since_seen = f_c - f_count(f_e, window);
// Clocks since the tile was taken, as a stage's clocks and gap each.
reg [M+6:0] f_time = 0;
wire [M+6:0] f_stage_clocks = f_clocks + gap_of_stage;
reg [M+6:0] f_began = 0;
wire [K-1:0] f_stages = size - 1'b1 - stage;
always @(posedge clk) begin
  f_c <= rst || !issue || stage_ends ? 0 : f_c + 1'b1;
  f_seen <= !rst && !stage_ends && running && (f_seen || f_now);
  f_age <= rst || begins ? AROUND : f_now ? 1 : f_age == AROUND ? AROUND : f_age + 1'b1;
  f_time <= begins ? 0 : f_time + 1'b1;
  f_began <= begins ? 0 : stage_ends ? f_began + f_stage_clocks : f_began;
end

// One read, followed through the pipeline.
(* anyseq *) wire f_pick;
reg [7:0] f_passed = 0;
reg [META-1:0] f_followed;
reg [K-1:0] f_followed_stage;
reg f_at_place, f_last_twice, f_done_there, f_valid_known;
always @(posedge clk) begin
  if (f_passed == 0 && m1_valid && f_pick) begin
    f_passed <= 1;
    f_followed <= m1;
  end else if (f_passed != 0) f_passed <= f_passed == SLOTS ? 0 : f_passed + 1'b1;
  if (rst) f_passed <= 0;
end
// A buffer: what of the pipeline is of it.
(* anyconst *) wire [1:0] f_buffer;
reg [3:0] f_lasts;
reg f_behind, f_of_idle;
always @(*) begin
  f_at_place = 1'b1;
  f_lasts = 0;
  f_behind = 1'b0;
  f_of_idle = 1'b0;
  f_valid_known = 1'b1;
  // From the oldest on.
  for (f_j = SLOTS - 1; f_j >= 0; f_j = f_j - 1) begin
    if (f_passed == f_j) f_at_place = f_at_place && (f_j == 0 || f_pipe[f_j*META+:META] == f_followed);
    if (f_pipe[f_j*META+META-4+:2] == f_buffer) begin
      if (f_pipe[f_j*META+META-1] && f_lasts != 0) f_behind = 1'b1;
      if (f_pipe[f_j*META+META-1] || f_pipe[f_j*META+META-2]) f_of_idle = 1'b1;
      if (f_pipe[f_j*META+META-2] && f_lasts != 15) f_lasts = f_lasts + 1'b1;
    end
    if (f_pipe[f_j*META+META-1] || f_pipe[f_j*META+META-2])
      f_valid_known = f_valid_known && f_pipe[f_j*META+META-4+:2] < 3;
  end
end
wire f_working = f_buffer < 3 && f_work[f_buffer];
wire f_in_hand = running && buffer == f_buffer;

always @(posedge clk) if (f_started) begin
  inv_buffer: assert (buffer < 3 && f_valid_known);
  inv_running: assert (!running || (len != 0 && (!f_in_hand || f_working) && stage >= tile && stage < size));
  inv_c: assert (running ? f_c < f_clocks && (gap == 0 || f_c == 0) : f_c == 0);
  inv_index: assert (!running || index == f_spread(f_c, window));
  inv_gap: assert (!running || gap <= gap_of_stage && (gap == 0 || stage != size - 1'b1));
  inv_seen: assert (f_seen == (running && f_c != 0 && f_c > f_count(f_e, window)));
  if (running && f_inside)
    inv_age: assert (f_age == (f_seen ? (f_since_seen < AROUND ? f_since_seen : AROUND)
      : stage == size - 1'b1 ? AROUND : f_since < AROUND ? f_since : AROUND));
  inv_followed: assert (f_passed <= SLOTS && (f_passed == 0 || (f_followed[META-1] && (f_passed == SLOTS || f_at_place))));
  if (f_passed == SLOTS)
    inv_written: assert (wr_valid && wr_buffer == f_followed[META-4+:2] && done == (f_followed[META-2] ? 3'd1 << wr_buffer : 3'd0));
  inv_lasts: assert (f_buffer > 2 || (f_lasts <= 1 && !f_behind && (f_lasts == 0 || !f_in_hand) && (!f_of_idle || f_working)));
  inv_work: assert (f_buffer > 2 || !f_working || f_in_hand || f_lasts == 1 || done[f_buffer]);
  inv_done: assert (f_buffer > 2 || !done[f_buffer] || (f_working && f_lasts == 0 && !f_of_idle && !f_in_hand));
  inv_time: assert (!running || (f_time == f_began - gap + f_c && f_began == f_stages * f_stage_clocks));

  if (issue) sequence: assert (index == f_spread(f_c, window) && stage_ends == (f_c == f_clocks - 1'b1));
  if (tile_ends) clocks: assert (f_time + 1'b1 == len * f_stage_clocks - gap_of_stage);
  if (issue && f_inside) once: assert (!(f_seen && f_now) && (!stage_ends || f_seen || f_now));
  if (f_now && f_inside && stage != size - 1'b1) hazard: assert (f_age == AROUND);
  if (f_passed == SLOTS) delayed: assert (wr_valid && wr_buffer == f_followed[META-4+:2]);
  if (f_buffer < 3)
    own: assert (f_working ? !taken[f_buffer] : !(rd_valid && rd_buffer == f_buffer) && !(wr_valid && wr_buffer == f_buffer)
      && !done[f_buffer]);
  if (f_buffer < 3 && done[f_buffer])
    last: assert (!f_of_idle && !(rd_valid && rd_buffer == f_buffer) && !f_in_hand);
  turns: assert ((taken == 0 || taken == (3'd1 << buffer)) && (taken & ~ready) == 0);
  if ($past(f_started) && !$past(rst) && !rst && $past(running)) begin
    stages: assert (running ? (stage == $past(stage) || ($past(stage_ends) && stage == $past(stage) - 1'b1))
      : $past(tile_ends) && $past(stage) == tile);
    next: assert (buffer == ($past(tile_ends) ? $past(next_buffer) : $past(buffer)));
  end
  stage_done: cover (stage_ends && stage == 1 && size == 3 && f_seen);
  tile_done: cover (wr_valid && done != 0 && len == 2);
  passed: cover (f_passed == SLOTS && wr_buffer == 1);
end
