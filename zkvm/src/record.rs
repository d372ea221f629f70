//! What the executor hands to the tables: one [`Step`] a cycle, and what a segment touched.
//!
//! **Time.** A cycle takes [`CYCLE`] ticks; time starts at [`START`] in every segment. An access to a register or a memory
//! word happens at a tick of its own: the first register read of an instruction at the cycle's first tick, the second at
//! the second, the write at the third. Each access consumes what the previous access to the same address left and leaves
//! its own, with its time; the difference of the two times is range-checked to less than [`REACH`]. The first access in a segment
//! finds the segment's initial value, whose time is for the prover to choose: one tick before the access.

use std::sync::Arc;

use crate::isa::Instruction;
use crate::Digest;

/// Ticks a cycle.
pub const CYCLE: u32 = 3;
/// The time at which a segment's first cycle starts.
pub const START: u32 = 1;
/// An access may look back at most this many ticks; the executor ends the segment before one would have to look further.
pub const REACH: u32 = 1 << 21;
/// Addresses of words: 0 to 2^30 - 1 are memory (byte address divided by 4), this plus r is register r.
pub const REGISTER_BASE: u32 = 1 << 30;
/// The program counter divided by 4 after the program has ended: no instruction is there.
pub const HALTED_PC: u32 = 1 << 30;
/// Words in a block, the leaf of the memory's tree.
pub const BLOCK: usize = 8;
/// Levels of nodes above the leaves: 2^28 blocks of 8 words, memory in the lower half, registers at the start of the upper.
pub const LEVELS: u32 = 28;

/// One access to a word.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Access {
    /// Word address.
    pub address: u32,
    /// When.
    pub time: u32,
    /// When the word was accessed before.
    pub previous: u32,
    /// What it held.
    pub old: u32,
    /// What it holds now; a read leaves it as it is.
    pub new: u32,
}

/// One executed instruction.
#[derive(Clone, Copy, Debug)]
pub struct Step {
    /// The cycle's first tick.
    pub time: u32,
    /// Byte address of the instruction.
    pub pc: u32,
    /// Program counter after it, divided by 4 (so that [`HALTED_PC`] has room).
    pub next: u32,
    /// The instruction.
    pub instruction: Instruction,
    /// The accesses at ticks `time`, `time + 1`, `time + 2`; all zero where the instruction makes none. Register
    /// operations: rs1, rs2, rd. With an immediate: rs1, none, rd. Loads: rs1, memory, rd. Stores: rs1, rs2, memory. Branches: rs1,
    /// rs2, none. JAL: none, none, rd. JALR: rs1, none, rd. ECALL: a7, a0 (read and written), a1.
    pub access: [Access; 3],
}

/// A word read from the input or written to the output.
#[derive(Clone, Copy, Debug)]
pub struct Word {
    /// Time of the cycle (its first tick).
    pub time: u32,
    /// The word.
    pub value: u32,
}

/// A call of a precompiled table: its service number, the cycle's first tick, and the accesses it makes. SHA-256 reads the
/// block at `time` (16 accesses) and then rewrites the state at `time + 1` (8 accesses); the others rewrite their
/// words at `time`, in order of addresses.
#[derive(Clone, Debug)]
pub struct Call {
    /// One of [`crate::isa::service`].
    pub service: u32,
    /// The cycle's first tick.
    pub time: u32,
    /// Word address in a0.
    pub first: u32,
    /// Word address in a1; zero for services that have no second operand.
    pub second: u32,
    /// The accesses, block before state.
    pub access: Vec<Access>,
}

/// A block of memory that the segment touched.
#[derive(Clone, Copy, Debug)]
pub struct Block {
    /// Word address divided by [`BLOCK`].
    pub index: u32,
    /// Words and times before the first access (for words never accessed: any time).
    pub initial: [(u32, u32); BLOCK],
    /// Words and times of the last access; equal to `initial` for words never accessed.
    pub last: [(u32, u32); BLOCK],
}

/// A node of the memory's tree above a touched block: level 0 is the root, its children have level + 1, leaves have level [`LEVELS`].
#[derive(Clone, Copy, Debug)]
pub struct Node {
    /// Level of the node itself.
    pub level: u32,
    /// Place in its level.
    pub index: u32,
    /// Whether the left and the right child lie above a touched block.
    pub touched: [bool; 2],
    /// Digests of the children, \[left, right\], before the segment.
    pub before: [Digest; 2],
    /// The same after the segment; equal to `before` for children not touched.
    pub after: [Digest; 2],
}

/// What a segment's proof says. All of it is in the public values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    /// The program's commitment.
    pub program: Digest,
    /// Place in the chain, from 0.
    pub number: u32,
    /// Program counter divided by 4 at the start and at the end; [`HALTED_PC`] after the end of the program.
    pub pc: [u32; 2],
    /// Root of the memory before and after.
    pub memory: [Digest; 2],
    /// Digest of the input words read so far, before and after.
    pub input: [Digest; 2],
    /// Digest of the output words written so far, before and after.
    pub output: [Digest; 2],
    /// The exit code, if the program ended in this segment.
    pub exit: Option<u32>,
}

/// A program as proved: what the program table and the initial memory are made from.
#[derive(Clone, Debug)]
pub struct Program {
    /// Byte address of the first instruction executed.
    pub entry: u32,
    /// Instructions with their byte addresses, ascending. Words of the executable parts that do not decode are absent:
    /// the program cannot run into them.
    pub code: Vec<(u32, Instruction)>,
    /// Words of memory that are not zero at the start, by word address, ascending. Code is among them (readable, not writable).
    pub image: Vec<(u32, u32)>,
}

/// A segment as executed.
#[derive(Clone, Debug)]
pub struct Segment {
    /// The program.
    pub program: Arc<Program>,
    /// What is to be proved. `program` in it is filled in by the executor from the program's key.
    pub statement: Statement,
    /// The executed instructions, in order of time.
    pub steps: Vec<Step>,
    /// Time after the last cycle.
    pub end: u32,
    /// Words read from the input.
    pub inputs: Vec<Word>,
    /// Words written to the output.
    pub outputs: Vec<Word>,
    /// Calls of precompiled tables.
    pub calls: Vec<Call>,
    /// Blocks touched, ascending, registers among them.
    pub blocks: Vec<Block>,
    /// Nodes above them, all levels, in no special order.
    pub nodes: Vec<Node>,
}

impl Segment {
    /// The steps of one operation's table.
    pub fn steps_of(&self, table: crate::air::Kind) -> impl Iterator<Item = &Step> {
        self.steps.iter().filter(move |step| step.instruction.op.table() == table)
    }
}

/// Steps made by hand, for tests of one table.
#[cfg(test)]
pub(crate) mod testing {
    use super::*;
    use crate::isa::Op;

    /// Pairs of operands that instructions go wrong on.
    pub fn corners() -> Vec<(u32, u32)> {
        const VALUES: [u32; 14] = [
            0,
            1,
            2,
            31,
            32,
            0xff,
            0x7fff,
            0x8000,
            0xffff,
            0x1_0000,
            0x7fff_ffff,
            0x8000_0000,
            0x8000_0001,
            0xffff_ffff,
        ];
        VALUES.iter().flat_map(|&a| VALUES.iter().map(move |&b| (a, b))).collect()
    }

    /// An access at `time` that finds `old` from the tick before.
    pub fn access(address: u32, time: u32, old: u32, new: u32) -> Access {
        Access { address, time, previous: time - 1, old, new }
    }

    /// `op x3, x1, x2` with these operands and this result.
    pub fn register_step(op: Op, a: u32, b: u32, result: u32) -> Step {
        let instruction = Instruction { op, rd: 3, rs1: 1, rs2: 2, imm: 0, link: 0 };
        let access = [
            access(REGISTER_BASE + 1, 7, a, a),
            access(REGISTER_BASE + 2, 8, b, b),
            access(REGISTER_BASE + 3, 9, 0x1234_5678, result),
        ];
        Step { time: 7, pc: 0x1000, next: 0x401, instruction, access }
    }

    /// `op x3, x1, imm` with this operand and this result.
    pub fn immediate_step(op: Op, a: u32, imm: u32, result: u32) -> Step {
        let mut step = register_step(op, a, 0, result);
        step.instruction.rs2 = 0;
        step.instruction.imm = imm;
        step.access[1] = Access::default();
        step
    }
}
