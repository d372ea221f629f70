//! Attacks on the proofs: every column of every table, lies that fit each other, segments and statements put together wrongly.
//!
//! All of them are tried with real proofs by `make attack`, which writes docs/attacks.md. The tests that always run try every column and
//! every lie without a proof, which says which constraint or bus refuses it, and a sample of each with one.

mod campaign;
mod chain;
mod columns;
mod executor;
mod forge;
mod lies;
mod pointers;
mod program;
mod report;

use std::sync::LazyLock;

use forge::Forge;
use lies::{Judge, Lie};
use permafrost_zkvm::air::Kind;
use permafrost_zkvm::key::Key;
use permafrost_zkvm::record::Segment;

static ONE: LazyLock<(Key, Segment)> = LazyLock::new(|| {
    let program = program::all(1, 0);
    let segment = program::segments(&program).remove(0);
    (Key::new(&program).expect("a key"), segment)
});

/// The honest traces of one segment that uses every table.
fn honest() -> Forge<'static> {
    Forge::of(&ONE.0, &ONE.1)
}

#[track_caller]
fn refused(lies: Vec<Lie>) {
    for lie in lies {
        println!("{}: {:?}", lie.name, lie.verdict());
        assert!(lie.verdict().is_some(), "believed: {}; wrong with it: {:?}", lie.name, lie.wrong);
    }
}

#[track_caller]
fn all_refused(verdicts: Vec<chain::Verdict>) {
    for (name, verdict) in verdicts {
        assert!(verdict.is_some(), "believed: {name}");
    }
}

#[test]
fn honest_traces_are_believed() {
    let forge = honest();
    assert_eq!(forge.traces.len(), Kind::ALL.len(), "every table is attacked");
    assert_eq!(forge.wrong(), Vec::<String>::new());
    assert_eq!(forge.refused_by(&forge::quick()), None);
    assert_eq!(lies::liar_honest().wrong(), Vec::<String>::new());
    let mut again = forge;
    again.recount();
    assert_eq!(again.refused(), None);
}

#[test]
fn no_column_is_free() {
    for column in columns::sweep(&honest(), |_| true) {
        assert!(column.used.is_some(), "{}.{}: no change of it is refused", column.kind.name(), column.name);
    }
}

#[test]
fn a_sample_of_the_columns_is_refused() {
    let report = campaign::run(&honest(), false, |i| i % 250 == 7);
    assert!(report.proofs > 5, "{} proofs", report.proofs);
    assert_eq!(report.findings, Vec::<String>::new());
}

#[test]
fn lies_are_refused_without_a_proof() {
    refused(lies::all(Judge::Check, &ONE));
}

#[test]
fn a_sample_of_the_lies_is_refused() {
    let config = forge::quick();
    refused(lies::executors(Judge::Quick(&config), |i| i % 9 == 0));
    refused(vec![lies::alias(Judge::Full)]);
}

#[test]
fn runs_that_did_not_happen_are_refused() {
    assert_eq!(chain::honest(), None);
    all_refused(chain::chains());
}

#[test]
fn changed_statements_and_shapes_are_refused() {
    all_refused(chain::statements());
    all_refused(chain::shapes());
}

/// Everything, with real proofs; writes docs/attacks.md.
#[test]
#[ignore = "thousands of proofs"]
fn everything() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/attacks.md");
    let findings = report::write(path);
    assert_eq!(findings, Vec::<String>::new());
}
