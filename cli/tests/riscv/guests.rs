//! Every guest proved over three segments and more by one process and verified by another.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Arc;

use permafrost_zkvm::elf;
use permafrost_zkvm::exec::{Executor, Limits};
use permafrost_zkvm::guests::{Guest, Run, ALL};

use crate::common::succeed;
use crate::{guest as file_of, json, text, Folder};

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

/// Proves and verifies a guest's run, with files for what goes in and comes out.
fn proved(guest: &Guest) {
    let run = guest.run(size(guest));
    let bytes = |words: &[u32]| words.iter().flat_map(|word| word.to_le_bytes()).collect::<Vec<u8>>();
    let folder = Folder::new();
    let elf = file_of(guest.name);
    let [input, hints, output] = [("input", &run.input), ("hints", &run.hints), ("output", &run.output)]
        .map(|(name, words)| folder.file(name, &bytes(words)));
    let (log2, proof) = (segment_log2(guest, &run).to_string(), folder.path("proof"));
    let files = ["--input", text(&input)];
    let prove = [
        "riscv",
        "prove",
        text(&elf),
        "--hints",
        text(&hints),
        "--segment-log2",
        &log2,
        "--out",
        text(&proof),
        "--json",
    ];
    let report = json(&succeed(prove.into_iter().chain(files)));
    let segments = report["segments"].as_u64();
    // Ten instructions are one segment.
    assert!(segments >= Some(if guest.name == "hello" { 1 } else { 3 }), "{}: {segments:?}", guest.name);
    let exit = run.exit.to_string();
    let verify =
        ["riscv", "verify", text(&elf), text(&proof), "--output", text(&output), "--exit-code", &exit];
    succeed(verify.into_iter().chain(files));
    println!(
        "{}: {} cycles, {segments:?} segments, {} bytes",
        guest.name, report["cycles"], report["proof_bytes"]
    );
}

/// On two threads: as many as the machines have that check changes.
#[test]
fn every_guest_in_segments() {
    let next = AtomicUsize::new(0);
    let work = || {
        while let Some(guest) = ALL.get(next.fetch_add(1, Ordering::Relaxed)) {
            proved(guest);
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(work);
        }
    });
}
