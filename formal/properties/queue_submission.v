include queue_ring.v

// Its place, and how many entries were moved.
reg [63:0] f_sq;
reg [15:0] f_fetch, f_head;

// Any entry: it is submitted and not fetched.
(* anyconst *) wire [15:0] f_entry;
reg f_submitted;
wire [127:0] f_written = c_wdat_data[127:0];

always @(posedge clk) begin
  if (load) f_sq <= cfg_sq;
  if (f_ask) begin
    f_fetch <= f_after(f_fetch, f_n);
    if (f_fetch == f_entry) f_submitted <= 1'b0;
  end
  if (f_good_sq && f_entry < f_n && f_within(f_entry, f_tail, f_to)) f_submitted <= 1'b1;
  if (f_hand) f_head <= f_after(f_head, f_n);
  if (f_over) begin
    f_fetch <= 0;
    f_head <= 0;
    f_submitted <= 1'b0;
  end
end

always @(*) if (f_started && !rst) begin
  if (enabled) begin
    inv_sizes: assert (sq_entries == f_n && f_n >= 2 && sq == f_sq && sq[11:0] == 0);
    inv_inside: assert (f_tail < f_n && f_fetch < f_n && f_head < f_n);
  end else
    inv_zero: assert (f_tail == 0 && f_fetch == 0 && f_head == 0 && !f_submitted);
  inv_indices: assert (sq_tail == f_tail && sq_fetch == f_fetch && sq_head == f_head);
  inv_between: assert (!enabled || f_entry >= f_n || !f_within(f_entry, f_fetch, f_tail) || f_submitted);
end

always @(*) if (f_started && !rst) begin
  if (f_rd_valid) begin
    fetch_inside: assert (enabled && f_fetch < f_n && f_rd_addr == f_sq + {42'd0, f_fetch, 6'd0} && f_rd_beats == 0);
    fetch_submitted: assert (f_fetch != f_entry || f_submitted);
  end
  prefetch: assert ({1'b0, f_fetches} + commands$count <= 4 && (!f_rdat_valid || cancel || commands$in_ready) && f_rdat_ready);
  if (c_wdat_valid) head_told: assert (f_written[CPL_SQ_HEAD_LSB +: 16] == f_after(f_head, f_n));
  around: cover (enabled && f_n == 3 && f_fetch == 0 && f_head == 2 && f_submitted && f_entry == 0);
  ahead: cover (fetching == 3 && commands$count == 1);
end
