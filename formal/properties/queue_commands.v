include queue_env.v

// One command, which the solver chooses when it is asked for, is followed: asked for, fetched, completed.
(* anyseq *) wire f_pick;
reg f_asked, f_fetched;
// Answers or commands before it.
reg [2:0] f_ahead;
reg [512:0] f_word;
wire f_oldest = f_fetched && f_ahead == 0;
// The command in hand: the dispatcher has taken it; it has ended, so; it was signalled; its failure was reported.
reg f_taken, f_ended, f_signalled, f_told;
reg [7:0] f_status;
reg [31:0] f_info;
reg [63:0] f_where;
// For so many clocks nobody has kept the ended command waiting.
reg [3:0] f_patience;
wire f_take = cmd_valid && cmd_take;
wire f_end = f_taken && !f_ended && st_valid;
wire f_signal = sig_valid && sig_ready;
wire f_tell = err_valid && err_ready && state == REPORT && !halting;
wire f_smooth = sig_ready && err_ready && c_wr_ready && c_wdat_ready && !full && f_writes < 32;
wire [127:0] f_written = c_wdat_data[127:0];

always @(posedge clk) begin
  if (!f_asked && !f_fetched && f_ask && f_pick) begin
    f_asked <= 1'b1;
    f_ahead <= f_fetches - f_rdat_valid;
  end
  if (f_asked && f_rdat_valid) begin
    f_ahead <= f_ahead - 1'b1;
    if (f_ahead == 0) begin
      f_asked <= 1'b0;
      f_fetched <= 1'b1;
      f_ahead <= commands$count - f_hand;
      f_word <= {f_rdat_err, f_rdat_data};
    end
  end
  if (f_fetched && f_hand) begin
    f_ahead <= f_ahead - 1'b1;
    if (f_ahead == 0) f_fetched <= 1'b0;
  end
  if (f_take) f_taken <= 1'b1;
  if (f_end) begin
    f_ended <= 1'b1;
    f_status <= st_status;
    f_info <= st_info;
    f_where <= st_addr;
  end
  if (f_signal) f_signalled <= 1'b1;
  if (f_tell) f_told <= 1'b1;
  f_patience <= f_ended && f_smooth ? f_patience + 1'b1 : 0;
  if (f_hand || cancel || rst || clear) begin
    f_taken <= 1'b0;
    f_ended <= 1'b0;
    f_signalled <= 1'b0;
    f_told <= 1'b0;
    f_patience <= 0;
  end
  if (cancel || f_over) begin
    f_asked <= 1'b0;
    f_fetched <= 1'b0;
  end
end
// Proved of the FIFO: a word leaves unchanged after those before it.
always @(*) assume (!f_oldest || commands$out_data == f_word);
always @(*) if (f_started && !rst) begin
  inv_asked: assert (!(f_asked && f_fetched) && (!f_asked || f_ahead < fetching) && (!f_fetched || f_ahead < commands$count));
  if (!f_cancelling) begin
    inv_taken: assert (f_taken == (state == RUN || f_ended));
    inv_ended: assert (f_ended == (state == SIGNAL || (state == REPORT && !halting) || state == POST || state == DATA));
    inv_smooth: assert (!f_ended || f_patience <= (state == POST || state == DATA ? 1 : 0) + (state == DATA));
  end
end

always @(*) if (f_started && !rst) begin
  // Under `cancel` the FIFO is emptied; the completion that is late was checked when it was announced.
  if (c_wr_valid) begin
    one_completion: assert (f_taken && f_ended && !f_announced);
    carries: assert (commands$count != 0 && (!f_oldest || (!f_word[512]
      && completion[CPL_CID_LSB +: 16] == f_word[CMD_CID_LSB +: 16])));
    tells: assert (completion[CPL_STATUS_LSB +: 8] == f_status && completion[CPL_INFO_LSB +: 32] == f_info
      && completion[CPL_SQ_ID_LSB +: 16] == id);
    signals_first: assert (!f_oldest
      || f_signalled == (f_status == ST_SUCCESS[7:0] && (f_word[CMD_FLAGS_LSB +: 8] & FLAG_SIGNAL) != 0));
    reported_first: assert (f_told == (f_status != ST_SUCCESS[7:0]));
  end
  if (sig_valid)
    signal_right: assert (f_ended && !f_signalled && f_status == ST_SUCCESS[7:0] && (!f_oldest
      || ((f_word[CMD_FLAGS_LSB +: 8] & FLAG_SIGNAL) != 0 && sig_index == f_word[CMD_SIGNAL_SEM_LSB +: 6]
      && sig_value == f_word[CMD_SIGNAL_VALUE_LSB +: 32])));
  if (state == REPORT && !halting)
    report_right: assert (!f_told && f_status != ST_SUCCESS[7:0] && err_valid && err_status == f_status && err_addr == f_where
      && (!f_oldest || err_cid == f_word[CMD_CID_LSB +: 16]));
  if (cmd_valid)
    offered: assert (!f_taken && commands$count != 0 && (!f_oldest || (!f_word[512] && cmd_data == f_word[511:0])));
  if (holds) held: assert (commands$count != 0 && !f_ended && (!f_oldest || stop_cid == f_word[CMD_CID_LSB +: 16]));
  completes: assert (f_patience <= 2);
  inv_oldest: assert (!(f_oldest && (state == DECODE || state == RUN || f_ended) && !f_cancelling)
    || (cid == f_word[CMD_CID_LSB +: 16] && !f_word[512]));
  inv_status: assert (!f_ended || f_cancelling || (status == f_status && info == f_info && addr == f_where));
  inv_told: assert (f_cancelling || !(state == RUN || state == DECODE || state == IDLE) || (!f_signalled && !f_told));
  inv_signal: assert (f_cancelling || state != SIGNAL || (!f_signalled && !f_told && f_status == ST_SUCCESS[7:0]
    && (!f_oldest || (f_word[CMD_FLAGS_LSB +: 8] & FLAG_SIGNAL) != 0)));
  inv_report: assert (f_cancelling || state != REPORT || (!f_signalled && !f_told && (halting || f_status != ST_SUCCESS[7:0])));
  inv_post: assert (f_cancelling || state != POST || (f_told == (f_status != ST_SUCCESS[7:0])
    && (!f_signalled || f_status == ST_SUCCESS[7:0])
    && (!f_oldest || f_signalled == (f_status == ST_SUCCESS[7:0] && (f_word[CMD_FLAGS_LSB +: 8] & FLAG_SIGNAL) != 0))));
  second: cover (f_oldest && c_wr_valid && f_word[CMD_CID_LSB +: 16] == 16'h1234 && cq_tail == 1 && f_signalled);
  failure: cover (f_told && c_wr_valid);
end

// What was announced is what is handed over, also when the queue is cancelled.
reg [127:0] f_said;
always @(posedge clk) if (f_announce) f_said <= completion;
reg f_could;
always @(posedge clk) f_could <= state == RUN && (!waits || sem_value >= cmd_data[CMD_WAIT_VALUE_LSB +: 32]);
always @(*) if (f_started && !rst) begin
  if (c_wdat_valid) same_completion: assert (f_written == f_said);
  if (go) go_reached: assert (f_could);
end
