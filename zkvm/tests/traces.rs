//! Real programs in the tables, without proofs: every constraint holds and every bus balances, for each instruction test and guest.

use std::sync::Arc;

use p3_field::PrimeCharacteristicRing;
use p3_matrix::Matrix;
use permafrost_zkvm::air::trace::Traces;
use permafrost_zkvm::air::{check, trace, Kind};
use permafrost_zkvm::exec::{Executor, Limits};
use permafrost_zkvm::guests::{Guest, ALL, INSTRUCTIONS};
use permafrost_zkvm::record::Segment;
use permafrost_zkvm::{elf, F};

/// What is wrong with a segment's traces.
fn wrong(segment: &Segment, traces: &Traces) -> Vec<String> {
    let mut wrong = check::unbalanced(traces);
    for (table, trace) in traces {
        wrong.extend(check::broken(table, trace, &table.public_values(&segment.statement)));
    }
    wrong
}

fn segments(elf: &[u8], input: Vec<u32>, hints: Vec<u32>) -> Vec<Segment> {
    let program = Arc::new(elf::load(elf).expect("a program"));
    let mut executor = Executor::new(program, input, hints, Limits { cycles: 100_000, segment_log2: 10 });
    std::iter::from_fn(|| executor.next_segment().expect("a segment")).collect()
}

fn assert_right(name: &str, segments: &[Segment]) {
    for segment in segments {
        let wrong = wrong(segment, &trace::build(segment));
        let first = &wrong[..wrong.len().min(20)];
        assert!(
            wrong.is_empty(),
            "{name}, segment {}: {} faults: {first:#?}",
            segment.statement.number,
            wrong.len()
        );
    }
}

#[test]
fn instruction_tests() {
    for (name, elf) in INSTRUCTIONS {
        assert_right(name, &segments(elf, vec![], vec![]));
    }
}

#[test]
fn guests() {
    for guest in ALL {
        let run = guest.small();
        assert_right(guest.name, &segments(guest.elf, run.input, run.hints));
    }
}

/// As many calls as make two pieces of a table, and as nearly do.
#[test]
fn calls_in_two_pieces() {
    let cases = [
        ("sha256-pre", Kind::Sha256, 300, &[2048, 1024][..]),
        ("sha256-pre", Kind::Sha256, 228, &[2048, 16]),
        ("sha256-pre", Kind::Sha256, 227, &[2048]),
        ("sha256-pre", Kind::Sha256, 350, &[4096]),
        ("keccak-pre", Kind::Keccak, 100, &[2048, 512]),
    ];
    for (name, kind, size, heights) in cases {
        let guest = Guest::find(name).expect("a guest");
        let run = guest.run(size);
        let program = Arc::new(elf::load(guest.elf).expect("a program"));
        let limits = Limits { cycles: 100_000, segment_log2: 16 };
        let mut executor = Executor::new(program, run.input, run.hints, limits);
        let segment = executor.next_segment().expect("executed").expect("a segment");
        let traces = trace::build(&segment);
        let found: Vec<_> = traces.iter().filter(|(table, _)| table.kind() == kind).collect();
        assert_eq!(
            found.iter().map(|(_, trace)| trace.height()).collect::<Vec<_>>(),
            heights,
            "{name} {size}"
        );
        assert_eq!(wrong(&segment, &traces), Vec::<String>::new(), "{name} {size}");
    }
}

/// What finds nothing wrong above finds it when any table lacks its first row.
#[test]
fn a_row_less_is_seen() {
    for name in ["sha256-pre", "keccak-pre", "transfers"] {
        let guest = Guest::find(name).expect("a guest");
        let run = guest.small();
        let segments = segments(guest.elf, run.input, run.hints);
        let segment = &segments[segments.len() - 1];
        let traces = trace::build(segment);
        for place in 0..traces.len() {
            let mut traces = traces.clone();
            let (table, trace) = &mut traces[place];
            let kind = table.kind().name();
            let row = &mut trace.values[..trace.width];
            // No instruction at the first row of the program table may have run here, and nothing may ask for the first range.
            if row.iter().all(|&cell| cell == F::ZERO) {
                continue;
            }
            row.fill(F::ZERO);
            assert!(!wrong(segment, &traces).is_empty(), "{name}: {kind}");
        }
    }
}
