//! Addresses that an executor refuses, or that are said to be others: misaligned ones, and words of memory that are registers.

use std::sync::Arc;

use p3_field::{PrimeCharacteristicRing, PrimeField32};
use permafrost_zkvm::air::Kind;
use permafrost_zkvm::isa::{service, Instruction, Op};
use permafrost_zkvm::key::Key;
use permafrost_zkvm::record::{Program, Segment, REGISTER_BASE};
use permafrost_zkvm::F;

use crate::forge::{Counts, Forge};
use crate::lies::{remember, run, word, Judge, Lie};
use crate::program::{self, Code, DATA, OPERANDS};

/// A run in which a register is said to have held another word all the time.
fn renamed(segment: &mut Segment, register: u32, from: u32, to: u32) {
    let address = REGISTER_BASE + register;
    for step in &mut segment.steps {
        for access in step.access.iter_mut().filter(|access| access.address == address && access.time != 0) {
            for value in [&mut access.old, &mut access.new] {
                if *value == from {
                    *value = to;
                }
            }
        }
    }
    let last = &mut word(segment, address).last[register as usize % 8].0;
    if *last == from {
        *last = to;
        remember(segment);
    }
}

/// The run of `executed`, whose instruction at `place` is then called what `program` says there.
fn called(program: &Arc<Program>, executed: &Arc<Program>) -> Segment {
    let mut segment = run(executed);
    segment.program = program.clone();
    for step in &mut segment.steps {
        let place = program.code.binary_search_by_key(&step.pc, |(pc, _)| *pc).expect("an instruction");
        step.instruction = program.code[place].1;
    }
    segment
}

fn with(program: &Arc<Program>, place: usize, change: impl FnOnce(&mut Instruction)) -> Arc<Program> {
    let mut other = Program::clone(program);
    change(&mut other.code[place].1);
    Arc::new(other)
}

/// An address that is no multiple of what is accessed there, in register x14 or a0; `executed` is the one used.
fn misaligned(judge: Judge<'_>, name: &str, register: u8, to: u32, code: &dyn Fn(&mut Code)) -> Lie {
    let from = to & !3;
    let mut writing = Code::default();
    writing.set(register, to);
    code(&mut writing);
    writing.exit(0);
    let program = writing.program();
    let mut segment = called(&program, &with(&program, 0, |set| set.imm = from));
    renamed(&mut segment, register.into(), from, to);
    let key = Key::new(&program).expect("a key");
    judge.judge(name, &Forge::of(&key, &segment))
}

/// A word of memory that is a register's: the address 2^32 + 4 r is not reduced to 4 r.
fn register(judge: Judge<'_>, name: &str, executed: Instruction, said: Instruction, kind: Kind) -> Lie {
    let mut code = Code::default();
    code.set(1, 76).set(14, 0xffff_fffc).set(17, service::WRITE);
    let place = code.0.len();
    code.0.push(said);
    code.op(Op::Addi, 10, if said.op == Op::Lw { 9 } else { 0 }, 0, 0).op(Op::Ecall, 0, 0, 0, 0);
    // x0 may be 76 now.
    code.op(Op::Addi, 17, 17, 0, service::EXIT - service::WRITE).op(Op::Ecall, 0, 0, 0, 0);
    let program = code.program();
    let segment = called(&program, &with(&program, place, |instruction| *instruction = executed));
    assert_eq!(segment.outputs[0].value, 76);
    let key = Key::new(&program).expect("a key");
    let mut lie = Forge::of(&key, &segment);
    let carry = lie.column(kind, "carry[1]");
    lie.change(kind, 0, Counts::Matched, |row| {
        assert_eq!(row[carry], F::ONE);
        row[carry] = F::ZERO;
    });
    judge.judge(name, &lie)
}

/// All of them.
pub fn pointers(judge: Judge<'_>) -> Vec<Lie> {
    let [poseidon2, _, block, keccak] = OPERANDS;
    let mut lies = vec![
        misaligned(
            judge,
            "`lw` from an address that is 1 more than a multiple of 4",
            14,
            DATA + 1,
            &|code| {
                code.op(Op::Lw, 9, 14, 0, 0);
            },
        ),
        misaligned(judge, "`lhu` from an odd address", 14, DATA + 1, &|code| {
            code.op(Op::Lhu, 9, 14, 0, 0);
        }),
        misaligned(judge, "`sw` to an address that is 2 more than a multiple of 4", 14, DATA + 2, &|code| {
            code.op(Op::Sw, 0, 14, 14, 0);
        }),
        misaligned(judge, "`sh` to an odd address", 14, DATA + 3, &|code| {
            code.op(Op::Sh, 0, 14, 0, 0);
        }),
        misaligned(judge, "Keccak-f on an odd address", 10, keccak + 1, &|code| {
            code.service(service::KECCAK);
        }),
        misaligned(judge, "Poseidon2 on an address that is no multiple of 4", 10, poseidon2 + 2, &|code| {
            code.service(service::POSEIDON2);
        }),
        misaligned(judge, "SHA-256 of a block at an odd address", 11, block + 1, &|code| {
            code.set(10, DATA).service(service::SHA256);
        }),
    ];
    // The jump goes to the instruction after the next.
    let target = program::ENTRY + 12;
    lies.push(misaligned(
        judge,
        "`jalr` to an address that is 2 more than a multiple of 4",
        14,
        target + 2,
        &|code| {
            code.op(Op::Jalr, 9, 14, 0, 0).set(9, 1);
        },
    ));

    let executed = Instruction { op: Op::And, rd: 9, rs1: 14, rs2: 1, imm: 0, link: 0 };
    let said = Instruction { op: Op::Lw, rs2: 0, imm: 8, ..executed };
    lies.push(register(judge, "`lw` of a register, as the word at 2^32 + 4", executed, said, Kind::LoadWord));
    let executed = Instruction { rd: 0, ..executed };
    let said = Instruction { op: Op::Sw, imm: 4, ..executed };
    lies.push(register(judge, "`sw` to x0, as the word at 2^32", executed, said, Kind::StoreWord));

    // Zeros below, at a word address with the same place in its block: moved to the end of memory.
    let (from, to) = (0x2_4018, 0xffff_ff38);
    let mut code = Code::default();
    code.set(10, to).service(service::KECCAK).exit(0);
    let program = code.program();
    let key = Key::new(&program).expect("a key");
    let mut segment = called(&program, &with(&program, 0, |set| set.imm = from));
    let moved = (to - from) / 4;
    segment.calls[0].first += moved;
    segment.calls[0].access.iter_mut().for_each(|access| access.address += moved);
    segment
        .blocks
        .iter_mut()
        .filter(|block| block.index < REGISTER_BASE / 8)
        .for_each(|block| block.index += moved / 8);
    renamed(&mut segment, 10, from, to);
    remember(&mut segment);
    lies.push(judge.judge(
        "Keccak-f on the last 50 words of memory, next to the registers (the last 64 KiB are no operand)",
        &Forge::of(&key, &segment),
    ));

    let mut code = Code::default();
    code.set(10, poseidon2).service(service::POSEIDON2).exit(0);
    let program = code.program();
    let key = Key::new(&program).expect("a key");
    let mut segment = run(&program);
    let access = &mut segment.calls[0].access[3];
    access.new += F::ORDER_U32;
    let (address, new) = (access.address, access.new);
    word(&mut segment, address).last[address as usize % 8].0 = new;
    remember(&mut segment);
    lies.push(judge.judge("an element of Poseidon2's result plus p", &Forge::of(&key, &segment)));

    // The program's own memory has the element plus p; what is executed has the element.
    let mut written = Program::clone(&program);
    let place =
        written.image.iter().position(|(address, _)| *address == poseidon2 / 4).expect("the first element");
    written.image[place].1 += F::ORDER_U32;
    let (written, element) = (Arc::new(written), program.image[place].1);
    let key = Key::new(&written).expect("a key");
    let mut segment = run(&program);
    segment.program = written.clone();
    segment.calls[0].access[0].old = element + F::ORDER_U32;
    word(&mut segment, poseidon2 / 4).initial[0].0 = element + F::ORDER_U32;
    segment.statement.memory[0] = key.memory();
    remember(&mut segment);
    lies.push(judge.judge("an element that Poseidon2 reads plus p", &Forge::of(&key, &segment)));
    lies
}
