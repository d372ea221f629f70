//! Programs assembled by hand.

mod errors;
mod instructions;
mod random;
mod segments;
mod services;

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Executor, Limits};
use crate::hash;
use crate::isa::{self, Op};
use crate::record::{Access, Block, Program, Segment, BLOCK, CYCLE, REACH, REGISTER_BASE, START};
use crate::tree::Tree;

const ENTRY: u32 = 0x1_0000;
const ECALL: u32 = 0x0000_0073;
const A0: u32 = 10;
const A1: u32 = 11;
const A7: u32 = 17;

/// The encoding of an operation; `imm` is the offset for branches and JAL.
fn encode(op: Op, rd: u32, rs1: u32, rs2: u32, imm: i32) -> u32 {
    let n = imm as u32;
    let r = |funct7: u32, funct3: u32| funct7 << 25 | rs2 << 20 | rs1 << 15 | funct3 << 12 | rd << 7 | 0x33;
    let i = |opcode: u32, funct3: u32| n << 20 | rs1 << 15 | funct3 << 12 | rd << 7 | opcode;
    let s = |funct3: u32| (n >> 5 & 0x7f) << 25 | rs2 << 20 | rs1 << 15 | funct3 << 12 | (n & 31) << 7 | 0x23;
    let b = |funct3: u32| {
        let (high, low) = ((n >> 12 & 1) << 6 | n >> 5 & 0x3f, (n >> 1 & 15) << 1 | n >> 11 & 1);
        high << 25 | rs2 << 20 | rs1 << 15 | funct3 << 12 | low << 7 | 0x63
    };
    match op {
        Op::Add => r(0, 0),
        Op::Sub => r(0x20, 0),
        Op::Sll => r(0, 1),
        Op::Slt => r(0, 2),
        Op::Sltu => r(0, 3),
        Op::Xor => r(0, 4),
        Op::Srl => r(0, 5),
        Op::Sra => r(0x20, 5),
        Op::Or => r(0, 6),
        Op::And => r(0, 7),
        Op::Mul => r(1, 0),
        Op::Mulh => r(1, 1),
        Op::Mulhsu => r(1, 2),
        Op::Mulhu => r(1, 3),
        Op::Div => r(1, 4),
        Op::Divu => r(1, 5),
        Op::Rem => r(1, 6),
        Op::Remu => r(1, 7),
        Op::Addi => i(0x13, 0),
        Op::Slli => i(0x13, 1),
        Op::Slti => i(0x13, 2),
        Op::Sltiu => i(0x13, 3),
        Op::Xori => i(0x13, 4),
        Op::Srli => i(0x13, 5),
        Op::Srai => i(0x13, 5) | 0x20 << 25,
        Op::Ori => i(0x13, 6),
        Op::Andi => i(0x13, 7),
        Op::Lb => i(0x03, 0),
        Op::Lh => i(0x03, 1),
        Op::Lw => i(0x03, 2),
        Op::Lbu => i(0x03, 4),
        Op::Lhu => i(0x03, 5),
        Op::Sb => s(0),
        Op::Sh => s(1),
        Op::Sw => s(2),
        Op::Beq => b(0),
        Op::Bne => b(1),
        Op::Blt => b(4),
        Op::Bge => b(5),
        Op::Bltu => b(6),
        Op::Bgeu => b(7),
        Op::Jal => {
            (n >> 20 & 1) << 31 | (n >> 1 & 0x3ff) << 21 | (n >> 11 & 1) << 20 | n & 0xf_f000 | rd << 7 | 0x6f
        }
        Op::Jalr => i(0x67, 0),
        Op::Ecall => ECALL,
    }
}

/// A program being written.
#[derive(Default)]
struct Code(Vec<u32>);

impl Code {
    fn op(&mut self, op: Op, rd: u32, rs1: u32, rs2: u32, imm: i32) -> &mut Self {
        self.0.push(encode(op, rd, rs1, rs2, imm));
        self
    }

    fn imm(&mut self, op: Op, rd: u32, rs1: u32, imm: i32) -> &mut Self {
        self.op(op, rd, rs1, 0, imm)
    }

    /// `rd = value`, in two instructions.
    fn li(&mut self, rd: u32, value: u32) -> &mut Self {
        let low = (value << 20) as i32 >> 20;
        self.0.push(value.wrapping_sub(low as u32) & 0xffff_f000 | rd << 7 | 0x37);
        self.imm(Op::Addi, rd, rd, low)
    }

    fn service(&mut self, number: u32) -> &mut Self {
        self.imm(Op::Addi, A7, 0, number as i32);
        self.0.push(ECALL);
        self
    }

    /// Writes a register to the output.
    fn output(&mut self, register: u32) -> &mut Self {
        self.imm(Op::Addi, A0, register, 0).service(isa::service::WRITE)
    }

    fn exit(&mut self, code: u32) -> &mut Self {
        self.li(A0, code).service(isa::service::EXIT)
    }

    /// The program, with these words of memory besides.
    fn program(&self, data: &[(u32, u32)]) -> Arc<Program> {
        let words = || (ENTRY..).step_by(4).zip(self.0.iter().copied());
        let code = words().filter_map(|(pc, word)| Some((pc, isa::decode(word, pc)?))).collect();
        let mut image: Vec<_> =
            words().map(|(pc, word)| (pc / 4, word)).chain(data.iter().copied()).collect();
        image.retain(|(_, word)| *word != 0);
        image.sort_unstable();
        Arc::new(Program { entry: ENTRY, code, image })
    }

    fn executor(&self) -> Executor {
        self.with(&[], &[], 20)
    }

    fn with(&self, input: &[u32], hints: &[u32], segment_log2: u32) -> Executor {
        let limits = Limits { cycles: 1 << 24, segment_log2 };
        Executor::new(self.program(&[]), input.to_vec(), hints.to_vec(), limits)
    }
}

/// Runs to the end both ways, checks the segments, and returns them and the output.
fn run(make: impl Fn() -> Executor) -> (Vec<Segment>, Vec<u32>) {
    let mut executor = make();
    let mut segments = Vec::new();
    while let Some(segment) = executor.next_segment().expect("a program without fault") {
        segments.push(segment);
    }
    let mut plain = make();
    plain.run_to_end(|_| ()).expect("a program without fault");
    assert_eq!(plain.output(), executor.output());
    assert_eq!((plain.exit(), plain.cycles()), (executor.exit(), executor.cycles()));
    assert_eq!(plain.registers, executor.registers);
    assert!(executor.next_segment().expect("the end").is_none());
    consistent(&segments, executor.exit());
    (segments, executor.output().to_vec())
}

/// Checks what the tables rely on, without the executor's own bookkeeping.
fn consistent(segments: &[Segment], exit: Option<u32>) {
    let mut memory: BTreeMap<u32, u32> = segments[0].program.image.iter().copied().collect();
    let root = |memory: &BTreeMap<u32, u32>| {
        Tree::new(memory.iter().map(|(address, word)| (*address, *word))).root()
    };
    let mut pc = segments[0].program.entry / 4;
    let (mut input, mut output) = Default::default();
    for (number, segment) in segments.iter().enumerate() {
        let statement = &segment.statement;
        let last = number + 1 == segments.len();
        assert_eq!(statement.number as usize, number);
        assert_eq!(statement.exit, if last { exit } else { None });
        assert_eq!(statement.pc[0], pc);
        assert_eq!(statement.memory[0], root(&memory));
        assert_eq!((statement.input[0], statement.output[0]), (input, output));

        for (i, step) in segment.steps.iter().enumerate() {
            assert_eq!(step.time, START + CYCLE * i as u32);
            assert_eq!(step.pc / 4, pc);
            let found = segment.program.code.binary_search_by_key(&step.pc, |(pc, _)| *pc);
            assert_eq!(segment.program.code[found.expect("in the program")].1, step.instruction);
            pc = step.next;
        }
        assert_eq!(segment.end, START + CYCLE * segment.steps.len() as u32);
        assert_eq!(statement.pc[1], pc);
        accesses(segment, &mut memory);
        assert_eq!(statement.memory[1], root(&memory));
        input = segment.inputs.iter().fold(input, |digest, word| hash::absorb(&digest, word.value));
        output = segment.outputs.iter().fold(output, |digest, word| hash::absorb(&digest, word.value));
        assert_eq!((statement.input[1], statement.output[1]), (input, output));
    }
}

/// Each word's chain of accesses, from the block's initial to its last.
fn accesses(segment: &Segment, memory: &mut BTreeMap<u32, u32>) {
    let mut all: Vec<Access> = segment.calls.iter().flat_map(|call| call.access.clone()).collect();
    for step in &segment.steps {
        for (tick, access) in step.access.iter().enumerate().filter(|(_, access)| access.time != 0) {
            assert_eq!(access.time, step.time + tick as u32);
            all.push(*access);
        }
    }
    all.sort_by_key(|access| (access.address, access.time));
    let mut blocks: BTreeMap<u32, Block> = BTreeMap::new();
    for block in &segment.blocks {
        let after = blocks.last_key_value().is_none_or(|(index, _)| *index < block.index);
        assert!(after, "blocks ascend");
        blocks.insert(block.index, *block);
    }
    let mut touched: Vec<_> = all.iter().map(|access| access.address / BLOCK as u32).collect();
    touched.dedup();
    assert_eq!(touched, blocks.keys().copied().collect::<Vec<_>>());

    for chain in all.chunk_by(|a, b| a.address == b.address) {
        let address = chain[0].address;
        let block = blocks.get_mut(&(address / BLOCK as u32)).expect("its block");
        let place = address as usize % BLOCK;
        let mut state = block.initial[place];
        assert_eq!(state.0, memory.get(&address).copied().unwrap_or(0));
        assert_eq!(state.1, chain[0].time - 1);
        for access in chain {
            assert_eq!((access.old, access.previous), state);
            assert!(access.time > access.previous && access.time - 1 - access.previous < REACH, "{access:?}");
            state = (access.new, access.time);
        }
        assert_eq!(block.last[place], state);
        memory.insert(address, state.0);
        block.initial[place] = state;
    }
    for (index, block) in &blocks {
        assert_eq!(block.initial, block.last, "words of block {index} that were not accessed stay");
        for (i, (word, _)) in block.last.iter().enumerate() {
            let address = index * BLOCK as u32 + i as u32;
            assert_eq!(*word, memory.get(&address).copied().unwrap_or(0));
        }
    }
    assert!(all.iter().all(|access| access.address < REGISTER_BASE + 33));
}
