//! The table of docs/formal-table.md: what is proved of what, made from a run.

use crate::run::{Outcome, Row};
use std::{collections::BTreeSet, fmt::Write as _};

/// The whole file. Only the column of seconds differs between two runs of the same state.
pub fn markdown(outcome: &Outcome, versions: &[(&'static str, String)]) -> String {
    let mut t = String::from(
        "# What is proved\n\nMade by `make formal`; do not edit. How it is done and what is trusted: [formal.md](formal.md).\n\n",
    );
    let rows = &outcome.rows;
    let count = |status: &str| rows.iter().filter(|r| r.status.starts_with(status)).count();
    let blocks: BTreeSet<_> = rows.iter().map(|r| &r.block).collect();
    let killed: usize = rows.iter().map(|r| r.killed).sum();
    writeln!(
        t,
        "{} rows, a property of one design each, of {} blocks: {} proved (unbounded), {} bounded, {} not proved. {killed} mutants refuted, {} \
         compute the same as the design, none else is alive. {} covers reached.\n",
        rows.len(),
        blocks.len(),
        count("proved"),
        count("bounded"),
        count("not proved"),
        outcome.equivalent.len(),
        outcome.covers
    )
    .expect("String");
    let said: Vec<_> = versions.iter().map(|(tool, v)| format!("{tool}: {v}")).collect();
    writeln!(t, "Tools: {}.\n", said.join("; ")).expect("String");
    let open: Vec<_> = rows.iter().filter(|r| r.status != "proved").collect();
    if !open.is_empty() {
        t += "## Not proved without bound\n\n";
        for row in &open {
            writeln!(t, "- `{}`: {}. {}", row.name, row.status, row.states).expect("String");
        }
        t += "\n";
    }
    t += "## Mutants by block\n\n| Block | Properties | Mutants refuted |\n|---|---|---|\n";
    for block in &blocks {
        let of: Vec<_> = rows.iter().filter(|r| r.block == **block).collect();
        let killed: usize = of.iter().map(|r| r.killed).sum();
        writeln!(t, "| {block} | {} | {killed} |", of.len()).expect("String");
    }
    t += "\n## Properties\n\n\
          A star: part of `make test`. Seconds are those of the proof, shared by the properties of one harness, other proofs running beside.\n\n\
          | Block | Property | States | Method | Status | Mutants refuted | Seconds |\n|---|---|---|---|---|---|---|\n";
    for row in rows {
        line(&mut t, row);
    }
    list(&mut t, "Notes", &outcome.notes);
    list(&mut t, "Mutants that compute the same", &outcome.equivalent);
    t
}

fn line(t: &mut String, row: &Row) {
    let cell = |text: &str| text.replace('|', "\\|");
    writeln!(
        t,
        "| {} | `{}`{} | {} | {} | {} | {} | {:.1} |",
        cell(&row.block),
        row.name,
        if row.quick { " *" } else { "" },
        cell(&row.states),
        cell(&row.method),
        row.status,
        row.killed,
        row.seconds
    )
    .expect("String");
}

fn list(t: &mut String, title: &str, lines: &[String]) {
    if !lines.is_empty() {
        writeln!(t, "\n## {title}\n").expect("String");
        for line in lines {
            writeln!(t, "- {line}").expect("String");
        }
    }
}

/// The table without its seconds: what must be the same in every run.
pub fn without_times(table: &str) -> String {
    let mut out = String::new();
    for line in table.lines() {
        let cells: Vec<_> = line.split(" | ").collect();
        match line.starts_with("| ") && cells.len() == 7 {
            true => out += &cells[..6].join(" | "),
            false => out += line,
        }
        out.push('\n');
    }
    out
}

/// Rows of `outcome` that `table` does not have as they are.
pub fn missing(outcome: &Outcome, table: &str) -> Vec<String> {
    let known: BTreeSet<_> = without_times(table).lines().map(str::to_string).collect();
    let mut wrong = vec![];
    for row in &outcome.rows {
        let mut text = String::new();
        line(&mut text, row);
        if !known.contains(without_times(&text).trim_end()) {
            wrong.push(format!("{}: the table has no such row; run make formal", row.name));
        }
    }
    wrong
}
