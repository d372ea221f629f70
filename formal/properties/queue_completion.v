include queue_ring.v

// The completion ring as the surroundings see it, and its doorbell.
reg [63:0] f_cq, f_addr;
reg [15:0] f_m, f_host, f_write;
wire f_good_cq = db_cq && enabled && db_value < {16'd0, f_m};

// Any entry: it is written and not released by the host; its phase bit in host memory, which is zero at first.
(* anyconst *) wire [15:0] f_slot;
reg f_unread, f_mark;
wire [127:0] f_written = c_wdat_data[127:0];
// An invalid doorbell has not been reported.
reg f_bad;

always @(posedge clk) begin
  if (load) begin
    f_cq <= cfg_cq;
    f_m <= cfg_cq_entries;
    f_mark <= 1'b0;
  end
  if (f_announce) begin
    f_addr <= c_wr_addr;
    if (f_write == f_slot) f_unread <= 1'b1;
    f_write <= f_after(f_write, f_m);
  end
  if (f_good_cq) begin
    f_host <= f_to;
    if (f_within(f_slot, f_host, f_to)) f_unread <= 1'b0;
  end
  if (f_hand && f_addr == f_cq + {44'd0, f_slot, 4'd0}) f_mark <= f_written[CPL_PHASE_LSB];
  if (f_over) begin
    f_host <= 0;
    f_write <= 0;
    f_unread <= 1'b0;
  end
  if (err_valid && err_ready && state != REPORT) f_bad <= 1'b0;
  if ((db_sq && !f_good_sq) || (db_cq && !f_good_cq)) f_bad <= 1'b1;
  if (rst || clear) f_bad <= 1'b0;
end

always @(*) if (f_started && !rst) begin
  if (enabled) begin
    inv_sizes: assert (sq_entries == f_n && cq_entries == f_m && f_m >= 2 && cq == f_cq && cq[11:0] == 0);
    inv_inside: assert (f_host < f_m && f_write < f_m && cq_tail < f_m);
  end else
    inv_zero: assert (f_tail == 0 && f_host == 0 && f_write == 0 && !f_unread && cq_tail == 0);
  inv_bad: assert (f_bad == bad_doorbell);
  inv_indices: assert (f_write == (state == DATA ? next_cq : cq_tail));
  inv_addr: assert (state != DATA || f_addr == f_cq + {44'd0, cq_tail, 4'd0});
  inv_unread: assert (!f_unread || f_within(f_slot, f_host, f_write));
  inv_mark: assert (!enabled || f_slot >= f_m || f_mark == (f_slot < cq_tail ? phase : !phase));
end

always @(*) if (f_started && !rst) begin
  doorbells: assert (sq_tail == f_tail && cq_head == f_host);
  bad_pending: assert (state == REPORT || err_valid == f_bad);
  bad_reported: assert (state == REPORT || !err_valid
    || (err_status == ST_BAD_QUEUE[7:0] && err_cid == 16'hffff && err_addr == 0));
  if (c_wr_valid) begin
    write_inside: assert (enabled && f_write < f_m && c_wr_addr == f_cq + {44'd0, f_write, 4'd0} && c_wr_beats == 0);
    write_room: assert (f_write != f_slot || !f_unread);
  end
  data_follow: assert (c_wdat_valid == f_announced && !(c_wr_valid && f_announced));
  if (c_wdat_valid) begin
    write_lane: assert (c_wdat_strb == 64'hffff << {f_addr[5:4], 4'd0} && c_wdat_data == {4{f_written}});
    if (f_addr == f_cq + {44'd0, f_slot, 4'd0}) phase_new: assert (f_written[CPL_PHASE_LSB] != f_mark);
  end
  wrapped: cover (enabled && f_unread && !phase && f_m == 2);
  full_ring: cover (state == POST && full);
  refused: cover (enabled && db_cq && !f_good_cq);
end
