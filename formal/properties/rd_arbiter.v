localparam DEPTH = @DEPTH@, ADDRESS = $clog2(DEPTH);
include axi_read_master.v p=m_
include axi_read_slave.v p=m_
include arbiter_requests.v r=rd a=ar room=DEPTH most=DEPTH BOUNDED=@BOUNDED@
wire f_end = f_r && m_rlast;
wire f_leave = followed && ahead == 0 && f_end;
// Bursts before the followed one, its beats that have arrived.
reg [15:0] ahead;
reg [7:0] place;
always @(posedge clk) begin
  if (followed && f_end && ahead != 0) ahead <= ahead - 1'b1;
  if (followed && f_r && ahead == 0) place <= place + 1'b1;
  if (f_start) begin
    ahead <= held - f_end;
    place <= 0;
  end
end
wire now = followed && ahead == 0 && m_rvalid;
// The slave ends the followed burst where its length says.
always @(*) assume (!now || m_rlast == (place == beats));

(* hierconn *) wire [ADDRESS:0] \dut.owner.used ;
(* hierconn *) wire [ADDRESS-1:0] \dut.owner.head ;
(* hierconn *) wire [ADDRESS-1:0] \dut.owner.tail ;
(* hierconn *) wire [ADDRESS-1:0] \dut.owner.f_at ;
(* hierconn *) wire [INDEX-1:0] \dut.owner.f_word ;
assign \dut.owner.f_at = \dut.owner.head + ahead[ADDRESS-1:0];
always @(posedge clk) if (f_started) begin
  inv_owner: assert (\dut.owner.used == held && \dut.owner.used == f_reads + m_arvalid);
  inv_pointers: assert ((\dut.owner.tail - \dut.owner.head ) % DEPTH == \dut.owner.used % DEPTH);
  inv_ahead: assert (!followed || (asked ? ahead < f_reads : ahead == f_reads));
  inv_who: assert (!followed || \dut.owner.f_word == who);
  inv_place: assert (!followed || (place <= beats && (ahead == 0 || place == 0)));
  matched: assert (!now || c_rdat_valid == (1 << who));
  carried: assert (c_rdat_data == {N{m_rdata}} && c_rdat_last == {N{m_rlast}} && c_rdat_err == {N{m_rresp[1]}});
  moved: assert (!now || f_r == c_rdat_ready[who]);
  unasked: assert (c_rdat_valid == 0 || (m_rvalid && (c_rdat_valid & (c_rdat_valid - 1'b1)) == 0));
end
