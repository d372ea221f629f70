localparam PLACES = @DEPTH@, ADDRESS = $clog2(PLACES);
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

// Something moved in the clock before.
reg moved = 1'b1;
always @(posedge clk) moved <= rst || flush || start || f_ask || f_came || g_out;
(* hierconn *) wire [ADDRESS-1:0] \store.head ;
(* hierconn *) wire [ADDRESS-1:0] \store.tail ;
(* hierconn *) wire [ADDRESS:0] \store.used ;
always @(posedge clk) if (f_started) begin
  inv_pointers: assert ((\store.tail - \store.head ) % PLACES == \store.used % PLACES);
  inv_owed: assert (outstanding == due && outstanding <= PLACES && reserved <= PLACES);
  inv_request: assert (!request || (todo != 0 && next[5:0] == 0));
  inv_fits: assert (!request || flushed || flush || reserved + length <= PLACES);
  inv_next: assert (todo == 0 || next[5:0] == 0);
  inv_flushed: assert (!flushed || (reserved == 0 && \store.used == 0 && t_beats == 0 && n_asked == 0 && n_came == 0 && n_out == 0 && !err
    && (request || todo == 0)));
  inv_moved: assert (moved || flushed || request || !(todo != 0 && reserved + length <= PLACES));
  inv_more: assert (outstanding + (request ? length : 0) <= PLACES);
  if (!flushed) begin
    inv_reserved: assert (reserved == n_asked - n_out && due == n_asked - n_came && \store.used == n_came - n_out);
    inv_todo: assert (t_beats == n_asked + todo);
  end
  @I@no_more: assert (!f_ask || rd_beats < todo);
  @I@short: assert (!rd_valid || rd_beats < 16);
  inv_place_kept: assert (!f_came || flush || store$in_ready);
  @I@bounded: assert (due + (flushed ? 0 : store$count) <= PLACES);
  @I@conserved: assert (!out_valid || t_beats - n_out - 1'b1 < 40'h400000000);
  @I@busy_right: assert (busy == (flushed ? due != 0 || request : n_out != t_beats));
  @I@ready_right: assert (ready == (flushed ? due == 0 && !request : n_came == t_beats));
  @I@alive: assert (flush || flushed || n_out == t_beats || out_valid || due != 0 || rd_valid || moved);
  @I@quiet: assert (!flush || !out_valid);
  if ($past(f_started) && !$past(rst) && $past(flush && !rd_valid)) @I@unbegun: assert (!rd_valid);
end
