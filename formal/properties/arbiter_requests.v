// Requests `c_@r@_…` of N clients to the address channel `m_@a@…`, at most DEPTH of them in flight.
localparam N = $bits(c_@r@_valid), INDEX = N < 3 ? 1 : $clog2(N);
wire [N-1:0] f_taken = c_@r@_valid & c_@r@_ready;
wire f_ask = m_@a@valid && m_@a@ready;
// One client and one of its bursts, which the solver chooses.
(* anyconst *) wire [INDEX-1:0] who;
always @(*) assume (who < N);
(* anyseq *) wire pick;
wire f_start = !followed && pick && f_taken[who];
reg followed = 1'b0, asked;
reg [63:0] addr;
reg [7:0] beats;
// Bursts taken and not at their end.
reg [15:0] held = 0;
reg pending = 1'b0;
// Grants to others since the client asked.
reg [7:0] passed = 0;
always @(posedge clk) begin
  held <= held + (f_taken != 0) - f_end;
  pending <= f_taken != 0 || (pending && !m_@a@ready);
  if (!c_@r@_valid[who] || f_taken[who]) passed <= 0;
  else if (f_taken != 0) passed <= passed + 1'b1;
  if (f_ask) asked <= 1'b1;
  if (f_leave) followed <= 1'b0;
  if (f_start) begin
    followed <= 1'b1;
    asked <= 1'b0;
    addr <= c_@r@_addr >> 64 * who;
    beats <= c_@r@_beats >> 8 * who;
  end
  if (rst) begin
    followed <= 1'b0;
    held <= 0;
    pending <= 1'b0;
    passed <= 0;
  end
end
(* hierconn *) wire [N-1:0] \dut.rr.first ;
wire [N-1:0] f_first = \dut.rr.first ;
include round_robin_line.v first=f_first
always @(posedge clk) if (f_started) begin
  granted: assert ((c_@r@_ready & ~c_@r@_valid) == 0 && (f_taken & (f_taken - 1'b1)) == 0);
  once: assert (m_@a@valid == pending);
  asked_right: assert (!(followed && !asked) || (m_@a@valid && m_@a@addr == addr && m_@a@len == beats));
  @BOUNDED@: assert (held <= DEPTH);
  busy_right: assert (busy == (held != 0));
  takes: assert (!(c_@r@_valid != 0 && held < @room@ && (!m_@a@valid || m_@a@ready)) || f_taken != 0);
  all_held: cover (held == @most@);
  waited: cover (passed == N - 1 && f_taken[who]);
  second: cover (followed && ended != 0);
end
// Followed bursts that have ended.
reg ended = 1'b0;
always @(posedge clk) if (rst) ended <= 1'b0; else if (f_leave) ended <= 1'b1;
