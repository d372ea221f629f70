//! Questions about terms to a solver of bit vectors.

use super::terms::{Op, Term, Terms};
use crate::{tools::Tools, Error};
use std::collections::HashSet;
use std::fmt::Write as _;
use std::path::Path;

/// What the solver said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The claim holds for all values.
    Holds,
    /// There are values for which it does not.
    Fails,
}

/// Whether `claim`, a bit, is 1 whenever all of `given` are.
///
/// # Errors
/// When the solver cannot be run, takes longer than `seconds` or does not know: a mutant must not be refuted by that.
pub fn holds(
    terms: &Terms,
    tools: &Tools,
    folder: &Path,
    given: &[Term],
    claim: Term,
    seconds: u64,
) -> Result<Answer, Error> {
    let mut out = String::from("(set-logic QF_UFBV)\n");
    let mut done = HashSet::new();
    let mut cells: Vec<String> = vec![];
    for root in given.iter().chain([&claim]) {
        define(terms, *root, &mut done, &mut cells, &mut out);
    }
    for term in given {
        writeln!(out, "(assert (= {} #b1))", name(*term)).expect("String");
    }
    writeln!(out, "(assert (= {} #b0))\n(check-sat)", name(claim)).expect("String");
    let path = folder.join("question.smt2");
    std::fs::write(&path, &out).map_err(|source| Error::Io { path: path.display().to_string(), source })?;
    let said = tools.run(folder, "bitwuzla", &["question.smt2"], None, seconds)?;
    match said.text.trim() {
        "unsat" => Ok(Answer::Holds),
        "sat" => Ok(Answer::Fails),
        other => Err(Error::Tool { tool: "bitwuzla", said: other.chars().take(500).collect() }),
    }
}

fn name(t: Term) -> String {
    format!("{t:?}").replace(['(', ')'], "_")
}

fn define(t: &Terms, root: Term, done: &mut HashSet<Term>, cells: &mut Vec<String>, out: &mut String) {
    let mut stack = vec![(root, false)];
    while let Some((term, ready)) = stack.pop() {
        if !ready {
            if done.insert(term) {
                stack.push((term, true));
                stack.extend(t.node(term).args.iter().map(|a| (*a, false)));
            }
            continue;
        }
        let node = t.node(term);
        let args: Vec<String> = node.args.iter().map(|a| name(*a)).collect();
        let all = args.join(" ");
        let bit = |text: String| format!("(ite {text} #b1 #b0)");
        let width = node.width;
        let text = match &node.op {
            Op::Var(_) => {
                writeln!(out, "(declare-const {} (_ BitVec {width}))", name(term)).expect("String");
                continue;
            }
            Op::Const(c) => format!("(_ bv{c} {width})"),
            Op::Slice(lo) => format!("((_ extract {} {lo}) {all})", lo + width - 1),
            Op::Concat => {
                let reversed: Vec<&str> = args.iter().rev().map(String::as_str).collect();
                format!("(concat {})", reversed.join(" "))
            }
            Op::Not => format!("(bvnot {all})"),
            Op::And => format!("(bvand {all})"),
            Op::Or => format!("(bvor {all})"),
            Op::Xor => format!("(bvxor {all})"),
            Op::Add => format!("(bvadd {all})"),
            Op::Sub => format!("(bvsub {all})"),
            Op::Eq => bit(format!("(= {all})")),
            Op::Less => bit(format!("(bvult {all})")),
            Op::Ite => format!("(ite (= {} #b1) {} {})", args[0], args[1], args[2]),
            // Functions and cells that are not looked into.
            Op::Call(_) | Op::Cell(_) => {
                let sorts: Vec<String> =
                    node.args.iter().map(|a| format!("(_ BitVec {})", t.width(*a))).collect();
                let symbol = format!("{:?} {sorts:?} {width}", node.op);
                let number = cells.iter().position(|c| *c == symbol).unwrap_or_else(|| {
                    let line =
                        format!("(declare-fun f{} ({}) (_ BitVec {width}))", cells.len(), sorts.join(" "));
                    writeln!(out, "{line}").expect("String");
                    cells.push(symbol);
                    cells.len() - 1
                });
                format!("(f{number} {all})")
            }
        };
        writeln!(out, "(define-fun {} () (_ BitVec {width}) {text})", name(term)).expect("String");
    }
}
