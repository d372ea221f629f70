//! The tables: their columns, constraints and messages. One text for the reference prover, the verifier, the solver and the hardware.
//!
//! Each executing table takes a cycle from the state bus, fetches its instruction from the program table, reads and
//! writes registers and memory, and leaves the next cycle: an instruction is one row of one table, and there is no table
//! of all cycles. Values are two halves of 16 bits. The largest degree is 3, which a blowup of 2 allows.

pub mod add;
pub mod address;
pub mod bitwise;
pub mod branch;
pub mod bus;
pub mod check;
pub(crate) mod columns;
pub mod divide;
pub mod ecall;
pub mod frame;
pub mod jump;
pub mod keccak;
pub mod lanes;
pub mod less;
pub mod linear;
pub mod load;
pub mod memory;
pub mod multiply;
pub mod poseidon2;
pub mod poseidon2_call;
#[cfg(test)]
mod precompiles;
pub mod product;
pub mod program;
pub mod range;
pub mod segment;
pub mod sha256;
pub mod shift;
pub mod store;
#[cfg(test)]
mod testing;
pub mod trace;
pub mod word;

use std::sync::Arc;

use p3_air::{Air, BaseAir};
use p3_matrix::dense::RowMajorMatrix;

use crate::record::{Program, Segment, Statement, Step};
use crate::F;
use bus::Builder;

/// A table: its columns, its constraints and messages.
pub trait Chip {
    /// Main columns.
    fn width(&self) -> usize;

    /// The columns' names, in order.
    fn names(&self) -> Vec<String>;

    /// Asserts the constraints and sends the messages of a row.
    fn eval<B: Builder>(&self, b: &mut B);

    /// The columns whose next row the constraints read.
    fn next_columns(&self) -> Vec<usize> {
        Vec::new()
    }

    /// Columns known when the program is known.
    fn preprocessed(&self) -> Option<RowMajorMatrix<F>> {
        None
    }

    /// How many of those.
    fn preprocessed_width(&self) -> usize {
        0
    }

    /// Names of those.
    fn preprocessed_names(&self) -> Vec<String> {
        Vec::new()
    }

    /// Public values.
    fn public_values(&self) -> usize {
        0
    }

    /// The public values themselves, [`Chip::public_values`] of them, from what the segment's proof says.
    fn publish(&self, statement: &Statement) -> Vec<F> {
        let _ = statement;
        Vec::new()
    }

    /// The trace of a segment; `None` if the table is not used in it. Tables with a row an instruction are filled by [`OpcodeChip::fill`],
    /// those that provide entries by [`trace::build`].
    fn trace(&self, segment: &Segment) -> Option<RowMajorMatrix<F>> {
        let _ = segment;
        None
    }

    /// Columns that repeat with a period, the same in every proof.
    fn periodic(&self) -> Vec<Vec<F>> {
        Vec::new()
    }
}

/// A table with a row an instruction.
pub trait OpcodeChip: Chip {
    /// Fills the row of a step; `cells` is [`Chip::width`] zeros. Rows that no step fills stay zero and must satisfy the constraints.
    fn fill(&self, step: &Step, cells: &mut [F]);
}

macro_rules! tables {
    (($d:tt) $($(#[$doc:meta])* $kind:ident $name:literal = $chip:ty $(, $value:expr)?;)*) => {
        /// Which table. The order is that of the proof; the number of a kind is its place here.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u8)]
        pub enum Kind { $($(#[$doc])* $kind,)* }

        impl Kind {
            /// Every table, in order.
            pub const ALL: &'static [Self] = &[$(Self::$kind,)*];

            /// The name in reports.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$kind => $name,)* }
            }
        }

        /// A table of a program.
        #[derive(Clone, Debug)]
        #[allow(missing_docs, reason = "the kinds have the words")]
        pub enum Table { $($kind($chip),)* }

        impl Table {
            /// Which it is.
            pub const fn kind(&self) -> Kind {
                match self { $(Self::$kind(_) => Kind::$kind,)* }
            }

            /// The table of a kind, for `program`.
            pub fn of(kind: Kind, program: &Arc<Program>) -> Self {
                let _ = program;
                match kind { $(Kind::$kind => tables!(@make $kind, program $(, $value)?),)* }
            }
        }

        /// Runs `$body` with the table's chip.
        macro_rules! with_chip {
            ($d table:expr, $d chip:ident => $d body:expr) => { match $d table { $(Table::$kind($d chip) => $d body,)* } };
        }
    };
    (@make $kind:ident, $program:ident) => { Table::$kind(program::Rom::new($program)) };
    (@make $kind:ident, $program:ident, $value:expr) => { Table::$kind($value) };
}

tables! {
    ($)
    /// The program, preprocessed.
    Program "program" = program::Rom;
    /// Ranges and the AND of bytes, preprocessed.
    Range "range" = range::Range, range::Range;
    /// One row: what the segment's statement says of state, memory and exit.
    Segment "segment" = segment::Boundary, segment::Boundary;
    /// Blocks of memory touched: their words before and after.
    Leaf "leaf" = memory::Leaf, memory::Leaf;
    /// The tree above them.
    Node "node" = memory::Node, memory::Node;
    /// The Poseidon2 permutation of 16 elements.
    Poseidon2 "poseidon2" = poseidon2::Permutation, poseidon2::Permutation;
    /// Words read from the input, hashed.
    Input "input" = word::Words, word::Words::INPUT;
    /// Words written to the output, hashed.
    Output "output" = word::Words, word::Words::OUTPUT;
    /// ADD, SUB.
    Add "add" = add::Add, add::Add;
    /// ADDI; LUI and AUIPC.
    AddImmediate "addi" = add::AddImmediate, add::AddImmediate;
    /// SLT, SLTU.
    Less "lt" = less::Less, less::Less;
    /// SLTI, SLTIU.
    LessImmediate "lti" = less::LessImmediate, less::LessImmediate;
    /// AND, OR, XOR.
    Bitwise "bitwise" = bitwise::Bitwise, bitwise::Bitwise;
    /// ANDI, ORI, XORI.
    BitwiseImmediate "bitwisei" = bitwise::BitwiseImmediate, bitwise::BitwiseImmediate;
    /// SLL, SRL, SRA.
    Shift "shift" = shift::Shift, shift::Shift;
    /// SLLI, SRLI, SRAI.
    ShiftImmediate "shifti" = shift::ShiftImmediate, shift::ShiftImmediate;
    /// MUL, MULH, MULHSU, MULHU.
    Multiply "mul" = multiply::Multiply, multiply::Multiply;
    /// DIV, DIVU, REM, REMU.
    Divide "divide" = divide::Divide, divide::Divide;
    /// LW.
    LoadWord "lw" = load::LoadWord, load::LoadWord;
    /// LB, LBU, LH, LHU.
    LoadPart "load" = load::LoadPart, load::LoadPart;
    /// SW.
    StoreWord "sw" = store::StoreWord, store::StoreWord;
    /// SB, SH.
    StorePart "store" = store::StorePart, store::StorePart;
    /// BEQ, BNE.
    BranchEqual "beq" = branch::BranchEqual, branch::BranchEqual;
    /// BLT, BGE, BLTU, BGEU.
    BranchLess "blt" = branch::BranchLess, branch::BranchLess;
    /// JAL.
    Jump "jal" = jump::Jump, jump::Jump;
    /// JALR.
    JumpRegister "jalr" = jump::JumpRegister, jump::JumpRegister;
    /// ECALL.
    Ecall "ecall" = ecall::Ecall, ecall::Ecall;
    /// Poseidon2 on memory.
    Poseidon2Call "poseidon2_call" = poseidon2_call::Poseidon2Call, poseidon2_call::Poseidon2Call;
    /// SHA-256 compression on memory.
    Sha256 "sha256" = sha256::Sha256, sha256::Sha256;
    /// Keccak-f on memory, a row a round.
    Keccak "keccak" = keccak::Rounds, keccak::Rounds;
}

impl Table {
    /// The columns' names, in order.
    pub fn names(&self) -> Vec<String> {
        with_chip!(self, chip => chip.names())
    }

    /// Names of the preprocessed columns.
    pub fn preprocessed_names(&self) -> Vec<String> {
        with_chip!(self, chip => chip.preprocessed_names())
    }

    /// The table's public values: those of the segment table are the whole statement, those of the word tables their digests. If a
    /// proof has no `input` or no `output` table, the verifier must check that the statement's two digests of it are equal.
    pub fn public_values(&self, statement: &Statement) -> Vec<F> {
        with_chip!(self, chip => chip.publish(statement))
    }

    /// The trace of a segment, for tables that have it from the segment directly.
    pub fn trace(&self, segment: &Segment) -> Option<RowMajorMatrix<F>> {
        with_chip!(self, chip => chip.trace(segment))
    }

    /// Fills the row of a step; `None` for tables that execute no instruction.
    pub fn fill(&self, step: &Step, cells: &mut [F]) -> Option<()> {
        match self {
            Self::Add(chip) => chip.fill(step, cells),
            Self::AddImmediate(chip) => chip.fill(step, cells),
            Self::Less(chip) => chip.fill(step, cells),
            Self::LessImmediate(chip) => chip.fill(step, cells),
            Self::Bitwise(chip) => chip.fill(step, cells),
            Self::BitwiseImmediate(chip) => chip.fill(step, cells),
            Self::Shift(chip) => chip.fill(step, cells),
            Self::ShiftImmediate(chip) => chip.fill(step, cells),
            Self::Multiply(chip) => chip.fill(step, cells),
            Self::Divide(chip) => chip.fill(step, cells),
            Self::LoadWord(chip) => chip.fill(step, cells),
            Self::LoadPart(chip) => chip.fill(step, cells),
            Self::StoreWord(chip) => chip.fill(step, cells),
            Self::StorePart(chip) => chip.fill(step, cells),
            Self::BranchEqual(chip) => chip.fill(step, cells),
            Self::BranchLess(chip) => chip.fill(step, cells),
            Self::Jump(chip) => chip.fill(step, cells),
            Self::JumpRegister(chip) => chip.fill(step, cells),
            Self::Ecall(chip) => chip.fill(step, cells),
            _ => return None,
        }
        Some(())
    }
}

impl BaseAir<F> for Table {
    fn width(&self) -> usize {
        with_chip!(self, chip => chip.width())
    }

    fn preprocessed_trace(&self) -> Option<RowMajorMatrix<F>> {
        with_chip!(self, chip => chip.preprocessed())
    }

    fn preprocessed_width(&self) -> usize {
        with_chip!(self, chip => chip.preprocessed_width())
    }

    fn main_next_row_columns(&self) -> Vec<usize> {
        with_chip!(self, chip => chip.next_columns())
    }

    fn preprocessed_next_row_columns(&self) -> Vec<usize> {
        Vec::new()
    }

    fn num_public_values(&self) -> usize {
        with_chip!(self, chip => chip.public_values())
    }

    fn num_periodic_columns(&self) -> usize {
        with_chip!(self, chip => chip.periodic().len())
    }

    fn periodic_columns(&self) -> std::borrow::Cow<'_, [Vec<F>]> {
        with_chip!(self, chip => chip.periodic().into())
    }
}

impl<B: Builder> Air<B> for Table {
    fn eval(&self, builder: &mut B) {
        with_chip!(self, chip => chip.eval(builder))
    }
}
