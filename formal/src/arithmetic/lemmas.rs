//! What Montgomery's method rests on, over all integers at the real primes: solved by z3 as integer arithmetic.
//!
//! R is a power of two above 2 p, T the number that is reduced, m the digits that make T + m p divisible by R, t the quotient.

use crate::{check::Report, tools::Tools, Error};
use num_bigint::BigUint;
use num_traits::One;
use permafrost_rtl::field::Field;

/// Seconds for one query; they take hundredths.
const LIMIT: u64 = 60;

/// A statement about integers and what it becomes when something in it is wrong.
struct Lemma {
    unknowns: &'static [&'static str],
    hypotheses: Vec<String>,
    goal: String,
    /// Other hypotheses and another goal, which must not follow.
    mutants: Vec<(&'static str, Vec<String>, String)>,
}

/// The lemma `name` at `field`'s prime.
///
/// - `bound`: of T below R p, t is below 2 p.
/// - `divisible`: with m = T (-p^-1) modulo R, R divides T + m p.
/// - `final`: of t below 2 p, one conditional subtraction gives the residue below p, and R times it is T modulo p.
/// - `carry`: where the low halves of T and m p cancel, they carry one if T's is not zero and nothing if it is.
/// - `difference`: with T - q p = R d, of T below p^2, d is within (-p, p), and d, or d + p where negative, is the residue.
///
/// # Errors
/// z3 is missing or fails, or there is no such lemma.
pub fn lemma(tools: &Tools, field: &Field, name: &str) -> Result<Report, Error> {
    let lemma = text(field, name).ok_or_else(|| Error::Manifest(format!("no lemma `{name}`")))?;
    let proved = match follows(tools, lemma.unknowns, &lemma.hypotheses, &lemma.goal)? {
        Some(true) => Ok(()),
        Some(false) => Err("z3 has a counterexample".into()),
        None => Err("z3 does not know".into()),
    };
    let mut report = Report { proved, killed: 0, equivalent: vec![], alive: vec![] };
    for (what, hypotheses, goal) in &lemma.mutants {
        match follows(tools, lemma.unknowns, hypotheses, goal)? {
            Some(false) => report.killed += 1,
            _ => report.alive.push((*what).into()),
        }
    }
    Ok(report)
}

fn text(field: &Field, name: &str) -> Option<Lemma> {
    let p = &field.p;
    let r = BigUint::one() << field.r_bits;
    let n_prime = field.n_prime(field.r_bits);
    let within = |x: &str, bound: &BigUint| format!("(and (<= 0 {x}) (< {x} {bound}))");
    let quotient = || format!("(= (+ T (* m {p})) (* {r} t))");
    let lemma = match name {
        "bound" => {
            let hypotheses =
                |m_bound: &BigUint| vec![within("T", &(&r * p)), within("m", m_bound), quotient()];
            Lemma {
                unknowns: &["T", "m", "t"],
                hypotheses: hypotheses(&r),
                goal: within("t", &(p * 2u32)),
                mutants: vec![
                    ("t below p", hypotheses(&r), within("t", p)),
                    ("a digit too many", hypotheses(&(&r * 2u32)), within("t", &(p * 2u32))),
                ],
            }
        }
        "divisible" => {
            // The witness of the division: 1 + n' p = R c.
            let statement = |n: &BigUint| {
                let c = (n * p + 1u32) / &r;
                let hypothesis = vec![format!("(= m (- (* T {n}) (* {r} k)))")];
                (hypothesis, format!("(= (+ T (* m {p})) (* {r} (- (* T {c}) (* k {p}))))"))
            };
            let (hypotheses, goal) = statement(&n_prime);
            let (wrong, wrong_goal) = statement(&(&n_prime + 1u32));
            let (even, even_goal) = statement(&(&n_prime - 1u32));
            Lemma {
                unknowns: &["T", "m", "k"],
                hypotheses,
                goal,
                mutants: vec![
                    ("-p^-1 and one more", wrong, wrong_goal),
                    ("-p^-1 and one less", even, even_goal),
                ],
            }
        }
        "final" => {
            let goal = |fits: &str, at: &BigUint| {
                let y = format!("(ite ({fits} t {at}) (- t {p}) t)");
                let less = format!("(ite ({fits} t {at}) (- m {r}) m)");
                format!("(and (<= 0 {y}) (< {y} {p}) (= (* {r} {y}) (+ T (* {p} {less}))))")
            };
            let hypotheses = |bound: u32| vec![within("t", &(p * bound)), quotient()];
            Lemma {
                unknowns: &["T", "m", "t"],
                hypotheses: hypotheses(2),
                goal: goal(">=", p),
                mutants: vec![
                    ("t above p instead of p or above", hypotheses(2), goal(">", p)),
                    ("compared with p - 1", hypotheses(2), goal(">=", &(p - 1u32))),
                    ("t below 3 p", hypotheses(3), goal(">=", p)),
                ],
            }
        }
        "carry" => {
            let hypotheses = || vec![within("T", &r), within("m", &r), format!("(= (+ T m) (* {r} k))")];
            Lemma {
                unknowns: &["T", "m", "k"],
                hypotheses: hypotheses(),
                goal: "(= k (ite (= T 0) 0 1))".into(),
                mutants: vec![
                    ("always a carry", hypotheses(), "(= k 1)".into()),
                    ("a carry of zero", hypotheses(), "(= k (ite (= T 0) 1 0))".into()),
                ],
            }
        }
        "difference" => {
            let hypotheses = |bound: BigUint| {
                vec![within("T", &bound), within("q", &r), format!("(= (- T (* q {p})) (* {r} d))")]
            };
            let goal = |negative: &str| {
                let y = format!("(ite ({negative} d 0) (+ d {p}) d)");
                let more = format!("(ite ({negative} d 0) (- {r} q) (- q))");
                format!("(and (<= 0 {y}) (< {y} {p}) (= (* {r} {y}) (+ T (* {p} {more}))))")
            };
            Lemma {
                unknowns: &["T", "q", "d"],
                hypotheses: hypotheses(p * p),
                goal: goal("<"),
                mutants: vec![
                    ("p added to zero too", hypotheses(p * p), goal("<=")),
                    ("p added to what is positive", hypotheses(p * p), goal(">")),
                    ("T below 2 R p", hypotheses(&r * p * 2u32), goal("<")),
                ],
            }
        }
        _ => return None,
    };
    Some(lemma)
}

/// Whether the goal follows, or `None` where z3 gives up.
fn follows(
    tools: &Tools,
    unknowns: &[&str],
    hypotheses: &[String],
    goal: &str,
) -> Result<Option<bool>, Error> {
    let mut query: String = unknowns.iter().map(|x| format!("(declare-const {x} Int)\n")).collect();
    query.extend(hypotheses.iter().map(|h| format!("(assert {h})\n")));
    query += &format!("(assert (not {goal}))\n(check-sat)\n");
    let folder =
        tempfile::tempdir().map_err(|source| Error::Io { path: "temporary folder".into(), source })?;
    let path = folder.path().join("lemma.smt2");
    std::fs::write(&path, query).map_err(|source| Error::Io { path: path.display().to_string(), source })?;
    let said = tools.run(folder.path(), "z3", &["lemma.smt2"], None, LIMIT)?;
    match said.text.trim() {
        "unsat" => Ok(Some(true)),
        "sat" => Ok(Some(false)),
        "unknown" => Ok(None),
        _ => Err(Error::Tool { tool: "z3", said: said.text }),
    }
}
