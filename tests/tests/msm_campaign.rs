//! Random multi-scalar multiplications on the simulated card, through driver and engine, each equal to arkworks: both
//! groups, one to three adders, batches, views, precomputed multiples, promised bits, any window, memories of any speed.
//!
//! Every case follows from one number. `PERMAFROST_SEED=<number>` runs that case alone, which is what a failure asks for;
//! `PERMAFROST_CAMPAIGN=<number>` repeats a whole campaign.

use std::panic::{catch_unwind, AssertUnwindSafe};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

use ark_bn254::{Fr, G1Affine, G2Affine};
use ark_ff::{PrimeField, UniformRand};
use permafrost_driver::{Card, CardOptions};
use permafrost_rtl::config::CardConfig;
use permafrost_rtl::hdl::Design;
use permafrost_sim::axi::Timing;
use permafrost_sim::{SimCard, SimOptions};
use permafrost_tests::card::engine_on;
use permafrost_tests::inputs::{Bases, Scalars};
use permafrost_zkal::engine::{plan, Group, MsmLimits, MsmPoint, Place, Scalars as CardScalars};
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

const CASES: usize = 200;
const MOST_ADDERS: usize = 3;

/// One case, as a failure prints it.
#[derive(Clone, Debug)]
struct Case {
    seed: u64,
    group: Group,
    /// Points of the set, and the part of it that is used.
    bases: (usize, Bases),
    range: std::ops::Range<usize>,
    /// Number and distribution of each member's scalars.
    batch: Vec<(usize, Scalars)>,
    /// Bits of the scalars, 254 for all.
    bits: u32,
    montgomery: bool,
    precompute: u32,
    window: Option<u32>,
    adders: usize,
    dram: Timing,
    host: Timing,
}

impl Case {
    fn new(seed: u64) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let group = if rng.gen_ratio(1, 3) { Group::G2 } else { Group::G1 };
        // Small sizes are where the corners are; a few large ones fill the pipelines.
        let most = match rng.gen_range(0..20) {
            0 => 0,
            1 => 1,
            2..=9 => 40,
            10..=16 => 300,
            _ => 3000,
        };
        let n = if most <= 1 { most } else { rng.gen_range(2..=most) };
        let batch = *[1, 1, 1, 2, 3].choose(&mut rng).expect("not empty");
        // Half of the sets are used whole.
        let range = if rng.gen() { 0..n } else { rng.gen_range(0..=n / 4)..rng.gen_range(n - n / 4..=n) };
        let lengths = |rng: &mut ChaCha8Rng| match rng.gen_range(0..4) {
            0 => rng.gen_range(0..=n + 3),
            _ => n,
        };
        let batch = (0..batch)
            .map(|_| (lengths(&mut rng), *Scalars::ALL.choose(&mut rng).expect("not empty")))
            .collect();
        let bits = *[254, 254, 254, 1, 13, 64, 128, 253].choose(&mut rng).expect("not empty");
        let precompute = if rng.gen_ratio(1, 5) { rng.gen_range(2..=6) } else { 1 };
        let adders = rng.gen_range(1..=MOST_ADDERS);
        let window = if rng.gen_ratio(1, 3) {
            windows(n * precompute as usize, bits.min(254u32.div_ceil(precompute)), group, adders)
                .choose(&mut rng)
                .copied()
        } else {
            None
        };
        let timing = |rng: &mut ChaCha8Rng, usual: Timing| Timing {
            read_latency: rng.gen_range(1..=2 * usual.read_latency),
            write_latency: rng.gen_range(1..=2 * usual.write_latency),
            jitter: rng.gen_range(0..40),
            stall: *[0, 0, 30, 120].choose(rng).expect("not empty"),
            outstanding: *[2, 8, 64].choose(rng).expect("not empty"),
        };
        Case {
            seed,
            group,
            bases: (n, *Bases::ALL.choose(&mut rng).expect("not empty")),
            range,
            batch,
            bits,
            montgomery: rng.gen(),
            precompute,
            window,
            adders,
            dram: timing(&mut rng, Timing::DRAM),
            host: timing(&mut rng, Timing::HOST),
        }
    }

    fn run(&self) -> Result<(), String> {
        match self.group {
            Group::G1 => self.run_in::<G1Affine>(),
            Group::G2 => self.run_in::<G2Affine>(),
        }
    }

    fn run_in<P: MsmPoint>(&self) -> Result<(), String>
    where
        P::Group: UniformRand,
    {
        let text = |e: &dyn std::error::Error| e.to_string();
        let options = SimOptions {
            dram: self.dram,
            host: self.host,
            seed: self.seed,
            ..SimOptions::new(config(self.adders))
        };
        let sim = SimCard::open_design(design(self.adders), options).map_err(|e| text(&e))?;
        let card = Card::open(Arc::new(sim), CardOptions::default()).map_err(|e| text(&e))?;
        let mut engine = engine_on(card);
        let (n, kind) = self.bases;
        let bases = kind.generate::<P>(n, self.seed);
        let set = engine.upload_precomputed(&bases, self.precompute).map_err(|e| text(&e))?;
        if let Some(window) = self.window {
            engine = engine.with_window(window);
        }
        let vectors: Vec<Vec<Fr>> = (0u64..)
            .zip(&self.batch)
            .map(|(k, (len, kind))| kind.below(*len, self.bits, self.seed.wrapping_add(k + 1)))
            .collect();
        let integers: Vec<Vec<_>> =
            vectors.iter().map(|v| v.iter().map(|s| s.into_bigint()).collect()).collect();
        let scalars: Vec<CardScalars<'_>> = match self.montgomery {
            true => vectors.iter().map(|v| CardScalars::montgomery(v).with_bits(self.bits)).collect(),
            false => integers.iter().map(|v| CardScalars::canonical(v)).collect(),
        };
        let outcomes = engine.msm_batch(&set, self.range.clone(), &scalars).map_err(|e| text(&e))?;
        for (k, (outcome, scalars)) in outcomes.iter().zip(&vectors).enumerate() {
            if outcome.operation.place != Place::Card {
                return Err(format!("MSM {k} did not run on the card"));
            }
            let expected = P::msm_montgomery(&bases[self.range.clone()], scalars);
            if outcome.point != expected {
                return Err(format!("the result of MSM {k} differs from arkworks': {:?}", outcome.operation));
            }
        }
        Ok(())
    }
}

/// Window widths that the card takes and that cost at most three times as much as the best.
fn windows(n: usize, bits: u32, group: Group, adders: usize) -> Vec<u32> {
    let config = config(adders);
    let limits = |min_window, max_window| MsmLimits {
        adders: adders as u32,
        min_window,
        max_window,
        slots: 1 << config.log2_slots,
        g2: true,
    };
    let cost = |limits: MsmLimits| plan(n as u64, bits, group, &limits).map(|p| p.additions(n as u64));
    let best = cost(limits(config.min_window, config.max_window)).unwrap_or(u64::MAX);
    let widths = config.min_window..=config.max_window;
    widths.filter(|c| cost(limits(*c, *c)).is_ok_and(|cost| cost <= best.saturating_mul(3))).collect()
}

/// The MSM engine is on trial; without the others a card takes half as long to simulate.
fn config(adders: usize) -> CardConfig {
    CardConfig { adders, ntt_lanes: 0, vector_lanes: 0, ..CardConfig::sim() }
}

/// The card with this many adders, generated once.
fn design(adders: usize) -> &'static Design {
    static DESIGNS: [OnceLock<Design>; MOST_ADDERS] = [const { OnceLock::new() }; MOST_ADDERS];
    DESIGNS[adders - 1]
        .get_or_init(|| permafrost_rtl::card::generate(&config(adders)).unwrap_or_else(|e| panic!("{e}")))
}

/// A failed case, with the command that repeats it.
fn report(case: &Case, what: &str) -> String {
    format!(
        "{what}\n  {case:?}\n  replay: PERMAFROST_SEED={} cargo test -p permafrost-tests --test msm_campaign",
        case.seed
    )
}

fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{variable} must be a number, not `{text}`")))
}

#[test]
fn random_configurations_equal_arkworks() {
    let seeds: Vec<u64> = match number("PERMAFROST_SEED") {
        Some(seed) => vec![seed],
        None => {
            let campaign = number("PERMAFROST_CAMPAIGN").unwrap_or_else(rand::random);
            println!("PERMAFROST_CAMPAIGN={campaign} repeats these {CASES} cases");
            let mut rng = ChaCha8Rng::seed_from_u64(campaign);
            (0..CASES).map(|_| rng.gen()).collect()
        }
    };
    let (next, failures) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let work = || {
        while let Some(&seed) = seeds.get(next.fetch_add(1, Ordering::Relaxed)) {
            let case = Case::new(seed);
            let result = catch_unwind(AssertUnwindSafe(|| case.run()));
            let what = match result {
                Ok(Ok(())) => continue,
                Ok(Err(what)) => what,
                Err(_) => "it panicked (see above)".to_owned(),
            };
            eprintln!("{}", report(&case, &what));
            failures.lock().unwrap_or_else(|e| e.into_inner()).push(report(&case, &what));
        }
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(4);
    std::thread::scope(|scope| {
        for _ in 0..threads.min(seeds.len()) {
            scope.spawn(work);
        }
    });
    let failures = failures.into_inner().unwrap_or_else(|e| e.into_inner());
    assert!(failures.is_empty(), "{} of {} failed:\n{}", failures.len(), seeds.len(), failures.join("\n"));
}

/// What the cases cover, without a card: a generator that never leaves its corner would test nothing.
#[test]
fn cases_cover_what_they_should() {
    let cases: Vec<Case> = (0..1000).map(Case::new).collect();
    let any = |what: &str, is: &dyn Fn(&Case) -> bool| {
        let count = cases.iter().filter(|c| is(c)).count();
        assert!(count >= 10, "{what}: {count} of 1000");
    };
    for n in [0, 1] {
        any("no point or one", &|c| c.bases.0 == n);
    }
    any("odd sizes", &|c| c.bases.0 % 2 == 1);
    any("large sizes", &|c| c.bases.0 > 1000);
    any("G2", &|c| c.group == Group::G2);
    for adders in 1..=MOST_ADDERS {
        any("adders", &|c| c.adders == adders);
    }
    for batch in 1..=3 {
        any("batches", &|c| c.batch.len() == batch);
    }
    for kind in Bases::ALL {
        any("bases", &|c| c.bases.1 == kind);
    }
    for kind in Scalars::ALL {
        any("scalars", &|c| c.batch[0].1 == kind);
    }
    any("windows", &|c| c.window.is_some());
    any("precomputed multiples", &|c| c.precompute > 1);
    any("promised bits", &|c| c.montgomery && c.bits < 254);
    any("stalls", &|c| c.dram.stall > 0);
    any("members of different length", &|c| c.batch.iter().any(|(len, _)| *len != c.batch[0].0));
    assert_eq!(format!("{:?}", Case::new(77)), format!("{:?}", Case::new(77)));
}
