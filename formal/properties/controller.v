// Software reads CSTS in every clock: no loss, for `raddr` decides nothing but `value`.
always @(*) assume (raddr == REG_CSTS);
wire f_ready = value[REG_CSTS_READY_LSB], f_fatal = value[REG_CSTS_FATAL_LSB], f_scrubbing = value[REG_CSTS_SCRUBBING_LSB];
// Rings as the contract has them: 4 KiB aligned, 2 to 2^10 entries.
wire [15:0] f_sq = admin_sq_entries, f_cq = admin_cq_entries;
wire f_rings = admin_sq[11:0] == 0 && admin_cq[11:0] == 0 && f_sq >= 2 && f_sq <= 1024 && f_cq >= 2 && f_cq <= 1024;
// Clocks since ENABLE was taken away, while READY.
reg [4:0] f_off = 0;
always @(posedge clk) f_off <= rst || !f_ready || enable && f_off == 0 ? 0 : f_off == 5'd31 ? f_off : f_off + 1'b1;
// Since the last change of CC.ENABLE to 0, a write of it: what ends FAULT.
wire f_off_written = write && waddr == REG_CC && !wdata[0];
// From the moment of a failed zeroing to its end.
reg f_failed = 0;
always @(posedge clk) f_failed <= !rst && (f_failed ? f_fatal : scrubbing && scrub_failed);
reg f_rst = 1;
always @(posedge clk) f_rst <= rst;

always @(posedge clk) if (f_started) begin
  inv_state: assert (state <= SCRUB);
  inv_fatal: assert (state == FAULT ? fatal : (!fatal || state == RUN || state == DRAIN));
  inv_failed: assert ((f_failed && f_fatal) == unscrubbed && (!unscrubbed || state == FAULT));
  inv_drain: assert (state != DRAIN || (drained < 17 && f_off > drained));
  exclusive: assert (!(f_ready && f_scrubbing) && !(load && f_ready));
  if (!f_ready) idle_off: assert (!cancel || clear);
  zeroes_first: assert (!load || (dirty == 0 && enable && f_rings && !f_scrubbing));
  if (f_rst) begin
    after_reset: assert (!f_ready && !f_fatal && !irq_valid && !bad_valid);
  end else begin
    // READY and the admin queue come into being together.
    loads: assert ((f_ready && $past(!f_ready)) == $past(load));
    if (f_ready && $past(!f_ready)) rises: assert ($past(dirty == 0 && enable && f_rings && !f_fatal && !f_scrubbing));
    clears: assert (clear == (!f_ready && $past(f_ready)));
    if (!f_ready && $past(f_ready)) falls: assert ($past(cancel && quiet) && $past(f_off) >= 16);
    if ($past(f_ready && cancel) && f_ready) drains: assert (cancel);
    if ($past(f_ready && !enable)) disables_soon: assert (!f_ready || cancel);
    if (f_fatal && $past(!f_fatal)) begin
      fatal_why: assert ($past(f_ready && halted) || $past(scrubbing && scrub_failed)
        || $past(!f_ready && !f_scrubbing && enable && !f_rings && dirty == 0));
      fatal_tells: assert (irq_valid);
    end
    if (!f_fatal && $past(f_fatal)) fatal_ends: assert (clear || $past(f_failed ? f_off_written : !enable));
    if ($past(irq_valid && !irq_ready)) irq_stays: assert (irq_valid);
    if (irq_valid && $past(!irq_valid)) irq_why: assert (f_fatal && $past(!f_fatal));
    if ($past(!f_ready && !f_fatal && !clear && dirty != 0 && !scrub_failed)) scrubs: assert (scrubbing);
    if ($past(!f_ready && !f_fatal && !clear && dirty == 0 && enable && !scrubbing)) starts: assert (f_ready || f_fatal);
  end
  settles: assert (!settled || !(f_scrubbing || cancel || clear || irq_valid || bad_valid || db_sq != 0 || db_cq != 0 || load));
  works: cover (f_ready && enable && $past(f_ready));
  again: cover (load && f_off_written && $past(f_started) && $past(state == OFF, 2));
  gone: cover (clear && $past(f_fatal));
  unzeroed: cover (f_failed && state == FAULT);
  recovered: cover (!f_failed && $past(f_failed) && dirty == 5);
end
