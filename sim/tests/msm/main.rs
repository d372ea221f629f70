//! The MSM engine's RTL against arkworks.

mod bench;

use ark_bn254::{Fq, Fr, G1Affine, G1Projective};
use ark_ec::{AffineRepr, CurveGroup, PrimeGroup, VariableBaseMSM};
use ark_ff::{BigInteger, Field, PrimeField, UniformRand, Zero};
use bench::{Bench, Command, Memory, FAST, ROUGH};
use permafrost_abi::Status;
use permafrost_rtl::{config::CardConfig, msm::model};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

const SCALARS: u64 = 4 << 20;
const RESULT: u64 = 8 << 20;
const BYTES: usize = 9 << 20;

fn seed() -> u64 {
    let seed = std::env::var("PERMAFROST_SEED").ok().and_then(|s| s.parse().ok()).unwrap_or(0x5eed_0002);
    println!("seed {seed} (set PERMAFROST_SEED to repeat)");
    seed
}

fn limbs(x: &[u64; 4]) -> Vec<u8> {
    x.iter().flat_map(|l| l.to_le_bytes()).collect()
}

fn point_bytes(p: &G1Affine) -> Vec<u8> {
    match p.xy() {
        None => vec![0; 64],
        Some((x, y)) => [limbs(&x.0 .0), limbs(&y.0 .0)].concat(),
    }
}

fn fq(bytes: &[u8]) -> Fq {
    let r_inv = Fq::from(2u32).pow([256]).inverse().expect("nonzero");
    Fq::from_le_bytes_mod_order(bytes) * r_inv
}

/// Points that are cheap to make: a walk from a random start.
fn points(rng: &mut ChaCha8Rng, n: usize) -> Vec<G1Affine> {
    let mut p = G1Projective::generator() * Fr::rand(rng);
    let step = G1Affine::generator();
    let walk: Vec<_> = (0..n)
        .map(|_| {
            p += step;
            p
        })
        .collect();
    G1Projective::normalize_batch(&walk)
}

struct Case<'a> {
    bases: &'a [G1Affine],
    scalars: &'a [Fr],
    window_bits: u8,
    bits: u32,
    montgomery: bool,
}

fn load(b: &mut Bench, case: &Case) -> Command {
    for (i, p) in case.bases.iter().enumerate() {
        b.memory[64 * i..64 * i + 64].copy_from_slice(&point_bytes(p));
    }
    for (i, s) in case.scalars.iter().enumerate() {
        let at = SCALARS as usize + 32 * i;
        let bytes = if case.montgomery { limbs(&s.0 .0) } else { s.into_bigint().to_bytes_le() };
        b.memory[at..at + 32].copy_from_slice(&bytes);
    }
    Command {
        bases: 0,
        scalars: SCALARS,
        result: RESULT + 64,
        n: case.bases.len() as u32,
        window_bits: case.window_bits,
        windows: (case.bits / u32::from(case.window_bits) + 1) as u8,
        montgomery: case.montgomery,
    }
}

/// A point as the model's group element; the identity is the absence of one.
#[derive(Clone)]
struct Point(G1Projective);

impl model::Group for Point {
    fn add(&self, other: &Point) -> Point {
        Point(self.0 + other.0)
    }
    fn neg(&self) -> Point {
        Point(-self.0)
    }
}

/// Window sum `w` in memory.
fn window_sum(b: &Bench, cmd: &Command, w: u64) -> G1Projective {
    let at = (cmd.result + 128 * w) as usize;
    let s = &b.memory[at..at + 128];
    assert!(s[96..].iter().all(|&x| x == 0), "padding");
    match fq(&s[64..96]).inverse() {
        Some(i) => G1Affine::new(fq(&s[..32]) * i, fq(&s[32..64]) * i).into_group(),
        None => G1Projective::zero(),
    }
}

/// Window sums in memory, combined.
fn combine(b: &Bench, cmd: &Command) -> G1Projective {
    (0..u64::from(cmd.windows)).rev().fold(G1Projective::zero(), |mut total, w| {
        for _ in 0..cmd.window_bits {
            total += total;
        }
        total + window_sum(b, cmd, w)
    })
}

fn check(b: &mut Bench, case: &Case, m: Memory) -> bench::Outcome {
    let cmd = load(b, case);
    b.memory[RESULT as usize..].fill(0xee);
    let o = b.run(&cmd, m);
    assert_eq!(o.status, Status::Success as u64);
    let expected = G1Projective::msm(case.bases, case.scalars).expect("same length");
    assert_eq!(combine(b, &cmd), expected, "n={} c={}", cmd.n, cmd.window_bits);
    assert_eq!(o.points, u64::from(cmd.n));
    o
}

#[test]
fn distributions_windows_and_stalls() {
    let mut rng = ChaCha8Rng::seed_from_u64(seed());
    let mut b = Bench::new(&CardConfig::sim(), BYTES, rng.gen());
    let all = points(&mut rng, 300);
    let minus_one = -Fr::from(1u32);
    let mut runs = 0;
    for (n, c) in
        [(0usize, 4u8), (1, 2), (2, 3), (3, 4), (7, 5), (64, 6), (257, 7), (300, 9), (40, 13), (33, 10)]
    {
        let mut bases = all[..n].to_vec();
        if n > 6 {
            bases[1] = G1Affine::identity();
            bases[3] = bases[2];
            bases[5] = -bases[4];
        }
        let equal = Fr::rand(&mut rng);
        let uniform: Vec<Fr> = (0..n).map(|_| Fr::rand(&mut rng)).collect();
        let small: Vec<Fr> = (0..n).map(|_| Fr::from(u32::from(rng.gen::<bool>()))).collect();
        for scalars in
            [uniform, vec![equal; n], vec![Fr::zero(); n], vec![Fr::from(1u32); n], vec![minus_one; n], small]
        {
            let montgomery = rng.gen();
            let m = if rng.gen() { FAST } else { ROUGH };
            check(
                &mut b,
                &Case { bases: &bases, scalars: &scalars, window_bits: c, bits: 254, montgomery },
                m,
            );
            runs += 1;
        }
    }
    println!("{runs} runs, {} clocks", b.clock);
}

#[test]
fn every_window_sum_equals_the_model() {
    let mut rng = ChaCha8Rng::seed_from_u64(seed());
    let mut b = Bench::new(&CardConfig::sim(), BYTES, rng.gen());
    for c in [2u8, 3, 6, 11] {
        let mut bases = points(&mut rng, 60);
        bases[7] = G1Affine::identity();
        let repeated = Fr::rand(&mut rng);
        let scalars: Vec<Fr> =
            (0..60).map(|_| if rng.gen() { repeated } else { Fr::rand(&mut rng) }).collect();
        let case = Case { bases: &bases, scalars: &scalars, window_bits: c, bits: 254, montgomery: false };
        let cmd = load(&mut b, &case);
        assert_eq!(b.run(&cmd, ROUGH).status, Status::Success as u64);
        let points: Vec<_> = bases.iter().map(|p| (!p.is_zero()).then(|| Point(p.into_group()))).collect();
        let scalars: Vec<_> = scalars.iter().map(|s| s.into_bigint().into()).collect();
        let latency = rng.gen_range(0..200);
        let sums =
            model::window_sums(&points, &scalars, c.into(), cmd.windows.into(), latency).expect("in range");
        for (w, sum) in sums.iter().enumerate() {
            let expected = sum.as_ref().map_or(G1Projective::zero(), |p| p.0);
            assert_eq!(window_sum(&b, &cmd, w as u64), expected, "c={c} window {w}");
        }
    }
}

#[test]
fn ratios_of_the_bucket_phase() {
    let mut rng = ChaCha8Rng::seed_from_u64(seed());
    let mut b = Bench::new(&CardConfig::sim(), BYTES, rng.gen());
    let n = 4096;
    let bases = points(&mut rng, n);
    let equal = Fr::rand(&mut rng);
    for (name, scalars, floor) in [
        ("uniform", (0..n).map(|_| Fr::rand(&mut rng)).collect::<Vec<_>>(), 0.95),
        ("equal", vec![equal; n], 0.6),
    ] {
        let start = std::time::Instant::now();
        let o = check(
            &mut b,
            &Case { bases: &bases, scalars: &scalars, window_bits: 10, bits: 254, montgomery: true },
            FAST,
        );
        let ratio = (n * 26) as f64 / o.accumulate as f64;
        println!("{name}: {o:?} accumulate ratio {ratio:.3}, {:.2} s", start.elapsed().as_secs_f64());
        assert!(ratio > floor, "{name}: {ratio}");
    }
}

#[test]
fn errors_abort_and_recovery() {
    let mut rng = ChaCha8Rng::seed_from_u64(seed());
    let config = CardConfig { log2_slots: 12, max_window: 8, ..CardConfig::sim() };
    let mut b = Bench::new(&config, BYTES, rng.gen());
    let bases = points(&mut rng, 50);
    let scalars: Vec<Fr> = (0..50).map(|_| Fr::rand(&mut rng)).collect();
    let case = Case { bases: &bases, scalars: &scalars, window_bits: 7, bits: 254, montgomery: false };
    check(&mut b, &case, FAST);

    let cmd = load(&mut b, &case);
    for at in [64 * 20, SCALARS + 64 * 10] {
        let o = b.run(&cmd, Memory { bad_read: Some(at), ..ROUGH });
        assert_eq!((o.status, o.addr), (Status::DramReadError as u64, at));
        check(&mut b, &case, ROUGH);
    }
    let o = b.run(&cmd, Memory { bad_write: true, ..FAST });
    assert_eq!(o.status, Status::DramWriteError as u64);
    check(&mut b, &case, FAST);

    let short = Command { windows: 30, ..cmd };
    let o = b.run(&short, FAST);
    assert_eq!(o.status, Status::ScalarRange as u64);
    let first = scalars
        .iter()
        .position(|s| s.into_bigint().to_bits_le()[210..].iter().any(|&b| b))
        .expect("254-bit scalars");
    assert_eq!(o.info, first as u64);
    check(&mut b, &case, ROUGH);

    for clocks in [0, 3, 40, 400, 1500, 2500, 3500] {
        b.begin(&cmd, ROUGH);
        for _ in 0..clocks {
            b.step(ROUGH);
        }
        b.abort(ROUGH);
        check(&mut b, &case, ROUGH);
    }
}

#[test]
fn short_scalars_need_few_windows() {
    let mut rng = ChaCha8Rng::seed_from_u64(seed());
    let mut b = Bench::new(&CardConfig::sim(), BYTES, rng.gen());
    let bases = points(&mut rng, 200);
    let scalars: Vec<Fr> = (0..200).map(|_| Fr::from(rng.gen::<u64>())).collect();
    let o = check(
        &mut b,
        &Case { bases: &bases, scalars: &scalars, window_bits: 8, bits: 64, montgomery: true },
        FAST,
    );
    assert!(o.accumulate < 200 * 9 + 400, "{o:?}");
}
