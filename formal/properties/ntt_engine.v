// The command under way was cancelled; parameters that came; whether the jobs were begun.
reg f_cancelled = 0, f_begun = 0;
reg [3:0] f_parameters = 0;
always @(posedge clk) begin
  f_cancelled <= !rst && !accept && (f_cancelled || (busy && cancel));
  f_begun <= !rst && !accept && (f_begun || begin_jobs);
  f_parameters <= rst || accept ? 0 : f_parameters == 15 ? 15 : f_parameters + (arrives && !fail);
end
always @(posedge clk) if (f_started) begin
  one: assert (!done_valid || ($past(busy) && !busy));
  if ($past(f_started) && !$past(rst)) begin
    if ($past(busy) && !busy) answered: assert (done_valid == !($past(f_cancelled) || $past(cancel)));
    if (done_valid && done_status == ST_SUCCESS[7:0])
      complete_work: assert ($past(core$done && !core$bad_root && !from$busy && !to$busy && !writer$busy && !reader$err && !writer$err && !bad));
    if ($past(busy) && !busy && !(done_valid && done_status == ST_SUCCESS[7:0]))
      drained: assert ($past(fail && !reader$busy && !writer$busy));
    if ($past(fail && (reader$busy || writer$busy))) flushed: assert (fail);
  end
  if (state == SET) checked_first: assert (f_parameters == 6 && checked == 6 && !bad);
  if (core$in_valid) after_parameters: assert (f_parameters == 6 && missing == 0);
  parameters_only: assert (f_parameters <= 6 && !(fetch && from$job_ready));
  if (begin_jobs) begun_once: assert (!f_begun && state != IDLE && state != RUN && state != FAIL);
  success: cover (done_valid && done_status == ST_SUCCESS[7:0]);
  refused: cover (done_valid && done_status == ST_BAD_PARAMETER[7:0]);
  silent: cover (f_cancelled && !busy && !done_valid);
end
