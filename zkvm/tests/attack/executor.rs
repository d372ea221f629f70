//! Executors that lie: one instruction does something else, and everything after it follows honestly.
//!
//! The lie is an honest run of another program, in which one instruction is another that makes the same accesses: SUB for ADD, LB for
//! LBU, another immediate. In the record the instruction is then called what the program says. So the wrong result, its message to
//! the memory, all later reads of it, the output, its digest and the memory's last root fit each other: only the row of the instruction
//! itself can show the lie.

use std::sync::Arc;

use permafrost_zkvm::isa::{service, Instruction, Op};
use permafrost_zkvm::record::{Program, Segment};

use crate::program::{Code, DATA};

/// A program that outputs a result of every operation, and what a liar executes in its place.
pub struct Liar {
    /// The program.
    pub program: Arc<Program>,
    /// Places of instructions, and what is executed there.
    pub lies: Vec<(usize, Instruction)>,
}

/// Operation and what is executed instead, of three registers.
const REGISTER: [[Op; 2]; 18] = [
    [Op::Add, Op::Sub],
    [Op::Sub, Op::Add],
    [Op::Slt, Op::Sltu],
    [Op::Sltu, Op::Slt],
    [Op::And, Op::Or],
    [Op::Or, Op::Xor],
    [Op::Xor, Op::And],
    [Op::Sll, Op::Srl],
    [Op::Srl, Op::Sra],
    [Op::Sra, Op::Srl],
    [Op::Mul, Op::Mulh],
    [Op::Mulh, Op::Mulhu],
    [Op::Mulhsu, Op::Mulhu],
    [Op::Mulhu, Op::Mulhsu],
    [Op::Div, Op::Divu],
    [Op::Divu, Op::Div],
    [Op::Rem, Op::Remu],
    [Op::Remu, Op::Rem],
];
/// With an immediate.
const IMMEDIATE: [[Op; 2]; 8] = [
    [Op::Slti, Op::Sltiu],
    [Op::Sltiu, Op::Slti],
    [Op::Andi, Op::Ori],
    [Op::Ori, Op::Xori],
    [Op::Xori, Op::Andi],
    [Op::Slli, Op::Srli],
    [Op::Srli, Op::Srai],
    [Op::Srai, Op::Srli],
];
const LOADS: [[Op; 2]; 5] =
    [[Op::Lw, Op::Lhu], [Op::Lb, Op::Lbu], [Op::Lbu, Op::Lb], [Op::Lh, Op::Lhu], [Op::Lhu, Op::Lh]];
const STORES: [[Op; 2]; 3] = [[Op::Sw, Op::Sh], [Op::Sb, Op::Sh], [Op::Sh, Op::Sb]];
const BRANCHES: [[Op; 2]; 6] = [
    [Op::Beq, Op::Bne],
    [Op::Bne, Op::Beq],
    [Op::Blt, Op::Bltu],
    [Op::Bge, Op::Bgeu],
    [Op::Bltu, Op::Blt],
    [Op::Bgeu, Op::Bge],
];

impl Liar {
    /// The program and its lies.
    pub fn new() -> Self {
        let mut code = Code::default();
        let mut lies = Vec::new();
        // Operands on which the operations of each pair differ; x14 is the base of the data.
        code.set(5, 0x8001_8ff3).set(6, 0x0000_0013).set(14, DATA).set(17, service::WRITE);
        let mut instead = |code: &mut Code, change: &dyn Fn(&mut Instruction)| {
            let mut other = *code.0.last().expect("an instruction");
            change(&mut other);
            lies.push((code.0.len() - 1, other));
        };
        let output = |code: &mut Code| {
            code.op(Op::Addi, 10, 9, 0, 0).op(Op::Ecall, 0, 0, 0, 0);
        };
        for [op, other] in REGISTER {
            code.op(op, 9, 5, 6, 0);
            instead(&mut code, &|instruction| instruction.op = other);
            output(&mut code);
        }
        for [op, other] in IMMEDIATE {
            code.op(op, 9, 5, 0, 3);
            instead(&mut code, &|instruction| instruction.op = other);
            output(&mut code);
        }
        code.op(Op::Addi, 9, 5, 0, 3);
        instead(&mut code, &|instruction| instruction.imm += 1);
        output(&mut code);
        // Another register than the instruction says, read and written: the last value of the one is that of the other.
        code.op(Op::Addi, 9, 6, 0, 0);
        instead(&mut code, &|instruction| instruction.rs1 = 5);
        output(&mut code);

        code.op(Op::Sw, 0, 14, 5, 0);
        for [op, other] in LOADS {
            code.op(op, 9, 14, 0, 0);
            instead(&mut code, &|instruction| instruction.op = other);
            output(&mut code);
        }
        code.op(Op::Lw, 9, 14, 0, 0);
        instead(&mut code, &|instruction| instruction.imm = 4);
        output(&mut code);
        for [op, other] in STORES {
            code.op(Op::Sw, 0, 14, 6, 4).op(op, 0, 14, 5, 4);
            instead(&mut code, &|instruction| instruction.op = other);
            code.op(Op::Lw, 9, 14, 0, 4);
            output(&mut code);
        }
        for [op, other] in BRANCHES {
            code.branch(op, 5, 6, 1);
            instead(&mut code, &|instruction| instruction.op = other);
            code.op(Op::Addi, 9, 9, 0, 1);
            output(&mut code);
        }
        let after = code.pc() / 4 + 2;
        code.op(Op::Jal, 9, 0, 0, after);
        instead(&mut code, &|instruction| instruction.imm -= 1);
        code.op(Op::Addi, 9, 9, 0, 1);
        output(&mut code);
        code.op(Op::Jal, 9, 0, 0, code.pc() / 4 + 1);
        instead(&mut code, &|instruction| instruction.link += 4);
        output(&mut code);
        let after = code.pc() + 12;
        code.set(12, after);
        code.op(Op::Jalr, 9, 12, 0, 0);
        instead(&mut code, &|instruction| instruction.imm = 0xffff_fffc);
        code.op(Op::Addi, 9, 9, 0, 1);
        output(&mut code);
        code.exit(5);
        Self { program: code.program(), lies }
    }

    /// The program with what a liar executes at a place.
    pub fn executed(&self, (place, instruction): (usize, Instruction)) -> Arc<Program> {
        let mut program = Program::clone(&self.program);
        program.code[place].1 = instruction;
        Arc::new(program)
    }

    /// What is recorded of an executed program under the name of this one.
    pub fn called(&self, mut segment: Segment) -> Segment {
        segment.program = self.program.clone();
        for step in &mut segment.steps {
            let place =
                self.program.code.binary_search_by_key(&step.pc, |(pc, _)| *pc).expect("an instruction");
            step.instruction = self.program.code[place].1;
        }
        segment
    }

    /// What a lie is called.
    pub fn name(&self, (place, instruction): &(usize, Instruction)) -> String {
        let honest = &self.program.code[*place].1;
        let mut what = format!("`{}` executed as `{}`", honest.op.mnemonic(), instruction.op.mnemonic());
        for (field, differs) in [
            ("immediate", honest.imm != instruction.imm),
            ("rs1", honest.rs1 != instruction.rs1),
            ("link", honest.link != instruction.link),
        ] {
            if differs {
                what += &format!(" with another {field}");
            }
        }
        what
    }
}
