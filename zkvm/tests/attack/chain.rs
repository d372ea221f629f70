//! Segments that are each proved, put together into a run that did not happen; and statements changed.

use std::sync::{Arc, LazyLock};

use p3_field::PrimeCharacteristicRing;
use permafrost_zkvm::air::Kind;
use permafrost_zkvm::key::Key;
use permafrost_zkvm::proof::{Proof, SegmentProof, Shape};
use permafrost_zkvm::record::{Program, Segment, Statement, HALTED_PC};
use permafrost_zkvm::{prove, verify, F};

use crate::program;

/// What the verifier said; `None` if it believed it.
pub type Verdict = (String, Option<String>);

struct Run {
    key: Key,
    segments: Vec<Segment>,
    proof: Proof,
}

static RUN: LazyLock<Run> = LazyLock::new(|| {
    let program = program::all(3, 420);
    let key = Key::new(&program).expect("a key");
    let segments = program::segments(&program);
    assert_eq!(segments.len(), 3);
    let proof = Proof {
        segments: segments.iter().map(|segment| prove::segment(&key, segment).expect("a proof")).collect(),
    };
    Run { key, segments, proof }
});

/// What a verifier says of the honest run.
pub fn honest() -> Option<String> {
    verify::chain(&RUN.key, &RUN.proof).err().map(|error| error.to_string())
}

/// A proof of a segment with a statement changed beforehand, so that the transcript knows of it; `None` if there is none.
fn proved(place: usize, change: &dyn Fn(&mut Statement)) -> Result<SegmentProof, String> {
    let mut segment = RUN.segments[place].clone();
    change(&mut segment.statement);
    prove::segment(&RUN.key, &segment).map_err(|error| error.to_string())
}

/// Chains of proofs that are each right.
pub fn chains() -> Vec<Verdict> {
    let mut verdicts = Vec::new();
    let mut chain = |name: &str, change: &dyn Fn(&mut Vec<SegmentProof>)| {
        let mut proof = RUN.proof.clone();
        change(&mut proof.segments);
        verdicts
            .push((name.to_string(), verify::chain(&RUN.key, &proof).err().map(|error| error.to_string())));
    };
    chain("the first two segments in the other order", &|all| all.swap(0, 1));
    chain("the last two segments in the other order", &|all| all.swap(1, 2));
    chain("the first segment left out", &|all| {
        all.remove(0);
    });
    chain("the second segment left out", &|all| {
        all.remove(1);
    });
    chain("the last segment left out", &|all| {
        all.pop();
    });
    chain("the second segment twice", &|all| all.insert(1, all[1].clone()));
    chain("the last segment twice", &|all| all.push(all[2].clone()));
    chain("no segment", &|all| all.clear());
    chain("the exit of the last segment claimed of the second, and the last left out", &|all| {
        let last = all.remove(2);
        all[1].statement.exit = last.statement.exit;
        all[1].statement.pc[1] = HALTED_PC;
    });
    chain("proofs of two segments exchanged under their statements", &|all| {
        let (first, second) = (all[0].raw.clone(), all[1].raw.clone());
        (all[0].raw, all[1].raw) = (second, first);
        let (first, second) = (all[0].shape.clone(), all[1].shape.clone());
        (all[0].shape, all[1].shape) = (second, first);
    });
    chain("the numbers of two segments exchanged, and the segments", &|all| {
        all.swap(0, 1);
        (all[0].statement.number, all[1].statement.number) = (0, 1);
    });

    // The same with numbers that are proved: a segment may be proved under any number, the chain says which it has.
    let renumbered = |place: usize, number: u32| proved(place, &|statement| statement.number = number);
    let mut chain = |name: &str, segments: Vec<Result<SegmentProof, String>>| {
        let verdict = match segments.into_iter().collect::<Result<Vec<_>, _>>() {
            Ok(segments) => verify::chain(&RUN.key, &Proof { segments }).err().map(|error| error.to_string()),
            Err(error) => Some(format!("no proof: {error}")),
        };
        verdicts.push((name.to_string(), verdict));
    };
    let honest = |place: usize| Ok(RUN.proof.segments[place].clone());
    chain("the second segment left out, the last proved as the second", vec![honest(0), renumbered(2, 1)]);
    chain(
        "the last two segments in the other order, proved as such",
        vec![honest(0), renumbered(2, 1), renumbered(1, 2)],
    );
    chain(
        "the second segment twice, the second time and the last proved as third and fourth",
        vec![honest(0), honest(1), renumbered(1, 2), renumbered(2, 3)],
    );
    chain("a run that starts with its second segment", vec![renumbered(1, 0), renumbered(2, 1)]);

    verdicts.extend(others());
    verdicts
}

/// Keys of other programs.
fn others() -> Vec<Verdict> {
    let honest = &RUN.key;
    let with = |name: &str, change: &dyn Fn(&mut Program)| {
        let mut other = Program::clone(honest.program());
        change(&mut other);
        let key = Key::new(&Arc::new(other)).expect("a key");
        let mut proof = RUN.proof.clone();
        let named = verify::chain(&key, &proof).err().map(|error| error.to_string());
        for segment in &mut proof.segments {
            segment.statement.program = key.digest();
        }
        proof.segments[0].statement.pc[0] = key.program().entry / 4;
        proof.segments[0].statement.memory[0] = key.memory();
        let claimed = verify::chain(&key, &proof).err().map(|error| error.to_string());
        [
            (format!("the proof for {name}"), named),
            (
                format!("the proof for {name}, whose commitment, entry and memory the statements claim"),
                claimed,
            ),
        ]
    };
    [
        with("a program with another instruction", &|program| program.code[9].1.rd ^= 1),
        with("a program with another entry", &|program| program.entry += 4),
        with("a program with another word of memory", &|program| program.image[0].1 ^= 1),
        with("a program with one instruction more", &|program| {
            let (pc, last) = *program.code.last().expect("an instruction");
            program.code.push((pc + 4, last));
        }),
    ]
    .into_iter()
    .flatten()
    .collect()
}

type Plain = fn(&mut Statement);
type Change = Box<dyn Fn(&mut Statement)>;

/// Each field of a statement and a change of it.
fn fields() -> Vec<(String, Change)> {
    let mut all: Vec<(String, Change)> = Vec::new();
    let single: [(&str, Plain); 8] = [
        ("number", |s| s.number += 1),
        ("pc before", |s| s.pc[0] += 1),
        ("pc after", |s| s.pc[1] -= 1),
        ("exit code", |s| s.exit = s.exit.map(|code| code ^ 1)),
        ("exit code, high half", |s| s.exit = s.exit.map(|code| code ^ 0x10000)),
        ("exit", |s| (s.exit, s.pc[1]) = (None, 0x400)),
        ("input and output", |s| std::mem::swap(&mut s.input, &mut s.output)),
        ("memory before and after", |s| s.memory.swap(0, 1)),
    ];
    all.extend(single.into_iter().map(|(name, change)| (name.to_string(), Box::new(change) as Change)));
    for i in 0..8 {
        all.push((format!("program[{i}]"), Box::new(move |s| s.program[i] += F::ONE)));
        for (side, when) in ["before", "after"].into_iter().enumerate() {
            all.push((format!("memory {when}[{i}]"), Box::new(move |s| s.memory[side][i] += F::ONE)));
            all.push((format!("input {when}[{i}]"), Box::new(move |s| s.input[side][i] += F::ONE)));
            all.push((format!("output {when}[{i}]"), Box::new(move |s| s.output[side][i] += F::ONE)));
        }
    }
    all
}

/// Every field of the last segment's statement changed after the proof was made.
pub fn statements() -> Vec<Verdict> {
    let honest = &RUN.proof.segments[2];
    fields()
        .into_iter()
        .map(|(name, change)| {
            let mut proof = honest.clone();
            change(&mut proof.statement);
            (
                format!("statement: {name}"),
                verify::segment(&RUN.key, &proof).err().map(|error| error.to_string()),
            )
        })
        .collect()
}

/// The same changed before it was made. The first of each digest, and all other fields. A segment may be proved under any number.
pub fn proved_statements() -> Vec<Verdict> {
    fields()
        .into_iter()
        .filter(|(name, _)| name != "number" && !name.contains('[') || name.contains("[0]"))
        .map(|(name, change)| {
            let said =
                |proof: SegmentProof| verify::segment(&RUN.key, &proof).err().map(|error| error.to_string());
            let verdict = if name.starts_with("program") {
                // The prover puts the key's commitment: claimed afterwards.
                let mut proof = RUN.proof.segments[2].clone();
                change(&mut proof.statement);
                said(proof)
            } else {
                proved(2, &*change).map_or_else(|error| Some(format!("no proof: {error}")), said)
            };
            (format!("statement, proved as such: {name}"), verdict)
        })
        .collect()
}

/// The shape of a proof changed: tables, their order and heights.
pub fn shapes() -> Vec<Verdict> {
    let honest = &RUN.proof.segments[2];
    let mut verdicts = Vec::new();
    let mut shape = |name: String, tables: Vec<(Kind, usize)>| {
        let verdict = match Shape::new(tables) {
            Err(error) => Some(error.to_string()),
            Ok(shape) => {
                let proof = SegmentProof { shape, ..honest.clone() };
                verify::segment(&RUN.key, &proof).err().map(|error| error.to_string())
            }
        };
        verdicts.push((name, verdict));
    };
    let tables = honest.shape.tables();
    for (place, &(kind, log_height)) in tables.iter().enumerate() {
        let mut other = tables.to_vec();
        other.remove(place);
        shape(format!("shape: without {}", kind.name()), other);
        let mut other = tables.to_vec();
        other[place].1 = log_height + 1;
        shape(format!("shape: {} twice as high", kind.name()), other);
        let mut other = tables.to_vec();
        other.insert(place, (kind, log_height));
        shape(format!("shape: {} twice", kind.name()), other);
    }
    verdicts
}
