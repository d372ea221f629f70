//! Transforms and vectors on the simulated card: arkworks' prover with its quotient made there, and what a reset loses.

mod common;

use ark_bn254::{Bn254, Fr};
use ark_ff::{One, UniformRand};
use ark_groth16::Groth16;
use ark_serialize::CanonicalDeserialize;
use common::{bytes, open, rng, Squares};
use permafrost_driver::Card;
use permafrost_rtl::config::CardConfig;
use permafrost_sim::SimOptions;
use permafrost_zkal::ark::{with_engine, AccelBn254, AccelReduction};
use permafrost_zkal::engine::{Engine, NttAccel, Op, Place, Policy, Terms, Transform, Unsupported};
use permafrost_zkal::Error;

fn card() -> Card {
    open(SimOptions::new(CardConfig::sim()))
}

/// An engine that keeps all transforms on the card.
fn engine(card: Card) -> Engine {
    let policy = Policy { ntt: Unsupported::Refuse, ..Policy::default() };
    Engine::new(card, policy).expect("the card has an MSM engine")
}

#[test]
fn arkworks_groth16_makes_its_quotient_on_the_card() {
    let (mut rng, seed) = rng();
    let engine = engine(card());
    // A domain of 2^13: transforms of two passes.
    let circuit = Squares { x: Fr::rand(&mut rng), n: 4500 };
    let plain = Groth16::<Bn254>::generate_random_parameters_with_reduction(circuit.clone(), &mut rng)
        .expect("setup");
    let key = CanonicalDeserialize::deserialize_uncompressed(&*bytes(&plain)).expect("same format");
    let (r, s) = (Fr::rand(&mut rng), Fr::rand(&mut rng));
    let expected =
        Groth16::<Bn254>::create_proof_with_reduction(circuit.clone(), &plain, r, s).expect("proves");
    let proof = with_engine(&engine, || {
        Groth16::<AccelBn254, AccelReduction>::create_proof_with_reduction(circuit, &key, r, s)
    })
    .expect("the card works")
    .expect("proves");
    assert_eq!(bytes(&proof), bytes(&expected), "seed {seed}");
    let report = engine.take_report();
    let count = |op| (report.count(op, Place::Card), report.count(op, Place::Cpu));
    assert_eq!((count(Op::Ntt), count(Op::Vector), count(Op::Msm)), ((3, 0), (1, 0), (5, 0)));
}

#[test]
fn vectors_go_with_a_reset_and_others_come() {
    let (mut rng, seed) = rng();
    let card = card();
    let engine = engine(card.clone());
    let values: Vec<Fr> = (0..64).map(|_| Fr::rand(&mut rng)).collect();
    let vec = engine.upload_vec(&values).expect("fits").secret();
    let transform = Transform::forward(6).expect("small");
    engine.ntt_resident(&transform, &vec, &vec).expect("runs");
    card.reset().expect("the card comes back");
    assert!(!vec.is_valid());
    assert!(matches!(vec.download(), Err(Error::VectorLost { len: 64 })));
    assert!(matches!(engine.ntt_resident(&transform, &vec, &vec), Err(Error::VectorLost { .. })));
    assert!(matches!(engine.map(&vec, &Terms::of(Fr::one())), Err(Error::VectorLost { .. })));
    let again = engine.upload_vec(&values).expect("fits");
    engine.ntt_resident(&transform, &again, &again).expect("runs");
    engine.ntt_resident(&transform.inverse(), &again, &again).expect("runs");
    assert_eq!(again.download().expect("there"), values, "seed {seed}");
}
