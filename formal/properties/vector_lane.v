localparam FLIGHT = $bits(flight), ROOM = 32;
reg [$bits(room)-1:0] f_inside;
integer f_j;
always @(*) begin
  f_inside = 0;
  for (f_j = 0; f_j < FLIGHT; f_j = f_j + 1) f_inside = f_inside + flight[f_j];
end
// The command is constant from `start` to `done`, and starts when the one before is done.
always @(posedge clk) begin
  assume (!start || done);
  if (f_started && !$past(done)) assume ($stable({n, a_scalar_on, b_from, c_scalar_on, emit}));
  if (f_started && $past(start)) assume ($stable({n, a_scalar_on, b_from, c_scalar_on, emit}));
end
// What the command has taken from each stream, and given.
reg [32:0] f_n = 0, f_a = 0, f_b = 0, f_c = 0, f_d = 0;
always @(posedge clk) begin
  f_a <= f_a + (a_valid && a_ready);
  f_b <= f_b + (b_valid && b_ready);
  f_c <= f_c + (c_valid && c_ready);
  f_d <= f_d + (d_valid && d_ready);
  if (start) begin
    {f_a, f_b, f_c, f_d} <= 0;
    f_n <= n;
  end
  if (rst) {f_n, f_a, f_b, f_c, f_d} <= 0;
end
wire [32:0] f_entered = f_n - to_enter;
always @(posedge clk) if (f_started) begin
  inv_enter: assert (to_enter <= f_n && to_finish <= f_n);
  inv_room: assert (results$count + room + (emit || done ? f_inside : 0) == ROOM && room <= ROOM && results$count <= ROOM);
  inv_finish: assert (to_finish == {1'b0, to_enter} + f_inside + results$count);
  inv_sum: assert (emit || results$count == 0);
  inv_n: assert (done || f_n == n);
  inv_streams: assert (done || ((a_scalar_on ? f_a == 0 : f_a == f_entered) && (b_stream ? f_b == f_entered : f_b == 0)
    && (c_scalar_on ? f_c == 0 : f_c == f_entered)));
  inv_given: assert (done || (emit ? f_d + to_finish == f_n : f_d == 0));
  together: assert ((a_scalar_on ? !a_ready : entered == (a_valid && a_ready)) && (b_stream ? entered == (b_valid && b_ready) : !b_ready)
    && (c_scalar_on ? !c_ready : entered == (c_valid && c_ready)));
  room_kept: assert (!(leave && emit) || results$in_ready);
  if ($past(f_started) && !$past(rst) && !$past(done) && done) begin
    exact: assert ($past(to_enter) == 0 && $past(f_a == (a_scalar_on ? 0 : f_n) && f_b == (b_stream ? f_n : 0) && f_c == (c_scalar_on ? 0 : f_n)));
    given: assert (f_inside == 0 && !d_valid && ($past(emit) ? f_d == f_n : f_d == 0));
  end
  quiet: assert (!done || (!entered && f_inside == 0 && !d_valid));
  if ($past(f_started) && !$past(rst) && $past(d_valid && !d_ready)) stays: assert (d_valid);
  three: cover (done && f_n == 3 && f_d == 3 && emit && !a_scalar_on && b_stream);
  sums: cover (done && f_n == 2 && !emit && f_inside == 0);
end
