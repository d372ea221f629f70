//! The butterfly: `x = a + b`, `y = (a - b) w / R`, modulo p and fully reduced.

use super::{mutants::with_mutants, walk::Refuted, Poly, Walk};
use crate::check::Report;
use crate::netlist::meaning::operands;
use num_bigint::BigInt;
use permafrost_rtl::field::Field;
use permafrost_rtl::graph::{Graph, Instance, Op, Pipeline, Sig};

/// Proves of a butterfly whose inputs are a, b and w and whose outputs are x and y: x is below p and `a + b` modulo p; y is what a
/// call of the field's multiplier, shown to be one, gives for a number below p that is `a - b` modulo p, and w.
///
/// # Errors
/// What could not be shown.
pub fn butterfly(graph: &Graph, field: &Field) -> Result<(), Refuted> {
    for call in &graph.instances {
        super::montgomery(&call.pipeline.graph, field)?;
    }
    outputs(graph, field)
}

/// [`butterfly`] when what is called are multipliers: their results are below p.
fn outputs(graph: &Graph, field: &Field) -> Result<(), Refuted> {
    let below_p = |call: &Instance| (call.pipeline.graph.name.clone(), &field.p - 1u32);
    let walk = Walk::calling(graph, graph.instances.iter().map(below_p).collect())?;
    let ([a, b, w], [x, y]) = (&graph.inputs[..], &graph.outputs[..]) else {
        return Err(walk.refuted(None, "not three inputs and two outputs".into()));
    };
    if let Some(pin) = [a, b, w].into_iter().find(|pin| *graph.max(pin.sig) != &field.p - 1u32) {
        return Err(walk.refuted(Some(pin.sig), "an input that is not any number below p".into()));
    }
    let p = BigInt::from(field.p.clone());
    let is = |sig, expected: &Poly, what: &str| {
        let value = walk.value(sig);
        let (low, high) = walk.atoms().bounds(value);
        if low < BigInt::ZERO || high >= p {
            return Err(
                walk.refuted(Some(sig), format!("{what} is in {low:#x}..={high:#x}, expected below p"))
            );
        }
        if !walk.vanishes_modulo(&(value - expected), &field.p) {
            return Err(walk.refuted(Some(sig), format!("{what} is another modulo p")));
        }
        Ok(())
    };
    let (a, b, w) = (walk.value(a.sig), walk.value(b.sig), w.sig);
    is(x.sig, &(a + b), "the sum")?;
    // A bound that is known anyway does not change a value.
    let mut sig = y.sig;
    while let Op::Narrow { src, .. } = graph.node(sig).op {
        sig = src;
    }
    let Op::Output { instance, output: 0 } = graph.node(sig).op else {
        return Err(walk.refuted(Some(sig), "not the multiplier's output".into()));
    };
    let call = &graph.instances[instance];
    if call.pipeline.graph.name != format!("{}_mul", field.name) {
        return Err(walk.refuted(Some(sig), "not the field's multiplier".into()));
    }
    let [difference, factor] = call.args[..] else {
        return Err(walk.refuted(Some(sig), "not two factors".into()));
    };
    is(difference, &(a - b), "the difference")?;
    if walk.value(factor) != walk.value(w) {
        return Err(walk.refuted(Some(factor), "another factor than w".into()));
    }
    Ok(())
}

/// [`butterfly`] and its mutants.
pub fn check_butterfly(unit: &Pipeline, field: &Field) -> Report {
    let mut report = with_mutants(&unit.graph, |graph| outputs(graph, field), unused);
    report.proved = butterfly(&unit.graph, field).map_err(|e| e.to_string());
    report
}

/// A carry that is above the modulus 2^k of a number in limbs.
fn unused(graph: &Graph, at: usize, _: &str) -> Option<&'static str> {
    let sig = Sig::from_index(at);
    let read = graph.nodes.iter().any(|node| operands(graph, &node.op).contains(&sig))
        || graph.outputs.iter().any(|pin| pin.sig == sig);
    (!read).then_some("nothing reads the node")
}

#[cfg(test)]
mod tests {
    use super::*;
    use permafrost_rtl::ntt::butterfly::butterfly as unit;
    use permafrost_rtl::target::Target;

    #[test]
    fn butterflies_as_generated() {
        for target in Target::ALL {
            butterfly(&unit(&Field::fr(), target).graph, &Field::fr())
                .unwrap_or_else(|e| panic!("{target:?}: {e}"));
            butterfly(&unit(&Field::fr(), target).graph, &Field::fq()).unwrap_err();
        }
    }
}
