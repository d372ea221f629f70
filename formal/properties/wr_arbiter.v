localparam DEPTH = @DEPTH@, ADDRESS = $clog2(DEPTH);
include axi_write_master.v p=m_
include axi_write_slave.v p=m_
include arbiter_requests.v r=wr a=aw room=DEPTH-1 most=DEPTH-1 BOUNDED=@BOUNDED@
// Clients: data, once offered, stay until they are taken.
genvar c;
generate for (c = 0; c < N; c = c + 1) begin : client
  always @(posedge clk) if (f_started && $past(f_started) && !$past(rst) && $past(c_wdat_valid[c] && !c_wdat_ready[c]))
    assume (c_wdat_valid[c] && {c_wdat_data[512*c+:512], c_wdat_strb[64*c+:64]}
      == $past({c_wdat_data[512*c+:512], c_wdat_strb[64*c+:64]}));
end endgenerate

wire f_end = f_b;
wire f_last = f_w && m_wlast;
wire f_leave = followed && sent && ahead_b == 0 && f_b;
// Bursts before the followed one whose data are not complete, that are not answered; its beats that have gone; all have.
reg [15:0] ahead_w, ahead_b;
reg [7:0] place;
reg sent;
// Bursts taken whose data are not complete.
reg [15:0] open = 0;
always @(posedge clk) begin
  open <= rst ? 0 : open + (f_taken != 0) - f_last;
  if (followed && !sent) begin
    if (f_last && ahead_w != 0) ahead_w <= ahead_w - 1'b1;
    if (f_last && ahead_w == 0) sent <= 1'b1;
    if (f_w && ahead_w == 0) place <= place + 1'b1;
  end
  if (followed && f_b && ahead_b != 0) ahead_b <= ahead_b - 1'b1;
  if (f_start) begin
    ahead_w <= open - f_last;
    ahead_b <= held - f_b;
    place <= 0;
    sent <= 1'b0;
  end
end
wire now = followed && asked && !sent && ahead_w == 0;
reg [575:0] supplied;
integer j;
always @(*) begin
  supplied = 0;
  for (j = 0; j < N; j = j + 1) if (who == j) supplied = {c_wdat_data[512*j+:512], c_wdat_strb[64*j+:64]};
end

(* hierconn *) wire [ADDRESS:0] \dut.data.used ;
(* hierconn *) wire [ADDRESS-1:0] \dut.data.head ;
(* hierconn *) wire [ADDRESS-1:0] \dut.data.tail ;
(* hierconn *) wire [ADDRESS-1:0] \dut.data.f_at ;
(* hierconn *) wire [INDEX+7:0] \dut.data.f_word ;
(* hierconn *) wire [ADDRESS:0] \dut.answer.used ;
(* hierconn *) wire [ADDRESS-1:0] \dut.answer.head ;
(* hierconn *) wire [ADDRESS-1:0] \dut.answer.tail ;
(* hierconn *) wire [ADDRESS-1:0] \dut.answer.f_at ;
(* hierconn *) wire [INDEX-1:0] \dut.answer.f_word ;
(* hierconn *) wire [INDEX-1:0] \dut.aw_owner ;
(* hierconn *) wire [7:0] \dut.beat ;
assign \dut.data.f_at = \dut.data.head + ahead_w[ADDRESS-1:0];
assign \dut.answer.f_at = \dut.answer.head + ahead_b[ADDRESS-1:0];
always @(posedge clk) if (f_started) begin
  inv_data: assert (\dut.data.used == f_writes && \dut.data.used + m_awvalid == open);
  inv_answer: assert (\dut.answer.used + m_awvalid == held && \dut.answer.used == f_writes + f_complete);
  inv_pointers: assert ((\dut.data.tail - \dut.data.head ) % DEPTH == \dut.data.used % DEPTH);
  inv_pointers_b: assert ((\dut.answer.tail - \dut.answer.head ) % DEPTH == \dut.answer.used % DEPTH);
  inv_room: assert (\dut.answer.used + m_awvalid <= DEPTH && f_complete <= DEPTH && f_writes <= DEPTH);
  inv_asked: assert (!(followed && !asked) || (\dut.aw_owner == who && !sent && ahead_w == f_writes && ahead_b == \dut.answer.used ));
  inv_ahead: assert (!(followed && asked) || ((sent || ahead_w < f_writes) && ahead_b < \dut.answer.used ));
  inv_sent: assert (!(followed && asked) || (sent ? ahead_b < f_complete : ahead_b == f_complete + ahead_w));
  inv_who: assert (!(followed && asked && !sent) || \dut.data.f_word == {who, beats});
  inv_who_b: assert (!(followed && asked) || \dut.answer.f_word == who);
  inv_place: assert (!(followed && !sent) || (place <= beats && (ahead_w == 0 ? place == \dut.beat : place == 0)));
  inv_beat: assert (f_writes != 0 || \dut.beat == 0);
  matched: assert (!now || (m_wvalid == c_wdat_valid[who] && (!m_wvalid || {m_wdata, m_wstrb} == supplied)));
  ended_right: assert (!(now && m_wvalid) || m_wlast == (place == beats));
  moved: assert (!now || f_w == (c_wdat_valid[who] && c_wdat_ready[who]));
  unasked: assert ((c_wdat_valid & c_wdat_ready) == 0 || (f_w && (c_wdat_ready & (c_wdat_ready - 1'b1)) == 0));
  supplies: assert (m_wvalid || f_writes == 0 || c_wdat_valid != {N{1'b1}});
  answered: assert (!(followed && sent && ahead_b == 0 && m_bvalid) || (c_wack_valid == (1 << who) && c_wack_err == {N{m_bresp[1]}}));
  shown: assert (!m_bvalid || m_bready);
  answered_once: assert (c_wack_valid == 0 || (m_bvalid && (c_wack_valid & (c_wack_valid - 1'b1)) == 0));
end
