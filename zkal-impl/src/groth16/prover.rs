//! The Groth16 prover: four MSMs in G1, one in G2, and the quotient that one of them is over. On a card with all engines
//! they are one list of commands, on others the CPU has its share, as the policy says.
//!
//! Source: Groth, *On the Size of Pairing-based Non-interactive Arguments* (2016), section 3.2, with the queries as
//! snarkjs lays them out; the result is bit for bit that of `ark_groth16` for the same blinding.

use std::sync::Arc;

use ark_bn254::{Bn254, Fr, G1Affine, G1Projective, G2Affine, G2Projective};
use ark_ec::CurveGroup;
use ark_ff::UniformRand;
use ark_groth16::Proof;
use rand::{CryptoRng, RngCore};
use zeroize::Zeroize;

use super::program::Program;
use super::{oncard, stepwise, verify, ProvingKey, Witness};
use crate::engine::{BaseSet, CpuReason, Engine, Operation, Report, Whole};
use crate::error::{Error, Result};

/// The prover's secret randomness. It makes the proof zero-knowledge: never use one twice, never reveal it. Wiped from
/// memory when dropped.
pub struct Blinding {
    r: Fr,
    s: Fr,
}

impl Blinding {
    /// Fresh blinding from the operating system.
    pub fn random() -> Self {
        Self::from_rng(&mut rand::rngs::OsRng)
    }

    /// Fresh blinding from a generator.
    pub fn from_rng(rng: &mut (impl RngCore + CryptoRng)) -> Self {
        Blinding { r: Fr::rand(rng), s: Fr::rand(rng) }
    }

    /// Given blinding, for reproducible proofs in tests. With known values the proof hides nothing.
    pub fn explicit(r: Fr, s: Fr) -> Self {
        Blinding { r, s }
    }
}

impl Drop for Blinding {
    fn drop(&mut self) {
        self.r.zeroize();
        self.s.zeroize();
    }
}

/// A proof, its public signals, and what ran where.
#[derive(Clone, Debug)]
pub struct Proved {
    /// The proof; it verifies.
    pub proof: Proof<Bn254>,
    /// The public signals, outputs first, as in `public.json`.
    pub publics: Vec<Fr>,
    /// Every operation of this proof.
    pub report: Report,
}

/// Steps of a proof, for progress displays. Whoever is told of one must not use the engine before returning: the proof may hold it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// A key's points go to card memory.
    Upload {
        /// Points.
        points: usize,
    },
    /// A key's constraints go to card memory.
    Map {
        /// Rows of each constraint matrix.
        constraints: usize,
    },
    /// A G1 MSM begins.
    Msm {
        /// `A`, `B1`, `C` or `H`.
        label: &'static str,
        /// Points.
        points: usize,
    },
    /// The card works on the whole proof.
    List {
        /// Steps of its list of commands.
        steps: usize,
    },
    /// The G2 MSM is awaited.
    G2 {
        /// Points.
        points: usize,
    },
    /// The proof is checked against the key.
    Verify,
}

/// A proving key whose points are in card memory, for any number of proofs.
pub struct Prover<'k> {
    pub(super) engine: Engine,
    pub(super) key: &'k ProvingKey,
    pub(super) a: BaseSet,
    pub(super) b1: BaseSet,
    pub(super) b2: BaseSet<G2Affine>,
    pub(super) c: BaseSet,
    pub(super) h: BaseSet,
    /// The witness map in card memory, or why the CPU does it.
    map: Result<Program, CpuReason>,
}

impl<'k> Prover<'k> {
    /// Uploads the key's queries: 64 bytes for each of `3·variables + domain` points of G1 (fewer by the number of
    /// public signals) and 128 for each of `variables` points of G2; the latter stay on the host when the card has no
    /// engine for them and the policy lets the CPU do its work. On a card with NTT and VECTOR engines also about 36 bytes
    /// for each coefficient of the constraints; each proof then takes up to 32 bytes for each of `variables + 8·domain`
    /// elements (more with very long constraints) while it runs.
    ///
    /// # Errors
    /// As [`Engine::upload_bases`]; [`Error::OutOfCardMemory`] when the card cannot hold the key.
    pub fn new(engine: &Engine, key: &'k ProvingKey, progress: &mut dyn FnMut(Step)) -> Result<Self> {
        progress(Step::Upload { points: key.b2.len() });
        let b2 = engine.upload_shared(&key.b2)?;
        let mut upload = |points: &Arc<[G1Affine]>| {
            progress(Step::Upload { points: points.len() });
            engine.upload_shared(points)
        };
        let (a, b1, c, h) = (upload(&key.a)?, upload(&key.b1)?, upload(&key.c)?, upload(&key.h)?);
        let map = if [&a, &b1, &c, &h].iter().all(|set| set.is_on_card()) {
            progress(Step::Map { constraints: key.domain_size() });
            witness_map(engine, key)?
        } else {
            Err(CpuReason::CardFailed("the key's points are not in card memory".to_owned()))
        };
        Ok(Prover { engine: engine.clone(), key, a, b1, b2, c, h, map })
    }

    /// Bytes of the key's points in card memory.
    pub(super) fn points_bytes(&self) -> u64 {
        let g1 = [&self.a, &self.b1, &self.c, &self.h].map(|set| set.card_bytes());
        g1.iter().sum::<u64>() + if self.b2.is_on_card() { self.b2.card_bytes() } else { 0 }
    }

    /// The sums, on the card or where the policy says.
    fn sums(&self, witness: &Witness, progress: &mut dyn FnMut(Step)) -> Result<Sums> {
        let fallback = self.engine.policy().msm;
        let why = match &self.map {
            Err(why) => why.clone(),
            Ok(_) if self.key.domain_size() < fallback.below() => {
                CpuReason::Small { below: fallback.below() }
            }
            Ok(program) => match oncard::sums(self, program, witness, progress) {
                Err(error) if fallback.on_error() && error.is_card_failure() => {
                    tracing::warn!(%error, "the proof falls back to the CPU");
                    CpuReason::CardFailed(error.to_string())
                }
                result => return result,
            },
        };
        stepwise::sums(self, witness, &why, progress)
    }

    /// Proves, and verifies the proof against the key before returning it.
    ///
    /// # Errors
    /// [`Error::OtherCircuit`] and [`Error::Unsatisfied`] for a witness that does not belong to the key, and whatever
    /// the engine's policy does not allow or cannot mend.
    pub fn prove(
        &self,
        witness: &Witness,
        blinding: Blinding,
        progress: &mut dyn FnMut(Step),
    ) -> Result<Proved> {
        let key = self.key;
        witness.check_len(key.variables)?;
        let Sums { a, b1, b2, c, h, operations, whole } = self.sums(witness, progress)?;

        let Blinding { r, s } = &blinding;
        let a = a + key.vk.alpha_g1 + key.delta_g1 * r;
        let b1 = b1 + key.beta_g1 + key.delta_g1 * s;
        let b2 = b2 + key.vk.beta_g2 + key.vk.delta_g2 * s;
        let c = c + h + a * s + b1 * r - key.delta_g1 * (*r * s);
        let proof = Proof { a: a.into_affine(), b: b2.into_affine(), c: c.into_affine() };

        progress(Step::Verify);
        let publics: Vec<Fr> = witness.values()[1..=key.publics].iter().map(|v| Fr::new(*v)).collect();
        if !verify(&key.vk, &publics, &proof)? {
            return Err(Error::Unsatisfied);
        }
        Ok(Proved { proof, publics, report: Report { operations, dropped: 0, whole } })
    }
}

/// What a proof is made of: the values of the five MSMs, and the record of everything that led to them.
pub(super) struct Sums {
    pub a: G1Projective,
    pub b1: G1Projective,
    pub b2: G2Projective,
    pub c: G1Projective,
    pub h: G1Projective,
    pub operations: Vec<Operation>,
    /// Where one list of commands made it.
    pub whole: Option<Whole>,
}

/// The witness map of a key in card memory, or why the CPU does it.
///
/// # Errors
/// Those of the upload that the policy does not turn into a fallback.
fn witness_map(engine: &Engine, key: &ProvingKey) -> Result<Result<Program, CpuReason>> {
    let Some(log2_block) = engine.streams() else { return Ok(Err(CpuReason::NoEngine)) };
    match Program::new(engine, log2_block, key) {
        Err(error) if engine.policy().msm.on_error() && error.is_card_failure() => {
            tracing::warn!(%error, "the witness map stays on the CPU");
            Ok(Err(CpuReason::CardFailed(error.to_string())))
        }
        result => result.map(Ok),
    }
}

/// Proves once: [`Prover::new`] and [`Prover::prove`] without progress. For several proofs with one key keep the
/// [`Prover`], which uploads the key once.
///
/// # Errors
/// As those two.
pub fn prove(engine: &Engine, key: &ProvingKey, witness: &Witness, blinding: Blinding) -> Result<Proved> {
    // A wrong witness is found before the key goes to the card.
    witness.check_len(key.variables)?;
    Prover::new(engine, key, &mut |_| ())?.prove(witness, blinding, &mut |_| ())
}
