//! The engine and the adapters on the simulated card.

mod common;

use std::sync::OnceLock;

use ark_bn254::{Bn254, Fr, G1Affine, G1Projective};
use ark_ec::{CurveGroup, VariableBaseMSM};
use ark_ff::{BigInt, BigInteger, PrimeField, UniformRand, Zero};
use ark_groth16::{Groth16, ProvingKey};
use ark_serialize::CanonicalDeserialize;
use common::{bytes, open, rng, Squares};
use permafrost_driver::Card;
use permafrost_rtl::config::CardConfig;
use permafrost_sim::SimOptions;
use permafrost_zkal::ark::{with_engine, AccelBn254};
use permafrost_zkal::engine::{Engine, Fallback, Op, Place, Policy, Scalars};
use permafrost_zkal::groth16::{self, Blinding, CircomReduction, Witness};
use permafrost_zkal::Error;
use rand::Rng;

/// The card all tests share.
fn card() -> Card {
    static CARD: OnceLock<Card> = OnceLock::new();
    CARD.get_or_init(|| open(SimOptions::new(CardConfig::sim()))).clone()
}

fn engine() -> Engine {
    Engine::new(card(), Policy::default()).expect("the card has an MSM engine")
}

fn points(n: usize, rng: &mut impl Rng) -> Vec<G1Affine> {
    let points: Vec<G1Projective> = (0..n).map(|_| G1Projective::rand(rng)).collect();
    G1Projective::normalize_batch(&points)
}

/// The same MSM by halo2curves, from the points' and scalars' own bytes.
fn by_halo2curves(points: &[G1Affine], scalars: &[Fr]) -> G1Affine {
    use halo2curves::bn256;
    use halo2curves::ff::PrimeField as _;
    use halo2curves::group::prime::PrimeCurveAffine;
    use halo2curves::group::Curve;
    use halo2curves::CurveAffine;
    let repr = |limbs: BigInt<4>| {
        let mut bytes = [0u8; 32];
        bytes.chunks_exact_mut(8).zip(limbs.0).for_each(|(b, l)| b.copy_from_slice(&l.to_le_bytes()));
        bytes
    };
    let fq = |c: ark_bn254::Fq| bn256::Fq::from_repr(repr(c.into_bigint()).into()).expect("canonical");
    let points: Vec<bn256::G1Affine> = points
        .iter()
        .map(|p| bn256::G1Affine::from_xy(fq(p.x), fq(p.y)).unwrap_or_else(PrimeCurveAffine::identity))
        .collect();
    let scalars: Vec<bn256::Fr> = scalars
        .iter()
        .map(|s| bn256::Fr::from_repr(repr(s.into_bigint()).into()).expect("canonical"))
        .collect();
    let sum: bn256::G1Affine = halo2curves::msm::msm_best(&scalars, &points).to_affine();
    if bool::from(sum.is_identity()) {
        return G1Affine::identity();
    }
    let back = |c: bn256::Fq| ark_bn254::Fq::from_le_bytes_mod_order(c.to_repr().as_ref());
    G1Affine::new(back(sum.x), back(sum.y))
}

#[test]
fn msm_equals_arkworks_and_halo2curves() {
    let (mut rng, seed) = rng();
    let engine = engine();
    let largest = -Fr::from(1u64);
    for n in [0usize, 1, 2, 3, 7, 64, 1000] {
        let mut bases = points(n, &mut rng);
        for i in (0..n).step_by(5) {
            match i % 3 {
                0 => bases[i] = G1Affine::identity(),
                1 => bases[i] = bases[i / 2],
                _ => bases[i] = -bases[i - 1],
            }
        }
        let set = engine.upload_bases(&bases).expect("fits");
        let uniform: Vec<Fr> = (0..n).map(|_| Fr::rand(&mut rng)).collect();
        let sparse: Vec<Fr> = (0..n).map(|_| Fr::from(rng.gen_range(0u64..2))).collect();
        let equal = vec![Fr::rand(&mut rng); n];
        let cases: &[(&str, Vec<Fr>)] = &[
            ("uniform", uniform),
            ("zero", vec![Fr::zero(); n]),
            ("one", vec![Fr::from(1u64); n]),
            ("sparse", sparse),
            ("equal", equal),
            ("r - 1", vec![largest; n]),
        ];
        for (name, scalars) in cases {
            let canonical: Vec<BigInt<4>> = scalars.iter().map(|s| s.into_bigint()).collect();
            let expected = G1Projective::msm_bigint(&bases, &canonical);
            assert_eq!(
                by_halo2curves(&bases, scalars),
                expected.into_affine(),
                "oracles, {name}, n {n}, seed {seed}"
            );
            let a = engine.msm(&set, 0..n, Scalars::canonical(&canonical)).expect("runs");
            assert_eq!(a.point, expected, "canonical, {name}, n {n}, seed {seed}");
            assert_eq!(a.operation.place, Place::Card);
            if n <= 64 || *name == "uniform" {
                let b = engine.msm(&set, 0..n, Scalars::montgomery(scalars)).expect("runs");
                assert_eq!(b.point, expected, "Montgomery, {name}, n {n}, seed {seed}");
            }
        }
    }
    assert_eq!(engine.take_report().count(Op::Msm, Place::Cpu), 0);
}

#[test]
fn counters_belong_to_the_operation() {
    let (mut rng, _) = rng();
    // A card of its own: on the shared one other tests' engines count, too.
    let engine = Engine::new(open(SimOptions::new(CardConfig::sim())), Policy::default()).expect("opens");
    let bases = points(200, &mut rng);
    let scalars: Vec<Fr> = (0..200).map(|_| Fr::rand(&mut rng)).collect();
    let out = engine.msm_slice(&bases, Scalars::montgomery(&scalars)).expect("runs");
    let run = out.operation.card.expect("on the card");
    assert!(run.cycles >= run.bound / u64::from(run.adders), "no faster than the bound: {run:?}");
    assert!(run.ratio > 0.0 && run.ratio <= 1.0, "{run:?}");
    assert_eq!(run.scalar_bits, 254);
    let counters = run.counters.expect("of one command");
    assert_eq!(counters.msm_points, 200);
    assert!(counters.msm_additions <= run.cycles * u64::from(run.adders), "{run:?}");
    assert!(counters.dram_read_bytes >= 200 * 96, "{run:?}");
    assert!(counters.msm_busy <= run.cycles, "{run:?}");
}

/// The end of each member of a batch runs beside the next one, small scalars need few windows, and multiples of the bases
/// few buckets: all in fewer clocks, with arkworks' results.
#[test]
fn batches_promised_bits_and_multiples_save_clocks() {
    let (mut rng, seed) = rng();
    let engine = Engine::new(open(SimOptions::new(CardConfig::sim())), Policy::default()).expect("opens");
    let bases = points(256, &mut rng);
    let set = engine.upload_bases(&bases).expect("fits");
    let vectors: Vec<Vec<Fr>> = (0..4).map(|_| (0..256).map(|_| Fr::rand(&mut rng)).collect()).collect();
    let single = engine.msm(&set, 0..256, Scalars::montgomery(&vectors[0])).expect("runs");
    let one = single.operation.cycles.expect("on the card");

    let batch: Vec<_> = vectors.iter().map(|v| Scalars::montgomery(v)).collect();
    let outcomes = engine.msm_batch(&set, 0..256, &batch).expect("runs");
    for (outcome, scalars) in outcomes.iter().zip(&vectors) {
        assert_eq!(outcome.point, G1Projective::msm_unchecked(&bases, scalars), "seed {seed}");
        assert_eq!(outcome.operation.batch, 4);
    }
    let four = outcomes[0].operation.cycles.expect("on the card");
    assert!(four < 4 * one, "{four} clocks for four, {one} for one");

    // Enough points that the adder's latency, the same for short and long scalars, is not what counts.
    let many = points(2048, &mut rng);
    let set = engine.upload_bases(&many).expect("fits");
    let words: Vec<Fr> = (0..2048).map(|_| Fr::from(rng.gen::<u64>())).collect();
    let random: Vec<Fr> = (0..2048).map(|_| Fr::rand(&mut rng)).collect();
    let long = engine.msm(&set, 0..2048, Scalars::montgomery(&random)).expect("runs");
    let short = engine.msm(&set, 0..2048, Scalars::montgomery(&words).with_bits(64)).expect("runs");
    assert_eq!(short.point, G1Projective::msm_unchecked(&many, &words), "seed {seed}");
    let [short, long] = [short, long].map(|run| run.operation.cycles.expect("on the card"));
    assert!(2 * short < long, "{short} clocks for 64 bits, {long} for 254");

    let multiples = engine.upload_precomputed(&bases, 4).expect("fits");
    let fewer = engine.msm(&multiples, 0..256, Scalars::montgomery(&vectors[0])).expect("runs");
    assert_eq!(fewer.point, single.point, "seed {seed}");
    assert!(fewer.operation.cycles.expect("on the card") < one, "{:?}", fewer.operation);
}

#[test]
fn threads_share_an_engine() {
    let (mut rng, seed) = rng();
    let engine = engine();
    let bases = points(50, &mut rng);
    let set = engine.upload_bases(&bases).expect("fits");
    let all: Vec<Vec<Fr>> = (0..4).map(|_| (0..50).map(|_| Fr::rand(&mut rng)).collect()).collect();
    std::thread::scope(|scope| {
        for scalars in &all {
            scope.spawn(|| {
                let out = engine.msm(&set, 0..50, Scalars::montgomery(scalars)).expect("runs");
                assert_eq!(out.point, G1Projective::msm_unchecked(&bases, scalars), "seed {seed}");
            });
        }
    });
    assert_eq!(engine.take_report().count(Op::Msm, Place::Card), 4);
}

#[test]
fn the_card_refuses_a_broken_promise_of_small_scalars() {
    let (mut rng, _) = rng();
    let engine = engine();
    let bases = points(3, &mut rng);
    let scalars = [1u64, 2, 1 << 40].map(Fr::from);
    let error = engine.msm_slice(&bases, Scalars::montgomery(&scalars).with_bits(8)).unwrap_err().to_string();
    assert!(error.contains("Scalar 2"), "{error}");
    // It is not the card that failed, so that no policy may hide it.
    let policy = Policy { msm: Fallback::Any { below: 0 }, ..Policy::default() };
    let any = Engine::new(open(SimOptions::new(CardConfig::sim())), policy).expect("opens");
    assert!(any.msm_slice(&bases, Scalars::montgomery(&scalars).with_bits(8)).is_err());
}

#[test]
fn a_full_card_says_so_or_falls_back() {
    let (mut rng, seed) = rng();
    let card = open(SimOptions { dram_bytes: Some(64 << 10), ..SimOptions::new(CardConfig::sim()) });
    let bases = points(1200, &mut rng);
    let scalars: Vec<Fr> = (0..1200).map(|_| Fr::rand(&mut rng)).collect();
    let never = Engine::new(card.clone(), Policy::default()).expect("opens");
    let error = never.upload_bases(&bases).unwrap_err();
    assert!(matches!(error, Error::OutOfCardMemory { total: 65536, .. }), "{error}");
    let any =
        Engine::new(card, Policy { msm: Fallback::Any { below: 0 }, ..Policy::default() }).expect("opens");
    let out = any.msm_slice(&bases, Scalars::montgomery(&scalars)).expect("falls back");
    assert_eq!(out.operation.place, Place::Cpu);
    assert_eq!(out.point, G1Projective::msm_unchecked(&bases, &scalars), "seed {seed}");
}

#[test]
fn unmodified_arkworks_groth16_proves_on_the_card() {
    let (mut rng, seed) = rng();
    let engine = engine();
    let circuit = Squares { x: Fr::rand(&mut rng), n: 60 };
    let plain = Groth16::<Bn254>::generate_random_parameters_with_reduction(circuit.clone(), &mut rng)
        .expect("setup");
    let key = ProvingKey::<AccelBn254>::deserialize_uncompressed(&*bytes(&plain)).expect("same format");
    let (r, s) = (Fr::rand(&mut rng), Fr::rand(&mut rng));
    let expected =
        Groth16::<Bn254>::create_proof_with_reduction(circuit.clone(), &plain, r, s).expect("proves");
    let proof =
        with_engine(&engine, || Groth16::<AccelBn254>::create_proof_with_reduction(circuit, &key, r, s))
            .expect("the card works")
            .expect("proves");
    assert_eq!(bytes(&proof), bytes(&expected), "seed {seed}");
    let report = engine.take_report();
    assert_eq!((report.count(Op::Msm, Place::Card), report.count(Op::Msm, Place::Cpu)), (5, 0));
}

#[test]
fn a_circom_circuit_proves_on_the_card_as_in_arkworks() {
    let (mut rng, seed) = rng();
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/circuits/membership");
    let key = groth16::ProvingKey::open(format!("{folder}/membership.zkey")).expect("key");
    let witness = Witness::open(format!("{folder}/membership.wtns")).expect("witness");
    let (r, s) = (Fr::rand(&mut rng), Fr::rand(&mut rng));
    // A card of its own: on the shared one other tests' engines count, too.
    let card = open(SimOptions { dram_bytes: Some(8 << 20), ..SimOptions::new(CardConfig::sim()) });
    let engine = Engine::new(card.clone(), Policy::default()).expect("opens");
    let proved = groth16::prove(&engine, &key, &witness, Blinding::explicit(r, s)).expect("proves");
    assert_eq!((proved.report.count(Op::Msm, Place::Card), proved.report.count(Op::Msm, Place::Cpu)), (5, 0));

    let vk = groth16::read_verifying_key(format!("{folder}/verification_key.json")).expect("reads");
    assert_eq!(&vk, key.verifying_key());
    assert_eq!(proved.publics, groth16::read_publics(format!("{folder}/public.json")).expect("reads"));
    assert!(groth16::verify(&vk, &proved.publics, &proved.proof).expect("right number"));

    let ark = key.to_ark().expect("snarkjs made this key");
    let assignment: Vec<Fr> =
        witness.values().iter().map(|v| Fr::from_bigint(*v).expect("below r")).collect();
    let expected = Groth16::<Bn254, CircomReduction>::create_proof_with_reduction_and_matrices(
        &ark.key,
        r,
        s,
        &ark.matrices,
        ark.num_inputs,
        ark.num_constraints,
        &assignment,
    )
    .expect("arkworks proves");
    assert_eq!(bytes(&proved.proof), bytes(&expected), "seed {seed}");

    let whole = proved.report.whole.expect("one list of commands");
    assert!(proved.report.operations.iter().all(|o| o.place == Place::Card && o.cycles > Some(0)));
    // To the card: the witness, 64 bytes for each command, and padding; back: window sums, 16 bytes for each command.
    let witness = 32 * witness.len() as u64;
    assert_eq!(whole.host_to_card.witness, witness);
    assert!(whole.host_to_card.bytes >= witness && whole.host_to_card.commands <= 400 * 64, "{whole:?}");
    assert!(whole.card_to_host.commands <= 400 * 64, "{whole:?}");
    // The witness map runs beside the MSMs of A, B1, B2 and C.
    let stream = proved.report.operations.iter().filter(|o| o.op != Op::Msm);
    let stream: u64 = stream.filter_map(|o| o.cycles).sum();
    assert!(2 * whole.engine_overlap > stream, "{whole:?}, {stream} clocks of the witness map");
    // The first window sums come back beside H.
    assert!(whole.copy_overlap > 0, "{whole:?}");
    // Nothing of the witness is left in card memory; small values are anywhere.
    let rest = card.dram().alloc(card.dram().usage().largest).expect("it is free");
    let mut left = vec![0; rest.capacity() as usize];
    card.read(&rest, 0, &mut left).expect("reads");
    let left: std::collections::HashSet<&[u8]> = left.chunks_exact(32).collect();
    let large = assignment.iter().filter(|v| v.into_bigint().num_bits() > 128);
    for form in large.flat_map(|v| [v.into_bigint(), v.0]) {
        let bytes: Vec<u8> = form.0.iter().flat_map(|limb| limb.to_le_bytes()).collect();
        assert!(!left.contains(&bytes[..]), "a signal is left in card memory, seed {seed}");
    }
    let longest = proved.report.operations.iter().filter_map(|o| o.cycles).max();
    assert!(Some(whole.cycles) > longest, "{whole:?}");
}
