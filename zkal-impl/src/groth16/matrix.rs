//! Sparse constraint matrices, by rows.

use ark_bn254::Fr;
use ark_ff::{One, Zero};
use rayon::prelude::*;

/// A matrix with `rows` rows over the circuit's signals, zero coefficients left out.
pub(crate) struct SparseMatrix {
    /// Row `i` is `entries[starts[i]..starts[i + 1]]`.
    starts: Vec<usize>,
    entries: Vec<Entry>,
}

/// A coefficient in a row.
#[derive(Clone, Copy)]
pub(crate) struct Entry {
    pub signal: u32,
    pub value: Fr,
}

impl SparseMatrix {
    /// Sorts coefficients given in any order of rows; their order within a row is kept. Rows are below `rows`.
    pub(crate) fn new(rows: usize, coefficients: &[(u32, Entry)]) -> Self {
        let mut starts = vec![0; rows + 1];
        for (row, _) in coefficients {
            starts[*row as usize + 1] += 1;
        }
        for i in 0..rows {
            starts[i + 1] += starts[i];
        }
        let mut next = starts.clone();
        let mut entries = vec![Entry { signal: 0, value: Fr::zero() }; coefficients.len()];
        for (row, entry) in coefficients {
            let slot = &mut next[*row as usize];
            entries[*slot] = *entry;
            *slot += 1;
        }
        SparseMatrix { starts, entries }
    }

    /// Number of rows.
    pub(crate) fn rows(&self) -> usize {
        self.starts.len() - 1
    }

    /// Coefficients of a row.
    pub(crate) fn row(&self, i: usize) -> &[Entry] {
        &self.entries[self.starts[i]..self.starts[i + 1]]
    }

    /// The product with a vector of all signals, one value a row.
    pub(crate) fn times(&self, signals: &[Fr]) -> Vec<Fr> {
        let term = |e: &Entry| {
            let signal = signals[e.signal as usize];
            if e.value.is_one() {
                signal
            } else {
                signal * e.value
            }
        };
        (0..self.rows()).into_par_iter().map(|i| self.row(i).iter().map(term).sum()).collect()
    }
}
