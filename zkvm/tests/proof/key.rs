//! Keys against the reference prover's own preparation, and what a key depends on.

use std::sync::Arc;

use p3_batch_stark::ProverData;
use permafrost_zkvm::air::lanes::Lanes;
use permafrost_zkvm::config::{self, Config};
use permafrost_zkvm::isa::{Instruction, Op};
use permafrost_zkvm::key::Key;
use permafrost_zkvm::record::Program;

use crate::fixture::{program, KEY, PROOF};

#[test]
fn it_is_what_the_reference_prover_prepares() {
    let shape = &PROOF.segments[0].shape;
    let tables: Vec<Lanes> = shape.tables().iter().map(|&(kind, _)| Lanes::of(kind, KEY.program())).collect();
    let heights: Vec<usize> = shape.tables().iter().map(|&(_, log_height)| log_height).collect();
    let budgets = vec![config::LOOKUP_DEGREE; tables.len()];
    let expected = ProverData::<Config>::from_airs_and_degrees_with_lookup_budgets(
        KEY.config(),
        &tables,
        &heights,
        &budgets,
        config::LOG_BLOWUP,
    )
    .expect("prepared");
    let common = KEY.common(shape);
    let (mine, its) = (common.preprocessed.expect("there"), expected.common.preprocessed.expect("there"));
    assert_eq!(mine.commitment, its.commitment);
    assert_eq!(mine.matrix_to_instance, its.matrix_to_instance);
    let plain = |all: Vec<Option<p3_batch_stark::common::PreprocessedInstanceMeta>>| {
        all.into_iter().map(|meta| meta.map(|m| (m.matrix_index, m.width, m.degree_bits))).collect::<Vec<_>>()
    };
    assert_eq!(plain(mine.instances), plain(its.instances));
    let json = |value: &_| serde_json::to_string(value).expect("serialized");
    assert_eq!(json(&common.lookups), json(&expected.common.lookups));
}

#[test]
fn it_depends_on_everything_in_the_program() {
    let add = Instruction { op: Op::Addi, rd: 1, rs1: 0, rs2: 0, imm: 1, link: 0 };
    let base = Program { entry: 4, code: vec![(0, add), (4, add)], image: vec![(0, 1), (1, 2)] };
    let digest = |program: &Program| Key::new(&Arc::new(program.clone())).expect("a key").digest();
    let mut others = vec![base.clone(); 6];
    others[0].entry = 0;
    others[1].code[1].1.imm = 2;
    others[2].code[0].0 = 8;
    others[3].image[1].1 = 3;
    others[4].image[1].0 = 2;
    others[5].code.extend((2..17).map(|i| (4 * i, add)));
    let mut all: Vec<_> = others.iter().chain([&base, &program(0)]).map(digest).collect();
    assert_eq!(digest(&base), all[6]);
    all.sort_by_key(|digest| digest.map(|x| p3_field::PrimeField32::as_canonical_u32(&x)));
    let count = all.len();
    all.dedup();
    assert_eq!(all.len(), count);
}
