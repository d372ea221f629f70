//! What a datapath graph computes, proved for the real primes without a solver.
//!
//! Every node gets an exact polynomial over *atoms* (inputs, remainders of nodes modulo powers of two, digits of Montgomery's
//! method, bits) with coefficients over a power of two. A slice is a difference of two remainders over a power of two, so that
//! whatever was cut apart and put together again cancels, and an interval of what is left is sharp. Checked for each node, from
//! the ranges of the nodes before it alone: no subtraction borrows, every claimed range holds ([`Walk`]); and for the outputs,
//! that they are the function that was asked for modulo p ([`montgomery`]).
//!
//! That the Verilog computes the graph is [`crate::netlist`]'s. [`whole`] proves the emitted text of the same generator at small
//! widths, with solvers; [`lemma`] what the method rests on, over the integers. [`with_mutants`] makes graphs wrong.
//!
//! Trusted: this module, and for what solvers prove yosys, bitwuzla and z3.

mod atoms;
mod butterfly;
mod lemmas;
mod montgomery;
mod mutants;
mod poly;
mod unroll;
mod walk;
mod whole;

pub use atoms::{Atoms, Kind};
pub use butterfly::{butterfly, check_butterfly};
pub use lemmas::lemma;
pub use montgomery::{check_linear, check_montgomery, montgomery, residue};
pub use mutants::with_mutants;
pub use poly::{Atom, Poly};
pub use walk::{Refuted, Walk};
pub use whole::{small_field, whole, Product};
