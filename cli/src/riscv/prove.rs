//! `permafrost riscv prove`

use std::num::NonZeroUsize;
use std::time::Instant;

use permafrost_zkal::groth16::Output;
use permafrost_zkvm::hash::hex;
use permafrost_zkvm::key::Key;
use permafrost_zkvm::proof::Proof;
use permafrost_zkvm::run::{self, Report};
use permafrost_zkvm::verify;
use serde_json::json;

use super::args::Prove;
use super::run::{executed, summary};
use super::tables::Tables;
use super::{files, of_run, Job};
use crate::card::CardSpec;
use crate::error::Error;
use crate::out;
use crate::progress::Progress;
use crate::table::thousands;

/// Seconds that the parts took.
struct Seconds {
    execute: f64,
    key: f64,
    prove: f64,
}

pub fn prove(args: &Prove) -> Result<(), Error> {
    refuse_card(&args.card)?;
    let job = Job::read(&args.job)?;
    // Checked now, made at the end: a run that is killed leaves nothing behind.
    drop(outputs(args)?);

    // Executing takes a thousandth of the time of proving: what stops the run, and that it is too long, is known before.
    let progress = Progress::start("execute");
    let start = Instant::now();
    let show = |cycles| progress.stage(format!("execute, {} cycles", thousands(cycles)));
    let ahead = run::rehearse(job.executor(), show).map_err(of_run)?;
    let cycles = ahead.cycles();
    // More threads than segments would have nothing to do.
    let jobs = NonZeroUsize::new(ahead.segments.len()).map_or(args.jobs, |segments| segments.min(args.jobs));
    let execute = start.elapsed().as_secs_f64();

    progress.stage("commit to the program");
    let start = Instant::now();
    let key = Key::new(&job.program)?;
    let seconds_key = start.elapsed().as_secs_f64();
    drop(progress);

    let progress = Progress::cycles("prove", cycles);
    let start = Instant::now();
    let show = |cycles| progress.done(cycles);
    let (proof, report) = run::prove(&key, job.executor(), jobs, show).map_err(of_run)?;
    let seconds = Seconds { execute, key: seconds_key, prove: start.elapsed().as_secs_f64() };
    // Segments are verified as they are made; what remains is that they make a chain.
    verify::links(&key, &proof)?;
    let bytes = proof.to_bytes()?;
    let (out, output) = outputs(args)?;
    if let Some(output) = output {
        output.commit(files::bytes(&report.output))?;
    }
    out.commit(&bytes)?;
    drop(progress);
    print(args, &job, &key, &proof, &report, bytes.len(), &seconds)
}

/// Proving on a card is not there, and the CPU does not stand in for a card silently.
fn refuse_card(card: &str) -> Result<(), Error> {
    if card == "none" {
        return Ok(());
    }
    let _: CardSpec = card.parse()?;
    Err(Error::NotOnCard { card: card.to_owned() })
}

/// The files to be written, under temporary names.
fn outputs(args: &Prove) -> Result<(Output, Option<Output>), Error> {
    let out = Output::prepare(&args.out)?;
    let output = args.output.as_ref().map(Output::prepare).transpose()?;
    if output.as_ref().is_some_and(|output| output.path() == out.path()) {
        return Err(Error::SameFile { path: args.out.clone() });
    }
    Ok((out, output))
}

fn print(
    args: &Prove,
    job: &Job,
    key: &Key,
    proof: &Proof,
    report: &Report,
    bytes: usize,
    seconds: &Seconds,
) -> Result<(), Error> {
    let shapes = || proof.segments.iter().map(|segment| &segment.shape);
    let tables = Tables::of(shapes());
    let bits = tables.bits(shapes());
    if args.json {
        let mut object = executed(job, report);
        object.insert("program".into(), json!(hex(&key.digest())));
        object.insert("where".into(), json!("cpu"));
        object.insert("jobs".into(), json!(args.jobs));
        object.insert("tables".into(), tables.json());
        object.insert("proof_bytes".into(), json!(bytes));
        let sizes: Vec<usize> = proof.segments.iter().map(|segment| segment.raw.len()).collect();
        object.insert("segment_bytes".into(), json!(sizes));
        let Seconds { execute, key, prove } = seconds;
        object.insert("seconds".into(), json!({ "execute": execute, "key": key, "prove": prove }));
        object.insert("security".into(), bits.json());
        return out::json(&object);
    }
    let cycles = report.cycles();
    out::text(&format!(
        "{}program: {}\nproof: {} bytes, {}\nsecurity: {bits}\nseconds: {:.1} to prove on the CPU ({} cycles a second), {:.1} to \
         commit to the program, {:.3} to execute\n\n{}",
        summary(job, report),
        hex(&key.digest()),
        thousands(bytes as u64),
        args.out.display(),
        seconds.prove,
        thousands((cycles as f64 / seconds.prove) as u64),
        seconds.key,
        seconds.execute,
        tables.render(true),
    ))
}
