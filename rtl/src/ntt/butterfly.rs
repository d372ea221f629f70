//! The radix-2 butterfly of decimation in frequency: x = a + b, y = (a - b) w; one multiplier, one butterfly a clock.
//!
//! Operands and results are canonical; products are Montgomery products, so that a Montgomery `w` multiplies by the number
//! that it stands for.

use crate::field::{num::Ctx, units, Field, FIELD_BITS};
use crate::graph::{Graph, Pipeline};
use crate::target::Target;
use std::sync::Arc;

/// The butterfly as a pipeline: inputs `a`, `b`, `w`, outputs `x`, `y` (254 bits each, all below p). It takes one a clock, and
/// its latency follows from the target.
pub fn butterfly(field: &Field, target: Target) -> Arc<Pipeline> {
    let mul = units::mul(field, target);
    let mut g = Graph::new(
        format!("{}_butterfly", field.name),
        format!(
            "Radix-2 butterfly over BN254 {}: x = a + b, y = (a - b) w / 2^256; all canonical.",
            field.name
        ),
    );
    let mut c = Ctx::new(&mut g, field, target);
    let max = &field.p - 1u32;
    let a = c.input("a", &max);
    let b = c.input("b", &max);
    let w = c.g.input("w", max.clone());

    let sum = c.add(&a, &b);
    let x = c.reduce(&sum);
    let difference = c.sub(&a, &b);
    let difference = c.reduce(&difference);
    let difference = c.pack(&difference, FIELD_BITS);
    let difference = c.g.narrow(difference, max.clone(), "a reduced number is canonical");
    let y = c.g.call(&mul, &[difference, w])[0];
    let y = c.g.narrow(y, max, "a Montgomery product is canonical");
    let x = c.pack(&x, FIELD_BITS);
    c.g.output("x", x);
    c.g.output("y", y);
    Arc::new(g.schedule(target))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ntt::model::Residues;
    use num_bigint::BigUint;

    /// Corners of the field in every combination: the graph computes what the model says.
    #[test]
    fn graph_is_the_butterfly() {
        let field = Field::fr();
        let model = Residues::new(field.clone());
        let p = &field.p;
        let corners =
            [BigUint::ZERO, 1u32.into(), field.one(), p - 1u32, p >> 1, (p >> 1) + 1u32, p - field.one()];
        for target in Target::ALL {
            let pipeline = butterfly(&field, target);
            println!("{}: latency {} clocks", target.name(), pipeline.latency);
            for a in &corners {
                for b in &corners {
                    for w in &corners {
                        let inputs = [a.clone(), b.clone(), w.clone()];
                        let (x, y) = model.butterfly(a, b, w);
                        assert_eq!(pipeline.graph.eval(&inputs), [x, y], "{}: {inputs:?}", target.name());
                    }
                }
            }
        }
    }
}
