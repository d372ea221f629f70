//! The aggregation scan of a lane: turns bucket sums into window sums by means of the unit, never waiting for a chain of
//! additions.
//!
//! A window's sum is the sum of j * S_j over bucket indices j of b = c - 1 bits. Splitting j into a high and a low field,
//! j = hi 2^l + lo, the sum is 2^l sum(hi * R_hi) + sum(lo * C_lo), where R_hi and C_lo are sums of the buckets with that
//! field: twice as many additions as buckets, as for running sums, but all independent, spread over about 2 sqrt(2^b)
//! slots. R and C are then added up by the single bits of hi and lo, T_k for bit k of j, and the sum of 2^k T_k is formed
//! by sending T_k through the adder k times (the unit's doubling count) on its way to the window's slot.
//! Bucket 2^b (the digit 2^b) sits in slot 0 of its window, which has weight 0 otherwise, and is carried along to T_b.
//!
//! | phase = memory read | writes memory | slot read, within a window | slot written, within a window |
//! |---|---|---|---|
//! | 0 HALVES | 1 | j | field (0 high, 1 low), value of h bits |
//! | 1 BITS | 2 | field, value | k, 0..=b |
//! | 2 WEIGH | 3, doubled k times | k | only slot |
//! | 3 OUT | the `out_*` port | only slot | - |
//!
//! Every phase empties the slots it reads. Windows are the inner loop, and HALVES reads j along diagonals (hi counts, lo
//! = hi + d), so that items that follow each other meet different slots: a slot of memory 1 sees two items no closer than
//! 2^l * windows slots apart.

use crate::hdl::Module;
use std::sync::Arc;

/// Phase codes: the memory that is read.
pub const HALVES: usize = 0;
pub const BITS: usize = 1;
pub const WEIGH: usize = 2;
pub const OUT: usize = 3;

/// log2 of the slots that a window takes in memory 2.
pub const BIT_STRIDE: usize = 4;

/// The scan, for slot addresses of `a` bits (6 or more) and values of `point_bits`. Tick domain.
///
/// `start` (one tick, while `done`) begins phase `phase`; `clear` abandons it; `done` is high when every slot has been
/// read and all items have been taken. `phase`, `window_bits` (c) and `entries` (windows) are stable meanwhile.
pub fn scan(a: usize, point_bits: usize) -> Arc<Module> {
    let al = a - 1;
    Module::new("msm_lane_scan")
        .doc("Aggregation scan: empties one memory's slots, emits items for the next. See rtl/src/msm/lane/scan.rs.")
        .clocked()
        .input("tick", 1)
        .input("clear", 1)
        .input("start", 1)
        .input("phase", 2)
        .input("window_bits", 5)
        .input("entries", 8)
        .output("done", 1)
        .output("src_ren", 1)
        .output("src_raddr", a)
        .input("src_full", 1)
        .input("src_value", point_bits)
        .output("src_take", 1)
        .output("src_taddr", a)
        .output("item_valid", 1)
        .input("item_ready", 1)
        .output("item_m", 4)
        .output("item_addr", a)
        .output("item_value", point_bits)
        .output("out_valid", 1)
        .input("out_ready", 1)
        .output("out_value", point_bits)
        .body(format!(
            r"
localparam [1:0] HALVES = {HALVES}, BITS = {BITS}, WEIGH = {WEIGH}, OUT = {OUT};
localparam [{al}:0] ONE = 1;

// Field widths: b bits of j = h high + l low.
wire [4:0] b = window_bits - 5'd1;
wire [4:0] l = {{1'b0, b[4:1]}};
wire [4:0] h = b - l;
wire [{al}:0] low_mask = (ONE << l) - ONE;
wire [{al}:0] high_mask = (ONE << h) - ONE;
reg [4:0] src_stride, dst_stride;
reg [{al}:0] last_index;
always @(*) begin
  case (phase)
    HALVES: begin
      src_stride = b;
      dst_stride = h + 5'd1;
      last_index = (ONE << b) - ONE;
    end
    BITS: begin
      src_stride = h + 5'd1;
      dst_stride = 5'd{stride};
      last_index = (ONE << (h + 5'd1)) - ONE;
    end
    WEIGH: begin
      src_stride = 5'd{stride};
      dst_stride = 5'd0;
      last_index = {{{pad_b}'d0, b}};
    end
    default: begin
      src_stride = 5'd0;
      dst_stride = 5'd0;
      last_index = 0;
    end
  endcase
end

// S0: the slot to read next. S1: the slot read, until its items are out.
reg run;
reg [7:0] window;
reg [{al}:0] index, src_base, dst_base;
reg s1_valid;
reg [{al}:0] s1_index, s1_addr, s1_dst;
reg [7:0] s1_out;
wire last_window = window == entries - 8'd1;
wire [{al}:0] index_high = index & high_mask;
wire [{al}:0] diagonal = (index_high << l) | ((index_high + (index >> h)) & low_mask);
wire [{al}:0] slot = phase == HALVES ? diagonal : index;

// Candidate items of the slot in S1.
wire [{al}:0] half_high = s1_index >> l;
wire [{al}:0] half_low = s1_index & low_mask;
wire low_field = (s1_index & (ONE << h)) != 0;
wire [7:0] bits = s1_index[7:0] & high_mask[7:0];
wire zero = s1_index == 0;
reg [7:0] candidates;
always @(*) begin
  case (phase)
    HALVES: candidates = {{6'd0, half_low != 0, zero || half_high != 0}};
    BITS: candidates = zero ? 8'd1 : bits;
    default: candidates = 8'd1;
  endcase
end
wire [7:0] pending = candidates & ~s1_out;
wire [7:0] first = pending & (~pending + 8'd1);
wire last_item = pending == first;
reg [4:0] pick;
reg [{al}:0] target;
always @(*) begin : choose
  integer i;
  pick = 5'd0;
  for (i = 0; i < 8; i = i + 1) if (first[i]) pick = i[4:0];
  case (phase)
    HALVES: target = first[1] ? (ONE << h) | half_low : half_high;
    BITS: target = {{{pad_b}'d0, zero ? b : low_field ? pick : pick + l}};
    default: target = 0;
  endcase
end
wire has_item = s1_valid && phase != OUT && src_full && pending != 0;
wire s1_leaves = s1_valid && (phase == OUT ? out_ready : !has_item || (item_ready && last_item));

always @(*) begin
  src_ren = run && (!s1_valid || s1_leaves);
  src_raddr = src_base | slot;
  src_take = s1_leaves && src_full;
  src_taddr = s1_addr;
  item_valid = has_item;
  item_m = phase == WEIGH ? s1_index[3:0] : 4'd0;
  item_addr = s1_dst | target;
  item_value = src_value;
  out_valid = s1_valid && phase == OUT;
  out_value = src_full ? src_value : 0;
  done = !run && !s1_valid;
end

always @(posedge clk) begin
  if (tick) begin
    if (src_ren) begin
      s1_valid <= 1'b1;
      s1_index <= slot;
      s1_addr <= src_raddr;
      s1_dst <= dst_base;
      s1_out <= 8'd0;
      if (last_window) begin
        window <= 8'd0;
        src_base <= 0;
        dst_base <= 0;
        index <= index + ONE;
        if (index == last_index) run <= 1'b0;
      end else begin
        window <= window + 8'd1;
        src_base <= src_base + (ONE << src_stride);
        dst_base <= dst_base + (ONE << dst_stride);
      end
    end else begin
      if (s1_leaves) s1_valid <= 1'b0;
      if (has_item && item_ready) s1_out <= s1_out | first;
    end
    if (start) begin
      run <= 1'b1;
      window <= 8'd0;
      index <= 0;
      src_base <= 0;
      dst_base <= 0;
    end
  end
  if (rst || (tick && clear)) begin
    run <= 1'b0;
    s1_valid <= 1'b0;
  end
end
",
            stride = BIT_STRIDE,
            pad_b = a - 5,
        ))
        .build()
}
