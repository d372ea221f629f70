//! A lane: streams in, streams and a sum out, one element a clock.
//!
//! ```text
//! a stream or scalar ───────────────┐
//! b stream, scalar or powers(b) ────┤ join ─► mul_add ─┬─► results (fifo) ─► d
//! c stream or scalar ───────────────┘                  └─► sum ─► result
//! ```
//! The pipeline never stalls: an element enters when every operand is there and there is room for its result.
//!
//! # Contract
//! - A command is `n`, `a_scalar_on`, `b_from` ([`Factor`]), `c_scalar_on`, `negate_product`, `negate_addend`, `emit` and the
//!   scalars `a_scalar`, `b_scalar`, `c_scalar`. All are stable from `start` until `done`; what the operations are in these terms
//!   is the table in [`super`].
//! - `start` is high for one clock, while `done` is high. `done` falls in the next clock, and rises when the last element of
//!   d was taken or, without `emit`, when the sum is complete; with n = 0 it does not fall.
//! - `x_valid`, `x_ready`, `x_data` for x = a, b, c: streams in, canonical elements. An operation takes exactly n elements from
//!   each of its streams and none from the others. A stream's `ready` follows the `valid` of the other streams in the same
//!   clock, never its own; `valid` may come and go. Elements may wait there before `start`.
//! - `d_valid`, `d_ready`, `d_data`: the stream of n results, if `emit`; `d_data` is stable from `d_valid` until it is taken.
//! - `result` is the sum of all d_i, with `emit` too. It holds from `done` until the next `start`.
//! - `entered`: an element enters in this clock.
//! - Two multipliers are borrowed, see [`super::multipliers`].
//! - `rst` ends a command and forgets what it has taken; `done` is high after it.
//! - Clocks from `start` to `done` of n elements, no stream waiting: n + [`Lane::overhead`], or with powers
//!   n + [`Lane::overhead_powers`], at most.

use super::{mul_add, multipliers, powers};
use crate::{
    card::fifo::{count_bits, fifo, latency as fifo_latency},
    field::{functions::functions, FIELD_BITS},
    hdl::Module,
    target::Target,
};
use std::sync::Arc;

/// Bits of `n`.
pub const LENGTH_BITS: usize = 32;

/// Where b comes from: values of `b_from`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Factor {
    Stream = 0,
    /// `b_scalar` for every element.
    Scalar = 1,
    /// `b_scalar` to the power i for element i.
    Powers = 2,
}

/// A lane and its timing.
pub struct Lane {
    pub module: Arc<Module>,
    /// Clocks from an element's entry until its result is at `d_data`, nothing waiting.
    pub latency: usize,
    /// Clocks of a command beyond one an element, at most.
    pub overhead: usize,
    /// The same with b from powers.
    pub overhead_powers: usize,
}

pub fn lane(target: Target) -> Lane {
    let unit = mul_add::mul_add(target);
    let generator = powers::powers(target);
    // From the entry of an element until its place in the results is free again: the pipeline, at most two clocks in the
    // fifo, one for the count.
    let depth = (unit.latency + 3).next_power_of_two();
    let (flight, room, n) = (unit.latency, count_bits(depth), LENGTH_BITS);
    let mut m = Module::new("vector_lane")
        .doc("d = ±a b ± c and its sum over BN254 Fr, an element a clock. See rtl/src/vector/lane.rs.")
        .clocked()
        .input("start", 1)
        .input("n", n)
        .input("a_scalar_on", 1)
        .input("b_from", 2)
        .input("c_scalar_on", 1)
        .input("negate_product", 1)
        .input("negate_addend", 1)
        .input("emit", 1);
    for x in ["a", "b", "c"] {
        m = m
            .input(format!("{x}_scalar"), FIELD_BITS)
            .input(format!("{x}_valid"), 1)
            .output(format!("{x}_ready"), 1)
            .input(format!("{x}_data"), FIELD_BITS);
    }
    let module = multipliers::ports(m, 2)
        .output("entered", 1)
        .output("d_valid", 1)
        .input("d_ready", 1)
        .output("d_data", FIELD_BITS)
        .output("done", 1)
        .output("result", FIELD_BITS)
        .child("powers", &generator.module)
        .connect("powers", "mul0_y", "mul1_y")
        .connect_all("powers", &[("start", "start && b_powers"), ("g", "b_scalar")])
        .connect("powers", "ready", "enter && b_powers")
        .child("unit", &unit.module)
        .connect("unit", "mul0_y", "mul0_y")
        .connect_all("unit", &[("negate_product", "negate_product"), ("negate_addend", "negate_addend")])
        .connect("unit", "a", "a_scalar_on ? a_scalar : a_data")
        .connect("unit", "b", "b_stream ? b_data : b_powers ? powers$power : b_scalar")
        .connect("unit", "c", "c_scalar_on ? c_scalar : c_data")
        .child("results", &fifo(FIELD_BITS, depth))
        .connect_all("results", &[("clear", "1'b0"), ("in_data", "unit$d"), ("in_valid", "leave && emit")])
        .connect("results", "out_ready", "d_ready")
        .body(functions(&["fr_add"]))
        .body(format!(
            r"
// Elements that have yet to enter; that have yet to be taken or, without `emit`, added.
reg [{nl}:0] to_enter, to_finish;
// Places for results that neither an element inside nor one in the fifo holds.
reg [{rl}:0] room;
reg [{fl}:0] flight;
wire b_stream = b_from == 2'd{stream};
wire b_powers = b_from == 2'd{powers};
wire a_here = a_scalar_on || a_valid;
wire b_here = b_stream ? b_valid : !b_powers || powers$valid;
wire c_here = c_scalar_on || c_valid;
wire may_enter = to_enter != 0 && (room != 0 || !emit);
wire enter = may_enter && a_here && b_here && c_here;
wire leave = flight[{fl}];
wire taken = d_valid && d_ready;
wire finish = emit ? taken : leave;
always @(*) begin
  mul0_a = unit$mul0_a;
  mul0_b = unit$mul0_b;
  mul1_a = powers$mul0_a;
  mul1_b = powers$mul0_b;
  entered = enter;
end
always @(*) a_ready = !a_scalar_on && may_enter && b_here && c_here;
always @(*) b_ready = b_stream && may_enter && a_here && c_here;
always @(*) c_ready = !c_scalar_on && may_enter && a_here && b_here;
always @(*) d_valid = results$out_valid;
always @(*) d_data = results$out_data;
always @(*) done = to_finish == 0;
always @(posedge clk) begin
  flight <= {{flight[{fm}:0], enter}};
  if (enter) to_enter <= to_enter - 1'b1;
  if (finish) to_finish <= to_finish - 1'b1;
  if (enter && emit && !taken) room <= room - 1'b1;
  if (taken && !enter) room <= room + 1'b1;
  if (leave) result <= fr_add(result, unit$d);
  if (start) begin
    to_enter <= n;
    to_finish <= n;
    result <= 254'd0;
  end
  if (rst) begin
    to_enter <= 0;
    to_finish <= 0;
    room <= {depth};
    flight <= 0;
  end
end
",
            nl = n - 1,
            rl = room - 1,
            fl = flight - 1,
            fm = flight - 2,
            stream = Factor::Stream as u8,
            powers = Factor::Powers as u8,
        ))
        .build();
    let latency = unit.latency + fifo_latency(depth);
    // Beside the pipeline and the fifo: the clock of `start` and that in which the last result is taken.
    let overhead = latency + 2;
    Lane { module, latency, overhead, overhead_powers: overhead + generator.setup }
}
