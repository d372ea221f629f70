// A beat comes only when it was asked for; the parameters are asked for when nothing is under way.
reg [1:0] f_asked = 0, f_came = 0;
reg f_failed = 0;
reg [63:0] f_from = 0, f_failed_at = 0;
always @(*) begin
  assume (!start || !busy);
  assume (!rdat_valid || f_came != f_asked);
end
always @(posedge clk) begin
  if (rd_valid && rd_ready) f_asked <= f_asked + 1'b1;
  if (rdat_valid) begin
    f_came <= f_came + 1'b1;
    if (rdat_err && !f_failed) begin
      f_failed <= 1'b1;
      f_failed_at <= f_from + {f_came, 6'd0};
    end
  end
  if (start || rst) begin
    {f_asked, f_came, f_failed} <= 0;
    if (start) f_from <= addr;
  end
end
always @(posedge clk) if (f_started) begin
  inv_same: assert (asked == f_asked && came == f_came && err == f_failed && (f_asked == 0 && !asking || from == f_from));
  inv_order: assert (seen <= came && came <= asked && (err || came - seen <= 1) && !(asking && asked == 3));
  if (rd_valid) asks: assert (f_asked < 3 && rd_addr == f_from + {f_asked, 6'd0} && rd_beats == 0);
  if (valid) three: assert (f_came == 3 && f_asked == 3 && !f_failed && !err);
  counts: assert (busy == (rd_valid || f_asked != f_came));
  failed: assert (err == f_failed && (!err || err_addr == f_failed_at));
  if ($past(f_started) && !$past(rst)) begin
    if ($past(rd_valid && !rd_ready)) stays: assert (rd_valid && rd_addr == $past(rd_addr));
    if ($past(flush && !start && !(rd_valid && !rd_ready))) flushed: assert (!rd_valid);
    if ($past(valid && !start)) keeps: assert (valid && bad == $past(bad) && bad_at == $past(bad_at));
  end
  all: cover (valid && !bad);
  unfit_found: cover (valid && bad && bad_at == 100);
  broken: cover (err && !busy && f_came == 3);
end
