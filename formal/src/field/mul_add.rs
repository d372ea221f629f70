//! ±a b ± c over Fr, the vector engine's pipeline, clock by clock with the multiplier cut out.

use super::functions;
use crate::check::Report;
use crate::symbolic::{Machine, Netlist, Term, Terms};
use crate::tools::Tools;
use crate::Error;
use permafrost_rtl::field::FIELD_BITS;
use permafrost_rtl::hdl::Design;
use permafrost_rtl::target::Target;
use permafrost_rtl::vector::{mul_add::mul_add, multipliers};

/// From any state with the clock counter at 0, which `rst` makes and a period restores, every element of a period comes out.
fn proved(tools: &Tools, target: Target, text: &str, latency: usize) -> Result<Result<(), String>, Error> {
    let text = functions::cut(text).map_err(Error::Manifest)?;
    let folder = crate::tools::folder()?;
    let netlist = Netlist::read(tools, folder.path(), &text, "vector_mul_add")?;
    let mut m = Machine::new(&netlist, Terms::default())?;
    let product = multipliers::latency(target);
    let signs = ["negate_product", "negate_addend"].map(|name| m.terms.var(name, 1));
    for (name, value) in ["negate_product", "negate_addend"].into_iter().zip(signs) {
        m.set_wire(name, value)?;
    }
    let now = m.wire("now")?;
    let bits = m.terms.width(now);
    let counter = m.terms.constant(0u32, bits);
    let period = 1usize << bits;
    let any = m.terms.var("any", bits);
    m.set_wire("now", any)?;
    let rst = m.terms.bit(true);
    m.set_wire("rst", rst)?;
    m.eval()?;
    m.clock()?;
    if m.wire("now")? != counter {
        return Ok(Err("the counter does not begin at 0".into()));
    }
    let rst = m.terms.bit(false);
    m.set_wire("rst", rst)?;
    let zero = m.terms.constant(0u32, FIELD_BITS);
    let (mut products, mut expected): (Vec<Term>, Vec<Term>) = (vec![], vec![]);
    for clock in 0..period + latency {
        let abc = ["a", "b", "c"].map(|name| m.terms.var(format!("{name}.{clock}"), FIELD_BITS));
        for (name, value) in ["a", "b", "c"].into_iter().zip(abc) {
            m.set_wire(name, value)?;
        }
        let y = clock.checked_sub(product).map(|at| products[at]);
        let y = y.unwrap_or_else(|| m.terms.var("?", FIELD_BITS));
        m.set_wire("mul0_y", y)?;
        m.eval()?;
        let (x, y) = (m.wire("mul0_a")?, m.wire("mul0_b")?);
        products.push(m.terms.call("mul", &[x, y], FIELD_BITS));
        let t = &mut m.terms;
        let ab = t.call("mul", &abc[..2], FIELD_BITS);
        let mut signed = |value: Term, sign: Term| {
            let negative = t.call("sub", &[zero, value], FIELD_BITS);
            t.ite(sign, negative, value)
        };
        let terms = [signed(ab, signs[0]), signed(abc[2], signs[1])];
        expected.push(t.call("add", &terms, FIELD_BITS));
        if clock + 1 == period && m.wire("now")? == counter {
            return Ok(Err("the counter has another period".into()));
        }
        if clock == period && m.wire("now")? != counter {
            return Ok(Err("the counter has another period".into()));
        }
        if let Some(at) = clock.checked_sub(latency) {
            if m.wire("d")? != expected[at] {
                return Ok(Err(format!("clock {at}: not ±a b ± c")));
            }
        }
        m.clock()?;
    }
    Ok(Ok(()))
}

/// For both targets, and mutants.
///
/// # Errors
/// When a tool fails.
pub fn check(tools: &Tools) -> Result<Report, Error> {
    let mut report = Report { proved: Ok(()), killed: 0, equivalent: vec![], alive: vec![] };
    for target in Target::ALL {
        let unit = mul_add(target);
        let design = Design::elaborate(&unit.module).map_err(|e| Error::Manifest(e.to_string()))?;
        let text = design.text();
        report.proved = report.proved.and(proved(tools, target, &text, unit.latency)?);
        for (from, to) in [
            ("mul0_b <= b", "mul0_b <= a"),
            (
                "negate_product ? fr_sub(254'd0, mul0_y) : mul0_y",
                "negate_product ? mul0_y : fr_sub(254'd0, mul0_y)",
            ),
            ("negate_addend ? fr_sub(254'd0, addend)", "negate_addend ? fr_sub(addend, 254'd0)"),
            ("fr_add(signed_product, signed_addend)", "fr_sub(signed_product, signed_addend)"),
            ("- AGE", "- AGE - 1'b1"),
            ("now <= rst", "now <= !rst"),
        ] {
            let mutant = text.replacen(from, to, 1);
            match mutant != text && proved(tools, target, &mutant, unit.latency)?.is_err() {
                true => report.killed += 1,
                false => report.alive.push(format!("{}: {to} for {from}", target.name())),
            }
        }
    }
    Ok(report)
}
