use p3_field::PrimeField32;
use rand::Rng;

use super::*;
use crate::air::testing::*;
use crate::air::{check, Kind};
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
        let others = [random.gen(), a, a ^ 1 << random.gen_range(0..32), a ^ random.gen_range(0..0x1_0000)];
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
    let words = [0, 1, 0x7fff, 0x8000, 0xffff, 0x1_0000, 0x7fff_0000, 0x7fff_ffff, 0x8000_0000, 0xffff_0001];
    let signed = |word: u32, sign: u32, flip: u32| {
        i64::from(word >> 16) + i64::from(flip >> 16) - i64::from(sign << 16)
    };
    let bench = check::Bench::new(Kind::BranchLess);
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
                let holds = bench.holds(&cells);
                assert!(!holds || (less == 1) == truth, "{a:#x} {b:#x} {op:?} {claim:#b}");
            }
        }
    }
}

#[test]
fn one_changed_cell_is_noticed() {
    // The factor of zero may be anything.
    let steps = at_corners(&EQUAL).into_iter().step_by(5);
    let (equal, different): (Vec<_>, Vec<_>) =
        steps.partition(|step| step.access[0].old == step.access[1].old);
    every_cell_matters(Kind::BranchEqual, &different);
    for step in &equal {
        assert_eq!(check::tampered(Kind::BranchEqual, step), ["factor"], "{step:?}");
    }
    let steps: Vec<_> = at_corners(&LESS).into_iter().step_by(5).collect();
    every_cell_matters(Kind::BranchLess, &steps);
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
        let changes =
            [(sign, value), ("by_high", F::ONE), ("less", F::ONE), ("difference", F::ZERO), ("jump", jump)];
        lie(kind, &branch(Op::Blt, 0x2_0000, 0x2_0000, 0x55), &changes);
    }
    // 0 is not less than 2, if deciding is 2; 0 is less than 1 twice.
    let changes = [("by_high", F::TWO), ("less", F::ZERO), ("difference", F::ZERO), ("jump", F::ZERO)];
    lie(kind, &branch(Op::Bltu, 0, 2, 0x55), &changes);
    let changes = [("less", F::TWO), ("difference", F::ONE), ("jump", jump.double())];
    lie(kind, &branch(Op::Bltu, 0, 1, 0x55), &changes);
}

#[test]
fn sizes() {
    let size = check::Size { columns: 17, lookups: 3, extension: 7, degree: 3 };
    assert_eq!(check::size(Kind::BranchEqual), size);
    let size = check::Size { columns: 22, lookups: 6, extension: 8, degree: 3 };
    assert_eq!(check::size(Kind::BranchLess), size);
}
