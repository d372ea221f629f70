localparam DEPTH = @DEPTH@, BURSTS = @BURSTS@, ADDRESS = $clog2(DEPTH), UADDRESS = $clog2(BURSTS), BEATS = $bits(cut$out_beats),
  ADDR = $bits(cut$out_addr), COUNT = $bits(job_count), SLOT = ADDR + BEATS, FIELD = $bits(in_data), NUMBER = 8;
include bus_write_client.v p=
include bus_write_server.v p=
always @(*) assume (!job_valid || job_count != 0);
// `flush`, once high, stays until `busy` has fallen.
reg flushed = 1'b0;
always @(posedge clk) flushed <= flush && !rst;
always @(*) assume (!(flushed && busy) || flush);

// Numbers wrap, so they are compared by differences; all literals beside them have a size.
// Beats and elements are numbered since the last flush. Of jobs taken; of bursts cut off; elements taken in; beats made up, stored, of
// complete bursts, announced, announced on the bus, sent; halves stored and sent.
reg [NUMBER-1:0] t_beats = 0, t_elements = 0, n_cut = 0, e_cut = 0, n_in = 0, n_made = 0, n_stored = 0, e_stored = 0, n_complete = 0,
  n_asked = 0, m_asked = 0, n_sent = 0, e_sent = 0;
wire g_take = job_valid && job_ready;
wire [COUNT:0] g_halves = job_count + job_addr[5];
wire g_cut = beat_done && last;
wire [NUMBER-1:0] g_beats = cut$out_beats + 8'd1;
wire g_store = pair_valid && !flush;
wire g_complete = pair_valid && pair_last;
wire g_ask = ask && complete$out_valid;
wire low = wdat_strb[0], high = wdat_strb[63];
always @(posedge clk)
  if (rst || flush) begin
    t_beats <= 0; t_elements <= 0; n_cut <= 0; e_cut <= 0; n_in <= 0; n_made <= 0; n_stored <= 0; e_stored <= 0; n_complete <= 0;
    n_asked <= 0; m_asked <= 0; n_sent <= 0; e_sent <= 0;
  end else begin
    if (g_take) t_beats <= t_beats + g_halves[COUNT:1] + g_halves[0];
    if (g_take) t_elements <= t_elements + job_count;
    if (g_cut) n_cut <= n_cut + g_beats;
    if (g_cut) e_cut <= e_cut + 2 * g_beats - cut$out_skip_first - cut$out_skip_last;
    if (load) n_in <= n_in + 1'b1;
    if (beat_done) n_made <= n_made + 1'b1;
    if (g_store) n_stored <= n_stored + 1'b1;
    if (g_store) e_stored <= e_stored + strobe[0] + strobe[1];
    if (g_complete) n_complete <= n_complete + pair_beats + 1'b1;
    if (g_ask) n_asked <= n_asked + beats + 1'b1;
    if (f_ask) m_asked <= m_asked + wr_beats + 1'b1;
    if (f_beat) n_sent <= n_sent + 1'b1;
    if (f_beat) e_sent <= e_sent + low + high;
  end

// One element of one job, which the solver chooses: its beat's number and address, its half, its own number, its value.
(* anyseq *) wire pick;
(* anyseq *) wire [COUNT-1:0] offset;
wire [COUNT:0] g_half = offset + job_addr[5];
reg followed = 1'b0, half_f;
reg [NUMBER-1:0] beat_f, element_f;
reg [ADDR-1:0] addr_f;
reg [FIELD-1:0] data_f;
wire g_start = g_take && pick && !followed && offset < job_count;
always @(posedge clk) begin
  if (load && n_in == element_f) data_f <= in_data;
  if (f_beat && beat_f == n_sent) followed <= 1'b0;
  if (g_start) begin
    followed <= 1'b1;
    half_f <= g_half[0];
    beat_f <= t_beats + g_half[COUNT:1];
    element_f <= t_elements + offset;
    addr_f <= (job_addr >> 6) + g_half[COUNT:1];
  end
  if (rst || flush) followed <= 1'b0;
end
wire [NUMBER-1:0] to_in = element_f - n_in, to_cut = beat_f - n_cut, to_make = beat_f - n_made, to_store = beat_f - n_stored,
  to_bus = beat_f - m_asked, to_ask = beat_f - n_asked, to_send = beat_f - n_sent;
wire not_in = !to_in[NUMBER-1], uncut = !to_cut[NUMBER-1], unmade = !to_make[NUMBER-1], unstored = !to_store[NUMBER-1],
  unbussed = !to_bus[NUMBER-1], unasked = !to_ask[NUMBER-1];

// A beat was stored or sent in the clock before.
reg moved = 1'b1;
always @(posedge clk) moved <= rst || flush || g_store || f_beat;

// One burst, from its announcement to its answer.
(* anyseq *) wire pick_b;
reg followed_b = 1'b0, first_err = 1'b0;
reg [63:0] burst_f;
reg [7:0] ahead;
always @(posedge clk) begin
  first_err <= followed_b && wack_valid && ahead == 0 && wack_err && !err && !flush && !rst;
  if (followed_b && wack_valid) begin
    if (ahead == 0) followed_b <= 1'b0;
    else ahead <= ahead - 1'b1;
  end
  if (f_ask && pick_b && !followed_b) begin
    followed_b <= 1'b1;
    burst_f <= wr_addr;
    ahead <= unanswered_f - wack_valid;
  end
  if (rst) followed_b <= 1'b0;
end

(* hierconn *) wire [COUNT-1:0] \cut.left ;
(* hierconn *) wire [ADDR-1:0] \cut.addr ;
(* hierconn *) wire \cut.skip_first ;
(* hierconn *) wire \cut.skip_last ;
(* hierconn *) wire [ADDRESS-1:0] \complete.head ;
(* hierconn *) wire [ADDRESS-1:0] \complete.tail ;
(* hierconn *) wire [ADDRESS:0] \complete.used ;
(* hierconn *) wire [DEPTH*SLOT-1:0] \complete.f_all ;
(* hierconn *) wire [ADDRESS-1:0] \store.head ;
(* hierconn *) wire [ADDRESS-1:0] \store.tail ;
(* hierconn *) wire [ADDRESS:0] \store.used ;
(* hierconn *) wire [DEPTH*(2*FIELD+2)-1:0] \store.f_all ;
(* hierconn *) wire [UADDRESS-1:0] \unanswered.head ;
(* hierconn *) wire [UADDRESS-1:0] \unanswered.tail ;
(* hierconn *) wire [UADDRESS:0] \unanswered.used ;
(* hierconn *) wire [BURSTS*ADDR-1:0] \unanswered.f_all ;
wire [UADDRESS-1:0] at_burst = \unanswered.head + ahead[UADDRESS-1:0], newest = \unanswered.tail - 1'b1;
wire [ADDR-1:0] word_burst = \unanswered.f_all >> ADDR * at_burst, word_newest = \unanswered.f_all >> ADDR * newest;
wire [COUNT-1:0] g_left = cut$out_valid ? \cut.left : 5'd0;
wire [NUMBER-1:0] g_elements = cut$out_valid ? 2 * {3'd0, \cut.left } - \cut.skip_first - \cut.skip_last : 8'd0;
wire [NUMBER-1:0] g_shown = wr_valid ? wr_beats + 1'b1 : 8'd0;
wire [NUMBER-1:0] g_pending = pair_valid ? strobe[0] + 8'd0 + strobe[1] : 8'd0;

// The numbers at which the bursts in `complete` and the beats in `store` begin; slot by slot, the oldest first.
reg [NUMBER-1:0] start [0:DEPTH-1], estart [0:DEPTH-1];
always @(posedge clk) begin
  if (g_complete) start[\complete.tail ] <= n_complete;
  if (g_store) estart[\store.tail ] <= e_stored;
end
wire [DEPTH-1:0] burst_ends, burst_forms, burst_addrs, beat_ends;
genvar d;
generate for (d = 0; d < DEPTH; d = d + 1) begin : slot
  wire [ADDRESS-1:0] at = \complete.head + d, after = \complete.head + d + 1;
  wire [ADDR-1:0] s_addr;
  wire [BEATS-1:0] s_beats;
  wire [SLOT-1:0] word = \complete.f_all >> SLOT * at;
  assign {s_addr, s_beats} = word;
  wire [NUMBER-1:0] s_start = start[at], s_end = d + 1 < \complete.used ? start[after] : n_complete;
  wire [NUMBER-1:0] within = beat_f - s_start;
  wire s_used = d < \complete.used ;
  assign burst_ends[d] = !s_used || s_end == s_start + s_beats + 1'b1;
  assign burst_forms[d] = !s_used || s_addr[BEATS-1:0] + s_beats < (1 << BEATS);
  assign burst_addrs[d] = !s_used || !followed || within > s_beats || addr_f == s_addr + within;
  wire [ADDRESS-1:0] b_at = \store.head + d, b_after = \store.head + d + 1;
  wire [1:0] b_strobe = \store.f_all >> (2 * FIELD + 2) * b_at + 2 * FIELD;
  wire [NUMBER-1:0] b_start = estart[b_at], b_end = d + 1 < \store.used ? estart[b_after] : e_stored;
  assign beat_ends[d] = flushed || d >= \store.used || b_end == b_start + b_strobe[0] + b_strobe[1];
end endgenerate
// The beat of the element followed, while it is held.
wire [ADDRESS-1:0] at_f = \store.head + to_send[ADDRESS-1:0];
wire [2*FIELD+1:0] word_f = \store.f_all >> (2 * FIELD + 2) * at_f;

always @(posedge clk) if (f_started) begin
  inv_pointers: assert ((\store.tail - \store.head ) % DEPTH == \store.used % DEPTH && (\complete.tail - \complete.head ) % DEPTH == \complete.used % DEPTH
    && (\unanswered.tail - \unanswered.head ) % BURSTS == \unanswered.used % BURSTS);
  inv_room: assert (\store.used + pair_valid < DEPTH && (!room || \store.used < DEPTH - 2));
  inv_moved: assert (moved || flushed || room == (store$count < DEPTH - 3));
  inv_unanswered: assert (\unanswered.used == unanswered_f + wr_valid && \unanswered.used <= BURSTS);
  inv_owed: assert (announced <= DEPTH && owed == announced + g_shown && owed <= \store.used );
  inv_burst: assert (!followed_b || (ahead < unanswered_f && burst_f[63:6] == word_burst && burst_f[5:0] == 0));
  inv_shown_addr: assert (!wr_valid || (wr_addr[63:6] == word_newest && wr_addr[5:0] == 0 && wr_addr[6+:BEATS] + wr_beats < (1 << BEATS)));
  inv_pair_form: assert (!g_complete || pair_addr[BEATS-1:0] + pair_beats < (1 << BEATS));
  inv_flushed: assert (!flushed || (\complete.used == 0 && !cut$out_valid && !pair_valid && place == 0 && !upper && !followed && !err));
  inv_flushed_f: assert (!flushed || (t_beats == 0 && t_elements == 0 && n_cut == 0 && e_cut == 0 && n_in == 0 && n_made == 0 && n_stored == 0
    && e_stored == 0 && n_complete == 0 && n_asked == 0 && m_asked == 0 && n_sent == 0 && e_sent == 0));
  if (!flushed) begin
    inv_cut: assert (t_beats == n_cut + g_left && t_elements == e_cut + g_elements);
    inv_made: assert (n_made == n_cut + place && n_made == n_stored + pair_valid);
    inv_stored: assert (n_stored == n_sent + \store.used && e_stored + g_pending == n_in - upper);
    inv_complete: assert (n_cut == n_complete + (g_complete ? pair_beats + 8'd1 : 8'd0));
    inv_asked: assert (n_asked == n_sent + owed && n_asked == m_asked + g_shown);
    inv_head_b: assert (e_sent == (\store.used != 0 ? estart[\store.head ] : e_stored));
  end
  inv_left: assert (!cut$out_valid || (\cut.left != 0 && !(\cut.left == 1 && \cut.skip_first && \cut.skip_last ) && \cut.left <= 16));
  inv_place: assert (cut$out_valid ? place <= cut$out_beats : place == 0 && !upper);
  inv_pair: assert (!pair_valid || (strobe != 0 && (place == 0) == pair_last));
  inv_in: assert (!cut$out_valid || n_in == e_cut + 8'd2 * place + upper - (cut$out_skip_first && (place != 0 || upper)));
  inv_in_none: assert (cut$out_valid || n_in == e_cut);
  inv_upper: assert (!upper || (!(place == 0 && cut$out_skip_first) && !(last && cut$out_skip_last)));
  inv_burst_ends: assert (&burst_ends);
  inv_burst_forms: assert (&burst_forms);
  inv_burst_addrs: assert (&burst_addrs);
  inv_beat_ends: assert (&beat_ends);
  inv_none: assert (\complete.used == 0 ? n_asked == n_complete || flushed : n_asked == start[\complete.head ]);
  if (followed) begin
    inv_ahead: assert (to_send < t_beats - n_sent && element_f - e_sent < t_elements - e_sent);
    inv_not_in: assert (not_in ? unmade : (to_make == 0 ? upper && !half_f && element_f + 1'b1 == n_in : !unmade));
    if (uncut) inv_cut_f: assert (cut$out_valid && to_cut < \cut.left && addr_f == \cut.addr + to_cut
      && element_f == e_cut + 8'd2 * to_cut + half_f - \cut.skip_first
      && !(to_cut == 0 && \cut.skip_first && !half_f) && !(to_cut + 8'd1 == \cut.left && \cut.skip_last && half_f));
    if (!not_in && unmade) inv_half: assert (pair[0+:FIELD] == data_f);
    if (unstored && !unmade) inv_pair_f: assert (pair_valid && element_f == e_stored + (half_f && strobe[0]) && (half_f ? strobe[1] : strobe[0])
      && data_f == (half_f ? pair[FIELD+:FIELD] : pair[0+:FIELD]));
    if (!unstored) inv_held_f: assert (to_send < \store.used && element_f == estart[at_f] + (half_f && word_f[2*FIELD]) && word_f[2*FIELD+half_f]
      && data_f == (half_f ? word_f[FIELD+:FIELD] : word_f[0+:FIELD]));
    if (!uncut && g_complete && n_cut - beat_f <= pair_beats + 8'd1) inv_pair_addr: assert (addr_f == pair_addr + (beat_f - n_complete));
    if (unbussed && !unasked) inv_bus_f: assert (wr_addr[63:6] + to_bus == addr_f);
  end

  asked_right: assert (!(followed && f_ask && unbussed && to_bus <= wr_beats) || (wr_addr[63:6] + to_bus == addr_f && wr_addr[5:0] == 0));
  no_more: assert (flushed || (t_beats - m_asked - g_shown < 8'h40 && t_elements - n_in < 8'h40));
  place_kept: assert (!g_store || (store$in_ready && (!pair_last || complete$in_ready)));
  order: assert (!(followed && f_beat && to_send == 0) || (element_f == e_sent + (half_f && low)
    && (half_f ? wdat_data[511:256] : wdat_data[255:0]) == {2'd0, data_f} && (half_f ? high : low)));
  strobes: assert (wdat_strb == {{32{high}}, {32{low}}} && (!wdat_valid || flushed || t_elements - e_sent - low - high < 8'h80));
  one_in: assert (!(followed && load && to_in == 0) || unmade);
  bounded: assert (unanswered_f + wr_valid <= BURSTS);
  if (first_err) err_right: assert (err && err_addr == burst_f_past);
  busy_right: assert (busy == (flushed ? \store.used != 0 || unanswered_f + wr_valid != 0 : n_sent != t_beats || unanswered_f + wr_valid != 0));
  alive: assert (flush || flushed || n_sent == t_beats || in_ready || pair_valid || wdat_valid || wr_valid || g_ask || unanswered_f != 0
    || moved);
  quiet: assert (!flush || (!job_ready && !in_ready && !g_ask));

  full: cover (\store.used + pair_valid == DEPTH - 1);
  delivered: cover (followed && f_beat && to_send == 0 && element_f == 4 && half_f);
  failed: cover (first_err && ahead_past != 0);
  finished: cover (flushed && f_beat && announced == 1);
end
reg [63:0] burst_f_past;
reg [7:0] ahead_past = 0;
always @(posedge clk) burst_f_past <= burst_f;
// Answers before the followed one's, at its start.
always @(posedge clk) if (f_ask && pick_b && !followed_b) ahead_past <= unanswered_f - wack_valid;
