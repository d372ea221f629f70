//! Montgomery units: the output is `product / R mod p`, fully reduced.

use super::{mutants::with_mutants, walk::Refuted, Poly, Walk};
use crate::check::Report;
use num_bigint::BigInt;
use permafrost_rtl::field::Field;
use permafrost_rtl::graph::{Graph, Op, Pipeline};

/// Proves that the one output of `graph` is below p and that R times it is the product of all inputs modulo p: the unit
/// computes `a b / R mod p` (two inputs) or `a / R mod p` (one), the representative below p.
///
/// # Errors
/// What could not be shown.
pub fn montgomery(graph: &Graph, field: &Field) -> Result<(), Refuted> {
    residue(Walk::new(graph)?, graph, field, field.r_bits, |inputs| {
        inputs.iter().fold(Poly::constant(1), |p, x| &p * x)
    })
}

/// Proves that the one output of `graph`, gone through, is below p and that 2^`shift` times it is `function` of the inputs modulo p.
///
/// # Errors
/// What could not be shown.
pub fn residue(
    walk: Walk,
    graph: &Graph,
    field: &Field,
    shift: usize,
    function: impl Fn(&[Poly]) -> Poly,
) -> Result<(), Refuted> {
    let [output] = &graph.outputs[..] else {
        return Err(walk.refuted(None, format!("{} outputs, expected one", graph.outputs.len())));
    };
    let inputs: Vec<Poly> = graph.inputs.iter().map(|pin| walk.value(pin.sig).clone()).collect();
    let y = walk.value(output.sig);
    let (low, high) = walk.atoms().bounds(y);
    if low < BigInt::ZERO || high >= BigInt::from(field.p.clone()) {
        return Err(walk
            .refuted(Some(output.sig), format!("the result is in {low:#x}..={high:#x}, expected below p")));
    }
    let difference = &y.shl(shift as u64) - &function(&inputs);
    if walk.vanishes_modulo(&difference, &field.p) {
        return Ok(());
    }
    Err(walk.refuted(Some(output.sig), format!("2^{shift} times the result is not the function modulo p")))
}

/// [`montgomery`] and its mutants.
pub fn check_montgomery(unit: &Pipeline, field: &Field) -> Report {
    with_mutants(
        &unit.graph,
        |graph| montgomery(graph, field),
        |graph, at, what| sign(graph, at, what, field),
    )
}

/// [`residue`] of a sum or a difference and its mutants.
pub fn check_linear(unit: &Pipeline, field: &Field, function: impl Fn(&Poly, &Poly) -> Poly) -> Report {
    let prove = |graph: &Graph| {
        residue(Walk::centred(graph)?, graph, field, 0, |inputs| function(&inputs[0], &inputs[1]))
    };
    with_mutants(&unit.graph, prove, |graph, at, what| sign(graph, at, what, field))
}

/// The sign of a number within R / 4 of 0 is in the two top bits of log2 R.
fn sign(graph: &Graph, at: usize, what: &str, field: &Field) -> Option<&'static str> {
    let top = matches!(&graph.nodes[at].op, Op::Slice { lo, width: 1, .. } if *lo + 1 == field.r_bits);
    (top && what == "a bit lower" && field.bits + 2 <= field.r_bits)
        .then_some("of a number within R / 4 of 0, the bit below the top one is the sign too")
}

#[cfg(test)]
mod tests {
    use super::*;
    use permafrost_rtl::field::units;
    use permafrost_rtl::target::Target;

    #[test]
    fn multipliers_as_generated() {
        for field in [Field::fq(), Field::fr()] {
            for target in Target::ALL {
                let unit = units::mul(&field, target);
                montgomery(&unit.graph, &field).unwrap_or_else(|e| panic!("{target:?}: {e}"));
                let unit = units::demont(&field, target);
                montgomery(&unit.graph, &field).unwrap_or_else(|e| panic!("{target:?}: {e}"));
            }
        }
    }

    fn small(p: u32) -> Field {
        let bits = 32 - p.leading_zeros() as usize;
        Field::new("small", "a small prime", p.into(), bits + 2)
    }

    #[test]
    fn scaled() {
        for (field, target) in [
            (small(251), Target::Limbs { radix: 3 }),
            (small(4093), Target::Limbs { radix: 5 }),
            (small(65521), Target::Limbs { radix: 6 }),
            (small(251), Target::Tiles { a: 3, b: 2 }),
            (small(4093), Target::Tiles { a: 5, b: 3 }),
            (small(16381), Target::Tiles { a: 3, b: 2 }),
            (small(65521), Target::Tiles { a: 6, b: 4 }),
            (Field::koala_bear(), Target::Generic),
            (Field::koala_bear(), Target::Limbs { radix: 7 }),
            (Field::koala_bear(), Target::Tiles { a: 12, b: 8 }),
        ] {
            let unit = units::mul(&field, target);
            montgomery(&unit.graph, &field).unwrap_or_else(|e| panic!("{} {target:?}: {e}", field.p));
        }
    }

    /// The other field's prime is not this unit's.
    #[test]
    fn the_prime_matters() {
        for target in Target::ALL {
            montgomery(&units::mul(&Field::fq(), target).graph, &Field::fr()).unwrap_err();
        }
    }
}
