//! Stores: SW, and SB, SH.
//!
//! The word at the address is replaced: by rs2, or by itself with one half changed (offset bit 1). The half is split in
//! bytes, `half = old + 256 rest` or `rest + 256 old` (offset bit 0), and so is rs2's low half. SB puts rs2's low byte for old; SH, whose
//! offset bit 0 is zero, puts rs2's other byte for rest too. All four are looked up to be bytes, so the new half is below 2^16.

use p3_air::{AirBuilder, WindowAccess};
use p3_field::{Field, PrimeCharacteristicRing};

use super::add::carries;
use super::bus::{self, Builder};
use super::columns::columns;
use super::frame::{self, Cycle, Fetch, Read, Write};
use super::{address, Chip, OpcodeChip};
use crate::isa::Op;
use crate::record::Step;
use crate::F;

columns! {
    /// A row of SW.
    pub struct StoreWordRow {
        cycle: Cycle<T>,
        real: T,
        rs1: T,
        rs2: T,
        imm: [T; 2],
        a: Read<T>,
        b: Read<T>,
        /// The word replaced.
        memory: Write<T>,
        /// Carries of the address.
        carry: [T; 2],
    }
}

columns! {
    /// A row of SB and SH.
    pub struct StorePartRow {
        cycle: Cycle<T>,
        real: T,
        /// SH.
        wide: T,
        rs1: T,
        rs2: T,
        imm: [T; 2],
        a: Read<T>,
        b: Read<T>,
        /// The word changed.
        memory: Write<T>,
        /// Carries of the address.
        carry: [T; 2],
        /// Bits 0 and 1 of the address.
        offset: [T; 2],
        /// Low byte of rs2.
        byte: T,
        /// The byte that SB replaces; for SH the low byte of the half that it replaces.
        old: T,
        /// The other byte of that half.
        rest: T,
        /// What is added to the low and to the high half of the word in memory; one of them is zero.
        change: [T; 2],
    }
}

/// The table of SW.
#[derive(Clone, Copy, Debug)]
pub struct StoreWord;

/// The table of SB and SH.
#[derive(Clone, Copy, Debug)]
pub struct StorePart;

impl Chip for StoreWord {
    fn width(&self) -> usize {
        StoreWordRow::<F>::WIDTH
    }

    fn names(&self) -> Vec<String> {
        StoreWordRow::<F>::names("")
    }

    fn eval<B: Builder>(&self, b: &mut B) {
        let row = StoreWordRow::from_cells(b.main().current_slice());
        b.assert_bool(row.real);
        let real: B::Expr = row.real.into();
        let address = address::sum(b, row.a.value, row.imm, row.carry);
        let word = address::word(b, address, B::Expr::ZERO, real.clone());

        let op = real.clone() * F::from_u32(Op::Sw.number());
        let fetch =
            Fetch { rs1: row.rs1.into(), rs2: row.rs2.into(), imm: row.imm.map(Into::into), ..Fetch::op(op) };
        frame::cycle(b, &row.cycle, frame::following::<B>(&row.cycle), fetch, real.clone());
        frame::read(b, frame::register::<B>(row.rs1), frame::tick::<B>(&row.cycle, 0), &row.a, real.clone());
        frame::read(b, frame::register::<B>(row.rs2), frame::tick::<B>(&row.cycle, 1), &row.b, real.clone());
        let new = row.b.value.map(Into::into);
        frame::write(b, word, frame::tick::<B>(&row.cycle, 2), &row.memory, new, real.clone());
        bus::highs(b, [row.a.high, row.b.high, row.memory.high].map(Into::into), real);
    }
}

impl OpcodeChip for StoreWord {
    fn fill(&self, step: &Step, cells: &mut [F]) {
        let [a, b, memory] = &step.access;
        let row = StoreWordRow {
            cycle: Cycle::of(step),
            real: F::ONE,
            rs1: F::from_u8(step.instruction.rs1),
            rs2: F::from_u8(step.instruction.rs2),
            imm: frame::halves(step.instruction.imm),
            a: Read::of(a),
            b: Read::of(b),
            memory: Write::of(memory),
            carry: carries(a.old, step.instruction.imm),
        };
        row.to_cells(cells);
    }
}

impl Chip for StorePart {
    fn width(&self) -> usize {
        StorePartRow::<F>::WIDTH
    }

    fn names(&self) -> Vec<String> {
        StorePartRow::<F>::names("")
    }

    fn eval<B: Builder>(&self, b: &mut B) {
        let row = StorePartRow::from_cells(b.main().current_slice());
        let [odd, upper] = row.offset;
        for flag in [row.real, row.wide, odd, upper] {
            b.assert_bool(flag);
        }
        b.when(row.wide).assert_zero(odd);
        let real: B::Expr = row.real.into();
        let address = address::sum(b, row.a.value, row.imm, row.carry);
        let word = address::word(b, address, odd + upper * F::TWO, real.clone());

        let [low, high] = row.memory.old;
        let factor = F::from_u32(256);
        let half = row.old + row.rest * factor + (row.old - row.rest) * odd * (factor - F::ONE);
        b.assert_eq(half, low + (high - low) * upper);
        bus::bytes(b, row.old.into(), row.rest.into(), real.clone());
        let second = (row.b.value[0] - row.byte) * factor.inverse();
        bus::bytes(b, row.byte.into(), second.clone(), real.clone());

        let first = row.byte - row.old;
        let change =
            first.clone() + first * odd * (factor - F::ONE) + (second - row.rest) * row.wide * factor;
        b.assert_eq(row.change[0] + row.change[1], change);
        b.when(upper).assert_zero(row.change[0]);
        b.when(B::Expr::ONE - upper).assert_zero(row.change[1]);

        let op = frame::operation::<B>(&[(row.real, Op::Sb)])
            + row.wide * F::from_u32(Op::Sh.number() - Op::Sb.number());
        let fetch =
            Fetch { rs1: row.rs1.into(), rs2: row.rs2.into(), imm: row.imm.map(Into::into), ..Fetch::op(op) };
        frame::cycle(b, &row.cycle, frame::following::<B>(&row.cycle), fetch, real.clone());
        frame::read(b, frame::register::<B>(row.rs1), frame::tick::<B>(&row.cycle, 0), &row.a, real.clone());
        frame::read(b, frame::register::<B>(row.rs2), frame::tick::<B>(&row.cycle, 1), &row.b, real.clone());
        let new = [low + row.change[0], high + row.change[1]];
        frame::write(b, word, frame::tick::<B>(&row.cycle, 2), &row.memory, new, real.clone());
        bus::highs(b, [row.a.high, row.b.high, row.memory.high].map(Into::into), real);
    }
}

impl OpcodeChip for StorePart {
    fn fill(&self, step: &Step, cells: &mut [F]) {
        let [a, b, memory] = &step.access;
        let imm = step.instruction.imm;
        let wide = step.instruction.op == Op::Sh;
        let address = a.old.wrapping_add(imm);
        let (odd, upper) = (address & 1 == 1, address & 2 == 2);
        let half = if upper { memory.old >> 16 } else { memory.old & 0xffff };
        let (old, rest) = if odd { (half >> 8, half & 0xff) } else { (half & 0xff, half >> 8) };
        let [low, high] = [0, 1].map(|i| frame::halves(memory.new)[i] - frame::halves(memory.old)[i]);
        let row = StorePartRow {
            cycle: Cycle::of(step),
            real: F::ONE,
            wide: F::from_bool(wide),
            rs1: F::from_u8(step.instruction.rs1),
            rs2: F::from_u8(step.instruction.rs2),
            imm: frame::halves(imm),
            a: Read::of(a),
            b: Read::of(b),
            memory: Write::of(memory),
            carry: carries(a.old, imm),
            offset: [odd, upper].map(F::from_bool),
            byte: F::from_u32(b.old & 0xff),
            old: F::from_u32(old),
            rest: F::from_u32(rest),
            change: [low, high],
        };
        row.to_cells(cells);
    }
}

#[cfg(test)]
mod tests {
    use rand::Rng;

    use super::*;
    use crate::air::testing::*;
    use crate::air::Kind;
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
            let (base, imm, value, old) =
                (random.gen::<u32>(), random.gen::<u32>(), random.gen(), random.gen());
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
        every_cell_matters(Kind::StoreWord, &words, |_, _| false);
        let parts: Vec<_> = parts().into_iter().step_by(7).collect();
        every_cell_matters(Kind::StorePart, &parts, |_, _| false);
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
}
