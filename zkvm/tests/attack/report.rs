//! docs/attacks.md: every attack and what refused it.

use std::fmt::Write as _;
use std::time::Instant;

use permafrost_zkvm::air::Kind;

use crate::{campaign, chain, honest, lies, ONE};

const HEAD: &str = "\
# Attacks on the proofs

`make attack` writes this file. It is made by a prover that lies: the traces of a run are changed, proved by the reference prover as they
are, and given to the unmodified verifier. `make test` tries all of these without proofs, by the constraints and the sums of messages
alone, and a sample with proofs.

- **constraint**: a constraint of the table does not hold at the point outside the domain.
- **sum: bus**: the messages of all tables do not cancel; the bus is the one whose message has no counterpart, or the table of entries
  has no such entry. (The verifier sees one sum over all buses; the bus is found without the proof.)
- **sum: count**: an entry is there, but is not counted as often as it is looked up.
- **free**: the row has no use for the cell. Every constraint holds and the row sends what it sent before (to the range table perhaps
  another number, which is there too), so that the proof says the same, and is true.
- A bus alone, in the second table, is one whose messages do not cancel.

";

const COLUMNS: &str = "\
## Columns

One cell is changed by 1, in a row that is in use and in one that is not. In use: proved with the counts of the tables that provide
entries (program, range, poseidon2) adapted to the change, and where it changes a lookup again with the counts left as they were; a row is
taken in which changes by 1, -1, 2^8, 2^16 and 1/2 are all refused, and every column must have such a row. Tables with a row an instruction are
committed two rows side by side, so each of their columns is there twice and attacked twice (the second lane in use and with the counts
adapted only). Columns of one name are in one line with their number; a number after a verdict is how many proofs it was. Of more than 63 columns of one name every sixteenth is proved
(the others are changed without a proof; `PERMAFROST_ATTACK=all` proves all). In rows not in use of poseidon2, sha256 and keccak, which
keep the constraints of those in use, changes that break a constraint are not proved.

These proofs have 2 queries and no grinding: the queries show that what is committed are polynomials, which the reference prover's are; what
refuses a lie, the constraints and the sum, is the same.

| column | in use | not in use |
|---|---|---|
";

const LIES: &str = "\
## Lies that fit each other

With the configuration of all proofs. \"Executed as\" is a whole run in which one instruction did something else and everything after it follows: the
registers, the memory, its root, the output and its digest. What is counted by the tables that provide entries is adapted. The second column
is everything that is wrong with the traces; the verifier refused each.

| lie | refused by |
|---|---|
";

const CHAINS: &str = "\
## Runs, statements, shapes

Proofs that are right, with statements changed, or put together into a run that did not happen. A segment may be proved under any number:
only the chain says which it has. A statement changed afterwards is another transcript, in which mostly the first ground number no longer fits;
what is \"proved as such\" is refused by the tables.

| lie | the verifier |
|---|---|
";

fn row(out: &mut String, name: &str, verdict: Option<String>, findings: &mut Vec<String>) {
    let verdict = verdict.unwrap_or_else(|| {
        findings.push(name.to_string());
        "**believed**".into()
    });
    writeln!(out, "| {name} | {} |", verdict.replace('|', "\\|").replace('\n', " ")).expect("a string");
}

/// Makes all attacks and writes the file. Returns what was believed.
pub fn write(path: &str) -> Vec<String> {
    let start = Instant::now();
    let every = std::env::var("PERMAFROST_ATTACK").is_ok_and(|all| all == "all");
    let mut findings = Vec::new();

    let all = lies::all(lies::Judge::Full, &ONE);
    let mut told = String::new();
    let lies = all.len();
    for lie in all {
        row(&mut told, &lie.name, lie.verdict(), &mut findings);
    }
    eprintln!("{lies} lies, {} s", start.elapsed().as_secs());
    let mut chains = String::new();
    let verdicts: Vec<_> = chain::chains()
        .into_iter()
        .chain(chain::statements())
        .chain(chain::proved_statements())
        .chain(chain::shapes())
        .collect();
    let runs = verdicts.len();
    for (name, verdict) in verdicts {
        row(&mut chains, &name, verdict, &mut findings);
    }
    eprintln!("{runs} runs, statements and shapes, {} s", start.elapsed().as_secs());
    let report = campaign::run(&honest(), every, |_| true);
    findings.extend(report.findings);

    let mut out = HEAD.to_string();
    let by: Vec<String> = report.by.iter().map(|(what, count)| format!("{count} by {what}")).collect();
    let (columns, proofs) = (report.columns, report.proofs);
    writeln!(
        out,
        "Tried: {proofs} lies of one cell proved, over {columns} columns of {} tables ({}); {lies} lies of many cells; {runs} runs, statements and \
         shapes. Believed: {}. Time: {} minutes on {} threads.\n",
        Kind::ALL.len(),
        by.join(", "),
        findings.len(),
        start.elapsed().as_secs().div_ceil(60),
        std::thread::available_parallelism().map_or(1, usize::from),
    )
    .expect("a string");
    for part in [LIES, &told, "\n", CHAINS, &chains, "\n", COLUMNS, &report.table] {
        out.push_str(part);
    }
    std::fs::write(path, out).expect("the documentation can be written");
    findings
}
