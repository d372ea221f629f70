//! The Verilog functions on canonical elements: sum, difference, triple.
//!
//! Each is proved for all operands below p. In the text of modules that call them, [`cut`] puts operators in their place that
//! the modules do not use otherwise, so that [`crate::symbolic`] sees calls.

use crate::check::Report;
use crate::symbolic::smt::{self, Answer};
use crate::symbolic::{Machine, Netlist, Term, Terms};
use crate::tools::Tools;
use crate::Error;
use num_bigint::BigUint;
use permafrost_rtl::field::{functions::functions, Field, FIELD_BITS};

/// Seconds for one question.
const LIMIT: u64 = 60;

/// All functions that modules call.
const NAMES: [&str; 6] = ["fq_add", "fq_sub", "fq_triple", "fr_add", "fr_sub", "fr_triple"];

/// What stands for a function in a text that was [`cut`].
fn operator(name: &str) -> Option<&'static str> {
    match name.split_once('_')?.1 {
        "add" => Some("lhs / rhs"),
        "sub" => Some("lhs % rhs"),
        "triple" => Some("lhs * 254'd3"),
        _ => None,
    }
}

/// `text` with the bodies of field functions replaced by the operators that [`Machine`] takes as calls.
///
/// # Errors
/// When a function is not word for word what [`functions`] gives, which is what is proved.
pub fn cut(text: &str) -> Result<String, String> {
    let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let (mut out, mut rest) = (String::new(), text);
    while let Some(at) = rest.find("function [") {
        let end =
            rest[at..].find("endfunction").ok_or("a function without an end")? + at + "endfunction".len();
        let body = &rest[at..end];
        let name = body.split(['(', ' ']).nth(2).unwrap_or_default();
        if !NAMES.contains(&name) || words(body) != words(&functions(&[name])) {
            return Err(format!("function {name} is not the one that is proved"));
        }
        let (head, _) = body.split_once(';').ok_or("a function without a head")?;
        let operator = operator(name).ok_or_else(|| format!("no operator for {name}"))?;
        out += &format!("{}{head};\n  {name} = {operator};\nendfunction", &rest[..at]);
        rest = &rest[end..];
    }
    let out = out + rest;
    Ok(out)
}

/// Every function of `text` computes what its name says.
fn proved(tools: &Tools, name: &str, text: &str) -> Result<Result<(), String>, Error> {
    let field = if name.starts_with("fq") { Field::fq() } else { Field::fr() };
    let operation = name.split_once('_').map_or("", |(_, operation)| operation);
    let call = if operation == "triple" { "a" } else { "a, b" };
    let design = format!(
        "module unit(input wire [253:0] a, input wire [253:0] b, output wire [253:0] y);\n{text}\n\
         assign y = {name}({call});\nendmodule\n"
    );
    let folder = crate::tools::folder()?;
    let netlist = Netlist::read(tools, folder.path(), &design, "unit")?;
    let mut machine = Machine::new(&netlist, Terms::default())?;
    machine.eval()?;
    let (y, a, b) = (machine.wire("y")?, machine.wire("a")?, machine.wire("b")?);
    let t = &mut machine.terms;
    let width = FIELD_BITS + 4;
    let [y, a, b] = [y, a, b].map(|x| t.extend(x, width));
    let p = t.constant(field.p.clone(), width);
    let given = [t.less(a, p), t.less(b, p)];
    // y = value + k p modulo 2^258, where neither side comes near 2^257 or below -2^257.
    let value = match operation {
        "add" => t.add(a, b),
        "sub" => t.sub(a, b),
        _ => {
            let twice = t.add(a, a);
            t.add(twice, a)
        }
    };
    let congruent: Vec<Term> = (0..3u32)
        .flat_map(|k| {
            let multiple = t.constant(&field.p * k, width);
            let (more, less) = (t.add(value, multiple), t.sub(value, multiple));
            [t.eq(y, more), t.eq(y, less)]
        })
        .collect();
    let below = t.less(y, p);
    let congruent = congruent.into_iter().reduce(|a, b| t.or(a, b)).unwrap_or(below);
    let claim = t.and(below, congruent);
    Ok(match smt::holds(&machine.terms, tools, folder.path(), &given, claim, LIMIT)? {
        Answer::Holds => Ok(()),
        Answer::Fails => Err(format!("{name} is wrong for some operands")),
    })
}

/// Mutants of one function's text: what is replaced, and by what.
fn mutants(name: &str, p: &BigUint) -> Vec<(String, String)> {
    let pair = |a: &str, b: &str| (a.to_string(), b.to_string());
    let mut out = vec![(format!("{p:x}"), format!("{:x}", p + 2u32))];
    out.extend(match name.split_once('_').map_or("", |(_, operation)| operation) {
        "add" => vec![
            pair("t[254] ? s[253:0] : t[253:0]", "t[254] ? t[253:0] : s[253:0]"),
            pair("t[254] ?", "t[253] ?"),
            pair("s = {1'b0, lhs} + {1'b0, rhs}", "s = {1'b0, lhs} + {1'b0, lhs}"),
        ],
        "sub" => vec![
            pair("s[254] ? t", "s[253] ? t"),
            pair("t = lhs - rhs + 254", "t = lhs - rhs - 254"),
            pair("s = {1'b0, lhs} - {1'b0, rhs}", "s = {1'b0, rhs} - {1'b0, lhs}"),
        ],
        _ => vec![
            pair("t[255] ? s", "u[255] ? s"),
            pair("s = {2'd0, lhs} + {1'b0, lhs, 1'b0}", "s = {2'd0, lhs} + {2'd0, lhs}"),
            (format!("{:x}", p * 2u32), format!("{:x}", p * 2u32 + 1u32)),
        ],
    });
    out
}

/// One of [`NAMES`].
fn check(tools: &Tools, name: &str) -> Result<Report, Error> {
    let text = functions(&[name]);
    let field = if name.starts_with("fq") { Field::fq() } else { Field::fr() };
    let proved_as_is = proved(tools, name, &text)?;
    let mut report = Report { proved: proved_as_is, killed: 0, equivalent: vec![], alive: vec![] };
    for (from, to) in mutants(name, &field.p) {
        match text.contains(&from) && proved(tools, name, &text.replacen(&from, &to, 1))?.is_err() {
            true => report.killed += 1,
            false => report.alive.push(format!("{name}: {to} for {from}")),
        }
    }
    Ok(report)
}

/// `x + y mod p`, in Fq and Fr.
///
/// # Errors
/// When a tool fails.
pub fn add(tools: &Tools) -> Result<Report, Error> {
    Ok(check(tools, "fq_add")?.and(check(tools, "fr_add")?))
}

/// `x - y mod p`, in Fq and Fr.
///
/// # Errors
/// When a tool fails.
pub fn sub(tools: &Tools) -> Result<Report, Error> {
    Ok(check(tools, "fq_sub")?.and(check(tools, "fr_sub")?))
}

/// `3 x mod p` in Fq.
///
/// # Errors
/// When a tool fails.
pub fn triple(tools: &Tools) -> Result<Report, Error> {
    check(tools, "fq_triple")
}
