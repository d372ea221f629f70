//! From the 32-bit encoding to the program table's row: RISC-V unprivileged ISA, RV32I 2.1 and M 2.0.

use super::{Instruction, Op, SINK};

const LOAD: u32 = 0x03;
const MISC_MEM: u32 = 0x0f;
const OP_IMM: u32 = 0x13;
const AUIPC: u32 = 0x17;
const STORE: u32 = 0x23;
const OP: u32 = 0x33;
const LUI: u32 = 0x37;
const BRANCH: u32 = 0x63;
const JALR: u32 = 0x67;
const JAL: u32 = 0x6f;
const ECALL: u32 = 0x0000_0073;

/// The instruction that `word` is at byte address `pc` (a multiple of 4); `None` if it cannot be executed: reserved encodings, EBREAK,
/// FENCE.I, CSR instructions, everything outside RV32IM, and branches and JAL to an address that is no multiple of 4 (these
/// are refused whether taken or not; the executor reports the address as one without an instruction).
///
/// FENCE of any kind is an addition of nothing: there is one hart and memory is in order.
pub fn decode(word: u32, pc: u32) -> Option<Instruction> {
    let (rd, rs1, rs2) = (field(word, 7), field(word, 15), field(word, 20));
    let (funct3, funct7) = (word >> 12 & 7, word >> 25);
    let rd = if rd == 0 { SINK } else { rd };
    let none = Instruction { op: Op::Addi, rd: 0, rs1: 0, rs2: 0, imm: 0, link: 0 };
    let link = pc.wrapping_add(4);
    let imm_i = (word as i32 >> 20) as u32;
    Some(match word & 0x7f {
        LUI => Instruction { rd, imm: word & 0xffff_f000, ..none },
        AUIPC => Instruction { rd, imm: pc.wrapping_add(word & 0xffff_f000), ..none },
        JAL => Instruction { op: Op::Jal, rd, imm: target(pc, offset_j(word))?, link, ..none },
        JALR if funct3 == 0 => Instruction { op: Op::Jalr, rd, rs1, imm: imm_i, link, ..none },
        BRANCH => {
            let op = match funct3 {
                0 => Op::Beq,
                1 => Op::Bne,
                4 => Op::Blt,
                5 => Op::Bge,
                6 => Op::Bltu,
                7 => Op::Bgeu,
                _ => return None,
            };
            Instruction { op, rs1, rs2, imm: target(pc, offset_b(word))?, ..none }
        }
        LOAD => {
            let op = match funct3 {
                0 => Op::Lb,
                1 => Op::Lh,
                2 => Op::Lw,
                4 => Op::Lbu,
                5 => Op::Lhu,
                _ => return None,
            };
            Instruction { op, rd, rs1, imm: imm_i, ..none }
        }
        STORE => {
            let op = match funct3 {
                0 => Op::Sb,
                1 => Op::Sh,
                2 => Op::Sw,
                _ => return None,
            };
            let imm = (word as i32 >> 25 << 5) as u32 | word >> 7 & 0x1f;
            Instruction { op, rs1, rs2, imm, ..none }
        }
        OP_IMM => {
            let shift = u32::from(rs2);
            let (op, imm) = match (funct3, funct7) {
                (0, _) => (Op::Addi, imm_i),
                (1, 0x00) => (Op::Slli, shift),
                (2, _) => (Op::Slti, imm_i),
                (3, _) => (Op::Sltiu, imm_i),
                (4, _) => (Op::Xori, imm_i),
                (5, 0x00) => (Op::Srli, shift),
                (5, 0x20) => (Op::Srai, shift),
                (6, _) => (Op::Ori, imm_i),
                (7, _) => (Op::Andi, imm_i),
                _ => return None,
            };
            Instruction { op, rd, rs1, imm, ..none }
        }
        OP => {
            let op = match (funct7, funct3) {
                (0x00, 0) => Op::Add,
                (0x20, 0) => Op::Sub,
                (0x00, 1) => Op::Sll,
                (0x00, 2) => Op::Slt,
                (0x00, 3) => Op::Sltu,
                (0x00, 4) => Op::Xor,
                (0x00, 5) => Op::Srl,
                (0x20, 5) => Op::Sra,
                (0x00, 6) => Op::Or,
                (0x00, 7) => Op::And,
                (0x01, 0) => Op::Mul,
                (0x01, 1) => Op::Mulh,
                (0x01, 2) => Op::Mulhsu,
                (0x01, 3) => Op::Mulhu,
                (0x01, 4) => Op::Div,
                (0x01, 5) => Op::Divu,
                (0x01, 6) => Op::Rem,
                (0x01, 7) => Op::Remu,
                _ => return None,
            };
            Instruction { op, rd, rs1, rs2, ..none }
        }
        MISC_MEM if funct3 == 0 => Instruction { rd: SINK, ..none },
        _ if word == ECALL => Instruction { op: Op::Ecall, ..none },
        _ => return None,
    })
}

/// A register number.
fn field(word: u32, at: u32) -> u8 {
    (word >> at & 0x1f) as u8
}

/// The target of a branch or JAL, divided by 4.
fn target(pc: u32, offset: u32) -> Option<u32> {
    let target = pc.wrapping_add(offset);
    (target % 4 == 0).then_some(target / 4)
}

/// imm\[12|10:5\] in bits 31:25, imm\[4:1|11\] in bits 11:7.
fn offset_b(word: u32) -> u32 {
    (word as i32 >> 31 << 12) as u32
        | (word >> 7 & 1) << 11
        | (word >> 25 & 0x3f) << 5
        | (word >> 8 & 0xf) << 1
}

/// imm\[20|10:1|11|19:12\] in bits 31:12.
fn offset_j(word: u32) -> u32 {
    (word as i32 >> 31 << 20) as u32 | word & 0xf_f000 | (word >> 20 & 1) << 11 | (word >> 21 & 0x3ff) << 1
}

#[cfg(test)]
mod tests;
