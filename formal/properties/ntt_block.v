localparam ENTRY = $bits(entry) / 9, SLOTS = ENTRY + 1, EXIT = $bits(exit) + 3, ROOM = 32;
// Entries and exits on their way.
wire [9*SLOTS-1:0] f_pipe = {entry, entering};
wire [EXIT-1:0] f_exit = {exit, u3, u2, u1};
always @(*) assume (set_tiles != 0 && set_tile <= 5 && set_last >= 1 && set_last <= (6'd1 << set_tile));

// What the butterflies have; tiles of the set, that have entered and left; whether one is half in or out.
// The abstraction shows the buffers at work on a port that nothing here reads.
wire [2:0] f_work = compute$issued[2:0];
reg [40:0] f_set = 0, f_in = 0, f_out = 0;
reg f_mid_in = 0, f_mid_out = 0;
always @(posedge clk) begin
  f_in <= f_in + enter_last;
  f_out <= f_out + leave_last;
  if (enter) f_mid_in <= !in_walk$ends;
  if (leave) f_mid_out <= !out_walk$ends;
  if (take_set) begin
    f_set <= set_tiles;
    f_in <= 0;
    f_out <= 0;
  end
  if (rst) begin
    {f_in, f_out, f_set} <= 0;
    {f_mid_in, f_mid_out} <= 0;
  end
end
wire [1:0] f_count = held[0] + held[1] + held[2];
// Buffers from the one that leaves up to the one that enters, that is all of them or none if these are the same, are held.
wire [1:0] f_apart = enter_buffer >= leave_buffer ? enter_buffer - leave_buffer : enter_buffer + 2'd3 - leave_buffer;
reg [5:0] f_leaving;
reg f_flying, f_strange;
integer f_i;
always @(*) begin
  f_flying = 1'b0;
  f_strange = 1'b0;
  for (f_i = 0; f_i < SLOTS; f_i = f_i + 1) if (f_pipe[9*f_i+8]) begin
    f_flying = 1'b1;
    if (f_pipe[9*f_i+6+:2] == 3) f_strange = 1'b1;
  end
  f_leaving = 0;
  for (f_i = 0; f_i < EXIT; f_i = f_i + 1) f_leaving = f_leaving + f_exit[f_i];
end

// Of each buffer: what is asserted below.
wire [2:0] f_inv_held, f_inv_one, f_inv_pipe, f_inv_u1, f_inv_closing, f_inv_last, f_entry_apart, f_exit_apart, f_whole, f_same;
genvar f_b;
generate for (f_b = 0; f_b < 3; f_b = f_b + 1) begin : of
  // A buffer: its entries on their way, with the tile's last one among them, and whether one comes behind that.
  reg lasts, twice, behind, flying;
  integer j;
  always @(*) begin
    {lasts, twice, behind, flying} = 0;
    for (j = SLOTS - 1; j >= 0; j = j - 1) if (f_pipe[9*j+8] && f_pipe[9*j+6+:2] == f_b) begin
      flying = 1'b1;
      if (lasts) behind = 1'b1;
      if (f_pipe[9*j+5]) lasts = 1'b1;
    end
  end
  reg [4:0] entered_last;
  always @(posedge clk) if (enter_last && enter_buffer == f_b) entered_last <= in_last;
  wire lands = entered[2] && entered[1:0] == f_b;
  wire reads = compute$rd_valid && compute$rd_buffer == f_b;
  wire writes = compute$wr_valid && compute$wr_buffer == f_b;
  wire leaves = u1 && u1_buffer == f_b;
  wire [1:0] from_leaving = f_b >= leave_buffer ? f_b - leave_buffer : f_b + 2'd3 - leave_buffer;
  assign f_inv_held[f_b] = held[f_b] == (from_leaving < f_count);
  assign f_inv_one[f_b] = held[f_b] ? lasts + ready[f_b] + f_work[f_b] + owed[f_b] == 1
      : !ready[f_b] && !f_work[f_b] && !owed[f_b] && !lasts;
  assign f_inv_pipe[f_b] = !behind && (!flying || (held[f_b] ? lasts : enter_buffer == f_b && f_mid_in));
  assign f_inv_u1[f_b] = !leaves || owed[f_b] || !flying;
  assign f_inv_closing[f_b] = !held[f_b] || closing[f_b] == (f_out + from_leaving + 1'b1 == f_set);
  assign f_inv_last[f_b] = !held[f_b] || entered_last == (closing[f_b] ? short : full);
  assign f_entry_apart[f_b] = !lands || !(reads || writes || leaves);
  assign f_exit_apart[f_b] = !leaves || !(reads || writes);
  assign f_whole[f_b] = !f_work[f_b] || (held[f_b] && !flying);
  assign f_same[f_b] = !(leave && leave_buffer == f_b) || out_last == entered_last;
end endgenerate

always @(posedge clk) if (f_started) begin
  inv_held: assert (&f_inv_held);
  inv_one: assert (&f_inv_one);
  inv_pipe: assert (&f_inv_pipe);
  inv_u1: assert (&f_inv_u1);
  inv_closing: assert (&f_inv_closing);
  inv_last: assert (&f_inv_last);
  entry_apart: assert (&f_entry_apart);
  exit_apart: assert (&f_exit_apart);
  whole: assert (&f_whole);
  same: assert (&f_same);
  inv_turns: assert (enter_buffer < 3 && leave_buffer < 3 && !f_strange && (!u1 || u1_buffer < 3));
  inv_apart: assert (f_apart == (f_count == 3 ? 0 : f_count));
  inv_counts: assert (f_in - f_out == f_count && f_out <= f_set);
  inv_active: assert (active ? f_set != 0 : held == 0 && !f_flying && outstanding == 0 && (!loading || factors$bad));
  inv_loading: assert (!active || (loading ? tiles == f_set - f_in && tiles != 0 : factors$good && f_in == f_set));
  inv_left: assert (!active || all_left == (f_out == f_set));
  inv_good: assert (!active || factors$good || (f_in == 0 && f_out == 0 && outstanding == 0 && !f_flying));
  inv_bad: assert (!(factors$good && factors$bad));
  inv_outstanding: assert (outstanding == {2'd0, f_leaving} + fifo$count && outstanding <= ROOM);
  inv_mid: assert (!f_mid_in || (loading && factors$good && !held[enter_buffer]));
  inv_mid_out: assert (!f_mid_out || owed[leave_buffer]);

  if (take_set) idle: assert (f_work == 0 && !f_mid_in && !f_mid_out && f_leaving == 0 && fifo$count == 0 && !f_flying);
  if ($past(f_started) && !$past(rst)) begin
    if ($past(active) && !active && !$past(factors$bad))
      tiles_all: assert ($past(f_in == f_set && f_out == f_set && f_leaving == 0 && fifo$count == 0));
    if ($past(active && factors$bad)) root: assert (done && bad_root && $past(f_in == 0 && f_out == 0 && !in_ready && !out_valid));
    if (f_mid_in) constant: assert (in_last == $past(in_last) && len == $past(len) && tile == $past(tile));
  end
  room: assert (!left || fifo$in_ready);
  three: cover (f_count == 3 && owed != 0 && f_work != 0);
  set_done: cover (done && f_set == 2 && f_out == 2);
  not_root: cover (done && bad_root);
end
