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
mod tests;
