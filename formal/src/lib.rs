//! Proofs about the generated hardware.

pub mod arithmetic;
