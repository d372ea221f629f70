//! The engine's own logic on the card double: policy, sharing, memory, cache, failures.

use std::sync::atomic::Ordering;
use std::sync::Arc;

use ark_bn254::{Fr, G1Affine, G1Projective, G2Affine, G2Projective};
use ark_ec::{CurveGroup, VariableBaseMSM};
use ark_ff::{BigInt, PrimeField, UniformRand};
use rand::RngCore;

use super::testing::{rng, Knobs, TestDevice};
use super::*;

fn engine(total: u64, g1: Fallback) -> (Engine, Arc<Knobs>) {
    let (device, knobs) = TestDevice::new(total);
    (Engine::on_device(device, Policy { g1, ..Policy::default() }).expect("layout"), knobs)
}

fn points(n: usize, rng: &mut impl RngCore) -> Vec<G1Affine> {
    let points: Vec<G1Projective> = (0..n).map(|_| G1Projective::rand(rng)).collect();
    G1Projective::normalize_batch(&points)
}

fn scalars(n: usize, rng: &mut impl RngCore) -> (Vec<Fr>, Vec<BigInt<4>>) {
    let values: Vec<Fr> = (0..n).map(|_| Fr::rand(rng)).collect();
    let canonical = values.iter().map(|s| s.into_bigint()).collect();
    (values, canonical)
}

#[test]
fn both_scalar_forms_equal_arkworks() {
    let (mut rng, seed) = rng();
    let (engine, _) = engine(1 << 20, Fallback::Never);
    for n in [0, 1, 2, 3, 20] {
        let mut bases = points(n, &mut rng);
        if n > 2 {
            bases[1] = G1Affine::identity();
        }
        let (fr, canonical) = scalars(n, &mut rng);
        let expected = G1Projective::msm_bigint(&bases, &canonical);
        let set = engine.upload_bases(&bases).expect("fits");
        let a = engine.msm(&set, 0..n, Scalars::canonical(&canonical)).expect("runs");
        let b = engine.msm(&set, 0..n, Scalars::montgomery(&fr)).expect("runs");
        assert_eq!((a.point, b.point), (expected, expected), "n {n}, seed {seed}");
        assert_eq!(a.operation.place, Place::Card);
        let run = a.operation.card.expect("ran on the card");
        assert_eq!(run.work, n as u64 - u64::from(n > 2), "identities cost nothing");
        assert_eq!(run.bound, bound(run.work, run.scalar_bits));
        assert_eq!(run.ratio, run.bound as f64 / run.cycles as f64);
        assert_eq!(run.bytes_up, 32 * n as u64);
    }
}

#[test]
fn views_share_one_upload_and_free_it_together() {
    let (mut rng, seed) = rng();
    let (engine, knobs) = engine(1 << 20, Fallback::Never);
    let bases = points(10, &mut rng);
    let (_, canonical) = scalars(10, &mut rng);
    let set = engine.upload_bases(&bases).expect("fits");
    let used = engine.mem_info().used;
    assert_eq!(used, 640);
    let tail = set.slice(4..10).expect("in range").slice(1..4).expect("in range");
    assert_eq!(engine.mem_info().used, used);
    drop(set);
    let got = engine.msm(&tail, 1..3, Scalars::canonical(&canonical)).expect("runs").point;
    assert_eq!(got, G1Projective::msm_bigint(&bases[6..8], &canonical), "seed {seed}");
    assert_eq!(knobs.written.load(Ordering::Relaxed), 640 + 2 * 32, "scalars beyond the range stay here");
    assert_eq!(knobs.erased.load(Ordering::Relaxed), 2, "scalars and window sums are erased");
    drop(tail);
    assert_eq!(engine.mem_info().used, 0);
}

#[test]
fn window_choice_follows_the_measured_scalars() {
    let (mut rng, _) = rng();
    let (engine, _) = engine(1 << 20, Fallback::Never);
    let set = engine.upload_bases(&points(8, &mut rng)).expect("fits");
    let bits = |scalars: Scalars<'_>| {
        engine.msm(&set, 0..8, scalars).expect("runs").operation.card.expect("on the card").scalar_bits
    };
    assert_eq!(bits(Scalars::canonical(&[BigInt::zero(); 8])), 0);
    assert_eq!(bits(Scalars::canonical(&[BigInt::from(1u64); 8])), 1);
    assert_eq!(bits(Scalars::canonical(&[BigInt([0, 1, 0, 0]); 8])), 65);
    assert_eq!(bits(Scalars::montgomery(&[Fr::from(3u64); 8])), 254);
    assert_eq!(bits(Scalars::montgomery(&[Fr::from(3u64); 8]).with_bits(2)), 2);
    let wide = [BigInt([0, 0, 0, 1 << 63]); 1];
    let error = engine.msm(&set, 0..1, Scalars::canonical(&wide)).unwrap_err();
    assert!(matches!(error, Error::ScalarTooWide { bits: 256 }), "{error}");
}

#[test]
fn work_leaves_out_identities_and_zero_scalars() {
    let (mut rng, _) = rng();
    let (engine, _) = engine(1 << 20, Fallback::Never);
    let mut bases = points(100, &mut rng);
    let (mut fr, _) = scalars(100, &mut rng);
    (60..80).for_each(|i| bases[i] = G1Affine::identity());
    (75..90).for_each(|i| fr[i] = Fr::from(0u64));
    let set = engine.upload_bases(&bases).expect("fits").slice(50..100).expect("in range");
    let out = engine.msm(&set, 5..50, Scalars::montgomery(&fr[55..])).expect("runs");
    assert_eq!(out.point, G1Projective::msm_unchecked(&bases[55..], &fr[55..]));
    assert_eq!(out.operation.n, 45);
    assert_eq!(out.operation.card.expect("on the card").work, 5 + 10);
}

#[test]
fn nothing_falls_back_under_never() {
    let (mut rng, _) = rng();
    let (engine, knobs) = engine(1 << 20, Fallback::Never);
    let bases = points(4, &mut rng);
    let (_, canonical) = scalars(4, &mut rng);
    knobs.lost.store(true, Ordering::Relaxed);
    let error = engine.msm_slice(&bases, Scalars::canonical(&canonical)).unwrap_err();
    assert!(matches!(error, Error::Driver(_)), "{error}");
    knobs.lost.store(false, Ordering::Relaxed);
    knobs.corrupt.store(true, Ordering::Relaxed);
    let error = engine.msm_slice(&bases, Scalars::canonical(&canonical)).unwrap_err();
    assert!(matches!(error, Error::BadWindowSum { .. }), "{error}");
    assert!(engine.take_report().operations.is_empty());
}

#[test]
fn fallback_is_chosen_and_recorded() {
    let (mut rng, seed) = rng();
    let bases = points(12, &mut rng);
    let (_, canonical) = scalars(12, &mut rng);
    let expected = |n: usize| G1Projective::msm_bigint(&bases[..n], &canonical[..n]);

    let (small, _) = engine(1 << 20, Fallback::Small { below: 8 });
    let set = small.upload_bases(&bases).expect("fits");
    for (n, place) in [(7, Place::Cpu), (8, Place::Card)] {
        let out = small.msm(&set, 0..n, Scalars::canonical(&canonical)).expect("runs");
        assert_eq!((out.operation.place, out.point), (place, expected(n)), "seed {seed}");
    }

    let (any, knobs) = engine(1 << 20, Fallback::Any { below: 0 });
    let set = any.upload_bases(&bases).expect("fits");
    knobs.lost.store(true, Ordering::Relaxed);
    let out = any.msm(&set, 0..12, Scalars::canonical(&canonical)).expect("falls back");
    assert_eq!(out.point, expected(12), "seed {seed}");
    assert!(matches!(&out.operation.reason, Some(CpuReason::CardFailed(why)) if why.contains("unplugged")));

    // Bases that do not fit stay on the host; the report says why.
    let (tiny, _) = engine(100, Fallback::Any { below: 0 });
    let set = tiny.upload_bases(&bases).expect("stays on the host");
    assert!(!set.is_on_card());
    let out = tiny.msm(&set, 2..12, Scalars::canonical(&canonical)).expect("falls back");
    assert_eq!(out.point, G1Projective::msm_bigint(&bases[2..], &canonical[..10]), "seed {seed}");
    assert!(matches!(&out.operation.reason, Some(CpuReason::CardFailed(why)) if why.contains("cannot hold")));
    assert_eq!(tiny.take_report().count(Op::Msm, Place::Cpu), 1);
}

#[test]
fn slices_are_found_by_content_not_by_address() {
    let (mut rng, seed) = rng();
    let (engine, knobs) = engine(1 << 20, Fallback::Never);
    let mut bases = points(4, &mut rng);
    let (_, canonical) = scalars(4, &mut rng);
    let run = |bases: &[G1Affine]| {
        let out = engine.msm_slice(bases, Scalars::canonical(&canonical)).expect("runs").point;
        assert_eq!(out, G1Projective::msm_bigint(bases, &canonical), "seed {seed}");
        knobs.written.swap(0, Ordering::Relaxed)
    };
    assert_eq!(run(&bases), 256 + 128, "points and scalars go up");
    assert_eq!(run(&bases), 128, "only scalars go up");
    assert_eq!(run(&bases.clone()), 128, "equal points elsewhere are the same upload");
    // Same address, same length, one point changed: a key of pointer and length would be wrong here.
    bases[2] = -bases[2];
    assert_eq!(run(&bases), 256 + 128);
    assert_eq!(engine.cached_slices(), 2);
    engine.clear_cache();
    assert_eq!(engine.mem_info().used, 0);
}

#[test]
fn cached_slices_make_room_least_recently_used_first() {
    let (mut rng, _) = rng();
    // Room for two cached slices of 8 points and one operation's scalars and window sums.
    let (roomy, _) = engine(1 << 20, Fallback::Never);
    let sums = 128 * u64::from(plan(8, 254, &roomy.limits()).expect("a window fits").windows);
    let (engine, knobs) = engine(2 * 512 + 256 + sums, Fallback::Never);
    let sets: Vec<_> = (0..3).map(|_| points(8, &mut rng)).collect();
    let canonical: Vec<_> = (0..8).map(|i| BigInt([i, 0, 0, 1 << 61])).collect();
    let uploads = |i: usize| {
        engine.msm_slice(&sets[i], Scalars::canonical(&canonical)).expect("runs");
        knobs.written.swap(0, Ordering::Relaxed) > 256
    };
    assert!(uploads(0) && uploads(1) && !uploads(0));
    assert!(uploads(2), "evicts 1, the least recently used");
    assert!(!uploads(0), "0 stayed");
    assert!(uploads(1), "1 was evicted");

    let error = engine.upload_bases(&points(400, &mut rng)).unwrap_err();
    assert!(matches!(error, Error::OutOfCardMemory { needed: 25600, .. }), "{error}");
    assert_eq!(engine.cached_slices(), 0, "all were evicted in the attempt");
}

#[test]
fn foreign_and_out_of_range_sets_are_refused() {
    let (mut rng, _) = rng();
    let (a, _) = engine(1 << 20, Fallback::Any { below: 0 });
    let (b, _) = engine(1 << 20, Fallback::Any { below: 0 });
    let set = a.upload_bases(&points(4, &mut rng)).expect("fits");
    let one = [BigInt::from(1u64)];
    assert!(matches!(b.msm(&set, 0..1, Scalars::canonical(&one)), Err(Error::ForeignBases)));
    let error = a.msm(&set, 2..5, Scalars::canonical(&one)).unwrap_err();
    assert_eq!(error.to_string(), "range 2..5 lies outside a base set of 4 points");
}

#[test]
fn g2_runs_on_the_cpu_only_where_the_policy_says_so() {
    let (mut rng, seed) = rng();
    let bases: Vec<G2Affine> = (0..5).map(|_| G2Projective::rand(&mut rng).into_affine()).collect();
    let (_, canonical) = scalars(5, &mut rng);
    let (allowed, _) = engine(1 << 20, Fallback::Never);
    let out = allowed.msm_g2(&bases, Scalars::canonical(&canonical)).expect("allowed");
    assert_eq!(out.point, G2Projective::msm_bigint(&bases, &canonical), "seed {seed}");
    assert_eq!((out.operation.group, out.operation.place), (Some(Group::G2), Place::Cpu));
    let (device, _) = TestDevice::new(1 << 20);
    let refused =
        Engine::on_device(device, Policy { g2: Unsupported::Refuse, ..Policy::default() }).expect("layout");
    let error = refused.msm_g2(&bases, Scalars::canonical(&canonical)).unwrap_err();
    assert!(matches!(error, Error::NotOnCard { .. }), "{error}");
}
