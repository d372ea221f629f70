//! The tables of the RISC-V machine against the instruction set, in z3's integer arithmetic.
//!
//! A table's constraints and messages are read from the text that the prover and the verifier use ([`system`]), split into
//! cases in which flags, carries and signs have values ([`cases`]), and put to z3 as integers ([`query`]) with the negation of
//! what the instruction does ([`isa`], [`claim`]). No answer but "unsat" for every case is a proof. Each constraint and each lookup is then left
//! out in turn, and z3 must find a row that does something else ([`check`]).

pub mod cases;
pub mod check;
pub mod claim;
pub mod equivalent;
pub mod isa;
pub mod lemmas;
pub mod poly;
pub mod query;
pub mod system;

pub use check::table;
