//! Products in Fq2 on one multiplier of Fq: the emitted text, every clock, with the multiplier cut out.
//!
//! The multiplier is a function symbol whose value comes its latency later; that this is a Montgomery product of canonical
//! elements is proved of its graph. From a state of which nothing is known but that a tick has just ended, operands that are stable
//! for one tick give sums, cross operands and corrections whose value is asked of the solver for all elements. Since every tick
//! begins in such a state, what is shown of one tick holds for all.

use super::functions;
use crate::arithmetic::{Atom, Poly};
use crate::check::Report;
use crate::symbolic::smt::{self, Answer};
use crate::symbolic::{Machine, Netlist, Op, Term, Terms};
use crate::tools::Tools;
use crate::Error;
use permafrost_rtl::field::ext_mul::{ext_mul, COORD_BITS, TICK_CLOCKS};
use permafrost_rtl::field::{units, Field, FIELD_BITS};
use permafrost_rtl::hdl::Design;
use permafrost_rtl::target::Target;
use std::collections::{HashMap, HashSet};

const LIMIT: u64 = 120;

const STUB: &str =
    "(* blackbox *) module fq_mul(input wire clk, input wire [253:0] a, input wire [253:0] b, \
                    output wire [253:0] y); endmodule\n";

/// The text of the unit for `target`, its latencies in ticks, and the multiplier's in clocks.
fn unit(target: Target) -> Result<(String, [usize; 2], usize), Error> {
    let unit = ext_mul(target);
    let design = Design::elaborate(&unit.module).map_err(|e| Error::Manifest(e.to_string()))?;
    Ok((design.files["fq2_mul"].clone(), unit.latency, units::mul(&Field::fq(), target).latency))
}

/// `(a0 + a1)(b0 + b1) - a0 b0 - a1 b1` is the u part of the product, in any commutative ring.
fn karatsuba() -> bool {
    let [a0, a1, b0, b1] = [0, 1, 2, 3].map(|i| Poly::atom(Atom(i)));
    let cross = &(&a0 + &a1) * &(&b0 + &b1);
    &(&cross - &(&a0 * &b0)) - &(&a1 * &b1) == &(&a0 * &b1) + &(&a1 * &b0)
}

/// The unit's contract for one group.
fn proved(
    tools: &Tools,
    text: &str,
    latency: usize,
    product: usize,
    group: usize,
) -> Result<Result<(), String>, Error> {
    let folder = crate::tools::folder()?;
    let text = match functions::cut(text) {
        Err(what) => return Ok(Err(what)),
        Ok(text) => text,
    };
    let netlist = Netlist::read(tools, folder.path(), &format!("{STUB}{text}"), "fq2_mul")?;
    let mut m = Machine::new(&netlist, Terms::default())?;
    let multiplier = m.cell("mul")?;
    let clocks = TICK_CLOCKS[group];
    let mut pipeline: Vec<Term> = (0..product).map(|_| m.terms.var("?mul", FIELD_BITS)).collect();
    let operands: Vec<[Term; 2]> = (0..=latency)
        .map(|tick| ["a", "b"].map(|side| m.terms.var(format!("{side}{tick}"), COORD_BITS)))
        .collect();
    let g2 = m.terms.bit(group == 1);
    m.set_wire("g2", g2)?;
    let mut y = None;
    // The clock before the first tick, then whole ticks.
    for clock in 0..=clocks * (latency + 1) {
        let tick = m.terms.bit(clock % clocks == 0);
        m.set_wire("tick", tick)?;
        if let Some(now) = clock.checked_sub(1) {
            m.set_wire("a", operands[now / clocks][0])?;
            m.set_wire("b", operands[now / clocks][1])?;
        }
        m.set(multiplier, pipeline[pipeline.len() - product]);
        m.eval()?;
        let (a, b) = (m.operand(multiplier, "a"), m.operand(multiplier, "b"));
        pipeline.push(m.terms.call("mul", &[a, b], FIELD_BITS));
        y = Some(m.wire("y")?);
        m.clock()?;
    }
    let y = y.ok_or(Error::Manifest("no clock".into()))?;
    let t = &mut m.terms;
    let [[a0, a1], [b0, b1]] = operands[0].map(|x| [0, FIELD_BITS].map(|lo| t.slice(x, lo, FIELD_BITS)));
    let (y0, y1) = (t.slice(y, 0, FIELD_BITS), t.slice(y, FIELD_BITS, FIELD_BITS));
    let m0 = t.call("mul", &[a0, b0], FIELD_BITS);
    if group == 0 {
        let zero = t.constant(0u32, FIELD_BITS);
        let right = y0 == m0 && y1 == zero;
        return Ok(right.then_some(()).ok_or("the result in Fq is not the product".into()));
    }
    // c0 by the function that is proved for itself.
    let m1 = t.call("mul", &[a1, b1], FIELD_BITS);
    if y0 != t.call("sub", &[m0, m1], FIELD_BITS) {
        return Ok(Err("c0 is not a0 b0 - a1 b1".into()));
    }
    // The third product in c1, and the sums that are its operands.
    let Some(m2) = calls(t, y1).into_iter().find(|m| ![m0, m1].contains(m)) else {
        return Ok(Err("c1 has no third product".into()));
    };
    let width = FIELD_BITS + 2;
    let [p, p2] = [1u32, 2].map(|k| t.constant(Field::fq().p * k, width));
    let operands = t.node(m2).args.clone();
    let mut questions = vec![];
    for ([x, y], sum) in [([a0, a1], operands[0]), ([b0, b1], operands[1])] {
        let [x, y, sum] = [x, y, sum].map(|x| t.extend(x, width));
        let given = vec![t.less(x, p), t.less(y, p)];
        let value = t.add(x, y);
        let less = t.sub(value, p);
        questions.push((given, is_one_of(t, sum, &[value, less], p)));
    }
    // y1 = m2 - s + k p modulo 2^256, where s = m0 + m1 as integers; neither side is as large.
    let [short0, short1] = [m0, m1].map(|m| t.extend(m, FIELD_BITS + 1));
    let s = t.add(short0, short1);
    let (any, product) = (t.var("s", FIELD_BITS + 1), t.var("m2", FIELD_BITS));
    let y1 = t.replaced(y1, &mut HashMap::from([(s, any), (m2, product)]));
    if !calls(t, y1).is_empty() {
        return Ok(Err("c1 takes more than a0 b0 + a1 b1 and the cross product".into()));
    }
    let [y1, any, product] = [y1, any, product].map(|x| t.extend(x, width));
    let rest = t.sub(product, any);
    let multiples = [rest, t.add(rest, p), t.add(rest, p2)];
    let given = vec![t.less(product, p), t.less(any, p2)];
    questions.push((given, is_one_of(t, y1, &multiples, p)));
    for (given, claim) in questions {
        match smt::holds(&m.terms, tools, folder.path(), &given, claim, LIMIT)? {
            Answer::Holds => {}
            Answer::Fails => return Ok(Err("the result in Fq2 is wrong for some operands".into())),
        }
    }
    Ok(karatsuba().then_some(()).ok_or("Karatsuba's identity".into()))
}

/// `x` is below `p` and one of `values`.
fn is_one_of(t: &mut Terms, x: Term, values: &[Term], p: Term) -> Term {
    let below = t.less(x, p);
    let mut any = t.bit(false);
    for value in values {
        let equal = t.eq(x, *value);
        any = t.or(any, equal);
    }
    t.and(below, any)
}

/// Products in `root`.
fn calls(t: &Terms, root: Term) -> Vec<Term> {
    let (mut seen, mut stack, mut out) = (HashSet::new(), vec![root], vec![]);
    while let Some(term) = stack.pop() {
        if !seen.insert(term) {
            continue;
        }
        match t.node(term).op {
            Op::Call("mul") => out.push(term),
            _ => stack.extend(&t.node(term).args),
        }
    }
    out
}

/// Mutants of the text, each to be refuted in Fq2.
fn mutants(target: Target) -> Vec<(&'static str, &'static str)> {
    let mut out = vec![
        ("a_less[254] ? a_sum[253:0] : a_less[253:0]", "a_sum[253:0]"),
        ("b_less[254] ? b_sum", "!b_less[254] ? b_sum"),
        ("b_sum <= {1'b0, b[253:0]} + {1'b0, b[507:254]}", "b_sum <= {1'b0, b[253:0]} - {1'b0, b[507:254]}"),
        (
            "phase == 2'd0 ? a[253:0] : phase == 2'd1 ? a[507:254]",
            "phase == 2'd1 ? a[253:0] : phase == 2'd0 ? a[507:254]",
        ),
        ("c0_next <= fq_sub(first, second)", "c0_next <= fq_sub(second, first)"),
        ("sum <= {1'b0, first} + {1'b0, mul$y}", "sum <= {1'b0, first}"),
        ("rest_p[253:0] : rest_2p[253:0]", "rest_p[253:0] : rest_p[253:0]"),
        ("!rest[255] ? rest", "rest[255] ? rest"),
        ("tick ? 2'd0 : phase + 2'd1", "tick ? 2'd1 : phase + 2'd1"),
        ("{c1, c0}", "{c0, c1}"),
        ("c0 <= c0_next", "c0 <= first"),
    ];
    if target == Target::Xcup {
        out.push(("b_q <= b_now", "b_q <= b_cross"));
    }
    out
}

/// Products in Fq2 for one target.
fn check(tools: &Tools, target: Target) -> Result<Report, Error> {
    let (text, latency, product) = unit(target)?;
    let mut as_is = Ok(());
    for group in [0, 1] {
        as_is = as_is.and(proved(tools, &text, latency[group], product, group)?);
    }
    let mut report = Report { proved: as_is, killed: 0, equivalent: vec![], alive: vec![] };
    for (from, to) in mutants(target) {
        let mutant = text.replacen(from, to, 1);
        match mutant != text && proved(tools, &mutant, latency[1], product, 1)?.is_err() {
            true => report.killed += 1,
            false => report.alive.push(format!("{}: {to} for {from}", target.name())),
        }
    }
    // A result a tick too late is no result.
    match proved(tools, &text, latency[1] + 1, product, 1)? {
        Err(_) => report.killed += 1,
        Ok(()) => report.alive.push("another latency".into()),
    }
    Ok(report)
}

/// The product of two elements of Fq2, and of Fq, after the documented latency, as emitted for both targets.
///
/// # Errors
/// When a tool fails.
pub fn product(tools: &Tools) -> Result<Report, Error> {
    let [generic, xcup] = Target::ALL.map(|target| check(tools, target));
    Ok(generic?.and(xcup?))
}
