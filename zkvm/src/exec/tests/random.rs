//! Random programs against another machine: bytes of memory in a map, the encoding read anew at each step.

use std::collections::HashMap;

use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::super::alu::tests::oracle;
use super::*;
use crate::air::{check, trace, Kind};
use crate::error::Error;

const DATA: u32 = 0x2_0000;

struct Machine {
    x: [u32; 32],
    pc: u32,
    memory: HashMap<u32, u8>,
}

impl Machine {
    fn load(&self, address: u32, bytes: u32) -> u32 {
        (0..bytes)
            .map(|i| u32::from(*self.memory.get(&address.wrapping_add(i)).unwrap_or(&0)) << (8 * i))
            .sum()
    }

    /// One instruction; false if it cannot be executed.
    fn step(&mut self) -> bool {
        let word = self.load(self.pc, 4);
        // Bits `high` to `low`, as the manual writes them.
        let bits = |high: u32, low: u32| (word >> low) % (1 << (high - low + 1));
        let negative = i64::from(bits(31, 31));
        let (rd, a, b) = (bits(11, 7), self.x[bits(19, 15) as usize], self.x[bits(24, 20) as usize]);
        let imm_i = i64::from(bits(31, 20)) - 4096 * negative;
        let imm_s = i64::from(bits(31, 25) * 32 + bits(11, 7)) - 4096 * negative;
        let imm_b = i64::from(bits(7, 7) * 2048 + bits(30, 25) * 32 + bits(11, 8) * 2) - 4096 * negative;
        let imm_j =
            i64::from(bits(19, 12) * 4096 + bits(20, 20) * 2048 + bits(30, 21) * 2) - (1 << 20) * negative;
        let add = |a: u32, b: i64| (i64::from(a) + b).rem_euclid(1 << 32) as u32;
        let kind = (bits(14, 12), bits(31, 25));
        let mut next = add(self.pc, 4);
        let mut result = None;
        match bits(6, 0) {
            0x37 => result = Some(word - word % 4096),
            0x17 => result = Some(add(self.pc, i64::from(word - word % 4096))),
            0x6f => {
                result = Some(next);
                next = add(self.pc, imm_j);
            }
            0x67 => {
                result = Some(next);
                next = add(a, imm_i) / 2 * 2;
            }
            0x63 => {
                let less = (i64::from(a as i32) < i64::from(b as i32), a < b);
                let taken = [a == b, a != b, false, false, less.0, !less.0, less.1, !less.1][kind.0 as usize];
                if taken {
                    next = add(self.pc, imm_b);
                }
            }
            0x03 => {
                let (address, bytes) = (add(a, imm_i), 1 << (kind.0 % 4));
                if address % bytes != 0 {
                    return false;
                }
                let value = i64::from(self.load(address, bytes));
                let top = 1i64 << (8 * bytes - 1);
                let signed = kind.0 < 4 && value >= top;
                result = Some(add(0, if signed { value - 2 * top } else { value }));
            }
            0x23 => {
                let (address, bytes) = (add(a, imm_s), 1 << kind.0);
                if address % bytes != 0 || address / 0x1000 == ENTRY / 0x1000 {
                    return false;
                }
                for i in 0..bytes {
                    self.memory.insert(address + i, (b >> (8 * i)) as u8);
                }
            }
            0x13 => {
                use Op::*;
                let right = if kind.1 == 0x20 { Srai } else { Srli };
                let op = [Addi, Slli, Slti, Sltiu, Xori, right, Ori, Andi][kind.0 as usize];
                result = Some(oracle(op, a, imm_i as u32));
            }
            _ => {
                use Op::*;
                let ops = match kind.1 {
                    0x00 => [Add, Sll, Slt, Sltu, Xor, Srl, Or, And],
                    0x20 => [Sub, Sub, Sub, Sub, Sub, Sra, Sra, Sra],
                    _ => [Mul, Mulh, Mulhsu, Mulhu, Div, Divu, Rem, Remu],
                };
                result = Some(oracle(ops[kind.0 as usize], a, b));
            }
        }
        if next % 4 != 0 {
            return false;
        }
        if let (Some(result), true) = (result, rd != 0) {
            self.x[rd as usize] = result;
        }
        self.pc = next;
        true
    }
}

fn program(rng: &mut ChaCha8Rng) -> Code {
    const LENGTH: i32 = 200;
    let mut code = Code::default();
    code.li(1, DATA);
    for register in 2..8 {
        code.li(register, *[0, 1, 5, u32::MAX, 1 << 31, rng.gen()].choose(rng).expect("some"));
    }
    while code.0.len() < LENGTH as usize {
        let here = code.0.len() as i32;
        let op = Op::ALL[rng.gen_range(0..Op::ALL.len() - 1)];
        let [rd, rs1, rs2] = [(); 3].map(|()| rng.gen_range(0..8));
        let rd = if rd == 1 { 0 } else { rd };
        let near = 4 * rng.gen_range(1.max(-here)..8.min(LENGTH - here).max(2));
        match op {
            // Mostly aligned, in the data and around its start.
            Op::Lw | Op::Sw => code.op(op, rd, 1, rs2, 4 * rng.gen_range(-16..16)),
            Op::Lh | Op::Lhu | Op::Sh => code.op(op, rd, 1, rs2, 2 * rng.gen_range(-32..32)),
            Op::Lb | Op::Lbu | Op::Sb => code.op(op, rd, 1, rs2, rng.gen_range(-64..64)),
            Op::Beq | Op::Bne | Op::Blt | Op::Bge | Op::Bltu | Op::Bgeu => code.op(op, rd, rs1, rs2, near),
            Op::Jal => code.op(op, rd, 0, 0, if rng.gen_ratio(1, 8) { -4 * here.min(20) } else { near }),
            Op::Jalr => code.imm(op, rd, 0, 0).imm(op, rd, rs1, 0),
            Op::Slli | Op::Srli => code.imm(op, rd, rs1, rng.gen_range(0..32)),
            Op::Srai => code.imm(op, rd, rs1, 0x400 + rng.gen_range(0..32)),
            _ if op >= Op::Addi && op < Op::Mul => code.imm(op, rd, rs1, rng.gen_range(-2048..2048)),
            _ => code.op(op, rd, rs1, rs2, 0),
        };
        if op == Op::Jalr {
            // A jump to a register's value ends nearly every program: keep few, to the next instruction.
            let last = code.0.len() - 2;
            code.0.truncate(last);
            let target = ENTRY + 4 * (last as u32 + 3);
            code.li(7, target).imm(Op::Jalr, rd, 7, rng.gen_range(0..2));
        }
    }
    code
}

#[test]
fn agree_with_another_machine() {
    let seed = rand::thread_rng().gen();
    println!("seed {seed}");
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut cycles = 0;
    for _ in 0..300 {
        let code = program(&mut rng);
        let limit = rng.gen_range(1..4000);
        let limits = Limits { cycles: limit, segment_log2: 10 };
        let mut executor = Executor::new(code.program(&[]), Vec::new(), Vec::new(), limits);
        let mut segments = Vec::new();
        let error = loop {
            match executor.next_segment() {
                Ok(segment) => segments.extend(segment),
                Err(error) => break error,
            }
        };
        if !segments.is_empty() {
            consistent(&segments, None);
        }
        let mut plain = Executor::new(code.program(&[]), Vec::new(), Vec::new(), limits);
        assert_eq!(plain.run_to_end(|_| ()).expect_err("no exit").to_string(), error.to_string());

        let memory = (ENTRY..).zip(code.0.iter().flat_map(|word| word.to_le_bytes())).collect();
        let mut machine = Machine { x: [0; 32], pc: ENTRY, memory };
        for cycle in 0..executor.cycles() {
            assert!(machine.step(), "cycle {cycle}");
        }
        cycles += executor.cycles();
        for executor in [&executor, &plain] {
            assert_eq!(executor.registers[..32], machine.x, "{error}");
            assert_eq!(executor.pc, machine.pc);
            for address in (DATA - 64..DATA + 64).step_by(4) {
                assert_eq!(executor.memory.word(address / 4), machine.load(address, 4));
            }
        }
        match error {
            Error::Runaway { .. } => assert_eq!(executor.cycles(), limit),
            // Off the end of the program, or through a register that holds something else.
            Error::NotAnInstruction { pc, .. } => {
                assert!(pc == machine.pc && !(ENTRY..ENTRY + 4 * code.0.len() as u32).contains(&pc));
            }
            Error::MisalignedTarget { .. } => assert!(!machine.step()),
            error => panic!("{error}"),
        }
    }
    println!("{cycles} cycles");
    assert!(cycles > 20_000, "the programs run");
}

/// What the executor records is what the tables take.
#[test]
fn rows_of_the_tables() {
    let seed = rand::thread_rng().gen();
    println!("seed {seed}");
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut rows = HashMap::new();
    let kinds: Vec<_> = Kind::ALL.iter().filter(|kind| trace::is_opcode(**kind)).copied().collect();
    for _ in 0..40 {
        let mut executor = program(&mut rng).with(&[], &[], 10);
        executor.limits.cycles = 4000;
        let mut all = Vec::new();
        while let Ok(Some(segment)) = executor.next_segment() {
            all.push(segment.steps);
        }
        // The program does not end: what was recorded before the error is a segment's as well.
        all.push(std::mem::take(&mut executor.segment.steps));
        for (steps, &kind) in all.iter().flat_map(|steps| kinds.iter().map(move |kind| (steps, kind))) {
            let steps: Vec<_> =
                steps.iter().filter(|step| step.instruction.op.table() == kind).copied().collect();
            assert_eq!(check::steps(kind, &steps), Vec::<String>::new(), "{}", kind.name());
            *rows.entry(kind).or_insert(0) += steps.len();
        }
    }
    println!("{rows:?}");
    // No ECALL is among the operations.
    assert!(kinds.iter().all(|kind| rows[kind] > 0 || *kind == Kind::Ecall));
}
