//! What a proof must be for a run to be believed: each segment's proof by the unmodified reference verifier, and the chain of
//! statements from the program's start to its end.

use p3_batch_stark::verify_batch;

use crate::air::lanes::{self, Lanes};
use crate::air::Kind;
use crate::config::{MAX_LOG_HEIGHT, MIN_LOG_HEIGHT};
use crate::error::Error;
use crate::key::Key;
use crate::proof::{decode, Proof, SegmentProof, Shape, MAX_SEGMENTS};
use crate::record::{Statement, HALTED_PC};
use crate::{hash, Digest};

/// Tables that every segment has: it executes something, so it touches memory.
pub const REQUIRED: [Kind; 6] =
    [Kind::Program, Kind::Range, Kind::Segment, Kind::Leaf, Kind::Node, Kind::Poseidon2];

/// What a verified run did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The exit code.
    pub exit: u32,
    /// Digest of the input words read.
    pub input: Digest,
    /// Digest of the output words written.
    pub output: Digest,
    /// Segments.
    pub segments: usize,
}

impl Outcome {
    /// Whether exactly these words were read from the input.
    pub fn matches_input(&self, words: &[u32]) -> bool {
        digest(words) == self.input
    }

    /// Whether exactly these words were written to the output.
    pub fn matches_output(&self, words: &[u32]) -> bool {
        digest(words) == self.output
    }
}

/// Digest of words read or written from the start.
pub fn digest(words: &[u32]) -> Digest {
    words.iter().fold(Digest::default(), |digest, &word| hash::absorb(&digest, word))
}

/// Checks the tables of a segment: those required are there, and no height but those allowed.
///
/// # Errors
///
/// Says which table is wrong.
pub fn check_shape(key: &Key, shape: &Shape) -> Result<(), Error> {
    if let Some(missing) = REQUIRED.into_iter().find(|&kind| !shape.has(kind)) {
        return Err(Error::MissingTable { table: missing.name() });
    }
    for &(kind, log_height) in shape.tables() {
        let (least, most) =
            key.height(kind).map_or((MIN_LOG_HEIGHT, MAX_LOG_HEIGHT), |height| (height, height));
        if !(least..=most).contains(&log_height) {
            return Err(Error::TableHeight { table: kind.name(), log_height, least, most });
        }
    }
    Ok(())
}

/// Verifies a segment's proof alone: that the program, started as the statement says, does what it says.
///
/// # Errors
///
/// Says what is wrong with it.
pub fn segment(key: &Key, proof: &SegmentProof) -> Result<(), Error> {
    let SegmentProof { statement, shape, raw } = proof;
    check_statement(key, statement, shape)?;
    check_shape(key, shape)?;
    let raw = decode(raw)?;
    if raw.degree_bits.len() != shape.tables().len() {
        return Err(Error::TableCount { found: raw.degree_bits.len(), expected: shape.tables().len() });
    }
    for (&(kind, expected), &found) in shape.tables().iter().zip(&raw.degree_bits) {
        if found != expected {
            return Err(Error::TableHeight {
                table: kind.name(),
                log_height: found,
                least: expected,
                most: expected,
            });
        }
    }
    let tables: Vec<Lanes> = shape.tables().iter().map(|&(kind, _)| Lanes::of(kind, key.program())).collect();
    let public = lanes::public_values(&tables, statement);
    verify_batch(key.config(), &tables, &raw, &public, &key.common(shape))
        .map_err(|error| Error::Refused { number: statement.number, reason: error.to_string() })
}

/// What a statement must fulfil that no table does.
fn check_statement(key: &Key, statement: &Statement, shape: &Shape) -> Result<(), Error> {
    let Statement { program, number, pc, input, output, exit, .. } = statement;
    let number = *number;
    if *program != key.digest() {
        return Err(Error::ProofOfOtherProgram { number });
    }
    if number as usize >= MAX_SEGMENTS {
        return Err(Error::SegmentCount { count: number as usize, limit: MAX_SEGMENTS });
    }
    if pc[0] >= HALTED_PC || pc[1] > HALTED_PC {
        return Err(Error::StatementPc { number, pc: *pc });
    }
    if exit.is_some() != (pc[1] == HALTED_PC) {
        return Err(Error::StatementExit { number, pc: pc[1], exit: *exit });
    }
    for (kind, [before, after]) in [(Kind::Input, input), (Kind::Output, output)] {
        if before != after && !shape.has(kind) {
            return Err(Error::DigestWithoutTable { number, table: kind.name() });
        }
    }
    Ok(())
}

/// Verifies a run: the program, started at its entry with its image in memory, ended with this outcome.
///
/// # Errors
///
/// Says which segment is wrong, and how.
pub fn chain(key: &Key, proof: &Proof) -> Result<Outcome, Error> {
    let outcome = links(key, proof)?;
    for proof in &proof.segments {
        segment(key, proof)?;
    }
    Ok(outcome)
}

/// Checks that the segments' statements make a run, without verifying the segments: for who has verified each with [`segment`].
///
/// # Errors
///
/// Says which statement is wrong, and how.
pub fn links(key: &Key, proof: &Proof) -> Result<Outcome, Error> {
    let (first, last) = match proof.segments.as_slice() {
        [] => return Err(Error::SegmentCount { count: 0, limit: MAX_SEGMENTS }),
        segments if segments.len() > MAX_SEGMENTS => {
            return Err(Error::SegmentCount { count: segments.len(), limit: MAX_SEGMENTS })
        }
        [only] => (&only.statement, &only.statement),
        [first, .., last] => (&first.statement, &last.statement),
    };
    let start = |what, holds: bool| if holds { Ok(()) } else { Err(Error::ChainStart { what }) };
    start("number is not 0", first.number == 0)?;
    start("program counter is not the program's entry", first.pc[0] == key.program().entry / 4)?;
    start("memory is not the program's image", first.memory[0] == key.memory())?;
    start("input digest is not that of no words", first.input[0] == Digest::default())?;
    start("output digest is not that of no words", first.output[0] == Digest::default())?;
    for (before, after) in proof.segments.iter().zip(&proof.segments[1..]) {
        let (before, after) = (&before.statement, &after.statement);
        let link = |what, holds: bool| {
            if holds {
                Ok(())
            } else {
                Err(Error::ChainLink { number: after.number, before: before.number, what })
            }
        };
        link("number is not the next", before.number.checked_add(1) == Some(after.number))?;
        link("start is after the program's end", before.exit.is_none())?;
        link("program counter is another", before.pc[1] == after.pc[0])?;
        link("memory is another", before.memory[1] == after.memory[0])?;
        link("input digest is another", before.input[1] == after.input[0])?;
        link("output digest is another", before.output[1] == after.output[0])?;
    }
    let exit = last.exit.ok_or(Error::ChainUnfinished { number: last.number, pc: last.pc[1] })?;
    Ok(Outcome { exit, input: last.input[1], output: last.output[1], segments: proof.segments.len() })
}
