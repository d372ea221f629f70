//! Constraint matrices as the card multiplies them with a witness: by jagged diagonals.
//!
//! The card's vector engine works on streams, so a sum over the terms of a row is no work for it, but the k-th terms of all
//! rows at once are: coefficients times gathered signals, added to the sums so far. Rows are sorted by length, longest
//! first, so that the rows with more than k terms are the first ones, and diagonal k is a step of as many elements; at
//! the end a gather brings the sums back into the order of the rows. A row of more than [`CAP`] terms is cut into parts
//! with a sum each, and a further level of diagonals sums these, and so on: the number of steps stays at most [`CAP`] a level.
//! Source of the format: Saad, *Krylov Subspace Methods on Supercomputers* (1989).
//!
//! The card reads canonical signals as Montgomery form, for w·R⁻¹, so a coefficient v is stored as v·R: their Montgomery
//! product is the Montgomery form of v·w. In memory v·R is the integer v·R² mod r, which is what a `.zkey` holds.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use ark_bn254::{Fr, FrConfig};
use ark_ff::{AdditiveGroup, Field, MontConfig};

use super::matrix::{Entry, SparseMatrix};

/// Most terms of a row that are summed in one level.
pub(crate) const CAP: usize = 64;
/// Alignment of a list of indices, bytes.
const ALIGN: usize = permafrost_abi::ALIGN as usize;
/// R = 2^256 as an element of the field.
const R: Fr = Fr::new_unchecked(FrConfig::R2);

/// Matrices laid out one below the other. Coefficients and indices are in an image, which belongs in card memory; here are
/// the steps over it.
pub(crate) struct Layout {
    /// In the order in which they are done.
    pub diagonals: Vec<Diagonal>,
    /// Sums that the diagonals make.
    pub sums: usize,
    /// Rows of all matrices.
    pub rows: usize,
    /// Where in the image is, for each row, the index of its sum.
    pub order: u64,
}

/// One step: for i below `n`, `sums[to + i]` becomes, or grows by, coefficient i times element `index i` of `source`.
pub(crate) struct Diagonal {
    pub n: usize,
    /// Where in the image the coefficients are, 32 bytes each; none when all are one.
    pub coefficients: Option<u64>,
    /// Where in the image the indices are, a `u32` each.
    pub indices: u64,
    pub source: Source,
    pub to: usize,
    /// Whether it adds to the sums or makes them.
    pub adds: bool,
}

/// What a diagonal gathers from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    Signals,
    /// The sums of the levels before: so many, from the first one on.
    Sums(usize),
}

/// Whose sum a part is.
#[derive(Clone, Copy)]
enum Owner {
    Row(usize),
    /// One of several of this row.
    PieceOf(usize),
    /// The zero that all empty rows share.
    Zero,
}

impl Layout {
    /// Lays out matrices with `rows` rows each; those that a matrix does not have are empty. Also returns the image.
    pub(crate) fn new(matrices: &[&SparseMatrix], rows: usize) -> (Self, Vec<u8>) {
        Self::with_cap(matrices, rows, CAP)
    }

    fn with_cap(matrices: &[&SparseMatrix], rows: usize, cap: usize) -> (Self, Vec<u8>) {
        let all = rows * matrices.len();
        let mut layout = Layout { diagonals: Vec::new(), sums: 0, rows: all, order: 0 };
        let mut image = Image(Vec::new());
        let mut order = vec![None; all];

        // Signal 0 exists, whatever it is.
        let zero = [Entry { signal: 0, value: Fr::ZERO }];
        let row = |i: usize| {
            let (matrix, i) = (matrices[i / rows], i % rows);
            if i < matrix.rows() {
                matrix.row(i)
            } else {
                &[]
            }
        };
        let mut parts: Vec<(Owner, &[Entry])> = (0..all).flat_map(|i| cut(i, row(i), cap)).collect();
        let mut zero_at = 0;
        if (0..all).any(|i| row(i).is_empty()) {
            parts.push((Owner::Zero, &zero));
        }
        let mut source = Source::Signals;
        let mut pieces: BTreeMap<usize, Vec<Entry>>;
        loop {
            parts.sort_by_key(|(_, terms)| Reverse(terms.len()));
            let first = layout.sums;
            layout.level(&parts, source, &mut image);
            let mut next = BTreeMap::<usize, Vec<Entry>>::new();
            for (i, (owner, _)) in parts.iter().enumerate() {
                let signal = (first + i) as u32;
                match *owner {
                    Owner::Row(row) => order[row] = Some(signal),
                    Owner::Zero => zero_at = signal,
                    Owner::PieceOf(row) => {
                        next.entry(row).or_default().push(Entry { signal, value: Fr::ONE })
                    }
                }
            }
            if next.is_empty() {
                break;
            }
            pieces = next;
            source = Source::Sums(layout.sums);
            parts = pieces.iter().flat_map(|(row, terms)| cut(*row, terms, cap)).collect();
        }
        layout.order = image.indices(order.into_iter().map(|at| at.unwrap_or(zero_at)));
        (layout, image.0)
    }

    /// The diagonals of parts sorted by length, longest first.
    fn level(&mut self, parts: &[(Owner, &[Entry])], source: Source, image: &mut Image) {
        let longest = parts.first().map_or(0, |(_, terms)| terms.len());
        for k in 0..longest {
            let n = parts.partition_point(|(_, terms)| terms.len() > k);
            let diagonal = || parts[..n].iter().map(|(_, terms)| &terms[k]);
            self.diagonals.push(Diagonal {
                n,
                coefficients: (source == Source::Signals)
                    .then(|| image.coefficients(diagonal().map(|e| e.value))),
                indices: image.indices(diagonal().map(|e| e.signal)),
                source,
                to: self.sums,
                adds: k > 0,
            });
        }
        self.sums += parts.len();
    }
}

/// The parts of a row; none when it is empty.
fn cut(row: usize, terms: &[Entry], cap: usize) -> impl Iterator<Item = (Owner, &[Entry])> {
    let owner = if terms.len() > cap { Owner::PieceOf(row) } else { Owner::Row(row) };
    terms.chunks(cap).map(move |part| (owner, part))
}

/// Data for card memory under construction.
struct Image(Vec<u8>);

impl Image {
    fn coefficients(&mut self, values: impl Iterator<Item = Fr>) -> u64 {
        let at = self.align();
        for limb in values.flat_map(|v| (v * R).0 .0) {
            self.0.extend_from_slice(&limb.to_le_bytes());
        }
        at
    }

    fn indices(&mut self, indices: impl Iterator<Item = u32>) -> u64 {
        let at = self.align();
        for index in indices {
            self.0.extend_from_slice(&index.to_le_bytes());
        }
        at
    }

    /// Where the next list begins.
    fn align(&mut self) -> u64 {
        self.0.resize(self.0.len().next_multiple_of(ALIGN), 0);
        self.0.len() as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::testing::rng;
    use ark_ff::{BigInt, PrimeField, UniformRand};
    use rand::Rng;

    impl Layout {
        /// What the card computes, by the steps over the image, of what it reads.
        fn times(&self, image: &[u8], signals: &[Fr]) -> Vec<Fr> {
            let word =
                |at: u64| image[at as usize..][..4].try_into().map(u32::from_le_bytes).expect("4 bytes");
            let index = |at: u64, i: usize| word(at + 4 * i as u64) as usize;
            let element = |at: u64, i: usize| {
                let limb = |k: usize| {
                    let at = at as usize + 32 * i + 8 * k;
                    u64::from_le_bytes(image[at..at + 8].try_into().expect("8 bytes"))
                };
                Fr::new_unchecked(BigInt(std::array::from_fn(limb)))
            };
            let mut sums = vec![Fr::from(7u64); self.sums];
            for d in &self.diagonals {
                assert!(d.n > 0 && d.indices % 64 == 0);
                for i in 0..d.n {
                    let at = index(d.indices, i);
                    let gathered = match d.source {
                        Source::Signals => signals[at],
                        Source::Sums(len) => {
                            assert!(at < len && len <= d.to, "what is read is written before");
                            sums[at]
                        }
                    };
                    let term = d.coefficients.map_or(gathered, |c| gathered * element(c, i));
                    sums[d.to + i] = if d.adds { sums[d.to + i] + term } else { term };
                }
            }
            assert_eq!(self.order % 64, 0);
            (0..self.rows).map(|i| sums[index(self.order, i)]).collect()
        }
    }

    fn check(matrices: &[&SparseMatrix], rows: usize, cap: usize, signals: &[Fr]) -> Layout {
        let (layout, image) = Layout::with_cap(matrices, rows, cap);
        // The card's view of a canonical value.
        let seen: Vec<Fr> = signals.iter().map(|s| Fr::new_unchecked(s.into_bigint())).collect();
        let mut expected = Vec::new();
        for (i, matrix) in matrices.iter().enumerate() {
            expected.extend(matrix.times(signals));
            expected.resize(rows * (i + 1), Fr::ZERO);
        }
        assert_eq!(layout.times(&image, &seen), expected);
        layout
    }

    /// A matrix whose row i has `lengths[i]` terms.
    fn random(lengths: &[usize], signals: usize, rng: &mut impl Rng) -> SparseMatrix {
        let mut coefficients = Vec::new();
        for (row, length) in lengths.iter().enumerate() {
            for _ in 0..*length {
                let value = match rng.gen_range(0..4) {
                    0 => Fr::ONE,
                    1 => -Fr::ONE,
                    _ => Fr::rand(rng),
                };
                coefficients.push((row as u32, Entry { signal: rng.gen_range(0..signals as u32), value }));
            }
        }
        SparseMatrix::new(lengths.len(), &coefficients)
    }

    #[test]
    fn diagonals_give_the_product() {
        let (mut rng, seed) = rng();
        println!("{seed}");
        let signals: Vec<Fr> = (0..300).map(|_| Fr::rand(&mut rng)).collect();
        for cap in [2, 3, 8, 64] {
            let long: Vec<usize> = (0..40)
                .map(|i| match i % 5 {
                    0 => 0,
                    1 => 1,
                    2 => rng.gen_range(0..6),
                    3 => cap * rng.gen_range(1..cap + 2) + rng.gen_range(0..2),
                    _ => rng.gen_range(0..1500),
                })
                .collect();
            for lengths in [&long[..], &[0, 0, 0], &[1; 9], &[cap + 1], &[1000, 0, 1, 4097], &[]] {
                let (a, b) = (random(lengths, 300, &mut rng), random(lengths, 300, &mut rng));
                let rows = lengths.len().next_power_of_two();
                let layout = check(&[&a, &b], rows, cap, &signals);
                // A level holds at most the cap's number of steps, and a row of t terms has about log t of them.
                let levels = (4097f64.ln() / (cap as f64).ln()).ceil() as usize;
                assert!(layout.diagonals.len() <= cap * levels, "{} steps", layout.diagonals.len());
                check(&[&a], rows, cap, &signals);
            }
        }
    }

    #[test]
    fn terms_are_taken_once_and_padding_is_small() {
        let (mut rng, _) = rng();
        let lengths = [5, 0, 1, 0, 3, 3, 130, 0];
        let matrix = random(&lengths, 20, &mut rng);
        let (layout, image) = Layout::new(&[&matrix], 8);
        let terms = |source: fn(&Source) -> bool| -> usize {
            layout.diagonals.iter().filter(|d| source(&d.source)).map(|d| d.n).sum()
        };
        // 142 terms and the shared zero; the long row is three parts.
        assert_eq!(terms(|s| *s == Source::Signals), 143);
        assert_eq!(terms(|s| matches!(s, Source::Sums(_))), 3);
        assert_eq!((layout.sums, layout.rows), (4 + 3 + 1 + 1, 8));
        assert!(image.len() <= 143 * 36 + 3 * 4 + 8 * 4 + 2 * 64 * (layout.diagonals.len() + 1));
    }

    #[test]
    fn a_stored_coefficient_is_that_of_the_file() {
        let (mut rng, seed) = rng();
        let value = Fr::rand(&mut rng);
        let matrix = SparseMatrix::new(1, &[(0, Entry { signal: 0, value })]);
        let (layout, image) = Layout::new(&[&matrix], 1);
        let at = layout.diagonals[0].coefficients.expect("a coefficient") as usize;
        let bytes: [u8; 32] = image[at..at + 32].try_into().expect("32 bytes");
        assert_eq!(super::super::field::fr_from_double_montgomery(&bytes), Some(value), "seed {seed}");
    }
}
