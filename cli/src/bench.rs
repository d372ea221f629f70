//! `permafrost bench msm`

use ark_bn254::{Fr, G1Affine, G1Projective};
use ark_ec::VariableBaseMSM;
use ark_ff::{PrimeField, UniformRand, Zero};
use clap::ValueEnum;
use permafrost_zkal::engine::{CardRun, Engine, Fallback, Policy, Scalars};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::Serialize;

use crate::args::{self, BenchMsm};
use crate::card;
use crate::error::Error;
use crate::out;
use crate::progress::Progress;
use crate::table::{thousands, Table};

/// One run, as `--json` prints it; `docs/cli.md` explains the fields.
#[derive(Serialize)]
struct Figures {
    bench: &'static str,
    group: &'static str,
    n: usize,
    scalars: String,
    seed: u64,
    card: String,
    r#where: &'static str,
    checked: bool,
    cycles: u64,
    bound_adder_cycles: u64,
    adders: u32,
    ratio: f64,
    accumulate_ratio: f64,
    work: u64,
    scalar_bits: u32,
    window_bits: u32,
    windows: u32,
    accumulate_cycles: u64,
    aggregate_cycles: u64,
    additions: u64,
    stall_feed: u64,
    stall_slot: u64,
    dram_read_bytes: u64,
    dram_write_bytes: u64,
    simulated_clocks_per_second: f64,
}

pub fn msm(args: &BenchMsm) -> Result<(), Error> {
    let args::Group::G1 = args.group;
    let n = args.size.points();
    let name = name_of(args.scalars);

    let open = card::open(&args.card.card)?;
    let progress = Progress::start(format!("{n} random points"));
    let (bases, scalars) = inputs(n, args.scalars, args.seed);

    progress.stage("upload the bases");
    // The bench is about the card: nothing may run elsewhere.
    let engine = Engine::new(open.card.clone(), Policy { g1: Fallback::Never, ..Policy::default() })?;
    let set = engine.upload_bases(&bases)?;

    let integers: Vec<_> = scalars.iter().map(|s| s.into_bigint()).collect();
    progress.stage(format!("MSM of {n} points on the card"));
    let before = open.simulation();
    let outcome = engine.msm(&set, 0..n, Scalars::canonical(&integers))?;
    let after = open.simulation();
    let simulated = (after.clocks - before.clocks) as f64;
    let speed = simulated / (after.busy - before.busy).as_secs_f64().max(f64::MIN_POSITIVE);

    progress.stage("check against arkworks");
    let wrong = || Error::WrongResult { n, scalars: name.clone(), seed: args.seed };
    let expected = G1Projective::msm(&bases, &scalars).map_err(|_| wrong())?;
    // Only the card may have produced it, so its record is there.
    let run = outcome.operation.card.filter(|_| outcome.point == expected).ok_or_else(wrong)?;
    drop(progress);

    let figures = figures(args, n, name, engine.name(), &run, speed);
    if args.json {
        return out::json(&figures);
    }
    out::text(&table(&figures).render())
}

fn figures(args: &BenchMsm, n: usize, scalars: String, card: &str, run: &CardRun, speed: f64) -> Figures {
    let counters = &run.counters;
    Figures {
        bench: "msm",
        group: "g1",
        n,
        scalars,
        seed: args.seed,
        card: card.to_owned(),
        r#where: "card",
        checked: true,
        cycles: run.cycles,
        bound_adder_cycles: run.bound,
        adders: run.adders,
        ratio: run.ratio,
        accumulate_ratio: run.accumulate_ratio,
        work: run.work,
        scalar_bits: run.scalar_bits,
        window_bits: run.window_bits,
        windows: run.windows,
        accumulate_cycles: counters.msm_accumulate,
        aggregate_cycles: counters.msm_aggregate,
        additions: counters.msm_additions,
        stall_feed: counters.msm_stall_feed,
        stall_slot: counters.msm_stall_slot,
        dram_read_bytes: counters.dram_read_bytes,
        dram_write_bytes: counters.dram_write_bytes,
        simulated_clocks_per_second: speed,
    }
}

fn table(f: &Figures) -> Table {
    let mut table = Table::new(&[&format!("msm {} n={} {} seed={}", f.group, f.n, f.scalars, f.seed), ">"]);
    let mut row = |name: &str, value: String| table.row(vec![name.into(), value]);
    row("clock cycles", thousands(f.cycles));
    row("bound, adder cycles", thousands(f.bound_adder_cycles));
    row("adders", f.adders.to_string());
    row("ratio to the bound", format!("{:.3}", f.ratio));
    row("bucket phase, clocks", thousands(f.accumulate_cycles));
    row("bucket phase, ratio", format!("{:.3}", f.accumulate_ratio));
    row("aggregation, clocks", thousands(f.aggregate_cycles));
    row("points that cost additions", thousands(f.work));
    row("bits of the scalars", f.scalar_bits.to_string());
    row("window bits", f.window_bits.to_string());
    row("windows", f.windows.to_string());
    row("additions issued", thousands(f.additions));
    row("clocks without a digit", thousands(f.stall_feed));
    row("clocks waiting for a bucket", thousands(f.stall_slot));
    row("DRAM bytes read", thousands(f.dram_read_bytes));
    row("result", "equals arkworks'".into());
    row("simulated clocks per second", thousands(f.simulated_clocks_per_second as u64));
    table
}

fn name_of(scalars: args::Scalars) -> String {
    scalars.to_possible_value().map_or_else(String::new, |v| v.get_name().to_owned())
}

/// Random points, and scalars of the distribution, from one seed.
fn inputs(n: usize, scalars: args::Scalars, seed: u64) -> (Vec<G1Affine>, Vec<Fr>) {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let bases = (0..n).map(|_| G1Affine::rand(&mut rng)).collect();
    let equal = Fr::rand(&mut rng);
    let one = |_| match scalars {
        args::Scalars::Uniform => Fr::rand(&mut rng),
        args::Scalars::Equal => equal,
        args::Scalars::Zero => Fr::zero(),
        args::Scalars::Sparse => match rng.gen_ratio(1, 16) {
            true => Fr::rand(&mut rng),
            false => Fr::zero(),
        },
        args::Scalars::Small => Fr::from(rng.gen::<bool>()),
    };
    (bases, (0..n).map(one).collect())
}
