//! The point adder: affine additions on BN254's G1 and G2, one a tick, in order, at a constant latency.
//!
//! An affine addition costs a division and five products; here B additions share one inversion (Montgomery's trick, as
//! a tree), so that an addition takes 6 products and a B-th of an inversion, on seven multipliers. It is right in every case:
//! identities, doublings and opposite points have a denominator too, 1 where none is needed, and take the same way.
//!
//! # Contract
//! - A coordinate has [`COORD_BITS`] bits: {c1, c0}, c0 low, canonical Montgomery; c1 = 0 in G1. A point is {y, x}, x low; the
//!   identity is all zero.
//! - Everything but the insides of multipliers and inverters moves in clocks with `tick`: every clock with `g2` low,
//!   every third clock with `g2` high. Other rhythms are not supported.
//! - `in_valid`, `p`, `q` and `tag` in a clock with `tick` are one addition. Its sum is at `r`, with `out_valid` and
//!   `out_tag`, during the tick that is `latency` ticks later; `early_valid` and `early_tag` announce it a tick before. All
//!   outputs are registers and stable during the tick.
//! - `rst` forgets what is in flight, and so does a change of `g2`: from the next clock on additions enter anew.
//! - Frames of `batch` ticks run freely from then on; empty places and empty frames do no harm, and an inverter is only
//!   started for a frame that needs it.
//!
//! | file | contents |
//! |---|---|
//! | [`front`] | cases, denominators |
//! | [`schedule`] | when each product of a frame's inversion starts |
//! | [`invert`] | product trees and inverters |
//! | [`tail`] | slope, sum |
//! | [`text`] | rings and tables in Verilog |
//! | [`model`] | the algorithm on BigUint |

pub mod front;
pub mod invert;
pub mod model;
pub mod schedule;
pub mod tail;
pub mod text;

use crate::field::{
    ext_mul::{self, ExtMul, TICK_CLOCKS},
    inverse::{self, Inverter},
};
use crate::hdl::Module;
use crate::ring::{bits_for, Ring};
use crate::target::Target;
use schedule::{Delays, Plan};
use std::sync::Arc;
use tail::Times;

pub use crate::field::ext_mul::COORD_BITS;

/// Bits of a point: {y, x}.
pub const POINT_BITS: usize = 2 * COORD_BITS;

/// An adder and its timing.
pub struct AffineAdder {
    pub module: Arc<Module>,
    /// In ticks, for G1 and G2.
    pub latency: [usize; 2],
    /// Additions that share an inversion.
    pub batch: usize,
    /// Multipliers of Fq.
    pub multipliers: usize,
    pub inverters: usize,
}

/// What the parts have to know of each other.
pub struct Shape {
    pub mul: ExtMul,
    pub inverter: Inverter,
    /// Inverters that take turns.
    pub inverters: usize,
    /// For G1 and G2.
    pub plans: [Plan; 2],
    /// Bits of the tick counter.
    pub now_bits: usize,
}

impl Shape {
    pub fn new(target: Target) -> Shape {
        let log2_batch = match target {
            Target::Generic | Target::Limbs { .. } => 6,
            Target::Xcup | Target::Tiles { .. } => 7,
        };
        let mul = ext_mul::ext_mul(target);
        let inverter = inverse::inverter(target);
        let plans = [0, 1].map(|g| {
            let inverse = inverter.latency.div_ceil(TICK_CLOCKS[g]);
            Plan::new(Delays { log2_batch, product: mul.latency[g], inverse })
        });
        let longest = [0, 1].map(|g| Times::new(plans[g].leaf, mul.latency[g]).out);
        let now_bits = bits_for(longest[0].max(longest[1])).max(log2_batch + invert::LOG2_FRAMES);
        Shape { inverters: inverter.latency.div_ceil(1 << log2_batch), mul, inverter, plans, now_bits }
    }

    pub fn batch(&self) -> usize {
        self.plans[0].batch()
    }

    pub fn latency(&self) -> [usize; 2] {
        [0, 1].map(|g| Times::new(self.plans[g].leaf, self.mul.latency[g]).out)
    }
}

/// The adder with tags of `tag_bits` bits: ports `clk`, `rst`, `g2`, `tick`, `in_valid`, `p`, `q`, `tag`; `early_valid`,
/// `early_tag`, `out_valid`, `out_tag`, `r`.
pub fn adder(target: Target, tag_bits: usize) -> AffineAdder {
    let shape = Shape::new(target);
    let latency = shape.latency();
    let now = shape.now_bits;
    let ages = latency.map(|l| l - 2);
    let tags = Ring::new("tags", tag_bits + 1, ages[0].max(ages[1]), "{in_valid, tag}");
    let tags = text::read_by_group(tags, "tag_word", ages).text();
    let parts = [("front", front::front()), ("invert", invert::invert(&shape)), ("tail", tail::tail(&shape))];
    let mut m = Module::new(format!("affine_adder_{tag_bits}"))
        .doc(format!(
            "Affine addition on BN254 G1 ({} ticks) and G2 ({} ticks), {} additions an inversion. See \
             rtl/src/point/affine/mod.rs.",
            latency[0],
            latency[1],
            shape.batch()
        ))
        .clocked()
        .input("g2", 1)
        .input("tick", 1)
        .input("in_valid", 1)
        .input("p", POINT_BITS)
        .input("q", POINT_BITS)
        .input("tag", tag_bits)
        .output("early_valid", 1)
        .output("early_tag", tag_bits)
        .output("out_valid", 1)
        .output("out_tag", tag_bits)
        .output("r", POINT_BITS);
    for (inst, part) in &parts {
        m = m.child(*inst, part);
    }
    m = m
        .connect_all("front", &[("restart", "restart"), ("tick", "tick"), ("in_valid", "in_valid")])
        .connect_all("front", &[("p", "p"), ("q", "q")])
        .connect_all("invert", &[("restart", "restart"), ("g2", "g2"), ("tick", "tick"), ("now", "now")])
        .connect_all("invert", &[("busy", "front$kind[1]"), ("d", "front$d")])
        .connect_all("tail", &[("g2", "g2"), ("tick", "tick"), ("now", "now"), ("dinv", "invert$y")]);
    for field in ["kind", "x1", "y1", "x_sum", "dy", "square"] {
        m = m.connect("tail", field, format!("front${field}"));
    }
    let module = m
        .body(format!(
            r"
// Ticks since the last restart, and ticks until the tags in the ring are those of this run.
reg [{nl}:0] now;
reg [{nl}:0] unknown;
reg g2_q;
wire restart = rst || g2 != g2_q;
reg tag_known;
{tags}
always @(*) early_valid = tag_known && tag_word[{tag_bits}];
always @(*) early_tag = tag_word[{tl}:0];
always @(*) r = tail$r;
always @(posedge clk) begin
  g2_q <= g2;
  if (tick) begin
    now <= now + {now}'d1;
    if (unknown != 0) unknown <= unknown - {now}'d1;
    tag_known <= unknown == 0;
    out_valid <= early_valid;
    out_tag <= early_tag;
  end
  if (restart) begin
    now <= 0;
    unknown <= {unknown};
    tag_known <= 1'b0;
    out_valid <= 1'b0;
  end
end
",
            nl = now - 1,
            tl = tag_bits - 1,
            unknown = text::by_group(now, ages),
        ))
        .build();
    AffineAdder { module, latency, batch: shape.batch(), multipliers: 7, inverters: shape.inverters }
}
