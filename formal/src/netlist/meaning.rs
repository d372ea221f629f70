//! What a graph's node means, as an SMT-LIB term over its operands; written from the definition of [`Op`], not from the emitter.

use num_bigint::BigUint;
use permafrost_rtl::graph::{mask, Graph, Op, Sig};
use std::fmt::Write as _;

/// The nodes that `op` reads.
pub fn operands(graph: &Graph, op: &Op) -> Vec<Sig> {
    match op {
        Op::Input(_) | Op::Const(_) => vec![],
        Op::Mul(a, b) | Op::Sub(a, b) | Op::SubMod(a, b, _) => vec![*a, *b],
        Op::Chain { a, b, top, .. } => vec![*a, *b, *top],
        Op::Add(terms) => terms.clone(),
        Op::Slice { src, .. } | Op::Shl(src, _) | Op::IsZero(src) | Op::Narrow { src, .. } => vec![*src],
        Op::Concat(parts) => parts.iter().map(|(part, _)| *part).collect(),
        Op::Select { cond, a, b } => vec![*cond, *a, *b],
        Op::Table { index, .. } => vec![*index],
        Op::Output { instance, .. } => graph.instances[*instance].args.clone(),
    }
}

/// The constant that `sig` is, if it is one.
pub fn constant(graph: &Graph, sig: Sig) -> Option<&BigUint> {
    match &graph.node(sig).op {
        Op::Const(c) => Some(c),
        _ => None,
    }
}

/// `value` in `width` bits.
pub fn literal(value: &BigUint, width: usize) -> String {
    let digits = value.to_str_radix(2);
    format!("#b{}{digits}", "0".repeat(width.saturating_sub(digits.len())))
}

/// `term` of `own` bits as a number of `width` bits.
pub fn extended(term: &str, own: usize, width: usize) -> String {
    match own.cmp(&width) {
        std::cmp::Ordering::Less => format!("((_ zero_extend {}) {term})", width - own),
        std::cmp::Ordering::Equal => term.to_string(),
        std::cmp::Ordering::Greater => format!("((_ extract {} 0) {term})", width - 1),
    }
}

/// A node's value: the integer it stands for is below 2^width.
pub struct Meaning {
    pub term: String,
    pub width: usize,
    /// Declarations of the operands, and what is known of them: their ranges, and the graph's obligation for this node. Both
    /// are what the proofs about the graph show.
    pub given: String,
    /// The operands that are not constants; number k is `v<k>`.
    pub variables: Vec<Sig>,
}

/// The meaning of node `at`, which is none of those that are matched structurally (inputs, products, calls).
///
/// # Errors
/// A node whose meaning does not fit its parts.
pub fn meaning(graph: &Graph, at: Sig) -> Result<Meaning, String> {
    let node = graph.node(at);
    let mut variables: Vec<Sig> = vec![];
    for sig in operands(graph, &node.op) {
        if constant(graph, sig).is_none() && !variables.contains(&sig) {
            variables.push(sig);
        }
    }
    let bits = |max: &BigUint| (max.bits() as usize).max(1);
    let value = |sig: Sig, width: usize| match constant(graph, sig) {
        Some(c) => literal(&(c & mask(width)), width),
        None => {
            let place = variables.iter().position(|v| *v == sig).unwrap_or_default();
            extended(&format!("v{place}"), graph.width(sig), width)
        }
    };
    let mut known = String::new();
    let (term, width) = match &node.op {
        Op::Add(terms) => {
            // Wide enough for the sum of the largest terms, so that no partial sum wraps.
            let width = bits(&terms.iter().map(|t| graph.max(*t)).sum());
            let mut terms = terms.iter().map(|t| value(*t, width));
            let first = terms.next().ok_or("a sum of nothing")?;
            (terms.fold(first, |sum, term| format!("(bvadd {sum} {term})")), width)
        }
        Op::Sub(a, b) => {
            let width = graph.width(*a).max(graph.width(*b));
            let (a, b) = (value(*a, width), value(*b, width));
            writeln!(known, "(assert (bvule {b} {a}))").expect("String");
            (format!("(bvsub {a} {b})"), width)
        }
        Op::SubMod(a, b, width) => (format!("(bvsub {} {})", value(*a, *width), value(*b, *width)), *width),
        Op::Slice { src, lo, width } => {
            let whole = graph.width(*src).max(lo + width);
            (format!("((_ extract {} {lo}) {})", lo + width - 1, value(*src, whole)), *width)
        }
        Op::Concat(parts) => {
            if let Some((part, _)) = parts.iter().find(|(part, bits)| graph.width(*part) > *bits) {
                return Err(format!("part {} is wider than its place", part.index()));
            }
            let mut terms = parts.iter().rev().map(|(part, bits)| value(*part, *bits));
            let first = terms.next().ok_or("a concatenation of nothing")?;
            (terms.fold(first, |high, low| format!("(concat {high} {low})")), parts.iter().map(|p| p.1).sum())
        }
        Op::Shl(src, by) => {
            let own = graph.width(*src);
            (format!("(concat {} {})", value(*src, own), literal(&BigUint::ZERO, *by)), own + by)
        }
        Op::Select { cond, a, b } => {
            let width = graph.width(*a).max(graph.width(*b));
            let own = graph.width(*cond);
            let zero = literal(&BigUint::ZERO, own);
            (
                format!("(ite (= {} {zero}) {} {})", value(*cond, own), value(*b, width), value(*a, width)),
                width,
            )
        }
        Op::IsZero(a) => {
            let own = graph.width(*a);
            (format!("(ite (= {} {}) #b1 #b0)", value(*a, own), literal(&BigUint::ZERO, own)), 1)
        }
        Op::Table { index, entries } => {
            let width = bits(entries.iter().max().ok_or("a table of nothing")?);
            if *graph.max(*index) >= BigUint::from(entries.len()) {
                return Err("an index without an entry".into());
            }
            let own = graph.width(*index);
            let index = value(*index, own);
            let last = entries.len() - 1;
            let rest = literal(&entries[last], width);
            let term = entries[..last].iter().enumerate().rev().fold(rest, |rest, (i, entry)| {
                let (here, entry) = (literal(&BigUint::from(i), own), literal(entry, width));
                format!("(ite (= {index} {here}) {entry} {rest})")
            });
            (term, width)
        }
        Op::Narrow { src, .. } => {
            let own = graph.width(*src);
            let term = value(*src, own);
            writeln!(known, "(assert (bvule {term} {}))", literal(&(&node.max & mask(own)), own))
                .expect("String");
            (term, own)
        }
        Op::Input(_) | Op::Const(_) | Op::Mul(..) | Op::Chain { .. } | Op::Output { .. } => {
            return Err("not a node for the solver".into())
        }
    };
    let mut given = String::new();
    for (place, sig) in variables.iter().enumerate() {
        let own = graph.width(*sig);
        writeln!(given, "(declare-const v{place} (_ BitVec {own}))").expect("String");
        if *graph.max(*sig) != mask(own) {
            writeln!(given, "(assert (bvule v{place} {}))", literal(graph.max(*sig), own)).expect("String");
        }
    }
    given += &known;
    Ok(Meaning { term, width, given, variables })
}
