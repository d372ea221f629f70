//! arkworks on the card: [`AccelBn254`] is BN254 for every crate that is generic over `ark_ec::pairing::Pairing`
//! (`ark_groth16`, `ark_poly_commit`, …), with its multi-scalar multiplications on the card.
//!
//! ```no_run
//! use ark_groth16::Groth16;
//! use ark_snark::SNARK;
//! use permafrost_zkal::ark::{with_engine, AccelBn254};
//! # fn run<C>(engine: permafrost_zkal::Engine, pk: ark_groth16::ProvingKey<AccelBn254>, circuit: C)
//! #     -> permafrost_zkal::Result<()>
//! # where C: ark_relations::gr1cs::ConstraintSynthesizer<ark_bn254::Fr> {
//! # let mut rng = rand::rngs::OsRng;
//! let proof = with_engine(&engine, || Groth16::<AccelBn254>::prove(&pk, circuit, &mut rng))?;
//! println!("{:?}", engine.take_report());
//! # Ok(()) }
//! ```
//!
//! Keys and proofs serialise to the same bytes as those of `ark_bn254::Bn254`, and proofs for equal randomness are
//! equal. Points convert with `From` in both directions.
//!
//! Transforms go to the card by [`AccelDomain`], for everything that is generic over `ark_poly::EvaluationDomain`, and by
//! [`AccelReduction`], which makes the quotient polynomial of arkworks' Groth16 in card memory.
//!
//! **How the engine is found.** arkworks' traits have no place for an engine and no way to report an error. An MSM or
//! transform uses the engine of the innermost [`with_engine`] on the calling thread, else the one given to [`install`] for
//! the whole process. Without either it panics: nothing runs on the CPU unasked.
//!
//! **What runs where.** `msm_bigint`, and with it `msm`, `msm_unchecked`, `msm_chunks` and `msm_u1` to `msm_u64`, in
//! G1 and G2: on the engine, under its policy (in G2 on a card without a G2 engine that is
//! [`Policy::g2`](crate::engine::Policy::g2)). Transforms over Fr of an [`AccelDomain`], and the witness map of
//! [`AccelReduction`], constraint evaluation excepted. Everything else (`batch_mul`, single multiplications, pairings, FFTs
//! of other domains) is arkworks' own code on the CPU and is not in the report.

#[allow(unsafe_code)]
mod affine;
#[allow(unsafe_code)]
mod domain;
mod newtype;
mod pairing;
#[allow(unsafe_code)]
mod projective;
mod reduction;
mod scope;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod transform_tests;

pub use affine::{AccelG1Affine, AccelG2Affine};
pub use domain::AccelDomain;
pub use pairing::AccelBn254;
pub use projective::{AccelG1, AccelG2};
pub use reduction::AccelReduction;
pub use scope::{install, with_engine, Installed};
