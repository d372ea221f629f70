//! Groth16 over BN254 from circom's and snarkjs' files: `.zkey` and `.wtns` in, `proof.json` and `public.json` out, and
//! verification of such proofs.
//!
//! ```no_run
//! use permafrost_zkal::groth16::{self, Blinding, Outputs, ProvingKey, Witness};
//! # fn run(engine: &permafrost_zkal::Engine) -> permafrost_zkal::Result<()> {
//! let key = ProvingKey::open("circuit.zkey")?;
//! let witness = Witness::open("witness.wtns")?;
//! let outputs = Outputs::prepare("proof.json", "public.json")?;
//! let proved = groth16::prove(engine, &key, &witness, Blinding::random())?;
//! outputs.commit(&groth16::proof_to_json(&proved.proof), &groth16::publics_to_json(&proved.publics))?;
//! # Ok(()) }
//! ```

mod ark_key;
mod binfile;
mod field;
mod json;
mod matrix;
mod oncard;
mod output;
mod program;
mod prover;
mod qap;
mod sparse;
mod stepwise;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
mod verify;
#[cfg(test)]
mod ways;
mod wtns;
mod zkey;

pub use ark_key::ArkKey;
pub use json::{proof_to_json, publics_to_json, read_proof, read_publics, read_verifying_key};
pub use output::{Output, Outputs};
pub use prover::{prove, Blinding, Proved, Prover, Step};
pub use qap::CircomReduction;
pub use verify::verify;
pub use wtns::Witness;
pub use zkey::ProvingKey;
