include queue_env.v

// Clocks for which a completion has waited for its interrupt.
reg [32:0] f_waited;
// Loaded parameters, and the vector of the interrupt that is pending.
reg [15:0] f_count;
reg [31:0] f_clocks;
reg [7:0] f_vector;
reg [63:0] f_cq;
reg [15:0] f_m;
wire f_landed = c_wack_valid && !c_wack_err;
// A completion write has failed; index of the first such, or of the next to be answered.
reg f_lost;
reg [15:0] f_place;
// The state one clock before, to say what changes.
reg f_was_irq, f_was_landed, f_was_fatal, f_was_over, f_was_dropped, f_was_waiting, f_was_idle, f_was_cleared;
always @(posedge clk) begin
  f_was_irq <= irq_valid && !irq_ready;
  f_was_landed <= f_landed;
  f_was_fatal <= fatal;
  f_was_over <= rst || clear;
  f_was_dropped <= drop && !rst;
  f_was_waiting <= gathering;
  f_was_cleared <= clear || rst;
  // At rest and nothing comes in.
  f_was_idle <= !busy && !gathering && !cancel && !db_sq && !db_cq && !load && !drop && !clear && !rst;
  f_vector <= irq_vector;
  if (load) begin
    f_count <= cfg_irq_count;
    f_clocks <= cfg_irq_clocks;
    f_cq <= cfg_cq;
    f_m <= cfg_cq_entries;
  end
  f_waited <= gathering ? f_waited + 1'b1 : 33'd0;
  if (c_wack_valid && !f_lost) begin
    if (c_wack_err) f_lost <= 1'b1;
    else f_place <= f_place + 1'b1 == f_m ? 16'd0 : f_place + 1'b1;
  end
  if (f_over) f_place <= 0;
  if (rst || clear) f_lost <= 1'b0;
end
// The failure of a write was known when the queue last was without a command.
reg f_lost_seen;
always @(posedge clk) if (state == IDLE) f_lost_seen <= f_lost;

always @(*) if (f_started && !rst) begin
  if (enabled) begin
    inv_loaded: assert (irq_count == f_count && irq_clocks == f_clocks && (f_count <= 1 || f_clocks != 0) && cq == f_cq
      && cq_entries == f_m && f_m >= 2);
  end
  inv_lost: assert (write_failed == f_lost && cq_answered == f_place);
  inv_gathered: assert (enabled || !gathering);
  inv_waited: assert (!gathering || (irq_count >= 2 && gathered < irq_count && waited == f_waited + 1 && waited <= irq_clocks));
end

always @(*) if (f_started && !rst) begin
  // Interrupts.
  irq_after: assert (!irq_valid || f_was_irq || f_was_landed || f_was_waiting);
  none_lost: assert (f_was_over || !(f_was_landed || (f_was_waiting && !gathering)) || irq_valid || gathering);
  gathers: assert (!gathering || (gathered < f_count && f_waited < f_clocks));
  drop_tells: assert (!f_was_dropped || (!gathering && (!f_was_waiting || irq_valid)));
  irq_stays: assert (!f_was_irq || f_was_over || (irq_valid && irq_vector == f_vector));
  // Rest, cancel, clear, halt.
  at_rest: assert (active || (f_fetches == 0 && f_writes == 0 && !f_announced && !cmd_valid && !sig_valid && !err_valid
    && !irq_valid));
  stays_at_rest: assert (!f_was_idle || (!busy && !gathering && !err_valid && !irq_valid && !f_rd_valid && !c_wr_valid));
  cancel_stops: assert (!cancel || !f_rd_valid);
  cancel_ends: assert (!f_cancelling || !(cmd_valid || sig_valid || c_wr_valid || (err_valid && state == REPORT)));
  cancelled_rests: assert (!f_cancelling || active == (f_fetches != 0 || f_writes != 0 || f_announced || irq_valid || bad_doorbell));
  clears: assert (!f_was_cleared || (!enabled && !busy && !gathering && !fatal && depth == 0));
  halted: assert (!f_was_fatal || f_was_over || fatal);
  halted_still: assert (!fatal || !(f_rd_valid || cmd_valid || sig_valid || c_wr_valid || c_wdat_valid));
  failure_stops: assert (!(cmd_valid && f_lost_seen));
  if (state == REPORT && halting)
    failure_told: assert (err_valid && err_cid == 16'hffff
      && (f_lost_seen ? err_status == ST_HOST_WRITE_ERROR[7:0] && err_addr == f_cq + {44'd0, f_place, 4'd0}
        : err_status == ST_HOST_READ_ERROR[7:0] && err_addr == sq + {42'd0, sq_head, 6'd0}));
  merged: cover (gathered == 2 && f_count == 3);
  dead: cover (fatal && f_lost && !cancel);
  drained: cover (f_was_cleared && f_was_fatal);
  announced: cover (f_cancelling && f_announced);
end
always @(*) if (f_started && !rst) begin
  inv_lost_seen: assert (state != REPORT || !halting || f_cancelling || !f_lost_seen
    || (status == ST_HOST_WRITE_ERROR[7:0] && addr == cq + {44'd0, cq_answered, 4'd0} && cid == 16'hffff && f_lost));
  inv_read_seen: assert (state != REPORT || !halting || f_cancelling || f_lost_seen
    || (status == ST_HOST_READ_ERROR[7:0] && cid == 16'hffff && addr == sq + {42'd0, sq_head, 6'd0}));
end
