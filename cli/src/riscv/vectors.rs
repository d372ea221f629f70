//! `permafrost riscv vectors` and `permafrost riscv replay`

use std::path::Path;
use std::time::Instant;

use permafrost_zkvm::error as zkvm;
use permafrost_zkvm::key::Key;
use permafrost_zkvm::record::Segment;
use permafrost_zkvm::vectors::{dump_with, Options, Replay, Report, STAGES};
use serde_json::json;

use super::args::{self, Vectors};
use super::{of_run, Job};
use crate::error::Error;
use crate::out;
use crate::progress::Progress;
use crate::table::{thousands, Table};

/// Proves one segment of a run and writes every stage of its proof.
pub fn vectors(args: &Vectors) -> Result<(), Error> {
    let job = Job::read(&args.job)?;
    let wrong = |source| Error::Riscv { path: args.out.clone(), source };
    check_new(&args.out)?;
    let progress = Progress::start("execute");
    let segment = nth(&job, args.segment)?;
    progress.stage("commit to the program");
    let key = Key::new(&job.program)?;
    progress.stage(format!("prove segment {} and write its vectors", args.segment));
    let start = Instant::now();
    let proof = dump_with(&key, &segment, &args.out, Options { digests: args.digests }).map_err(wrong)?;
    let seconds = start.elapsed().as_secs_f64();
    drop(progress);
    let (files, bytes) = size(&args.out).map_err(|source| Error::Read { path: args.out.clone(), source })?;
    let cycles = segment.steps.len();
    if args.json {
        return out::json(&json!({
            "segment": args.segment,
            "cycles": cycles,
            "files": files,
            "bytes": bytes,
            "proof_bytes": proof.raw.len(),
            "seconds": seconds,
        }));
    }
    out::text(&format!(
        "segment {} of {} cycles: {} files of {} bytes written to {}, of a proof of {} bytes, in {seconds:.1} s\n",
        args.segment,
        thousands(cycles as u64),
        thousands(files),
        thousands(bytes),
        args.out.display(),
        thousands(proof.raw.len() as u64),
    ))
}

/// Whether a folder can be made there, before the work begins.
fn check_new(folder: &Path) -> Result<(), Error> {
    if folder.exists() {
        return Err(Error::Exists { path: folder.to_owned() });
    }
    let parent = folder.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    tempfile::Builder::new()
        .prefix(".permafrost-")
        .tempdir_in(parent)
        .and_then(tempfile::TempDir::close)
        .map_err(|source| Error::Write { path: folder.to_owned(), source })
}

/// The segment of this number.
fn nth(job: &Job, number: u32) -> Result<Segment, Error> {
    let mut executor = job.executor();
    let mut count = 0;
    while let Some(segment) = executor.next_segment().map_err(of_run)? {
        if segment.statement.number == number {
            return Ok(segment);
        }
        count += 1;
    }
    Err(Error::NoSegment { number, count })
}

/// Files in a folder and those below it, and their bytes.
fn size(folder: &Path) -> std::io::Result<(u64, u64)> {
    let mut sum = (0, 0);
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let metadata = entry.metadata()?;
        let (files, bytes) = if metadata.is_dir() { size(&entry.path())? } else { (1, metadata.len()) };
        sum = (sum.0 + files, sum.1 + bytes);
    }
    Ok(sum)
}

/// Recomputes a folder of vectors, each stage from those before.
pub fn replay(args: &args::Replay) -> Result<(), Error> {
    let wrong = |source: zkvm::Error| Error::Riscv { path: args.folder.clone(), source };
    let progress = Progress::start("read");
    let mut replay = Replay::open(&args.folder).map_err(wrong)?;
    let mut stages = Vec::new();
    for (name, stage) in STAGES {
        progress.stage(name);
        let start = Instant::now();
        let elements = stage(&mut replay).map_err(wrong)?;
        stages.push((name, elements, start.elapsed()));
    }
    progress.stage("proof");
    let report = Report { stages, proof: replay.proof().map_err(wrong)? };
    drop(progress);
    if args.json {
        let stages: Vec<_> = report
            .stages
            .iter()
            .map(|(stage, elements, time)| {
                json!({ "stage": stage, "elements": elements, "seconds": time.as_secs_f64() })
            })
            .collect();
        return out::json(&json!({ "same": true, "stages": stages, "proof_bytes": report.proof }));
    }
    let mut table = Table::new(&["stage", ">elements compared", ">seconds"]);
    for (stage, elements, time) in &report.stages {
        table.row(vec![
            (*stage).to_owned(),
            thousands(*elements as u64),
            format!("{:.3}", time.as_secs_f64()),
        ]);
    }
    out::text(&format!(
        "every stage is what is computed here, and so are the proof's {} bytes\n\n{}",
        thousands(report.proof as u64),
        table.render()
    ))
}
