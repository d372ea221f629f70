//! `permafrost-formal`: runs the manifest of properties and writes the table.

use clap::Parser;
use permafrost_formal::{
    manifest::File,
    run::{run, Outcome, Selection},
    table,
    tools::Tools,
    Error,
};
use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

/// Proves the properties of the manifest, reaches their covers and refutes their mutants.
#[derive(Parser, Debug)]
#[command(version)]
struct Args {
    /// Only the quick set, which `make test` runs; its rows are compared with the table
    #[arg(long)]
    quick: bool,
    /// Only harnesses and checks whose name or block contains this; may be given several times
    #[arg(long)]
    only: Vec<String>,
    /// Threads; by default one for each processor
    #[arg(long)]
    jobs: Option<usize>,
    /// Folder of the manifest
    #[arg(long, default_value = "formal/properties")]
    manifest: PathBuf,
    /// The table: written by a full run that is as expected, compared with by a quick one
    #[arg(long, default_value = "docs/formal-table.md")]
    table: PathBuf,
    /// Write what was found as JSON to this file
    #[arg(long)]
    json: Option<PathBuf>,
    /// Keep models and logs in this folder
    #[arg(long)]
    keep: Option<PathBuf>,
}

fn main() -> ExitCode {
    // The runner reports what a generator's assertion says; a backtrace is of no use there.
    std::panic::set_hook(Box::new(|info| eprintln!("formal: {info}")));
    match work(&Args::parse()) {
        Ok(outcome) => {
            let killed: usize = outcome.rows.iter().map(|r| r.killed).sum();
            println!(
                "formal: {} properties, {} covers reached, {killed} mutants refuted",
                outcome.rows.len(),
                outcome.covers
            );
            for wrong in &outcome.wrong {
                eprintln!("formal: {wrong}");
            }
            ExitCode::from(u8::from(!outcome.wrong.is_empty()))
        }
        Err(error) => {
            eprintln!("formal: {error}");
            ExitCode::from(2)
        }
    }
}

fn work(args: &Args) -> Result<Outcome, Error> {
    let tools = Tools::find()?;
    let manifest = File::read_all(&args.manifest)?;
    manifest.complete()?;
    let threads = args.jobs.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, |n| n.get()));
    let temporary =
        tempfile::tempdir().map_err(|source| Error::Io { path: "temporary folder".into(), source })?;
    let place = args.keep.as_deref().unwrap_or(temporary.path());
    let selection = Selection { quick: args.quick, only: args.only.clone() };
    let mut outcome = run(&manifest, &args.manifest, place, &selection, threads, &tools)?;
    let whole = !args.quick && args.only.is_empty();
    if args.quick && args.only.is_empty() {
        match read(&args.table) {
            Ok(old) => outcome.wrong.extend(table::missing(&outcome, &old)),
            Err(e) => outcome.wrong.push(format!("{e}; run make formal")),
        }
    }
    if whole && outcome.wrong.is_empty() {
        let new = table::markdown(&outcome, &tools.versions);
        let same =
            read(&args.table).is_ok_and(|old| table::without_times(&old) == table::without_times(&new));
        write(&args.table, &new)?;
        let words = if same { "as before but for times" } else { "changed" };
        println!("formal: {} {words}", args.table.display());
    }
    if let Some(path) = &args.json {
        let text = serde_json::to_string_pretty(&outcome).map_err(|e| Error::Manifest(e.to_string()))?;
        write(path, &text)?;
    }
    Ok(outcome)
}

fn read(path: &Path) -> Result<String, Error> {
    std::fs::read_to_string(path).map_err(|source| Error::Io { path: path.display().to_string(), source })
}

/// Through a temporary beside it, so that nobody sees half a file.
fn write(path: &Path, text: &str) -> Result<(), Error> {
    let io = |source| Error::Io { path: path.display().to_string(), source };
    let new = path.with_extension("new");
    std::fs::write(&new, text).map_err(io)?;
    std::fs::rename(&new, path).map_err(io)
}
