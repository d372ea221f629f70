//! The field pipelines that other units call, emitted once each and shared.

use super::{mont, num::Ctx, Field};
use crate::graph::{mask, Graph, Pipeline};
use crate::target::Target;
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
