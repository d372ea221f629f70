//! The aggregation scan: turns bucket sums into window sums with the accumulation unit, never waiting for a chain of
//! additions.
//!
//! A window's sum is the sum of j * S_j over bucket indices j of b = c - 1 bits. Splitting j into a high and a low field,
//! j = hi 2^l + lo, the sum is 2^l sum(hi * R_hi) + sum(lo * C_lo), where R_hi and C_lo are sums of the buckets with that
//! field: twice as many additions as buckets, as for running sums, but all independent, spread over about 2 sqrt(2^b)
//! slots. Two more splits, whose cost is lost beside the first, end in one slot T_k a bit of j, and a Horner
//! evaluation over k, interleaved over the windows, gives the window's sum. Bucket 2^b (the digit -2^b or 2^b) sits in
//! slot 0 of its window, which has weight 0 otherwise, and is carried along to T_b.
//!
//! | phase | reads | writes | slot index within a window |
//! |---|---|---|---|
//! | HALVES | buckets, memory 0 | memory 1 | field (0 high, 1 low), value of h bits |
//! | QUARTERS | memory 1 | memory 0 | field, part (0 low, 1 high), value of up to 4 bits |
//! | BITS | memory 0 | memory 1 | k, 0..=b |
//! | SPREAD | odd k of memory 1 | memory 0 | k |
//! | HORNER(k) | T_k twice | T_(k-1), in the other memory | k - 1 |
//!
//! Windows are the inner loop, so that neighbouring items meet different slots.

use crate::hdl::Module;
use crate::point::g1_adder::POINT_BITS;
use std::sync::Arc;

/// Phase codes of the scan's `phase` input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    Halves = 1,
    Quarters = 2,
    Bits = 3,
    Spread = 4,
    Horner = 5,
}

/// log2 of the slots a window takes while it holds bits of j.
pub const BIT_STRIDE: usize = 4;

/// Slots that memory 1 must have so that every window width from `min_window` to `max_window` aggregates.
pub fn memory1_slots(min_window: usize, max_window: usize, max_bits: usize) -> usize {
    (min_window..=max_window)
        .map(|c| {
            let windows = max_bits / c + 1;
            let high = (c - 1).div_ceil(2);
            windows * (2usize << high).max(1 << BIT_STRIDE)
        })
        .max()
        .unwrap_or(1)
}

/// The scan, for slot addresses of `address_bits`.
///
/// `start` (one clock, while `done`) begins phase `phase`; `clear` abandons it; `done` is high when all items have been taken. `window_bits`
/// (c), `windows` and `horner_k` are stable meanwhile.
pub fn scan(address_bits: usize) -> Arc<Module> {
    let (a, al) = (address_bits, address_bits - 1);
    Module::new("msm_scan")
        .doc("Aggregation scan: reads full slots of one memory, emits items for the other. See rtl/src/msm/scan.rs.")
        .clocked()
        .input("clear", 1)
        .input("start", 1)
        .input("phase", 3)
        .input("window_bits", 5)
        .input("windows", 8)
        .input("horner_k", 4)
        .output("done", 1)
        .output("src_ren", 1)
        .output("src_raddr", a)
        .input("src_full", 1)
        .input("src_value", POINT_BITS)
        .output("src_take", 1)
        .output("src_taddr", a)
        .output("item_valid", 1)
        .input("item_ready", 1)
        .output("item_addr", a)
        .output("item_value", POINT_BITS)
        .body(format!(
            r"
localparam [2:0] HALVES = {halves}, QUARTERS = {quarters}, BITS = {bits}, SPREAD = {spread};

// Field widths: b bits of j = h high + l low; each of them is split into qw high + q low.
wire [4:0] b = window_bits - 5'd1;
wire [4:0] l = {{1'b0, b[4:1]}};
wire [4:0] h = b - l;
wire [4:0] q = {{1'b0, h[4:1]}};
wire [4:0] qw = h - q;
reg [4:0] src_stride, dst_stride;
reg [{al}:0] last_index;
always @(*) begin
  src_stride = 5'd{stride};
  dst_stride = 5'd{stride};
  last_index = {{{{{pad_k}{{1'b0}}}}, horner_k}};
  case (phase)
    HALVES: begin
      src_stride = b;
      dst_stride = h + 5'd1;
      last_index = ({a}'d1 << b) - {a}'d1;
    end
    QUARTERS: begin
      src_stride = h + 5'd1;
      dst_stride = qw + 5'd2;
      last_index = ({a}'d1 << (h + 5'd1)) - {a}'d1;
    end
    BITS: begin
      src_stride = qw + 5'd2;
      last_index = ({a}'d1 << (qw + 5'd2)) - {a}'d1;
    end
    SPREAD: last_index = {{{{{pad_b}{{1'b0}}}}, b}};
    default: ;
  endcase
end

// S0: the slot to read next. S1: the slot read, until its items are out.
reg run;
reg [7:0] window;
reg [{al}:0] index, src_base, dst_base;
reg s1_valid;
reg [{al}:0] s1_index, s1_addr, s1_dst;
reg [3:0] s1_out;
wire last_window = window == windows - 8'd1;
wire [{al}:0] step = phase == SPREAD ? {a}'d2 : {a}'d1;
wire last_slot = last_window && index + step > last_index;

// Candidate items of the slot in S1.
wire [{al}:0] half_high = s1_index >> l;
wire [{al}:0] half_low = s1_index & (({a}'d1 << l) - {a}'d1);
wire [{al}:0] half_field = s1_index >> h;
wire [{al}:0] half_value = s1_index & (({a}'d1 << h) - {a}'d1);
wire [{al}:0] part_high = half_value >> q;
wire [{al}:0] part_low = half_value & (({a}'d1 << q) - {a}'d1);
wire [1:0] quarter = s1_index[qw +: 2];
wire [3:0] bits = s1_index[3:0] & ((4'd1 << qw) - 4'd1);
wire [4:0] bit_base = (quarter[1] ? 5'd0 : l) + (quarter[0] ? q : 5'd0);
wire zero = s1_index == 0;
reg [3:0] candidates;
always @(*) begin
  case (phase)
    HALVES: candidates = {{2'b0, half_low != 0, zero || half_high != 0}};
    QUARTERS: candidates = {{2'b0, part_high != 0, zero || part_low != 0}};
    BITS: candidates = zero ? 4'b1 : bits;
    SPREAD: candidates = 4'b1;
    default: candidates = 4'b11;
  endcase
end
wire [3:0] pending = candidates & ~s1_out;
wire [1:0] pick = pending[0] ? 2'd0 : pending[1] ? 2'd1 : pending[2] ? 2'd2 : 2'd3;
wire [3:0] after = pending & (pending - 4'd1);
reg [{al}:0] target;
always @(*) begin
  case (phase)
    HALVES: target = pick[0] ? ({a}'d1 << h) | half_low : half_high;
    QUARTERS: target = (half_field << (qw + 5'd1)) | (pick[0] ? ({a}'d1 << qw) | part_high : part_low);
    BITS: target = zero ? {{{{{pad_b}{{1'b0}}}}, b}} : {{{{{pad_b}{{1'b0}}}}, bit_base}} + {{{{{pad_p}{{1'b0}}}}, pick}};
    SPREAD: target = s1_index;
    default: target = s1_index - {a}'d1;
  endcase
end
wire has_item = s1_valid && src_full && pending != 0;
wire s1_leaves = s1_valid && (!has_item || (item_ready && after == 0));

always @(*) begin
  src_ren = run && (!s1_valid || s1_leaves);
  src_raddr = src_base | index;
  src_take = s1_leaves && src_full;
  src_taddr = s1_addr;
  item_valid = has_item;
  item_addr = s1_dst | target;
  item_value = src_value;
  done = !run && !s1_valid;
end

always @(posedge clk) begin
  if (src_ren) begin
    s1_valid <= 1'b1;
    s1_index <= index;
    s1_addr <= src_raddr;
    s1_dst <= dst_base;
    s1_out <= 4'd0;
    if (last_slot) run <= 1'b0;
    if (last_window) begin
      window <= 8'd0;
      src_base <= 0;
      dst_base <= 0;
      index <= index + step;
    end else begin
      window <= window + 8'd1;
      src_base <= src_base + ({a}'d1 << src_stride);
      dst_base <= dst_base + ({a}'d1 << dst_stride);
    end
  end else begin
    if (s1_leaves) s1_valid <= 1'b0;
    if (has_item && item_ready) s1_out <= s1_out | (4'd1 << pick);
  end
  if (start) begin
    run <= 1'b1;
    window <= 8'd0;
    src_base <= 0;
    dst_base <= 0;
    index <= phase == HALVES || phase == QUARTERS || phase == BITS ? 0 :
             phase == SPREAD ? {a}'d1 : {{{{{pad_k}{{1'b0}}}}, horner_k}};
  end
  if (rst || clear) begin
    run <= 1'b0;
    s1_valid <= 1'b0;
  end
end
",
            halves = Phase::Halves as u8,
            quarters = Phase::Quarters as u8,
            bits = Phase::Bits as u8,
            spread = Phase::Spread as u8,
            stride = BIT_STRIDE,
            pad_k = a - 4,
            pad_b = a - 5,
            pad_p = a - 2,
        ))
        .build()
}
