//! Segments that do not make a run.

use p3_field::PrimeCharacteristicRing;
use permafrost_zkvm::proof::{Proof, SegmentProof, MAX_SEGMENTS};
use permafrost_zkvm::record::{Statement, HALTED_PC};
use permafrost_zkvm::{verify, Digest, F};

use crate::fixture::{refused, EXIT, INPUT, KEY, LONG_KEY, LONG_PROOF, PROOF};

fn digest(i: u32) -> Digest {
    if i == 0 {
        Digest::default()
    } else {
        [F::from_u32(i); 8]
    }
}

/// Three statements in a row. Their proofs are empty: links are checked first.
fn run() -> Proof {
    let statement = |i: u32| Statement {
        program: KEY.digest(),
        number: i,
        pc: [
            if i == 0 { KEY.program().entry / 4 } else { 100 + i },
            if i == 2 { HALTED_PC } else { 101 + i },
        ],
        memory: [if i == 0 { KEY.memory() } else { digest(10 + i) }, digest(11 + i)],
        input: [digest(i), digest(i + 1)],
        output: [digest(i), digest(i + 1)],
        exit: (i == 2).then_some(7),
    };
    let shape = PROOF.segments[0].shape.clone();
    Proof {
        segments: (0..3)
            .map(|i| SegmentProof { statement: statement(i), shape: shape.clone(), raw: Vec::new() })
            .collect(),
    }
}

#[track_caller]
fn wrong<R>(change: impl FnOnce(&mut Vec<SegmentProof>) -> R, part: &str) {
    let mut proof = run();
    change(&mut proof.segments);
    refused(verify::chain(&KEY, &proof), part);
}

#[test]
fn the_links_of_a_good_run_hold() {
    // The first thing found wrong is the first segment's proof: no link.
    refused(verify::chain(&KEY, &run()), "cannot be decoded");
}

#[test]
fn the_start_must_be_the_programs() {
    wrong(|all| all.clear(), "0 segments");
    wrong(|all| all[0].statement.number = 1, "number is not 0");
    wrong(|all| all[0].statement.pc[0] += 1, "not the program's entry");
    wrong(|all| all[0].statement.memory[0][3] += F::ONE, "not the program's image");
    wrong(|all| all[0].statement.input[0][0] += F::ONE, "input digest is not that of no words");
    wrong(|all| all[0].statement.output[0][7] += F::ONE, "output digest is not that of no words");
    wrong(|all| all.remove(0), "number is not 0");
}

#[test]
fn each_segment_must_go_on_where_the_one_before_ended() {
    wrong(|all| all[1].statement.number = 5, "number is not the next");
    wrong(|all| all[2].statement.pc[0] += 1, "program counter is another");
    wrong(|all| all[1].statement.memory[0][0] += F::ONE, "memory is another");
    wrong(|all| all[1].statement.input[0][1] += F::ONE, "input digest is another");
    wrong(|all| all[2].statement.output[0][2] += F::ONE, "output digest is another");
    wrong(|all| all.remove(1), "number is not the next");
    wrong(|all| all.swap(1, 2), "number is not the next");
    wrong(|all| all.insert(1, all[0].clone()), "number is not the next");
}

#[test]
fn only_the_last_segment_ends_the_program() {
    wrong(|all| all.pop(), "has not ended");
    wrong(|all| all[0].statement.exit = Some(7), "after the program's end");
    wrong(|all| all[2].statement.exit = None, "has not ended");
}

#[test]
fn there_are_not_too_many_segments() {
    wrong(|all| all.resize(MAX_SEGMENTS + 1, all[0].clone()), "4097 segments");
}

#[test]
fn a_run_has_its_outcome() {
    let good = [(&KEY, &PROOF, 1), (&LONG_KEY, &LONG_PROOF, 2)];
    for (key, proof, segments) in good {
        let outcome = verify::chain(key, proof).expect("the proof is good");
        assert_eq!((outcome.exit, outcome.segments), (EXIT, segments));
        assert!(outcome.matches_input(&[INPUT]) && outcome.matches_output(&[EXIT]));
        for wrong in [&[][..], &[0], &[EXIT, 0], &[EXIT, EXIT], &[EXIT ^ 1]] {
            assert!(!outcome.matches_output(wrong) && !outcome.matches_input(wrong), "{wrong:?}");
        }
    }
}

#[test]
fn segments_of_different_runs_do_not_chain() {
    let [first, second] = LONG_PROOF.segments.as_slice() else { panic!("two segments") };
    let chain = |segments: &[&SegmentProof]| {
        verify::chain(
            &LONG_KEY,
            &Proof { segments: segments.iter().map(|&segment| segment.clone()).collect() },
        )
    };
    chain(&[first, second]).expect("the proof is good");
    refused(chain(&[first]), "has not ended");
    refused(chain(&[second]), "number is not 0");
    refused(chain(&[second, first]), "number is not 0");
    refused(chain(&[first, first, second]), "number is not the next");
    refused(chain(&[first, &PROOF.segments[0]]), "number is not the next");
    refused(verify::chain(&KEY, &LONG_PROOF), "of another program");

    // A statement made to fit is no longer what was proved.
    let forged = |change: &dyn Fn(&mut Statement)| {
        let mut forged = second.clone();
        change(&mut forged.statement);
        forged
    };
    refused(chain(&[first, &forged(&|s| s.exit = Some(0))]), "segment 1 is refused");
    refused(chain(&[first, &forged(&|s| s.memory[1][0] += F::ONE)]), "segment 1 is refused");
    refused(chain(&[&forged(&|s| *s = first.statement.clone()), second]), "table");
    let mut early = first.clone();
    early.statement.output[1][0] += F::ONE;
    let late = forged(&|s| s.output = [early.statement.output[1]; 2]);
    refused(chain(&[&early, &late]), "segment 0 is refused");
}
