// The command in hand, and what has been done for it.
reg f_in, f_first, f_kept, f_loaded, f_dropped, f_set, f_stopped, f_busy, f_was_cancel;
reg [511:0] f_cmd;
wire f_take = cmd_valid && cmd_ready;
wire [7:0] f_opcode = f_cmd[CMD_OPCODE_LSB +: 8];
wire f_creates = f_opcode == OP_CREATE_QUEUE, f_deletes = f_opcode == OP_DELETE_QUEUE, f_aborts = f_opcode == OP_ABORT;
wire [15:0] f_id = f_creates ? f_cmd[CMD_CREATE_QUEUE_QUEUE_LSB +: 16]
  : f_deletes ? f_cmd[CMD_DELETE_QUEUE_QUEUE_LSB +: 16] : f_cmd[CMD_ABORT_QUEUE_LSB +: 16];
wire [N-1:0] f_which = f_id == 0 || f_id >= N ? 0 : {{N-1{1'b0}}, 1'b1} << f_id;
always @(posedge clk) begin
  if (done_valid || cancel || rst) f_in <= 1'b0;
  f_first <= f_take && !rst;
  if (f_take && !rst) begin
    f_in <= 1'b1;
    f_cmd <= cmd_data;
  end
  f_kept <= f_creates ? (f_which & queue_busy) != 0 : f_aborts && (f_which & holds) != 0 && !stopped;
  f_loaded <= !f_take && (f_loaded || load != 0);
  f_dropped <= !f_take && (f_dropped || drop != 0);
  f_set <= !f_take && (f_set || set_valid);
  f_stopped <= !f_take && (f_stopped || (stop != 0 && stopped));
  f_busy <= (f_which & queue_busy) != 0;
  f_was_cancel <= cancel || rst;
end
// The decoder sends these opcodes only; the dispatcher stops only what it is asked to.
wire [7:0] f_sent = cmd_data[CMD_OPCODE_LSB +: 8];
always @(*) assume (!cmd_valid || f_sent == OP_CREATE_QUEUE || f_sent == OP_DELETE_QUEUE || f_sent == OP_ABORT
  || f_sent == 8'h04);
always @(*) assume (!stopped || stop != 0);

always @(*) if (f_started && !rst) begin
  inv_kind: assert (!busy || (create + delete + set + find + stopping == 1 && f_in && which == f_which
    && create == (f_creates && busy) && delete == (f_deletes && busy) && (find || stopping) == (f_aborts && busy)));
  inv_first: assert (!(delete || set || find) || f_first);
  inv_fresh: assert (!busy || !(f_loaded || f_dropped || f_set || f_stopped));
  inv_fields: assert (!busy || (cfg_sq == f_cmd[CMD_CREATE_QUEUE_SQ_IOVA_LSB +: 64]
    && cfg_cq == f_cmd[CMD_CREATE_QUEUE_CQ_IOVA_LSB +: 64]
    && cfg_sq_entries == f_cmd[CMD_CREATE_QUEUE_SQ_ENTRIES_LSB +: 16]
    && cfg_cq_entries == f_cmd[CMD_CREATE_QUEUE_CQ_ENTRIES_LSB +: 16]
    && cfg_vector == f_cmd[CMD_CREATE_QUEUE_IRQ_VECTOR_LSB +: 8]
    && cfg_irq_count == f_cmd[CMD_CREATE_QUEUE_IRQ_COUNT_LSB +: 16]
    && cfg_irq_clocks == f_cmd[CMD_CREATE_QUEUE_IRQ_CLOCKS_LSB +: 32]
    && stop_cid == f_cmd[CMD_ABORT_CID_LSB +: 16] && set_index == f_cmd[CMD_SEMAPHORE_SET_SEM_LSB +: 6]
    && set_value == f_cmd[CMD_SEMAPHORE_SET_VALUE_LSB +: 32]));
  answered: assert ((busy || done_valid) == f_in && !(busy && done_valid));
  prompt: assert (!busy || f_first || f_kept);
  if (load != 0)
    load_right: assert (f_in && f_creates && load == f_which && (load & (enabled | queue_busy)) == 0 && !cancel && !f_loaded
      && cfg_sq == f_cmd[CMD_CREATE_QUEUE_SQ_IOVA_LSB +: 64] && cfg_cq == f_cmd[CMD_CREATE_QUEUE_CQ_IOVA_LSB +: 64]
      && cfg_sq_entries == f_cmd[CMD_CREATE_QUEUE_SQ_ENTRIES_LSB +: 16]
      && cfg_cq_entries == f_cmd[CMD_CREATE_QUEUE_CQ_ENTRIES_LSB +: 16]
      && cfg_vector == f_cmd[CMD_CREATE_QUEUE_IRQ_VECTOR_LSB +: 8]
      && cfg_irq_count == f_cmd[CMD_CREATE_QUEUE_IRQ_COUNT_LSB +: 16]
      && cfg_irq_clocks == f_cmd[CMD_CREATE_QUEUE_IRQ_CLOCKS_LSB +: 32]);
  if (drop != 0)
    drop_right: assert (f_in && f_deletes && drop == f_which && (drop & enabled) != 0 && (drop & queue_busy) == 0 && !cancel
      && !f_dropped);
  if (set_valid)
    set_right: assert (f_in && !(f_creates || f_deletes || f_aborts) && !cancel && !f_set
      && set_index == f_cmd[CMD_SEMAPHORE_SET_SEM_LSB +: 6] && set_value == f_cmd[CMD_SEMAPHORE_SET_VALUE_LSB +: 32]);
  if (stop != 0)
    stop_right: assert (f_in && f_aborts && stop == f_which && f_kept && stop_cid == f_cmd[CMD_ABORT_CID_LSB +: 16]);
  if (done_valid) begin
    success_done: assert ((done_status == ST_SUCCESS[7:0])
      == (f_creates ? f_loaded : f_deletes ? f_dropped : f_aborts ? done_status == ST_SUCCESS[7:0] : f_set));
    refusal: assert (done_status == ST_SUCCESS[7:0] || done_status == ST_BAD_QUEUE[7:0]
      || (done_status == ST_BUSY[7:0] && f_deletes && f_busy));
    told: assert (done_info == (f_aborts && f_stopped) && done_addr == 0);
  end
  made: cover (done_valid && f_loaded && f_id == 2);
  ended: cover (done_valid && f_stopped);
  waited: cover (load != 0 && !f_first);
  kept: cover (done_valid && done_status == ST_BUSY[7:0]);
end
