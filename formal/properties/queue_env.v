// The contract of a queue's surroundings.
// `cancel` lasts until `clear`, which comes one clock after the queue was seen at rest.
reg f_cancelling, f_rested;
// Entries asked for and not answered; completions handed over and not answered; one is announced, its data are to follow.
reg [7:0] f_fetches, f_writes;
reg f_announced;
wire f_ask = f_rd_valid && f_rd_ready;
wire f_announce = c_wr_valid && c_wr_ready;
wire f_hand = c_wdat_valid && c_wdat_ready;
always @(posedge clk) begin
  f_cancelling <= cancel && !clear && !rst;
  f_rested <= !active;
  f_fetches <= f_fetches + f_ask - f_rdat_valid;
  f_writes <= f_writes + f_hand - c_wack_valid;
  if (f_announce) f_announced <= 1'b1;
  else if (f_hand) f_announced <= 1'b0;
  if (rst) begin
    f_fetches <= 0;
    f_writes <= 0;
    f_announced <= 1'b0;
  end
end
always @(*) if (f_started && !rst) begin
  assume (cancel || !f_cancelling);
  assume (!clear || (f_cancelling && f_rested));
  assume (!drop || (enabled && !busy && !cancel));
  assume (!load || !(enabled || irq_valid || cancel || drop));
  assume (!load || (cfg_sq_entries >= 2 && cfg_cq_entries >= 2 && cfg_sq[11:0] == 0 && cfg_cq[11:0] == 0));
  assume (!load || cfg_irq_count <= 1 || cfg_irq_clocks != 0);
  assume (!f_rdat_valid || f_fetches != 0);
  assume (!c_wack_valid || f_writes != 0);
end
// The queue's number never changes.
(* anyconst *) wire [15:0] f_id;
always @(*) assume (id == f_id);
wire f_over = rst || clear || drop;

always @(*) if (f_started) begin
  inv_fetches: assert (f_fetches == fetching && fetching <= 4);
  inv_writes: assert (f_writes == unanswered && unanswered <= 32 && (unanswered < 32 || state != DATA));
  inv_announced: assert (f_announced == (state == DATA));
  inv_room: assert ({1'b0, fetching} + {1'b0, commands$count} <= 4);
  inv_off: assert (enabled || (fetching == 0 && unanswered == 0 && (state == IDLE || state == HALT) && commands$count == 0
    && (!write_failed || state == HALT)));
  inv_clear: assert (!clear || rst || (fetching == 0 && unanswered == 0 && (state == IDLE || state == HALT)));
  inv_hand: assert (f_cancelling || state == IDLE || state == HALT || commands$count != 0
    || (state == REPORT && halting));
  inv_cancelled: assert (!f_cancelling || state == IDLE || state == DATA || state == HALT);
  inv_halting: assert (f_cancelling || halting == (state == HALT || (state == REPORT && halting)));
end
