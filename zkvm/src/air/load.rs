//! Loads: LW, and LB, LBU, LH, LHU.
//!
//! The word at the address is read whole. A part of it is one of its halves (offset bit 1), or one of that half's bytes (offset
//! bit 0): `half = part + 256 rest` or `rest + 256 part`, both looked up to be bytes; for LH and LHU part is the half and rest is zero.
//! The sign of a signed part is the bit that leaves `part - 2^k sign` below 2^k, with k = 7 or 15: one lookup.

use p3_air::{AirBuilder, WindowAccess};
use p3_field::PrimeCharacteristicRing;

use super::add::carries;
use super::bus::{self, Builder};
use super::columns::columns;
use super::frame::{self, Cycle, Fetch, Read, Write};
use super::{address, Chip, OpcodeChip};
use crate::isa::Op;
use crate::record::Step;
use crate::F;

columns! {
    /// A row of LW.
    pub struct LoadWordRow {
        cycle: Cycle<T>,
        real: T,
        rd: T,
        rs1: T,
        imm: [T; 2],
        a: Read<T>,
        /// The word loaded.
        memory: Read<T>,
        write: Write<T>,
        /// Carries of the address.
        carry: [T; 2],
    }
}

columns! {
    /// A row of LB, LBU, LH and LHU.
    pub struct LoadPartRow {
        cycle: Cycle<T>,
        real: T,
        /// LBU or LHU.
        unsigned: T,
        /// LH or LHU.
        wide: T,
        rd: T,
        rs1: T,
        imm: [T; 2],
        a: Read<T>,
        /// The word that the part is of.
        memory: Read<T>,
        write: Write<T>,
        /// Carries of the address.
        carry: [T; 2],
        /// Bits 0 and 1 of the address.
        offset: [T; 2],
        /// The byte or half loaded.
        part: T,
        /// The other byte of its half.
        rest: T,
        /// LB of a byte with its highest bit set.
        byte_sign: T,
        /// LH of a half with its highest bit set.
        half_sign: T,
    }
}

/// The table of LW.
#[derive(Clone, Copy, Debug)]
pub struct LoadWord;

/// The table of LB, LBU, LH and LHU.
#[derive(Clone, Copy, Debug)]
pub struct LoadPart;

impl Chip for LoadWord {
    fn width(&self) -> usize {
        LoadWordRow::<F>::WIDTH
    }

    fn names(&self) -> Vec<String> {
        LoadWordRow::<F>::names("")
    }

    fn eval<B: Builder>(&self, b: &mut B) {
        let row = LoadWordRow::from_cells(b.main().current_slice());
        b.assert_bool(row.real);
        let real: B::Expr = row.real.into();
        let address = address::sum(b, row.a.value, row.imm, row.carry);
        let word = address::word(b, address, B::Expr::ZERO, real.clone());

        let op = real.clone() * F::from_u32(Op::Lw.number());
        let fetch =
            Fetch { rd: row.rd.into(), rs1: row.rs1.into(), imm: row.imm.map(Into::into), ..Fetch::op(op) };
        frame::cycle(b, &row.cycle, frame::following::<B>(&row.cycle), fetch, real.clone());
        frame::read(b, frame::register::<B>(row.rs1), frame::tick::<B>(&row.cycle, 0), &row.a, real.clone());
        frame::read(b, word, frame::tick::<B>(&row.cycle, 1), &row.memory, real.clone());
        frame::write(
            b,
            frame::register::<B>(row.rd),
            frame::tick::<B>(&row.cycle, 2),
            &row.write,
            row.memory.value.map(Into::into),
            real.clone(),
        );
        bus::highs(b, [row.a.high, row.memory.high, row.write.high].map(Into::into), real);
    }
}

impl OpcodeChip for LoadWord {
    fn fill(&self, step: &Step, cells: &mut [F]) {
        let [a, memory, rd] = &step.access;
        let row = LoadWordRow {
            cycle: Cycle::of(step),
            real: F::ONE,
            rd: F::from_u8(step.instruction.rd),
            rs1: F::from_u8(step.instruction.rs1),
            imm: frame::halves(step.instruction.imm),
            a: Read::of(a),
            memory: Read::of(memory),
            write: Write::of(rd),
            carry: carries(a.old, step.instruction.imm),
        };
        row.to_cells(cells);
    }
}

// The flags of LB, LBU, LH and LHU add up to the operation's number.
const UNSIGNED: u32 = Op::Lbu.number() - Op::Lb.number();
const WIDE: u32 = Op::Lh.number() - Op::Lb.number();
const _: () = assert!(Op::Lhu.number() == Op::Lb.number() + UNSIGNED + WIDE);

impl Chip for LoadPart {
    fn width(&self) -> usize {
        LoadPartRow::<F>::WIDTH
    }

    fn names(&self) -> Vec<String> {
        LoadPartRow::<F>::names("")
    }

    fn eval<B: Builder>(&self, b: &mut B) {
        let row = LoadPartRow::from_cells(b.main().current_slice());
        let [odd, upper] = row.offset;
        let flags = [row.real, row.unsigned, row.wide, odd, upper, row.byte_sign, row.half_sign];
        for flag in flags {
            b.assert_bool(flag);
        }
        let real: B::Expr = row.real.into();
        let signed = real.clone() - row.unsigned;
        let byte = real.clone() - row.wide;
        // So that both counts are 0 or 1.
        b.when(row.unsigned).assert_zero(B::Expr::ONE - real.clone());
        b.when(row.wide).assert_zero(B::Expr::ONE - real.clone());

        let address = address::sum(b, row.a.value, row.imm, row.carry);
        let word = address::word(b, address, odd + upper * F::TWO, real.clone());

        let [low, high] = row.memory.value;
        let factor = F::from_u32(256);
        let half = row.part + row.rest * factor + (row.part - row.rest) * odd * (factor - F::ONE);
        b.assert_eq(half, low + (high - low) * upper);
        b.when(row.wide).assert_zero(odd);
        b.when(row.wide).assert_zero(row.rest);
        bus::bytes(b, row.part.into(), row.rest.into(), byte.clone());

        // Unsigned rows have no signs (a sum of bits is zero only if all of them are), a half has no byte's. That a byte has no
        // half's is seen by the lookup: it would leave the byte below zero.
        b.when(row.unsigned).assert_zero(row.byte_sign + row.half_sign);
        b.when(row.wide).assert_zero(row.byte_sign);
        let below = row.part - row.byte_sign * F::from_u32(1 << 7) - row.half_sign * F::from_u32(1 << 15);
        bus::bits(b, below, row.wide * F::from_u32(8) + F::from_u32(7), signed);
        let result = [
            row.part + row.byte_sign * F::from_u32(0xff00),
            (row.byte_sign + row.half_sign) * F::from_u32(0xffff),
        ];

        let op = real.clone() * F::from_u32(Op::Lb.number())
            + row.unsigned * F::from_u32(UNSIGNED)
            + row.wide * F::from_u32(WIDE);
        let fetch =
            Fetch { rd: row.rd.into(), rs1: row.rs1.into(), imm: row.imm.map(Into::into), ..Fetch::op(op) };
        frame::cycle(b, &row.cycle, frame::following::<B>(&row.cycle), fetch, real.clone());
        frame::read(b, frame::register::<B>(row.rs1), frame::tick::<B>(&row.cycle, 0), &row.a, real.clone());
        frame::read(b, word, frame::tick::<B>(&row.cycle, 1), &row.memory, real.clone());
        frame::write(
            b,
            frame::register::<B>(row.rd),
            frame::tick::<B>(&row.cycle, 2),
            &row.write,
            result,
            real.clone(),
        );
        bus::highs(b, [row.a.high, row.memory.high, row.write.high].map(Into::into), real);
    }
}

impl OpcodeChip for LoadPart {
    fn fill(&self, step: &Step, cells: &mut [F]) {
        let [a, memory, rd] = &step.access;
        let (op, imm) = (step.instruction.op, step.instruction.imm);
        let unsigned = matches!(op, Op::Lbu | Op::Lhu);
        let wide = matches!(op, Op::Lh | Op::Lhu);
        let address = a.old.wrapping_add(imm);
        let (odd, upper) = (address & 1 == 1, address & 2 == 2);
        let half = if upper { memory.old >> 16 } else { memory.old & 0xffff };
        let (part, rest) = match (wide, odd) {
            (true, _) => (half, 0),
            (false, false) => (half & 0xff, half >> 8),
            (false, true) => (half >> 8, half & 0xff),
        };
        let row = LoadPartRow {
            cycle: Cycle::of(step),
            real: F::ONE,
            unsigned: F::from_bool(unsigned),
            wide: F::from_bool(wide),
            rd: F::from_u8(step.instruction.rd),
            rs1: F::from_u8(step.instruction.rs1),
            imm: frame::halves(imm),
            a: Read::of(a),
            memory: Read::of(memory),
            write: Write::of(rd),
            carry: carries(a.old, imm),
            offset: [odd, upper].map(F::from_bool),
            part: F::from_u32(part),
            rest: F::from_u32(rest),
            byte_sign: F::from_bool(!unsigned && !wide && part >> 7 == 1),
            half_sign: F::from_bool(!unsigned && wide && part >> 15 == 1),
        };
        row.to_cells(cells);
    }
}

#[cfg(test)]
mod tests {
    use p3_field::Field;
    use rand::Rng;

    use super::*;
    use crate::air::testing::*;
    use crate::air::Kind;
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
        every_cell_matters(Kind::LoadWord, &words, |_, _| false);
        let parts: Vec<_> = parts().into_iter().step_by(7).collect();
        every_cell_matters(Kind::LoadPart, &parts, |_, _| false);
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
        lies_about_addresses(kind, &["offset[0]", "offset[1]"], |base, imm| {
            load(Op::Lb, base, imm, 0x1111_1111)
        });
        lies_about_times(kind, &load(Op::Lh, 0x2000, 4, 1));

        let (word, one) = (0x1200_1234, F::ONE);
        let part = |op| load(op, 0x2000, 0, word);
        // The counts of lookups: 2 and -1.
        lie(kind, &part(Op::Lb), &[("real", F::TWO)]);
        lie(kind, &part(Op::Lb), &[("unsigned", F::TWO)]);
        lie(kind, &load(Op::Lhu, 0x2000, 0, 0x12), &[("wide", F::TWO)]);
        let mut padding = F::zero_vec(LoadPartRow::<F>::WIDTH);
        for name in ["unsigned", "wide"] {
            let cell = LoadPartRow::<F>::names("").iter().position(|n| n == name).unwrap();
            padding[cell] = one;
            assert!(!row_holds(kind, &padding), "{name}");
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
}
