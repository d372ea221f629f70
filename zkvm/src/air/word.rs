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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::air::range::Range;
    use crate::air::{check, Kind, Table};
    use crate::record::Word;
    use crate::testing::{refused_in, sums, Machine};

    /// The longest gap there is.
    const LONGEST: u32 = 1 << 26;

    /// A segment of these input words and no instructions. What is wrong with its table, except that nobody sends the words.
    fn segment(words: &[(u32, u32)]) -> Segment {
        let mut segment = Machine::new(&sums()).segment(0);
        segment.inputs = words.iter().map(|&(time, value)| Word { time, value }).collect();
        segment.statement.input[0] = [F::TWO; 8];
        segment.statement.input[1] =
            words.iter().fold([F::TWO; 8], |digest, (_, value)| hash::absorb(&digest, *value));
        segment
    }

    fn table(segment: &Segment) -> (Table, RowMajorMatrix<F>) {
        let table = Table::of(Kind::Input, &segment.program);
        let trace = table.trace(segment).expect("there are words");
        (table, trace)
    }

    /// What is wrong with a trace as that of these words, in this order.
    fn wrong(table: Table, trace: RowMajorMatrix<F>, segment: &Segment) -> Vec<String> {
        let mut wrong = refused_in(&vec![(table, trace)], segment);
        for word in &segment.inputs {
            let line = format!("word [1, {}, {}, {}]: -1", word.time, word.value & 0xffff, word.value >> 16);
            match wrong.iter().position(|other| *other == line) {
                Some(place) => drop(wrong.remove(place)),
                None => wrong.push(format!("not taken: {line}")),
            }
        }
        wrong
    }

    fn words() -> Vec<(u32, u32)> {
        vec![
            (1, 0),
            (4, 0xffff_ffff),
            (7, 0x1_0000),
            (7 + 0x1_0000, 0xffff),
            (7 + 0x2_0001, 0xffff),
            (7 + 0x2_0001 + LONGEST, 0x8000_0000),
        ]
    }

    #[test]
    fn words_in_order_hold() {
        let many: Vec<_> = (0..40).map(|i| (3 * i + 1, i)).collect();
        for count in [1, 2, 15, 16, 17, 40] {
            let segment = segment(&many[..count]);
            let (table, trace) = table(&segment);
            assert_eq!(
                trace.values.len() / trace.width,
                if count > 32 {
                    64
                } else if count > 16 {
                    32
                } else {
                    16
                }
            );
            assert_eq!(wrong(table, trace, &segment), Vec::<String>::new(), "{count} words");
        }
        let segment = segment(&words());
        let (table, trace) = table(&segment);
        assert_eq!(wrong(table, trace, &segment), Vec::<String>::new());
    }

    #[test]
    fn no_words_no_table() {
        let segment = segment(&[]);
        assert!(Table::of(Kind::Input, &segment.program).trace(&segment).is_none());
        assert_eq!(segment.statement.input[0], segment.statement.input[1]);
    }

    #[test]
    fn words_out_of_order_are_refused() {
        let all = words();
        for (i, j) in [(0, 1), (1, 2), (0, 5), (4, 5)] {
            // Times and words exchanged: the table's rows and digest are consistent with each other, only time falls.
            let mut other = all.clone();
            other.swap(i, j);
            let segment = segment(&other);
            let (table, trace) = table(&segment);
            assert_ne!(wrong(table, trace, &segment), Vec::<String>::new(), "{i} and {j}");
        }
        for pair in [[(4, 1), (4, 2)], [(4, 1), (3, 2)], [(4, 1), (5 + LONGEST, 2)]] {
            let segment = segment(&pair);
            let (table, trace) = table(&segment);
            assert_ne!(wrong(table, trace, &segment), Vec::<String>::new(), "{pair:?}");
        }
    }

    #[test]
    fn other_digests_are_refused() {
        for (side, place) in [(0, 0), (0, 7), (1, 0), (1, 7)] {
            let mut segment = segment(&words());
            let (table, trace) = table(&segment);
            segment.statement.input[side][place] += F::ONE;
            assert_ne!(wrong(table, trace, &segment), Vec::<String>::new());
        }
        // The final digest of fewer words.
        let mut segment = segment(&words());
        let (table, trace) = table(&segment);
        segment.statement.input[1] = trace.values[4..12].try_into().expect("8 elements");
        assert_ne!(wrong(table, trace, &segment), Vec::<String>::new());
    }

    #[test]
    fn every_cell_counts() {
        let segment = segment(&words());
        let (table, good) = table(&segment);
        let (names, width) = (table.names(), good.width);
        for row in [0, 1, 5, 6, 15] {
            for (column, name) in names.iter().enumerate() {
                let free = match row {
                    // Since when does not matter.
                    0 => name.starts_with("gap"),
                    6.. => ["time", "gap[0]", "gap[1]", "word[0]", "word[1]"].contains(&name.as_str()),
                    _ => false,
                };
                let mut trace = good.clone();
                trace.values[row * width + column] += F::ONE;
                let refused = !wrong(table.clone(), trace, &segment).is_empty();
                assert_eq!(refused, !free, "{name} of row {row}");
            }
        }
    }

    #[test]
    fn the_output_is_another_service() {
        let mut segment = segment(&words());
        std::mem::swap(&mut segment.inputs, &mut segment.outputs);
        std::mem::swap(&mut segment.statement.input, &mut segment.statement.output);
        let table = Table::of(Kind::Output, &segment.program);
        let trace = table.trace(&segment).expect("there are words");
        let values = table.public_values(&segment.statement);
        assert_eq!(check::broken(&table, &trace, &values), Vec::<String>::new());
        let left = check::unbalanced(&[(table, trace)]);
        assert_eq!(left.iter().filter(|line| line.starts_with("word [2, ")).count(), words().len());
    }

    #[test]
    fn the_columns_read_in_the_next_row_are_the_first() {
        let names = WordRow::<F>::names("");
        assert_eq!((names[NEXT - 1].as_str(), names[NEXT].as_str()), ("before[7]", "after[0]"));
        let high = [range(16, 10), range((1 << 10) - 1, 10), range(1 << 10, 10)];
        assert_eq!(high, [true, true, false]);
    }

    fn range(value: u32, bits: u32) -> bool {
        Range::place(&[bus::range::BITS, value, bits, 0].map(F::from_u32)).is_some()
    }
}
