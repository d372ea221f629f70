include copy_reads.v P=hl
include copy_reads.v P=hr
include copy_reads.v P=dr
include copy_writes.v P=hw
include copy_writes.v P=dw
// The dispatcher has seen to it that the length is not 0; `cancel` stays until the engine is not busy.
always @(*) if (cmd_valid) assume (cmd_length[63:6] != 0);
always @(posedge clk) if (f_started && $past(cancel && busy && !rst) && busy) assume (cancel);

// The command.
reg f_fill, f_from_host, f_to_host;
reg [57:0] f_card, f_beats, f_list;
reg [31:0] f_entries;
reg [63:0] f_pattern;
reg f_busy = 0;
wire f_cmd = cmd_valid && cmd_ready;
always @(posedge clk) begin
  if (f_cmd) begin
    f_fill <= cmd_fill;
    f_from_host <= !cmd_fill && cmd_kind == COPY_HOST_TO_CARD;
    f_to_host <= !cmd_fill && cmd_kind == COPY_CARD_TO_HOST;
    {f_card, f_beats, f_list} <= {cmd_card_addr[63:6], cmd_length[63:6], cmd_list[63:6]};
    {f_entries, f_pattern} <= {cmd_entries, cmd_pattern};
  end
  f_busy <= !rst && (f_cmd || busy);
end

// Beats of the command: read requests, read data, write requests, write data.
wire f_rd_ask = f_hr_ask || f_dr_ask, f_wr_ask = f_hw_ask || f_dw_ask;
wire f_rd_beat = f_hr_beat || f_dr_beat, f_wr_beat = f_hw_beat || f_dw_beat;
wire [63:0] f_rd_addr = f_hr_ask ? hr_rd_addr : dr_rd_addr, f_wr_addr = f_hw_ask ? hw_wr_addr : dw_wr_addr;
wire [57:0] f_rd_len = (f_hr_ask ? hr_rd_beats : dr_rd_beats) + 58'd1, f_wr_len = (f_hw_ask ? hw_wr_beats : dw_wr_beats) + 58'd1;
reg [57:0] f_r = 0, f_a = 0, f_w = 0, f_o = 0;
// Beats of the ranges that the two sides have been given.
reg [57:0] f_source = 0, f_target = 0;
wire f_source_take = from$in_valid && from$in_ready, f_target_take = to$in_valid && to$in_ready;
always @(posedge clk) begin
  f_r <= f_r + (f_rd_ask ? f_rd_len : 58'd0);
  f_a <= f_a + f_rd_beat;
  f_w <= f_w + (f_wr_ask ? f_wr_len : 58'd0);
  f_o <= f_o + f_wr_beat;
  f_source <= f_source + (f_source_take ? from$in_beats : 58'd0);
  f_target <= f_target + (f_target_take ? to$in_beats : 58'd0);
  if (rst || !busy) {f_r, f_a, f_w, f_o, f_source, f_target} <= 0;
end

// One beat of it, which the solver chooses: where it is to come from and to go, and what it holds.
(* anyconst *) wire [57:0] f_k;
reg [57:0] f_range;
reg f_known = 0;
reg [511:0] f_data;
wire [57:0] f_given = f_to_host ? f_target : f_source;
wire [57:0] f_into = f_k - f_given;
wire f_here = walker$out_valid && (f_to_host ? to$in_ready : from$in_ready) && f_k >= f_given && f_into < walker$out_beats;
always @(posedge clk) begin
  if (f_here) f_range <= walker$out_addr + f_into;
  f_known <= !rst && busy && (f_known || f_here);
  if (f_rd_beat && f_a == f_k) f_data <= f_hr_beat ? hr_rdat_data : dr_rdat_data;
end
// The side of the host, or of a contiguous range beside the card range, is the list walker's.
wire [57:0] f_from = f_to_host ? f_card + f_k : f_range, f_to = f_to_host ? f_range : f_card + f_k;
// Bursts that cover it.
wire f_rd_k = f_rd_ask && f_k >= f_r && f_k - f_r < f_rd_len, f_wr_k = f_wr_ask && f_k >= f_w && f_k - f_w < f_wr_len;

// What has gone wrong since the command was taken.
reg f_rd_err = 0, f_wr_err = 0, f_cancelled = 0;
always @(posedge clk) begin
  f_rd_err <= !rst && busy && (f_rd_err || (f_hr_beat && hr_rdat_err) || (f_dr_beat && dr_rdat_err));
  f_wr_err <= !rst && busy && (f_wr_err || (hw_wack_valid && hw_wack_err) || (dw_wack_valid && dw_wack_err));
  f_cancelled <= !rst && busy && (f_cancelled || cancel);
end
wire f_outstanding = f_hl_bursts != 0 || f_hr_bursts != 0 || f_dr_bursts != 0 || f_hw_bursts != 0 || f_dw_bursts != 0;
wire f_asks = hl_rd_valid || hr_rd_valid || dr_rd_valid || hw_wr_valid || dw_wr_valid;

// Registers below.
(* hierconn *) wire \reader.beats.f_pick ;
assign \reader.beats.f_pick = f_a == f_k;
(* hierconn *) wire \reader.beats.f_in ;
(* hierconn *) wire [9:0] \reader.beats.f_ahead , \reader.reserved ;
(* hierconn *) wire [511:0] \reader.beats.f_word ;
(* hierconn *) wire [6:0] \reader.asked.used , \writer.asked.used ;
(* hierconn *) wire [12:0] \writer.committed ;
(* hierconn *) wire [57:0] \from.left , \to.left , \walker.left ;
(* hierconn *) wire [31:0] \walker.index , \walker.count , \walker.entry_index ;
(* hierconn *) wire [30:0] \walker.fetch_left ;
(* hierconn *) wire [5:0] \walker.reserved , \walker.ahead$count ;
(* hierconn *) wire [4:0] \walker.asked.used ;
(* hierconn *) wire [1:0] \walker.lane ;
(* hierconn *) wire \walker.contiguous , \walker.entry_valid , \walker.entry_ready , \walker.take ;
wire [57:0] f_held = walker$out_valid ? walker$out_beats : 58'd0;
// An entry or a range goes a step on.
wire f_moves = (card_valid && card_taken) || \walker.contiguous || \walker.take || (\walker.entry_valid && \walker.entry_ready )
  || (walker$out_valid && walker$out_ready);
wire f_empty = \reader.reserved == 0 && reader$count == 0 && \writer.committed == 0 && \from.left == 0 && \to.left == 0
  && \walker.index == \walker.count && \walker.fetch_left == 0 && \walker.reserved == 0 && \walker.ahead$count == 0
  && !\walker.contiguous && !\walker.entry_valid && !walker$out_valid && !walker$err && !reader$err && !writer$err && !card_valid;
wire f_zero = f_r == 0 && f_a == 0 && f_w == 0 && f_o == 0 && f_source == 0 && f_target == 0 && !f_known;

always @(posedge clk) if (f_started) begin
  inv_command: assert (state == IDLE || (fill == f_fill && from_host == f_from_host && to_host == f_to_host && card_addr == f_card
    && beats == f_beats && list_addr[63:6] == f_list && entries == (f_fill ? 32'd0 : f_entries) && pattern == f_pattern
    && beats != 0 && !(to_host && from_host) && !(fill && (to_host || from_host))));
  inv_empty: assert (state == RUN || state == FINISH || (f_empty && !f_outstanding && !\reader.beats.f_in ));
  inv_cancel: assert (!f_cancelled || !busy || cancel);
  inv_done: assert ((!done_valid || state == FINISH) && (state != FINISH || done_valid || f_cancelled));
  inv_zero: assert (state != START || (f_zero && !f_rd_err && !f_wr_err && !f_cancelled));
  inv_finish: assert (state != FINISH || (!f_outstanding && !card_valid
    && (stop || (\from.left == 0 && \to.left == 0 && \walker.fetch_left == 0))));
  inv_lane: assert ((state != RUN && state != FINISH) || fill || (\walker.lane == \walker.index [1:0]
    && (\walker.lane == 0 || \walker.ahead$count != 0)));
  inv_status: assert (!walker$err || walker$err_status != 0);
  inv_taken: assert ((state != RUN && state != FINISH) || fill || entries == 0 || stop
    || (\walker.entry_valid ? \walker.entry_index + 1'b1 == \walker.index : \walker.index != entries || \walker.left == 0));
  inv_entries: assert ((state != RUN && state != FINISH) || fill || (\walker.count == entries && \walker.index <= \walker.count
    && {1'b0, \walker.fetch_left } + \walker.reserved + \walker.index [31:2] == {2'b0, entries[31:2]} + (entries[1:0] != 0)));
  inv_reads: assert (f_hl_beats >= f_hl_bursts && (f_hl_beats == 0) == (f_hl_bursts == 0) && f_hr_beats >= f_hr_bursts
    && (f_hr_beats == 0) == (f_hr_bursts == 0) && f_dr_beats >= f_dr_bursts && (f_dr_beats == 0) == (f_dr_bursts == 0));
  inv_ports: assert ((from_host || f_hr_bursts == 0) && (!from_host || f_dr_bursts == 0) && (to_host || f_hw_bursts == 0 && f_hw_beats == 0)
    && (!to_host || f_dw_bursts == 0 && f_dw_beats == 0));
  inv_asked: assert (\reader.asked.used == f_hr_bursts + f_dr_bursts && \writer.asked.used == f_hw_bursts + f_dw_bursts
    && \walker.asked.used == f_hl_bursts && \reader.asked.used <= 64 && \writer.asked.used <= 64 && \walker.asked.used <= 16);
  inv_writes: assert (\writer.committed == f_hw_beats + f_dw_beats && (\writer.committed == 0 || \writer.asked.used != 0)
    && \writer.committed <= 13'd4096 + 63);
  inv_list: assert (\walker.reserved == f_hl_beats + \walker.ahead$count && \walker.reserved <= 32 && f_hl_beats <= 32 && \walker.ahead$count <= 32);
  if (state == RUN || state == FINISH) begin
    inv_source: assert (f_source <= beats && \from.left <= f_source && f_r == f_source - \from.left );
    inv_target: assert (f_target <= beats && \to.left <= f_target && f_w == f_target - \to.left );
    inv_beats: assert (f_a <= f_r && f_hr_beats + f_dr_beats == f_r - f_a && f_o <= f_w && \writer.committed == f_w - f_o);
    inv_buffer: assert (fill ? f_r == 0 && f_a == 0 && \reader.reserved == 0 && reader$count == 0
      : f_w <= f_a && \reader.reserved == f_r - f_o && \reader.reserved <= 512 && reader$count == f_a - f_o);
    // The card's side is one range, given or still to be given.
    inv_card: assert ((to_host ? f_source : f_target) == (card_valid ? 58'd0 : beats) || state == FINISH);
    // The other side is the walker's.
    inv_walker: assert (fill ? !\walker.contiguous && !walker$out_valid && f_source == 0
      && \walker.index == \walker.count && \walker.fetch_left == 0 && !\walker.entry_valid && !walker$err
      : entries == 0 ? !(\walker.contiguous && walker$out_valid) && \walker.left == beats && !walker$err
        && \walker.index == \walker.count && \walker.fetch_left == 0 && !\walker.entry_valid
        && (\walker.contiguous ? f_given == 0 : walker$out_valid ? f_given == 0 && walker$out_beats == beats : f_given == beats)
      : !\walker.contiguous && f_held <= beats && \walker.left <= beats && f_given + f_held == beats - \walker.left
        && f_held <= beats - \walker.left );
    inv_known: assert (fill || f_known == (f_k < f_given));
    if (!fill && f_k >= f_r && f_k < f_source) inv_from: assert (from$out_addr + (f_k - f_r) == f_from);
    if (f_k >= f_w && f_k < f_target) inv_to: assert (to$out_addr + (f_k - f_w) == f_to);
    inv_in: assert (fill || \reader.beats.f_in == (f_o <= f_k && f_k < f_a));
    if (!fill && \reader.beats.f_in ) inv_word: assert (\reader.beats.f_word == f_data && \reader.beats.f_ahead == f_k - f_o);
    inv_contiguous: assert (fill || entries != 0 || !f_known || f_range == f_list + f_k);
    inv_contiguous_held: assert (fill || entries != 0 || !walker$out_valid || walker$out_addr == f_list);
  end
  inv_errors: assert ((state != RUN && state != FINISH) || (f_rd_err == reader$err && f_wr_err == writer$err));

  // Where each beat comes from, what it is, and where it goes.
  if (f_rd_k) read_place: assert ((f_known || f_to_host) && !f_fill && f_rd_addr[5:0] == 0 && f_rd_addr[63:6] + (f_k - f_r) == f_from && f_hr_ask == f_from_host);
  if (f_wr_k) write_place: assert ((f_fill || (f_known || !f_to_host) && f_k < f_a) && f_wr_addr[5:0] == 0
    && f_wr_addr[63:6] + (f_k - f_w) == (f_fill ? f_card + f_k : f_to) && f_hw_ask == f_to_host);
  if (f_wr_beat && f_o == f_k && !f_fill) data: assert ((f_hw_beat ? hw_wdat_data : dw_wdat_data) == f_data);
  if (f_wr_beat && f_fill) pattern_data: assert (dw_wdat_data == {8{f_pattern}});
  if (f_wr_beat) strobes: assert ((f_hw_beat ? hw_wdat_strb : dw_wdat_strb) == 64'hffff_ffff_ffff_ffff);
  if (f_known && f_entries == 0) contiguous: assert (f_range == f_list + f_k);
  within: assert (!busy || state == START || (f_r <= f_beats && f_w <= f_beats && f_given + f_held <= f_beats));
  pages: assert ((!hr_rd_valid || hr_rd_addr[11:6] + hr_rd_beats < 64) && (!dr_rd_valid || dr_rd_addr[11:6] + dr_rd_beats < 64)
    && (!hw_wr_valid || hw_wr_addr[11:6] + hw_wr_beats < 64) && (!dw_wr_valid || dw_wr_addr[11:6] + dw_wr_beats < 64)
    && (!hl_rd_valid || hl_rd_addr[11:6] + hl_rd_beats < 64));
  // What was announced.
  accepts: assert (hl_rdat_ready && hr_rdat_ready && dr_rdat_ready);
  room: assert (f_hl_beats + \walker.ahead$count <= 32 && f_hr_beats + f_dr_beats + reader$count <= 512);
  supplies: assert (\writer.committed == 0 || f_fill || f_w <= f_a);
  gives: assert ((!hw_wdat_valid || f_hw_beats != 0) && (!dw_wdat_valid || f_dw_beats != 0));
  goes_on: assert (state != RUN || f_outstanding || f_asks || f_moves || finished || stop);
  rests: assert (busy || !(f_asks || hw_wdat_valid || dw_wdat_valid || f_outstanding));
  if ($past(f_started) && !$past(rst) && !rst) begin
    if (!cancel && !walker$err && !reader$err && !writer$err) begin
      if ($past(hl_rd_valid && !hl_rd_ready)) list_stays: assert (hl_rd_valid && hl_rd_addr == $past(hl_rd_addr) && hl_rd_beats == $past(hl_rd_beats));
      if ($past((hr_rd_valid && !hr_rd_ready) || (dr_rd_valid && !dr_rd_ready))) read_stays: assert (hr_rd_valid == $past(hr_rd_valid)
        && dr_rd_valid == $past(dr_rd_valid) && dr_rd_addr == $past(dr_rd_addr) && dr_rd_beats == $past(dr_rd_beats)
        && hr_rd_addr == $past(hr_rd_addr) && hr_rd_beats == $past(hr_rd_beats));
      if ($past((hw_wr_valid && !hw_wr_ready) || (dw_wr_valid && !dw_wr_ready))) write_stays: assert (hw_wr_valid == $past(hw_wr_valid)
        && dw_wr_valid == $past(dw_wr_valid) && dw_wr_addr == $past(dw_wr_addr) && dw_wr_beats == $past(dw_wr_beats)
        && hw_wr_addr == $past(hw_wr_addr) && hw_wr_beats == $past(hw_wr_beats));
    end
    if ($past(hw_wdat_valid && !hw_wdat_ready)) host_data_stays: assert (hw_wdat_valid && (f_o != f_k || hw_wdat_data == f_data));
    if ($past(dw_wdat_valid && !dw_wdat_ready)) card_data_stays: assert (dw_wdat_valid && (f_fill || f_o != f_k || dw_wdat_data == f_data));
    if ($past(\writer.committed != 0)) hands_over: assert (\writer.committed == 0 || hw_wdat_valid || dw_wdat_valid);
    if ($past((finished || stop) && state == RUN && !f_outstanding)) ends_then: assert (state == FINISH);
    if ($past(state == FINISH)) returns: assert (!busy);
    // The end.
    if ($past(f_cancelled || cancel || f_rd_err || f_wr_err)) stops: assert (!(f_asks && $past(busy)) || !busy);
    if (done_valid) begin
      answers: assert (busy && $past(busy) && !$past(done_valid) && !f_outstanding && !f_asks);
      if (done_status == ST_SUCCESS[7:0]) complete: assert (!$past(f_rd_err) && !$past(f_wr_err) && $past(f_w) == f_beats && $past(f_o) == f_beats
        && (f_fill || ($past(f_r) == f_beats && $past(f_a) == f_beats)) && done_info == 0 && done_addr == 0);
      if ($past(f_rd_err && !walker$err)) read_error: assert (done_addr == {$past(reader$err_addr), 6'd0}
        && done_status == (f_from_host ? ST_HOST_READ_ERROR[7:0] : ST_DRAM_READ_ERROR[7:0]));
      if ($past(f_wr_err && !f_rd_err && !walker$err)) write_error:
        assert (done_addr == {$past(writer$err_addr), 6'd0} && done_status == (f_to_host ? ST_HOST_WRITE_ERROR[7:0] : ST_DRAM_WRITE_ERROR[7:0]));
      if ($past(walker$err)) list_error: assert (done_status == $past(walker$err_status) && done_info == $past(walker$err_info)
        && done_addr == $past(walker$err_addr));
    end
    if (!busy && $past(busy)) ends: assert (!$past(f_outstanding) && ($past(done_valid) || $past(f_cancelled || cancel)));
  end
  copied: cover (done_valid && done_status == 0 && f_beats == 2 && f_to_host && f_entries == 0);
  filled: cover (done_valid && done_status == 0 && f_fill);
  listed: cover (done_valid && done_status == 0 && f_beats == 3 && f_from_host && f_entries == 2);
  failed_read: cover (done_valid && done_status == ST_DRAM_READ_ERROR[7:0]);
  cancelled: cover (!busy && $past(busy && cancel && f_o == 1));
end
