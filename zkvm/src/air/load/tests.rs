use p3_field::Field;
use rand::Rng;

use super::*;
use crate::air::testing::*;
use crate::air::{check, Kind};
use crate::isa::SINK;
use crate::record::testing::immediate_step;
use crate::record::Access;

/// `op x3, imm(x1)` where the word in memory is `word`: what the instruction set says.
fn load(op: Op, base: u32, imm: u32, word: u32) -> Step {
    let address = base.wrapping_add(imm);
    let bytes = word.to_le_bytes();
    let at = address as usize & 3;
    let half = || u16::from_le_bytes([bytes[at], bytes[at + 1]]);
    let result = match op {
        Op::Lw => word,
        Op::Lb => bytes[at] as i8 as u32,
        Op::Lbu => u32::from(bytes[at]),
        Op::Lh => half() as i16 as u32,
        _ => u32::from(half()),
    };
    let mut step = immediate_step(op, base, imm, result);
    let time = step.time + 1;
    step.access[1] = Access { address: address / 4, time, previous: 2, old: word, new: word };
    step
}

fn parts() -> Vec<Step> {
    let mut steps = Vec::new();
    for (base, imm) in aligned() {
        for offset in 0..4 {
            let sums = [(base, imm.wrapping_add(offset)), (base.wrapping_add(offset), imm)];
            for (base, imm) in sums {
                for word in WORDS {
                    steps.push(load(Op::Lb, base, imm, word));
                    steps.push(load(Op::Lbu, base, imm, word));
                    if offset % 2 == 0 {
                        steps.push(load(Op::Lh, base, imm, word));
                        steps.push(load(Op::Lhu, base, imm, word));
                    }
                }
            }
        }
    }
    steps
}

#[test]
fn words_at_the_corners() {
    let mut steps: Vec<_> =
        aligned().into_iter().map(|(a, imm)| load(Op::Lw, a, imm, a ^ 0x89ab_cdef)).collect();
    let mut to_sink = steps[0];
    to_sink.instruction.rd = SINK;
    to_sink.access[2].address += u32::from(SINK) - 3;
    steps.push(to_sink);
    accepts(Kind::LoadWord, &steps);
}

#[test]
fn parts_at_the_corners() {
    accepts(Kind::LoadPart, &parts());
}

#[test]
fn random_loads() {
    let mut random = random();
    let (mut words, mut parts) = (Vec::new(), Vec::new());
    for _ in 0..200 {
        let (base, imm, word) = (random.gen::<u32>(), random.gen::<u32>(), random.gen());
        let offset = base.wrapping_add(imm) & 3;
        words.push(load(Op::Lw, base.wrapping_sub(offset), imm, word));
        parts.push(load(Op::Lb, base, imm, word));
        parts.push(load(Op::Lbu, base, imm, word));
        parts.push(load(Op::Lh, base.wrapping_sub(offset & 1), imm, word));
        parts.push(load(Op::Lhu, base.wrapping_sub(offset & 1), imm, word));
    }
    accepts(Kind::LoadWord, &words);
    accepts(Kind::LoadPart, &parts);
}

#[test]
fn misaligned_loads_are_refused() {
    for offset in 1..4 {
        let mut step = load(Op::Lw, 0x2000, 0, 0x1234_5678);
        step.instruction.imm = offset;
        refuses(Kind::LoadWord, &[step]);
    }
    for (op, offset) in [(Op::Lh, 1), (Op::Lh, 3), (Op::Lhu, 1), (Op::Lhu, 3)] {
        let mut step = load(op, 0x2000, offset - 1, 0x1212_1212);
        step.instruction.imm = offset;
        refuses(Kind::LoadPart, &[step]);
    }
}

#[test]
fn wrong_results_and_addresses_are_refused() {
    for (kind, step) in [
        (Kind::LoadWord, load(Op::Lw, 0x2000, 4, 0x8899_aabb)),
        (Kind::LoadPart, load(Op::Lb, 0x2000, 5, 0x8899_aabb)),
        (Kind::LoadPart, load(Op::Lbu, 0x2000, 5, 0x8899_aabb)),
        (Kind::LoadPart, load(Op::Lh, 0x2000, 6, 0x8899_aabb)),
        (Kind::LoadPart, load(Op::Lhu, 0x2000, 6, 0x8899_aabb)),
    ] {
        accepts(kind, &[step]);
        // Bytes and halves of other places, or with the other sign; each is right for some operation.
        let results = [0, 0xaa, 0xffff_ffaa, 0xbb, 0x8899, 0xffff_8899, 0xaabb, 0x8899_aabb, 0xff_ffaa];
        for result in results.into_iter().filter(|&result| result != step.access[2].new) {
            let mut wrong = step;
            wrong.access[2].new = result;
            refuses(kind, &[wrong]);
        }
        for address in [0, 0x800, 0x802, 0x2004, 0x4000_0801] {
            let mut wrong = step;
            wrong.access[1].address = address;
            refuses(kind, &[wrong]);
        }
    }
    let mut register = load(Op::Lw, 0xffff_fffc, 8, 1);
    register.access[1].address = 0x4000_0001;
    refuses(Kind::LoadWord, &[register]);
}

#[test]
fn one_changed_cell_is_noticed() {
    let words: Vec<_> = aligned().into_iter().map(|(a, imm)| load(Op::Lw, a, imm, !a)).collect();
    every_cell_matters(Kind::LoadWord, &words);
    let parts: Vec<_> = parts().into_iter().step_by(7).collect();
    every_cell_matters(Kind::LoadPart, &parts);
}

#[test]
fn lies_about_words_are_refused() {
    let at = |base, imm| load(Op::Lw, base & !3, imm, 0x1111_1111);
    lies_about_addresses(Kind::LoadWord, &[], |base, imm| {
        let mut step = at(base, imm);
        step.access[0] = Access { old: base, new: base, ..step.access[0] };
        step
    });
    lies_about_times(Kind::LoadWord, &at(0x2000, 4));
    lie(Kind::LoadWord, &at(0x2000, 4), &[("real", F::TWO)]);
}

#[test]
fn lies_about_parts_are_refused() {
    let kind = Kind::LoadPart;
    lies_about_addresses(kind, &["offset[0]", "offset[1]"], |base, imm| load(Op::Lb, base, imm, 0x1111_1111));
    lies_about_times(kind, &load(Op::Lh, 0x2000, 4, 1));

    let (word, one) = (0x1200_1234, F::ONE);
    let part = |op| load(op, 0x2000, 0, word);
    // The counts of lookups: 2 and -1.
    lie(kind, &part(Op::Lb), &[("real", F::TWO)]);
    lie(kind, &part(Op::Lb), &[("unsigned", F::TWO)]);
    lie(kind, &load(Op::Lhu, 0x2000, 0, 0x12), &[("wide", F::TWO)]);
    let bench = check::Bench::new(kind);
    let mut padding = F::zero_vec(LoadPartRow::<F>::WIDTH);
    for name in ["unsigned", "wide"] {
        let cell = bench.column(name);
        padding[cell] = one;
        assert!(!bench.holds(&padding), "{name}");
        padding[cell] = F::ZERO;
    }
    // A half from an odd address, two bytes as one, a half as a byte.
    lie(kind, &load(Op::Lbu, 0x2000, 3, word), &[("wide", one)]);
    lie(
        kind,
        &part(Op::Lhu),
        &[("part", F::ZERO), ("rest", F::from_u32(0x1234) * F::from_u32(256).inverse())],
    );
    lie(kind, &part(Op::Lbu), &[("part", F::from_u32(0x1234)), ("rest", F::ZERO)]);
    // Signs left out, put in, of the other width, or no bits.
    lie(kind, &load(Op::Lb, 0x2000, 0, 0x80), &[("byte_sign", F::ZERO)]);
    lie(kind, &load(Op::Lh, 0x2000, 0, 0x8000), &[("half_sign", F::ZERO)]);
    for name in ["byte_sign", "half_sign"] {
        lie(kind, &load(Op::Lbu, 0x2000, 0, 0x80), &[(name, one)]);
        lie(kind, &load(Op::Lhu, 0x2000, 0, 0x8000), &[(name, one)]);
    }
    lie(kind, &part(Op::Lh), &[("byte_sign", one)]);
    lie(kind, &load(Op::Lb, 0x2000, 0, 0xff), &[("half_sign", one)]);
    lie(kind, &load(Op::Lb, 0x2000, 0, 1), &[("byte_sign", F::from_u32(1 << 7).inverse())]);
    lie(kind, &load(Op::Lh, 0x2000, 0, 1), &[("half_sign", F::from_u32(1 << 15).inverse())]);
}

#[test]
fn sizes() {
    let size = check::Size { columns: 21, lookups: 6, extension: 9, degree: 2 };
    assert_eq!(check::size(Kind::LoadWord), size);
    let size = check::Size { columns: 29, lookups: 8, extension: 10, degree: 2 };
    assert_eq!(check::size(Kind::LoadPart), size);
}
