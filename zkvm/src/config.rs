//! The frozen configuration of the prover: what a proof is made with, and what a verifier insists on.
//!
//! Field KoalaBear, challenges from its extension of degree 4 (X^4 - 3); Merkle trees and challenger over Poseidon2: leaves are a
//! padding-free sponge of width 24 (rate 16), nodes and the challenger use width 16. FRI folds by up to 8 at blowup 2.
//! The bits that these numbers give are worked out in [`crate::security`] and held by a test there.

use p3_batch_stark::BatchProof;
use p3_challenger::DuplexChallenger;
use p3_commit::{ExtensionMmcs, Pcs};
use p3_dft::Radix2DitParallel;
use p3_field::extension::BinomialExtensionField;
use p3_field::{Field, PrimeCharacteristicRing};
use p3_fri::{FriParameters, TwoAdicFriPcs};
use p3_koala_bear::{default_koalabear_poseidon2_16, default_koalabear_poseidon2_24, Poseidon2KoalaBear};
use p3_merkle_tree::MerkleTreeMmcs;
use p3_security::GrindingSites;
use p3_symmetric::{CryptographicHasher, PaddingFreeSponge, TruncatedPermutation};
use p3_uni_stark::StarkConfig;

use crate::air::lanes::LANES;
use crate::air::trace::MAX_PIECES;
use crate::air::{Kind, Table};
use crate::record::Program;
use crate::{Digest, F};

/// log2 of the blowup: constraints have degree 3 at most.
pub const LOG_BLOWUP: usize = 1;
/// log2 of the largest folding of a round.
pub const MAX_LOG_ARITY: usize = 3;
/// log2 of the length of the final polynomial. With the blowup it must stay below the smallest table's extended height.
pub const LOG_FINAL_POLYNOMIAL: usize = 3;
/// Queries.
pub const QUERIES: usize = 204;
/// Bits ground before the queries are drawn.
pub const QUERY_GRINDING: usize = 16;
/// Bits ground before each folding challenge.
pub const COMMIT_GRINDING: usize = 5;
/// Bits ground before the challenge that joins the openings.
pub const BATCH_GRINDING: usize = 16;
/// Bits ground before the lookups' challenges.
pub const LOOKUP_GRINDING: usize = 16;
/// Bits ground before the point outside the domain is drawn.
pub const OUT_OF_DOMAIN_GRINDING: usize = 8;
/// Height of the Merkle caps: the root alone. All queries of a tree share one proof, whose upper levels cost nothing.
pub const CAP_HEIGHT: usize = 0;
/// Messages of one bus share a column as long as its constraint has at most this degree.
pub const LOOKUP_DEGREE: usize = 3;
/// log2 of the smallest height of a table.
pub const MIN_LOG_HEIGHT: usize = 4;
/// log2 of the largest height of a table. A verifier refuses taller ones: beyond it the proven bits would fall below 100.
pub const MAX_LOG_HEIGHT: usize = 22;

/// The field of the challenges.
pub type Challenge = BinomialExtensionField<F, 4>;
/// Permutation of nodes and challenger.
pub type Permutation16 = Poseidon2KoalaBear<16>;
/// Permutation of leaves.
pub type Permutation24 = Poseidon2KoalaBear<24>;
/// Hash of leaves.
pub type LeafHash<P = Permutation24> = PaddingFreeSponge<P, 24, 16, 8>;
/// Hash of nodes.
pub type NodeHash<P = Permutation16> = TruncatedPermutation<P, 2, 8, 16>;
/// Merkle trees over base field elements.
pub type ValueMmcs<L = LeafHash, N = NodeHash> =
    MerkleTreeMmcs<<F as Field>::Packing, <F as Field>::Packing, L, N, 2, 8>;
/// Merkle trees over challenges.
pub type ChallengeMmcs<M = ValueMmcs> = ExtensionMmcs<F, Challenge, M>;
/// The transcript.
pub type Challenger<P = Permutation16> = DuplexChallenger<F, P, 16, 8>;
/// The Fourier transform.
pub type Dft = Radix2DitParallel<F>;
/// The commitment scheme.
pub type CommitmentScheme = TwoAdicFriPcs<F, Dft, ValueMmcs, ChallengeMmcs>;
/// The configuration.
pub type Config = StarkConfig<CommitmentScheme, Challenge, Challenger>;
/// A commitment.
pub type Commitment = <CommitmentScheme as Pcs<Challenge, Challenger>>::Commitment;
/// What the prover keeps of a commitment.
pub type Committed = <CommitmentScheme as Pcs<Challenge, Challenger>>::ProverData;
/// The reference prover's proof.
pub type RawProof = BatchProof<Config>;

/// FRI's parameters over any Merkle trees.
pub const fn fri<M>(mmcs: M) -> FriParameters<M> {
    FriParameters {
        log_blowup: LOG_BLOWUP,
        log_final_poly_len: LOG_FINAL_POLYNOMIAL,
        max_log_arity: MAX_LOG_ARITY,
        num_queries: QUERIES,
        batch_proof_of_work_bits: BATCH_GRINDING,
        commit_proof_of_work_bits: COMMIT_GRINDING,
        query_proof_of_work_bits: QUERY_GRINDING,
        mmcs,
    }
}

/// The configuration over any commitment scheme and challenger.
pub const fn stark<P: Clone, C: Clone>(scheme: P, challenger: C) -> StarkConfig<P, Challenge, C> {
    StarkConfig::<P, Challenge, C>::new(scheme, challenger)
        .with_lookup_proof_of_work_bits(LOOKUP_GRINDING)
        .with_ood_proof_of_work_bits(OUT_OF_DOMAIN_GRINDING)
}

/// The Merkle trees.
pub fn mmcs() -> ValueMmcs {
    let leaf = LeafHash::new(default_koalabear_poseidon2_24());
    let node = NodeHash::new(default_koalabear_poseidon2_16());
    ValueMmcs::new(leaf, node, CAP_HEIGHT)
}

/// The configuration that all proofs are made with.
pub fn config() -> Config {
    let mmcs = mmcs();
    let fri = fri(ChallengeMmcs::new(mmcs.clone()));
    stark(CommitmentScheme::new(Dft::default(), mmcs, fri), Challenger::new(default_koalabear_poseidon2_16()))
}

/// Bits ground outside the low-degree test.
pub const fn grinding() -> GrindingSites {
    GrindingSites {
        out_of_domain: OUT_OF_DOMAIN_GRINDING,
        batch_combination: BATCH_GRINDING,
        lookup_challenge: LOOKUP_GRINDING,
    }
}

/// Hash of field elements: the leaves' sponge.
pub fn hash(values: impl IntoIterator<Item = F>) -> Digest {
    LeafHash::new(default_koalabear_poseidon2_24()).hash_iter(values)
}

/// Names the configuration and the widths of all tables: proofs with another fingerprint are of another protocol.
pub fn fingerprint() -> Digest {
    const PROVER: [usize; 4] = [0, 9, 0, 2];
    let numbers = [
        LOG_BLOWUP,
        MAX_LOG_ARITY,
        LOG_FINAL_POLYNOMIAL,
        QUERIES,
        QUERY_GRINDING,
        COMMIT_GRINDING,
        BATCH_GRINDING,
        LOOKUP_GRINDING,
        OUT_OF_DOMAIN_GRINDING,
        CAP_HEIGHT,
        LOOKUP_DEGREE,
        LANES,
        MAX_PIECES,
    ];
    let program = std::sync::Arc::new(Program { entry: 0, code: Vec::new(), image: Vec::new() });
    let widths = Kind::ALL.iter().flat_map(|&kind| {
        let table = Table::of(kind, &program);
        [
            p3_air::BaseAir::<F>::width(&table),
            p3_air::BaseAir::<F>::preprocessed_width(&table),
            p3_air::BaseAir::<F>::num_public_values(&table),
        ]
    });
    hash(PROVER.into_iter().chain(numbers).chain(widths).map(F::from_usize))
}
