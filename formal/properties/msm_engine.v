// Three lanes; `every` is what the engine has of each of them, K's in place K.
wire [50:0] every_jobs = {jobs2, jobs1, jobs0};
wire [23:0] every_entry = {out_entry2, out_entry1, out_entry0};
wire [191:0] every_addr = {out_addr2, out_addr1, out_addr0};
wire [191:0] every_first = {first_addr2, first_addr1, first_addr0};
wire [20:0] every_own = {own_shift2, own_shift1, own_shift0};
wire [20:0] every_jump = {jump_shift2, jump_shift1, jump_shift0};
wire written = rs_wr_valid && rs_wr_ready;
wire data_written = rs_wdat_valid && rs_wdat_ready;
wire accepted = cmd_valid && cmd_ready;
wire [LANES-1:0] closing = close & {LANES{tick}}, taking = take & {LANES{tick}};
// The queue of writes is a FIFO of 64; every write has an answer, after it.
reg [6:0] unanswered_n = 7'd0;
always @(*) begin
  assume (unanswered$in_ready == (unanswered_n != 7'd64) && unanswered$count == unanswered_n);
  if (unanswered_n == 0) assume (!rs_wack_valid);
end
// One write of them: how many are before it, what went into the queue with it.
(* anyseq *) wire pick;
reg followed = 1'b0;
reg [6:0] before;
reg [63:0] queued_addr, followed_addr;
always @(*) if (followed && before == 0) assume (unanswered$out_data == queued_addr);
// A command has windows, as the card has checked.
always @(*) if (cmd_valid) assume (cmd_windows != 0);
// The lanes: not open under `clear`. The feed: `done` stays until the next member begins, and is high after a flush.
always @(*) if (clear) assume (lane_open == 0);
always @(posedge clk) if (f_started) begin
  if ($past(feed$done && !begin_member) || $past(rst || flush)) assume (feed$done);
end
always @(posedge clk) begin
  unanswered_n <= unanswered_n + {6'd0, written} - {6'd0, rs_wack_valid};
  if (rs_wack_valid && followed) begin
    before <= before - 7'd1;
    if (before == 0) followed <= 1'b0;
  end
  if (written && pick && !followed) begin
    followed <= 1'b1;
    before <= unanswered_n - {6'd0, rs_wack_valid};
    queued_addr <= unanswered$in_data;
    followed_addr <= rs_wr_addr;
  end
  if (rst) begin
    unanswered_n <= 7'd0;
    followed <= 1'b0;
  end
end

// The command: at work from the clock after it is taken to the first clock that is not busy.
reg at_work = 1'b0, given_up = 1'b0, faulty = 1'b0;
reg [63:0] c_bases, c_scalars, c_result, c_stride;
reg [31:0] c_count;
reg [15:0] c_more;
reg [4:0] c_bits;
reg [7:0] c_windows;
reg c_group, c_montgomery;
reg [17:0] begun = 18'd0;
wire [17:0] members_all = {2'd0, c_more} + 18'd1;
// What follows from it: windows of a lane, bytes of a sum as a shift.
wire [7:0] c_shared = c_windows % 8'd3;
wire [7:0] c_entries = c_windows / 8'd3 + c_shared;
wire [6:0] c_width = {2'd0, c_bits};
wire [2:0] c_log = c_group ? 3'd7 : 3'd6;
always @(posedge clk) begin
  if (!busy) at_work <= 1'b0;
  if (cancel && busy) given_up <= 1'b1;
  if ((rs_wack_valid && rs_wack_err) || (running && (feed$read_err || feed$range_err))) faulty <= 1'b1;
  if (begin_member) begun <= begun + 18'd1;
  if (accepted) begin
    at_work <= 1'b1;
    given_up <= 1'b0;
    faulty <= 1'b0;
    begun <= 18'd0;
    c_bases <= cmd_bases;
    c_scalars <= cmd_scalars;
    c_result <= cmd_result;
    c_stride <= cmd_stride;
    c_count <= cmd_n;
    c_more <= cmd_more;
    c_bits <= cmd_window_bits[4:0];
    c_windows <= cmd_windows;
    c_group <= cmd_group;
    c_montgomery <= cmd_montgomery;
  end
  if (rst) at_work <= 1'b0;
end
wire [17:0] started = begun + {17'd0, begin_member};

// The writer: beats of the last sum whose address, whose data have not gone out.
reg [1:0] owed_addr = 2'd0, owed_data = 2'd0;
reg [63:0] due_addr;
reg [1015:0] due;
wire [1:0] beats = c_group ? 2'd2 : 2'd1;
wire [1:0] nth_addr = beats - owed_addr, nth_data = beats - owed_data;
wire [253:0] due_x0 = due[253:0], due_x1 = due[507:254], due_y0 = due[761:508], due_y1 = due[1015:762];
wire [511:0] due_beat = !c_group ? {2'd0, due_y0, 2'd0, due_x0} : nth_data == 2'd0 ? {2'd0, due_x1, 2'd0, due_x0} : {2'd0, due_y1, 2'd0, due_y0};
wire [191:0] every_place;
always @(posedge clk) begin
  owed_addr <= owed_addr - {1'b0, written};
  owed_data <= owed_data - {1'b0, data_written};
  if (taking != 0) begin
    owed_addr <= beats;
    owed_data <= beats;
  end
  if (taking[0]) {due_addr, due} <= {every_place[63:0], lane0$out_value};
  if (taking[1]) {due_addr, due} <= {every_place[127:64], lane1$out_value};
  if (taking[2]) {due_addr, due} <= {every_place[191:128], lane2$out_value};
  if (rst) begin
    owed_addr <= 2'd0;
    owed_data <= 2'd0;
  end
end

// Clocks in which the next step could have been taken.
reg [1:0] could_begin = 2'd0, since_tick = 2'd0;
reg [4:0] could_clear = 5'd0;
wire [2:0] lane_through, lane_caught, lane_complete;
always @(posedge clk) begin
  could_begin <= running && lane_through == 3'd7 && started != members_all ? could_begin + 2'd1 : 2'd0;
  could_clear <= !busy && !accepted && state != IDLE && (&lane_clean) ? could_clear + 5'd1 : 5'd0;
  since_tick <= tick || rst ? 2'd0 : since_tick + 2'd1;
  if (rst) begin
    could_begin <= 2'd0;
    could_clear <= 5'd0;
  end
end
wire finishing = running && lane_complete == 3'd7 && owed_addr == 0 && owed_data == 0 && unanswered_n == 0;

wire [2:0] ok_inv_own, ok_inv_first, ok_inv_closes, ok_inv_fresh, ok_inv_jobs, ok_inv_place, ok_once, ok_own, ok_soon;
// From how many clocks of SETUP on what is derived from the command is there.
wire [6:0] known;
assign known = state == RUN || state == FAIL ? 7'h7f : state == SETUP ? {waited >= 4'd6, waited >= 4'd5, waited >= 4'd4, waited >= 4'd3, waited >= 4'd2, waited >= 4'd1, 1'b1} : 7'd0;
include msm_engine_lane.v K=0
include msm_engine_lane.v K=1
include msm_engine_lane.v K=2

always @(posedge clk) if (f_started) begin
  inv_own: assert (&ok_inv_own);
  inv_first: assert (&ok_inv_first);
  inv_closes: assert (&ok_inv_closes);
  inv_fresh: assert (&ok_inv_fresh);
  inv_jobs: assert (&ok_inv_jobs);
  inv_place: assert (&ok_inv_place);
  inv_states: assert (state <= CLEAR && (state != SETUP || waited <= 8) && (!feed_start || state == RUN));
  inv_command: assert (!busy || (bases == c_bases && scalars == c_scalars && result == c_result && stride == c_stride && count == c_count && more == c_more
    && window_bits == c_bits && windows == c_windows && g2 == c_group && montgomery == c_montgomery && at_work));
  inv_derived: assert ((!known[1] || (shared == c_shared[1:0] && quotient == c_windows / 8'd3 && step_shift == (c_width * 3 & 7'h7f)))
    && (!known[2] || entries == c_entries) && (!known[3] || lane_bytes == {7'd0, c_entries} << c_log));
  inv_idle: assert (running || state == FAIL || (!joining && !begin_member && members == 0));
  inv_windows: assert (!busy || c_entries != 0);
  inv_begun: assert (!running || (started + {1'b0, members} == members_all && started <= members_all && (!begin_member || joining)
    && member == started[16:0] - 17'd1 && (!joining || started != 0)));
  inv_fresh_begun: assert (!(state == SETUP || (state == RUN && feed_start)) || (begun == 0 && !faulty && owed_addr == 0));
  inv_done_feed: assert (!running || begin_member || feed$done || (joining && closed == 0));
  inv_begin: assert (!(running && begin_member) || (joining && closed == 0 && feed$done));
  inv_flush_feed: assert ((state == RUN && !feed_start) || state == FAIL || feed$done);
  inv_writing: assert (writing ? (state == RUN || state == FAIL) && !feed_start && owed_addr == beats - {1'b0, second && c_group} - {1'b0, addr_sent}
    && owed_data == beats - {1'b0, second && c_group} - {1'b0, data_sent} && !(addr_sent && data_sent) && sum == due
    && write_addr == due_addr + (second && c_group ? 64'd64 : 64'd0) : owed_addr == 0 && owed_data == 0 && !addr_sent && !data_sent);
  inv_unanswered: assert (unanswered_n <= 7'd64 && (busy || unanswered_n == 0) && (!(state == SETUP || feed_start) || unanswered_n == 0));
  inv_followed: assert (!followed || (before < unanswered_n && queued_addr == followed_addr));
  inv_given_up: assert (!busy || given_up == aborted);
  inv_faulty: assert (!busy || (done_status != ST_SUCCESS) == faulty || state == FAIL && given_up);
  inv_fail: assert (state != FAIL || given_up || faulty);
  inv_tick: assert (since_tick == third_of && (g2 || third_of == 0 || tick));
  inv_could_begin: assert (could_begin <= 2'd2 && (could_begin == 0 || !running || begin_member || (could_begin == 1 && !joining)));
  inv_could_clear: assert (state != CLEAR ? could_clear <= 5'd16 && (state == IDLE || could_clear == 0 || busy) : could_clear <= {1'b0, waited});

  taken: assert (!accepted || ((&lane_clean) && !cancel && !busy && unanswered_n == 0 && owed_addr == 0 && owed_data == 0 && (!at_work || done_valid)));
  parameters: assert (!(feed_start || running) || ((&ok_own) && bases == c_bases && scalars == c_scalars && stride == c_stride && count == c_count
    && more == c_more && window_bits == c_bits && windows == c_windows && g2 == c_group && montgomery == c_montgomery
    && shared == c_shared[1:0] && entries == c_entries && step_shift == (c_width * 3 & 7'h7f)));
  once: assert ((&ok_once) && (!begin_member || (feed$done && (&lane_caught) && begun < members_all)) && (!feed_start || feed$done));
  each_write: assert ((!rs_wr_valid || (owed_addr != 0 && rs_wr_addr == due_addr + (nth_addr == 0 ? 64'd0 : 64'd64) && rs_wr_beats == 0))
    && (!rs_wdat_valid || (owed_data != 0 && rs_wdat_data == due_beat && (&rs_wdat_strb)))
    && (taking == 0 || ((taking & (taking - 1'b1)) == 0 && owed_addr == 0 && owed_data == 0)));
  complete: assert (!(done_valid && done_status == ST_SUCCESS) || ((&lane_complete) && lane_through == 3'd7 && begun == members_all
    && owed_addr == 0 && owed_data == 0 && unanswered_n == 0));
end
always @(posedge clk) if (f_started && !$past(rst)) begin
  group: assert (g2 == $past(g2) || ($past(accepted) && $past(&lane_clean)));
  drained: assert ((busy || (unanswered_n == 0 && owed_addr == 0 && owed_data == 0 && !rs_wr_valid && !rs_wdat_valid && !joining && !begin_member && !feed_start && feed$done))
    && (!($past(busy) && !busy) || (done_valid && done_status == ST_SUCCESS) || !$past(feed$busy)));
  ended: assert ((!done_valid || (at_work && !busy && !$past(given_up))) && (!(at_work && !busy) || done_valid || given_up) && (!busy || at_work));
  status: assert ((!done_valid || ((done_status == ST_SUCCESS) == !faulty))
    && (!$past(followed && before == 0 && rs_wack_valid && rs_wack_err && !(running && (feed$read_err || feed$range_err)) && done_status == ST_SUCCESS)
      || (done_status == ST_WRITE && done_addr == $past(followed_addr)))
    && (!$past(running && !aborted && done_status == ST_SUCCESS && feed$range_err && !feed$read_err)
      || (done_status == ST_RANGE && done_addr == {47'd0, $past(started[16:0]) - 17'd1} && done_info == $past(feed$range_err_index))));
  moves: assert (could_begin <= 2'd2 && could_clear <= 5'd16 && (!writing || rs_wr_valid || rs_wdat_valid || unanswered_n == 7'd64) && (&ok_soon)
    && (!$past(finishing) || !running)
    && (!$past(state == FAIL && !feed$busy && owed_addr == 0 && owed_data == 0 && unanswered_n == 0) || !busy));
  clocks: assert (tick == (!g2 || since_tick == 2'd2) && !(ev_accumulate && ev_aggregate) && (!ev_tail || ev_aggregate)
    && (running || !(ev_accumulate || ev_tail || ev_aggregate)) && (ev_additions == 0 || tick));
end
always @(posedge clk) if (f_started) begin
  finish: cover (done_valid && done_status == ST_SUCCESS && c_group);
  fail: cover (done_valid && done_status == ST_WRITE);
  batch: cover (begin_member && begun == 1);
end
