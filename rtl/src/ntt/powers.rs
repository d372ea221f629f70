//! Running powers: first * ratio^i for i = 0, 1, 2, ..., one a clock, from one multiplier.
//!
//! Contract
//! - `start` takes `first` and `ratio` (canonical Montgomery) and forgets the sequence before; it may come in any
//!   clock.
//! - `ready` is high from `startup` clocks after `start` to the next one: `factor` is the sequence's next term, and `take`
//!   moves on to the one after it. `take` needs `ready`.
//! - `rst`: not ready.
//!
//! A ring keeps the next P terms, P the power of two above the multiplier's latency. A term that is taken also goes, times
//! ratio^P, back to its place, where it is the term P later. The first P terms are made by doubling: 2^t terms give the
//! next 2^t, multiplied by ratio^(2^t), which is squared behind them.

use super::text::delay;
use crate::field::{units, Field, FIELD_BITS};
use crate::hdl::Module;
use crate::target::Target;
use std::sync::Arc;

/// The generator and its timing.
pub struct Powers {
    pub module: Arc<Module>,
    /// Clocks from `start` to `ready`, at most.
    pub startup: usize,
}

/// Ports `clk`, `rst`, `start`, `first`, `ratio`, `take`; `ready`, `factor`.
pub fn powers(field: &Field, target: Target) -> Powers {
    let mul = units::mul(field, target);
    // Operand register, product, write.
    let log2 = (mul.latency + 2).next_power_of_two().ilog2().max(1) as usize;
    let ring = 1usize << log2;
    let meta = log2 + 2;
    let module = Module::new(format!("{}_powers", field.name))
        .doc(format!("Running powers first * ratio^i over BN254 {}. See rtl/src/ntt/powers.rs.", field.name))
        .clocked()
        .input("start", 1)
        .input("first", FIELD_BITS)
        .input("ratio", FIELD_BITS)
        .input("take", 1)
        .output("ready", 1)
        .output("factor", FIELD_BITS)
        .child("mul", &mul.module())
        .connect_all("mul", &[("a", "a"), ("b", "b")])
        .body(format!(
            r"
reg [{fl}:0] ring [0:{last}];
reg [{fl}:0] step, a, b;
// The term that is read next; the doubling's round; what is in its round: terms, the square, then nothing.
reg [{pl}:0] at;
reg [{pl}:0] round;
reg filling, square_sent;
wire [{pl}:0] half = {log2}'d1 << round;
wire send_term = filling && !square_sent && at != half;
wire send_square = filling && !square_sent && at == half;
// What the product will be: valid, the square, place in the ring.
reg [{ml}:0] meta;
wire [{ml}:0] landed;
wire valid_landed = landed[{ml}];
wire square_landed = valid_landed && landed[{log2}];
{delay}
always @(*) factor = ring[at];
always @(posedge clk) begin
  a <= send_square ? step : ring[at];
  b <= step;
  meta <= 0;
  if (take) meta <= {{2'b10, at}};
  if (send_term) meta <= {{2'b10, at + half}};
  if (send_square) meta <= {{2'b11, {log2}'d0}};
  if (take || send_term) at <= at + 1'b1;
  if (send_square) square_sent <= 1'b1;
  if (start || valid_landed && !square_landed) ring[start ? {log2}'d0 : landed[{pl}:0]] <= start ? first : mul$y;
  if (square_landed) begin
    step <= mul$y;
    round <= round + 1'b1;
    square_sent <= 1'b0;
    at <= 0;
    if (round == {log2}'d{final_round}) begin
      filling <= 1'b0;
      ready <= 1'b1;
    end
  end
  if (start) begin
    step <= ratio;
    at <= 0;
    round <= 0;
    filling <= 1'b1;
    square_sent <= 1'b0;
  end
  if (rst || start) begin
    meta <= 0;
    ready <= 1'b0;
  end
  if (rst) filling <= 1'b0;
end
",
            fl = FIELD_BITS - 1,
            last = ring - 1,
            pl = log2 - 1,
            ml = meta - 1,
            final_round = log2 - 1,
            delay = delay("in_flight", meta, mul.latency, "meta", "landed", "rst || start"),
        ))
        .build();
    Powers { module, startup: ring + log2 * (mul.latency + 4) }
}
