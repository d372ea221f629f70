use p3_field::{Field, PrimeCharacteristicRing};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::air::{check, Kind};
use crate::isa::Op;
use crate::record::testing::{corners, immediate_step, register_step};
use crate::record::Step;
use crate::F;

const NONE: Vec<String> = Vec::new();
const WORDS: [u32; 6] = [0, 1, 0x7fff_8000, 0x8000_0001, 0xfe01_fe01, 0xffff_ffff];

fn results(a: u32, b: u32) -> [u32; 3] {
    let amount = b & 31;
    [a << amount, a >> amount, (a.cast_signed() >> amount).cast_unsigned()]
}

fn steps_of(a: u32, b: u32) -> [Step; 3] {
    let [left, right, arithmetic] = results(a, b);
    [
        register_step(Op::Sll, a, b, left),
        register_step(Op::Srl, a, b, right),
        register_step(Op::Sra, a, b, arithmetic),
    ]
}

fn immediate_steps_of(a: u32, imm: u32) -> [Step; 3] {
    let [left, right, arithmetic] = results(a, imm);
    [
        immediate_step(Op::Slli, a, imm, left),
        immediate_step(Op::Srli, a, imm, right),
        immediate_step(Op::Srai, a, imm, arithmetic),
    ]
}

fn both(a: u32, amount: u32) -> impl Iterator<Item = (Kind, Step)> {
    let registers = steps_of(a, amount).map(|step| (Kind::Shift, step));
    registers.into_iter().chain(immediate_steps_of(a, amount).map(|step| (Kind::ShiftImmediate, step)))
}

#[test]
fn by_every_amount_at_the_corners() {
    let amounts = |a| (0..32).map(move |amount| (a, amount));
    let all: Vec<_> = corners().into_iter().step_by(14).flat_map(|(a, _)| amounts(a)).collect();
    let words = all.iter().copied().chain(corners());
    let steps: Vec<_> = words.flat_map(|(a, b)| steps_of(a, b)).collect();
    assert_eq!(check::steps(Kind::Shift, &steps), NONE);
    let steps: Vec<_> = all.into_iter().flat_map(|(a, amount)| immediate_steps_of(a, amount)).collect();
    assert_eq!(check::steps(Kind::ShiftImmediate, &steps), NONE);
}

#[test]
fn at_random() {
    let seed: u64 = rand::random();
    println!("seed {seed:#x}");
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let pairs: Vec<(u32, u32)> = (0..500).map(|_| random.gen()).collect();
    let steps: Vec<_> = pairs.iter().flat_map(|&(a, b)| steps_of(a, b)).collect();
    assert_eq!(check::steps(Kind::Shift, &steps), NONE);
    let steps: Vec<_> = pairs.iter().flat_map(|&(a, b)| immediate_steps_of(a, b & 31)).collect();
    assert_eq!(check::steps(Kind::ShiftImmediate, &steps), NONE);
}

#[test]
fn a_wrong_result_is_refused() {
    for (kind, step) in WORDS.into_iter().flat_map(|a| [0, 1, 15, 16, 17, 31].map(|k| both(a, k))).flatten() {
        let bench = check::Bench::new(kind);
        let right = step.access[2].new;
        let flipped = (0..32).map(|bit| right ^ 1 << bit);
        let others = [right.wrapping_add(1), right & 0xffff, right & 0xffff_0000, right.rotate_left(16)];
        for result in flipped.chain(others) {
            let mut wrong = step;
            wrong.access[2].new = result;
            assert_eq!(bench.holds(&bench.row(&wrong)), result == right, "{wrong:?}");
        }
    }
}

/// The row of another amount or of another operation, with the operand of this one.
#[test]
fn another_amount_is_refused() {
    let bench = check::Bench::new(Kind::Shift);
    let column = bench.column("b.value[0]");
    for amount in 0..32 {
        for step in steps_of(0x8765_4321, amount) {
            for b in [0, 1, 15, 16, 31, 32, 0xffe0, 0xffff] {
                let mut row = bench.row(&step);
                row[column] = F::from_u32(b);
                assert_eq!(bench.holds(&row), b % 32 == amount, "{step:?} by {b}");
            }
        }
    }
    let bench = check::Bench::new(Kind::ShiftImmediate);
    let seen: std::collections::BTreeSet<_> = (0..32)
        .flat_map(|amount| immediate_steps_of(0, amount))
        .map(|step| bench.exchanged(&bench.row(&step)))
        .collect();
    assert_eq!(seen.len(), 3 * 32, "every operation and amount asks for another instruction");
}

/// A half cut elsewhere: bits moved between the two parts so that the cut's equation still holds.
#[test]
fn another_cut_is_refused() {
    for (kind, step) in (0..32).flat_map(|amount| both(0x8765_4321, amount)) {
        let bench = check::Bench::new(kind);
        let honest = bench.row(&step);
        let power = honest[bench.column("shifted.power")];
        let left = matches!(step.instruction.op, Op::Sll | Op::Slli);
        for half in 0..2 {
            let [out, stay] = ["out", "stay"].map(|part| bench.column(&format!("shifted.{part}[{half}]")));
            for moved in [F::ONE, F::NEG_ONE, F::TWO, F::ONE.halve(), power, power.inverse()] {
                let mut row = honest.clone();
                let (of_out, of_stay) = if left {
                    (moved, -moved * F::from_u32(1 << 16) * power.inverse())
                } else {
                    (moved * power, -moved)
                };
                row[out] += of_out;
                row[stay] += of_stay;
                // The results that follow from these parts.
                let part = |name: &str| row[bench.column(&format!("shifted.{name}"))];
                let base = F::from_u32(1 << 16);
                let inverse = power.inverse();
                let filled = part("fill") * (power - F::ONE) * base * inverse;
                let [o, s] = ["out", "stay"].map(|p| [0, 1].map(|i| part(&format!("{p}[{i}]"))));
                let result = match (left, step_amount(&step) >= 16) {
                    (true, false) => [s[0] * power, o[0] + s[1] * power],
                    (true, true) => [F::ZERO, s[0] * power],
                    (false, false) => [s[0] + o[1] * base * inverse, s[1] + filled],
                    (false, true) => [s[1] + filled, part("fill") * F::from_u32(0xffff)],
                };
                for (i, value) in result.into_iter().enumerate() {
                    row[bench.column(&format!("shifted.result[{i}]"))] = value;
                }
                assert!(bench.satisfies(&row), "only the lookups are to refuse this row: {step:?}");
                assert!(!bench.holds(&row), "{step:?} {moved}");
            }
        }
    }
}

fn step_amount(step: &Step) -> u32 {
    if step.access[1].time == 0 {
        step.instruction.imm
    } else {
        step.access[1].old & 31
    }
}

#[test]
fn a_wrong_sign_is_refused() {
    for a in WORDS {
        for (kind, mut step) in (0..32).flat_map(|amount| both(a, amount)) {
            let bench = check::Bench::new(kind);
            // As if the word had the other sign, in shifts to the right.
            let amount = step_amount(&step);
            if matches!(step.instruction.op, Op::Sll | Op::Slli) || amount == 0 {
                continue;
            }
            step.access[2].new ^= !(u32::MAX >> amount);
            let mut row = bench.row(&step);
            let fill = bench.column("shifted.fill");
            row[fill] = F::ONE - row[fill];
            assert!(!bench.holds(&row), "{step:?}");
        }
    }
}

#[test]
fn no_change_of_a_cell_goes_unnoticed() {
    for (kind, step) in [0, 1, 0x8000_0000, 0xc3a5_965b, 0xffff_ffff]
        .into_iter()
        .flat_map(|a| [0, 1, 8, 15, 16, 17, 31].map(|amount| both(a, amount)))
        .flatten()
    {
        assert_eq!(check::tampered(kind, &step), NONE, "{step:?}");
        let loose = check::unconstrained(kind, &step);
        // A word without sign shifts right alike in both ways; the instruction says which.
        let held = |name: &&String| name.starts_with("shifted") && *name != "shifted.arithmetic";
        assert_eq!(loose.iter().find(held), None, "{step:?}");
    }
}

#[test]
fn sizes() {
    let size = check::Size { columns: 35, lookups: 10, extension: 11, degree: 3 };
    assert_eq!(check::size(Kind::Shift), size);
    let size = check::Size { columns: 30, lookups: 8, extension: 9, degree: 3 };
    assert_eq!(check::size(Kind::ShiftImmediate), size);
}
