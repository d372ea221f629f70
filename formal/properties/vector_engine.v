wire f_accept = cmd_valid && cmd_ready;
wire f_outstanding = params$busy || port_a$busy || port_b$busy || port_c$busy || gather$busy || port_d$busy;
wire f_fails = port_a$err || port_b$err || port_c$err || port_d$err || gather$err || gather$bad;
// The command under way was cancelled; its parameters and its bounds were found good; words of the sum given.
reg f_cancelled = 0, f_parameters = 0, f_bounds = 0, f_units = 0, f_failed = 0, f_ran = 0;
reg [1:0] f_sums = 0;
always @(posedge clk) begin
  f_cancelled <= !rst && !f_accept && (f_cancelled || (busy && cancel));
  f_parameters <= !rst && !f_accept
    && (f_parameters || (state == PARAMS && !params_start && params$valid && !params$bad && !params$err));
  f_bounds <= !rst && !f_accept
    && (f_bounds || (state == BOUNDS && !bounds_start && bounds$valid && !bounds$outside && !bounds$overlap));
  f_units <= !rst && !f_accept && (f_units || (state == RUN && !start && lane$done && scan$done && inverse$done));
  f_failed <= !rst && !f_accept && (f_failed || ((state == RUN || state == SUM || state == FINISH) && f_fails));
  f_ran <= !rst && !f_accept && (f_ran || start);
  f_sums <= rst || f_accept ? 0 : f_sums == 3 ? 3 : f_sums + (state == SUM && port_d$in_ready && !flush);
end
always @(posedge clk) if (f_started) begin
  one: assert (!done_valid || ($past(busy) && !busy));
  if ($past(f_started) && !$past(rst)) begin
    if ($past(busy) && !busy) answered: assert (done_valid == !($past(f_cancelled) || $past(cancel)));
    if (done_valid && done_status == ST_SUCCESS)
      complete_work: assert ($past(f_parameters && f_bounds && f_units && f_ran && !f_failed && !f_outstanding));
    if (done_valid && done_status == ST_SUCCESS) summed: assert (f_sums == reduce || $past(f_accept));
    if ($past(busy) && !busy) drained: assert ($past(!f_outstanding));
    if ($past(flush && f_outstanding)) flushed: assert (flush);
  end
  if (start) checked_first: assert (f_parameters && f_bounds && !f_ran);
  if (bounds_start) parameters_first: assert (f_parameters && !f_bounds);
  success: cover (done_valid && done_status == ST_SUCCESS && f_sums == 1);
  refused: cover (done_valid && done_status == ST_ADDRESS);
  silent: cover (f_cancelled && !busy && !done_valid);
end
