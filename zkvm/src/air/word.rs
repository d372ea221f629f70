//! Input and output: the words that ECALL read or wrote, in order of time, and their running digest.
//!
//! A row a word. Times ascend from row to row by less than 2^26, as all times of cycles do, so the words are absorbed in the
//! order in which the program asked for them, each once. `real` only falls; the rows after the last word carry the digest on, so that
//! the table's last row has the final one. The digests of the first and of the last row are the table's public values.
//!
//! That the halves are below 2^16 is for the table that introduces a word to check: ECALL, which looks up those of a word it
//! puts in a register, and takes a word written from one. Where a segment has no such words its proof has no such table,
//! and the verifier must check that the statement's two digests are equal.

use p3_air::{AirBuilder, WindowAccess};
use p3_field::PrimeCharacteristicRing;
use p3_matrix::dense::RowMajorMatrix;

use super::bus::{self, Builder};
use super::columns::columns;
use super::{frame, trace, Chip};
use crate::isa::service;
use crate::record::{Segment, Statement};
use crate::{hash, F};

columns! {
    /// A row.
    pub struct WordRow {
        real: T,
        /// Time of the cycle.
        time: T,
        /// Time since the word before, less one: low half and what is above.
        gap: [T; 2],
        /// Digest without the word.
        before: [T; 8],
        /// Digest with the word.
        after: [T; 8],
        /// Its halves.
        word: [T; 2],
    }
}

/// Columns that the constraints read in the next row: all but the last 10.
const NEXT: usize = 12;
/// A gap has this many bits above its low half.
const HIGH_BITS: u32 = 10;

/// The table of the words of one service.
#[derive(Clone, Copy, Debug)]
pub struct Words {
    service: u32,
}

impl Words {
    /// The input.
    pub const INPUT: Self = Self { service: service::READ };
    /// The output.
    pub const OUTPUT: Self = Self { service: service::WRITE };
}

impl Chip for Words {
    fn width(&self) -> usize {
        WordRow::<F>::WIDTH
    }

    fn names(&self) -> Vec<String> {
        WordRow::<F>::names("")
    }

    fn eval<B: Builder>(&self, b: &mut B) {
        let main = b.main();
        let row = WordRow::from_cells(main.current_slice());
        let next = WordRow::from_cells(main.next_slice());
        let real: B::Expr = row.real.into();
        b.assert_bool(row.real);
        b.when_transition().when(next.real).assert_one(row.real);
        let [low, high] = next.gap;
        let since = next.time - row.time - F::ONE;
        b.when_transition().when(next.real).assert_eq(since, low + high * F::from_u32(1 << 16));
        let [low, high] = row.gap;
        bus::half(b, low.into(), real.clone());
        bus::bits(b, high.into(), bus::constant::<B>(HIGH_BITS), real.clone());

        for i in 0..8 {
            b.assert_zero((B::Expr::ONE - row.real) * (row.after[i] - row.before[i]));
            b.when_transition().assert_eq(next.before[i], row.after[i]);
            let [start, end]: [B::Expr; 2] = [0, 8].map(|side| b.public_values()[side + i].into());
            b.when_first_row().assert_eq(row.before[i], start);
            b.when_last_row().assert_eq(row.after[i], end);
        }
        let [low, high] = row.word.map(Into::into);
        let right = [low.clone(), high.clone()].into_iter().chain(core::iter::repeat_n(B::Expr::ZERO, 6));
        let fields = row.before.into_iter().map(Into::into).chain(right).chain(row.after.map(Into::into));
        bus::send(b, bus::COMPRESS, fields, real.clone());
        bus::receive(b, bus::WORD, [bus::constant::<B>(self.service), row.time.into(), low, high], real);
    }

    fn next_columns(&self) -> Vec<usize> {
        (0..NEXT).collect()
    }

    fn public_values(&self) -> usize {
        16
    }

    fn publish(&self, statement: &Statement) -> Vec<F> {
        let digests = if self.service == service::READ { &statement.input } else { &statement.output };
        digests.as_flattened().to_vec()
    }

    fn trace(&self, segment: &Segment) -> Option<RowMajorMatrix<F>> {
        let (words, [start, _]) = if self.service == service::READ {
            (&segment.inputs, segment.statement.input)
        } else {
            (&segment.outputs, segment.statement.output)
        };
        let mut before = start;
        let mut time = None;
        let mut trace = trace::padded(words.len(), self.width(), |i, cells| {
            let word = &words[i];
            let gap = time.map_or(0, |previous: u32| word.time.wrapping_sub(previous + 1));
            let after = hash::absorb(&before, word.value);
            let row = WordRow {
                real: F::ONE,
                time: F::from_u32(word.time),
                gap: frame::halves(gap),
                before,
                after,
                word: frame::halves(word.value),
            };
            row.to_cells(cells);
            before = after;
            time = Some(word.time);
        })?;
        let rest = WordRow { before, after: before, ..WordRow::from_cells(&F::zero_vec(self.width())) };
        for cells in trace.values.chunks_mut(self.width()).skip(words.len()) {
            rest.to_cells(cells);
        }
        Some(trace)
    }
}
