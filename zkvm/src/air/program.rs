//! The program table: a preprocessed row an instruction, and how many times the segment executed it.

use std::sync::Arc;

use p3_air::WindowAccess;
use p3_field::PrimeCharacteristicRing;
use p3_matrix::dense::RowMajorMatrix;

use super::bus::{self, Builder};
use super::columns::columns;
use super::{frame, Chip};
use crate::isa::{Instruction, Op};
use crate::record::Program;
use crate::F;

columns! {
    /// What is known of an instruction: the message of [`bus::PROGRAM`].
    pub struct RomRow {
        pc: T,
        op: T,
        rd: T,
        rs1: T,
        rs2: T,
        imm: [T; 2],
        link: [T; 2],
    }
}

impl RomRow<F> {
    /// Of the instruction at byte address `pc`.
    pub fn of(pc: u32, instruction: &Instruction) -> Self {
        let imm = match instruction.op {
            Op::Beq | Op::Bne | Op::Blt | Op::Bge | Op::Bltu | Op::Bgeu | Op::Jal => {
                [F::from_u32(instruction.imm), F::ZERO]
            }
            _ => frame::halves(instruction.imm),
        };
        Self {
            pc: F::from_u32(pc / 4),
            op: F::from_u32(instruction.op.number()),
            rd: F::from_u8(instruction.rd),
            rs1: F::from_u8(instruction.rs1),
            rs2: F::from_u8(instruction.rs2),
            imm,
            link: frame::halves(instruction.link),
        }
    }
}

/// The smallest height of a table, and that of the program table of the smallest programs.
pub const MIN_HEIGHT: usize = 16;

/// The program table.
#[derive(Clone, Debug)]
pub struct Rom(Arc<Program>);

impl Rom {
    /// Of a program.
    pub fn new(program: &Arc<Program>) -> Self {
        Self(program.clone())
    }

    /// Rows, a power of two. Rows after the program's end hold operation 0, which no table executes.
    pub fn height(&self) -> usize {
        self.0.code.len().next_power_of_two().max(MIN_HEIGHT)
    }
}

impl Chip for Rom {
    fn width(&self) -> usize {
        1
    }

    fn names(&self) -> Vec<String> {
        vec!["count".into()]
    }

    fn eval<B: Builder>(&self, b: &mut B) {
        let count = b.main().current_slice()[0];
        let row = b.preprocessed().current_slice().to_vec();
        bus::provide(b, bus::PROGRAM, row.into_iter().map(Into::into), count.into());
    }

    fn preprocessed(&self) -> Option<RowMajorMatrix<F>> {
        let mut values = F::zero_vec(self.height() * RomRow::<F>::WIDTH);
        for ((pc, instruction), cells) in self.0.code.iter().zip(values.chunks_mut(RomRow::<F>::WIDTH)) {
            RomRow::of(*pc, instruction).to_cells(cells);
        }
        Some(RowMajorMatrix::new(values, RomRow::<F>::WIDTH))
    }

    fn preprocessed_width(&self) -> usize {
        RomRow::<F>::WIDTH
    }

    fn preprocessed_names(&self) -> Vec<String> {
        RomRow::<F>::names("")
    }
}
