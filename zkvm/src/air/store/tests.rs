use rand::Rng;

use super::*;
use crate::air::testing::*;
use crate::air::{check, Kind};
use crate::record::testing::register_step;

/// `op x2, imm(x1)` where the word in memory is `old`: what the instruction set says.
fn store(op: Op, base: u32, imm: u32, value: u32, old: u32) -> Step {
    let address = base.wrapping_add(imm);
    let at = address as usize & 3;
    let mut bytes = old.to_le_bytes();
    let length = match op {
        Op::Sw => 4,
        Op::Sh => 2,
        _ => 1,
    };
    bytes[at..at + length].copy_from_slice(&value.to_le_bytes()[..length]);
    let mut step = register_step(op, base, value, u32::from_le_bytes(bytes));
    step.instruction.rd = 0;
    step.instruction.imm = imm;
    step.access[2].address = address / 4;
    step.access[2].previous = 2;
    step.access[2].old = old;
    step
}

fn parts() -> Vec<Step> {
    let mut steps = Vec::new();
    for (base, imm) in aligned() {
        for offset in 0..4 {
            for (i, value) in WORDS.into_iter().enumerate() {
                for old in [WORDS[(i + 2) % WORDS.len()], !value, value] {
                    steps.push(store(Op::Sb, base, imm.wrapping_add(offset), value, old));
                    if offset % 2 == 0 {
                        steps.push(store(Op::Sh, base.wrapping_add(offset), imm, value, old));
                    }
                }
            }
        }
    }
    steps
}

#[test]
fn words_at_the_corners() {
    let steps = aligned().into_iter().map(|(a, imm)| store(Op::Sw, a, imm, a ^ 0x89ab_cdef, !a));
    accepts(Kind::StoreWord, &steps.collect::<Vec<_>>());
}

#[test]
fn parts_at_the_corners() {
    accepts(Kind::StorePart, &parts());
}

#[test]
fn the_base_may_be_stored() {
    for (kind, op) in [(Kind::StoreWord, Op::Sw), (Kind::StorePart, Op::Sb), (Kind::StorePart, Op::Sh)] {
        let mut step = store(op, 0x1_2344, 8, 0x1_2344, 0xdead_beef);
        step.instruction.rs2 = 1;
        step.access[1].address = step.access[0].address;
        step.access[1].previous = step.access[0].time;
        accepts(kind, &[step]);
    }
}

#[test]
fn random_stores() {
    let mut random = random();
    let (mut words, mut parts) = (Vec::new(), Vec::new());
    for _ in 0..200 {
        let (base, imm, value, old) = (random.gen::<u32>(), random.gen::<u32>(), random.gen(), random.gen());
        let offset = base.wrapping_add(imm) & 3;
        words.push(store(Op::Sw, base.wrapping_sub(offset), imm, value, old));
        parts.push(store(Op::Sb, base, imm, value, old));
        parts.push(store(Op::Sh, base.wrapping_sub(offset & 1), imm, value, old));
    }
    accepts(Kind::StoreWord, &words);
    accepts(Kind::StorePart, &parts);
}

#[test]
fn misaligned_stores_are_refused() {
    for offset in 1..4 {
        let mut step = store(Op::Sw, 0x2000, 0, 0x1234_5678, 0);
        step.instruction.imm = offset;
        refuses(Kind::StoreWord, &[step]);
    }
    for offset in [1, 3] {
        let mut step = store(Op::Sh, 0x2000, offset - 1, 0x1212, 0x1212_1212);
        step.instruction.imm = offset;
        refuses(Kind::StorePart, &[step]);
    }
}

#[test]
fn wrong_words_and_addresses_are_refused() {
    for (kind, step) in [
        (Kind::StoreWord, store(Op::Sw, 0x2000, 4, 0x8899_aabb, 0x0123_4567)),
        (Kind::StorePart, store(Op::Sb, 0x2000, 5, 0x8899_aabb, 0x0123_4567)),
        (Kind::StorePart, store(Op::Sh, 0x2000, 6, 0x8899_aabb, 0x0123_4567)),
    ] {
        accepts(kind, &[step]);
        for new in
            [0, 0x0123_4567, 0x0123_45bb, 0x01bb_4567, 0xbb23_4567, 0x0123_aabb, 0x0123_bb68, 0xaaba_4567]
        {
            let mut wrong = step;
            wrong.access[2].new = new;
            refuses(kind, &[wrong]);
        }
        for address in [0, 0x800, 0x802, 0x2004, 0x4000_0801] {
            let mut wrong = step;
            wrong.access[2].address = address;
            refuses(kind, &[wrong]);
        }
    }
    let mut register = store(Op::Sw, 0xffff_fffc, 8, 1, 2);
    register.access[2].address = 0x4000_0001;
    refuses(Kind::StoreWord, &[register]);
}

#[test]
fn one_changed_cell_is_noticed() {
    let words: Vec<_> = aligned().into_iter().map(|(a, imm)| store(Op::Sw, a, imm, !a, a)).collect();
    every_cell_matters(Kind::StoreWord, &words);
    let parts: Vec<_> = parts().into_iter().step_by(7).collect();
    every_cell_matters(Kind::StorePart, &parts);
}

#[test]
fn lies_about_words_are_refused() {
    let kind = Kind::StoreWord;
    lies_about_addresses(kind, &[], |base, imm| {
        let mut step = store(Op::Sw, base & !3, imm, 1, 2);
        (step.access[0].old, step.access[0].new) = (base, base);
        step
    });
    lies_about_times(kind, &store(Op::Sw, 0x2000, 4, 1, 2));
    lie(kind, &store(Op::Sw, 0x2000, 4, 1, 2), &[("real", F::TWO)]);
}

#[test]
fn lies_about_parts_are_refused() {
    let kind = Kind::StorePart;
    lies_about_addresses(kind, &["offset[0]", "offset[1]"], |base, imm| {
        store(Op::Sb, base, imm, 0x1111_1111, 0x1111_1111)
    });
    lies_about_times(kind, &store(Op::Sb, 0x2000, 4, 1, 2));
    let number = F::from_u32;
    let step = store(Op::Sb, 0x2000, 0, 0x1111, 0x1111);
    lie(kind, &step, &[("real", F::TWO)]);
    lie(kind, &step, &[("wide", F::TWO)]);
    lie(kind, &step, &[("wide", F::TWO.inverse())]);
    // A half from an odd address.
    lie(kind, &store(Op::Sb, 0x2000, 1, 0x1111, 0x1111), &[("wide", F::ONE)]);
    // A byte that is two, of the word replaced and of rs2.
    let step = store(Op::Sb, 0x2000, 0, 0x5678, 0x1234);
    let change = number(0x78) - number(0x1234);
    lie(kind, &step, &[("old", number(0x1234)), ("rest", F::ZERO), ("change[0]", change)]);
    let change = number(0x5678) - number(0x34);
    lie(kind, &step, &[("byte", number(0x5678)), ("change[0]", change)]);
    // The other half changed.
    let change = number(0x78) - number(0x34);
    lie(kind, &step, &[("change[0]", F::ZERO), ("change[1]", change)]);
    let step = store(Op::Sb, 0x2000, 2, 0x78, 0x34_0000);
    lie(kind, &step, &[("change[0]", change), ("change[1]", F::ZERO)]);
}

#[test]
fn sizes() {
    let size = check::Size { columns: 21, lookups: 6, extension: 9, degree: 2 };
    assert_eq!(check::size(Kind::StoreWord), size);
    let size = check::Size { columns: 29, lookups: 8, extension: 10, degree: 2 };
    assert_eq!(check::size(Kind::StorePart), size);
}
