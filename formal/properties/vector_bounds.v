// Inputs are stable from a start to the next one; it starts when it is valid; no operand has 0 elements.
reg f_asked = 0;
wire [677:0] f_all = {dram_bytes, gathered, indices, n, d_single, a_on, a_addr, a_stride, a_count, b_on, b_addr, b_stride, b_count, c_on, c_addr, c_stride, c_count, d_on, d_addr, d_stride, d_count};
always @(posedge clk) begin
  assume (!start || !running);
  if (f_started && f_asked && !start) assume ($stable(f_all));
end
always @(*) assume (a_count != 0 && b_count != 0 && c_count != 0 && d_count != 0);
reg [5:0] f_clocks = 0;
always @(posedge clk) begin
  f_asked <= !rst && (f_asked || start);
  f_clocks <= rst || start ? 0 : f_clocks == 63 ? 63 : f_clocks + 1'b1;
end
// The span with a bit more than it needs; (count - 1) stride is taken as it was multiplied.
wire [70:0] f_a_end = {7'd0, a_addr} + {2'd0, a_product, 5'd0} + 71'd32;
wire f_a_outside = a_on && f_a_end > dram_bytes;
wire [70:0] f_b_end = {7'd0, b_addr} + {2'd0, b_product, 5'd0} + 71'd32;
wire f_b_outside = b_on && f_b_end > dram_bytes;
wire [70:0] f_c_end = {7'd0, c_addr} + {2'd0, c_product, 5'd0} + 71'd32;
wire f_c_outside = c_on && f_c_end > dram_bytes;
wire [70:0] f_d_end = {7'd0, d_addr} + {2'd0, d_product, 5'd0} + 71'd32;
wire f_d_outside = d_on && f_d_end > dram_bytes;
wire [70:0] f_i_end = {7'd0, indices} + {37'd0, n, 2'd0};
wire f_i_outside = gathered && f_i_end > dram_bytes;
wire [64:0] f_a_apart = a_addr < d_addr ? d_addr - a_addr : a_addr - d_addr;
wire f_a_meets = a_on && d_on && a_addr < f_d_end && d_addr < f_a_end;
wire f_a_beside = !d_single && a_stride == d_stride && f_a_apart < {d_stride, 5'd0};
wire [64:0] f_b_apart = b_addr < d_addr ? d_addr - b_addr : b_addr - d_addr;
wire f_b_meets = b_on && d_on && b_addr < f_d_end && d_addr < f_b_end;
wire f_b_beside = !gathered && !d_single && b_stride == d_stride && f_b_apart < {d_stride, 5'd0};
wire [64:0] f_c_apart = c_addr < d_addr ? d_addr - c_addr : c_addr - d_addr;
wire f_c_meets = c_on && d_on && c_addr < f_d_end && d_addr < f_c_end;
wire f_c_beside = !d_single && c_stride == d_stride && f_c_apart < {d_stride, 5'd0};
wire f_i_meets = gathered && d_on && n != 0 && indices < f_d_end && d_addr < f_i_end;
// The inputs are those of the last start.
wire f_on = f_asked && !start;
always @(posedge clk) if (f_started) begin
  inv_step: assert (!f_asked || (running ? step <= LAST && f_clocks == step : step == LAST + 1'b1));
  if (f_on && step > 32)
    inv_ends: assert (a_end == f_a_end && b_end == f_b_end && c_end == f_c_end && d_end == f_d_end && indices_end == f_i_end);
  if (f_on && step > 33)
    inv_parts: assert (a_outside == f_a_outside && b_outside == f_b_outside && c_outside == f_c_outside && d_outside == f_d_outside && indices_outside == f_i_outside
      && a_meets == f_a_meets && a_near == f_a_beside && b_meets == f_b_meets && b_near == f_b_beside && c_meets == f_c_meets && c_near == f_c_beside && indices_meet == f_i_meets);
  if (f_on && valid) begin
    leaves: assert (outside == (f_a_outside || f_b_outside || f_c_outside || f_d_outside || f_i_outside));
    first: assert (!outside || outside_which == (f_a_outside ? 0 : f_b_outside ? 1 : f_c_outside ? 2 : f_d_outside ? 3 : 4));
    meets: assert (overlap == ((f_a_meets && !f_a_beside) || (f_b_meets && !f_b_beside) || (f_c_meets && !f_c_beside) || f_i_meets));
  end
  if (f_on) clocks: assert (valid == (f_clocks >= 36));
  outside_found: cover (f_on && valid && outside && outside_which == 3);
  overlap_found: cover (f_on && valid && overlap && !outside);
  apart: cover (f_on && valid && !overlap && !outside && a_on && d_on && a_stride == 7 && a_count > 1000);
end
