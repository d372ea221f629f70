//! The slicer: cuts the recoded scalars of one lane's windows into bucket items, one a tick.
//!
//! Of the W windows of a command, the first `shared` (r = W mod A) are treated by every lane, each for the points whose turn
//! it is (`in_shared`); the others are dealt out in turn: local entry j >= r of lane a is window r + (j - r) A + a. A point's
//! f comes in whole; what the lane has to do with it is reached by three shifts: `own_shift` = (r + a) c skips to the first
//! own window when the shared ones are not this lane's, `jump_shift` = (a + 1) c goes from the last shared window to the first
//! own one, `step_shift` = A c from one own window to the next.
//!
//! Points whose f has nothing for the lane are dropped at once, one a clock. The rest waits in a short queue; behind it
//! everything advances with `tick`. A point leaves with its last entry, or as soon as nothing but zeros is left of its f, and
//! the next one follows without a gap. A zero digit between others costs its tick.
//!
//! A digit +-j of local entry e is the item (e 2^(c-1) | j mod 2^(c-1)) with the point +-P. `empty`: nothing is held. The
//! parameters are stable from one clock before the first point to the last item.

use super::{recode::SPAN_BITS, COORD_BITS, POINT_BITS};
use crate::card::fifo::fifo;
use crate::field::{Field, FIELD_BITS};
use crate::hdl::Module;
use std::sync::Arc;

/// Points waiting in front of a slicer.
const QUEUE: usize = 4;
/// Bits of a shift of f: at most 6 windows of 16 bits.
pub const SHIFT_BITS: usize = 7;

/// The module `msm_slicer`, for slot addresses of `address_bits`.
pub fn slicer(address_bits: usize) -> Arc<Module> {
    let (a, al) = (address_bits, address_bits - 1);
    let bucket = match a > 16 {
        true => format!("{{{}'d0, bucket}}", a - 16),
        false => format!("bucket[{al}:0]"),
    };
    let unused = match a > 16 {
        true => String::new(),
        // The card has checked that the buckets fit.
        false if a < 16 => format!("wire unused = &{{1'b0, bucket[15:{a}]}};\n"),
        false => String::new(),
    };
    let negations: String = (0..POINT_BITS / FIELD_BITS)
        .map(|k| {
            let (lo, hi) = (k * FIELD_BITS, (k + 1) * FIELD_BITS - 1);
            let source = format!("f1_point[{hi}:{lo}]");
            if lo < COORD_BITS {
                format!("      item_value[{hi}:{lo}] <= {source};\n")
            } else {
                format!(
                    "      item_value[{hi}:{lo}] <= f1_negative && {source} != 0 ? PRIME - {source} : {source};\n"
                )
            }
        })
        .collect();
    Module::new("msm_slicer")
        .doc("Recoded scalars to bucket items. See rtl/src/msm/slicer.rs.")
        .clocked()
        .input("flush", 1)
        .input("tick", 1)
        .input("window_bits", 5)
        .input("shared", 2)
        .input("entries", 8)
        .input("own_shift", SHIFT_BITS)
        .input("jump_shift", SHIFT_BITS)
        .input("step_shift", SHIFT_BITS)
        .input("in_valid", 1)
        .output("in_ready", 1)
        .input("in_shared", 1)
        .input("in_f", SPAN_BITS)
        .input("in_point", POINT_BITS)
        .output("item_valid", 1)
        .input("item_ready", 1)
        .output("item_addr", a)
        .output("item_value", POINT_BITS)
        .output("empty", 1)
        .child("queue", &fifo(1 + SPAN_BITS + POINT_BITS, QUEUE))
        .connect_all(
            "queue",
            &[
                ("clear", "flush"),
                ("in_data", "{p_shared, p_f, p_point}"),
                ("in_valid", "p_valid && p_some"),
                ("out_ready", "load"),
            ],
        )
        .body(format!(
            r"
localparam [{fl}:0] PRIME = {fb}'h{prime:x};

// P: f shifted to the lane's first entry.
reg p_valid, p_shared;
reg [{sl}:0] p_f;
reg [{pl}:0] p_point;
wire p_some = p_f != 0;
wire p_moves = !p_valid || !p_some || queue$in_ready;
always @(*) in_ready = p_moves;
always @(posedge clk) begin
  if (p_moves) p_valid <= in_valid;
  if (p_moves && in_valid) begin
    p_shared <= in_shared;
    p_f <= in_shared ? in_f : in_f >> own_shift;
    p_point <= in_point;
  end
  if (rst || flush) p_valid <= 1'b0;
end
wire q_shared;
wire [{sl}:0] q_f;
wire [{pl}:0] q_point;
assign {{q_shared, q_f, q_point}} = queue$out_data;

// S: the point whose digits are being taken, the present one lowest in `rest`.
reg s_valid;
reg [{sl}:0] rest;
reg [{pl}:0] s_point;
reg [7:0] entry;
reg [{al}:0] base;
reg [{shl}:0] shift;
// F1 holds a digit, F2 (the outputs) the point with its sign.
reg f1_valid, f1_negative;
reg [{al}:0] f1_addr;
reg [{pl}:0] f1_point;
wire f2_moves = !item_valid || item_ready;
wire f1_moves = !f1_valid || f2_moves;
wire [{al}:0] half = {a}'d1 << (window_bits - 5'd1);
wire [15:0] digit_mask = ~(16'hfffe << (window_bits - 5'd1));
wire [15:0] digit = rest[15:0] & digit_mask;
wire positive = digit[window_bits[3:0] - 4'd1];
wire [15:0] bucket = (positive ? 16'd0 - digit : digit) & (digit_mask >> 1);
{unused}wire emits = s_valid && digit != 0;
wire slice = s_valid && (!emits || f1_moves);
wire [{sl}:0] shifted = rest >> shift;
wire finish = slice && (entry == entries - 8'd1 || shifted == 0);
wire load = tick && queue$out_valid && (!s_valid || finish);
wire [{shl}:0] window_shift = {{{spad}'d0, window_bits}};
reg [{al}:0] own_base;
always @(posedge clk) own_base <= {{{opad}'d0, shared}} << (window_bits - 5'd1);
always @(posedge clk) begin
  if (tick) begin
    if (slice) begin
      rest <= shifted;
      entry <= entry + 8'd1;
      base <= base + half;
      shift <= entry + 8'd2 < {{6'd0, shared}} ? window_shift : entry + 8'd2 == {{6'd0, shared}} ? jump_shift : step_shift;
    end
    if (finish) s_valid <= 1'b0;
    if (load) begin
      s_valid <= 1'b1;
      rest <= q_f;
      s_point <= q_point;
      entry <= q_shared ? 8'd0 : {{6'd0, shared}};
      base <= q_shared ? 0 : own_base;
      shift <= !q_shared ? step_shift : shared == 2'd1 ? jump_shift : window_shift;
    end
    if (f1_moves) begin
      f1_valid <= emits;
      f1_negative <= !positive;
      f1_addr <= base | {bucket};
      f1_point <= s_point;
    end
    if (f2_moves) begin
      item_valid <= f1_valid;
      item_addr <= f1_addr;
{negations}    end
  end
  if (rst || flush) begin
    s_valid <= 1'b0;
    f1_valid <= 1'b0;
    item_valid <= 1'b0;
  end
end
always @(*) empty = !p_valid && !queue$out_valid && !s_valid && !f1_valid && !item_valid;
",
            fl = FIELD_BITS - 1,
            fb = FIELD_BITS,
            prime = Field::fq().p,
            sl = SPAN_BITS - 1,
            pl = POINT_BITS - 1,
            shl = SHIFT_BITS - 1,
            spad = SHIFT_BITS - 5,
            opad = a - 2,
        ))
        .build()
}
