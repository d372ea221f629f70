localparam BEATS = $bits(out_beats), ADDR = $bits(out_addr), COUNT = $bits(job_count);
// Jobs are of one element or more.
always @(*) assume (!job_valid || job_count != 0);
// The job at hand: halves of beats not covered, the skipped ones at its ends not left out; the next beat; nothing is covered yet.
reg active = 1'b0;
reg [COUNT+1:0] rest;
reg [ADDR-1:0] beat;
reg fresh, odd;
wire [COUNT+1:0] covered = {out_beats, 1'b0} + 2'd2;
always @(posedge clk) begin
  if (advance) begin
    active <= rest > covered;
    rest <= rest - covered;
    beat <= beat + out_beats + 1'b1;
    fresh <= 1'b0;
  end
  if (take) begin
    active <= 1'b1;
    rest <= job_count + job_addr[5];
    beat <= job_addr >> 6;
    fresh <= 1'b1;
    odd <= job_addr[5];
  end
  if (rst || clear) active <= 1'b0;
end
always @(posedge clk) if (f_started) begin
  inv_left: assert (!active || (left == (rest + 1'b1) >> 1 && rest != 0 && !rest[COUNT+1]));
  inv_skip: assert (!active || (skip_last == rest[0] && skip_first == (fresh && odd)));
  inv_fresh: assert (!active || !(fresh && odd) || rest > 1);
  shown: assert (out_valid == active);
  follows: assert (!active || out_addr == beat);
  covers: assert (!active || covered < rest + 2);
  page: assert (!active || out_addr[5:0] + out_beats < 64);
  whole: assert (!active || covered >= rest || (out_addr[BEATS-1:0] + out_beats) % (1 << BEATS) == (1 << BEATS) - 1);
  first_half: assert (!active || out_skip_first == (fresh && odd));
  last_half: assert (!active || out_skip_last == (covered == rest + 1));
  accepts: assert (job_ready == (!clear && (!active || (out_ready && covered >= rest))));
  if ($past(f_started) && !$past(rst || clear) && $past(out_valid && !out_ready))
    stays: assert (out_valid && {out_addr, out_beats, out_skip_first, out_skip_last}
      == $past({out_addr, out_beats, out_skip_first, out_skip_last}));
  if ($past(f_started) && $past(rst || clear)) cleared: assert (!out_valid);
  three: cover (active && !fresh && out_skip_last && out_beats != 0 && $past(advance && fresh && odd, 2));
  again: cover (take && advance);
end
