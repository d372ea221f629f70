//! What tests of the simulated card share: the card, random numbers, a circuit.

use std::sync::Arc;

use ark_bn254::Fr;
use ark_relations::gr1cs::{
    ConstraintSynthesizer, ConstraintSystemRef, LinearCombination, SynthesisError, Variable,
};
use ark_serialize::CanonicalSerialize;
use permafrost_driver::{Card, CardOptions};
use permafrost_sim::{SimCard, SimOptions};
use rand::SeedableRng;
use rand_chacha::ChaCha20Rng;

pub fn open(options: SimOptions) -> Card {
    let sim = SimCard::open(options).expect("the simulator builds");
    Card::open(Arc::new(sim), CardOptions::default()).expect("the card comes up")
}

pub fn rng() -> (ChaCha20Rng, u64) {
    let seed =
        std::env::var("PERMAFROST_SEED").ok().and_then(|s| s.parse().ok()).unwrap_or_else(rand::random);
    println!("seed {seed} (set PERMAFROST_SEED to repeat)");
    (ChaCha20Rng::seed_from_u64(seed), seed)
}

/// x^(2^n) for a secret x.
#[derive(Clone)]
pub struct Squares {
    pub x: Fr,
    pub n: usize,
}

impl ConstraintSynthesizer<Fr> for Squares {
    fn generate_constraints(self, cs: ConstraintSystemRef<Fr>) -> Result<(), SynthesisError> {
        let result = (0..self.n).fold(self.x, |x, _| x * x);
        let public = cs.new_input_variable(|| Ok(result))?;
        let lc = |v: Variable| LinearCombination::zero() + v;
        let (mut value, mut known) = (self.x, cs.new_witness_variable(|| Ok(self.x))?);
        for i in 0..self.n {
            value *= value;
            let next = if i + 1 == self.n { public } else { cs.new_witness_variable(|| Ok(value))? };
            cs.enforce_r1cs_constraint(|| lc(known), || lc(known), || lc(next))?;
            known = next;
        }
        Ok(())
    }
}

pub fn bytes(value: &impl CanonicalSerialize) -> Vec<u8> {
    let mut out = Vec::new();
    value.serialize_uncompressed(&mut out).expect("memory");
    out
}
