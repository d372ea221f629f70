localparam PLACES = @DEPTH@, ADDRESS = $clog2(PLACES);
include bus_read_client.v p=
include bus_read_server.v p=
// A range is given while `ready`, not under `flush`, and begins with a whole beat. `flush`, once high, stays until `busy` has fallen.
always @(*) assume (!start || (ready && !flush && addr[5:0] == 0));
reg flushed = 1'b0;
always @(posedge clk) flushed <= flush && !rst;
always @(*) assume (!(flushed && busy) || flush);

// Beats are numbered since the last flush, modulo 2^40: of ranges taken; asked for; come; gone out.
reg [39:0] t_beats = 0, n_asked = 0, n_came = 0, n_out = 0;
wire g_out = out_valid && out_ready;
always @(posedge clk)
  if (rst || flush) begin
    t_beats <= 0; n_asked <= 0; n_came <= 0; n_out <= 0;
  end else begin
    if (start) t_beats <= t_beats + beats;
    if (f_ask) n_asked <= n_asked + rd_beats + 1'b1;
    if (f_came) n_came <= n_came + 1'b1;
    if (g_out) n_out <= n_out + 1'b1;
  end

// One beat of one range, which the solver chooses: its number, its address, what came for it.
(* anyseq *) wire pick;
(* anyseq *) wire [32:0] offset;
reg followed = 1'b0, bad_f;
reg [39:0] beat_f;
reg [63:0] addr_f;
reg [511:0] data_f;
always @(posedge clk) begin
  if (f_came && n_came == beat_f) begin
    data_f <= rdat_data;
    bad_f <= rdat_err;
  end
  if (g_out && n_out == beat_f) followed <= 1'b0;
  if (start && pick && !followed && offset < beats) begin
    followed <= 1'b1;
    beat_f <= t_beats + offset;
    addr_f <= addr + {25'd0, offset, 6'd0};
  end
  if (rst || flush) followed <= 1'b0;
end
wire [39:0] to_ask = beat_f - n_asked, to_come = beat_f - n_came, to_go = beat_f - n_out;
wire unasked = !to_ask[39], uncome = !to_come[39];
// The address of the beat that comes, when it failed first.
reg told = 1'b0;
reg [63:0] bad_addr;
always @(posedge clk) begin
  told <= followed && f_came && n_came == beat_f && rdat_err && !err && !flush && !rst;
  bad_addr <= addr_f;
end

(* hierconn *) wire [ADDRESS-1:0] \store.head ;
(* hierconn *) wire [ADDRESS-1:0] \store.tail ;
(* hierconn *) wire [ADDRESS:0] \store.used ;
(* hierconn *) wire [ADDRESS-1:0] \store.f_at ;
(* hierconn *) wire [512:0] \store.f_word ;
assign \store.f_at = \store.head + to_go[ADDRESS-1:0];
always @(posedge clk) if (f_started) begin
  inv_pointers: assert ((\store.tail - \store.head ) % PLACES == \store.used % PLACES);
  inv_owed: assert (outstanding == due && outstanding <= PLACES && reserved <= PLACES);
  inv_request: assert (!request || (todo != 0 && next[5:0] == 0));
  inv_fits: assert (!request || flushed || flush || reserved + length <= PLACES);
  inv_next: assert (todo == 0 || next[5:0] == 0);
  inv_flushed: assert (!flushed || (reserved == 0 && \store.used == 0 && t_beats == 0 && n_asked == 0 && n_came == 0 && n_out == 0 && !followed && !err
    && (request || todo == 0)));
  inv_more: assert (outstanding + (request ? length : 0) <= PLACES);
  if (!flushed) begin
    inv_reserved: assert (reserved == n_asked - n_out && due == n_asked - n_came && \store.used == n_came - n_out);
    inv_todo: assert (t_beats == n_asked + todo);
  end
  if (followed) begin
    inv_ahead: assert (beat_f - n_out < t_beats - n_out);
    if (unasked) inv_next_f: assert (to_ask < todo && addr_f == next + {to_ask, 6'd0});
    if (uncome) inv_arriving: assert (addr_f == arriving + {to_come, 6'd0});
    else inv_store: assert (\store.f_word == {bad_f, data_f});
  end

  asked_right: assert (!(followed && f_ask && unasked && to_ask <= rd_beats) || rd_addr + {to_ask, 6'd0} == addr_f);
  no_more: assert (!f_ask || rd_beats < todo);
  short: assert (!rd_valid || rd_beats < 16);
  place_kept: assert (!f_came || flush || store$in_ready);
  bounded: assert (due + (flushed ? 0 : store$count) <= PLACES);
  order: assert (!(followed && to_go == 0 && out_valid) || out_data == data_f);
  conserved: assert (!out_valid || t_beats - n_out - 1'b1 < 40'h400000000);
  if (told) err_right: assert (err && err_addr == bad_addr);
  busy_right: assert (busy == (flushed ? due != 0 || request : n_out != t_beats));
  ready_right: assert (ready == (flushed ? due == 0 && !request : n_came == t_beats));
  alive: assert (flush || flushed || n_out == t_beats || out_valid || due != 0 || rd_valid || (todo != 0 && reserved + length <= PLACES));
  quiet: assert (!flush || !out_valid);
  if ($past(f_started) && !$past(rst) && $past(flush && !rd_valid)) unbegun: assert (!rd_valid);

  delivered: cover (g_out && followed && n_out == 20 && to_go == 0);
  failed: cover (told);
  dropped: cover (flush && f_came && due == 1);
end
