//! The radix-2 butterfly: one multiplier, both forms, one a clock.
//!
//! | `dit` | `x` | `y` | form |
//! |---|---|---|---|
//! | 0 | a + b | (a - b) w | decimation in frequency |
//! | 1 | a + b w | a - b w | decimation in time |
//!
//! Operands and results are canonical; products are Montgomery products, so that a Montgomery `w` multiplies by the number
//! that it stands for. `dit` belongs to the operands of its clock: the forms may alternate.

use crate::field::{
    num::{Ctx, Num},
    units, Field, FIELD_BITS,
};
use crate::graph::{Graph, Pipeline, Sig};
use crate::target::Target;
use std::sync::Arc;

/// The butterfly as a pipeline: inputs `dit` (1 bit), `a`, `b`, `w`, outputs `x`, `y` (254 bits each, all below p). It
/// takes one a clock, and its latency follows from the target.
pub fn butterfly(field: &Field, target: Target) -> Arc<Pipeline> {
    let mul = units::mul(field, target);
    let mut g = Graph::new(
        format!("{}_butterfly", field.name),
        format!(
            "Radix-2 butterfly over BN254 {}: dit = 0: x = a + b, y = (a - b) w / 2^256; dit = 1: x = a + b w / 2^256, \
             y = a - b w / 2^256; all canonical.",
            field.name
        ),
    );
    let mut c = Ctx::new(&mut g, field, target);
    let max = &field.p - 1u32;
    let dit = c.g.input_bits("dit", 1);
    let a = c.input("a", &max);
    let b = c.input("b", &max);
    let w = c.g.input("w", max.clone());

    let difference = subtract(&mut c, &a, &b);
    let factor = choose(&mut c, dit, &b, &difference);
    let factor = c.pack(&factor, FIELD_BITS);
    let factor = c.g.narrow(factor, max.clone(), "both choices are canonical");
    let product = c.g.call(&mul, &[factor, w])[0];
    let product = c.g.narrow(product, max, "a Montgomery product is canonical");
    let product = c.split(product);

    let addend = choose(&mut c, dit, &product, &b);
    let sum = c.add(&a, &addend);
    let x = c.reduce(&sum);
    let late = subtract(&mut c, &a, &product);
    let y = choose(&mut c, dit, &late, &product);
    for (name, value) in [("x", x), ("y", y)] {
        let value = c.pack(&value, FIELD_BITS);
        c.g.output(name, value);
    }
    Arc::new(g.schedule(target))
}

/// `a - b mod p`, canonical.
fn subtract(c: &mut Ctx, a: &Num, b: &Num) -> Num {
    let difference = c.sub(a, b);
    c.reduce(&difference)
}

/// `condition ? a : b` for canonical numbers.
fn choose(c: &mut Ctx, condition: Sig, a: &Num, b: &Num) -> Num {
    let limbs = a.limbs.iter().zip(&b.limbs).map(|(&x, &y)| c.g.select(condition, x, y)).collect();
    c.bounded(limbs, &c.field.p - 1u32)
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
            for dit in [false, true] {
                for a in &corners {
                    for b in &corners {
                        for w in &corners {
                            let inputs = [BigUint::from(dit), a.clone(), b.clone(), w.clone()];
                            let (x, y) = model.butterfly(dit, a, b, w);
                            assert_eq!(pipeline.graph.eval(&inputs), [x, y], "{}: {inputs:?}", target.name());
                        }
                    }
                }
            }
        }
    }
}
