//! The guest programs, proved.

use std::sync::Arc;
use std::time::Instant;

use permafrost_zkvm::exec::{Executor, Limits};
use permafrost_zkvm::guests::{Guest, Run, ALL};
use permafrost_zkvm::key::Key;
use permafrost_zkvm::proof::Proof;
use permafrost_zkvm::security::Security;
use permafrost_zkvm::{elf, prove, verify};

/// Proves a run in segments of 2^`segment_log2` cycles, verifies it from the file, and prints times and sizes.
fn prove(guest: &Guest, run: &Run, segment_log2: u32) {
    let program = Arc::new(elf::load(guest.elf).expect("a program"));
    let start = Instant::now();
    let key = Key::new(&program).expect("a key");
    println!("{}: key {:.3?}", guest.name, start.elapsed());
    let limits = Limits { cycles: 1 << 32, segment_log2 };
    let mut executor = Executor::new(program.clone(), run.input.clone(), run.hints.clone(), limits);
    let mut segments = Vec::new();
    let mut cycles = 0;
    while let Some(segment) = executor.next_segment().expect("executed") {
        let start = Instant::now();
        let proof = prove::segment(&key, &segment).expect("a proof");
        let proved = start.elapsed();
        let start = Instant::now();
        verify::segment(&key, &proof).expect("the proof is good");
        let verified = start.elapsed();
        let security = Security::of_segment(&program, &proof.shape);
        assert!(security.proven_bits() >= 100.0, "{security}");
        let heights: Vec<_> =
            proof.shape.tables().iter().map(|(kind, log)| format!("{} {log}", kind.name())).collect();
        println!(
            "segment {}: {} cycles proved in {proved:.3?}, verified in {verified:.1?}, {} bytes, {:.1} bits proven, {:.1} conjectured; {}",
            segment.statement.number,
            executor.cycles() - cycles,
            proof.raw.len(),
            security.proven_bits(),
            security.conjectured_bits(),
            heights.join(", "),
        );
        cycles = executor.cycles();
        segments.push(proof);
    }
    let bytes = Proof { segments }.to_bytes().expect("not too large");
    let start = Instant::now();
    let proof = Proof::from_bytes(&bytes).expect("a proof");
    let outcome = verify::chain(&key, &proof).expect("the proof is good");
    println!(
        "{cycles} cycles, {} segments, {} bytes, verified in {:.3?}",
        outcome.segments,
        bytes.len(),
        start.elapsed()
    );
    assert_eq!(outcome.exit, run.exit);
    assert!(outcome.matches_input(&run.input) && outcome.matches_output(&run.output));
}

#[test]
fn a_state_transition_in_two_segments() {
    let guest = Guest::find("transfers").expect("a guest");
    prove(guest, &guest.small(), 12);
}

#[test]
fn a_precompiled_hash() {
    let guest = Guest::find("sha256-pre").expect("a guest");
    prove(guest, &guest.small(), 16);
}

/// `PERMAFROST_GUEST` names one guest instead of all, `PERMAFROST_SIZE` its size instead of the small one, `PERMAFROST_SEGMENT` the log2
/// of a segment's cycles instead of 16.
#[test]
#[ignore = "a minute"]
fn every_guest() {
    let number = |name| std::env::var(name).ok().map(|text| text.parse::<u32>().expect("a number"));
    let name = std::env::var("PERMAFROST_GUEST").ok();
    let mut any = false;
    for guest in ALL.iter().filter(|guest| name.as_ref().is_none_or(|name| name == guest.name)) {
        any = true;
        let run = guest.run(number("PERMAFROST_SIZE").unwrap_or(guest.small));
        prove(guest, &run, number("PERMAFROST_SEGMENT").unwrap_or(16));
    }
    assert!(any, "no guest of that name");
}
