// One counter, which the solver chooses: its place in the contract's table, what it counts, its sum.
(* anyconst *) wire [4:0] f_which;
always @(*) assume (f_which < 26);
wire [15:0] f_offset = 16'h100 + {8'd0, f_which, 3'd0};
reg [63:0] f_add, f_sum;
always @(*) begin
  case (f_which)
    0: f_add = {64'd0, add_cycles};
    1: f_add = {64'd0, add_host_read_bytes};
    2: f_add = {64'd0, add_host_write_bytes};
    3: f_add = {64'd0, add_dram_read_bytes};
    4: f_add = {64'd0, add_dram_write_bytes};
    5: f_add = {64'd0, add_commands};
    6: f_add = {64'd0, add_copy_busy};
    7: f_add = {64'd0, add_msm_busy};
    8: f_add = {64'd0, add_msm_accumulate};
    9: f_add = {64'd0, add_msm_aggregate};
    10: f_add = {64'd0, add_msm_additions};
    11: f_add = {64'd0, add_msm_points};
    12: f_add = {64'd0, add_msm_stall_feed};
    13: f_add = {64'd0, add_msm_stall_slot};
    14: f_add = {64'd0, add_msm_tail};
    15: f_add = {64'd0, add_msm_queued};
    16: f_add = {64'd0, add_ntt_busy};
    17: f_add = {64'd0, add_ntt_butterflies};
    18: f_add = {64'd0, add_ntt_stall_in};
    19: f_add = {64'd0, add_ntt_stall_out};
    20: f_add = {64'd0, add_vector_busy};
    21: f_add = {64'd0, add_vector_elements};
    22: f_add = {64'd0, add_copy_overlap};
    23: f_add = {64'd0, add_engine_overlap};
    24: f_add = {64'd0, add_dram_corrected};
    25: f_add = {64'd0, add_interrupts};
    default: f_add = 0;
  endcase
end
always @(posedge clk) f_sum <= rst || clear ? 64'd0 : f_sum + f_add;

always @(posedge clk) if (f_started) begin
  low: assert (raddr != f_offset || value == f_sum[31:0]);
  high: assert (raddr != f_offset + 16'd4 || value == f_sum[63:32]);
  elsewhere: assert ((raddr >= 16'h100 && raddr < 16'h1d0 && raddr[1:0] == 0) || value == 0);
  // Every counter is the chosen one of some execution, so these hold of each.
  inv_cycles: assert (f_which != 0 || cycles == f_sum);
  inv_host_read_bytes: assert (f_which != 1 || host_read_bytes == f_sum);
  inv_host_write_bytes: assert (f_which != 2 || host_write_bytes == f_sum);
  inv_dram_read_bytes: assert (f_which != 3 || dram_read_bytes == f_sum);
  inv_dram_write_bytes: assert (f_which != 4 || dram_write_bytes == f_sum);
  inv_commands: assert (f_which != 5 || commands == f_sum);
  inv_copy_busy: assert (f_which != 6 || copy_busy == f_sum);
  inv_msm_busy: assert (f_which != 7 || msm_busy == f_sum);
  inv_msm_accumulate: assert (f_which != 8 || msm_accumulate == f_sum);
  inv_msm_aggregate: assert (f_which != 9 || msm_aggregate == f_sum);
  inv_msm_additions: assert (f_which != 10 || msm_additions == f_sum);
  inv_msm_points: assert (f_which != 11 || msm_points == f_sum);
  inv_msm_stall_feed: assert (f_which != 12 || msm_stall_feed == f_sum);
  inv_msm_stall_slot: assert (f_which != 13 || msm_stall_slot == f_sum);
  inv_msm_tail: assert (f_which != 14 || msm_tail == f_sum);
  inv_msm_queued: assert (f_which != 15 || msm_queued == f_sum);
  inv_ntt_busy: assert (f_which != 16 || ntt_busy == f_sum);
  inv_ntt_butterflies: assert (f_which != 17 || ntt_butterflies == f_sum);
  inv_ntt_stall_in: assert (f_which != 18 || ntt_stall_in == f_sum);
  inv_ntt_stall_out: assert (f_which != 19 || ntt_stall_out == f_sum);
  inv_vector_busy: assert (f_which != 20 || vector_busy == f_sum);
  inv_vector_elements: assert (f_which != 21 || vector_elements == f_sum);
  inv_copy_overlap: assert (f_which != 22 || copy_overlap == f_sum);
  inv_engine_overlap: assert (f_which != 23 || engine_overlap == f_sum);
  inv_dram_corrected: assert (f_which != 24 || dram_corrected == f_sum);
  inv_interrupts: assert (f_which != 25 || interrupts == f_sum);
  counted: cover (f_sum == 20 && raddr == f_offset && f_add != 0);
  cleared: cover ($past(clear && f_sum == 3) && raddr == f_offset && value == 0);
end
