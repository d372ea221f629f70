//! Branches: BEQ, BNE, and BLT, BGE, BLTU, BGEU.
//!
//! Equality has no flag: where the branch goes if the words are equal, and if they differ, each leaves an error of `next`. The first
//! must be a multiple of `low^2 - 3 high^2` of the words' differences, hence zero if both are zero; and as 3 is not a square
//! in the field, that form is zero only then, so otherwise any error has its factor. The second times each difference must be zero.
//!
//! Order is decided by the high halves if they differ, otherwise by the low ones: that difference, or its opposite
//! less one, is looked up to be a half. Signed words are compared with their sign bits flipped, `high + 2^15 - 2^16 sign`, looked up to be a half.

use p3_air::WindowAccess;
use p3_field::{Field, PrimeCharacteristicRing};

use super::bus::{self, Builder};
use super::columns::columns;
use super::frame::{self, Cycle, Fetch, Read};
use super::{Chip, OpcodeChip};
use crate::isa::Op;
use crate::record::Step;
use crate::F;

columns! {
    /// A row of BEQ and BNE.
    pub struct BranchEqualRow {
        cycle: Cycle<T>,
        /// The row is BEQ, or BNE.
        flags: [T; 2],
        rs1: T,
        rs2: T,
        /// Where a taken branch goes, divided by 4.
        target: T,
        a: Read<T>,
        b: Read<T>,
        /// Program counter of the next instruction, divided by 4.
        next: T,
        /// What the form of the differences is multiplied with.
        factor: T,
    }
}

columns! {
    /// A row of BLT, BGE, BLTU and BGEU.
    pub struct BranchLessRow {
        cycle: Cycle<T>,
        real: T,
        /// BGE or BGEU.
        negated: T,
        /// BLTU or BGEU.
        unsigned: T,
        rs1: T,
        rs2: T,
        /// Where a taken branch goes, divided by 4.
        target: T,
        a: Read<T>,
        b: Read<T>,
        /// How far the next instruction is from the one that follows, divided by 4; zero if the branch is not taken.
        jump: T,
        /// Sign bits of the two words; zero in unsigned rows.
        sign: [T; 2],
        /// The high halves differ.
        by_high: T,
        /// The first word is less.
        less: T,
        /// The halves that decide, greater minus smaller; minus one unless it is the low halves and the first word is not less.
        difference: T,
    }
}

/// The table of BEQ and BNE.
#[derive(Clone, Copy, Debug)]
pub struct BranchEqual;

/// The table of BLT, BGE, BLTU and BGEU.
#[derive(Clone, Copy, Debug)]
pub struct BranchLess;

/// `low^2 - 3 high^2`: zero only if both are zero, 3 being no square.
fn form<E: PrimeCharacteristicRing>([low, high]: [E; 2]) -> E {
    low.square() - high.square() * E::from_u32(3)
}

impl Chip for BranchEqual {
    fn width(&self) -> usize {
        BranchEqualRow::<F>::WIDTH
    }

    fn names(&self) -> Vec<String> {
        BranchEqualRow::<F>::names("")
    }

    fn eval<B: Builder>(&self, b: &mut B) {
        let row = BranchEqualRow::from_cells(b.main().current_slice());
        let real = frame::one_of(b, &row.flags);
        let [beq, bne] = row.flags;
        let following = frame::following::<B>(&row.cycle);
        let taken_error = row.next - row.target;
        let passed_error = row.next - following;
        let if_equal = taken_error.clone() * beq + passed_error.clone() * bne;
        let if_different = passed_error * beq + taken_error * bne;
        let differences: [B::Expr; 2] = core::array::from_fn(|i| row.a.value[i] - row.b.value[i]);
        for difference in differences.clone() {
            b.assert_zero(if_different.clone() * difference);
        }
        b.assert_eq(if_equal, form(differences) * row.factor);

        let op = frame::operation::<B>(&[(beq, Op::Beq), (bne, Op::Bne)]);
        let imm = [row.target.into(), B::Expr::ZERO];
        let fetch = Fetch { rs1: row.rs1.into(), rs2: row.rs2.into(), imm, ..Fetch::op(op) };
        frame::cycle(b, &row.cycle, row.next.into(), fetch, real.clone());
        frame::read(b, frame::register::<B>(row.rs1), frame::tick::<B>(&row.cycle, 0), &row.a, real.clone());
        frame::read(b, frame::register::<B>(row.rs2), frame::tick::<B>(&row.cycle, 1), &row.b, real.clone());
        bus::highs(b, [row.a.high.into(), row.b.high.into(), B::Expr::ZERO], real);
    }
}

impl OpcodeChip for BranchEqual {
    fn fill(&self, step: &Step, cells: &mut [F]) {
        let [a, b, _] = &step.access;
        let beq = step.instruction.op == Op::Beq;
        let (x, y) = (frame::halves(a.old), frame::halves(b.old));
        let if_equal = if beq { step.instruction.imm } else { step.pc / 4 + 1 };
        let error = F::from_u32(step.next) - F::from_u32(if_equal);
        let form = form([x[0] - y[0], x[1] - y[1]]);
        let row = BranchEqualRow {
            cycle: Cycle::of(step),
            flags: [F::from_bool(beq), F::from_bool(!beq)],
            rs1: F::from_u8(step.instruction.rs1),
            rs2: F::from_u8(step.instruction.rs2),
            target: F::from_u32(step.instruction.imm),
            a: Read::of(a),
            b: Read::of(b),
            next: F::from_u32(step.next),
            factor: form.try_inverse().map_or(F::ZERO, |inverse| error * inverse),
        };
        row.to_cells(cells);
    }
}

// The flags of BLT, BGE, BLTU and BGEU add up to the operation's number.
const NEGATED: u32 = Op::Bge.number() - Op::Blt.number();
const UNSIGNED: u32 = Op::Bltu.number() - Op::Blt.number();
const _: () = assert!(Op::Bgeu.number() == Op::Blt.number() + NEGATED + UNSIGNED);

impl Chip for BranchLess {
    fn width(&self) -> usize {
        BranchLessRow::<F>::WIDTH
    }

    fn names(&self) -> Vec<String> {
        BranchLessRow::<F>::names("")
    }

    fn eval<B: Builder>(&self, b: &mut B) {
        let row = BranchLessRow::from_cells(b.main().current_slice());
        let [a_sign, b_sign] = row.sign;
        for flag in [row.real, row.negated, row.unsigned, a_sign, b_sign, row.by_high, row.less] {
            b.assert_bool(flag);
        }
        let real: B::Expr = row.real.into();

        // A wrong sign leaves no half: below zero, or 2^16 and more.
        let flip = (real.clone() - row.unsigned) * F::from_u32(1 << 15);
        let base = F::from_u32(1 << 16);
        let a_high = row.a.value[1] + flip.clone() - a_sign * base;
        let b_high = row.b.value[1] + flip - b_sign * base;
        bus::half(b, a_high.clone(), real.clone());
        bus::half(b, b_high.clone(), real.clone());

        let low = row.a.value[0] - row.b.value[0];
        let high = a_high - b_high;
        let by_low = B::Expr::ONE - row.by_high;
        b.assert_zero(high.clone() * by_low.clone());
        let decides = high * row.by_high + low * by_low;
        // a - b, or b - a if a is less; minus one where it may not be zero.
        let opposite = B::Expr::ONE - row.less;
        let difference = decides * (opposite.clone() - row.less) - row.less - opposite * row.by_high;
        b.assert_eq(row.difference, difference);
        bus::half(b, row.difference.into(), real.clone());

        let taken = row.less + row.negated - row.less * row.negated * F::TWO;
        let following = frame::following::<B>(&row.cycle);
        b.assert_zero(taken * (row.target - following.clone()) - row.jump);

        let op = real.clone() * F::from_u32(Op::Blt.number())
            + row.negated * F::from_u32(NEGATED)
            + row.unsigned * F::from_u32(UNSIGNED);
        let imm = [row.target.into(), B::Expr::ZERO];
        let fetch = Fetch { rs1: row.rs1.into(), rs2: row.rs2.into(), imm, ..Fetch::op(op) };
        frame::cycle(b, &row.cycle, following + row.jump, fetch, real.clone());
        frame::read(b, frame::register::<B>(row.rs1), frame::tick::<B>(&row.cycle, 0), &row.a, real.clone());
        frame::read(b, frame::register::<B>(row.rs2), frame::tick::<B>(&row.cycle, 1), &row.b, real.clone());
        bus::highs(b, [row.a.high.into(), row.b.high.into(), B::Expr::ZERO], real);
    }
}

impl OpcodeChip for BranchLess {
    fn fill(&self, step: &Step, cells: &mut [F]) {
        let [a, b, _] = &step.access;
        let op = step.instruction.op;
        let unsigned = matches!(op, Op::Bltu | Op::Bgeu);
        let (x, y) = (a.old, b.old);
        let flip = if unsigned { 0 } else { 1 << 31 };
        let less = x ^ flip < y ^ flip;
        let by_high = x >> 16 != y >> 16;
        let (greater, smaller) = if less { (y ^ flip, x ^ flip) } else { (x ^ flip, y ^ flip) };
        let difference = if by_high {
            (greater >> 16) - (smaller >> 16) - 1
        } else {
            (greater & 0xffff) - (smaller & 0xffff) - u32::from(less)
        };
        let row = BranchLessRow {
            cycle: Cycle::of(step),
            real: F::ONE,
            negated: F::from_bool(matches!(op, Op::Bge | Op::Bgeu)),
            unsigned: F::from_bool(unsigned),
            rs1: F::from_u8(step.instruction.rs1),
            rs2: F::from_u8(step.instruction.rs2),
            target: F::from_u32(step.instruction.imm),
            a: Read::of(a),
            b: Read::of(b),
            jump: F::from_u32(step.next) - F::from_u32(step.pc / 4 + 1),
            sign: [x, y].map(|word| F::from_bool(!unsigned && word >> 31 == 1)),
            by_high: F::from_bool(by_high),
            less: F::from_bool(less),
            difference: F::from_u32(difference),
        };
        row.to_cells(cells);
    }
}

#[cfg(test)]
mod tests;
