// The command is constant from `start` to `done`; it starts when the one before is done.
always @(posedge clk) begin
  assume (!start || done);
  assume (!start || n <= 32'h80000000);
  if (f_started && ($past(start) || !done)) assume ($stable(n));
end
reg [5:0] f_out, f_chain;
integer f_j;
always @(*) begin
  f_out = 0;
  for (f_j = 0; f_j < L + 2; f_j = f_j + 1) f_out = f_out + out_flight[f_j];
  f_chain = 0;
  for (f_j = 0; f_j < L + 2; f_j = f_j + 1) f_chain = f_chain + chain_flight[f_j];
end
// Elements taken and results given of this command.
reg [32:0] f_taken = 0, f_given = 0;
always @(posedge clk) begin
  f_taken <= f_taken + a_taken;
  f_given <= f_given + taken;
  if (start || rst) {f_taken, f_given} <= 0;
end
// Counts in the same unit, of elements: chains read and written.
wire [32:0] f_begun = {1'b0, begun, {LB{1'b0}}}, f_chained = {1'b0, chained, {LB{1'b0}}};
wire [32:0] f_ahead = {1'b0, begun} - {1'b0, applied[31:LB]};
always @(posedge clk) if (f_started) begin
  inv_room: assert (results$count + room + f_out == ROOM && results$count <= ROOM && room <= ROOM);
  if (!done) begin
    inv_n: assert (n <= 32'h80000000);
    inv_finish: assert ({1'b0, to_finish} == {1'b0, n} - {1'b0, applied} + f_out + results$count && applied <= n);
    inv_taken: assert (f_taken == filled && filled <= n && f_given + to_finish == n);
    inv_begun: assert (filled >= f_begun || filled == n);
    inv_chained: assert (f_begun < n + 33'd256 && (chain_read == 0 || f_begun < n) && applied <= f_chained);
    inv_flight: assert (f_begun + chain_read == f_chained + chain_write + f_chain);
    inv_ahead: assert (f_ahead <= 4 && (f_ahead < 4 || chain_read == 0));
  end
  inv_idle: assert (!done || (f_out == 0 && results$count == 0 && f_chain == 0 && chain_read == 0 && chain_write == 0));
  inv_room_kept: assert (!out_arrives || results$in_ready);
  if ($past(f_started) && !$past(rst) && $past(!done) && done) inv_exact: assert (f_taken == $past(n) && f_given == $past(n) && f_out == 0);
  if (a_taken) inv_elements_kept: assert ({1'b0, filled} < f_begun + 2 * BLOCK);
  if (chain_arrives && !done) inv_prefixes_kept: assert ({1'b0, chained} - {1'b0, applied[31:LB]} < 4);
  if (go) there: assert ({1'b0, applied} < f_chained);
  if (chain_go) filled_there: assert ({1'b0, begun, chain_from} < filled || filled == n);
  quiet: assert (!done || (!a_ready && !go && !chain_go && !d_valid));
  begins: cover (chain_go && begun == 0 && chain_read == 20);
end
