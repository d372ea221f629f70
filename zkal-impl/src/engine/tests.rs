//! The engine's own logic on the card double: policy, sharing, memory, cache, failures.

use std::sync::atomic::Ordering;
use std::sync::Arc;

use ark_bn254::{Fr, G1Affine, G1Projective, G2Affine, G2Projective};
use ark_ec::VariableBaseMSM;
use ark_ff::{BigInt, PrimeField, UniformRand};
use rand::RngCore;

use super::testing::{rng, Knobs, TestDevice};
use super::*;

fn engine(total: u64, msm: Fallback) -> (Engine, Arc<Knobs>) {
    let (device, knobs) = TestDevice::new(total);
    (Engine::on_device(device, Policy { msm, ..Policy::default() }).expect("layout"), knobs)
}

fn points(n: usize, rng: &mut impl RngCore) -> Vec<G1Affine> {
    (0..n).map(|_| G1Affine::rand(rng)).collect()
}

/// `n` points, some of them the identity, equal, or inverses of each other.
fn mixed<P: MsmPoint + UniformRand>(n: usize, rng: &mut impl RngCore) -> Vec<P> {
    let mut points: Vec<P> = (0..n).map(|_| P::rand(rng)).collect();
    for i in (1..n).step_by(3) {
        points[i] = [P::zero(), points[i - 1], (-points[i - 1].into_group()).into()][i / 3 % 3];
    }
    points
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
    let words = [Fr::from(u64::MAX); 8];
    let run = |scalars| engine.msm(&set, 0..8, scalars).expect("runs").operation.card.expect("on the card");
    let (short, full) = (run(Scalars::montgomery(&words).with_bits(64)), run(Scalars::montgomery(&words)));
    assert_eq!(short.scalar_bits, 64);
    assert!(3 * short.windows <= full.windows, "{short:?} {full:?}");
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
    let sums = 64 * u64::from(plan(8, 254, Group::G1, &roomy.limits()).expect("a window fits").windows);
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
fn g2_without_an_engine_runs_on_the_cpu_only_where_the_policy_says_so() {
    let (mut rng, seed) = rng();
    let bases: Vec<G2Affine> = mixed(5, &mut rng);
    let (_, canonical) = scalars(5, &mut rng);
    let expected = G2Projective::msm_bigint(&bases, &canonical);

    let (device, _) = TestDevice::with(1 << 20, 1, false);
    let allowed = Engine::on_device(device, Policy::default()).expect("layout");
    let set = allowed.upload_bases(&bases).expect("stays on the host");
    assert!(!set.is_on_card() && allowed.mem_info().used == 0);
    let outcomes = [
        allowed.msm_slice(&bases, Scalars::canonical(&canonical)).expect("allowed"),
        allowed.msm(&set, 0..5, Scalars::canonical(&canonical)).expect("allowed"),
    ];
    for out in outcomes {
        assert_eq!(out.point, expected, "seed {seed}");
        assert_eq!((out.operation.group, out.operation.place), (Some(Group::G2), Place::Cpu));
        assert_eq!(out.operation.reason, Some(CpuReason::NoEngine));
    }

    let (device, _) = TestDevice::with(1 << 20, 1, false);
    let refused =
        Engine::on_device(device, Policy { g2: Unsupported::Refuse, ..Policy::default() }).expect("layout");
    let error = refused.msm_slice(&bases, Scalars::canonical(&canonical)).unwrap_err();
    assert!(matches!(error, Error::NotOnCard { .. }), "{error}");
    let error = refused.upload_bases(&bases).unwrap_err();
    assert!(matches!(error, Error::NotOnCard { .. }), "{error}");
    // With an engine the choice has nothing to say.
    let (device, _) = TestDevice::new(1 << 20);
    let able =
        Engine::on_device(device, Policy { g2: Unsupported::Refuse, ..Policy::default() }).expect("layout");
    let out = able.msm_slice(&bases, Scalars::canonical(&canonical)).expect("on the card");
    assert_eq!((out.point, out.operation.place), (expected, Place::Card), "seed {seed}");
}

/// Both groups, any number of adders, batches, views and precomputed multiples: arkworks' value.
fn everything<P: MsmPoint + UniformRand>(adders: u32, factor: u32) {
    let (mut rng, seed) = rng();
    let (device, knobs) = TestDevice::with(1 << 20, adders, true);
    let engine = Engine::on_device(device, Policy::default()).expect("layout");
    let n = 14;
    let bases: Vec<P> = mixed(n, &mut rng);
    let set = engine.upload_precomputed(&bases, factor).expect("fits");
    assert_eq!(set.card_bytes(), u64::from(factor) * n as u64 * P::BYTES as u64);
    assert_eq!(engine.mem_info().used, set.card_bytes());
    let vectors: Vec<_> = [n, 3, 0, 20].iter().map(|n| scalars(*n, &mut rng)).collect();
    for (range, view) in
        [(0..n, set.clone()), (0..5, set.prefix(5).unwrap()), (4..11, set.slice(4..11).unwrap())]
    {
        let batch: Vec<_> = vectors.iter().map(|(fr, _)| Scalars::montgomery(fr)).collect();
        knobs.runs.store(0, Ordering::Relaxed);
        engine.take_report();
        let outcomes = engine.msm_batch(&view, 0..view.len(), &batch).expect("runs");
        assert_eq!(knobs.runs.load(Ordering::Relaxed), 1, "one command");
        assert_eq!(engine.take_report().operations.len(), 1);
        for (outcome, (fr, _)) in outcomes.iter().zip(&vectors) {
            assert_eq!(outcome.point, P::msm_montgomery(&bases[range.clone()], fr), "seed {seed}");
            assert_eq!((outcome.operation.batch, outcome.operation.n), (4, range.len()));
        }
        let run = outcomes[0].operation.card.clone().expect("on the card");
        let work = |len: usize| bases[range.clone()].iter().take(len).filter(|p| !p.is_zero()).count() as u64;
        let each = [n, 3, 0, 20].map(work);
        assert_eq!(run.work, each.iter().sum::<u64>());
        assert_eq!(run.bound, each.iter().map(|w| bound(*w, 254)).sum::<u64>());
        let clocks = u64::from(P::GROUP.clocks_per_addition());
        assert_eq!(run.ratio, (run.bound * clocks) as f64 / (u64::from(adders) * run.cycles) as f64);
        assert_eq!((run.precompute, run.adders), (factor, adders));

        let canonical: Vec<_> = vectors.iter().map(|(_, v)| Scalars::canonical(v)).collect();
        let outcomes = engine.msm_batch(&view, 0..view.len(), &canonical).expect("runs");
        for (outcome, (fr, _)) in outcomes.iter().zip(&vectors) {
            assert_eq!(outcome.point, P::msm_montgomery(&bases[range.clone()], fr), "seed {seed}");
        }
    }
}

#[test]
fn groups_adders_batches_views_and_multiples_equal_arkworks() {
    for (adders, factor) in [(1, 1), (2, 1), (3, 1), (4, 2), (1, 3), (3, 64)] {
        everything::<G1Affine>(adders, factor);
        everything::<G2Affine>(adders, factor);
    }
}

#[test]
fn a_batch_is_cut_where_memory_ends_or_the_form_changes() {
    let (mut rng, seed) = rng();
    let bases = points(8, &mut rng);
    let vectors: Vec<_> = (0..6).map(|_| scalars(8, &mut rng)).collect();
    let (roomy, knobs) = engine(1 << 20, Fallback::Never);
    let set = roomy.upload_bases(&bases).expect("fits");
    assert!(roomy.msm_batch(&set, 0..8, &[]).expect("nothing to do").is_empty());
    let mixed: Vec<_> = vectors
        .iter()
        .enumerate()
        .map(|(i, (fr, canonical))| match i {
            0 | 1 | 5 => Scalars::montgomery(fr),
            _ => Scalars::canonical(canonical),
        })
        .collect();
    let check = |outcomes: Vec<MsmOutcome>| {
        assert_eq!(outcomes.len(), 6);
        for (outcome, (fr, _)) in outcomes.iter().zip(&vectors) {
            assert_eq!(outcome.point, G1Projective::msm_unchecked(&bases, fr), "seed {seed}");
        }
        outcomes.iter().map(|o| o.operation.batch).collect::<Vec<_>>()
    };
    assert_eq!(check(roomy.msm_batch(&set, 0..8, &mixed).expect("runs")), [2, 2, 3, 3, 3, 1]);
    assert_eq!(knobs.runs.load(Ordering::Relaxed), 3);

    // Room for the bases and two members.
    let sums = 64 * u64::from(plan(8, 254, Group::G1, &roomy.limits()).expect("a window fits").windows);
    let (tight, knobs) = engine(512 + 2 * (256 + sums) + 100, Fallback::Never);
    let set = tight.upload_bases(&bases).expect("fits");
    let same: Vec<_> = vectors.iter().map(|(fr, _)| Scalars::montgomery(fr)).collect();
    assert_eq!(check(tight.msm_batch(&set, 0..8, &same).expect("runs")), [2; 6]);
    assert_eq!(knobs.runs.load(Ordering::Relaxed), 3);
    // Room for not even one: the error says how much one needs.
    let (full, _) = engine(512 + 100, Fallback::Never);
    let set = full.upload_bases(&bases).expect("fits");
    let error = full.msm_batch(&set, 0..8, &same).unwrap_err();
    assert!(matches!(error, Error::OutOfCardMemory { needed: 256, .. }), "{error}");

    // A failing card: every member falls back, or the batch fails.
    let (any, knobs) = engine(1 << 20, Fallback::Any { below: 0 });
    let set = any.upload_bases(&bases).expect("fits");
    knobs.lost.store(true, Ordering::Relaxed);
    assert_eq!(check(any.msm_batch(&set, 0..8, &same).expect("falls back")), [1; 6]);
    assert_eq!(any.take_report().count(Op::Msm, Place::Cpu), 6);
}

#[test]
fn precomputation_is_bounded_and_says_what_it_needs() {
    let (mut rng, _) = rng();
    let (engine, _) = engine(10_000, Fallback::Never);
    let bases = points(10, &mut rng);
    for factor in [0, MAX_PRECOMPUTE + 1] {
        let error = engine.upload_precomputed(&bases, factor).unwrap_err();
        assert!(matches!(error, Error::Precompute { max: MAX_PRECOMPUTE, .. }), "{error}");
    }
    let text = engine.upload_precomputed(&bases, 16).unwrap_err().to_string();
    assert!(text.contains("10 base points of G1, 16 multiples each: 10240 bytes needed"), "{text}");
}

#[test]
fn a_window_can_be_asked_for() {
    let (mut rng, seed) = rng();
    let (engine, _) = engine(1 << 20, Fallback::Never);
    let bases = points(6, &mut rng);
    let (fr, _) = scalars(6, &mut rng);
    let set = engine.upload_bases(&bases).expect("fits");
    for c in 2..=13 {
        let out = engine.with_window(c).msm(&set, 0..6, Scalars::montgomery(&fr)).expect("runs");
        assert_eq!(out.point, G1Projective::msm_unchecked(&bases, &fr), "seed {seed}");
        assert_eq!(out.operation.card.expect("on the card").window_bits, c);
    }
    for c in [1, 14] {
        let error = engine.with_window(c).msm(&set, 0..6, Scalars::montgomery(&fr)).unwrap_err();
        assert!(matches!(error, Error::Window { min: 2, max: 13, .. }), "{error}");
    }
}
