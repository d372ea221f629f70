include round_robin_grant.v
// One requester, which the solver chooses; `passed`: grants taken by others since it asked.
(* anyconst *) wire [4:0] who;
always @(*) assume (who < N);
reg [5:0] passed = 0;
always @(posedge clk)
  if (rst || !req[who] || grant[who]) passed <= 0;
  else if (take) passed <= passed + 1'b1;
include round_robin_line.v first=first
always @(posedge clk) if (f_started) begin
  if ($past(f_started) && !$past(take || rst)) steady: assert (grant == $past(grant) || req != $past(req));
  longest: cover (passed == N - 1 && grant[who]);
end
