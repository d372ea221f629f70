//! JAL and JALR.
//!
//! The high half of what is linked comes from the program table and the low half is the rest of pc + 4, which the program table
//! proves too. (At 0xfffffffc the program table links 0, and pc + 4 is 2^32: no jump there can be proved.) Nor can a JALR whose target
//! is not a multiple of 4: it would raise an exception.

use p3_air::WindowAccess;
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
    /// A row of JAL.
    pub struct JumpRow {
        cycle: Cycle<T>,
        real: T,
        rd: T,
        /// Where it goes, divided by 4.
        target: T,
        /// High half of the address linked.
        link_high: T,
        write: Write<T>,
    }
}

columns! {
    /// A row of JALR.
    pub struct JumpRegisterRow {
        cycle: Cycle<T>,
        real: T,
        rd: T,
        rs1: T,
        imm: [T; 2],
        /// High half of the address linked.
        link_high: T,
        a: Read<T>,
        write: Write<T>,
        /// Carries of the target.
        carry: [T; 2],
        /// Bit 0 of the sum, which the instruction clears.
        odd: T,
    }
}

/// The table of JAL.
#[derive(Clone, Copy, Debug)]
pub struct Jump;

/// The table of JALR.
#[derive(Clone, Copy, Debug)]
pub struct JumpRegister;

/// The halves of pc + 4, of which the program table proves the high one.
fn link<B: Builder>(cycle: &Cycle<B::Var>, high: B::Var) -> [B::Expr; 2] {
    let address = frame::following::<B>(cycle) * F::from_u32(4);
    [address - high * F::from_u32(1 << 16), high.into()]
}

impl Chip for Jump {
    fn width(&self) -> usize {
        JumpRow::<F>::WIDTH
    }

    fn names(&self) -> Vec<String> {
        JumpRow::<F>::names("")
    }

    fn eval<B: Builder>(&self, b: &mut B) {
        let row = JumpRow::from_cells(b.main().current_slice());
        b.assert_bool(row.real);
        let real: B::Expr = row.real.into();
        let link = link::<B>(&row.cycle, row.link_high);

        let op = real.clone() * F::from_u32(Op::Jal.number());
        let imm = [row.target.into(), B::Expr::ZERO];
        let fetch = Fetch { rd: row.rd.into(), imm, link: link.clone(), ..Fetch::op(op) };
        frame::cycle(b, &row.cycle, row.target.into(), fetch, real.clone());
        frame::write(
            b,
            frame::register::<B>(row.rd),
            frame::tick::<B>(&row.cycle, 2),
            &row.write,
            link,
            real.clone(),
        );
        bus::highs(b, [row.write.high.into(), B::Expr::ZERO, B::Expr::ZERO], real);
    }
}

impl OpcodeChip for Jump {
    fn fill(&self, step: &Step, cells: &mut [F]) {
        let [_, _, rd] = &step.access;
        let row = JumpRow {
            cycle: Cycle::of(step),
            real: F::ONE,
            rd: F::from_u8(step.instruction.rd),
            target: F::from_u32(step.instruction.imm),
            link_high: frame::halves(step.instruction.link)[1],
            write: Write::of(rd),
        };
        row.to_cells(cells);
    }
}

impl Chip for JumpRegister {
    fn width(&self) -> usize {
        JumpRegisterRow::<F>::WIDTH
    }

    fn names(&self) -> Vec<String> {
        JumpRegisterRow::<F>::names("")
    }

    fn eval<B: Builder>(&self, b: &mut B) {
        let row = JumpRegisterRow::from_cells(b.main().current_slice());
        b.assert_bool(row.real);
        b.assert_bool(row.odd);
        let real: B::Expr = row.real.into();
        let link = link::<B>(&row.cycle, row.link_high);
        let sum = address::sum(b, row.a.value, row.imm, row.carry);
        let next = address::word(b, sum, row.odd.into(), real.clone());

        let op = real.clone() * F::from_u32(Op::Jalr.number());
        let fetch = Fetch {
            rd: row.rd.into(),
            rs1: row.rs1.into(),
            imm: row.imm.map(Into::into),
            link: link.clone(),
            ..Fetch::op(op)
        };
        frame::cycle(b, &row.cycle, next, fetch, real.clone());
        frame::read(b, frame::register::<B>(row.rs1), frame::tick::<B>(&row.cycle, 0), &row.a, real.clone());
        frame::write(
            b,
            frame::register::<B>(row.rd),
            frame::tick::<B>(&row.cycle, 2),
            &row.write,
            link,
            real.clone(),
        );
        bus::highs(b, [row.a.high.into(), row.write.high.into(), B::Expr::ZERO], real);
    }
}

impl OpcodeChip for JumpRegister {
    fn fill(&self, step: &Step, cells: &mut [F]) {
        let [a, _, rd] = &step.access;
        let imm = step.instruction.imm;
        let row = JumpRegisterRow {
            cycle: Cycle::of(step),
            real: F::ONE,
            rd: F::from_u8(step.instruction.rd),
            rs1: F::from_u8(step.instruction.rs1),
            imm: frame::halves(imm),
            link_high: frame::halves(step.instruction.link)[1],
            a: Read::of(a),
            write: Write::of(rd),
            carry: carries(a.old, imm),
            odd: F::from_u32(a.old.wrapping_add(imm) & 1),
        };
        row.to_cells(cells);
    }
}

#[cfg(test)]
mod tests {
    use rand::Rng;

    use super::*;
    use crate::air::testing::*;
    use crate::air::{check, Kind};
    use crate::isa::SINK;
    use crate::record::testing::immediate_step;
    use crate::record::{Access, REGISTER_BASE};

    /// `step` with the program counter at `pc`, linking.
    fn at(mut step: Step, pc: u32, rd: u8) -> Step {
        let link = pc.wrapping_add(4);
        step.pc = pc;
        step.instruction.link = link;
        step.access[2].address = REGISTER_BASE + u32::from(rd);
        step.access[2].new = link;
        step.instruction.rd = rd;
        step
    }

    /// `jal rd, 4 target` at `pc`.
    fn jal(pc: u32, rd: u8, target: u32) -> Step {
        let mut step = at(immediate_step(Op::Jal, 0, target, 0), pc, rd);
        step.instruction.rs1 = 0;
        step.access[0] = Access::default();
        step.next = target;
        step
    }

    /// `jalr rd, imm(x1)` at `pc`.
    fn jalr(pc: u32, rd: u8, base: u32, imm: u32) -> Step {
        let mut step = at(immediate_step(Op::Jalr, base, imm, 0), pc, rd);
        step.next = (base.wrapping_add(imm) & !1) / 4;
        step
    }

    const PCS: [u32; 6] = [0, 4, 0xfff8, 0xfffc, 0x7f00_0000, 0xffff_fff8];

    fn jals() -> Vec<Step> {
        PCS.into_iter().flat_map(|pc| [0, 1, 0x3fff_ffff, pc / 4].map(|target| jal(pc, 3, target))).collect()
    }

    fn jalrs() -> Vec<Step> {
        let mut steps = Vec::new();
        for (i, (base, imm)) in aligned().into_iter().enumerate() {
            for odd in 0..2 {
                steps.push(jalr(PCS[i % PCS.len()], 3, base.wrapping_add(odd), imm));
                steps.push(jalr(0x1000, SINK, base, imm.wrapping_add(odd)));
            }
        }
        steps
    }

    #[test]
    fn jumps_at_the_corners() {
        accepts(Kind::Jump, &jals());
        accepts(Kind::Jump, &[jal(0x1000, SINK, 5)]);
        accepts(Kind::JumpRegister, &jalrs());
    }

    #[test]
    fn the_base_may_be_linked_over() {
        let mut step = jalr(0x1000, 1, 0x2000, 16);
        step.access[2].previous = step.access[0].time;
        step.access[2].old = 0x2000;
        accepts(Kind::JumpRegister, &[step]);
    }

    #[test]
    fn random_jumps() {
        let mut random = random();
        let (mut direct, mut indirect) = (Vec::new(), Vec::new());
        for _ in 0..200 {
            let pc = random.gen_range(0..0x3fff_ffff) * 4;
            direct.push(jal(pc, random.gen_range(1..=SINK), random.gen_range(0..1 << 30)));
            let (base, imm) = (random.gen::<u32>(), random.gen::<u32>());
            let misaligned = base.wrapping_add(imm) & 2;
            indirect.push(jalr(pc, random.gen_range(1..=SINK), base.wrapping_sub(misaligned), imm));
        }
        accepts(Kind::Jump, &direct);
        accepts(Kind::JumpRegister, &indirect);
    }

    #[test]
    fn misaligned_targets_are_refused() {
        refuses(Kind::JumpRegister, &[jalr(0x1000, 3, 0x2000, 2), jalr(0x1000, 3, 0x2000, 3)]);
    }

    #[test]
    fn the_top_of_memory_links_nothing() {
        refuses(Kind::Jump, &[jal(0xffff_fffc, 3, 5)]);
        refuses(Kind::JumpRegister, &[jalr(0xffff_fffc, 3, 0x2000, 0)]);
    }

    #[test]
    fn wrong_targets_and_links_are_refused() {
        let steps = [(Kind::Jump, jal(0x1000, 3, 0x800)), (Kind::JumpRegister, jalr(0x1000, 3, 0x1fff, 1))];
        for (kind, step) in steps {
            accepts(kind, &[step]);
            for next in [0, 0x401, 0x7ff, 0x801, 0x2000, 0x4000_0000] {
                refuses(kind, &[Step { next, ..step }]);
            }
            for link in [0, 0x1000, 0x1008, 0x401] {
                let mut wrong = step;
                wrong.access[2].new = link;
                refuses(kind, &[wrong]);
            }
        }
        let wrapped = Step { next: 0x4000_0000, ..jalr(0x1000, 3, 0xffff_fffc, 4) };
        refuses(Kind::JumpRegister, &[wrapped]);
    }

    #[test]
    fn one_changed_cell_is_noticed() {
        every_cell_matters(Kind::Jump, &jals());
        every_cell_matters(Kind::JumpRegister, &jalrs());
    }

    #[test]
    fn lies_are_refused() {
        lies_about_times(Kind::Jump, &jal(0x1000, 3, 5));
        lie(Kind::Jump, &jal(0x1000, 3, 5), &[("real", F::TWO)]);
        let step = |base, imm| jalr(0x1000, 3, base, imm);
        lies_about_addresses(Kind::JumpRegister, &["odd"], step);
        lies_about_times(Kind::JumpRegister, &step(0x2000, 4));
        lie(Kind::JumpRegister, &step(0x2000, 4), &[("real", F::TWO)]);
    }

    #[test]
    fn sizes() {
        let size = check::Size { columns: 10, lookups: 2, extension: 5, degree: 2 };
        assert_eq!(check::size(Kind::Jump), size);
        let size = check::Size { columns: 19, lookups: 5, extension: 8, degree: 2 };
        assert_eq!(check::size(Kind::JumpRegister), size);
    }
}
