//! Wrappers that hand every call on to the reference prover's own type and write down what went in and what came out.
//!
//! They stand for a hash's permutation, the Fourier transform, the Merkle trees and the transcript. The prover is not changed;
//! a proof made with them is the same, byte for byte.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use p3_challenger::{CanObserve, CanSample, CanSampleBits, FieldChallenger, GrindingChallenger};
use p3_commit::{BatchOpening, BatchOpeningRef, Mmcs};
use p3_dft::TwoAdicSubgroupDft;
use p3_field::PackedValue;
use p3_fri::TwoAdicFriPcs;
use p3_koala_bear::{default_koalabear_poseidon2_16, default_koalabear_poseidon2_24};
use p3_matrix::dense::RowMajorMatrix;
use p3_matrix::{Dimensions, Matrix};
use p3_merkle_tree::PrunedMerklePaths;
use p3_symmetric::{CryptographicPermutation, MerkleCap, Permutation};
use p3_uni_stark::StarkConfig;

use crate::config::{
    self, Challenge, Challenger, Dft, LeafHash, NodeHash, Permutation16, Permutation24, ValueMmcs,
};
use crate::{Digest, F};

/// One low-degree extension.
#[derive(Debug)]
pub struct Extension {
    /// Values on a domain.
    pub input: RowMajorMatrix<F>,
    /// log2 of how much larger the other domain is.
    pub added_bits: usize,
    /// Factor from the one domain's points to the other's.
    pub shift: F,
    /// Values on the larger domain, in its order.
    pub output: RowMajorMatrix<F>,
}

/// One commitment.
#[derive(Debug)]
pub struct Commit {
    /// Matrices, in the batch's order.
    pub matrices: Vec<RowMajorMatrix<F>>,
    /// The tree's cap.
    pub cap: Vec<Digest>,
}

/// All queries of one commitment.
#[derive(Debug)]
pub struct Opening {
    /// Rows of the tallest matrix.
    pub indices: Vec<usize>,
    /// Per query and matrix the row.
    pub rows: Vec<Vec<Vec<F>>>,
    /// Digests that no query's rows give, in the order of the proof.
    pub path: Vec<Digest>,
}

/// A call of the transcript.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// An element goes in.
    Observe(F),
    /// An element comes out.
    Sample(F),
    /// The low bits of an element come out: how many, and the number they are.
    Bits(usize, usize),
    /// The witness of so many bits of work goes in.
    Grind(usize, F),
}

/// What was written down.
#[derive(Debug, Default)]
pub struct Record {
    /// Extensions, in the order of the calls.
    pub extensions: Vec<Extension>,
    /// Commitments, in the order of the calls.
    pub commits: Vec<Commit>,
    /// Openings, in the order of the calls.
    pub openings: Vec<Opening>,
    /// The transcript.
    pub events: Vec<Event>,
    /// Permutations of the leaves' and the nodes' hash.
    pub permutations: [u64; 2],
}

/// Where one configuration's wrappers write.
#[derive(Clone, Debug, Default)]
pub struct Recorder(Arc<Mutex<Record>>);

impl Recorder {
    fn lock(&self) -> MutexGuard<'_, Record> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What was written down so far.
    pub fn take(&self) -> Record {
        std::mem::take(&mut self.lock())
    }
}

/// Counts a permutation's calls.
#[derive(Clone, Debug)]
pub struct SpyPermutation<P> {
    inner: P,
    /// Place in [`Record::permutations`].
    place: usize,
    recorder: Recorder,
}

impl<T: PackedValue, P: Permutation<[T; W]>, const W: usize> Permutation<[T; W]> for SpyPermutation<P> {
    fn permute_mut(&self, state: &mut [T; W]) {
        self.recorder.lock().permutations[self.place] += T::WIDTH as u64;
        self.inner.permute_mut(state);
    }
}

impl<T: PackedValue, P: CryptographicPermutation<[T; W]>, const W: usize> CryptographicPermutation<[T; W]>
    for SpyPermutation<P>
{
}

/// Writes down low-degree extensions.
#[derive(Clone, Debug, Default)]
pub struct SpyDft {
    inner: Dft,
    recorder: Recorder,
}

impl TwoAdicSubgroupDft<F> for SpyDft {
    type Evaluations = <Dft as TwoAdicSubgroupDft<F>>::Evaluations;

    fn dft_batch(&self, matrix: RowMajorMatrix<F>) -> Self::Evaluations {
        self.inner.dft_batch(matrix)
    }

    fn coset_lde_batch(&self, matrix: RowMajorMatrix<F>, added_bits: usize, shift: F) -> Self::Evaluations {
        let input = matrix.clone();
        let evaluations = self.inner.coset_lde_batch(matrix, added_bits, shift);
        let output = copy(&evaluations);
        self.recorder.lock().extensions.push(Extension { input, added_bits, shift, output });
        evaluations
    }
}

/// Writes down commitments and openings.
#[derive(Clone, Debug)]
pub struct SpyMmcs<M> {
    inner: M,
    recorder: Recorder,
}

impl<M> Mmcs<F> for SpyMmcs<M>
where
    M: Mmcs<F, Commitment = MerkleCap<F, Digest>, MultiProof = PrunedMerklePaths<F, 8>>,
{
    type ProverData<T> = M::ProverData<T>;
    type Commitment = M::Commitment;
    type Proof = M::Proof;
    type MultiProof = M::MultiProof;
    type Error = M::Error;

    fn commit<T: Matrix<F>>(&self, inputs: Vec<T>) -> (Self::Commitment, Self::ProverData<T>) {
        let matrices = inputs.iter().map(copy).collect();
        let (commitment, data) = self.inner.commit(inputs);
        let cap = commitment.roots().to_vec();
        self.recorder.lock().commits.push(Commit { matrices, cap });
        (commitment, data)
    }

    fn open_batch<T: Matrix<F>>(&self, index: usize, data: &Self::ProverData<T>) -> BatchOpening<F, Self> {
        let (values, proof) = self.inner.open_batch(index, data).unpack();
        BatchOpening::new(values, proof)
    }

    fn get_matrices<'a, T: Matrix<F>>(&self, data: &'a Self::ProverData<T>) -> Vec<&'a T> {
        self.inner.get_matrices(data)
    }

    fn verify_batch(
        &self,
        commitment: &Self::Commitment,
        dimensions: &[Dimensions],
        index: usize,
        opening: BatchOpeningRef<'_, F, Self>,
    ) -> Result<(), Self::Error> {
        let opening = BatchOpeningRef::new(opening.opened_values, opening.opening_proof);
        self.inner.verify_batch(commitment, dimensions, index, opening)
    }

    fn open_multi_batch<T: Matrix<F>>(
        &self,
        indices: &[usize],
        data: &Self::ProverData<T>,
    ) -> (Vec<Vec<Vec<F>>>, Self::MultiProof) {
        let (rows, proof) = self.inner.open_multi_batch(indices, data);
        let path = proof.sibling_hashes.clone();
        self.recorder.lock().openings.push(Opening { indices: indices.to_vec(), rows: rows.clone(), path });
        (rows, proof)
    }

    fn verify_multi_batch<R: AsRef<[F]> + PartialEq>(
        &self,
        commitment: &Self::Commitment,
        dimensions: &[Dimensions],
        indices: &[usize],
        values: &[Vec<R>],
        proof: &Self::MultiProof,
    ) -> Result<(), Self::Error> {
        self.inner.verify_multi_batch(commitment, dimensions, indices, values, proof)
    }
}

/// Writes down the transcript.
#[derive(Clone, Debug)]
pub struct SpyChallenger {
    inner: Challenger<Permutation16>,
    recorder: Recorder,
}

impl SpyChallenger {
    fn event(&self, event: Event) {
        self.recorder.lock().events.push(event);
    }
}

impl CanObserve<F> for SpyChallenger {
    fn observe(&mut self, value: F) {
        self.event(Event::Observe(value));
        self.inner.observe(value);
    }
}

impl CanObserve<MerkleCap<F, Digest>> for SpyChallenger {
    fn observe(&mut self, cap: MerkleCap<F, Digest>) {
        for &value in cap.roots().iter().flatten() {
            self.observe(value);
        }
    }
}

impl CanSample<F> for SpyChallenger {
    fn sample(&mut self) -> F {
        let value = self.inner.sample();
        self.event(Event::Sample(value));
        value
    }
}

impl CanSample<Challenge> for SpyChallenger {
    fn sample(&mut self) -> Challenge {
        self.sample_algebra_element()
    }
}

impl CanSampleBits<usize> for SpyChallenger {
    fn sample_bits(&mut self, bits: usize) -> usize {
        let value = self.inner.sample_bits(bits);
        self.event(Event::Bits(bits, value));
        value
    }
}

impl FieldChallenger<F> for SpyChallenger {}

impl GrindingChallenger for SpyChallenger {
    type Witness = F;

    fn grind(&mut self, bits: usize) -> F {
        let witness = self.inner.grind(bits);
        self.event(Event::Grind(bits, witness));
        witness
    }
}

type Trees =
    SpyMmcs<ValueMmcs<LeafHash<SpyPermutation<Permutation24>>, NodeHash<SpyPermutation<Permutation16>>>>;
type Scheme = TwoAdicFriPcs<F, SpyDft, Trees, config::ChallengeMmcs<Trees>>;

/// [`config::Config`] with the wrappers in place.
pub type SpyConfig = StarkConfig<Scheme, Challenge, SpyChallenger>;

/// The configuration, and where it writes.
pub fn config() -> (SpyConfig, Recorder) {
    let recorder = Recorder::default();
    let leaf =
        SpyPermutation { inner: default_koalabear_poseidon2_24(), place: 0, recorder: recorder.clone() };
    let node =
        SpyPermutation { inner: default_koalabear_poseidon2_16(), place: 1, recorder: recorder.clone() };
    let inner = ValueMmcs::new(LeafHash::new(leaf), NodeHash::new(node), config::CAP_HEIGHT);
    let trees = SpyMmcs { inner, recorder: recorder.clone() };
    let fri = config::fri(config::ChallengeMmcs::new(trees.clone()));
    let dft = SpyDft { inner: Dft::default(), recorder: recorder.clone() };
    let inner = Challenger::new(default_koalabear_poseidon2_16());
    let challenger = SpyChallenger { inner, recorder: recorder.clone() };
    (config::stark(Scheme::new(dft, trees, fri), challenger), recorder)
}

fn copy<M: Matrix<F>>(matrix: &M) -> RowMajorMatrix<F> {
    let mut values = Vec::with_capacity(matrix.height() * matrix.width());
    for row in matrix.rows() {
        values.extend(row);
    }
    RowMajorMatrix::new(values, matrix.width())
}
