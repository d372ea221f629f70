//! RV32IM proved.
//!
//! A program (an ELF for RV32IM) and its input go in; chained segment proofs come out, which the unmodified Plonky3 verifier
//! accepts. Everything that the prover and the verifier must agree on is one text, the AIR in [`air`]: it is what the
//! reference prover proves, what the verifier checks, what `formal/` compares with the instruction set, and what the
//! constraint hardware will be microprogrammed from.
//!
//! The way of one run: [`elf`] loads the program, [`isa`] decodes it into the rows of its ROM, [`exec`] records each cycle as a
//! [`record::Step`] and cuts the run into [`record::Segment`]s, [`air::trace`] turns a segment into the tables' traces, and
//! the prover makes one batch proof of them. [`vectors`] files every stage of one, for hardware to be tested with.

pub mod air;
pub mod config;
pub mod elf;
pub mod error;
pub mod exec;
pub mod figures;
pub mod guests;
pub mod hash;
pub mod isa;
pub mod key;
pub mod proof;
pub mod prove;
pub mod record;
pub mod run;
pub mod security;
#[cfg(test)]
pub(crate) mod testing;
pub mod tree;
pub mod vectors;
pub mod verify;

/// The base field: KoalaBear, p = 2^31 - 2^24 + 1.
pub type F = p3_koala_bear::KoalaBear;

/// Eight field elements: a node of the memory's tree, or a running digest of words read or written.
pub type Digest = [F; 8];
