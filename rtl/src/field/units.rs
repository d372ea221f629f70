//! The field pipelines that other units call, emitted once each and shared.

use super::{
    mont,
    num::{Ctx, Num},
    Field,
};
use crate::graph::{mask, Graph, Pipeline};
use crate::target::{LimbForm, Target};
use num_bigint::BigUint;
use std::sync::Arc;

/// Modular multiplication: `y = a b / R mod p`, canonical in, canonical out; ports `a`, `b`, `y` of the field's bits.
pub fn mul(field: &Field, target: Target) -> Arc<Pipeline> {
    let mut g = Graph::new(
        format!("{}_mul", field.name),
        format!(
            "Montgomery product y = a b / 2^{} mod p over {}; a, b < p, y < p.",
            field.r_bits, field.title
        ),
    );
    let mut c = Ctx::new(&mut g, field, target);
    let max = &field.p - 1u32;
    let a = c.input("a", &max);
    let b = c.input("b", &max);
    let y = mont::mul(&mut c, &a, &b);
    let y = c.pack(&y, field.bits);
    g.output("y", y);
    Arc::new(g.schedule(target))
}

/// Out of Montgomery form: `y = a / R mod p` for any `a` below R; ports `a` (as wide as R), `y` (the field's bits).
pub fn demont(field: &Field, target: Target) -> Arc<Pipeline> {
    let mut g = Graph::new(
        format!("{}_demont", field.name),
        format!(
            "Montgomery to canonical: y = a / 2^{} mod p over {}; any a, y < p.",
            field.r_bits, field.title
        ),
    );
    let mut c = Ctx::new(&mut g, field, target);
    let a = c.input("a", &mask(field.r_bits));
    let y = mont::demontgomerise(&mut c, &a);
    let y = c.pack(&y, field.bits);
    g.output("y", y);
    Arc::new(g.schedule(target))
}

/// Operands of [`MulSum`] stay below this multiple of p, limbs settled.
const OPERAND_MULTIPLE: u32 = 12;

/// Sums of one or two products with one Montgomery reduction, not fully reduced: the work-horse of point formulas.
///
/// The pipeline's ports carry limbs, so that nothing is packed between units. It takes any settled operands up to
/// 12 p; the bound of a result follows from the operands of the call.
pub struct MulSum {
    pipeline: Arc<Pipeline>,
}

impl MulSum {
    /// The unit for `pairs` products.
    pub fn new(field: &Field, target: Target, pairs: usize) -> MulSum {
        let mut g = Graph::new(
            format!("{}_mul_sum{pairs}", field.name),
            format!(
                "Sum of {pairs} product(s) a_i b_i / 2^{r} mod p over {}, as settled limbs; operands up to \
                 {OPERAND_MULTIPLE} p, result below p + sum(a_i b_i) / 2^{r}.",
                field.title,
                r = field.r_bits
            ),
        );
        let mut c = Ctx::new(&mut g, field, target);
        let operands: Vec<[Num; 2]> =
            (0..pairs).map(|i| ["a", "b"].map(|side| settled_input(&mut c, &format!("{side}{i}")))).collect();
        let refs: Vec<_> = operands.iter().map(|[a, b]| (a, b)).collect();
        let y = mont::mul_sum(&mut c, &refs);
        for (i, &limb) in y.limbs.iter().enumerate() {
            g.output(format!("y_{i}"), limb);
        }
        MulSum { pipeline: Arc::new(g.schedule(target)) }
    }

    pub fn latency(&self) -> usize {
        self.pipeline.latency
    }

    /// `sum a_i b_i / R mod p` for this call's operands.
    pub fn call(&self, c: &mut Ctx, pairs: &[(&Num, &Num)]) -> Num {
        let mut args = vec![];
        let mut sum = BigUint::ZERO;
        for (a, b) in pairs {
            for x in [a, b] {
                args.extend(c.settle(x).limbs);
            }
            sum += &a.max * &b.max;
        }
        let limbs = c.g.call(&self.pipeline, &args);
        c.bounded(limbs, mont::reduced_max(c.field, &sum))
    }
}

fn settled_input(c: &mut Ctx, name: &str) -> Num {
    let max = &c.field.p * OPERAND_MULTIPLE;
    let LimbForm { radix, count } = c.form;
    let limbs = (0..count)
        .map(|i| {
            let limb_max = if i + 1 == count { &max >> (radix * i) } else { mask(radix + 1) };
            c.g.input(format!("{name}_{i}"), limb_max)
        })
        .collect();
    Num { limbs, max }
}
