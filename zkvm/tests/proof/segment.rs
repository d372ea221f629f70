//! Statements and shapes that a segment's proof may not have.

use p3_field::PrimeCharacteristicRing;
use permafrost_zkvm::air::Kind;
use permafrost_zkvm::proof::{SegmentProof, Shape};
use permafrost_zkvm::record::HALTED_PC;
use permafrost_zkvm::verify;
use permafrost_zkvm::F;

use crate::fixture::{self, refused, EXIT, KEY, LONG_KEY, LONG_PROOF, PROOF};

#[track_caller]
fn wrong<R>(change: impl FnOnce(&mut SegmentProof) -> R, part: &str) {
    let mut proof = PROOF.segments[0].clone();
    change(&mut proof);
    refused(verify::segment(&KEY, &proof), part);
}

#[track_caller]
fn wrong_shape<R>(change: impl FnOnce(&mut Vec<(Kind, usize)>) -> R, part: &str) {
    wrong(
        |proof| {
            let mut tables = proof.shape.tables().to_vec();
            change(&mut tables);
            proof.shape = Shape::new(tables).expect("ascending");
        },
        part,
    );
}

#[test]
fn a_good_proof_is_accepted() {
    verify::segment(&KEY, &PROOF.segments[0]).expect("the proof is good");
}

#[test]
fn the_same_segment_has_the_same_proof() {
    assert!(fixture::prove(&KEY) == *PROOF);
}

#[test]
fn a_wrong_statement_is_refused() {
    wrong(|proof| proof.statement.program[0] += F::ONE, "of another program");
    wrong(|proof| proof.statement.pc[0] = HALTED_PC, "expected below 2^30");
    wrong(|proof| proof.statement.pc[1] = 4, "when and only when it ended");
    wrong(|proof| proof.statement.exit = None, "when and only when it ended");
    wrong(|proof| proof.statement.input[1][0] += F::ONE, "is refused");
    wrong(|proof| proof.statement.output[0][0] += F::ONE, "is refused");
    wrong(|proof| proof.statement.memory[1][7] += F::ONE, "is refused");
    wrong(|proof| proof.statement.pc[0] += 1, "is refused");
    wrong(|proof| proof.statement.exit = Some(EXIT + 1), "is refused");
    wrong(|proof| proof.statement.number = 1, "is refused");
    wrong(|proof| proof.statement.number = u32::MAX, "segments, expected 1 to");
}

#[test]
fn digests_stay_where_nothing_is_read_or_written() {
    let last = &LONG_PROOF.segments[1];
    let change = |change: &dyn Fn(&mut SegmentProof), part: &str| {
        let mut proof = last.clone();
        change(&mut proof);
        refused(verify::segment(&LONG_KEY, &proof), part);
    };
    change(&|proof| proof.statement.input[1][0] += F::ONE, "changes the input digest");
    change(&|proof| proof.statement.output[0][0] += F::ONE, "changes the output digest");
    change(&|proof| proof.statement.input = [[F::ONE; 8]; 2], "is refused");
}

#[test]
fn tables_are_as_they_must_be() {
    wrong_shape(|tables| tables.remove(0), "program is missing");
    wrong_shape(|tables| tables.remove(1), "range is missing");
    wrong_shape(|tables| tables.remove(5), "poseidon2 is missing");
    wrong_shape(|tables| tables.pop(), "9 are named");
    wrong_shape(|tables| tables[0].1 += 1, "table program has 2^5 rows");
    wrong_shape(|tables| tables[1].1 -= 1, "table range has 2^15 rows");
    wrong_shape(|tables| tables[3].1 = 3, "2^3 rows, expected 2^4 to 2^22");
    wrong_shape(|tables| tables[3].1 = 23, "2^23 rows, expected 2^4 to 2^22");
    wrong_shape(|tables| tables[3].1 += 1, "rows, expected");
    wrong_shape(|tables| tables.push((Kind::Keccak, 4)), "tables, ");
    refused(Shape::new(vec![(Kind::Range, 16), (Kind::Program, 4)]), "program comes after range");
    refused(Shape::new(vec![(Kind::Range, 16), (Kind::Range, 16)]), "range comes after range");
    let cut = |heights: &[usize]| Shape::new(heights.iter().map(|&height| (Kind::Add, height)).collect());
    assert!(cut(&[9, 8]).is_ok() && cut(&[9, 9]).is_ok());
    refused(cut(&[8, 9]), "add comes after add");
    refused(cut(&[9, 8, 8]), "add comes after add");
    for kind in [Kind::Program, Kind::Range, Kind::Segment, Kind::Input, Kind::Output] {
        refused(Shape::new(vec![(kind, 9), (kind, 8)]), "comes after");
    }
}

#[test]
fn a_table_in_anothers_place_is_refused() {
    wrong_shape(
        |tables| {
            let last = tables.len() - 1;
            assert!(tables[last].0 < Kind::Keccak);
            tables[last].0 = Kind::Keccak;
        },
        "is refused",
    );
}

/// BLAKE3 of the file of [`PROOF`].
const PINNED: &str = "e21c080df4467bc58a5578014a424a9366786cbe93d943a548a4883e8bea4617";

#[test]
fn the_proof_is_this_one() {
    let hash = blake3::hash(&PROOF.to_bytes().expect("small")).to_hex();
    assert_eq!(
        hash.as_str(),
        PINNED,
        "the proof of the small program has changed. Where that is meant (a table, the executor or the configuration changed), put \
         the new hash in PINNED, and raise proof::VERSION if proofs already given out no longer verify. Where it is not, proving \
         is no longer deterministic or the reference prover has changed"
    );
}
