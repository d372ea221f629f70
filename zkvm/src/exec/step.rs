//! One cycle.

use super::{alu, Executor};
use crate::error::Error;
use crate::isa::{decode, Instruction, Op};
use crate::record::{Access, Step, REACH, REGISTER_BASE};

impl Executor {
    /// Executes one instruction, and records it if `RECORD`. False if the segment has to end before it, because an access
    /// would look back too far.
    ///
    /// After an error nothing has changed.
    #[inline(always)]
    pub(super) fn cycle<const RECORD: bool>(&mut self) -> Result<bool, Error> {
        let pc = self.pc;
        let Some(instruction) = self.rom.get(pc) else {
            let word = self.memory.word(pc / 4);
            return Err(Error::NotAnInstruction { pc, word, why: why_not(word, pc) });
        };
        if self.cycles >= self.limits.cycles {
            return Err(Error::Runaway { pc, limit: self.limits.cycles });
        }
        let time = self.segment.time();
        if RECORD && time >= REACH && self.looks_back(&instruction, time) {
            return Ok(false);
        }

        let Instruction { op, rd, rs1, rs2, imm, link } = instruction;
        let a = self.registers[usize::from(rs1)];
        let mut next = pc / 4 + 1;
        let mut access = [Access::default(); 3];
        match op {
            Op::Add
            | Op::Sub
            | Op::Slt
            | Op::Sltu
            | Op::And
            | Op::Or
            | Op::Xor
            | Op::Sll
            | Op::Srl
            | Op::Sra
            | Op::Mul
            | Op::Mulh
            | Op::Mulhsu
            | Op::Mulhu
            | Op::Div
            | Op::Divu
            | Op::Rem
            | Op::Remu => {
                let b = self.registers[usize::from(rs2)];
                access[0] = self.read::<RECORD>(rs1, time);
                access[1] = self.read::<RECORD>(rs2, time + 1);
                access[2] = self.write::<RECORD>(rd, time + 2, alu::result(op, a, b));
            }
            Op::Addi
            | Op::Slti
            | Op::Sltiu
            | Op::Andi
            | Op::Ori
            | Op::Xori
            | Op::Slli
            | Op::Srli
            | Op::Srai => {
                access[0] = self.read::<RECORD>(rs1, time);
                access[2] = self.write::<RECORD>(rd, time + 2, alu::result(op, a, imm));
            }
            Op::Lw | Op::Lb | Op::Lbu | Op::Lh | Op::Lhu => {
                let address = aligned(op, pc, a.wrapping_add(imm))?;
                let word = self.memory.word(address / 4);
                access[0] = self.read::<RECORD>(rs1, time);
                access[1] = self.memory_access::<RECORD>(address / 4, time + 1, word);
                access[2] = self.write::<RECORD>(rd, time + 2, alu::loaded(op, address, word));
            }
            Op::Sw | Op::Sb | Op::Sh => {
                let address = aligned(op, pc, a.wrapping_add(imm))?;
                if self.memory.is_code(address / 4) {
                    return Err(Error::SelfModifying { pc, address });
                }
                let b = self.registers[usize::from(rs2)];
                let word = alu::stored(op, address, self.memory.word(address / 4), b);
                access[0] = self.read::<RECORD>(rs1, time);
                access[1] = self.read::<RECORD>(rs2, time + 1);
                access[2] = self.memory_access::<RECORD>(address / 4, time + 2, word);
                if !RECORD {
                    self.memory.set(address / 4, word);
                }
            }
            Op::Beq | Op::Bne | Op::Blt | Op::Bge | Op::Bltu | Op::Bgeu => {
                let b = self.registers[usize::from(rs2)];
                access[0] = self.read::<RECORD>(rs1, time);
                access[1] = self.read::<RECORD>(rs2, time + 1);
                if alu::taken(op, a, b) {
                    next = imm;
                }
            }
            Op::Jal => {
                access[2] = self.write::<RECORD>(rd, time + 2, link);
                next = imm;
            }
            Op::Jalr => {
                let target = a.wrapping_add(imm) & !1;
                if target % 4 != 0 {
                    return Err(Error::MisalignedTarget { pc, target });
                }
                access[0] = self.read::<RECORD>(rs1, time);
                access[2] = self.write::<RECORD>(rd, time + 2, link);
                next = target / 4;
            }
            Op::Ecall => access = self.ecall::<RECORD>(&mut next, time)?,
        }

        if RECORD {
            self.segment.steps.push(Step { time, pc, next, instruction, access });
        }
        self.cycles += 1;
        // After the end this is no address, and not used.
        self.pc = next.wrapping_mul(4);
        Ok(true)
    }

    /// Reads a register.
    #[inline(always)]
    pub(super) fn read<const RECORD: bool>(&mut self, number: u8, time: u32) -> Access {
        if !RECORD {
            return Access::default();
        }
        let word = &mut self.registers[usize::from(number)];
        let same = *word;
        self.segment.register(number, time, word, same)
    }

    /// Writes a register.
    #[inline(always)]
    pub(super) fn write<const RECORD: bool>(&mut self, number: u8, time: u32, new: u32) -> Access {
        let word = &mut self.registers[usize::from(number)];
        if !RECORD {
            *word = new;
            return Access::default();
        }
        self.segment.register(number, time, word, new)
    }

    /// Accesses a word of memory and leaves `new` there, if the access is recorded.
    #[inline(always)]
    pub(super) fn memory_access<const RECORD: bool>(&mut self, address: u32, time: u32, new: u32) -> Access {
        if !RECORD {
            return Access::default();
        }
        self.segment.access(address, time, self.memory.cell(address), new)
    }

    /// Whether an access of the instruction would look back [`REACH`] ticks or more.
    #[cold]
    fn looks_back(&self, instruction: &Instruction, time: u32) -> bool {
        let Instruction { op, rd, rs1, rs2, imm, .. } = *instruction;
        // Of the cycle's three ticks, the last looks back furthest.
        let far = |last: u32| last != 0 && time + 2 - 1 - last >= REACH;
        let register = |number: u8| far(self.segment.times[usize::from(number)]);
        let word = |address: u32| far(self.memory.time(address));
        let address = self.registers[usize::from(rs1)].wrapping_add(imm) / 4;
        match op {
            Op::Lw | Op::Lb | Op::Lbu | Op::Lh | Op::Lhu => register(rs1) || register(rd) || word(address),
            Op::Sw | Op::Sb | Op::Sh => register(rs1) || register(rs2) || word(address),
            Op::Beq | Op::Bne | Op::Blt | Op::Bge | Op::Bltu | Op::Bgeu => register(rs1) || register(rs2),
            Op::Jal => register(rd),
            Op::Jalr => register(rs1) || register(rd),
            Op::Ecall => {
                let mut words = self.operands().into_iter().flatten();
                [17, 10, 11].into_iter().any(register)
                    || words.any(|operand| {
                        operand.words().any(|address| address < REGISTER_BASE && word(address))
                    })
            }
            _ if op < Op::Addi
                || matches!(op.table(), crate::air::Kind::Multiply | crate::air::Kind::Divide) =>
            {
                register(rs1) || register(rs2) || register(rd)
            }
            _ => register(rs1) || register(rd),
        }
    }
}

/// Why the program table has no instruction for `word` at `pc`.
#[cold]
fn why_not(word: u32, pc: u32) -> &'static str {
    match word {
        0 => "is none: a jump to a wrong address, or the end of the code",
        0x0010_0073 => "is EBREAK, which has no debugger to go to: the program gave up here",
        // What compilers and assemblers put where execution must not come: csrrw x0, cycle, x0.
        0xc000_1073 => "is UNIMP: the program gave up here (a panic, or code that was not to be reached)",
        _ if decode(word, pc).is_some() => {
            "would be one, but is not in an executable segment of the program's file"
        }
        _ => match word & 0x7f {
            0x73 => "is a CSR or privileged instruction, of which there are none",
            0x0f => "is FENCE.I or a cache operation: code cannot be changed",
            0x63 | 0x6f => "is a branch, reserved or to an address that is not a multiple of 4",
            opcode if opcode & 3 != 3 => "is a compressed instruction, or data: build with -march=rv32im",
            _ => "does not decode as RV32IM: build with -march=rv32im",
        },
    }
}

/// The address, if it is a multiple of the size that `op` accesses.
#[inline(always)]
fn aligned(op: Op, pc: u32, address: u32) -> Result<u32, Error> {
    let size = alu::size(op);
    if address % size != 0 {
        return Err(Error::Misaligned { what: op.mnemonic(), pc, address, size });
    }
    Ok(address)
}
