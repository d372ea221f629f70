//! The runner: every proof, its covers and its mutants as jobs for some threads, and what they add up to.

use crate::{
    check::{Report, CHECKS},
    engines::{Engine, Labels, Verdict},
    manifest::{Check, Expected, File, Harness, Method},
    source::Source,
    tools::Tools,
    Error,
};
use rayon::prelude::*;
use serde::Serialize;
use std::{
    collections::BTreeSet,
    io::{IsTerminal, Write as _},
    panic::catch_unwind,
    path::Path,
    sync::atomic::{AtomicUsize, Ordering},
    time::Instant,
};

/// A row of the table.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    pub block: String,
    /// `harness.label`, or the name of a check.
    pub name: String,
    pub states: String,
    pub method: String,
    /// `proved`, `bounded to k` or `not proved`.
    pub status: String,
    /// Mutants refuted, those that compute the same not counted.
    pub killed: usize,
    /// Of the proof, shared by the properties of one harness.
    pub seconds: f64,
    pub quick: bool,
}

/// Everything that a run found.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Outcome {
    pub rows: Vec<Row>,
    /// Covers reached, by harness.
    pub covers: usize,
    /// Mutants that compute the same as the design, with the reason.
    pub equivalent: Vec<String>,
    /// What the table's reader has to know, by harness or check.
    pub notes: Vec<String>,
    /// Whatever is not as the manifest expects: the run has failed.
    pub wrong: Vec<String>,
}

/// What to run.
#[derive(Clone, Debug)]
pub struct Selection {
    pub quick: bool,
    /// Only harnesses and checks whose name or block contains one of these; all when empty.
    pub only: Vec<String>,
}

impl Selection {
    fn takes(&self, quick: bool, name: &str, block: &str) -> bool {
        (quick || !self.quick)
            && (self.only.is_empty() || self.only.iter().any(|o| name.contains(o) || block.contains(o)))
    }
}

/// One thing to do; numbers are places in the manifest.
#[derive(Clone, Copy, Debug)]
enum Job {
    Prove(usize),
    Cover(usize),
    Mutant(usize, usize),
    Check(usize),
}

enum Done {
    Proof(Verdict, Labels),
    Covers(BTreeSet<String>),
    Mutant(Verdict),
    Check(Report),
}

/// Runs what is selected on `threads` threads; the harnesses' texts are in `folder`, each job works below `work`.
///
/// # Errors
/// A manifest that cannot be followed, tools that cannot be started. Proofs that fail are in [`Outcome::wrong`].
pub fn run(
    manifest: &File,
    folder: &Path,
    work: &Path,
    selection: &Selection,
    threads: usize,
    tools: &Tools,
) -> Result<Outcome, Error> {
    let mut jobs = vec![];
    for (h, harness) in manifest.harness.iter().enumerate() {
        if selection.takes(harness.quick, &harness.name, &harness.block) {
            jobs.push(Job::Prove(h));
            // Of a further design nothing but the proof.
            if !harness.mutant.is_empty() {
                jobs.push(Job::Cover(h));
            }
            jobs.extend((0..harness.mutant.len()).map(|m| Job::Mutant(h, m)));
        }
    }
    for (c, check) in manifest.check.iter().enumerate() {
        if selection.takes(check.quick, &check.name, &check.block) {
            jobs.push(Job::Check(c));
        }
    }
    if jobs.is_empty() {
        return Err(Error::Manifest(format!("nothing in the manifest is selected by {:?}", selection.only)));
    }
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .build()
        .map_err(|e| Error::Manifest(format!("{threads} threads: {e}")))?;
    let progress =
        Progress { of: jobs.len(), done: AtomicUsize::new(0), terminal: std::io::stderr().is_terminal() };
    let results: Vec<(Result<Done, Error>, f64)> = pool.install(|| {
        // One job at a time each: their lengths differ by orders of magnitude.
        jobs.par_iter()
            .with_max_len(1)
            .map(|job| {
                let start = Instant::now();
                let done = catch_unwind(|| job.work(manifest, folder, work, tools)).unwrap_or_else(|panic| {
                    let said = panic.downcast_ref::<String>().map(String::as_str);
                    let said =
                        said.or(panic.downcast_ref::<&str>().copied()).unwrap_or("a panic without words");
                    Err(Error::Generator(said.into()))
                });
                progress.one(&job.name(manifest));
                (done, start.elapsed().as_secs_f64())
            })
            .collect()
    });
    progress.end();
    Ok(collect(manifest, &jobs, results))
}

struct Progress {
    of: usize,
    done: AtomicUsize,
    terminal: bool,
}

impl Progress {
    fn one(&self, name: &str) {
        let done = self.done.fetch_add(1, Ordering::Relaxed) + 1;
        if self.terminal {
            let _ = write!(std::io::stderr(), "\r\x1b[Kformal: {done} of {}: {name}", self.of);
        }
    }

    fn end(&self) {
        if self.terminal {
            let _ = write!(std::io::stderr(), "\r\x1b[K");
        }
    }
}

impl Job {
    fn name(self, manifest: &File) -> String {
        match self {
            Job::Prove(h) => manifest.harness[h].name.clone(),
            Job::Cover(h) => format!("{} covers", manifest.harness[h].name),
            Job::Mutant(h, m) => {
                format!("{} mutant {}", manifest.harness[h].name, manifest.harness[h].mutant[m].name)
            }
            Job::Check(c) => manifest.check[c].name.clone(),
        }
    }

    fn work(self, manifest: &File, folder: &Path, work: &Path, tools: &Tools) -> Result<Done, Error> {
        if let Job::Check(c) = self {
            let name = &manifest.check[c].name;
            let (_, check) = CHECKS
                .iter()
                .find(|(n, _)| n == name)
                .ok_or_else(|| Error::Manifest(format!("no check `{name}`")))?;
            return Ok(Done::Check(check(tools)?));
        }
        let harness = match self {
            Job::Prove(h) | Job::Cover(h) | Job::Mutant(h, _) => &manifest.harness[h],
            Job::Check(_) => unreachable!("handled above"),
        };
        let place = work.join(self.name(manifest).replace([' ', '/'], "_"));
        std::fs::create_dir_all(&place)
            .map_err(|source| Error::Io { path: place.display().to_string(), source })?;
        let source = Source::new(harness, folder)?;
        let engine = Engine { tools, harness, folder: &place };
        match self {
            Job::Prove(_) => engine.prove(&source).map(|(verdict, labels)| Done::Proof(verdict, labels)),
            Job::Cover(_) => engine.cover(&source).map(Done::Covers),
            Job::Mutant(_, m) => {
                let mutant = &harness.mutant[m];
                engine.refute(&source.mutated(mutant)?, &mutant.kills).map(Done::Mutant)
            }
            Job::Check(_) => unreachable!("handled above"),
        }
    }
}

fn collect(manifest: &File, jobs: &[Job], results: Vec<(Result<Done, Error>, f64)>) -> Outcome {
    let mut out = Outcome::default();
    // Rows of a harness follow its proof; mutants come after it.
    let mut first_row = vec![0; manifest.harness.len()];
    for (job, (done, seconds)) in jobs.iter().zip(results) {
        let name = job.name(manifest);
        match (*job, done) {
            (Job::Prove(h), done) => {
                first_row[h] = out.rows.len();
                let harness = &manifest.harness[h];
                let verdict = match done {
                    Ok(Done::Proof(verdict, labels)) => {
                        out.wrong.extend(compare_labels(harness, &labels));
                        verdict
                    }
                    Ok(_) => unreachable!("a proof gives a proof"),
                    Err(e) => Verdict::Unknown(e.to_string()),
                };
                out.proof(harness, &verdict, seconds);
            }
            (Job::Cover(h), Ok(Done::Covers(reached))) => {
                let harness = &manifest.harness[h];
                for cover in &harness.cover {
                    match reached.contains(&cover.name) {
                        true => out.covers += 1,
                        false => out.wrong.push(format!(
                            "{}: cover `{}` ({}) was not reached in {} clocks",
                            harness.name, cover.name, cover.states, harness.cover_depth
                        )),
                    }
                }
            }
            (Job::Mutant(h, m), Ok(Done::Mutant(verdict))) => {
                let kills = &manifest.harness[h].mutant[m].kills;
                match verdict {
                    Verdict::Refuted(_) => {
                        let place = manifest.harness[h].property.iter().position(|p| p.name == *kills);
                        if let Some(place) = place {
                            out.rows[first_row[h] + place].killed += 1;
                        }
                    }
                    other => {
                        out.wrong.push(format!("{name}: property `{kills}` does not notice it: {other:?}"))
                    }
                }
            }
            (Job::Check(c), Ok(Done::Check(report))) => out.check(&manifest.check[c], &report, seconds),
            (Job::Check(c), Err(e)) => {
                let report =
                    Report { proved: Err(e.to_string()), killed: 0, equivalent: vec![], alive: vec![] };
                out.check(&manifest.check[c], &report, seconds);
            }
            (_, Err(e)) => out.wrong.push(format!("{name}: {e}")),
            (_, Ok(_)) => unreachable!("each job gives its own kind"),
        }
    }
    out
}

/// Labels of the manifest that the design does not have, and the other way round.
fn compare_labels(harness: &Harness, labels: &Labels) -> Vec<String> {
    let name = &harness.name;
    let named: BTreeSet<_> = harness.property.iter().map(|p| p.name.clone()).collect();
    let covers: BTreeSet<_> = harness.cover.iter().map(|c| c.name.clone()).collect();
    let stated: BTreeSet<_> = labels.asserts.iter().filter(|l| !l.starts_with("inv_")).cloned().collect();
    let mut wrong = vec![];
    for label in stated.symmetric_difference(&named) {
        wrong.push(format!("{name}: assertion `{label}` is in the manifest or in the text only"));
    }
    for label in labels.covers.symmetric_difference(&covers) {
        wrong.push(format!("{name}: cover `{label}` is in the manifest or in the text only"));
    }
    wrong
}

impl Outcome {
    fn proof(&mut self, harness: &Harness, verdict: &Verdict, seconds: f64) {
        let k = harness.depth;
        let method = match harness.method {
            Method::Induction => format!("k-induction, k = {k}"),
            Method::Pdr => "PDR".to_string(),
            Method::Bmc => format!("BMC, {k} clocks"),
        };
        for property in &harness.property {
            let status = match (verdict, harness.method) {
                (Verdict::Holds, Method::Bmc) => format!("bounded to {k}"),
                (Verdict::Holds, _) => "proved".to_string(),
                _ => "not proved".to_string(),
            };
            self.rows.push(Row {
                block: harness.block.clone(),
                name: format!("{}.{}", harness.name, property.name),
                states: property.states.clone(),
                method: method.clone(),
                status,
                killed: 0,
                seconds,
                quick: harness.quick,
            });
        }
        if !harness.note.is_empty() {
            self.notes.push(format!("{}: {}", harness.name, harness.note));
        }
        let expected = harness.property.iter().all(|p| p.expected == Expected::Holds);
        match verdict {
            Verdict::Holds if expected => {}
            Verdict::Holds => {
                self.wrong.push(format!("{}: holds, but the manifest expects `unknown`", harness.name))
            }
            Verdict::Unknown(_) if !expected => {}
            Verdict::Unknown(why) => self.wrong.push(format!("{}: not proved: {why}", harness.name)),
            Verdict::Refuted(what) => self.wrong.push(format!("{}: refuted: {what}", harness.name)),
        }
    }

    fn check(&mut self, check: &Check, report: &Report, seconds: f64) {
        self.rows.push(Row {
            block: check.block.clone(),
            name: check.name.clone(),
            states: check.states.clone(),
            method: check.method.clone(),
            status: if report.proved.is_ok() { "proved" } else { "not proved" }.to_string(),
            killed: report.killed,
            seconds,
            quick: check.quick,
        });
        if !check.note.is_empty() {
            self.notes.push(format!("{}: {}", check.name, check.note));
        }
        self.equivalent.extend(report.equivalent.iter().map(|e| format!("{}: {e}", check.name)));
        if let Err(why) = &report.proved {
            self.wrong.push(format!("{}: not proved: {why}", check.name));
        }
        if report.killed == 0 {
            self.wrong.push(format!("{}: no mutant was refuted", check.name));
        }
        self.wrong.extend(report.alive.iter().map(|a| format!("{}: a mutant is alive: {a}", check.name)));
    }
}
