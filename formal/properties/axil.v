// What the bus has seen, counted beside the slave: requests without an answer yet.
reg [1:0] f_aw = 0, f_w = 0;
reg f_r = 0;
wire f_take_aw = s_awvalid && s_awready, f_take_w = s_wvalid && s_wready, f_take_r = s_arvalid && s_arready;
wire f_give_b = s_bvalid && s_bready, f_give_r = s_rvalid && s_rready;
// Of the newest request: what it asks for.
reg [15:0] f_waddr, f_raddr;
reg [31:0] f_wdata;
reg [3:0] f_strb;
// What was read in the clock before.
reg [31:0] f_value;
always @(posedge clk) begin
  f_aw <= f_aw + f_take_aw - f_give_b;
  f_w <= f_w + f_take_w - f_give_b;
  f_r <= (f_r || f_take_r) && !f_give_r;
  if (f_take_aw) f_waddr <= s_awaddr;
  if (f_take_w) {f_wdata, f_strb} <= {s_wdata, s_wstrb};
  if (f_take_r) f_raddr <= s_araddr;
  f_value <= value;
  if (rst) begin
    f_aw <= 0;
    f_w <= 0;
    f_r <= 0;
  end
end
// A pair of address and data that has no answer on the bus yet.
wire f_pair = f_aw > s_bvalid && f_w > s_bvalid;

always @(posedge clk) if (f_started) begin
  answers_writes: assert (!s_bvalid || (f_aw != 0 && f_w != 0));
  answers_reads: assert (!s_rvalid || f_r);
  bounded: assert (f_aw <= 2 && f_w <= 2 && !(f_r && s_arready));
  executes: assert (!write || (f_pair && waddr == f_waddr && wdata == f_wdata && f_strb == 4'hf));
  busy_covers: assert (busy || (f_aw == 0 && f_w == 0 && !f_r && !s_awvalid && !s_wvalid && !s_arvalid));
  if ($past(f_started) && !$past(rst) && !rst) begin
    if ($past(s_bvalid && !s_bready)) b_stays: assert (s_bvalid && s_bresp == $past(s_bresp));
    if ($past(s_rvalid && !s_rready)) r_stays: assert (s_rvalid && s_rdata == $past(s_rdata) && s_rresp == $past(s_rresp));
    // An answer begins: one for one pair, OKAY if its register was written in the clock before, and then only.
    if (s_bvalid && $past(!s_bvalid)) begin
      partial_refused: assert (s_bresp == ($past(f_strb) == 4'hf ? 2'd0 : 2'd2));
      write_answered: assert ((s_bresp == 0) == $past(write));
    end
    if ($past(write)) write_once: assert (s_bvalid && !write);
    if (s_rvalid && $past(!s_rvalid)) begin
      reads: assert ($past(raddr) == $past(f_raddr) && s_rresp == 0
        && s_rdata == (f_value == 32'hffff_ffff ? 32'hffff_fffe : f_value));
    end
    never_ones: assert (!(s_rvalid && $past(!s_rvalid)) || s_rdata != 32'hffff_ffff);
    // What is complete is answered in the next clock; what waits does so for a reason on the bus.
    if ($past(f_pair && !s_bvalid)) write_ends: assert (s_bvalid);
    if ($past(f_r && !s_rvalid)) read_ends: assert (s_rvalid);
    if ($past(s_awvalid && !s_awready && (f_w >= f_aw) && !s_bvalid)) aw_free: assert (s_awready);
    if ($past(s_wvalid && !s_wready && (f_aw >= f_w) && !s_bvalid)) w_free: assert (s_wready);
    if ($past(s_arvalid && !s_arready && (s_rvalid ? s_rready : !f_r))) ar_free: assert (s_arready);
  end
  data_first: cover (f_w == 1 && f_aw == 0);
  queued: cover (f_aw == 2 && f_w == 2 && s_bvalid);
  refused: cover (s_bvalid && s_bready && s_bresp == 2);
  read_value: cover (s_rvalid && s_rready && s_rdata == 32'hffff_fffe);
end
