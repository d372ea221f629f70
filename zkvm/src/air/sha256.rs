//! SHA-256's compression (FIPS 180-4, section 6.2.2) on memory: nine rows a call, eight rounds a row.
//!
//! Of the eight working variables only a and e are new in a round: b, c, d are the a of one, two, three rounds ago, and f, g, h
//! the e. Row 0 of a call holds the state before (a and e of the rounds -4 to -1, in the places 4 to 7), row k from 1 to 8 those of
//! rounds 8 (k - 1) to 8 k - 1. The message runs one row ahead: row k holds words 8 k to 8 k + 7, the block itself in the rows
//! 0 and 1, and row 8, which needs none, holds the state after in their place. All of these are bits, which are
//! below 2^32 by that. Sums are taken in halves of 16 bits.
//!
//! A constraint between two rows has degree 3 already and cannot be switched off where the next row is none of the same
//! call. It holds there by the carry, which is two or three bits only in rows where the sum matters and any element elsewhere.
//! No constraint tells the first or the last row of the table from others: a call may start in any row and, as far as the
//! constraints go, run over the table's end into its first row.

use p3_air::{AirBuilder, WindowAccess};
use p3_field::{Field, PrimeCharacteristicRing};
use p3_matrix::dense::RowMajorMatrix;

use super::bus::{self, Builder};
use super::columns::columns;
use super::{frame, Chip};
use crate::exec::sha256::K;
use crate::isa::service;
use crate::record::Segment;
use crate::F;

/// Rows that compute; the last row of a call only ends it.
const STEPS: usize = 8;

mod fill;

columns! {
    /// A word as bits.
    pub struct Bits {
        /// From the lowest.
        bit: [T; 32],
    }
}

columns! {
    /// Carries out of the halves of one round's sums, as bits, and of the message's.
    pub struct Carries {
        /// Of e: 0 to 5, of each half.
        e_low: [T; 3],
        e_high: [T; 3],
        /// Of a: -1 to 2, plus 1.
        a_low: [T; 2],
        a_high: [T; 2],
        /// Of the message's word: 0 to 3.
        w_low: [T; 2],
        w_high: [T; 2],
    }
}

columns! {
    /// Two halves.
    pub struct Halves {
        half: [T; 2],
    }
}

columns! {
    /// When a word was accessed before.
    pub struct Before {
        /// Time of that access.
        previous: T,
        /// High bits of the time difference.
        high: T,
    }
}

columns! {
    /// A row.
    pub struct Sha256Row {
        /// Which row of a call; all zero where there is none.
        flags: [T; 9],
        /// The cycle's first tick, at which the block is read; the state is rewritten one tick later.
        time: T,
        /// Address of the state.
        state: T,
        /// Address of the words in `w`, in rows 0, 1 and 8.
        words: T,
        /// `a` after each of the row's rounds.
        a: [Bits<T>; 8],
        /// `e` after each of the row's rounds.
        e: [Bits<T>; 8],
        /// Message words for the rounds of the next row; in row 8 the state after.
        w: [Bits<T>; 8],
        /// Carries of the sums that make the next row.
        carries: [Carries<T>; 8],
        /// W(t-16) + sigma0(W(t-15)) + W(t-7) of the message words of the next row, without W(t-7) of the last one.
        partial: [Halves<T>; 8],
        /// The state before, the words rotated by one place each row.
        before: [Halves<T>; 8],
        /// Access to the words in `w`, in rows 0 and 1.
        block_access: [Before<T>; 8],
        /// Access to the first word of `before`, in rows 0 to 7.
        state_access: Before<T>,
    }
}

/// The end of the columns before the carries; where `partial` starts and `before` ends. Of the next row, the first flag, the carries and
/// the accesses are not read.
const BITS_END: usize = 12 + 24 * 32;
const PARTIAL: usize = BITS_END + 8 * Carries::<F>::WIDTH;
const BEFORE_END: usize = PARTIAL + 32;
/// Rows whose next row holds words of the message's schedule, neither the block's nor the state.
const SCHEDULED: core::ops::Range<usize> = 1..7;

/// The table of SHA-256's compression.
#[derive(Clone, Copy, Debug)]
pub struct Sha256;

impl Sha256 {
    /// Rows a call.
    pub const ROWS: usize = STEPS + 1;
}

/// First bits of a word's halves.
const HALVES: [usize; 2] = [0, 16];

/// The sum of `2^i bit(first + i)` over a half's bits.
fn half<E: PrimeCharacteristicRing>(first: usize, bit: impl Fn(usize) -> E) -> E {
    (first..first + 16).rev().fold(E::ZERO, |sum, i| sum.double() + bit(i))
}

/// A word's halves as sums of its bits times constants, in which no part occurs twice: for messages.
fn halves<B: Builder>(word: &Bits<B::Var>) -> [B::Expr; 2] {
    HALVES.map(|first| (0..16).map(|i| word.bit[first + i] * F::from_u32(1 << i)).sum())
}

/// The functions of FIPS 180-4, section 4.1.2: bit i of each.
impl<V: Copy> Bits<V> {
    fn at<E: From<V>>(&self, i: usize) -> E {
        self.bit[i % 32].into()
    }

    /// The xor of three rotations to the right.
    fn rotations<E: From<V> + PrimeCharacteristicRing>(&self, [x, y, z]: [usize; 3], i: usize) -> E {
        self.at::<E>(i + x).xor3(&self.at(i + y), &self.at(i + z))
    }

    /// The xor of two rotations and a shift.
    fn shifted<E: From<V> + PrimeCharacteristicRing>(&self, [x, y, z]: [usize; 3], i: usize) -> E {
        if i + z < 32 {
            self.rotations([x, y, z], i)
        } else {
            self.at::<E>(i + x).xor(&self.at(i + y))
        }
    }

    /// Where the bit is 1 that of `f`, else that of `g`.
    fn ch<E: From<V> + PrimeCharacteristicRing>(&self, f: &Self, g: &Self, i: usize) -> E {
        g.at::<E>(i) + self.at::<E>(i) * (f.at::<E>(i) - g.at::<E>(i))
    }

    /// What at least two of the three are.
    fn maj<E: From<V> + PrimeCharacteristicRing>(&self, y: &Self, z: &Self, i: usize) -> E {
        let both = y.at::<E>(i) * z.at::<E>(i);
        both.clone() + self.at::<E>(i) * (y.at::<E>(i) + z.at::<E>(i) - both.double())
    }
}

/// What the halves of word `j` of the next row come to, minus the halves that it has there: 2^16 times the carry out minus the carry in.
struct Sums<E> {
    e: [[E; 2]; 8],
    a: [[E; 2]; 8],
    w: [[E; 2]; 8],
}

impl<E: PrimeCharacteristicRing> Sums<E> {
    fn of<V: Copy + Into<E>>(row: &Sha256Row<V>, next: &Sha256Row<V>) -> Self
    where
        E: From<V>,
    {
        // Rounds count from the first of the next row, with the four before it in the places 0 to 3; the message's words from the
        // first of this row.
        let a = |j: usize| if j < 4 { &row.a[j + 4] } else { &next.a[j - 4] };
        let e = |j: usize| if j < 4 { &row.e[j + 4] } else { &next.e[j - 4] };
        let w = |j: usize| if j < 8 { &row.w[j] } else { &next.w[j - 8] };
        let each = |sum: &dyn Fn(usize, usize) -> E| core::array::from_fn(|j| [sum(j, 0), sum(j, 1)]);
        Self {
            e: each(&|j, h| {
                let k = |step: usize| E::from_u32(K[8 * step + j] >> HALVES[h] & 0xffff);
                let constant: E = (0..STEPS).map(|step| row.flags[step].into() * k(step)).sum();
                constant
                    + half(HALVES[h], |i| {
                        a(j).at::<E>(i) + e(j).at::<E>(i) + w(j).at::<E>(i) - e(j + 4).at::<E>(i)
                            + e(j + 3).rotations::<E>([6, 11, 25], i)
                            + e(j + 3).ch::<E>(e(j + 2), e(j + 1), i)
                    })
            }),
            a: each(&|j, h| {
                half(HALVES[h], |i| {
                    e(j + 4).at::<E>(i) - a(j).at::<E>(i) - a(j + 4).at::<E>(i)
                        + a(j + 3).rotations::<E>([2, 13, 22], i)
                        + a(j + 3).maj::<E>(a(j + 2), a(j + 1), i)
                })
            }),
            w: each(&|j, h| {
                let partial: E = row.partial[j].half[h].into();
                partial
                    + half(HALVES[h], |i| {
                        let seven = if j == 7 { w(8).at::<E>(i) } else { E::ZERO };
                        seven + w(j + 6).shifted::<E>([17, 19, 10], i) - w(j + 8).at::<E>(i)
                    })
            }),
        }
    }
}

/// `partial` of the next row.
fn partial<E, V>(row: &Sha256Row<V>, next: &Sha256Row<V>) -> [[E; 2]; 8]
where
    V: Copy,
    E: PrimeCharacteristicRing + From<V>,
{
    // As in `Sums::of`.
    let w = |j: usize| if j < 8 { &row.w[j] } else { &next.w[j - 8] };
    core::array::from_fn(|j| {
        HALVES.map(|first| {
            half(first, |i| {
                let seven = if j < 7 { w(j + 9).at::<E>(i) } else { E::ZERO };
                w(j).at::<E>(i) + w(j + 1).shifted::<E>([7, 18, 3], i) + seven
            })
        })
    })
}

impl Chip for Sha256 {
    fn width(&self) -> usize {
        Sha256Row::<F>::WIDTH
    }

    fn names(&self) -> Vec<String> {
        Sha256Row::<F>::names("")
    }

    fn eval<B: Builder>(&self, b: &mut B) {
        let main = b.main();
        let row = Sha256Row::from_cells(main.current_slice());
        let next = Sha256Row::from_cells(main.next_slice());
        let end = row.flags[STEPS];
        let step: B::Expr = row.flags[..STEPS].iter().map(|&flag| flag.into()).sum();

        // A call's rows follow one another. Every flag was the first flag some rows ago, so all are 0 or 1.
        b.assert_bool(row.flags[0]);
        b.assert_bool(step.clone() + end);
        for i in 0..STEPS {
            b.assert_eq(row.flags[i], next.flags[i + 1]);
        }
        for (now, then) in [(row.time, next.time), (row.state, next.state)] {
            b.assert_zero(step.clone() * (now - then));
        }
        b.when(row.flags[0]).assert_eq(next.words, row.words + F::from_u32(8));
        b.when(end).assert_eq(row.words, row.state);

        rounds(b, &row, &next, &step);
        state(b, &row, &next, &step);
        messages(b, &row, &step);
    }

    fn next_columns(&self) -> Vec<usize> {
        (1..BITS_END).chain(PARTIAL..BEFORE_END).collect()
    }

    fn trace(&self, segment: &Segment) -> Option<RowMajorMatrix<F>> {
        fill::trace(segment)
    }
}

/// Asserts that the words are bits and that the rounds and the message's words of the next row follow from this one.
fn rounds<B: Builder>(b: &mut B, row: &Sha256Row<B::Var>, next: &Sha256Row<B::Var>, step: &B::Expr) {
    for word in row.a.iter().chain(&row.e).chain(&row.w) {
        b.assert_bools(word.bit);
    }
    let scheduled: B::Expr = row.flags[SCHEDULED].iter().map(|&flag| flag.into()).sum();
    let zero = || B::Expr::ZERO;
    let sums = Sums::<B::Expr>::of(row, next);
    for (j, carry) in row.carries.iter().enumerate() {
        carried(b, &sums.e[j], &carry.e_low, &carry.e_high, zero(), step);
        carried(b, &sums.a[j], &carry.a_low, &carry.a_high, step.clone(), step);
        carried(b, &sums.w[j], &carry.w_low, &carry.w_high, zero(), &scheduled);
    }
    for (j, sums) in partial::<B::Expr, _>(row, next).into_iter().enumerate() {
        for (h, sum) in sums.into_iter().enumerate() {
            b.assert_eq(next.partial[j].half[h], sum);
        }
    }
}

/// Asserts that the halves' sums are 2^16 times the carry out minus the carry in; a carry is a number in bits less `offset`
/// where `used` is one, anything elsewhere. The sums are of at most six halves, far below p, and what the next row has is less than 2^16
/// by its bits: one carry and one word fit.
fn carried<B: Builder>(
    b: &mut B,
    sums: &[B::Expr; 2],
    low: &[B::Var],
    high: &[B::Var],
    offset: B::Expr,
    used: &B::Expr,
) {
    let mut carry_in = B::Expr::ZERO;
    for (sum, bits) in sums.iter().zip([low, high]) {
        let mut out = -offset.clone();
        for (i, &bit) in bits.iter().enumerate() {
            b.when(used.clone()).assert_bool(bit);
            out += bit * F::from_u32(1 << i);
        }
        b.assert_zero(sum.clone() + carry_in - out.clone() * F::from_u32(1 << 16));
        carry_in = out;
    }
}

/// Asserts that `before` is the state before and that `w` in the last row is that state plus the working variables.
fn state<B: Builder>(b: &mut B, row: &Sha256Row<B::Var>, next: &Sha256Row<B::Var>, step: &B::Expr) {
    let base = F::from_u32(1 << 16);
    for i in 0..8 {
        let variable = halves::<B>(if i < 4 { &row.a[7 - i] } else { &row.e[11 - i] });
        let after = halves::<B>(&row.w[i]);
        let mut carry_in = B::Expr::ZERO;
        for h in 0..2 {
            let before = row.before[i].half[h];
            b.assert_zero(step.clone() * (next.before[i].half[h] - row.before[(i + 1) % 8].half[h]));
            b.when(row.flags[0]).assert_eq(variable[h].clone(), before);
            // All are halves: the difference is 0 or 2^16, the carry out.
            let sum = variable[h].clone() + before + carry_in - after[h].clone();
            b.when(row.flags[STEPS]).assert_zero(sum.clone() * (sum.clone() - base));
            carry_in = sum * base.inverse();
        }
    }
}

/// The call and the accesses: the block is read, and the state's first word taken, where they are; what is written is left in the last
/// row, in the place of the words of the block.
fn messages<B: Builder>(b: &mut B, row: &Sha256Row<B::Var>, step: &B::Expr) {
    let [first, second, end] = [0, 1, STEPS].map(|i| -> B::Expr { row.flags[i].into() });
    let time: B::Expr = row.time.into();
    let service = bus::constant::<B>(service::SHA256);
    bus::receive(b, bus::CALL, [service, time.clone(), row.state.into(), row.words.into()], first.clone());

    let block = first + second;
    for (j, (word, access)) in (0..).zip(row.w.iter().zip(&row.block_access)) {
        let [low, high] = halves::<B>(word);
        let address = row.words + F::from_u32(j);
        let gap = (access.previous, access.high);
        frame::consume(b, address.clone(), time.clone(), gap, [low.clone(), high.clone()], block.clone());
        let left = [address, time.clone() + end.clone(), low, high];
        bus::send(b, bus::MEMORY, left, block.clone() + end.clone());
    }
    let rotated: B::Expr = (0..).zip(&row.flags[..STEPS]).map(|(i, &flag)| flag * F::from_u32(i)).sum();
    let access = &row.state_access;
    let word = row.before[0].half.map(Into::into);
    frame::consume(b, rotated + row.state, time + F::ONE, (access.previous, access.high), word, step.clone());
    for three in [[0, 1, 2], [3, 4, 5], [6, 7, 8]] {
        let high = |i: usize| row.block_access.get(i).unwrap_or(access).high.into();
        bus::highs(b, three.map(high), step.clone());
    }
}
