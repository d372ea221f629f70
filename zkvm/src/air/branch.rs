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
mod tests {
    use p3_field::PrimeField32;
    use rand::Rng;

    use super::*;
    use crate::air::testing::*;
    use crate::air::Kind;
    use crate::record::testing::{corners, register_step};
    use crate::record::Access;

    const EQUAL: [Op; 2] = [Op::Beq, Op::Bne];
    const LESS: [Op; 4] = [Op::Blt, Op::Bge, Op::Bltu, Op::Bgeu];

    /// `op x1, x2, target`: what the instruction set says. `target` is divided by 4.
    fn branch(op: Op, a: u32, b: u32, target: u32) -> Step {
        let taken = match op {
            Op::Beq => a == b,
            Op::Bne => a != b,
            Op::Blt => (a as i32) < b as i32,
            Op::Bge => a as i32 >= b as i32,
            Op::Bltu => a < b,
            _ => a >= b,
        };
        let mut step = register_step(op, a, b, 0);
        step.instruction.rd = 0;
        step.instruction.imm = target;
        step.access[2] = Access::default();
        step.next = if taken { target } else { step.pc / 4 + 1 };
        step
    }

    fn at_corners(ops: &[Op]) -> Vec<Step> {
        let mut steps = Vec::new();
        for (a, b) in corners() {
            steps.extend(ops.iter().map(|&op| branch(op, a, b, 0x3fff_ffff)));
        }
        steps
    }

    fn near(ops: &[Op]) -> Vec<Step> {
        let mut random = random();
        let mut steps = Vec::new();
        for _ in 0..200 {
            let a: u32 = random.gen();
            let others =
                [random.gen(), a, a ^ 1 << random.gen_range(0..32), a ^ random.gen_range(0..0x1_0000)];
            for b in others {
                steps.extend(ops.iter().map(|&op| branch(op, a, b, random.gen_range(0..1 << 30))));
            }
        }
        steps
    }

    fn elsewhere(steps: &[Step]) -> Vec<Step> {
        let mut all = Vec::new();
        for step in steps {
            let following = step.pc / 4 + 1;
            let other = if step.next == following { step.instruction.imm } else { following };
            for next in [other, step.next + 1, 0] {
                all.push(Step { next, ..*step });
            }
        }
        all
    }

    #[test]
    fn equality_at_the_corners() {
        accepts(Kind::BranchEqual, &at_corners(&EQUAL));
    }

    #[test]
    fn order_at_the_corners() {
        accepts(Kind::BranchLess, &at_corners(&LESS));
    }

    #[test]
    fn random_branches() {
        accepts(Kind::BranchEqual, &near(&EQUAL));
        accepts(Kind::BranchLess, &near(&LESS));
    }

    #[test]
    fn a_register_with_itself() {
        for op in EQUAL.into_iter().chain(LESS) {
            let mut step = branch(op, 0x8000_1234, 0x8000_1234, 8);
            step.instruction.rs2 = 1;
            step.access[1].address = step.access[0].address;
            step.access[1].previous = step.access[0].time;
            accepts(op.table(), &[step]);
        }
    }

    #[test]
    fn to_itself_and_to_the_next() {
        for op in EQUAL.into_iter().chain(LESS) {
            for (a, b) in [(5, 5), (5, 6), (6, 5)] {
                let here = branch(op, a, b, 0).pc / 4;
                accepts(op.table(), &[branch(op, a, b, here), branch(op, a, b, here + 1)]);
            }
        }
    }

    #[test]
    fn the_wrong_way_is_refused() {
        refuses(Kind::BranchEqual, &elsewhere(&at_corners(&EQUAL)));
        refuses(Kind::BranchLess, &elsewhere(&at_corners(&LESS)));
    }

    #[test]
    fn the_form_of_differences_is_zero_only_at_zero() {
        // 3 is not a square: Euler's criterion.
        assert_eq!(F::from_u32(3).exp_u64(u64::from(F::ORDER_U32 / 2)), F::NEG_ONE);
    }

    /// Whatever signs, deciding half and result a prover claims, with the difference and the jump that fit them.
    #[test]
    fn no_claim_proves_the_wrong_order() {
        let words =
            [0, 1, 0x7fff, 0x8000, 0xffff, 0x1_0000, 0x7fff_0000, 0x7fff_ffff, 0x8000_0000, 0xffff_0001];
        let signed = |word: u32, sign: u32, flip: u32| {
            i64::from(word >> 16) + i64::from(flip >> 16) - i64::from(sign << 16)
        };
        for (a, b) in words.into_iter().flat_map(|a| words.map(|b| (a, b))) {
            for (op, flip) in [(Op::Blt, 1 << 31), (Op::Bltu, 0)] {
                let truth = a ^ flip < b ^ flip;
                for claim in 0..16 {
                    let bit = |i: u32| claim >> i & 1;
                    let (by_high, less) = (bit(2), bit(3));
                    let high = signed(a, bit(0), flip) - signed(b, bit(1), flip);
                    let low = i64::from(a & 0xffff) - i64::from(b & 0xffff);
                    let decides = if by_high == 1 { high } else { low };
                    let difference = if less == 1 { -decides - 1 } else { decides - i64::from(by_high) };
                    let step = branch(op, a, b, 0x55);
                    let jump = if less == 1 { 0x55 - i64::from(step.pc / 4 + 1) } else { 0 };
                    let mut cells = [F::ZERO; BranchLessRow::<F>::WIDTH];
                    BranchLess.fill(&step, &mut cells);
                    let mut row = BranchLessRow::from_cells(&cells);
                    row.sign = [bit(0), bit(1)].map(F::from_u32);
                    (row.by_high, row.less) = (F::from_u32(by_high), F::from_u32(less));
                    (row.difference, row.jump) = (F::from_i64(difference), F::from_i64(jump));
                    row.to_cells(&mut cells);
                    let holds = row_holds(Kind::BranchLess, &cells);
                    assert!(!holds || (less == 1) == truth, "{a:#x} {b:#x} {op:?} {claim:#b}");
                }
            }
        }
    }

    #[test]
    fn one_changed_cell_is_noticed() {
        // The factor of zero may be anything.
        let free = |step: &Step, name: &str| name == "factor" && step.access[0].old == step.access[1].old;
        let steps: Vec<_> = at_corners(&EQUAL).into_iter().step_by(5).collect();
        every_cell_matters(Kind::BranchEqual, &steps, free);
        let steps: Vec<_> = at_corners(&LESS).into_iter().step_by(5).collect();
        every_cell_matters(Kind::BranchLess, &steps, |_, _| false);
    }

    #[test]
    fn lies_about_flags_and_times_are_refused() {
        for (op, a, b) in [(Op::Beq, 1, 1), (Op::Bne, 1, 1), (Op::Blt, 1, 2), (Op::Bgeu, 1, 2)] {
            lies_about_times(op.table(), &branch(op, a, b, 0x55));
        }
        let number = F::from_u32;
        let equal = branch(Op::Beq, 1, 1, 0x55);
        lie(Kind::BranchEqual, &equal, &[("flags[0]", F::TWO)]);
        lie(Kind::BranchEqual, &equal, &[("flags[1]", F::ONE)]);

        let kind = Kind::BranchLess;
        let jump = number(0x55) - number(0x401);
        let changes = [("real", F::TWO), ("sign[0]", F::ONE), ("sign[1]", F::ONE)];
        lie(kind, &branch(Op::Blt, 1, 2, 0x55), &changes);
        // BLTU by twice BGE's flag, and BGE by half of BLTU's.
        let step = branch(Op::Blt, 2, 1, 0x55);
        lie(kind, &step, &[("negated", F::TWO), ("jump", jump.double())]);
        lie(kind, &branch(Op::Blt, 1, 2, 0x55), &[("unsigned", F::TWO.inverse())]);
        // 2 is less than 1, if a sign may be a fraction.
        let fraction = number(1 << 16).inverse();
        for (sign, value) in [("sign[0]", fraction), ("sign[1]", -fraction)] {
            let changes = [
                (sign, value),
                ("by_high", F::ONE),
                ("less", F::ONE),
                ("difference", F::ZERO),
                ("jump", jump),
            ];
            lie(kind, &branch(Op::Blt, 0x2_0000, 0x2_0000, 0x55), &changes);
        }
        // 0 is not less than 2, if deciding is 2; 0 is less than 1 twice.
        let changes = [("by_high", F::TWO), ("less", F::ZERO), ("difference", F::ZERO), ("jump", F::ZERO)];
        lie(kind, &branch(Op::Bltu, 0, 2, 0x55), &changes);
        let changes = [("less", F::TWO), ("difference", F::ONE), ("jump", jump.double())];
        lie(kind, &branch(Op::Bltu, 0, 1, 0x55), &changes);
    }
}
