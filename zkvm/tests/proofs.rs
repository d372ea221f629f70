//! Proofs of each instruction's test, from ELF to verified chain. Those of the guests, over three segments and more, are made and verified by
//! the `permafrost` command in its tests.
//!
//! A proof of a short segment costs about 1.5 s of one core in this profile, nearly all of it the same for any program: the 2^16 rows of
//! the range table (hashed with their messages and quotient) and 2^16 hashes of grinding at each of three places.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Arc;
use std::time::Instant;

use permafrost_zkvm::exec::{Executor, Limits};
use permafrost_zkvm::guests::{Run, INSTRUCTIONS};
use permafrost_zkvm::key::Key;
use permafrost_zkvm::proof::Proof;
use permafrost_zkvm::{elf, prove, verify};

/// Runs `job` for 0 to `count` - 1 on two threads: as many as the machines have that check changes.
fn each(count: usize, job: impl Fn(usize) + Sync) {
    let next = AtomicUsize::new(0);
    let work = || loop {
        let i = next.fetch_add(1, Ordering::Relaxed);
        if i >= count {
            break;
        }
        job(i);
    };
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(work);
        }
    });
}

/// Proves a run, writes the proof, reads it and verifies the chain.
fn proved(name: &str, elf: &[u8], run: &Run, segment_log2: u32) {
    let start = Instant::now();
    let program = Arc::new(elf::load(elf).expect("a program"));
    let key = Key::new(&program).expect("a key");
    let limits = Limits { cycles: 1 << 20, segment_log2 };
    let mut executor = Executor::new(program, run.input.clone(), run.hints.clone(), limits);
    let mut segments = Vec::new();
    while let Some(segment) = executor.next_segment().unwrap_or_else(|error| panic!("{name}: {error}")) {
        segments.push(prove::segment(&key, &segment).unwrap_or_else(|error| panic!("{name}: {error}")));
    }
    let bytes = Proof { segments }.to_bytes().expect("small");
    let proof = Proof::from_bytes(&bytes).expect("a proof");
    let outcome = verify::chain(&key, &proof).unwrap_or_else(|error| panic!("{name}: {error}"));
    assert_eq!(outcome.exit, run.exit, "{name}");
    assert!(outcome.matches_input(&run.input) && outcome.matches_output(&run.output), "{name}");
    let (cycles, count) = (executor.cycles(), outcome.segments);
    println!("{name}: {cycles} cycles, {count} segments, {} bytes, {:.1?}", bytes.len(), start.elapsed());
}

#[test]
fn every_instruction() {
    each(INSTRUCTIONS.len(), |i| {
        let (name, elf) = INSTRUCTIONS[i];
        let run = Run { input: Vec::new(), hints: Vec::new(), output: Vec::new(), exit: 0 };
        proved(name, elf, &run, 10);
    });
}
