//! ADD, SUB and ADDI (with LUI and AUIPC): a row an instruction.
//!
//! The sum of halves with carries: `a + b = r + 2^16 carry`, the same for the high halves with the carry in. SUB is `r + b =
//! a`: the same equation with a and r exchanged. All halves are range-checked, so carries have no second value.

use p3_air::{AirBuilder, WindowAccess};
use p3_field::PrimeCharacteristicRing;

use super::bus::{self, Builder};
use super::columns::columns;
use super::frame::{self, Cycle, Fetch, Read, Write};
use super::{Chip, OpcodeChip};
use crate::isa::Op;
use crate::record::Step;
use crate::F;

columns! {
    /// A row of ADD and SUB.
    pub struct AddRow {
        cycle: Cycle<T>,
        /// The row is ADD, or SUB.
        flags: [T; 2],
        rd: T,
        rs1: T,
        rs2: T,
        a: Read<T>,
        b: Read<T>,
        write: Write<T>,
        /// What is written.
        result: [T; 2],
        /// Carry out of the low and of the high half.
        carry: [T; 2],
    }
}

columns! {
    /// A row of ADDI.
    pub struct AddImmediateRow {
        cycle: Cycle<T>,
        real: T,
        rd: T,
        rs1: T,
        imm: [T; 2],
        a: Read<T>,
        write: Write<T>,
        carry: [T; 2],
    }
}

/// The table of ADD and SUB.
#[derive(Clone, Copy, Debug)]
pub struct Add;

/// The table of ADDI.
#[derive(Clone, Copy, Debug)]
pub struct AddImmediate;

impl Chip for Add {
    fn width(&self) -> usize {
        AddRow::<F>::WIDTH
    }

    fn names(&self) -> Vec<String> {
        AddRow::<F>::names("")
    }

    fn eval<B: Builder>(&self, b: &mut B) {
        let row = AddRow::from_cells(b.main().current_slice());
        let real = frame::one_of(b, &row.flags);
        let [add, sub] = row.flags;
        let base = F::from_u32(1 << 16);
        let mut carry_in = B::Expr::ZERO;
        for i in 0..2 {
            b.assert_bool(row.carry[i]);
            let (x, y, z) = (row.a.value[i], row.b.value[i], row.result[i]);
            b.when(add).assert_zero(x + y + carry_in.clone() - z - row.carry[i] * base);
            b.when(sub).assert_zero(z + y + carry_in - x - row.carry[i] * base);
            carry_in = row.carry[i].into();
        }
        for z in row.result {
            bus::half(b, z.into(), real.clone());
        }

        let op = frame::operation::<B>(&[(add, Op::Add), (sub, Op::Sub)]);
        let fetch = Fetch { rd: row.rd.into(), rs1: row.rs1.into(), rs2: row.rs2.into(), ..Fetch::op(op) };
        frame::cycle(b, &row.cycle, frame::following::<B>(&row.cycle), fetch, real.clone());
        frame::read(b, frame::register::<B>(row.rs1), frame::tick::<B>(&row.cycle, 0), &row.a, real.clone());
        frame::read(b, frame::register::<B>(row.rs2), frame::tick::<B>(&row.cycle, 1), &row.b, real.clone());
        let result = row.result.map(Into::into);
        frame::write(
            b,
            frame::register::<B>(row.rd),
            frame::tick::<B>(&row.cycle, 2),
            &row.write,
            result,
            real.clone(),
        );
        bus::highs(b, [row.a.high, row.b.high, row.write.high].map(Into::into), real);
    }
}

impl OpcodeChip for Add {
    fn fill(&self, step: &Step, cells: &mut [F]) {
        let [a, b, rd] = &step.access;
        let sub = step.instruction.op == Op::Sub;
        let (x, y) = if sub { (rd.new, b.old) } else { (a.old, b.old) };
        let row = AddRow {
            cycle: Cycle::of(step),
            flags: [F::from_bool(!sub), F::from_bool(sub)],
            rd: F::from_u8(step.instruction.rd),
            rs1: F::from_u8(step.instruction.rs1),
            rs2: F::from_u8(step.instruction.rs2),
            a: Read::of(a),
            b: Read::of(b),
            write: Write::of(rd),
            result: frame::halves(rd.new),
            carry: carries(x, y),
        };
        row.to_cells(cells);
    }
}

impl Chip for AddImmediate {
    fn width(&self) -> usize {
        AddImmediateRow::<F>::WIDTH
    }

    fn names(&self) -> Vec<String> {
        AddImmediateRow::<F>::names("")
    }

    fn eval<B: Builder>(&self, b: &mut B) {
        let row = AddImmediateRow::from_cells(b.main().current_slice());
        b.assert_bool(row.real);
        let real: B::Expr = row.real.into();
        let base = F::from_u32(1 << 16);
        let mut carry_in = B::Expr::ZERO;
        let result: [B::Expr; 2] = core::array::from_fn(|i| {
            b.assert_bool(row.carry[i]);
            let sum = row.a.value[i] + row.imm[i] + carry_in.clone() - row.carry[i] * base;
            carry_in = row.carry[i].into();
            bus::half(b, sum.clone(), real.clone());
            sum
        });

        let op = real.clone() * F::from_u32(Op::Addi.number());
        let fetch =
            Fetch { rd: row.rd.into(), rs1: row.rs1.into(), imm: row.imm.map(Into::into), ..Fetch::op(op) };
        frame::cycle(b, &row.cycle, frame::following::<B>(&row.cycle), fetch, real.clone());
        frame::read(b, frame::register::<B>(row.rs1), frame::tick::<B>(&row.cycle, 0), &row.a, real.clone());
        frame::write(
            b,
            frame::register::<B>(row.rd),
            frame::tick::<B>(&row.cycle, 2),
            &row.write,
            result,
            real.clone(),
        );
        bus::highs(b, [row.a.high.into(), row.write.high.into(), B::Expr::ZERO], real);
    }
}

impl OpcodeChip for AddImmediate {
    fn fill(&self, step: &Step, cells: &mut [F]) {
        let [a, _, rd] = &step.access;
        let row = AddImmediateRow {
            cycle: Cycle::of(step),
            real: F::ONE,
            rd: F::from_u8(step.instruction.rd),
            rs1: F::from_u8(step.instruction.rs1),
            imm: frame::halves(step.instruction.imm),
            a: Read::of(a),
            write: Write::of(rd),
            carry: carries(a.old, step.instruction.imm),
        };
        row.to_cells(cells);
    }
}

/// Carries out of the low and the high half of `x + y`.
pub fn carries(x: u32, y: u32) -> [F; 2] {
    let low = (x & 0xffff) + (y & 0xffff) > 0xffff;
    let high = x.checked_add(y).is_none();
    [F::from_bool(low), F::from_bool(high)]
}

#[cfg(test)]
mod tests {
    use crate::air::check;
    use crate::air::Kind;
    use crate::isa::Op;
    use crate::record::testing::{corners, register_step};

    #[test]
    fn sums_and_differences_at_the_corners() {
        let mut steps = Vec::new();
        for &(a, b) in &corners() {
            steps.push(register_step(Op::Add, a, b, a.wrapping_add(b)));
            steps.push(register_step(Op::Sub, a, b, a.wrapping_sub(b)));
        }
        assert_eq!(check::steps(Kind::Add, &steps), Vec::<String>::new());
    }

    #[test]
    fn a_wrong_sum_is_refused() {
        let wrong = [register_step(Op::Add, 0xffff_ffff, 1, 1), register_step(Op::Sub, 0, 1, 0xffff_fffe)];
        for step in wrong {
            assert_ne!(check::steps(Kind::Add, &[step]), Vec::<String>::new(), "{step:?}");
        }
    }

    #[test]
    fn immediate_sums_at_the_corners() {
        let steps: Vec<_> = corners()
            .into_iter()
            .map(|(a, imm)| crate::record::testing::immediate_step(Op::Addi, a, imm, a.wrapping_add(imm)))
            .collect();
        assert_eq!(check::steps(Kind::AddImmediate, &steps), Vec::<String>::new());
    }
}
