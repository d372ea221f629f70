//! The emitted Verilog, run clock by clock on symbols.
//!
//! yosys turns the text into word-level cells; [`Machine`] steps them with values that are [`terms::Terms`]: bit vectors in a
//! normal form, in which whatever is known is a constant. What a run shows of its outputs holds for every value of its symbols.
//! Registers and memories begin as unknowns, and a unit that is proved elsewhere can be cut out: it becomes a function symbol.
//!
//! Trusted: yosys' reading of the text, this module, and where a question is put to it, the solver.

pub mod machine;
pub mod netlist;
pub mod smt;
pub mod terms;

pub use machine::Machine;
pub use netlist::Netlist;
pub use terms::{Op, Term, Terms};
