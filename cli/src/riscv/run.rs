//! `permafrost riscv run`

use std::time::Instant;

use permafrost_zkal::groth16::Output;
use permafrost_zkvm::run::{execute, Report, PRECOMPILES};
use serde_json::{json, Map, Value};

use super::args::Run;
use super::{files, of_run, shown, Job};
use crate::error::Error;
use crate::out;
use crate::progress::Progress;
use crate::table::{thousands, Table};

pub fn run(args: &Run) -> Result<(), Error> {
    let job = Job::read(&args.job)?;
    // Checked now, made at the end: a run that is killed leaves nothing behind.
    drop(args.output.as_ref().map(Output::prepare).transpose()?);
    let progress = Progress::start("execute");
    let start = Instant::now();
    let show = |cycles| progress.stage(format!("execute, {} cycles", thousands(cycles)));
    let report = execute(job.executor(), show).map_err(of_run)?;
    let seconds = start.elapsed().as_secs_f64();
    drop(progress);
    if let Some(path) = &args.output {
        Output::prepare(path)?.commit(files::bytes(&report.output))?;
    }
    if args.json {
        let mut object = executed(&job, &report);
        object.insert("mix".into(), mix(&report));
        object.insert("seconds".into(), json!(seconds));
        return out::json(&object);
    }
    let cycles = report.cycles();
    let mut table = Table::new(&["instruction", ">executed", ">share"]);
    for (op, count) in report.mix() {
        let share = format!("{:.1} %", 100.0 * count as f64 / cycles as f64);
        table.row(vec![op.mnemonic().to_owned(), thousands(count), share]);
    }
    let mut text = summary(&job, &report);
    text.push_str(&format!("seconds: {seconds:.3}\n\n{}", table.render()));
    out::text(&text)
}

/// What was executed, as lines of text.
pub fn summary(job: &Job, report: &Report) -> String {
    let calls: String = PRECOMPILES
        .iter()
        .zip(report.calls)
        .filter(|(_, calls)| *calls > 0)
        .map(|((_, name), calls)| format!("calls of {name}: {}\n", thousands(calls)))
        .collect();
    format!(
        "exit code: {}\ncycles: {}\nsegments: {} of at most 2^{} cycles\ninput: {} of {} words read\noutput: {}\n{calls}",
        report.exit,
        thousands(report.cycles()),
        report.segments.len(),
        job.limits.segment_log2,
        thousands(report.input_read),
        thousands(job.input.len() as u64),
        shown(&report.output),
    )
}

/// What was executed, as JSON.
pub fn executed(job: &Job, report: &Report) -> Map<String, Value> {
    let calls: Map<String, Value> = PRECOMPILES
        .iter()
        .zip(report.calls)
        .map(|((_, name), calls)| ((*name).to_owned(), json!(calls)))
        .collect();
    let value = json!({
        "exit_code": report.exit,
        "cycles": report.cycles(),
        "segments": report.segments.len(),
        "segment_cycles": report.segments,
        "segment_log2": job.limits.segment_log2,
        "input_words": job.input.len(),
        "input_words_read": report.input_read,
        "output": report.output,
        "calls": calls,
    });
    match value {
        Value::Object(object) => object,
        _ => Map::new(),
    }
}

fn mix(report: &Report) -> Value {
    let mix: Map<String, Value> =
        report.mix().into_iter().map(|(op, count)| (op.mnemonic().to_owned(), json!(count))).collect();
    Value::Object(mix)
}
