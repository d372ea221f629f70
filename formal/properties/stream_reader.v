localparam DEPTH = @DEPTH@, ADDRESS = $clog2(DEPTH), BEATS = $bits(cut$out_beats), ADDR = $bits(cut$out_addr), COUNT = $bits(job_count),
  SLOT = ADDR + BEATS + 2, NUMBER = 8;
include bus_read_client.v p=
include bus_read_server.v p=
always @(*) assume (!job_valid || job_count != 0);
// `flush`, once high, stays until `busy` has fallen.
reg flushed = 1'b0;
always @(posedge clk) flushed <= flush && !rst;
always @(*) assume (!(flushed && busy) || flush);

// Numbers wrap, so they are compared by differences; all literals beside them have a size.
// Beats and elements are numbered since the last flush. Of jobs taken; asked for; asked for on the bus; come; used up.
reg [NUMBER-1:0] t_beats = 0, t_elements = 0, n_asked = 0, e_asked = 0, m_asked = 0, n_came = 0, n_done = 0, n_load = 0, n_out = 0;
wire g_take = job_valid && job_ready;
wire [COUNT:0] g_halves = job_count + job_addr[5];
wire g_cut = ask && cut$out_valid;
wire [NUMBER-1:0] g_beats = cut$out_beats + 8'd1;
wire g_out = out_valid && out_ready;
always @(posedge clk)
  if (rst || flush) begin
    t_beats <= 0; t_elements <= 0; n_asked <= 0; e_asked <= 0; m_asked <= 0; n_came <= 0; n_done <= 0; n_load <= 0; n_out <= 0;
  end else begin
    if (g_take) t_beats <= t_beats + g_halves[COUNT:1] + g_halves[0];
    if (g_take) t_elements <= t_elements + job_count;
    if (g_cut) n_asked <= n_asked + g_beats;
    if (g_cut) e_asked <= e_asked + 2 * g_beats - cut$out_skip_first - cut$out_skip_last;
    if (f_ask) m_asked <= m_asked + rd_beats + 1'b1;
    if (f_came) n_came <= n_came + 1'b1;
    if (beat_done) n_done <= n_done + 1'b1;
    if (load) n_load <= n_load + 1'b1;
    if (g_out) n_out <= n_out + 1'b1;
  end

// One element of one job, which the solver chooses: its beat's number and address, its half, its own number, what came for it.
(* anyseq *) wire pick;
(* anyseq *) wire [COUNT-1:0] offset;
wire [COUNT:0] g_half = offset + job_addr[5];
reg followed = 1'b0, half_f, bad_f;
reg [NUMBER-1:0] beat_f, element_f;
reg [ADDR-1:0] addr_f;
reg [255:0] data_f;
wire g_start = g_take && pick && !followed && offset < job_count;
always @(posedge clk) begin
  if (f_came && n_came == beat_f) begin
    data_f <= half_f ? rdat_data[511:256] : rdat_data[255:0];
    bad_f <= rdat_err;
  end
  if (g_out && element_f == n_out) followed <= 1'b0;
  if (g_start) begin
    followed <= 1'b1;
    half_f <= g_half[0];
    beat_f <= t_beats + g_half[COUNT:1];
    element_f <= t_elements + offset;
    addr_f <= (job_addr >> 6) + g_half[COUNT:1];
  end
  if (rst || flush) followed <= 1'b0;
end
// Places: from the beat or element that is next.
wire [NUMBER-1:0] to_ask = beat_f - n_asked, to_bus = beat_f - m_asked, to_come = beat_f - n_came, to_use = beat_f - n_done;
wire unasked = !to_ask[NUMBER-1], unbussed = !to_bus[NUMBER-1], uncome = !to_come[NUMBER-1];
wire at_hand = followed && element_f == n_out;
wire shown_f = at_hand && held;

(* hierconn *) wire [COUNT-1:0] \cut.left ;
(* hierconn *) wire [ADDR-1:0] \cut.addr ;
(* hierconn *) wire \cut.skip_first ;
(* hierconn *) wire \cut.skip_last ;
(* hierconn *) wire [ADDRESS-1:0] \asked.head ;
(* hierconn *) wire [ADDRESS-1:0] \asked.tail ;
(* hierconn *) wire [ADDRESS:0] \asked.used ;
(* hierconn *) wire [DEPTH*SLOT-1:0] \asked.f_all ;
(* hierconn *) wire [ADDRESS-1:0] \store.head ;
(* hierconn *) wire [ADDRESS-1:0] \store.tail ;
(* hierconn *) wire [ADDRESS:0] \store.used ;
(* hierconn *) wire [ADDRESS-1:0] \store.f_at ;
(* hierconn *) wire [512:0] \store.f_word ;
assign \store.f_at = \store.head + to_use[ADDRESS-1:0];
wire [COUNT-1:0] g_left = cut$out_valid ? \cut.left : 5'd0;
wire [NUMBER-1:0] g_elements = cut$out_valid ? 2 * {3'd0, \cut.left } - \cut.skip_first - \cut.skip_last : 8'd0;
wire [NUMBER-1:0] g_shown = rd_valid ? rd_beats + 1'b1 : 8'd0;

// The numbers at which the bursts in `asked` begin; slot by slot, the oldest first.
reg [NUMBER-1:0] start [0:DEPTH-1], estart [0:DEPTH-1];
always @(posedge clk) if (g_cut) begin
  start[\asked.tail ] <= n_asked;
  estart[\asked.tail ] <= e_asked;
end
wire [DEPTH-1:0] slots_right, slots_right_f;
genvar d;
generate for (d = 0; d < DEPTH; d = d + 1) begin : slot
  wire [ADDRESS-1:0] at = \asked.head + d, after = \asked.head + d + 1;
  wire valid = d < \asked.used ;
  wire [ADDR-1:0] s_addr;
  wire [BEATS-1:0] s_beats;
  wire s_first, s_last;
  wire [SLOT-1:0] word = \asked.f_all >> SLOT * at;
  assign {s_addr, s_beats, s_first, s_last} = word;
  wire [NUMBER-1:0] s_start = start[at], s_estart = estart[at];
  wire [NUMBER-1:0] s_end = d + 1 < \asked.used ? start[after] : n_asked, s_eend = d + 1 < \asked.used ? estart[after] : e_asked;
  wire [NUMBER-1:0] within = beat_f - s_start;
  assign slots_right[d] = !valid || (s_end == s_start + s_beats + 1'b1 && s_eend == s_estart + 8'd2 * (s_beats + 8'd1) - s_first - s_last
    && (s_beats != 0 || !(s_first && s_last)));
  assign slots_right_f[d] = !valid || !followed || within > s_beats || (element_f == s_estart + 8'd2 * within + half_f - s_first
    && !(within == 0 && s_first && !half_f) && !(within == s_beats && s_last && half_f) && addr_f == s_addr + within);
end endgenerate

always @(posedge clk) if (f_started) begin
  inv_pointers: assert ((\store.tail - \store.head ) % DEPTH == \store.used % DEPTH && \store.used <= DEPTH);
  inv_pointers_a: assert ((\asked.tail - \asked.head ) % DEPTH == \asked.used % DEPTH && \asked.used <= DEPTH);
  inv_owed: assert (outstanding == due + g_shown && outstanding <= DEPTH);
  inv_flushed: assert (!flushed || (reserved == 0 && \store.used == 0 && \asked.used == 0 && !cut$out_valid && !held && place == 0 && !upper));
  inv_flushed_f: assert (!flushed || (t_beats == 0 && t_elements == 0 && n_asked == 0 && e_asked == 0 && m_asked == 0 && n_came == 0
    && n_done == 0 && n_load == 0 && n_out == 0 && !followed && !err));
  if (!flushed) begin
    inv_reserved: assert (reserved == n_asked - n_done && reserved <= DEPTH && outstanding == n_asked - n_came);
    inv_store: assert (\store.used == n_came - n_done);
    inv_bus: assert (m_asked + g_shown == n_asked);
    inv_cut: assert (t_beats == n_asked + g_left && t_elements == e_asked + g_elements);
    inv_held: assert (n_load == n_out + held);
  end
  inv_slots: assert (&slots_right && &slots_right_f);
  inv_left: assert (!cut$out_valid || (\cut.left != 0 && !(\cut.left == 1 && \cut.skip_first && \cut.skip_last ) && \cut.left <= 16));
  inv_none: assert (\asked.used != 0 || (n_done == n_asked && n_load == e_asked && place == 0 && !upper));
  if (\asked.used != 0) begin
    inv_head: assert (n_done == start[\asked.head ] + place && place <= beats);
    inv_head_e: assert (n_load == estart[\asked.head ] + 8'd2 * place + upper - (skip_first && (place != 0 || upper)));
    inv_upper: assert (!upper || !(place == 0 && skip_first) && !(last && skip_last));
  end
  if (followed) begin
    inv_ahead: assert (beat_f - n_done < t_beats - n_done || shown_f);
    inv_ahead_e: assert (element_f - n_out < t_elements - n_out);
    if (unasked) inv_cut_f: assert (cut$out_valid && to_ask < \cut.left && addr_f == \cut.addr + to_ask
      && element_f == e_asked + 8'd2 * to_ask + half_f - \cut.skip_first
      && !(to_ask == 0 && \cut.skip_first && !half_f) && !(to_ask + 1 == \cut.left && \cut.skip_last && half_f));
    if (unbussed && !unasked) inv_bus_f: assert (addr_f == rd_addr[63:6] + to_bus && rd_addr[5:0] == 0);
    if (!uncome && !to_use[NUMBER-1]) inv_store_f: assert (\store.f_word [512] == bad_f && data_f == (half_f ? \store.f_word [511:256] : \store.f_word [255:0]));
    inv_shown: assert (!shown_f || (n_done - beat_f <= 1'b1 && !uncome && !bad_f && {out_top, out_data} == data_f));
  end
  inv_err: assert (!err || (here && bad && err_addr == {addr + place, 6'd0}));

  asked_right: assert (!(followed && f_ask && unbussed && to_bus <= rd_beats) || rd_addr[63:6] + to_bus == {{58-ADDR{1'b0}}, addr_f} && rd_addr[5:0] == 0);
  no_more: assert (flushed || t_beats - m_asked - g_shown < 8'h40);
  place_kept: assert (!f_came || flush || store$in_ready);
  bounded: assert (due + g_shown + (flushed ? 0 : store$count) <= DEPTH);
  order: assert (!(at_hand && out_valid) || (!bad_f && {out_top, out_data} == data_f));
  conserved: assert (!out_valid || t_elements - n_out - 1'b1 < 8'h80);
  err_right: assert (!(err && followed && beat_f == n_done) || (bad_f && err_addr == {addr_f, 6'd0}));
  if ($past(f_started) && !$past(rst || flush) && !flush && $past(followed && !uncome && !shown_f && bad_f && beat_f == n_done && store$out_valid && asked$out_valid))
    err_told: assert (err);
  busy_right: assert (flushed ? busy == (due + g_shown != 0) : busy == (n_out != t_elements));
  alive: assert (flush || flushed || err || n_out == t_elements || out_valid || (here && bad) || load || due != 0 || rd_valid || g_cut || $past(f_came));
  quiet: assert ((!flush || (!job_ready && !out_valid)) && (!flushed || !rd_valid || $past(rd_valid)));

  full: cover (due + store$count == DEPTH);
  delivered: cover (g_out && at_hand && element_f == 4 && half_f);
  failed: cover (err && followed);
  dropped: cover (flush && f_came && due == 1);
end
