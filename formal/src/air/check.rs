//! One table: its proof, and the search for a wrong row without each of its constraints and lookups.

use super::cases::{split, Case};
use super::claim::{claims, free, number, Claim};
use super::equivalent::{hints, EQUIVALENT};
use super::poly::{Var, P};
use super::system::System;
use crate::{
    check::Report,
    tools::{folder, Tools},
    Error,
};
use p3_field::PrimeCharacteristicRing;
use permafrost_zkvm::{
    air::{bus, range::Range, Kind},
    F,
};
use rayon::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

/// Milliseconds for one answer.
const PATIENCE: u64 = 60_000;
/// The same in a search.
const SEARCH_PATIENCE: u64 = 1_500;
/// Questions in one run of z3.
const BATCH: usize = 24;
/// Seconds for one run.
const LIMIT: u64 = 900;

/// Cells of a row, from 0 to p - 1.
type Cells = BTreeMap<Var, i128>;

/// What z3 says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answer {
    Unsat,
    Sat,
    Unknown,
}

/// Proves that `kind`'s rows do what the instruction set says, and tries its mutants.
///
/// # Errors
/// z3 is missing or fails.
pub fn table(tools: &Tools, kind: Kind) -> Result<Report, Error> {
    let system = System::of(kind);
    let proved = prove(tools, &system, kind)?;
    let mut report = Report { proved, killed: 0, equivalent: vec![], alive: vec![] };
    let reason = |what: &str| {
        EQUIVALENT.iter().find(|(k, text, _)| *k == kind && *text == what).map(|(_, _, why)| *why)
    };
    let found: Vec<(String, Result<Found, Error>)> = mutants(&system)
        .into_par_iter()
        .map(|(what, mutant)| {
            let found = fate(tools, &mutant, kind, reason(&what));
            (what, found)
        })
        .collect();
    for (what, found) in found {
        match found? {
            Found::Row => report.killed += 1,
            Found::Equivalent(why) => report.equivalent.push(format!("without {what}: {why}")),
            Found::Nothing(why) => report.alive.push(format!("without {what}{why}")),
        }
    }
    let stale = EQUIVALENT
        .iter()
        .filter(|(k, what, _)| *k == kind && !report.equivalent.iter().any(|e| e.contains(what)));
    report.alive.extend(
        stale.map(|(_, what, _)| format!("a reason is given for {what}, which is refuted or not there")),
    );
    Ok(report)
}

/// What became of a mutant.
enum Found {
    /// A row that it allows and the instruction set does not.
    Row,
    /// There is none: it is proved as the table is, and this is why.
    Equivalent(&'static str),
    /// Neither.
    Nothing(String),
}

fn fate(tools: &Tools, mutant: &System, kind: Kind, reason: Option<&'static str>) -> Result<Found, Error> {
    // What is said to be equivalent is not searched but proved.
    Ok(match reason {
        Some(why) => match prove(tools, mutant, kind)? {
            Ok(()) => Found::Equivalent(why),
            Err(because) => Found::Nothing(format!(", for which a reason is given: {because}")),
        },
        None => match search(tools, mutant, kind)? {
            Some(_) => Found::Row,
            None => Found::Nothing(String::new()),
        },
    })
}

/// The table without each of its constraints and lookups in turn.
fn mutants(system: &System) -> Vec<(String, System)> {
    let mut mutants = vec![];
    for i in 0..system.constraints.len() {
        let mut mutant = system.clone();
        mutant.constraints.remove(i);
        mutants.push((system.show_constraint(i), mutant));
    }
    for (i, message) in system.messages.iter().enumerate() {
        if message.bus == bus::RANGE {
            let mut mutant = system.clone();
            mutant.messages.remove(i);
            mutants.push((system.show_message(i), mutant));
        }
    }
    mutants
}

/// How many cases and questions a table has.
pub fn size(kind: Kind) -> Result<(usize, usize), String> {
    let system = System::of(kind);
    let cases = split(&system, &[], None);
    let questions =
        cases.iter().map(|case| Ok(claims(&system, kind, case, false)?.len())).sum::<Result<_, String>>()?;
    Ok((cases.len(), questions))
}

fn prove(tools: &Tools, system: &System, kind: Kind) -> Result<Result<(), String>, Error> {
    let cases = split(system, &[], None);
    let mut questions = vec![];
    for case in &cases {
        match claims(system, kind, case, false) {
            Ok(claims) => questions.extend(claims.into_iter().map(|claim| (case, claim))),
            Err(why) => return Ok(Err(why)),
        }
    }
    if questions.is_empty() {
        return Ok(Err("nothing is asked: no row executes an instruction".into()));
    }
    let answers: Vec<Result<Vec<Answer>, Error>> = questions
        .par_chunks(BATCH)
        .map(|batch| {
            let texts: Vec<_> = batch.iter().map(|(case, claim)| text(system, case, claim)).collect();
            Ok(ask(tools, &texts, PATIENCE)?.0)
        })
        .collect();
    let mut all = vec![];
    for batch in answers {
        all.extend(batch?);
    }
    let count = |answer| all.iter().filter(|a| **a == answer).count();
    if count(Answer::Unsat) == questions.len() {
        return Ok(Ok(()));
    }
    let first = all.iter().position(|answer| *answer != Answer::Unsat).map(|i| &questions[i]);
    let fixed = first.map(|(case, _)| {
        let cells = case.fixed.iter().map(|(var, value)| format!("{} = {value}", system.name(*var)));
        cells.collect::<Vec<_>>().join(", ")
    });
    let (sat, unknown) = (count(Answer::Sat), count(Answer::Unknown));
    let of = questions.len();
    Ok(Err(format!(
        "of {of} questions {sat} have a counterexample, {unknown} no answer; the first with {}",
        fixed.unwrap_or_default()
    )))
}

fn text(system: &System, case: &Case, claim: &Claim) -> String {
    let cells: BTreeSet<Var> = free(system, case).into_iter().collect();
    claim.query.text(&claim.goal, &cells)
}

/// A row that the constraints allow and that does not do what it should, if one is found.
fn search(tools: &Tools, system: &System, kind: Kind) -> Result<Option<Cells>, Error> {
    for hint in hints(kind) {
        let fixed: Vec<(Var, i128)> = hint
            .iter()
            .filter_map(|(name, value)| {
                let at = system.names.iter().position(|n| n == name)?;
                Some((Var::try_from(at).ok()?, *value))
            })
            .collect();
        let cases = split(system, &fixed, Some(kind));
        let mut questions = vec![];
        for case in &cases {
            // A case of which nothing can be said is not looked at.
            if let Ok(claims) = claims(system, kind, case, true) {
                questions.extend(claims.into_iter().map(|claim| (case, claim)));
            }
        }
        for batch in questions.chunks(BATCH / 4) {
            let texts: Vec<_> = batch.iter().map(|(case, claim)| text(system, case, claim)).collect();
            let (answers, models) = ask(tools, &texts, SEARCH_PATIENCE)?;
            for (i, (case, _)) in batch.iter().enumerate() {
                if answers[i] != Answer::Sat {
                    continue;
                }
                let mut row = models[i].clone();
                row.extend(case.fixed.iter().map(|(var, value)| (*var, *value)));
                return match allowed(system, &row) {
                    true => Ok(Some(row)),
                    false => Err(Error::Tool {
                        tool: "z3",
                        said: format!("a model that is no row of {}", kind.name()),
                    }),
                };
            }
        }
    }
    Ok(None)
}

/// Whether a row satisfies the constraints, in the field, and looks up only what the range table has.
fn allowed(system: &System, row: &Cells) -> bool {
    let cell = |var: Var| row.get(&var).copied().unwrap_or(0);
    let field = |x: i128| F::from_u64(u64::try_from(x.rem_euclid(P)).expect("p is below 2^64"));
    let constraints = system.constraints.iter().all(|factors| factors.iter().any(|f| f.eval(cell) == 0));
    let counted = system.messages.iter().all(|message| {
        let one = [bus::RANGE, bus::PROGRAM].contains(&message.bus.as_str());
        let count = message.count.eval(cell);
        count == 0 || count == 1 || (!one && count == P - 1)
    });
    let lookups =
        system.messages.iter().filter(|message| message.bus == bus::RANGE && message.count.eval(cell) != 0);
    let mut entries = lookups.map(|message| {
        let fields: Vec<F> = message.fields.iter().map(|f| field(f.eval(cell))).collect();
        Range::place(&fields).is_some()
    });
    // With another count a lookup could be taken back by another row: that alone is wrong.
    constraints && (!counted || entries.all(|there| there))
}

/// z3's answers, and models where there are some.
fn ask(tools: &Tools, texts: &[String], patience: u64) -> Result<(Vec<Answer>, Vec<Cells>), Error> {
    let folder = folder()?;
    let mut query = String::new();
    for text in texts {
        query += "(reset)\n(set-option :produce-models true)\n";
        query +=
            &format!("(set-option :timeout {patience})\n{text}\n(check-sat)\n(get-model)\n(echo \"next\")\n");
    }
    let path = folder.path().join("table.smt2");
    std::fs::write(&path, query).map_err(|source| Error::Io { path: path.display().to_string(), source })?;
    let said = tools.run(folder.path(), "z3", &["table.smt2"], None, LIMIT)?;
    let (mut answers, mut models) = (vec![], vec![]);
    for part in said.text.split("next\n").take(texts.len()) {
        let (answer, rest) = part.split_once('\n').unwrap_or((part, ""));
        answers.push(match answer.trim() {
            "unsat" => Answer::Unsat,
            "sat" => Answer::Sat,
            "unknown" => Answer::Unknown,
            _ => return Err(Error::Tool { tool: "z3", said: part.to_string() }),
        });
        models.push(model(rest));
    }
    if answers.len() != texts.len() {
        return Err(Error::Tool { tool: "z3", said: said.text });
    }
    Ok((answers, models))
}

/// The cells of a model.
fn model(text: &str) -> Cells {
    let mut cells = BTreeMap::new();
    for part in text.split("(define-fun ").skip(1) {
        let Some((name, value)) = part.split_once(" () Int") else { continue };
        let Some(var) = name.strip_prefix('c').and_then(|name| name.parse().ok()) else { continue };
        let value: String = value.chars().filter(|c| c.is_ascii_digit() || *c == '-').collect();
        cells.extend(number(&value).map(|value| (var, value)));
    }
    cells
}
