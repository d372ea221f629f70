//! Verification, by arkworks' pairing.

use ark_bn254::{Bn254, Fr};
use ark_groth16::{prepare_verifying_key, Groth16, Proof, VerifyingKey};

use crate::error::{Error, Result};

/// Whether `proof` is a proof of the statement with these public signals.
///
/// # Errors
/// [`Error::PublicCount`] when their number is not the key's.
pub fn verify(key: &VerifyingKey<Bn254>, publics: &[Fr], proof: &Proof<Bn254>) -> Result<bool> {
    // The number of IC points is the number of public signals and one; arkworks would ignore surplus signals.
    let expected = key.gamma_abc_g1.len().saturating_sub(1);
    if publics.len() != expected {
        return Err(Error::PublicCount { found: publics.len(), expected });
    }
    Ok(Groth16::<Bn254>::verify_proof(&prepare_verifying_key(key), proof, publics).unwrap_or(false))
}
