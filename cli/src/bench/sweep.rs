//! `permafrost bench sweep`: the ratio to the bound against the number of points.

use ark_bn254::{G1Affine, G2Affine};
use ark_ff::UniformRand;
use clap::ValueEnum;
use permafrost_zkal::engine::MsmPoint;
use permafrost_zkal::groth16::Output;

use super::{engine, inputs, Case, Figures};
use crate::args::{self, BenchSweep};
use crate::card::{self, Changes, OpenCard};
use crate::error::Error;
use crate::out;
use crate::progress::Progress;

/// Largest size, log2, at which G2 runs: an addition there takes three times the clocks.
const G2_MAX_LOG_N: u32 = 12;

pub fn sweep(args: &BenchSweep) -> Result<(), Error> {
    if args.from > args.to {
        return Err(Error::NoSizes { from: args.from, to: args.to });
    }
    // Before the measurements, so that an unwritable place is found in time.
    let output = args.out.as_ref().map(Output::prepare).transpose()?;
    let open = card::open_with(&args.card.card, Changes { adders: args.adders, ..Changes::default() })?;
    let sizes: Vec<u32> = (args.from..=args.to).collect();
    let mut runs = group::<G1Affine>(&open, args.seed, &sizes, args::Scalars::value_variants())?;
    let few: Vec<u32> = sizes.iter().copied().filter(|k| *k <= G2_MAX_LOG_N && k % 2 == 0).collect();
    runs.extend(group::<G2Affine>(&open, args.seed, &few, &[args::Scalars::Uniform, args::Scalars::Equal])?);
    let lines: Vec<String> = runs
        .iter()
        .map(|run| serde_json::to_string(run).map_err(|e| Error::Stdout(e.into())))
        .collect::<Result<_, _>>()?;
    let text = format!("[\n{}\n]\n", lines.join(",\n"));
    match output {
        None => out::text(&text),
        Some(output) => Ok(output.commit(&text)?),
    }
}

/// All sizes and distributions over prefixes of one base set. Says each result on standard error: a sweep takes minutes.
fn group<P: MsmPoint>(
    open: &OpenCard,
    seed: u64,
    sizes: &[u32],
    distributions: &[args::Scalars],
) -> Result<Vec<Figures>, Error>
where
    P::Group: UniformRand,
{
    let Some(largest) = sizes.iter().max() else { return Ok(Vec::new()) };
    let engine = engine(open)?;
    let progress = Progress::start("random points");
    let points = inputs::points::<P>(1 << largest, seed);
    let set = engine.upload_bases(&points)?;
    let mut runs = Vec::new();
    for &log_n in sizes {
        for &scalars in distributions {
            let case = Case { n: 1 << log_n, batch: 1, scalars, bits: None, window: None, seed };
            let run = case.measure(open, &engine, &points, &set.prefix(case.n)?, &progress)?;
            eprintln!(
                "{} 2^{log_n:<2} {:<9} {:>10} cycles  ratio {:.3}",
                run.group, run.scalars, run.cycles, run.ratio
            );
            runs.push(run);
        }
    }
    Ok(runs)
}
