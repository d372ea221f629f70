//! `permafrost card selftest`: every part of a card, with small known problems.
//!
//! First the card by its registers and rings alone, then under the driver. What was in its memory is lost.

mod controller;
mod copies;
mod engines;
mod memory;
mod order;
mod registers;

use std::sync::Arc;
use std::time::{Duration, Instant};

use permafrost_driver::{Card, CardOptions, Transport};
use serde::Serialize;

use crate::card::{self, Connected};
use crate::error::{explain, Error};
use crate::ops::args::Selftest;
use crate::ops::bare::{self, Bare};
use crate::out;
use crate::progress::Progress;
use crate::table::{thousands, Table};

/// Longest time in which a queue with work may complete nothing, simulated cards included.
const COMMAND: Duration = Duration::from_secs(60);

/// How one part did.
#[derive(Debug)]
enum Verdict {
    /// What was done.
    Passed(String),
    /// Why it could not be tried.
    Skipped(String),
    /// What was wrong.
    Failed(String),
}

/// A test's result: what was done, or what was wrong.
type Checked = Result<Verdict, String>;

fn passed(what: impl Into<String>) -> Checked {
    Ok(Verdict::Passed(what.into()))
}

fn skipped(why: impl Into<String>) -> Checked {
    Ok(Verdict::Skipped(why.into()))
}

/// An error below as what was wrong.
fn told<E: std::error::Error + 'static>(error: E) -> String {
    explain(&error)
}

#[derive(Debug, Serialize)]
struct Step {
    test: &'static str,
    /// `passed`, `skipped` or `failed`.
    result: &'static str,
    detail: String,
    /// Null when the card was reset meanwhile.
    clocks: Option<u64>,
    seconds: f64,
}

#[derive(Debug, Serialize)]
struct Report {
    card: String,
    passed: bool,
    seed: u64,
    seconds: f64,
    tests: Vec<Step>,
}

/// Runs tests, one after the other, and notes how each did.
struct Runner {
    transport: Arc<dyn Transport>,
    progress: Progress,
    steps: Vec<Step>,
}

impl Runner {
    fn run(&mut self, test: &'static str, body: impl FnOnce() -> Checked) {
        self.progress.stage(test.to_owned());
        let cycles = || bare::cycles(&*self.transport).ok();
        let (before, start) = (cycles(), Instant::now());
        let verdict = body().unwrap_or_else(Verdict::Failed);
        let seconds = start.elapsed().as_secs_f64();
        let clocks = before.zip(cycles()).and_then(|(before, after)| after.checked_sub(before));
        let (result, detail) = match verdict {
            Verdict::Passed(detail) => ("passed", detail),
            Verdict::Skipped(detail) => ("skipped", detail),
            Verdict::Failed(detail) => ("failed", detail),
        };
        self.steps.push(Step { test, result, detail, clocks, seconds });
    }

    fn failed(&self) -> Vec<String> {
        let failed = self.steps.iter().filter(|step| step.result == "failed");
        failed.map(|step| format!("{} ({})", step.test, step.detail)).collect()
    }
}

pub fn selftest(args: &Selftest) -> Result<(), Error> {
    let connected = card::connect(&args.card.card)?;
    let report = check(connected, args.seed)?;
    let failed = report.tests.iter().filter(|step| step.result == "failed");
    let failed: Vec<_> = failed.map(|step| format!("{} ({})", step.test, step.detail)).collect();
    match args.json {
        true => out::json(&report)?,
        false => out::text(&report.table().render())?,
    }
    match failed.is_empty() {
        true => Ok(()),
        false => Err(Error::Selftest { failed }),
    }
}

/// Tests a card.
fn check(connected: Connected, seed: u64) -> Result<Report, Error> {
    let start = Instant::now();
    let transport = connected.transport.clone();
    // What is no card is an error, not a card that fails.
    let mut bare = Bare::new(transport.clone())?;
    let card = bare.info().transport.clone();
    let progress = Progress::start("registers");
    let mut runner = Runner { transport: transport.clone(), progress, steps: Vec::new() };
    runner.run("registers", || registers::check(&mut bare));
    runner.run("function level reset", || controller::function_reset(&mut bare));
    runner.run("interrupts", || controller::interrupts(&mut bare));
    runner.run("queues", || controller::queues(&mut bare));
    runner.run("abort", || controller::abort(&mut bare));
    drop(bare);

    // The rest needs the driver; a card that fails so far may still tell more.
    let options = CardOptions {
        command_deadline: COMMAND / transport.deadline_scale().max(1),
        ..CardOptions::default()
    };
    match connected.open(options) {
        Err(error) => runner.run("bring-up", || Err(told(error))),
        Ok(open) => {
            let card: Card = open.card;
            runner.run("memory", || memory::check(&card, transport.deadline_scale() > 1, seed));
            runner.run("copies", || copies::check(&card, seed));
            runner.run("semaphores", || order::check(&card));
            engines::check(&mut runner, &card, seed);
            runner.run("controller reset", || copies::after_reset(&card, seed));
        }
    }
    let passed = runner.failed().is_empty();
    Ok(Report { card, passed, seed, seconds: start.elapsed().as_secs_f64(), tests: runner.steps })
}

impl Report {
    fn table(&self) -> Table {
        let mut table =
            Table::new(&[&format!("{} (seed {})", self.card, self.seed), "result", ">clocks", ">s", "what"]);
        for step in &self.tests {
            table.row(vec![
                step.test.into(),
                step.result.into(),
                step.clocks.map_or_else(|| "-".into(), thousands),
                format!("{:.2}", step.seconds),
                step.detail.clone(),
            ]);
        }
        table
    }
}

#[cfg(test)]
mod tests;
