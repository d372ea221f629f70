//! The program that is attacked: every instruction, every service, and delays that make it several segments.

use std::sync::Arc;

use permafrost_zkvm::exec::{Executor, Limits};
use permafrost_zkvm::isa::{service, Instruction, Op, SINK};
use permafrost_zkvm::record::{Program, Segment};

/// Where it starts.
pub const ENTRY: u32 = 0x1000;
/// Its data.
pub const DATA: u32 = 0x2_0000;
/// The exit code.
pub const EXIT: u32 = 7;
/// Where the data of POSEIDON2, of SHA-256 (state, then block) and of KECCAK are.
pub const OPERANDS: [u32; 4] = [DATA + 0x100, DATA + 0x200, DATA + 0x300, DATA + 0x400];

/// A program being written, one instruction after the other from [`ENTRY`].
#[derive(Default)]
pub struct Code(pub Vec<Instruction>);

impl Code {
    /// The address of the next instruction.
    pub fn pc(&self) -> u32 {
        ENTRY + 4 * self.0.len() as u32
    }

    /// `op rd, rs1, rs2, imm`.
    pub fn op(&mut self, op: Op, rd: u8, rs1: u8, rs2: u8, imm: u32) -> &mut Self {
        let writes =
            !matches!(op.mnemonic(), "sb" | "sh" | "sw" | "ecall") && !op.mnemonic().starts_with('b');
        let rd = if rd == 0 && writes { SINK } else { rd };
        let link = if matches!(op, Op::Jal | Op::Jalr) { self.pc() + 4 } else { 0 };
        self.0.push(Instruction { op, rd, rs1, rs2, imm, link });
        self
    }

    /// `rd = value`.
    pub fn set(&mut self, rd: u8, value: u32) -> &mut Self {
        self.op(Op::Addi, rd, 0, 0, value)
    }

    /// A branch over `skip` instructions.
    pub fn branch(&mut self, op: Op, rs1: u8, rs2: u8, skip: u32) -> &mut Self {
        let target = self.pc() / 4 + 1 + skip;
        self.op(op, 0, rs1, rs2, target)
    }

    /// A service.
    pub fn service(&mut self, number: u32) -> &mut Self {
        self.set(17, number).op(Op::Ecall, 0, 0, 0, 0)
    }

    /// Ends with this exit code.
    pub fn exit(&mut self, code: u32) -> &mut Self {
        self.set(10, code).service(service::EXIT)
    }

    /// The program, with what the precompiled services work on in its memory.
    pub fn program(&self) -> Arc<Program> {
        let code = (ENTRY..).step_by(4).zip(self.0.iter().copied()).collect();
        // Below p, as Poseidon2 wants them.
        let words = |first: u32, count: u32| {
            (0..count).map(move |i| (first / 4 + i, 0x0bad_cafe ^ ((i + 1) * 0x0123_4567)))
        };
        let mut image: Vec<(u32, u32)> = OPERANDS
            .into_iter()
            .zip([16, 8, 16, 50])
            .flat_map(|(first, count)| words(first, count))
            .collect();
        image.iter_mut().for_each(|(_, word)| *word &= 0x7eff_ffff);
        Arc::new(Program { entry: ENTRY, code, image })
    }
}

const REGISTER: [Op; 18] = [
    Op::Add,
    Op::Sub,
    Op::Slt,
    Op::Sltu,
    Op::And,
    Op::Or,
    Op::Xor,
    Op::Sll,
    Op::Srl,
    Op::Sra,
    Op::Mul,
    Op::Mulh,
    Op::Mulhsu,
    Op::Mulhu,
    Op::Div,
    Op::Divu,
    Op::Rem,
    Op::Remu,
];
const IMMEDIATE: [Op; 9] =
    [Op::Addi, Op::Slti, Op::Sltiu, Op::Andi, Op::Ori, Op::Xori, Op::Slli, Op::Srli, Op::Srai];
const BRANCHES: [Op; 6] = [Op::Beq, Op::Bne, Op::Blt, Op::Bge, Op::Bltu, Op::Bgeu];

/// Executes every operation and every service but EXIT, and returns to x1.
fn exercise(code: &mut Code) {
    code.set(5, 0x8001_fff7).set(6, 0x8000_0013).set(7, 0x0003_0007).set(8, 0xffff_8003);
    for op in REGISTER {
        code.op(op, 9, 5, 6, 0).op(op, 9, 7, 8, 0).op(op, 0, 8, 7, 0);
    }
    // A division without remainder, and one by zero.
    code.op(Op::Div, 9, 8, 8, 0).op(Op::Rem, 9, 5, 0, 0);
    for op in IMMEDIATE {
        let shift = matches!(op, Op::Slli | Op::Srli | Op::Srai);
        let [first, second] = if shift { [3, 21] } else { [0xffff_fff5, 0x123] };
        code.op(op, 9, 5, 0, first).op(op, 9, 7, 0, second);
    }
    code.set(11, DATA + 0x20);
    code.op(Op::Sw, 0, 11, 5, 4).op(Op::Sw, 0, 11, 6, 0xffff_fffc);
    for (op, offset) in
        [(Op::Sb, 1), (Op::Sb, 6), (Op::Sb, 0xffff_ffff), (Op::Sh, 2), (Op::Sh, 4), (Op::Sb, 4)]
    {
        code.op(op, 0, 11, 8, offset);
    }
    for (op, offset) in [
        (Op::Lw, 4),
        (Op::Lw, 0xffff_fffc),
        (Op::Lb, 5),
        (Op::Lb, 6),
        (Op::Lbu, 1),
        (Op::Lbu, 4),
        (Op::Lh, 4),
        (Op::Lh, 6),
        (Op::Lhu, 6),
    ] {
        code.op(op, 9, 11, 0, offset);
    }
    for op in BRANCHES {
        for (a, b) in [(5, 6), (6, 7), (7, 7), (7, 8)] {
            code.branch(op, a, b, 1).op(Op::Addi, 9, 9, 0, 1);
        }
    }
    // JAL over one instruction, and JALR with an odd sum over another.
    let after = code.pc() / 4 + 2;
    code.op(Op::Jal, 9, 0, 0, after).set(9, 99);
    let after = code.pc() + 12;
    code.set(12, 0xffff_0000).op(Op::Jalr, 9, 12, 0, after.wrapping_add(0x1_0001)).set(9, 98);

    code.service(service::READ).op(Op::Addi, 13, 10, 0, 1);
    code.service(service::READ).op(Op::Add, 10, 10, 13, 0).service(service::WRITE);
    code.service(service::HINT).op(Op::Addi, 10, 10, 0, 2).service(service::WRITE);
    let [poseidon2, state, block, keccak] = OPERANDS;
    code.set(10, poseidon2).service(service::POSEIDON2);
    code.set(11, block).set(10, state).service(service::SHA256);
    code.set(10, keccak).service(service::KECCAK);
    code.op(Op::Jalr, 0, 1, 0, 0);
}

/// Exercises `times` times, with `delay` turns of a loop of two instructions in between.
pub fn all(times: u32, delay: u32) -> Arc<Program> {
    let mut code = Code::default();
    let over = code.pc() / 4;
    code.op(Op::Jal, 0, 0, 0, over);
    let start = code.pc();
    exercise(&mut code);
    code.0[0].imm = code.pc() / 4;
    for i in 0..times {
        if i > 0 {
            code.set(20, delay);
            let back = code.pc() / 4;
            code.op(Op::Addi, 20, 20, 0, u32::MAX).op(Op::Bne, 0, 20, 0, back);
        }
        code.op(Op::Jal, 1, 0, 0, start / 4);
    }
    code.exit(EXIT);
    code.program()
}

/// The segments of a run.
pub fn segments(program: &Arc<Program>) -> Vec<Segment> {
    let limits = Limits { cycles: 1 << 16, segment_log2: 10 };
    let words = |seed: u32| (1..40u32).map(|i| i.wrapping_mul(seed)).collect();
    let mut executor = Executor::new(program.clone(), words(0x9e37_79b9), words(0x85eb_ca6b), limits);
    std::iter::from_fn(|| executor.next_segment().expect("the program runs")).collect()
}
