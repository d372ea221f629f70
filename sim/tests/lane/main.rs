//! The MSM lane against the model, around a stand-in for the point adder.

mod adder;
mod bench;

use adder::Point;
use bench::{Bench, Job, Outcome, Rough};
use permafrost_rtl::{
    hdl::Design,
    msm::{
        lane::{self, LaneShape},
        model,
    },
    LINT_WAIVERS,
};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

const SHAPE: LaneShape = LaneShape::of_card(15, 2, 13);
const SMALL: LaneShape = LaneShape::of_card(10, 3, 8);

fn seed() -> u64 {
    let seed = std::env::var("PERMAFROST_SEED").ok().and_then(|s| s.parse().ok()).unwrap_or(0x5eed_0a7e);
    println!("seed {seed} (set PERMAFROST_SEED to repeat)");
    seed
}

/// How items are spread over the buckets.
#[derive(Clone, Copy, Debug)]
enum Spread {
    /// Windows in turn, digits at random: what the digits of uniform scalars are.
    Uniform,
    /// Any bucket of any window.
    Scattered,
    One,
    Alternating,
    /// The same bucket every n-th item, others in between.
    Every(usize),
    /// Bucket 2^(c-1), in slot 0.
    Top,
    /// Windows in turn, one digit: equal scalars.
    Equal,
}

fn job(rng: &mut ChaCha8Rng, g2: bool, c: u32, entries: usize, n: usize, spread: Spread) -> Job {
    let half = 1usize << (c - 1);
    let (one, other, digit) =
        (rng.gen_range(0..entries * half), rng.gen_range(0..entries * half), rng.gen_range(0..half));
    let mut last = Point::random(rng, g2);
    let items = (0..n)
        .map(|i| {
            let at = match spread {
                Spread::Uniform => i % entries * half + rng.gen_range(0..half),
                Spread::Scattered => rng.gen_range(0..entries * half),
                Spread::One => one,
                Spread::Alternating => [one, other][i % 2],
                Spread::Every(k) if i % k == 0 => one,
                Spread::Every(_) => rng.gen_range(0..entries * half),
                Spread::Top => i % entries * half,
                Spread::Equal => i % entries * half + digit,
            };
            // Repeated points, inverses and the identity are values like any other here.
            last = match rng.gen_range(0..16) {
                0 => last,
                1 => model::Group::neg(&last),
                _ => Point::random(rng, g2),
            };
            (at, last)
        })
        .collect();
    Job { c, entries, items }
}

/// Runs `jobs` and compares sums and additions with the model.
fn check(b: &mut Bench, jobs: &[Job], rough: Rough) -> Outcome {
    let (sums, o) = b.run(jobs, rough);
    let latency = b.rng.gen_range(0..200);
    let mut at = 0;
    let mut additions = 0;
    for (i, job) in jobs.iter().enumerate() {
        let expected = model::lane_sums(job.items.iter().copied(), job.c, job.entries, latency);
        for (e, sum) in expected.sums.into_iter().enumerate() {
            let (c, n) = (job.c, job.items.len());
            assert_eq!(sums[at], sum.unwrap_or(Point::ZERO), "job {i} c={c} n={n} window {e}");
            at += 1;
        }
        additions += expected.additions as u64;
    }
    assert_eq!(o.additions, additions, "k points cost k - 1 additions, and a weight of 2^k costs k");
    o
}

fn many(latency: usize, runs: usize) {
    let mut rng = ChaCha8Rng::seed_from_u64(seed() ^ latency as u64);
    let mut b = Bench::new(&SHAPE, latency, rng.gen());
    for run in 0..runs {
        b.g2 = rng.gen();
        let jobs: Vec<Job> = (0..rng.gen_range(1..5))
            .map(|_| {
                let c = rng.gen_range(2..=if run % 8 == 0 { 13 } else { 9 });
                let most = SHAPE.max_entries(c as usize) >> usize::from(b.g2);
                let entries =
                    if rng.gen_range(0..4) == 0 { most.min(30) } else { rng.gen_range(1..=most.min(5)) };
                let n = [0, 1, 2, 3, 40, 400, 2000][rng.gen_range(0..7)];
                let spread = match rng.gen_range(0..7) {
                    0 => Spread::Uniform,
                    1 => Spread::Scattered,
                    2 => Spread::One,
                    3 => Spread::Alternating,
                    4 => Spread::Every(latency + rng.gen_range(0..5) - 2),
                    5 => Spread::Top,
                    _ => Spread::Equal,
                };
                job(&mut rng, b.g2, c, entries, n, spread)
            })
            .collect();
        let rough = Rough {
            gap: [0, 0, 30, 128, 240][rng.gen_range(0..5)],
            stall: [0, 0, 128, 250][rng.gen_range(0..4)],
        };
        check(&mut b, &jobs, rough);
    }
}

#[test]
fn jobs_equal_the_model_at_latency_4() {
    many(4, 60);
}

#[test]
fn jobs_equal_the_model_at_latency_37() {
    many(37, 60);
}

#[test]
fn jobs_equal_the_model_at_latency_500() {
    many(500, 40);
}

#[test]
fn every_width_and_full_memories() {
    let mut rng = ChaCha8Rng::seed_from_u64(seed());
    let mut b = Bench::new(&SHAPE, 37, rng.gen());
    for c in 2..=13 {
        b.g2 = c % 2 == 0;
        let entries = SHAPE.max_entries(c) >> usize::from(b.g2);
        let jobs = [
            job(&mut rng, b.g2, c as u32, entries, 3000, Spread::Uniform),
            job(&mut rng, b.g2, c as u32, entries, 0, Spread::Uniform),
            job(&mut rng, b.g2, c as u32, 1 + entries / 2, 1000, Spread::Scattered),
        ];
        check(&mut b, &jobs, Rough::default());
    }
}

#[test]
fn waits_of_the_bucket_phase() {
    let mut rng = ChaCha8Rng::seed_from_u64(seed());
    let mut b = Bench::new(&SHAPE, 500, rng.gen());
    let n = 60_000;
    for (name, c, entries, spread) in [
        ("uniform, 8 windows of 13 bits", 13, 8, Spread::Uniform),
        ("scattered, 8 windows of 13 bits", 13, 8, Spread::Scattered),
        ("uniform, 20 windows of 11 bits", 11, 20, Spread::Uniform),
        ("scattered, 5 windows of 8 bits", 8, 5, Spread::Scattered),
        ("one bucket", 8, 1, Spread::One),
        ("two buckets", 8, 2, Spread::Alternating),
        ("every 499th", 12, 5, Spread::Every(499)),
        ("every 500th", 12, 5, Spread::Every(500)),
        ("every 501st", 12, 5, Spread::Every(501)),
        ("every 502nd", 12, 5, Spread::Every(502)),
        ("top bucket, 22 windows", 11, 22, Spread::Top),
        ("equal, 20 windows", 11, 20, Spread::Equal),
        ("equal, 5 windows", 11, 5, Spread::Equal),
    ] {
        let jobs = [job(&mut rng, false, c, entries, n, spread)];
        let o = check(&mut b, &jobs, Rough::default());
        let share = o.bucket_waits as f64 / o.bucket as f64;
        println!("{name}: {:.3} % of {} ticks; {o:?}", 100.0 * share, o.bucket);
        // With few buckets, most of them are changed within a latency: then results often want to add too.
        let limit = if entries << c < 4096 { 0.015 } else { 0.01 };
        assert!(share < limit, "{name}: {share}");
    }
}

#[test]
fn the_tail_runs_beside_the_next_job() {
    let mut rng = ChaCha8Rng::seed_from_u64(seed());
    for latency in [37, 500] {
        let mut b = Bench::new(&SHAPE, latency, rng.gen());
        for c in [6, 9, 12] {
            let entries = 5;
            let one = [job(&mut rng, false, c, entries, 20_000, Spread::Uniform)];
            let alone = check(&mut b, &one, Rough::default());
            let two: Vec<_> =
                (0..2).map(|_| job(&mut rng, false, c, entries, 20_000, Spread::Uniform)).collect();
            let both = check(&mut b, &two, Rough::default());
            println!(
                "latency {latency} c {c}: {} ticks from close to the last sum, front closed {}, tail {} = {:.1} latencies; \
                 two jobs {} ticks, alone {}",
                alone.after_close,
                alone.halves,
                alone.tail,
                alone.tail as f64 / latency as f64,
                both.ticks,
                alone.ticks,
            );
            assert!(both.overlap > 0);
            // A hidden tail costs its additions, not its latencies.
            assert!(both.ticks + alone.tail / 4 < 2 * alone.ticks, "{both:?} {alone:?}");
        }
    }
}

#[test]
fn clear_and_reset_at_any_moment() {
    let mut rng = ChaCha8Rng::seed_from_u64(seed());
    for latency in [4, 37] {
        let mut b = Bench::new(&SMALL, latency, rng.gen());
        for round in 0..60 {
            b.g2 = rng.gen();
            let g2 = b.g2;
            let mut jobs = || -> Vec<Job> {
                (0..2)
                    .map(|_| {
                        let c = rng.gen_range(3..=8);
                        let entries = rng.gen_range(1..=SMALL.max_entries(c) >> usize::from(g2));
                        let spread = if rng.gen() { Spread::Uniform } else { Spread::One };
                        job(&mut rng, g2, c as u32, entries, 300, spread)
                    })
                    .collect()
            };
            let (dropped, kept) = (jobs(), jobs());
            let ticks = [rng.gen_range(0..20), rng.gen_range(0..700), rng.gen_range(0..4000)][round % 3];
            let rough = Rough { gap: 40, stall: 40 };
            b.run_part(&dropped, rough, ticks);
            if rng.gen() {
                b.clear(&dropped);
            } else {
                b.reset();
            }
            check(&mut b, &kept, rough);
        }
    }
}

#[test]
fn verilator_has_nothing_to_say() {
    for (name, shape) in [("shape", SHAPE), ("small", SMALL)] {
        let dir = std::path::PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("lane_lint_{name}"));
        let _ = std::fs::remove_dir_all(&dir);
        std::fs::create_dir_all(&dir).expect("directory");
        let write = |name: &str, text: &str| {
            let path = dir.join(name);
            std::fs::write(&path, text).expect("file");
            path
        };
        let design = Design::elaborate(&lane::lane(&shape, &adder::adder(37, lane::tag_bits(&shape))))
            .expect("design");
        let mut lint = std::process::Command::new("verilator");
        lint.args(["--lint-only", "-Wall", "--top-module", &design.top]).arg(write("lint.vlt", LINT_WAIVERS));
        lint.args(design.files.iter().map(|(name, text)| write(&format!("{name}.v"), text)));
        let out = lint.output().expect("verilator");
        let text = String::from_utf8_lossy(&out.stderr);
        assert!(out.status.success() && !text.contains("%Warning"), "{text}");
    }
}
