//! The properties of the adder, and mutants of its text.

use super::law::Line;
use super::run::{run, Start, Unit};
use super::verify::{Shown, Verifier};
use crate::check::Report;
use crate::tools::Tools;
use crate::Error;
use num_integer::Integer;
use permafrost_rtl::field::ext_mul::TICK_CLOCKS;
use permafrost_rtl::target::Target;
use std::collections::BTreeMap;
use std::sync::Mutex;

/// What is shown of the adder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Property {
    Order,
    Inversion,
    Cases,
    Chord,
    Tangent,
}

const ALL: [Property; 5] =
    [Property::Order, Property::Inversion, Property::Cases, Property::Chord, Property::Tangent];

type Findings = BTreeMap<Property, Shown>;

fn look(v: &mut Verifier, property: Property, ticks: std::ops::Range<usize>) -> Shown {
    match property {
        Property::Order => v.order(ticks),
        Property::Inversion => v.inversion(ticks),
        Property::Cases => v.cases(ticks),
        Property::Chord => v.line(ticks, Line::Chord),
        Property::Tangent => v.line(ticks, Line::Tangent),
    }
}

/// Adds what `shown` says of each property to `findings`; the first failure stays.
fn note(findings: &mut Findings, property: Property, shown: Shown) {
    let entry = findings.entry(property).or_insert(Ok(()));
    if entry.is_ok() {
        *entry = shown;
    }
}

fn all(what: &str) -> Findings {
    ALL.into_iter().map(|property| (property, Err(what.to_string()))).collect()
}

/// The properties for one group from every restart on, for all time.
fn proved(tools: &Tools, unit: &Unit, group: usize) -> Result<Findings, Error> {
    let netlist = unit.netlist(tools)?;
    let (shape, batch) = (&unit.shape, unit.shape.batch());
    let latency = shape.latency()[group];
    let mut findings = Findings::new();
    // At `forget` the products before the restart are gone, and a frame begins.
    let forget = (latency / batch + 2) * batch;
    let mut registers = None;
    let starts = (0..TICK_CLOCKS[group]).flat_map(|at| [Start::Reset(at), Start::Switch(at)]);
    for start in starts {
        let trace = match run(unit, &netlist, group, &start, forget + 2 * batch + latency + 1, &[forget])? {
            Ok(trace) => trace,
            Err(what) => return Ok(all(&what)),
        };
        let mut verifier = Verifier::new(trace, unit, group);
        note(&mut findings, Property::Order, verifier.silence());
        for property in ALL {
            note(&mut findings, property, look(&mut verifier, property, 0..forget + 2 * batch));
        }
        let here = verifier.constants(forget).cloned();
        if registers.get_or_insert(here.clone()) != &here {
            return Ok(all("restarts lead to different states"));
        }
    }
    let Some(Some(registers)) = registers else { return Ok(all("no state")) };
    // Counter of ticks, and turns of the inverters.
    let period = (1usize << shape.now_bits).lcm(&(batch * shape.inverters));
    // From the second frame on, so that no frame has been forgotten in part.
    let checked = 2 * batch..2 * batch + period;
    let ticks = checked.end + latency + 1;
    let trace = match run(unit, &netlist, group, &Start::From(registers.clone()), ticks, &[period])? {
        Ok(trace) => trace,
        Err(what) => return Ok(all(&what)),
    };
    let mut verifier = Verifier::new(trace, unit, group);
    let after = verifier.constants(period).cloned().unwrap_or_default();
    if registers.iter().any(|(at, value)| after.get(at) != Some(value)) {
        return Ok(all("the state after a period is another one"));
    }
    for property in ALL {
        note(&mut findings, property, look(&mut verifier, property, checked.clone()));
    }
    Ok(findings)
}

/// Whether `text` in place of the unit's breaks `property`: in the first frames after a restart.
fn refuted(
    tools: &Tools,
    unit: &Unit,
    group: usize,
    property: Property,
    text: String,
) -> Result<Option<String>, Error> {
    let mutant = Unit {
        text,
        top: unit.top.clone(),
        shape: permafrost_rtl::point::affine::Shape::new(Target::Generic),
    };
    let netlist = mutant.netlist(tools)?;
    let latency = mutant.shape.latency()[group];
    let frames = (mutant.shape.inverters + 1) * mutant.shape.batch();
    let trace = match run(&mutant, &netlist, group, &Start::Reset(0), frames + latency + 1, &[])? {
        Ok(trace) => trace,
        Err(what) => return Ok(Some(what)),
    };
    let mut verifier = Verifier::new(trace, &mutant, group);
    if property == Property::Order {
        if let Err(what) = verifier.silence() {
            return Ok(Some(what));
        }
    }
    Ok(look(&mut verifier, property, 0..frames).err())
}

/// Replacements in the text that must break a property: the wrong sign, operand, factor, case, time.
fn mutants(property: Property) -> Vec<(usize, Vec<(&'static str, &'static str)>)> {
    let one = |from, to| (0, vec![(from, to)]);
    let halves = |[a, b]: [(&'static str, &'static str); 2]| (0, vec![a, b]);
    match property {
        Property::Order => vec![
            one("early_tag = tag_word[7:0]", "early_tag = tag"),
            one("tag_known <= unknown == 0", "tag_known <= 1'b1"),
            one("out_valid <= early_valid", "out_valid <= in_valid"),
            one("wire restart = rst || g2 != g2_q", "wire restart = 1'b0"),
        ],
        Property::Inversion => vec![
            one("up_leaf_q ? d_before : up_left", "up_leaf_q ? d : up_left"),
            one("down_leaf_q ? leaf_right : down_right", "down_leaf_q ? leaf_left : down_right"),
            one("down_root_q ? root_out : down_odd_q", "down_root_q ? root_out : !down_odd_q"),
            (1, vec![("fq_sub(254'd0, root[507:254])", "fq_sub(root[507:254], 254'd0)")]),
            one("frame_busy_now = busy || (", "frame_busy_now = ("),
            one("frame_busy && !frame_begins", "frame_busy && frame_begins"),
            one("roots[inverse_frame]", "roots[norm_frame]"),
            one("start = tick && norm_now &&", "start = tick && root_now &&"),
        ],
        Property::Cases => vec![
            one("no_p || no_q", "no_p"),
            one("x1 = no_p ? dx2 : px2", "x1 = no_p ? px2 : dx2"),
            one("same_y && !no_y", "same_y"),
            one("same_y <= py == qy", "same_y <= py[253:0] == qy[253:0]"),
            one("no_q <= q1 == 1016'd0", "no_q <= q1[507:0] == 508'd0"),
            one("? y1_word[507:0] : 508'd0", "? y1_word[507:0] : y1_word[507:0]"),
            one("d <= !kind[1] ? 508'h", "d <= !kind[1] ? 508'h1"),
        ],
        Property::Chord => vec![
            halves([
                ("fq_sub(qx[507:254], px[507:254])", "fq_sub(px[507:254], qx[507:254])"),
                ("fq_sub(qx[253:0], px[253:0])", "fq_sub(px[253:0], qx[253:0])"),
            ]),
            halves([
                ("fq_add(qx[507:254], px[507:254])", "fq_add(qx[507:254], qx[507:254])"),
                ("fq_add(qx[253:0], px[253:0])", "fq_add(qx[253:0], qx[253:0])"),
            ]),
            halves([
                ("fq_sub(x1_word[507:254], x3[507:254])", "fq_sub(x3[507:254], x1_word[507:254])"),
                ("fq_sub(x1_word[253:0], x3[253:0])", "fq_sub(x3[253:0], x1_word[253:0])"),
            ]),
            halves([
                (
                    "fq_sub(y_product[507:254], y1_word[507:254])",
                    "fq_sub(y1_word[507:254], y_product[507:254])",
                ),
                ("fq_sub(y_product[253:0], y1_word[253:0])", "fq_sub(y1_word[253:0], y_product[253:0])"),
            ]),
            one("dy_word[508] ? tangent : dy_word", "dy_word[508] ? tangent : tangent"),
            one("same_x <= px == qx", "same_x <= px == py"),
            one("x3 <= ", "x3 <= 1 + "),
        ],
        Property::Tangent => vec![
            halves([
                ("fq_triple(x1_squared[507:254])", "x1_squared[507:254]"),
                ("fq_triple(x1_squared[253:0])", "x1_squared[253:0]"),
            ]),
            halves([
                ("fq_add(py[507:254], py[507:254])", "py[507:254]"),
                ("fq_add(py[253:0], py[253:0])", "py[253:0]"),
            ]),
            one("square = px2", "square = py2"),
            one("dy_word[508] ? tangent", "dy_word[508] ? dy_word[507:0]"),
            one("kind[0] ? twice2 : dx2", "kind[0] ? dx2 : twice2"),
            one("tangent_next;", "lambda;"),
        ],
    }
}

/// One property for both targets and groups, and its mutants on the target `generic`.
fn check(tools: &Tools, property: Property) -> Result<Report, Error> {
    static FOUND: Mutex<Option<Result<Findings, String>>> = Mutex::new(None);
    let mut found = FOUND.lock().map_err(|e| Error::Manifest(e.to_string()))?;
    if found.is_none() {
        let mut findings = Findings::new();
        for target in Target::ALL {
            let unit = Unit::new(target)?;
            for group in [0, 1] {
                for (property, shown) in proved(tools, &unit, group)? {
                    let place = |what: String| format!("{}, group {}: {what}", target.name(), group + 1);
                    note(&mut findings, property, shown.map_err(place));
                }
            }
        }
        *found = Some(Ok(findings));
    }
    let shown = match found.as_ref() {
        Some(Ok(findings)) => findings[&property].clone(),
        _ => Err("not tried".into()),
    };
    drop(found);
    let mut report = Report { proved: shown, killed: 0, equivalent: vec![], alive: vec![] };
    let unit = Unit::new(Target::Generic)?;
    for (group, replacements) in mutants(property) {
        let mut text = unit.text.clone();
        let fits = replacements.iter().all(|(from, to)| {
            let fits = text.contains(from);
            text = text.replacen(from, to, 1);
            fits
        });
        match fits.then(|| refuted(tools, &unit, group, property, text)).transpose()? {
            Some(Some(_)) => report.killed += 1,
            _ => report.alive.push(format!("{property:?}: {replacements:?}")),
        }
    }
    Ok(report)
}

/// Every addition comes out at the latency with its tag, and after a restart nothing else does.
///
/// # Errors
/// When a tool fails.
pub fn order(tools: &Tools) -> Result<Report, Error> {
    check(tools, Property::Order)
}

/// The inverse of every denominator, by the trees and the shared inversion.
///
/// # Errors
/// When a tool fails.
pub fn inversion(tools: &Tools) -> Result<Report, Error> {
    check(tools, Property::Inversion)
}

/// Identities, opposite points: the sum, and a denominator of 1.
///
/// # Errors
/// When a tool fails.
pub fn cases(tools: &Tools) -> Result<Report, Error> {
    check(tools, Property::Cases)
}

/// Points with different x.
///
/// # Errors
/// When a tool fails.
pub fn chord(tools: &Tools) -> Result<Report, Error> {
    check(tools, Property::Chord)
}

/// Doublings.
///
/// # Errors
/// When a tool fails.
pub fn tangent(tools: &Tools) -> Result<Report, Error> {
    check(tools, Property::Tangent)
}
