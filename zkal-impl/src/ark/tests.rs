//! `AccelBn254` against plain `Bn254`, on the card double.

use std::panic::AssertUnwindSafe;

use ark_bn254::{Bn254, Fr};
use ark_ec::pairing::Pairing;
use ark_ec::{AdditiveGroup, AffineRepr, CurveGroup, PrimeGroup, VariableBaseMSM};
use ark_ff::{Field, PrimeField, UniformRand, Zero};
use ark_groth16::r1cs_to_qap::{LibsnarkReduction, R1CSToQAP};
use ark_groth16::{prepare_verifying_key, Groth16, ProvingKey};
use ark_serialize::{CanonicalDeserialize, CanonicalSerialize};
use rand::{RngCore, SeedableRng};
use rand_chacha::ChaCha20Rng;

use super::*;
use crate::engine::testing::{rng, Knobs, TestDevice};
use crate::engine::{Engine, Group, Op, Place, Policy, Unsupported};
use crate::groth16::testing::Circuit;
use crate::groth16::CircomReduction;
use crate::Error;

fn engine() -> (Engine, std::sync::Arc<Knobs>) {
    let (device, knobs) = TestDevice::new(1 << 24);
    (Engine::on_device(device, Policy::default()).expect("layout"), knobs)
}

fn bytes(value: &impl CanonicalSerialize) -> Vec<u8> {
    let mut out = Vec::new();
    value.serialize_uncompressed(&mut out).expect("memory");
    out
}

fn groth16_equals_bn254<Q: R1CSToQAP>() {
    let (mut rng, seed) = rng();
    let (engine, _) = engine();
    let circuit = Circuit::random(2, 9, &mut rng);
    let (r, s) = (Fr::rand(&mut rng), Fr::rand(&mut rng));

    // Setup from the same randomness gives the same key, with no engine at all.
    let setup_seed = rng.next_u64();
    let mut first = ChaCha20Rng::seed_from_u64(setup_seed);
    let plain = Groth16::<Bn254, Q>::generate_random_parameters_with_reduction(circuit.clone(), &mut first)
        .expect("setup");
    let mut second = ChaCha20Rng::seed_from_u64(setup_seed);
    let accel =
        Groth16::<AccelBn254, Q>::generate_random_parameters_with_reduction(circuit.clone(), &mut second)
            .expect("setup");
    assert_eq!(bytes(&accel), bytes(&plain), "seed {seed}");
    let moved = ProvingKey::<AccelBn254>::deserialize_uncompressed(&*bytes(&plain)).expect("same format");
    assert_eq!(moved, accel);

    let expected =
        Groth16::<Bn254, Q>::create_proof_with_reduction(circuit.clone(), &plain, r, s).expect("proves");
    let proof = with_engine(&engine, || {
        Groth16::<AccelBn254, Q>::create_proof_with_reduction(circuit.clone(), &accel, r, s)
    })
    .expect("the engine works")
    .expect("proves");
    assert_eq!(bytes(&proof), bytes(&expected), "seed {seed}");

    let report = engine.take_report();
    assert_eq!((report.count(Op::Msm, Place::Card), report.count(Op::Msm, Place::Cpu)), (5, 0));
    assert_eq!(report.operations.iter().filter(|o| o.group == Some(Group::G2)).count(), 1);

    // Verification makes no MSM and needs no engine.
    let publics = &circuit.synthesised().1[1..=2];
    let key = prepare_verifying_key(&accel.vk);
    assert!(Groth16::<AccelBn254, Q>::verify_proof(&key, &proof, publics).expect("verifies"));
    let wrong = [publics[1], publics[0]];
    assert!(!Groth16::<AccelBn254, Q>::verify_proof(&key, &proof, &wrong).expect("verifies"));
}

#[test]
fn groth16_with_libsnark_reduction_equals_bn254() {
    groth16_equals_bn254::<LibsnarkReduction>();
}

#[test]
fn groth16_with_circom_reduction_equals_bn254() {
    groth16_equals_bn254::<CircomReduction>();
}

/// The whole arithmetic surface, generically, so that both pairings run the same text.
fn exercise<P: Pairing>(seed: u64) -> Vec<Vec<u8>> {
    let rng = &mut ChaCha20Rng::seed_from_u64(seed);
    let k = P::ScalarField::rand(rng);
    let (p, q) = (P::G1::rand(rng), P::G2::rand(rng));
    let (pa, qa) = (P::G1Affine::rand(rng), P::G2Affine::rand(rng));
    let mut sum = p + pa - P::G1::generator() * k;
    sum += &p;
    sum -= pa;
    sum *= k;
    sum.double_in_place();
    let list = [p, sum, P::G1::zero(), -p];
    let points = P::G1::normalize_batch(&list);
    let total: P::G1 = list.iter().sum::<P::G1>() + points.iter().sum::<P::G1>();
    let pairing = P::pairing(sum.into_affine(), (q * k + qa).into_affine());
    vec![
        bytes(&sum),
        bytes(&points),
        bytes(&total),
        bytes(&(pa + points[1] - sum)),
        bytes(&(qa.mul_bigint([5]) - q)),
        bytes(&(
            pa.clear_cofactor(),
            P::G1Affine::from_random_bytes(&[7; 40]),
            pa.xy().map(|(x, _)| x.square()),
        )),
        bytes(&pairing),
        bytes(&p.batch_mul_like(&[k, k.square()])),
        format!("{pa} {p:?} {:?}", P::G1Affine::zero()).into_bytes(),
    ]
}

trait BatchMul: CurveGroup {
    fn batch_mul_like(self, scalars: &[Self::ScalarField]) -> Vec<Self::Affine> {
        ark_ec::ScalarMul::batch_mul(self, scalars)
    }
}
impl<G: CurveGroup> BatchMul for G {}

#[test]
fn arithmetic_equals_bn254() {
    let (mut rng, _) = rng();
    let seed = rng.next_u64();
    assert_eq!(exercise::<AccelBn254>(seed), exercise::<Bn254>(seed), "seed {seed}");
}

#[test]
fn no_msm_method_bypasses_the_engine() {
    let (mut rng, seed) = rng();
    let (engine, _) = engine();
    let plain: Vec<_> = (0..4).map(|_| ark_bn254::G1Affine::rand(&mut rng)).collect();
    let bases: Vec<AccelG1Affine> = plain.iter().map(|p| (*p).into()).collect();
    let fr: Vec<Fr> = (0..4).map(|_| Fr::rand(&mut rng)).collect();
    let bigints: Vec<_> = fr.iter().map(|s| s.into_bigint()).collect();
    type G = ark_bn254::G1Projective;
    with_engine(&engine, || {
        let check = |accel: AccelG1, expected: G| {
            assert_eq!(accel.0, expected, "seed {seed}");
            let report = engine.take_report();
            assert_eq!(report.count(Op::Msm, Place::Card), 1, "one MSM on the card");
        };
        check(AccelG1::msm_bigint(&bases, &bigints), G::msm_bigint(&plain, &bigints));
        check(AccelG1::msm_bigint(&bases, &bigints[..3]), G::msm_bigint(&plain, &bigints[..3]));
        check(AccelG1::msm_bigint(&bases[1..], &bigints), G::msm_bigint(&plain[1..], &bigints));
        check(AccelG1::msm(&bases, &fr).expect("equal lengths"), G::msm(&plain, &fr).expect("equal lengths"));
        check(AccelG1::msm_unchecked(&bases, &fr), G::msm_unchecked(&plain, &fr));
        check(AccelG1::msm_chunks(&&bases[..], &&fr[..]), G::msm_chunks(&&plain[..], &&fr[..]));
        let bits = [true, false, true, true];
        check(AccelG1::msm_u1(&bases, &bits), G::msm_u1(&plain, &bits));
        check(AccelG1::msm_u8(&bases, &[1, 0, 255, 3]), G::msm_u8(&plain, &[1, 0, 255, 3]));
        check(AccelG1::msm_u16(&bases, &[1, 0, 65535, 3]), G::msm_u16(&plain, &[1, 0, 65535, 3]));
        check(AccelG1::msm_u32(&bases, &[1, 0, u32::MAX, 3]), G::msm_u32(&plain, &[1, 0, u32::MAX, 3]));
        check(AccelG1::msm_u64(&bases, &[1, 0, u64::MAX, 3]), G::msm_u64(&plain, &[1, 0, u64::MAX, 3]));
        assert_eq!(AccelG1::msm(&bases, &fr[..2]), Err(2), "unequal lengths stay an error");
    })
    .expect("the engine works");
}

#[test]
fn a_failing_msm_comes_out_as_an_error() {
    let (mut rng, _) = rng();
    let (engine, knobs) = engine();
    knobs.lost.store(true, std::sync::atomic::Ordering::Relaxed);
    let bases = vec![AccelG1Affine::rand(&mut rng)];
    let result = with_engine(&engine, || {
        AccelG1::msm_unchecked(&bases, &[Fr::from(5u64)]);
        unreachable!("the MSM failed")
    });
    assert!(matches!(result, Err::<(), _>(Error::Driver(_))), "{result:?}");

    let (device, _) = TestDevice::with(1 << 20, 1, false);
    let strict =
        Engine::on_device(device, Policy { g2: Unsupported::Refuse, ..Policy::default() }).expect("layout");
    let g2 = [AccelG2Affine::rand(&mut rng)];
    let result = with_engine(&strict, || AccelG2::msm_unchecked(&g2, &[Fr::from(5u64)]));
    assert!(matches!(result, Err(Error::NotOnCard { .. })), "{result:?}");
}

#[test]
fn scopes_nest_threads_need_install_and_nothing_runs_unasked() {
    let (outer, inner) = (engine().0, engine().0);
    let msm = || AccelG1::msm_unchecked(&[AccelG1Affine::generator()], &[Fr::from(2u64)]);
    let ran = |engine: &Engine| engine.take_report().operations.len();

    let panic = std::panic::catch_unwind(msm).unwrap_err();
    let text = panic.downcast_ref::<String>().map(String::as_str).or(panic.downcast_ref::<&str>().copied());
    assert!(text.is_some_and(|t| t.contains("has no engine on this thread")), "{text:?}");

    with_engine(&outer, || {
        msm();
        with_engine(&inner, msm).expect("works");
        msm();
        // Another thread does not see the scope.
        assert!(std::thread::spawn(msm).join().is_err());
    })
    .expect("works");
    assert_eq!((ran(&outer), ran(&inner)), (2, 1));

    let installed = install(outer.clone());
    std::thread::spawn(msm).join().expect("sees the installed engine");
    with_engine(&inner, msm).expect("works");
    assert_eq!((ran(&outer), ran(&inner)), (1, 1));
    drop(installed);
    assert!(std::thread::spawn(msm).join().is_err());

    // A panic of the caller's own is not turned into an error.
    let own = std::panic::catch_unwind(AssertUnwindSafe(|| with_engine(&inner, || panic!("mine"))));
    assert_eq!(own.map(drop).unwrap_err().downcast_ref::<&str>(), Some(&"mine"));
    assert!(std::panic::catch_unwind(msm).is_err(), "the scope ended with the panic");
}
