//! The powers 1, g, g^2, ... of an element, one a clock, from one multiplier.
//!
//! # Algorithm
//! A ring holds W consecutive powers; W is a power of two that is not below the time from a power's leaving the ring until its
//! product is there. Whoever takes g^i sends it to the multiplier too, with g^W as the other factor, and g^(i+W) comes back
//! to the end of the ring, in time: W powers leave before it is asked for. So powers leave at one a clock for ever.
//!
//! The ring fills by doubling: at level m = 1, 2, 4, ..., W/2 it has the powers below m, and `step` is g^m. The level multiplies
//! `step` by itself first, for the next level, and then each of the powers below m by `step`. It ends when the new `step`
//! is there; the products behind it arrive before the next level asks for them.
//!
//! # Contract
//! - `start` is high for one clock with `g`, canonical; what was under way is forgotten.
//! - `valid`, `power`, `ready`: a stream; g^0 comes first, [`Powers::setup`] clocks after `start` at the latest. It does not
//!   end: `rst` or the next `start` ends it. `power` is stable from `valid` until it is taken.
//! - A power a clock as long as it is taken.
//! - One multiplier is borrowed, see [`super::multipliers`].

use super::multipliers;
use crate::{
    field::{Field, FIELD_BITS},
    hdl::Module,
    target::Target,
};
use std::sync::Arc;

/// The generator: ports `clk`, `rst`, `start`, `g`, `valid`, `ready`, `power`, and those of the multiplier.
pub struct Powers {
    pub module: Arc<Module>,
    /// Clocks from `start` until `valid`.
    pub setup: usize,
}

pub fn powers(target: Target) -> Powers {
    let field = Field::fr();
    let latency = multipliers::latency(target);
    // A register before the multiplier, one behind it: the ring's.
    let round = latency + 2;
    let width = round.next_power_of_two();
    let log2 = width.trailing_zeros() as usize;
    assert!(width / 2 < round, "a level's last product starts before its end, with the level's step");
    let module = Module::new("vector_powers")
        .doc(format!("Powers of an element of BN254 Fr, a ring of {width}. See rtl/src/vector/powers.rs."))
        .clocked()
        .input("start", 1)
        .input("g", FIELD_BITS)
        .output("valid", 1)
        .input("ready", 1)
        .output("power", FIELD_BITS);
    let module = multipliers::ports(module, 1)
        .body(format!(
            r"
// The level m, one bit; the ring is full and the stream runs at m = {width}. `index` counts what the level, or the stream, has read.
reg [{log2}:0] level, index;
reg squared;
reg [{ll}:0] tail;
reg [253:0] ring [0:{last}];
reg [253:0] step;
// What the products in the multiplier are, youngest first.
reg [{fl}:0] to_ring, to_step;
wire running = level[{log2}];
wire take = valid && ready;
wire square = !running && !squared;
wire read = running ? take : squared && index != level;
wire power_arrives = to_ring[{fl}];
wire step_arrives = to_step[{fl}];
always @(*) valid = running;
always @(*) power = ring[index[{ll}:0]];
always @(posedge clk) begin
  mul0_a <= square ? step : power;
  mul0_b <= step;
  to_ring <= {{to_ring[{fm}:0], read}};
  to_step <= {{to_step[{fm}:0], square}};
  if (square) squared <= 1'b1;
  if (read) index <= index + 1'b1;
  if (power_arrives) tail <= tail + 1'b1;
  if (step_arrives) begin
    step <= mul0_y;
    level <= level << 1;
    index <= 0;
    squared <= 1'b0;
  end
  if (start || power_arrives) ring[start ? {log2}'d0 : tail] <= start ? 254'h{one:x} : mul0_y;
  if (start) begin
    step <= g;
    level <= 1;
    index <= 0;
    squared <= 1'b0;
    tail <= 1;
  end
  if (rst) begin
    level <= 0;
    index <= 0;
    squared <= 1'b1;
  end
  if (rst || start) begin
    to_ring <= 0;
    to_step <= 0;
  end
end
",
            ll = log2 - 1,
            last = width - 1,
            fl = latency,
            fm = latency - 1,
            one = field.one(),
        ))
        .build();
    Powers { module, setup: log2 * round + 1 }
}
