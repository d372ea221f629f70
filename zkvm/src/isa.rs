//! The instructions as the program table holds them.
//!
//! A row of the table is not the 32-bit encoding but what a chip needs of it: the operation, three register numbers and two
//! 32-bit constants. What is known when the program is known is worked out here and costs no constraint: a branch's target,
//! the address a jump links, LUI and AUIPC (an addition of a constant to x0). A write to x0 goes to [`SINK`], a register
//! that no instruction reads, so that x0 needs no special case.

mod decode;

use crate::air::Kind;

pub use decode::decode;

/// The register that takes writes to x0.
pub const SINK: u8 = 32;
/// Registers a segment may touch: x0 to x31 and [`SINK`].
pub const REGISTERS: u32 = 33;

macro_rules! operations {
    ($($name:ident $mnemonic:literal $table:ident,)*) => {
        /// An operation of RV32IM after decoding. Its number is its place here, from 1, and stands in the program table.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u8)]
        pub enum Op { $(#[doc = concat!("`", $mnemonic, "`")] $name,)* }

        impl Op {
            /// Every operation, in order of its number.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The assembler's name.
            pub const fn mnemonic(self) -> &'static str {
                match self { $(Self::$name => $mnemonic,)* }
            }

            /// The table whose rows execute it.
            pub const fn table(self) -> Kind {
                match self { $(Self::$name => Kind::$table,)* }
            }
        }
    };
}

operations! {
    Add "add" Add, Sub "sub" Add,
    Slt "slt" Less, Sltu "sltu" Less,
    And "and" Bitwise, Or "or" Bitwise, Xor "xor" Bitwise,
    Sll "sll" Shift, Srl "srl" Shift, Sra "sra" Shift,
    Addi "addi" AddImmediate,
    Slti "slti" LessImmediate, Sltiu "sltiu" LessImmediate,
    Andi "andi" BitwiseImmediate, Ori "ori" BitwiseImmediate, Xori "xori" BitwiseImmediate,
    Slli "slli" ShiftImmediate, Srli "srli" ShiftImmediate, Srai "srai" ShiftImmediate,
    Mul "mul" Multiply, Mulh "mulh" Multiply, Mulhsu "mulhsu" Multiply, Mulhu "mulhu" Multiply,
    Div "div" Divide, Divu "divu" Divide, Rem "rem" Divide, Remu "remu" Divide,
    Lw "lw" LoadWord,
    Lb "lb" LoadPart, Lbu "lbu" LoadPart, Lh "lh" LoadPart, Lhu "lhu" LoadPart,
    Sw "sw" StoreWord,
    Sb "sb" StorePart, Sh "sh" StorePart,
    Beq "beq" BranchEqual, Bne "bne" BranchEqual,
    Blt "blt" BranchLess, Bge "bge" BranchLess, Bltu "bltu" BranchLess, Bgeu "bgeu" BranchLess,
    Jal "jal" Jump, Jalr "jalr" JumpRegister,
    Ecall "ecall" Ecall,
}

impl Op {
    /// The number in the program table, from 1.
    pub const fn number(self) -> u32 {
        self as u32 + 1
    }
}

/// A row of the program table without its address. Fields that an operation has no use for are zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Instruction {
    /// What it does.
    pub op: Op,
    /// The register written: 1 to 31, or [`SINK`] for x0. Zero where nothing is written.
    pub rd: u8,
    /// The first register read, 0 to 31.
    pub rs1: u8,
    /// The second register read, 0 to 31.
    pub rs2: u8,
    /// The immediate, sign-extended to 32 bits. A shift by an immediate holds 0 to 31; LUI and AUIPC, decoded as `addi rd, x0`, the
    /// whole constant. A branch and JAL hold the target's address divided by 4 (one field element, in the low limb's column).
    pub imm: u32,
    /// JAL and JALR: the address linked, pc + 4. Zero elsewhere.
    pub link: u32,
}

/// The services of `ecall`: the number goes in a7. An address must be a multiple of 4 and below 0xffff0000, so that no service runs
/// past the memory's end.
pub mod service {
    /// Ends the program; a0 is its exit code.
    pub const EXIT: u32 = 93;
    /// The next word of the public input, into a0.
    pub const READ: u32 = 1;
    /// Appends the word in a0 to the public output.
    pub const WRITE: u32 = 2;
    /// The next word of the private hints, into a0. Whatever it is, the proof holds: the guest must check it.
    pub const HINT: u32 = 3;
    /// Poseidon2 over 16 KoalaBear elements, in place; a0 is their address. Words must be below p.
    pub const POSEIDON2: u32 = 16;
    /// SHA-256 compression: a0 is the address of the state (8 words, in place), a1 of the block (16 words, already in host order).
    pub const SHA256: u32 = 17;
    /// Keccak-f\[1600\] in place; a0 is the address of 25 lanes of 8 bytes, little-endian.
    pub const KECCAK: u32 = 18;
}
