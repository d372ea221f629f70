//! Vectors for hardware: every stage of a segment's proof, from the unmodified reference prover, and a replay that recomputes them.
//!
//! [`dump`] proves with wrappers in the place of the prover's parts ([`spy`]) and files what went through them, in the
//! format of `docs/vectors.md`. [`replay`] recomputes each stage from those before with arithmetic of its own, names the first
//! element that differs, and assembles the proof's bytes.

pub mod assemble;
mod dump;
pub mod eval;
pub mod folder;
pub mod format;
pub mod layout;
pub mod manifest;
pub mod math;
pub mod merkle;
mod openings;
pub mod program;
mod replay;
pub mod sponge;
pub mod spy;
#[cfg(test)]
mod tests;
pub mod transcript;

pub use dump::{dump, dump_with, record, Options, Recorded};
pub use replay::{replay, Replay, Report, STAGES};
