//! SLL, SRL, SRA and their immediate forms: a row an instruction.
//!
//! The amount is k + 16 w. Each half of a is cut in two: k bits that leave it and 16 - k bits that stay, looked up as such, so
//! that there is one way to cut. Shifting right, `half = out + 2^k stay`; left, `half = stay + 2^(16-k) out`. The results are
//! those parts put together again; where 2^(16-k) would be a factor, the equation is multiplied by 2^k, which has an inverse.
//! The parts of a half and of a result are disjoint bits, below 2^16 as integers, so results need no range check.
//! A row is of one of four ways, by direction and w, so that what is written has degree 3.

use p3_air::{AirBuilder, WindowAccess};
use p3_field::{Field, PrimeCharacteristicRing};

use super::bus::{self, Builder};
use super::columns::columns;
use super::frame::{self, Cycle, Fetch, Read, Write};
use super::{Chip, OpcodeChip};
use crate::isa::Op;
use crate::record::Step;
use crate::F;

columns! {
    /// A word shifted.
    pub struct Shifted {
        /// The row shifts left by less than 16, or by 16 and more.
        left: [T; 2],
        /// The row shifts right by less than 16, or by 16 and more.
        right: [T; 2],
        /// The row is SRA or SRAI.
        arithmetic: T,
        /// Bits of k.
        bits: [T; 4],
        /// 2^k.
        power: T,
        /// Whether k is not zero.
        moves: T,
        /// The k bits of each half that leave it.
        out: [T; 2],
        /// The 16 - k bits of each half that stay.
        stay: [T; 2],
        /// The bit that fills from the left: the sign in an arithmetic shift.
        fill: T,
        /// What is written.
        result: [T; 2],
    }
}

columns! {
    /// A row of SLL, SRL, SRA.
    pub struct ShiftRow {
        cycle: Cycle<T>,
        rd: T,
        rs1: T,
        rs2: T,
        a: Read<T>,
        b: Read<T>,
        write: Write<T>,
        shifted: Shifted<T>,
    }
}

columns! {
    /// A row of SLLI, SRLI, SRAI.
    pub struct ShiftImmediateRow {
        cycle: Cycle<T>,
        rd: T,
        rs1: T,
        a: Read<T>,
        write: Write<T>,
        shifted: Shifted<T>,
    }
}

/// The table of SLL, SRL, SRA.
#[derive(Clone, Copy, Debug)]
pub struct Shift;

/// The table of SLLI, SRLI, SRAI.
#[derive(Clone, Copy, Debug)]
pub struct ShiftImmediate;

impl<T: Copy> Shifted<T> {
    /// Whether the row shifts.
    fn real<E: PrimeCharacteristicRing + From<T>>(&self) -> E {
        self.left.into_iter().chain(self.right).fold(E::ZERO, |sum, flag| sum + flag.into())
    }

    /// Whether it shifts right.
    fn rightward<E: PrimeCharacteristicRing + From<T>>(&self) -> E {
        E::from(self.right[0]) + self.right[1].into()
    }

    /// k.
    fn bits_moved<E: PrimeCharacteristicRing + From<T>>(&self) -> E {
        (0u32..).zip(self.bits).fold(E::ZERO, |sum, (i, bit)| sum + E::from(bit) * E::from_u32(1 << i))
    }

    /// The amount, 0 to 31.
    fn amount<E: PrimeCharacteristicRing + From<T>>(&self) -> E {
        self.bits_moved::<E>() + (E::from(self.left[1]) + self.right[1].into()) * E::from_u32(16)
    }

    /// The operation's number: those of a left, a logical right and an arithmetic right shift are given.
    fn operation<E: PrimeCharacteristicRing + From<T>>(&self, [left, right, arithmetic]: [Op; 3]) -> E {
        let [left, right, arithmetic] = [left, right, arithmetic].map(|op| E::from_u32(op.number()));
        let to_right = self.rightward::<E>();
        let to_left = self.real::<E>() - to_right.clone();
        to_left * left + to_right * right.clone() + E::from(self.arithmetic) * (arithmetic - right)
    }
}

impl Shifted<F> {
    fn of(step: &Step) -> Self {
        let Step { instruction, access: [a, b, rd], .. } = step;
        let amount = match instruction.op {
            Op::Slli | Op::Srli | Op::Srai => instruction.imm,
            _ => b.old & 31,
        };
        let (k, whole) = (amount & 15, amount & 16 != 0);
        let left = matches!(instruction.op, Op::Sll | Op::Slli);
        let arithmetic = matches!(instruction.op, Op::Sra | Op::Srai);
        let halves = [a.old & 0xffff, a.old >> 16];
        let (low, high) = if left { (16 - k, k) } else { (k, 16 - k) };
        let lows = halves.map(|half| F::from_u32(half & ((1 << low) - 1)));
        let highs = halves.map(|half| F::from_u32(half >> low & ((1 << high) - 1)));
        let (out, stay) = if left { (highs, lows) } else { (lows, highs) };
        let way = |there: bool| [F::from_bool(there && !whole), F::from_bool(there && whole)];
        Self {
            left: way(left),
            right: way(!left),
            arithmetic: F::from_bool(arithmetic),
            bits: [0, 1, 2, 3].map(|i| F::from_u32(k >> i & 1)),
            power: F::from_u32(1 << k),
            moves: F::from_bool(k != 0),
            out,
            stay,
            fill: F::from_bool(arithmetic && a.old >> 31 == 1),
            result: frame::halves(rd.new),
        }
    }
}

/// Asserts that `row.result` is the word `a` shifted. The amount and the operation are left to compare with the instruction.
fn shift<B: Builder>(b: &mut B, row: &Shifted<B::Var>, a: [B::Var; 2]) {
    let [[left, left_16], [right, right_16]] = [row.left, row.right];
    let real = frame::one_of(b, &[left, left_16, right, right_16]);
    let k: B::Expr = row.bits_moved();
    for bit in row.bits {
        b.assert_bool(bit);
    }
    // The low two bits of k multiply, the high two divide what they would multiply to 2^12: both sides have degree 3.
    let [b0, b1, b2, b3] = row.bits;
    let constant = bus::constant::<B>;
    let low = (b0 + F::ONE) * (b1 * F::from_u32(3) + F::ONE);
    let divided = (constant(16) - b2 * F::from_u32(15)) * (constant(256) - b3 * F::from_u32(255));
    b.assert_eq(row.power * divided, real.clone() * low * F::from_u32(1 << 12));

    // The range table has no 16 bits: without a move everything stays, which the cut itself says.
    b.assert_bool(row.moves);
    b.assert_zero(k.clone() * (B::Expr::ONE - row.moves));
    let base = F::from_u32(1 << 16);
    for (half, (out, stay)) in a.into_iter().zip(row.out.into_iter().zip(row.stay)) {
        bus::bits(b, out.into(), k.clone(), real.clone());
        bus::bits(b, stay.into(), -k.clone() + F::from_u32(16), row.moves.into());
        b.when(left + left_16).assert_zero((half - stay) * row.power - out * base);
        b.when(right + right_16).assert_zero(half - stay * row.power - out);
    }

    b.assert_bool(row.arithmetic);
    b.assert_zero(row.arithmetic * (B::Expr::ONE - row.rightward::<B::Expr>()));
    b.assert_bool(row.fill);
    b.assert_zero(row.fill * (B::Expr::ONE - row.arithmetic));
    bus::bits(b, a[1] - row.fill * F::from_u32(1 << 15), bus::constant::<B>(15), row.arithmetic.into());

    let [low, high] = row.result;
    b.when(left).assert_eq(low, row.stay[0] * row.power);
    b.when(left).assert_eq(high, row.stay[1] * row.power + row.out[0]);
    b.when(left_16).assert_zero(low);
    b.when(left_16).assert_eq(high, row.stay[0] * row.power);
    // The top k bits of a half, times 2^k.
    let filled = row.fill * (row.power - F::ONE) * base;
    b.when(right).assert_eq((low - row.stay[0]) * row.power, row.out[1] * base);
    b.when(right).assert_eq((high - row.stay[1]) * row.power, filled.clone());
    b.when(right_16).assert_eq((low - row.stay[1]) * row.power, filled);
    b.when(right_16).assert_eq(high, row.fill * F::from_u32(0xffff));
}

impl Chip for Shift {
    fn width(&self) -> usize {
        ShiftRow::<F>::WIDTH
    }

    fn names(&self) -> Vec<String> {
        ShiftRow::<F>::names("")
    }

    fn eval<B: Builder>(&self, b: &mut B) {
        let row = ShiftRow::from_cells(b.main().current_slice());
        shift(b, &row.shifted, row.a.value);
        let real: B::Expr = row.shifted.real();
        // The amount is the low five bits of b; eleven more make its low half.
        let rest = (row.b.value[0] - row.shifted.amount::<B::Expr>()) * F::from_u32(32).inverse();
        bus::bits(b, rest, bus::constant::<B>(11), real.clone());

        let op = row.shifted.operation([Op::Sll, Op::Srl, Op::Sra]);
        let fetch = Fetch { rd: row.rd.into(), rs1: row.rs1.into(), rs2: row.rs2.into(), ..Fetch::op(op) };
        frame::cycle(b, &row.cycle, frame::following::<B>(&row.cycle), fetch, real.clone());
        frame::read(b, frame::register::<B>(row.rs1), frame::tick::<B>(&row.cycle, 0), &row.a, real.clone());
        frame::read(b, frame::register::<B>(row.rs2), frame::tick::<B>(&row.cycle, 1), &row.b, real.clone());
        let (rd, now) = (frame::register::<B>(row.rd), frame::tick::<B>(&row.cycle, 2));
        frame::write(b, rd, now, &row.write, row.shifted.result.map(Into::into), real.clone());
        bus::highs(b, [row.a.high, row.b.high, row.write.high].map(Into::into), real);
    }
}

impl OpcodeChip for Shift {
    fn fill(&self, step: &Step, cells: &mut [F]) {
        let [a, b, rd] = &step.access;
        let row = ShiftRow {
            cycle: Cycle::of(step),
            rd: F::from_u8(step.instruction.rd),
            rs1: F::from_u8(step.instruction.rs1),
            rs2: F::from_u8(step.instruction.rs2),
            a: Read::of(a),
            b: Read::of(b),
            write: Write::of(rd),
            shifted: Shifted::of(step),
        };
        row.to_cells(cells);
    }
}

impl Chip for ShiftImmediate {
    fn width(&self) -> usize {
        ShiftImmediateRow::<F>::WIDTH
    }

    fn names(&self) -> Vec<String> {
        ShiftImmediateRow::<F>::names("")
    }

    fn eval<B: Builder>(&self, b: &mut B) {
        let row = ShiftImmediateRow::from_cells(b.main().current_slice());
        shift(b, &row.shifted, row.a.value);
        let real: B::Expr = row.shifted.real();

        let op = row.shifted.operation([Op::Slli, Op::Srli, Op::Srai]);
        let imm = [row.shifted.amount(), B::Expr::ZERO];
        let fetch = Fetch { rd: row.rd.into(), rs1: row.rs1.into(), imm, ..Fetch::op(op) };
        frame::cycle(b, &row.cycle, frame::following::<B>(&row.cycle), fetch, real.clone());
        frame::read(b, frame::register::<B>(row.rs1), frame::tick::<B>(&row.cycle, 0), &row.a, real.clone());
        let (rd, now) = (frame::register::<B>(row.rd), frame::tick::<B>(&row.cycle, 2));
        frame::write(b, rd, now, &row.write, row.shifted.result.map(Into::into), real.clone());
        bus::highs(b, [row.a.high.into(), row.write.high.into(), B::Expr::ZERO], real);
    }
}

impl OpcodeChip for ShiftImmediate {
    fn fill(&self, step: &Step, cells: &mut [F]) {
        let [a, _, rd] = &step.access;
        let row = ShiftImmediateRow {
            cycle: Cycle::of(step),
            rd: F::from_u8(step.instruction.rd),
            rs1: F::from_u8(step.instruction.rs1),
            a: Read::of(a),
            write: Write::of(rd),
            shifted: Shifted::of(step),
        };
        row.to_cells(cells);
    }
}

#[cfg(test)]
mod tests;
