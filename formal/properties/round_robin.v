include round_robin_grant.v
// One requester, which the solver chooses; `passed`: grants taken by others since it asked.
(* anyconst *) wire [4:0] who;
always @(*) assume (who < N);
reg [5:0] passed = 0;
always @(posedge clk)
  if (rst || !req[who] || grant[who]) passed <= 0;
  else if (take) passed <= passed + 1'b1;
// Places from the first in line to the requester.
reg [4:0] distance;
integer k;
always @(*) begin
  distance = 0;
  for (k = 0; k < N; k = k + 1) if (first[(who + N - k) % N]) distance = k;
end
always @(posedge clk) if (f_started) begin
  inv_first: assert (first != 0 && (first & (first - 1'b1)) == 0);
  inv_line: assert (passed + distance < N);
  fair: assert (passed < N);
  if ($past(f_started) && !$past(take || rst)) steady: assert (grant == $past(grant) || req != $past(req));
  longest: cover (passed == N - 1 && grant[who]);
end
