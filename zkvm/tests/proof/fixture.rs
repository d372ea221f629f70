//! Small programs, their keys and proofs, made once.

use std::sync::{Arc, LazyLock};

use permafrost_zkvm::exec::{Executor, Limits};
use permafrost_zkvm::isa::{service, Instruction, Op};
use permafrost_zkvm::key::Key;
use permafrost_zkvm::proof::Proof;
use permafrost_zkvm::prove;
use permafrost_zkvm::record::Program;

/// What the programs read.
pub const INPUT: u32 = 0x8000_0007;
/// What they exit with: the input and their additions.
pub const EXIT: u32 = INPUT + 3;
/// Byte address of the first instruction.
const ENTRY: u32 = 0x1000;

/// The key of a program of nine instructions.
pub static KEY: LazyLock<Key> = LazyLock::new(|| Key::new(&program(0)).expect("a key"));

/// A proof of it: one segment.
pub static PROOF: LazyLock<Proof> = LazyLock::new(|| prove(&KEY));

/// The key of a program of more instructions than a segment has at least.
pub static LONG_KEY: LazyLock<Key> = LazyLock::new(|| Key::new(&program(1020)).expect("a key"));

/// A proof of it: two segments.
pub static LONG_PROOF: LazyLock<Proof> = LazyLock::new(|| prove(&LONG_KEY));

/// Reads a word, writes its sum with 3, does nothing `idle` times, and exits with the sum.
pub fn program(idle: usize) -> Arc<Program> {
    const A0: u8 = 10;
    const A7: u8 = 17;
    let addi = |rd, rs1, imm| Instruction { op: Op::Addi, rd, rs1, rs2: 0, imm, link: 0 };
    let ecall = Instruction { op: Op::Ecall, rd: 0, rs1: 0, rs2: 0, imm: 0, link: 0 };
    let mut code =
        vec![addi(A7, 0, service::READ), ecall, addi(A0, A0, 3), addi(A7, 0, service::WRITE), ecall];
    code.extend(vec![addi(5, 5, 1); idle]);
    code.extend([addi(A7, 0, service::EXIT), ecall]);
    let code: Vec<_> = (ENTRY..).step_by(4).zip(code).collect();
    Arc::new(Program { entry: ENTRY, code, image: vec![(3, 9), (ENTRY / 4, 0x1234_5678)] })
}

/// Executes and proves.
pub fn prove(key: &Key) -> Proof {
    let limits = Limits { cycles: 1 << 12, segment_log2: 10 };
    let mut executor = Executor::new(key.program().clone(), vec![INPUT], Vec::new(), limits);
    let mut segments = Vec::new();
    while let Some(segment) = executor.next_segment().expect("executed") {
        segments.push(prove::segment(key, &segment).expect("a proof"));
    }
    Proof { segments }
}

/// Refused with a message that contains `part`.
#[track_caller]
pub fn refused<T>(result: Result<T, permafrost_zkvm::error::Error>, part: &str) {
    let message = result.err().expect("refused").to_string();
    assert!(message.contains(part), "{message:?} has no {part:?}");
}
