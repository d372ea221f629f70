//! Proofs of whole segments: made, written, read and verified by the unmodified reference verifier; and everything that must
//! be refused.

mod chain;
mod file;
mod fixture;
mod guests;
mod key;
mod malformed;
mod segment;
