//! Keccak-f on memory: 24 rows a call.
//!
//! The rounds are those of `p3-keccak-air`, a row a round, whose columns come first. Its `preimage` stays the same through
//! the rows of a permutation, so that the words read are spread over the rows: round k reads the words 2k and 2k + 1,
//! and rounds 0 and 1 also 48 and 49. What is written stands in the last row, where `export` counts it. All fifty accesses
//! have the tick of the call. A height is not a multiple of 24: the permutations after the last call, and the
//! part of one at the end, are of zeros and exchange nothing.

use core::borrow::{Borrow, BorrowMut};

use p3_air::{Air, AirBuilder, WindowAccess};
use p3_field::PrimeCharacteristicRing;
use p3_keccak_air::{generate_trace_rows, KeccakAir, KeccakCols, NUM_KECCAK_COLS, NUM_ROUNDS};
use p3_matrix::dense::RowMajorMatrix;
use p3_uni_stark::SubAirBuilder;

use super::bus::{self, Builder};
use super::columns::columns;
use super::frame::{self, Read};
use super::Chip;
use crate::isa::service;
use crate::record::{Call, Segment};
use crate::F;

/// Words of the state.
const WORDS: usize = 50;

columns! {
    /// What a row has besides the round.
    pub struct CallRow {
        /// The permutation is a call's; the same in its 24 rows.
        real: T,
        /// The call's tick.
        time: T,
        /// Address of the first word.
        pointer: T,
        /// The row reads a third word: rounds 0 and 1 of a call.
        third: T,
        /// The words read.
        words: [Read<T>; 3],
    }
}

/// The table of Keccak-f.
#[derive(Clone, Copy, Debug)]
pub struct Rounds;

impl Rounds {
    /// Rows a call.
    pub const ROWS: usize = NUM_ROUNDS;
}

/// The word that `slot` reads in `round`.
fn word(round: usize, slot: usize) -> Option<usize> {
    match slot {
        0 | 1 => Some(2 * round + slot),
        _ => (round < 2).then_some(48 + round),
    }
}

/// Where the halves of a word are: (y, x, first of two limbs). Lane x + 5 y is 64 bits, the low word first.
const fn limb(word: usize) -> (usize, usize, usize) {
    (word / 2 / 5, word / 2 % 5, word % 2 * 2)
}

impl Chip for Rounds {
    fn width(&self) -> usize {
        NUM_KECCAK_COLS + CallRow::<F>::WIDTH
    }

    fn names(&self) -> Vec<String> {
        let numbered = |field: String, count: usize| (0..count).map(move |i| format!("{field}[{i}]"));
        let sheet =
            |field: &'static str, bits| (0..5).flat_map(move |x| numbered(format!("{field}[{x}]"), bits));
        let state = |field: &'static str, bits| {
            (0..25).flat_map(move |lane| numbered(format!("{field}[{}][{}]", lane / 5, lane % 5), bits))
        };
        let mut names: Vec<String> = numbered("step_flags".into(), NUM_ROUNDS).collect();
        names.push("export".into());
        names.extend(state("preimage", 4).chain(state("a", 4)));
        names.extend(sheet("c", 64).chain(sheet("c_prime", 64)));
        names.extend(state("a_prime", 64).chain(state("a_prime_prime", 4)));
        names.extend(numbered("a_prime_prime_0_0_bits".into(), 64));
        names.extend(numbered("a_prime_prime_prime_0_0_limbs".into(), 4));
        names.extend(CallRow::<F>::names("call."));
        names
    }

    fn eval<B: Builder>(&self, b: &mut B) {
        KeccakAir {}.eval(&mut SubAirBuilder::<B, KeccakAir, B::Var>::new(b, 0..NUM_KECCAK_COLS));

        let main = b.main();
        let (round, call) = main.current_slice().split_at(NUM_KECCAK_COLS);
        let round: &KeccakCols<B::Var> = round.borrow();
        let call = CallRow::from_cells(call);
        let next = CallRow::from_cells(&main.next_slice()[NUM_KECCAK_COLS..]);
        let last = round.step_flags[NUM_ROUNDS - 1];
        let real: B::Expr = call.real.into();
        let export: B::Expr = round.export.into();

        // A permutation is a call as a whole, and is exported if it is. The last row is never a permutation's last.
        b.assert_bool(call.real);
        b.when_last_row().assert_zero(call.real);
        b.when(last).assert_eq(call.real, round.export);
        for (now, then) in [(call.real, next.real), (call.time, next.time), (call.pointer, next.pointer)] {
            b.when_transition().assert_zero((B::Expr::ONE - last) * (now - then));
        }
        b.assert_eq(call.third, real.clone() * (round.step_flags[0] + round.step_flags[1]));

        let fields =
            [bus::constant::<B>(service::KECCAK), call.time.into(), call.pointer.into(), B::Expr::ZERO];
        bus::receive(b, bus::CALL, fields, export.clone());

        for (slot, cells) in call.words.iter().enumerate() {
            let mut address: B::Expr = call.pointer.into();
            let mut value = [B::Expr::ZERO, B::Expr::ZERO];
            for (k, &flag) in round.step_flags.iter().enumerate() {
                let Some(word) = word(k, slot) else { continue };
                let (y, x, first) = limb(word);
                address += flag * F::from_usize(word);
                for (half, value) in value.iter_mut().enumerate() {
                    *value += flag * round.preimage[y][x][first + half];
                }
            }
            for (cell, value) in cells.value.into_iter().zip(value) {
                b.assert_eq(cell, value);
            }
            let count = if slot < 2 { real.clone() } else { call.third.into() };
            frame::consume(
                b,
                address,
                call.time.into(),
                (cells.previous, cells.high),
                cells.value.map(Into::into),
                count,
            );
        }
        bus::highs(b, call.words.map(|cells| cells.high.into()), real);

        for i in 0..WORDS {
            let (y, x, first) = limb(i);
            let half = |half| round.a_prime_prime_prime(y, x, first + half).into();
            let address = call.pointer + F::from_usize(i);
            bus::send(b, bus::MEMORY, [address, call.time.into(), half(0), half(1)], export.clone());
        }
    }

    fn next_columns(&self) -> Vec<usize> {
        // The flags, the preimage and the state a (these are apart only by `export`), and the call's first three columns.
        (0..NUM_ROUNDS)
            .chain(NUM_ROUNDS + 1..NUM_ROUNDS + 201)
            .chain(NUM_KECCAK_COLS..NUM_KECCAK_COLS + 3)
            .collect()
    }

    fn trace(&self, segment: &Segment) -> Option<RowMajorMatrix<F>> {
        let calls: Vec<&Call> = segment.calls.iter().filter(|call| call.service == service::KECCAK).collect();
        if calls.is_empty() {
            return None;
        }
        let rounds = generate_trace_rows::<F>(calls.iter().map(|call| lanes(call)).collect(), 0);
        let width = self.width();
        let mut values = F::zero_vec(rounds.values.len() / NUM_KECCAK_COLS * width);
        let rows = values.chunks_mut(width).zip(rounds.values.chunks(NUM_KECCAK_COLS));
        for (i, (cells, filled)) in rows.enumerate() {
            let (round, rest) = cells.split_at_mut(NUM_KECCAK_COLS);
            round.copy_from_slice(filled);
            let Some(call) = calls.get(i / NUM_ROUNDS) else { continue };
            let k = i % NUM_ROUNDS;
            let round: &mut KeccakCols<F> = round.borrow_mut();
            round.export = F::from_bool(k == NUM_ROUNDS - 1);
            let read = |slot| match word(k, slot) {
                None => Read { previous: F::ZERO, high: F::ZERO, value: [F::ZERO; 2] },
                Some(word) => {
                    let access = &call.access[word];
                    Read {
                        previous: F::from_u32(access.previous),
                        high: frame::high(access),
                        value: frame::halves(access.old),
                    }
                }
            };
            let row = CallRow {
                real: F::ONE,
                time: F::from_u32(call.time),
                pointer: F::from_u32(call.first),
                third: F::from_bool(k < 2),
                words: core::array::from_fn(read),
            };
            row.to_cells(rest);
        }
        Some(RowMajorMatrix::new(values, width))
    }
}

/// The state before a call.
fn lanes(call: &Call) -> [u64; 25] {
    core::array::from_fn(|i| u64::from(call.access[2 * i].old) | u64::from(call.access[2 * i + 1].old) << 32)
}
