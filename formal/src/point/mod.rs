//! The point adder as emitted: the affine group law on BN254's curves, for every input, at every time.
//!
//! | file | contents |
//! |---|---|
//! | [`run`] | the adder's text clock by clock on symbols, multipliers and inverters cut out |
//! | [`verify`] | what a run shows of each addition: order, inversion, cases, formulas |
//! | [`law`] | chord and tangent as identities of polynomials |
//! | [`curves`] | facts of the two curves |
//! | [`checks`] | the properties, and mutants of the text |
//!
//! # Why a run shows it for all time
//! What decides where data goes (counters, tables, turns) depends on the time since a restart alone and is constant in a run; data
//! are symbols. A run from a restart, of whatever state, shows every addition up to a time T; there everything but constant
//! registers is forgotten, and a run from that state shows the additions of a whole period of the constant registers, at whose end
//! they are what they were at T. The state at T plus any number of periods is one of those that the second run began from.
//!
//! # What it rests on
//! [`crate::field`]: functions and products. The inverter's contract (`rtl/src/field/inverse.rs`), that p is prime, yosys, and
//! this crate. Coordinates at the ports are canonical and points are on the curve.

pub mod checks;
pub mod curves;
pub mod law;
pub mod run;
pub mod verify;
