//! The Merkle tree over matrices of several heights.
//!
//! The leaf of a row is the hash of the rows of all tallest matrices, joined in their order. Where the tree has narrowed to the
//! height of a shorter matrix, its rows' hash joins: node = C(C(left, right), H(row)).

use std::collections::BTreeMap;

use p3_field::PrimeCharacteristicRing;
use p3_koala_bear::{default_koalabear_poseidon2_16, default_koalabear_poseidon2_24};
use p3_matrix::dense::RowMajorMatrix;
use p3_matrix::Matrix;
use p3_symmetric::Permutation;

use crate::{Digest, F};

/// Hash of a row: the state starts as zeros, each 16 elements replace its first 16 (a last part fewer) and it is permuted.
fn leaf(permutation: &impl Permutation<[F; 24]>, elements: impl Iterator<Item = F>) -> Digest {
    let mut state = [F::ZERO; 24];
    let mut filled = 0;
    for element in elements {
        state[filled] = element;
        filled += 1;
        if filled == 16 {
            permutation.permute_mut(&mut state);
            filled = 0;
        }
    }
    if filled > 0 {
        permutation.permute_mut(&mut state);
    }
    state[..8].try_into().unwrap_or_default()
}

fn node(permutation: &impl Permutation<[F; 16]>, left: &Digest, right: &Digest) -> Digest {
    let mut state = [F::ZERO; 16];
    state[..8].copy_from_slice(left);
    state[8..].copy_from_slice(right);
    permutation.permute_mut(&mut state);
    state[..8].try_into().unwrap_or_default()
}

/// Permutations that the tree over matrices of these heights and widths takes: of leaves and of nodes.
pub fn permutations(dimensions: &[(usize, usize)]) -> [u64; 2] {
    let mut widths: BTreeMap<usize, usize> = BTreeMap::new();
    for (height, width) in dimensions {
        *widths.entry(*height).or_default() += width;
    }
    let leaves = widths.iter().map(|(height, width)| height * width.div_ceil(16)).sum::<usize>();
    // The tallest's rows make the tree; each row of a shorter one joins it by one more.
    let nodes = widths.keys().sum::<usize>().saturating_sub(1);
    [leaves as u64, nodes as u64]
}

/// A tree.
#[derive(Debug)]
pub struct Tree {
    /// Digests, the leaves' first, the root's last.
    pub levels: Vec<Vec<Digest>>,
}

impl Tree {
    /// The tree over matrices.
    pub fn new(matrices: &[&RowMajorMatrix<F>]) -> Self {
        let (leaves, nodes) = (default_koalabear_poseidon2_24(), default_koalabear_poseidon2_16());
        let hashed = |height: usize| -> Vec<Digest> {
            let matrices: Vec<_> = matrices.iter().filter(|m| m.height() == height).collect();
            let width: usize = matrices.iter().map(|m| m.width()).sum();
            if width == 0 {
                return Vec::new();
            }
            let row = |i: usize| {
                matrices.iter().flat_map(move |m| &m.values[i * m.width()..][..m.width()]).copied()
            };
            (0..height).map(|i| leaf(&leaves, row(i))).collect()
        };
        let tallest = matrices.iter().map(|m| m.height()).max().unwrap_or(1);
        let mut levels = vec![hashed(tallest)];
        for bits in (0..tallest.ilog2()).rev() {
            let below = &levels[levels.len() - 1];
            let mut level: Vec<Digest> =
                below.chunks(2).map(|pair| node(&nodes, &pair[0], &pair[1])).collect();
            for (digest, shorter) in level.iter_mut().zip(hashed(1 << bits)) {
                *digest = node(&nodes, digest, &shorter);
            }
            levels.push(level);
        }
        Self { levels }
    }

    /// The root.
    pub fn root(&self) -> Digest {
        self.levels.last().and_then(|level| level.first()).copied().unwrap_or_default()
    }

    /// The digests that a proof of several rows needs: level by level from the leaves, in order of places, each whose neighbour lies
    /// above a row of the proof and that does not itself.
    pub fn path(&self, indices: &[usize]) -> Vec<Digest> {
        let mut path = Vec::new();
        let mut known: Vec<usize> = indices.to_vec();
        for level in &self.levels[..self.levels.len() - 1] {
            known.sort_unstable();
            known.dedup();
            let missing = known.iter().map(|i| i ^ 1).filter(|i| known.binary_search(i).is_err());
            path.extend(missing.map(|i| level[i]));
            known.iter_mut().for_each(|i| *i /= 2);
        }
        path
    }
}
