//! Permafrost's acceleration layer: what proof software needs of a card, without registers and queues.
//!
//! - [`engine`]: multi-scalar multiplication on a card, in G1 and G2, one or a batch over the same bases. Bases are uploaded once and used often; the caller chooses what
//!   may run on the CPU instead; a report says what ran where, in how many clock cycles, and how that compares with the
//!   bound for the same work. Number theoretic transforms ([`engine::NttAccel`]) with any root of unity and coset, and
//!   arithmetic on vectors ([`engine::DeviceVec`]) that stay in card memory from one operation to the next.
//! - [`ark`]: `AccelBn254`, a drop-in for arkworks' `Bn254`, so that unmodified `ark_groth16` proves on the card;
//!   `AccelDomain` and `AccelReduction` for its transforms.
//! - [`groth16`]: proofs from circom's and snarkjs' files, `.zkey` and `.wtns`, and their verification.
//!
//! ```no_run
//! use ark_bn254::{Fr, G1Affine};
//! use permafrost_zkal::engine::{Engine, Policy, Scalars};
//! # fn run(card: permafrost_driver::Card, points: &[G1Affine], scalars: &[Fr]) -> permafrost_zkal::Result<()> {
//! let engine = Engine::new(card, Policy::default())?;
//! let bases = engine.upload_bases(points)?;
//! let outcome = engine.msm(&bases, 0..points.len(), Scalars::montgomery(scalars))?;
//! println!("{} in {:?} clock cycles", outcome.point, outcome.operation.cycles);
//! # Ok(()) }
//! ```
//!
//! Points and scalars go to the card as they are in arkworks' memory; nothing is converted on the way.

// Only in the modules that say so.
#![deny(unsafe_code)]

pub mod ark;
pub mod engine;
mod error;
pub mod groth16;

pub use engine::Engine;
pub use error::{Error, Result};
