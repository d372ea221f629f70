//! A `.zkey` as arkworks' types.

use ark_bn254::{Bn254, Fr};
use ark_ff::One;
use ark_relations::gr1cs::Matrix;

use super::ProvingKey;
use crate::error::{Error, Result};

/// A proving key for `ark_groth16::Groth16<Bn254, CircomReduction>` and the arguments that its
/// `create_proof_with_reduction_and_matrices` takes besides.
pub struct ArkKey {
    /// The key.
    pub key: ark_groth16::ProvingKey<Bn254>,
    /// A and B, a row a constraint. A `.zkey` does not hold C, and circom's reduction does not use it.
    pub matrices: Vec<Matrix<Fr>>,
    /// Public signals, the constant 1 included.
    pub num_inputs: usize,
    /// Constraints.
    pub num_constraints: usize,
}

impl ProvingKey {
    /// Copies the key into arkworks' types.
    ///
    /// # Errors
    /// [`Error::Damaged`] when the last rows of A are not those of the public signals, which arkworks adds itself:
    /// snarkjs writes no such key, but this crate's own prover accepts it.
    pub fn to_ark(&self) -> Result<ArkKey> {
        let damaged = |what: &str| Error::Damaged { path: self.path.clone(), what: what.to_owned() };
        let (a, b) = (&self.matrix_a, &self.matrix_b);
        let used = (0..a.rows()).rev().find(|&i| !a.row(i).is_empty() || !b.row(i).is_empty());
        let num_inputs = self.publics + 1;
        let num_constraints = used
            .and_then(|last| (last + 1).checked_sub(num_inputs))
            .ok_or_else(|| damaged("it has fewer rows than public signals"))?;
        let is_input_row = |i: usize| {
            let row = num_constraints + i;
            matches!(a.row(row), [e] if e.signal as usize == i && e.value.is_one()) && b.row(row).is_empty()
        };
        if !(0..num_inputs).all(is_input_row) {
            return Err(damaged("the last rows of A are not those of the public signals"));
        }
        if (num_constraints + num_inputs).next_power_of_two() != self.coset.size() {
            return Err(damaged("its domain is larger than the constraints need"));
        }
        let matrix = |m: &super::matrix::SparseMatrix| {
            let row = |i| m.row(i).iter().map(|e| (e.value, e.signal as usize)).collect();
            (0..num_constraints).map(row).collect()
        };
        Ok(ArkKey {
            key: ark_groth16::ProvingKey {
                vk: self.vk.clone(),
                beta_g1: self.beta_g1,
                delta_g1: self.delta_g1,
                a_query: self.a.to_vec(),
                b_g1_query: self.b1.to_vec(),
                b_g2_query: self.b2.to_vec(),
                h_query: self.h.to_vec(),
                l_query: self.c[num_inputs - self.first_of_c()..].to_vec(),
            },
            matrices: vec![matrix(a), matrix(b)],
            num_inputs,
            num_constraints,
        })
    }
}
