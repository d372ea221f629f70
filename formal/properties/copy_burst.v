// The range at hand: where its next beat is to be, and where it ends.
reg [57:0] f_next, f_end;
reg f_busy = 0;
wire f_take = in_valid && in_ready, f_give = out_valid && out_ready;
// A range does not go round the end of the address space.
always @(*) if (in_valid) assume ({1'b0, in_addr} + {1'b0, in_beats} < 59'h400000000000000);
always @(posedge clk) begin
  if (f_take) {f_next, f_end} <= {in_addr, in_addr + in_beats};
  else if (f_give) f_next <= f_next + out_beats;
  f_busy <= !(rst || clear) && (f_take ? in_beats != 0 : f_busy && !(f_give && f_next + out_beats == f_end));
end

always @(posedge clk) if (f_started) begin
  inv_left: assert (f_busy == (left != 0) && (!f_busy || (left == f_end - f_next && out_addr == f_next && f_next < f_end)));
  offered: assert (out_valid == f_busy);
  if (out_valid) begin
    inside: assert (out_addr == f_next && out_beats != 0 && out_beats <= f_end - f_next);
    page: assert (out_beats <= 64 && {1'b0, out_addr[5:0]} + out_beats <= 64);
    longest: assert (out_addr[5:0] + out_beats == 64 || out_addr + out_beats == f_end);
  end
  ready: assert (in_ready == (!f_busy || (f_give && f_next + out_beats == f_end)));
  if ($past(f_started && out_valid && !out_ready && !(rst || clear)))
    stays: assert (out_valid && out_addr == $past(out_addr) && out_beats == $past(out_beats));
  if ($past(rst || clear)) clears: assert (!out_valid);
  three: cover (f_give && $past(f_give) && $past(f_give, 2) && f_end - f_next == 5 && out_beats == 5 && !f_take);
  next: cover (f_give && f_take && in_beats == 100);
end
