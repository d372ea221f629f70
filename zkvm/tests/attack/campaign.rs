//! The lies of one cell, proved: each column in a row in use and in one that is not.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Mutex;

use p3_field::PrimeCharacteristicRing;
use permafrost_zkvm::air::Kind;
use permafrost_zkvm::F;

use crate::columns::{sweep, Column, Trap};
use crate::forge::{quick, Caught, Counts, Forge};

/// One lie that was proved.
struct Attempt {
    column: usize,
    row: usize,
    counts: Counts,
    used: bool,
}

/// What became of it.
struct Result {
    attempt: Attempt,
    caught: Option<Caught>,
}

/// Whether rows not in use have constraints of their own, as many as those in use: their columns are changed without a proof there.
fn large(kind: Kind) -> bool {
    matches!(kind, Kind::Poseidon2 | Kind::Sha256 | Kind::Keccak)
}

/// Of so many columns of one name, bits mostly, every sixteenth is proved unless all are to be.
const MANY: usize = 64;

/// The lies of the columns: a row in use with the counts left and adapted, and a row not in use where that matters.
fn attempts(columns: &[Column], every: bool) -> Vec<Attempt> {
    let mut sizes: BTreeMap<(Kind, String), [usize; 2]> = BTreeMap::new();
    for what in columns {
        sizes.entry((what.kind, group(&what.name))).or_default()[0] += 1;
    }
    let mut all = Vec::new();
    for (column, what) in columns.iter().enumerate() {
        let [size, seen] = sizes.get_mut(&(what.kind, group(&what.name))).expect("counted");
        *seen += 1;
        if !every && *size >= MANY && *seen % 16 != 1 {
            continue;
        }
        let provider = matches!(what.kind, Kind::Program | Kind::Range);
        if let Some((row, _)) = what.used {
            all.push(Attempt { column, row, counts: Counts::Matched, used: true });
            if what.looked_up && !provider && what.lane == 0 {
                all.push(Attempt { column, row, counts: Counts::Left, used: true });
            }
        }
        match &what.unused {
            Some((_, Trap::Free)) | None => {}
            Some(_) if what.lane > 0 => {}
            Some((_, Trap::Constraint)) if large(what.kind) => {}
            Some((row, Trap::Count)) => {
                all.push(Attempt { column, row: *row, counts: Counts::Left, used: false })
            }
            Some((row, _)) => all.push(Attempt { column, row: *row, counts: Counts::Matched, used: false }),
        }
    }
    all
}

/// Proves and verifies every attempt, with as many threads as there are processors.
fn prove(forge: &Forge<'_>, columns: &[Column], attempts: Vec<Attempt>) -> Vec<Result> {
    let config = quick();
    let next = AtomicUsize::new(0);
    let total = attempts.len();
    let results = Mutex::new(Vec::new());
    let attempts = Mutex::new(attempts);
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| loop {
                let Some(attempt) = attempts.lock().expect("no panic").pop() else { return };
                let what = &columns[attempt.column];
                let mut lie = forge.clone();
                lie.change(what.kind, attempt.row, attempt.counts, |row| row[what.column] += F::ONE);
                let caught = lie.refused_by(&config);
                let done = next.fetch_add(1, Ordering::Relaxed) + 1;
                if done % 200 == 0 {
                    eprintln!("{done} of {total}");
                }
                results.lock().expect("no panic").push(Result { attempt, caught });
            });
        }
    });
    let mut results = results.into_inner().expect("no panic");
    results.sort_by_key(|result| {
        (result.attempt.column, !result.attempt.used, result.attempt.counts == Counts::Left)
    });
    results
}

/// The name without the numbers in brackets and the lane.
fn group(name: &str) -> String {
    let name = name.split('@').next().unwrap_or(name);
    let mut group = String::new();
    for part in name.split_inclusive('[') {
        group.push_str(part.split_once(']').map_or(part, |(_, rest)| rest));
        if part.ends_with('[') {
            group.push(']');
        }
    }
    group
}

fn say(caught: Option<&Caught>, trap: &Trap) -> String {
    match (caught, trap) {
        (None, _) => "**accepted**".into(),
        (Some(Caught::Constraint(_)), _) => "constraint".into(),
        (Some(Caught::Sum), Trap::Bus(bus)) => format!("sum: {bus}"),
        (Some(Caught::Sum), Trap::NoEntry(bus)) => format!("sum: no entry in {bus}"),
        (Some(Caught::Sum), _) => "sum: count".into(),
        (Some(Caught::NoProof(what)), _) => format!("no proof: {what}"),
        (Some(Caught::Other(what)), _) => what.clone(),
    }
}

/// What the campaign found.
pub struct Report {
    /// The table of columns, in Markdown.
    pub table: String,
    /// Lies proved.
    pub proofs: usize,
    /// Of those, by what refused them.
    pub by: BTreeMap<String, usize>,
    /// Columns.
    pub columns: usize,
    /// Lies believed, and refusals by another check than was foreseen.
    pub findings: Vec<String>,
}

/// Columns of one name: how many, and verdicts on rows in use and on others.
type Group = (usize, [BTreeMap<String, usize>; 2]);

/// Every column proved with its lies.
pub fn run(forge: &Forge<'_>, every: bool, keep: impl Fn(usize) -> bool) -> Report {
    let columns = sweep(forge, |_| true);
    let attempts = attempts(&columns, every)
        .into_iter()
        .enumerate()
        .filter(|(i, _)| keep(*i))
        .map(|(_, attempt)| attempt)
        .collect();
    let results = prove(forge, &columns, attempts);
    let mut report = Report {
        table: String::new(),
        proofs: results.len(),
        by: BTreeMap::new(),
        columns: columns.len(),
        findings: Vec::new(),
    };
    for what in columns.iter().filter(|what| what.used.is_none()) {
        report.findings.push(format!("{}.{}: free in every row in use", what.kind.name(), what.name));
    }
    // By group: columns, then what refused in rows in use and in others.
    let mut groups: BTreeMap<(Kind, usize, String), Group> = BTreeMap::new();
    let mut first: BTreeMap<(Kind, String), usize> = BTreeMap::new();
    let key = |first: &mut BTreeMap<(Kind, String), usize>, what: &Column| {
        let name = group(&what.name);
        let place = *first.entry((what.kind, name.clone())).or_insert(what.column);
        (what.kind, place, name)
    };
    for what in &columns {
        let entry = groups.entry(key(&mut first, what)).or_default();
        entry.0 += 1;
        match &what.unused {
            Some((_, Trap::Free)) => *entry.1[1].entry("free".into()).or_default() += 1,
            Some((_, Trap::Constraint)) if large(what.kind) => {
                *entry.1[1].entry("constraint (no proof)".into()).or_default() += 1
            }
            _ => {}
        }
    }
    for Result { attempt, caught } in &results {
        let what = &columns[attempt.column];
        let trap = if attempt.used { &what.used } else { &what.unused };
        let (row, trap) = trap.as_ref().expect("an attempt has a row");
        let said = say(caught.as_ref(), trap);
        let name = format!("{}.{} row {row}, counts {:?}", what.kind.name(), what.name, attempt.counts);
        let foreseen = match (caught, trap) {
            (Some(Caught::Constraint(table)), Trap::Constraint) => *table == what.kind.name(),
            (Some(Caught::Sum), Trap::Bus(_) | Trap::NoEntry(_) | Trap::Count) => true,
            _ => false,
        };
        if !foreseen {
            report.findings.push(format!("{name}: {said}, foreseen {trap:?}"));
        }
        *report.by.entry(said.split(':').next().unwrap_or_default().into()).or_default() += 1;
        let entry = groups.entry(key(&mut first, what)).or_default();
        *entry.1[usize::from(!attempt.used)].entry(said).or_default() += 1;
    }
    let list = |said: &BTreeMap<String, usize>| {
        if said.is_empty() {
            return "-".to_string();
        }
        said.iter()
            .map(|(what, count)| if *count > 1 { format!("{what} ({count})") } else { what.clone() })
            .collect::<Vec<_>>()
            .join("; ")
    };
    for ((kind, _, name), (count, [used, unused])) in &groups {
        let count = if *count > 1 { format!(" ({count})") } else { String::new() };
        let (used, unused) = (list(used), list(unused));
        writeln!(report.table, "| {}.{name}{count} | {used} | {unused} |", kind.name()).expect("a string");
    }
    report
}
