//! The MSM engine's RTL against arkworks and the golden model.

mod bench;
mod case;
mod curve;
mod schedule;

use ark_bn254::{Fr, G1Projective, G2Projective};
use ark_ec::AffineRepr;
use ark_ff::{BigInteger, PrimeField, UniformRand, Zero};
use bench::{Bench, Command, Memory, Outcome, FAST, ROUGH};
use case::{window_sum, Case, BYTES, SCALARS};
use curve::{points, Curve, Element};
use permafrost_abi::Status;
use permafrost_rtl::{
    config::CardConfig,
    msm::{engine, lane, model},
    point::affine,
};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

pub fn seed() -> u64 {
    let seed = std::env::var("PERMAFROST_SEED").ok().and_then(|s| s.parse().ok()).unwrap_or(0x5eed_0002);
    println!("seed {seed} (set PERMAFROST_SEED to repeat)");
    seed
}

/// The engines of these tests: few of them, for each takes its time to build.
pub fn bench(adders: usize, rng: &mut ChaCha8Rng) -> Bench {
    let log2_slots = if adders == 1 { 15 } else { 14 };
    Bench::new(&CardConfig { adders, log2_slots, ..CardConfig::sim() }, BYTES, rng.gen())
}

fn uniform(rng: &mut ChaCha8Rng, n: usize) -> Vec<Fr> {
    (0..n).map(|_| Fr::rand(rng)).collect()
}

/// Scalars of many kinds: uniform, equal, zero, one, the largest, bits, sparse.
fn distributions(rng: &mut ChaCha8Rng, n: usize) -> Vec<Vec<Fr>> {
    let (equal, one) = (Fr::rand(rng), Fr::from(1u32));
    let bits = (0..n).map(|_| Fr::from(u32::from(rng.gen::<bool>()))).collect();
    let sparse = (0..n).map(|i| if i % 7 == 3 { Fr::rand(rng) } else { Fr::zero() }).collect();
    vec![uniform(rng, n), vec![equal; n], vec![Fr::zero(); n], vec![one; n], vec![-one; n], bits, sparse]
}

fn spoil<C: Curve>(bases: &mut [C::Affine]) {
    if bases.len() > 6 {
        bases[1] = C::Affine::zero();
        bases[3] = bases[2];
        bases[5] = (-bases[4].into_group()).into();
    }
}

/// Window widths and numbers of points; the widest windows have room for short scalars only.
fn distributions_and_windows<C: Curve>(adders: usize, cases: &[(usize, u8, u32)]) {
    let mut rng = ChaCha8Rng::seed_from_u64(seed());
    let mut b = bench(adders, &mut rng);
    let most = cases.iter().map(|c| c.0).max().expect("cases");
    let all = points::<C>(&mut rng, most);
    for &(n, window_bits, bits) in cases {
        let mut bases = all[..n].to_vec();
        spoil::<C>(&mut bases);
        for mut scalars in distributions(&mut rng, n) {
            if bits < 254 {
                for s in &mut scalars {
                    let mut short = s.into_bigint();
                    short >>= 254 - bits;
                    *s = Fr::from_bigint(short).expect("smaller");
                }
            }
            let montgomery = rng.gen();
            let m = if rng.gen() { FAST } else { ROUGH };
            let vectors = [scalars];
            Case::<C> { bases: &bases, vectors: &vectors, window_bits, bits, montgomery }.check(&mut b, m);
        }
    }
    println!("{} clocks", b.clock);
}

#[test]
fn distributions_in_g1() {
    let cases = [
        (0, 4, 254),
        (1, 2, 254),
        (2, 3, 254),
        (3, 4, 254),
        (7, 5, 254),
        (64, 6, 254),
        (257, 7, 254),
        (65, 8, 254),
        (300, 9, 254),
        (33, 10, 254),
        (31, 11, 254),
        (40, 12, 128),
        (40, 13, 80),
    ];
    distributions_and_windows::<G1Projective>(1, &cases);
}

#[test]
fn distributions_in_g2() {
    let cases = [(0, 3, 254), (1, 2, 254), (5, 4, 254), (63, 7, 254), (100, 9, 254), (30, 13, 40)];
    distributions_and_windows::<G2Projective>(1, &cases);
}

#[test]
fn distributions_over_three_adders() {
    // 26, 64, 37, 85, 2 and 1 windows: 2, 1, 1, 1, 2 and 1 of them shared.
    let g1 =
        [(100, 10, 254), (33, 4, 254), (257, 7, 254), (3, 3, 254), (50, 9, 17), (20, 13, 12), (0, 5, 254)];
    distributions_and_windows::<G1Projective>(3, &g1);
    distributions_and_windows::<G2Projective>(3, &[(60, 6, 254), (31, 9, 254), (40, 8, 8)]);
}

fn sums_equal_the_model<C: Curve>(b: &mut Bench, rng: &mut ChaCha8Rng, widths: &[u8]) {
    for &window_bits in widths {
        let mut bases = points::<C>(rng, 60);
        bases[7] = C::Affine::zero();
        let repeated = Fr::rand(rng);
        let scalars: Vec<Fr> = (0..60).map(|_| if rng.gen() { repeated } else { Fr::rand(rng) }).collect();
        let vectors = [scalars];
        let case = Case::<C> { bases: &bases, vectors: &vectors, window_bits, bits: 254, montgomery: false };
        let cmd = case.load(b);
        let o = b.run(&cmd, ROUGH);
        case.compare(b, &cmd, &o);
        let points: Vec<_> = bases.iter().map(|p| (!p.is_zero()).then(|| Element(C::from(*p)))).collect();
        let scalars: Vec<_> = vectors[0].iter().map(|s| s.into_bigint().into()).collect();
        let latency = rng.gen_range(0..200);
        let (c, windows) = (window_bits.into(), cmd.windows.into());
        let sums = model::window_sums(&points, &scalars, c, windows, latency).expect("in range");
        for (w, sum) in sums.iter().enumerate() {
            let expected = sum.as_ref().map_or(C::zero(), |p| p.0);
            assert_eq!(window_sum::<C>(b, &cmd, 0, w), expected, "c={c} window {w}");
        }
    }
}

#[test]
fn every_window_sum_equals_the_model() {
    let mut rng = ChaCha8Rng::seed_from_u64(seed());
    let mut b = bench(1, &mut rng);
    sums_equal_the_model::<G1Projective>(&mut b, &mut rng, &[2, 6, 10]);
    sums_equal_the_model::<G2Projective>(&mut b, &mut rng, &[3, 8]);
    let mut b = bench(3, &mut rng);
    sums_equal_the_model::<G1Projective>(&mut b, &mut rng, &[2, 5, 11]);
}

fn batches<C: Curve>(b: &mut Bench, rng: &mut ChaCha8Rng) {
    for (n, members, window_bits) in [(90, 4, 6u8), (1, 2, 3), (51, 2, 8), (0, 4, 2)] {
        let bases = points::<C>(rng, n);
        let mut vectors: Vec<_> = (0..members).map(|_| uniform(rng, n)).collect();
        if members > 2 {
            vectors[2].fill(Fr::zero());
        }
        for m in [FAST, ROUGH] {
            let montgomery = rng.gen();
            Case::<C> { bases: &bases, vectors: &vectors, window_bits, bits: 254, montgomery }.check(b, m);
        }
    }
}

#[test]
fn batches_over_the_same_bases() {
    let mut rng = ChaCha8Rng::seed_from_u64(seed());
    for adders in [1, 3] {
        let mut b = bench(adders, &mut rng);
        batches::<G1Projective>(&mut b, &mut rng);
        batches::<G2Projective>(&mut b, &mut rng);
    }
}

#[test]
fn a_prefix_of_the_bases() {
    let mut rng = ChaCha8Rng::seed_from_u64(seed());
    let mut b = bench(3, &mut rng);
    let bases = points::<G1Projective>(&mut rng, 80);
    let vectors = [uniform(&mut rng, 80), uniform(&mut rng, 80)];
    let whole = Case::<G1Projective> {
        bases: &bases,
        vectors: &vectors,
        window_bits: 7,
        bits: 254,
        montgomery: true,
    };
    let cmd = Command { n: 33, ..whole.load(&mut b) };
    let o = b.run(&cmd, ROUGH);
    let vectors = vectors.clone().map(|v| v[..33].to_vec());
    Case::<G1Projective> { bases: &bases[..33], vectors: &vectors, ..whole }.compare(&b, &cmd, &o);
}

#[test]
fn errors_and_recovery() {
    let mut rng = ChaCha8Rng::seed_from_u64(seed());
    for adders in [1, 3] {
        let mut b = bench(adders, &mut rng);
        errors::<G1Projective>(&mut b, &mut rng);
        errors::<G2Projective>(&mut b, &mut rng);
    }
}

fn errors<C: Curve>(b: &mut Bench, rng: &mut ChaCha8Rng) {
    let bases = points::<C>(rng, 50);
    let vectors = [uniform(rng, 50), uniform(rng, 50)];
    let case = Case::<C> { bases: &bases, vectors: &vectors, window_bits: 7, bits: 254, montgomery: false };
    case.check(b, FAST);

    let cmd = case.load(b);
    for at in [64 * 20, SCALARS + 64 * 10, SCALARS + cmd.stride + 64 * 3] {
        let o = b.run(&cmd, Memory { bad_read: Some(at), ..ROUGH });
        assert_eq!((o.status, o.addr, o.info), (Status::DramReadError as u64, at, 0));
        case.check(b, ROUGH);
    }
    for (member, entry) in [(0, 2), (1, 0)] {
        let at = cmd.entry(b.lanes, member, b.lanes - 1, entry);
        let o = b.run(&cmd, Memory { bad_write: Some(at), ..FAST });
        assert_eq!((o.status, o.addr, o.info), (Status::DramWriteError as u64, at, 0));
        case.check(b, FAST);
    }

    // Scalars of 254 bits in 30 windows of 7; the first vector fits.
    let short = |s: &Fr| s.into_bigint().to_bits_le()[209..].iter().all(|&bit| !bit);
    let mut mixed = [vec![Fr::from(rng.gen::<u128>()); 50], uniform(rng, 50)];
    mixed[1][..9].fill(Fr::from(5u32));
    let first = mixed[1].iter().position(|s| !short(s)).expect("254-bit scalars");
    let long = Case::<C> { vectors: &mixed, bits: 209, ..case };
    let cmd = long.load(b);
    let o = b.run(&cmd, FAST);
    assert_eq!((o.status, o.addr, o.info), (Status::ScalarRange as u64, 1, first as u64));
    case.check(b, ROUGH);
    // The first one beyond the largest: H has the top bit of every window set. The scalar of an identity is not looked at.
    let largest = (0..30).fold(Fr::zero(), |h, _| h * Fr::from(128u32) + Fr::from(64u32));
    for (past, status) in [(0u32, Status::Success), (1, Status::ScalarRange)] {
        let vectors = [vec![largest + Fr::from(past); 2]];
        let edge = Case::<C> { bases: &bases[..2], vectors: &vectors, bits: 209, ..case };
        let cmd = edge.load(b);
        let o = b.run(&cmd, FAST);
        assert_eq!((o.status, o.addr, o.info), (status as u64, 0, 0), "{past} past the largest");
        let identities = vec![C::Affine::zero(); 2];
        Case::<C> { bases: &identities, ..edge }.check(b, FAST);
    }
}

#[test]
fn cancellation_and_reset() {
    let mut rng = ChaCha8Rng::seed_from_u64(seed());
    let mut b = bench(3, &mut rng);
    cancellations::<G1Projective>(&mut b, &mut rng);
    cancellations::<G2Projective>(&mut b, &mut rng);
}

fn cancellations<C: Curve>(b: &mut Bench, rng: &mut ChaCha8Rng) {
    let bases = points::<C>(rng, 50);
    let vectors = [uniform(rng, 50), uniform(rng, 50)];
    let case = Case::<C> { bases: &bases, vectors: &vectors, window_bits: 7, bits: 254, montgomery: false };
    let whole = case.check(b, FAST).cycles;
    let cmd = case.load(b);
    let moments = [
        0,
        1,
        3,
        11,
        40,
        400,
        whole / 4,
        whole / 2,
        whole * 3 / 4,
        whole * 9 / 10,
        rng.gen_range(0..whole * 9 / 10),
    ];
    for (i, clocks) in moments.into_iter().enumerate() {
        let m = if i % 2 == 0 { ROUGH } else { FAST };
        b.begin(&cmd, m);
        for _ in 0..clocks {
            b.step(m);
            assert_eq!(b.get("done_valid"), 0, "over before {clocks} clocks");
        }
        if i % 3 == 2 {
            b.reset();
        } else {
            b.abort(m);
        }
        case.check(b, m);
    }
}

#[test]
fn short_and_sparse_scalars_cost_what_they_have() {
    let mut rng = ChaCha8Rng::seed_from_u64(seed());
    let mut b = bench(1, &mut rng);
    let bases = points::<G1Projective>(&mut rng, 600);
    let case = |vectors, bits| Case::<G1Projective> {
        bases: &bases,
        vectors,
        window_bits: 8,
        bits,
        montgomery: true,
    };
    let short = [bases.iter().map(|_| Fr::from(rng.gen::<u64>())).collect::<Vec<_>>()];
    let o = case(&short, 254).check(&mut b, FAST);
    assert!(o.feeding < 600 * 9 + 200, "{o:?}");
    let bits = [bases.iter().map(|_| Fr::from(u32::from(rng.gen::<bool>()))).collect::<Vec<_>>()];
    let o = case(&bits, 254).check(&mut b, FAST);
    assert!(o.feeding < 600 + 200, "{o:?}");
    // A point in ten has a digit: the others cost no more than their memory beats.
    let sparse = [(0..600).map(|i| Fr::from(u32::from(i % 10 == 0))).collect::<Vec<_>>()];
    let o = case(&sparse, 254).check(&mut b, FAST);
    assert!(o.feeding < 600 + 100, "{o:?}");
}

/// The figures of the bucket phase, and that it is as fast as the adders.
fn figures<C: Curve>(b: &mut Bench, rng: &mut ChaCha8Rng, members: usize) -> Outcome {
    let n = 4096;
    let bases = points::<C>(rng, n);
    let vectors: Vec<_> = (0..members).map(|_| uniform(rng, n)).collect();
    let start = std::time::Instant::now();
    let case = Case::<C> { bases: &bases, vectors: &vectors, window_bits: 10, bits: 254, montgomery: true };
    let o = case.check(b, FAST);
    let ticks = if C::G2 { 3.0 } else { 1.0 };
    let ratio = (n * members * 26) as f64 * ticks / b.lanes as f64 / o.accumulate as f64;
    let seconds = start.elapsed().as_secs_f64();
    println!("A={} G2={} x{members}: {o:?}, accumulate ratio {ratio:.3}, {seconds:.1} s", b.lanes, C::G2);
    assert!(ratio > 0.9, "{ratio}");
    o
}

#[test]
fn ratios_of_the_bucket_phase() {
    let mut rng = ChaCha8Rng::seed_from_u64(seed());
    let mut b = bench(1, &mut rng);
    let one = figures::<G1Projective>(&mut b, &mut rng, 1);
    let four = figures::<G1Projective>(&mut b, &mut rng, 4);
    assert!(four.cycles + 2 * one.tail < 4 * one.cycles, "tails are not hidden");
    figures::<G2Projective>(&mut b, &mut rng, 1);
    let mut b = bench(3, &mut rng);
    figures::<G1Projective>(&mut b, &mut rng, 1);
}

/// Ticks through the adder in G1.
pub fn adder_latency() -> usize {
    let config = CardConfig { log2_slots: 15, ..CardConfig::sim() };
    let tag_bits = lane::tag_bits(&engine::lane_shape(&config));
    affine::adder(config.target, tag_bits).latency[0]
}
