// What the contract makes of a register: identity (never changes), written by software, or none of these.
wire f_identity = raddr == REG_MAGIC || raddr == REG_VERSION || raddr == REG_CAP_ENGINES || raddr == REG_CAP_QUEUES
  || raddr == REG_CAP_MSM || raddr == REG_CAP_NTT || raddr == REG_CAP_VECTOR || raddr == REG_CAP_DEADLINE
  || raddr == REG_DRAM_SIZE || raddr == REG_DRAM_SIZE_HI || raddr == REG_CLOCK_KHZ || raddr == REG_BUILD_ID;
wire f_stored = raddr == REG_CC || raddr == REG_ADMIN_SQ || raddr == REG_ADMIN_SQ_HI || raddr == REG_ADMIN_CQ
  || raddr == REG_ADMIN_CQ_HI || raddr == REG_ADMIN_SIZE;
wire f_depth = raddr == 16'h1010 || raddr == 16'h2010 || raddr == 16'h3010;
wire f_live = raddr == REG_DRAM_DIRTY || raddr == REG_CSTS || raddr == REG_ERR_STATUS || raddr == REG_ERR_SOURCE
  || raddr == REG_ERR_ADDR || raddr == REG_ERR_ADDR_HI || raddr == REG_ERR_COUNT;
// One address, which the solver chooses, is followed: what was last written there.
(* anyconst *) wire [15:0] f_addr;
reg [31:0] f_written;
always @(posedge clk) if (rst) f_written <= 0; else if (write && waddr == f_addr) f_written <= wdata;
wire [31:0] f_mask = f_addr == REG_CC ? 32'd1 : 32'hffff_ffff;
// Doorbells: page of a queue, 0x0 submission, 0x8 completion; the card has three queues of fifteen that the contract has.
wire [3:0] f_page = waddr[15:12] - 4'd1;
wire f_bell = write && waddr[15:12] != 0 && (waddr[11:0] == 0 || waddr[11:0] == 8);
wire f_here = f_bell && f_page < 3, f_absent = f_bell && f_page >= 3 && f_page < 15;
// The contract says that they are constant after reset.
always @(posedge clk) if (f_started) assume (dram_bytes == $past(dram_bytes));

always @(posedge clk) if (f_started) begin
  if (f_stored && raddr == f_addr) stored: assert (value == (f_written & f_mask));
  if (!f_identity && !f_stored && !f_depth && !f_live) nothing: assert (value == 0);
  if (f_depth) depths: assert (value == {16'd0, depth[16 * (raddr[13:12] - 2'd1) +: 16]});
  if ($past(f_started) && raddr == $past(raddr) && f_identity) identity: assert (value == $past(value));
  if (raddr == REG_MAGIC) inv_magic: assert (value == ABI_MAGIC);
  if (raddr == REG_DRAM_SIZE) size: assert (value == dram_bytes[31:0]);
  inv_state: assert (state <= SCRUB);
  inv_fatal: assert (state == FAULT ? fatal : (!fatal || state == RUN || state == DRAIN));
  inv_words: assert ((f_addr != REG_ADMIN_SQ || admin_sq[31:0] == f_written) && (f_addr != REG_ADMIN_SQ_HI || admin_sq[63:32] == f_written)
    && (f_addr != REG_ADMIN_CQ || admin_cq[31:0] == f_written) && (f_addr != REG_ADMIN_CQ_HI || admin_cq[63:32] == f_written)
    && (f_addr != REG_ADMIN_SIZE || admin_size == f_written) && (f_addr != REG_CC || enable == f_written[0]));
  if ($past(f_started)) begin
    bells: assert ({db_cq, db_sq} == ($past(rst || !f_here) ? 6'd0 : 6'd1 << ($past(f_page) + ($past(waddr[3]) ? 3 : 0))));
    if (db_sq != 0 || db_cq != 0) bell_value: assert (db_value == $past(wdata));
    if ($past(f_absent && !bad_valid && !rst && !(state == OFF && enable && bad) && !(state == SCRUB && scrub_failed)))
      absent_told: assert (bad_valid && bad_status == ST_BAD_QUEUE[7:0] && bad_queue == $past(f_page) && bad_addr == 0);
    if (bad_valid && $past(!bad_valid)) told_why: assert ($past(f_absent) || (fatal && $past(!fatal)));
    if ($past(bad_valid && !bad_ready && !rst))
      told_stays: assert (bad_valid && ((fatal && $past(!fatal))
        || {bad_queue, bad_status, bad_addr} == $past({bad_queue, bad_status, bad_addr})));
  end
  acknowledges: assert (err_acknowledge == (write && waddr == REG_ERR_STATUS && wdata[31]));
  rung: cover (db_cq == 4);
  missing: cover (bad_valid && bad_queue == 14);
  kept: cover (f_stored && raddr == f_addr && value == 32'h1234_5678);
end
