//! Datapaths made wrong: the teeth of the proofs on graphs.

use crate::check::Report;
use permafrost_rtl::graph::{Graph, Op};

/// Proves `graph`, then every mutant of it: each node made wrong in one way after the other.
///
/// `same` gives the reason why a mutant that is not refuted computes the same, if there is one.
pub fn with_mutants<E: std::fmt::Display>(
    graph: &Graph,
    prove: impl Fn(&Graph) -> Result<(), E>,
    same: impl Fn(&Graph, usize, &str) -> Option<&'static str>,
) -> Report {
    let proved = prove(graph).map_err(|e| e.to_string());
    let mut report = Report { proved, killed: 0, equivalent: vec![], alive: vec![] };
    if report.proved.is_err() {
        return report;
    }
    for at in 0..graph.nodes.len() {
        for (what, op) in wrong(graph, at) {
            let mut mutant = graph.clone();
            mutant.nodes[at].op = op;
            if prove(&mutant).is_err() {
                report.killed += 1;
                continue;
            }
            let name = format!("node {at}: {what} of {:?}", graph.nodes[at].op);
            match same(graph, at, what) {
                Some(why) => report.equivalent.push(format!("{name}: {why}")),
                None => report.alive.push(name),
            }
        }
    }
    report
}

/// Other operations than that of the node at `at`.
pub fn wrong(graph: &Graph, at: usize) -> Vec<(&'static str, Op)> {
    match graph.nodes[at].op.clone() {
        Op::Const(c) => vec![("one more", Op::Const(c + 1u32))],
        Op::Add(terms) => vec![("a term less", Op::Add(terms[1..].to_vec()))],
        Op::Slice { src, lo, width } if lo > 0 => {
            vec![
                ("a bit lower", Op::Slice { src, lo: lo - 1, width }),
                ("a bit less", Op::Slice { src, lo, width: width - 1 }),
            ]
        }
        Op::Slice { src, lo, width } => vec![("a bit higher", Op::Slice { src, lo: lo + 1, width })],
        Op::Shl(src, by) => vec![("a bit further", Op::Shl(src, by + 1))],
        Op::Mul(a, b) if a != b => vec![("a square", Op::Mul(a, a))],
        // Zero is the same anywhere.
        Op::Chain { top, .. } if graph.max(top).bits() == 0 => vec![],
        Op::Chain { a, b, top, at } => vec![("another place", Op::Chain { a, b, top, at: at + 1 })],
        Op::Select { cond, a, b } => vec![("the other way", Op::Select { cond, a: b, b: a })],
        Op::Table { index, mut entries } => {
            let last = entries.len() - 1;
            entries[last] += 1u32;
            vec![("a wrong entry", Op::Table { index, entries })]
        }
        Op::SubMod(a, b, width) => vec![("the other difference", Op::SubMod(b, a, width))],
        _ => vec![],
    }
}
