//! Proofs of whole programs: each instruction's test, and each guest over three segments and more, from ELF to verified chain.
//!
//! A proof of a short segment costs about 1.5 s of one core in this profile, nearly all of it the same for any program: the 2^16 rows of
//! the range table (hashed with their messages and quotient) and 2^16 hashes of grinding at each of three places.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Arc;
use std::time::Instant;

use permafrost_zkvm::exec::{Executor, Limits};
use permafrost_zkvm::guests::{Guest, Run, ALL, INSTRUCTIONS};
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

/// Proves a run, writes the proof, reads it and verifies the chain. Returns the segments.
fn proved(name: &str, elf: &[u8], run: &Run, segment_log2: u32) -> usize {
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
    count
}

#[test]
fn every_instruction() {
    each(INSTRUCTIONS.len(), |i| {
        let (name, elf) = INSTRUCTIONS[i];
        let run = Run { input: Vec::new(), hints: Vec::new(), output: Vec::new(), exit: 0 };
        proved(name, elf, &run, 10);
    });
}

/// Where the small size is too small for three segments, or takes more of them than need be.
fn size(guest: &Guest) -> u32 {
    match guest.name {
        "collatz" => 30,
        "fibonacci" => 500,
        "sha256-pre" => 45,
        "keccak-pre" => 350,
        "poseidon2-pre" => 350,
        "quicksort" => 40,
        _ => guest.small,
    }
}

/// The greatest size of segments, up to 2^13 cycles, that makes three or more.
fn segment_log2(guest: &Guest, run: &Run) -> u32 {
    let program = Arc::new(elf::load(guest.elf).expect("a program"));
    let limits = Limits { cycles: 1 << 20, segment_log2: 10 };
    let mut executor = Executor::new(program, run.input.clone(), run.hints.clone(), limits);
    executor.run_to_end(|_| ()).expect("a run");
    (10..=13).rev().find(|log2| executor.cycles() > 2 << log2).unwrap_or(10)
}

#[test]
fn every_guest_in_segments() {
    each(ALL.len(), |i| {
        let guest = &ALL[i];
        let run = guest.run(size(guest));
        let segments = proved(guest.name, guest.elf, &run, segment_log2(guest, &run));
        // Ten instructions are one segment.
        assert!(segments >= if guest.name == "hello" { 1 } else { 3 }, "{}: {segments}", guest.name);
    });
}
