//! `AccelDomain` and `AccelReduction` against arkworks' own, on the card double.

use ark_bn254::{Bn254, Fr, G1Projective};
use ark_ec::PrimeGroup;
use ark_ff::{UniformRand, Zero};
use ark_groth16::r1cs_to_qap::{LibsnarkReduction, R1CSToQAP};
use ark_groth16::Groth16;
use ark_poly::{EvaluationDomain, GeneralEvaluationDomain, Radix2EvaluationDomain};
use ark_serialize::{CanonicalDeserialize, CanonicalSerialize};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha20Rng;

use super::*;
use crate::engine::testing::{rng, TestDevice};
use crate::engine::{Engine, Op, Place, Policy, Unsupported};
use crate::groth16::testing::Circuit;
use crate::Error;

fn engine(block: Option<u32>, policy: Policy) -> Engine {
    let (device, _) = TestDevice::streaming(1 << 24, block);
    Engine::on_device(device, policy).expect("layout")
}

fn card() -> Engine {
    engine(Some(4), Policy { ntt: Unsupported::Refuse, ..Policy::default() })
}

fn bytes(value: &impl CanonicalSerialize) -> Vec<u8> {
    let mut out = Vec::new();
    value.serialize_uncompressed(&mut out).expect("memory");
    out
}

#[test]
fn domains_are_arkworks_domains() {
    let (mut rng, seed) = rng();
    let engine = card();
    for size in [1usize, 2, 3, 16, 50, 200] {
        let shift = Fr::rand(&mut rng);
        let plain = Radix2EvaluationDomain::<Fr>::new(size).expect("a domain");
        let domain = AccelDomain::<Fr>::new(size).expect("a domain");
        let pairs = [(plain, domain), (plain.get_coset(shift).unwrap(), domain.get_coset(shift).unwrap())];
        for (plain, domain) in pairs {
            assert_eq!((domain.plain(), AccelDomain::from(plain)), (plain, domain));
            assert_eq!(bytes(&plain), bytes(&domain));
            let back = AccelDomain::<Fr>::deserialize_uncompressed(&*bytes(&plain)).expect("same format");
            assert_eq!(back, domain);
            assert!(plain.elements().eq(domain.elements()));
            // Shorter inputs are filled up, longer ones cut, as by arkworks.
            for len in [0, 1, size, plain.size(), plain.size() + 3] {
                let values: Vec<Fr> = (0..len).map(|_| Fr::rand(&mut rng)).collect();
                let run = || (domain.fft(&values), domain.ifft(&values));
                let (forward, inverse) = with_engine(&engine, run).expect("the engine works");
                assert!(forward == plain.fft(&values), "fft {size} {len} seed {seed}");
                assert!(inverse == plain.ifft(&values), "ifft {size} {len} seed {seed}");
            }
        }
        let x = Fr::rand(&mut rng);
        assert_eq!(
            domain.evaluate_all_lagrange_coefficients(x),
            plain.evaluate_all_lagrange_coefficients(x),
            "seed {seed}"
        );
    }
    let report = engine.take_report();
    assert_eq!(report.count(Op::Ntt, Place::Card), 6 * 2 * 5 * 2);
    assert_eq!(AccelDomain::<Fr>::compute_size_of_domain(5), Some(8));
    assert!(AccelDomain::<Fr>::new(1 << 29).is_none());
}

#[test]
fn other_things_are_transformed_by_arkworks() {
    // Points, and elements of another field: with no engine at all.
    let domain = AccelDomain::<Fr>::new(4).expect("a domain");
    let points: Vec<G1Projective> = (1..5u64).map(|i| G1Projective::generator() * Fr::from(i)).collect();
    assert!(domain.ifft(&domain.fft(&points)) == points);
    type Other = ark_bn254::Fq;
    let domain = AccelDomain::<Other>::new(2).expect("a domain");
    let values = [Other::from(3u64), Other::from(4u64)];
    assert_eq!(domain.fft(&values), Radix2EvaluationDomain::<Other>::new(2).unwrap().fft(&values));
    let values = [Fr::from(3u64), Fr::from(4u64)];
    let unasked = std::panic::catch_unwind(|| AccelDomain::<Fr>::new(2).unwrap().fft(&values));
    assert!(unasked.is_err(), "nothing runs on the CPU unasked");
}

/// The witness map of a circuit by both reductions.
fn maps(engine: &Engine, circuit: &Circuit) -> (crate::Result<Vec<Fr>>, Vec<Fr>) {
    type Domain = GeneralEvaluationDomain<Fr>;
    let (matrices, values) = circuit.synthesised();
    let (inputs, constraints) = (circuit.inputs(), matrices[0].len());
    let right =
        LibsnarkReduction::witness_map_from_matrices::<Fr, Domain>(&matrices, inputs, constraints, &values);
    let map = || {
        AccelReduction::witness_map_from_matrices::<Fr, Domain>(&matrices, inputs, constraints, &values)
            .expect("not too large")
    };
    (with_engine(engine, map), right.expect("not too large"))
}

#[test]
fn witness_maps_are_equal_and_stay_on_the_card() {
    let (mut rng, seed) = rng();
    for _ in 0..6 {
        let circuit = Circuit::random(rng.gen_range(0..4), rng.gen_range(1..100), &mut rng);
        let engine = card();
        let (map, right) = maps(&engine, &circuit);
        assert!(map.expect("the engine works") == right, "seed {seed}");
        let report = engine.take_report();
        let transforms: usize = report.operations.iter().filter(|o| o.op == Op::Ntt).map(|o| o.batch).sum();
        assert_eq!((transforms, report.count(Op::Vector, Place::Card)), (7, 1));
        assert_eq!((report.count(Op::Ntt, Place::Cpu), engine.mem_info().used), (0, 0));
        // Between the first upload and the last download only parameters move.
        let moved: u64 =
            report.operations.iter().filter_map(|o| o.stream.as_ref()).map(|run| run.bytes_down).sum();
        assert_eq!(moved, 0);

        let without = self::engine(None, Policy::default());
        assert!(maps(&without, &circuit).0.expect("by policy") == right, "seed {seed}");
        let report = without.take_report();
        assert_eq!((report.count(Op::Ntt, Place::Cpu), report.count(Op::Vector, Place::Cpu)), (3, 1));
        let refuses = self::engine(None, Policy { ntt: Unsupported::Refuse, ..Policy::default() });
        assert!(matches!(maps(&refuses, &circuit).0, Err(Error::NotOnCard { .. })));
    }
}

#[test]
fn a_card_that_is_too_small_says_so_or_leaves_it_to_the_cpu() {
    let (mut rng, seed) = rng();
    let circuit = Circuit::random(1, 60, &mut rng);
    let on = |policy| {
        let (device, _) = TestDevice::streaming(6000, Some(4));
        maps(&Engine::on_device(device, policy).expect("layout"), &circuit)
    };
    let (map, _) = on(Policy::default());
    assert!(matches!(map, Err(Error::OutOfCardMemory { .. })));
    let (map, right) = on(Policy { msm: crate::engine::Fallback::Any { below: 0 }, ..Policy::default() });
    assert!(map.expect("by policy") == right, "seed {seed}");
}

#[test]
fn proofs_are_equal() {
    let (mut rng, seed) = rng();
    let circuit = Circuit::random(2, 20, &mut rng);
    let setup_seed = rng.gen();
    let mut first = ChaCha20Rng::seed_from_u64(setup_seed);
    let plain = Groth16::<Bn254>::generate_random_parameters_with_reduction(circuit.clone(), &mut first)
        .expect("setup");
    let mut second = ChaCha20Rng::seed_from_u64(setup_seed);
    let key = Groth16::<AccelBn254, AccelReduction>::generate_random_parameters_with_reduction(
        circuit.clone(),
        &mut second,
    )
    .expect("setup");
    assert_eq!(bytes(&key), bytes(&plain), "seed {seed}");
    let (r, s) = (Fr::rand(&mut rng), Fr::zero());
    let right = Groth16::<Bn254>::create_proof_with_reduction(circuit.clone(), &plain, r, s).expect("proves");
    let engine = card();
    let proof = with_engine(&engine, || {
        Groth16::<AccelBn254, AccelReduction>::create_proof_with_reduction(circuit.clone(), &key, r, s)
    })
    .expect("the engine works")
    .expect("proves");
    assert_eq!(bytes(&proof), bytes(&right), "seed {seed}");
    let report = engine.take_report();
    assert!(report.operations.iter().all(|o| o.place == Place::Card), "{report:?}");
    assert_eq!((report.count(Op::Ntt, Place::Card), report.count(Op::Vector, Place::Card)), (3, 1));
}
