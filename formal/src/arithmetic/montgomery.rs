//! Montgomery units: the output is `product / R mod p`, fully reduced.

use super::{walk::Refuted, Poly, Walk};
use num_bigint::BigInt;
use permafrost_rtl::field::Field;
use permafrost_rtl::graph::Graph;

/// Proves that the one output of `graph` is below p and that R times it is the product of all inputs modulo p: the unit
/// computes `a b / R mod p` (two inputs) or `a / R mod p` (one), the representative below p.
///
/// # Errors
/// What could not be shown.
pub fn montgomery(graph: &Graph, field: &Field) -> Result<(), Refuted> {
    let walk = Walk::new(graph)?;
    let [output] = &graph.outputs[..] else {
        return Err(walk.refuted(None, format!("{} outputs, expected one", graph.outputs.len())));
    };
    let product = graph.inputs.iter().fold(Poly::constant(1), |p, pin| &p * walk.value(pin.sig));
    let y = walk.value(output.sig);
    let (low, high) = walk.atoms().bounds(y);
    if low < BigInt::ZERO || high >= BigInt::from(field.p.clone()) {
        return Err(walk
            .refuted(Some(output.sig), format!("the result is in {low:#x}..={high:#x}, expected below p")));
    }
    let difference = &y.shl(field.r_bits as u64) - &product;
    if walk.vanishes_modulo(&difference, &field.p) {
        return Ok(());
    }
    Err(walk.refuted(Some(output.sig), "R times the result is not the product modulo p".into()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use permafrost_rtl::field::units;
    use permafrost_rtl::graph::Op;
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
            println!("{} {target:?} latency {} nodes {}", field.p, unit.latency, unit.graph.nodes.len());
            match montgomery(&unit.graph, &field) {
                Ok(()) => println!("ok"),
                Err(e) => println!("FAIL {e}"),
            }
        }
        for target in Target::ALL {
            let unit = permafrost_rtl::field::koala_bear::mul(target);
            println!("kb_mul {target:?} latency {} nodes {}", unit.latency, unit.graph.nodes.len());
            match montgomery(&unit.graph, &Field::koala_bear()) {
                Ok(()) => println!("ok"),
                Err(e) => println!("FAIL {e}"),
            }
        }
    }

    /// The other field's prime is not this unit's.
    #[test]
    fn the_prime_matters() {
        for target in Target::ALL {
            montgomery(&units::mul(&Field::fq(), target).graph, &Field::fr()).unwrap_err();
        }
    }

    /// Every node made wrong in one way after the other; each must be noticed, or be no change of the function.
    #[test]
    fn mutants_are_refuted() {
        for target in Target::ALL {
            let unit = units::mul(&Field::fq(), target);
            let (mut killed, mut alive) = (0, vec![]);
            for at in 0..unit.graph.nodes.len() {
                for (what, op) in wrong(&unit.graph, at) {
                    let mut mutant = unit.graph.clone();
                    mutant.nodes[at].op = op;
                    match montgomery(&mutant, &Field::fq()) {
                        Err(_) => killed += 1,
                        Ok(()) => alive.push(format!("{at}: {what} of {:?}", unit.graph.nodes[at].op)),
                    }
                }
            }
            println!("{target:?}: {killed} killed, {} alive: {alive:#?}", alive.len());
            // Of a number within 2^254 of 0, bit 254 is the sign as well as bit 255.
            let same = |mutant: &String| {
                target == Target::Xcup && mutant.contains("a bit lower") && mutant.contains("lo: 255")
            };
            assert!(alive.iter().all(same), "{target:?}: {alive:#?}");
        }
    }

    /// Other operations than that of the node at `at`.
    fn wrong(graph: &Graph, at: usize) -> Vec<(&'static str, Op)> {
        match graph.nodes[at].op.clone() {
            Op::Const(c) => vec![("one more", Op::Const(c + 1u32))],
            Op::Add(terms) => vec![("a term less", Op::Add(terms[1..].to_vec()))],
            Op::Slice { src, lo, width } if lo > 0 => {
                vec![
                    ("a bit lower", Op::Slice { src, lo: lo - 1, width }),
                    ("a bit less", Op::Slice { src, lo, width: width - 1 }),
                ]
            }
            Op::Slice { src, lo, width } => vec![("a bit higher", Op::Slice { src, lo: lo + 1, width })],
            Op::Shl(src, by) => vec![("a bit further", Op::Shl(src, by + 1))],
            Op::Mul(a, b) if a != b => vec![("a square", Op::Mul(a, a))],
            // Zero is the same anywhere.
            Op::Chain { top, .. } if graph.max(top).bits() == 0 => vec![],
            Op::Chain { a, b, top, at } => vec![("another place", Op::Chain { a, b, top, at: at + 1 })],
            Op::Select { cond, a, b } => vec![("the other way", Op::Select { cond, a: b, b: a })],
            Op::Table { index, mut entries } => {
                let last = entries.len() - 1;
                entries[last] += 1u32;
                vec![("a wrong entry", Op::Table { index, entries })]
            }
            Op::SubMod(a, b, width) => vec![("the other difference", Op::SubMod(b, a, width))],
            _ => vec![],
        }
    }
}
