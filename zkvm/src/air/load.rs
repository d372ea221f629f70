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
mod tests;
