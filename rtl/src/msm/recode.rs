//! Scalars on their way from card memory to their digits.
//!
//! Scalars leave Montgomery form where the command says so, and are recoded once: with H the sum of 2^(c-1) 2^(cw) over
//! the W windows, e = H - s has c-bit fields e_w, and d_w = 2^(c-1) - e_w are signed digits of s, each in
//! -2^(c-1) < d_w <= 2^(c-1). No field needs a carry from another. A borrow says that s does not fit its windows. What
//! goes on is f = e ^ H, whose field w is zero exactly when d_w is: with f_w's top bit clear, d_w = -f_w, otherwise
//! d_w = 2^c - f_w.
//!
//! `start` (one clock) begins a command: `more` + 1 vectors of `count` scalars (32 bytes each, two a beat), `stride` bytes
//! apart. The parameters are stable while it runs, `window_bits` and `windows` from two clocks before. The vectors come out
//! one after another; the next one's reads begin when those of the last have arrived.

use super::reader;
use crate::card::{
    bus::{Bus, End},
    fifo::{count_bits, fifo},
};
use crate::field::{units, Field};
use crate::hdl::Module;
use crate::target::Target;
use permafrost_abi::msm::MSM_MAX_SPAN;
use std::sync::Arc;

/// Bits of f.
pub const SPAN_BITS: usize = MSM_MAX_SPAN as usize;
/// Bits of a scalar in memory.
const SCALAR_BITS: usize = 256;
/// Bits subtracted in one clock.
const LOW: usize = 128;
/// Clocks from a scalar in canonical form to f.
const RECODE_CLOCKS: usize = 2;

/// The module `msm_scalars`, for windows of `min_window` to `max_window` bits. Output stream `out_`: `f`, `zero` (f is 0),
/// `bad` (the scalar does not fit its windows; `f` and `zero` mean nothing).
pub fn scalars(target: Target, min_window: usize, max_window: usize) -> Arc<Module> {
    let demont = units::demont(&Field::fr(), target);
    let latency = demont.latency;
    // Scalars under way all have a place in the queue.
    let depth = (latency + RECODE_CLOCKS + 4).next_power_of_two();
    let cl = count_bits(depth) - 1;
    let m = Module::new("msm_scalars")
        .doc("Scalars to signed digits. See rtl/src/msm/recode.rs.")
        .clocked()
        .input("start", 1)
        .input("flush", 1)
        .input("scalars", 64)
        .input("stride", 64)
        .input("count", 32)
        .input("more", 16)
        .input("window_bits", 5)
        .input("windows", 8)
        .input("montgomery", 1)
        .output("busy", 1)
        .output("err", 1)
        .output("err_addr", 64)
        .output("out_valid", 1)
        .input("out_ready", 1)
        .output("out_f", SPAN_BITS)
        .output("out_zero", 1)
        .output("out_bad", 1);
    let m = Bus::Read.ports(m, End::Client, "");
    let m = m
        .child("words", &reader::reader())
        .connect_all(
            "words",
            &[
                ("start", "fetch"),
                ("addr", "next"),
                ("beats", "{2'd0, count[31:1]} + {32'd0, count[0]}"),
                ("flush", "flush"),
                ("out_ready", "word_done"),
            ],
        )
        .child("convert", &demont.module())
        .connect("convert", "a", "scalar")
        .child("queue", &fifo(SPAN_BITS + 2, depth))
        .connect_all(
            "queue",
            &[
                ("clear", "flush"),
                ("in_data", "{r2_bad, r2_f == 0, r2_f}"),
                ("in_valid", "r2_valid"),
                ("out_ready", "out_ready"),
            ],
        );
    let patterns: String = (min_window..=max_window)
        .map(|c| {
            let bits: String = (0..SPAN_BITS).rev().map(|i| if i % c == c - 1 { '1' } else { '0' }).collect();
            format!("    5'd{c}: pattern = {SPAN_BITS}'b{bits};\n")
        })
        .collect();
    Bus::Read
        .export(m, End::Client, ("words", ""), "")
        .body(format!(
            r"
localparam LATENCY = {latency};
localparam [{cl}:0] CREDITS = {depth};

// H: the top bit of every window.
reg [{sl}:0] pattern, top_bits;
reg [8:0] span;
always @(*) begin
  case (window_bits)
{patterns}    default: pattern = {s}'d0;
  endcase
end
always @(posedge clk) begin
  span <= {{1'b0, windows}} * {{4'd0, window_bits}};
  top_bits <= pattern & ~({{{s}{{1'b1}}}} << span);
end

// Vectors not yet asked for, and not yet begun to be split into scalars.
reg [16:0] fetches, splits;
reg [63:0] next;
wire fetch = words$ready && fetches != 0 && !words$err && !flush;
reg half;
reg [31:0] scalars_left;
reg [{cl}:0] credits;
reg [LATENCY-1:0] flying;
wire [255:0] scalar = half ? words$out_data[511:256] : words$out_data[255:0];
wire go = words$out_valid && credits != 0 && scalars_left != 0;
wire word_done = go && (half || scalars_left == 32'd1);
wire r0_valid = montgomery ? flying[LATENCY-1] : go;
wire [255:0] r0_scalar = montgomery ? {{2'd0, convert$y}} : scalar;

// H - s in two steps: R1 the low part, R2 the high part and its borrow.
reg r1_valid, r2_valid, r2_bad;
reg [{low}:0] r1_low;
reg [{hl}:0] r1_high;
reg [{sl}:0] r2_f;
wire [{el}:0] high = {{1'b0, top_bits[{sl}:{low}]}} - {{{pad}'d0, r1_high}} - {{{el}'d0, r1_low[{low}]}};
always @(posedge clk) begin
  r1_low <= {{1'b0, top_bits[{ll}:0]}} - {{1'b0, r0_scalar[{ll}:0]}};
  r1_high <= r0_scalar[255:{low}];
  r2_f <= {{high[{et}:0], r1_low[{ll}:0]}} ^ top_bits;
  r2_bad <= high[{el}];
  r1_valid <= r0_valid;
  r2_valid <= r1_valid;
  flying <= {{flying[LATENCY-2:0], go && montgomery}};
  credits <= credits + {{{cl}'d0, out_valid && out_ready}} - {{{cl}'d0, go}};
  if (fetch) begin
    fetches <= fetches - 17'd1;
    next <= next + stride;
  end
  if (go) begin
    half <= !half && scalars_left != 32'd1;
    scalars_left <= scalars_left - 32'd1;
  end else if (scalars_left == 0 && splits != 0) begin
    scalars_left <= count;
    splits <= splits - 17'd1;
  end
  if (start) begin
    fetches <= {{1'b0, more}} + 17'd1;
    splits <= {{1'b0, more}} + 17'd1;
    next <= scalars;
  end
  if (rst || flush) begin
    fetches <= 17'd0;
    splits <= 17'd0;
    scalars_left <= 32'd0;
    half <= 1'b0;
    credits <= CREDITS;
    flying <= {{LATENCY{{1'b0}}}};
    r1_valid <= 1'b0;
    r2_valid <= 1'b0;
  end
end
always @(*) begin
  busy = words$busy;
  err = words$err;
  err_addr = words$err_addr;
  out_valid = queue$out_valid;
  {{out_bad, out_zero, out_f}} = queue$out_data;
end
",
            s = SPAN_BITS,
            sl = SPAN_BITS - 1,
            low = LOW,
            ll = LOW - 1,
            hl = SCALAR_BITS - LOW - 1,
            el = SPAN_BITS - LOW,
            et = SPAN_BITS - LOW - 1,
            pad = SPAN_BITS - SCALAR_BITS + 1,
        ))
        .build()
}
