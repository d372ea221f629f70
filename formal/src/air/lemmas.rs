//! What the tables' proofs take for granted of the range table and of division.

use super::poly::P;
use crate::{
    check::Report,
    tools::{folder, Tools},
    Error,
};
use p3_air::BaseAir;
use p3_field::{PrimeCharacteristicRing, PrimeField32};
use permafrost_zkvm::{
    air::{
        bus::range,
        linear::{messages, Message},
        range::Range,
        Kind, Table,
    },
    record::Program,
    F,
};
use std::sync::Arc;

/// The range table, row by row: each entry is one of those that [`super::claim`] takes a lookup to find, and none of those is missing;
/// and what [`super::query`] and [`super::isa`] use of the AND of bytes holds for all bytes.
///
/// # Errors
/// None; the type is that of all checks.
pub fn entries(_: &Tools) -> Result<Report, Error> {
    let program = Arc::new(Program { entry: 0, code: vec![], image: vec![] });
    let table = Table::of(Kind::Range, &program);
    let messages = messages(&table);
    let Some(rows) = table.preprocessed_trace() else {
        return Ok(Report { proved: Err("no rows".into()), killed: 0, equivalent: vec![], alive: vec![] });
    };
    let (columns, main) = (rows.width, vec![F::ZERO; BaseAir::<F>::width(&table)]);
    let proved = right(&messages, &rows.values, columns, &main).and_then(|()| bytes());
    let mut report = Report { proved, killed: 0, equivalent: vec![], alive: vec![] };
    // One cell of one row changed.
    for column in 0..columns {
        let mut values = rows.values.clone();
        values[(Range::HEIGHT / 3) * columns + column] += F::ONE;
        match right(&messages, &values, columns, &main) {
            Err(_) => report.killed += 1,
            Ok(()) => report.alive.push(format!("column {column} of a row and one")),
        }
    }
    Ok(report)
}

fn right(messages: &[Message], values: &[F], columns: usize, main: &[F]) -> Result<(), String> {
    let mut found = std::collections::HashSet::new();
    for (i, row) in values.chunks(columns).enumerate() {
        for message in messages {
            let entry: Vec<u32> =
                message.fields.iter().map(|f| f.eval(main, row).as_canonical_u32()).collect();
            let [kind, a, b, c] = entry[..] else { return Err("an entry has four numbers".into()) };
            let allowed = match kind {
                range::HALF => a < 1 << 16 && b == 0 && c == 0,
                range::HIGHS => a < 32 && b < 32 && c < 64,
                range::AND => a < 256 && b < 256 && c == a & b,
                range::BYTES => a < 256 && b < 256 && c == 0,
                range::BITS => b < 16 && a < 1 << b && c == 0,
                _ => false,
            };
            if !allowed || !message.provided {
                return Err(format!("row {i} has the entry {entry:?}"));
            }
            found.insert((kind, a, b));
        }
    }
    // All halves, 5 and 5 bits (the 6 bits are what is left of the row's number), bytes twice, and the numbers below 2^k for k < 16.
    let all = (1 << 16) + (1 << 10) + 2 * (1 << 16) + ((1 << 16) - 1);
    if found.len() == all {
        Ok(())
    } else {
        Err(format!("{} entries instead of {all}", found.len()))
    }
}

fn bytes() -> Result<(), String> {
    for x in 0u32..256 {
        for y in 0..256 {
            let and = x & y;
            let bounds = and <= x && and <= y && x + y - and <= 255;
            let identities = (x | y) == x + y - and && (x ^ y) == x + y - 2 * and;
            let known = x & 255 == x && x & 128 == if x >= 128 { 128 } else { 0 };
            if !(bounds && identities && known) {
                return Err(format!("the AND of {x} and {y}"));
            }
        }
    }
    // What is below 2^26 ticks is far below p.
    if (1i128 << 26) < P {
        Ok(())
    } else {
        Err("p is too small".into())
    }
}

/// Over all integers: a dividend and a divisor that is not zero have one quotient and one remainder that is smaller than the divisor
/// and zero or of the dividend's sign.
///
/// # Errors
/// z3 is missing or fails.
pub fn euclid(tools: &Tools) -> Result<Report, Error> {
    let sign = |r: &str| format!("(or (= {r} 0) (= (< {r} 0) (< a 0)))");
    let statement = |relation: &str, divisor: &str, signs: &[String]| {
        let mut text = String::from("(declare-const a Int)(declare-const b Int)");
        text += "(declare-const q Int)(declare-const r Int)(declare-const s Int)(declare-const t Int)\n";
        text += &format!("(assert {divisor})(assert (= a (+ (* q b) r)))(assert (= a (+ (* s b) t)))\n");
        text += &format!("(assert ({relation} (abs r) (abs b)))(assert ({relation} (abs t) (abs b)))\n");
        signs.iter().for_each(|sign| text += &format!("(assert {sign})"));
        text + "(assert (not (and (= q s) (= r t))))(check-sat)\n"
    };
    let (nonzero, signs) = ("(not (= b 0))", [sign("r"), sign("t")]);
    let ask = |text: String| -> Result<String, Error> {
        let folder = folder()?;
        let path = folder.path().join("euclid.smt2");
        std::fs::write(&path, text)
            .map_err(|source| Error::Io { path: path.display().to_string(), source })?;
        Ok(tools.run(folder.path(), "z3", &["euclid.smt2"], None, 60)?.text.trim().to_string())
    };
    let proved = match ask(statement("<", nonzero, &signs))?.as_str() {
        "unsat" => Ok(()),
        other => Err(format!("z3 says {other}")),
    };
    let mut report = Report { proved, killed: 0, equivalent: vec![], alive: vec![] };
    let mutants = [
        ("no signs", statement("<", nonzero, &[])),
        ("a sign of one only", statement("<", nonzero, &signs[..1])),
        ("a remainder as large as the divisor", statement("<=", nonzero, &signs)),
        ("a remainder without a bound, divisor zero", statement("<=", "(= b 0)", &signs)),
    ];
    for (what, text) in mutants {
        match ask(text)?.as_str() {
            "sat" => report.killed += 1,
            _ => report.alive.push(what.into()),
        }
    }
    Ok(report)
}
