//! The complete G1 adder: one addition a clock, right in every case.
//!
//! Homogeneous projective coordinates (x = X/Z, y = Y/Z, identity (0 : 1 : 0)) and the complete formulas of Renes,
//! Costello and Batina, "Complete addition formulas for prime order elliptic curves" (Eurocrypt 2016), algorithm 7 for
//! a = 0. BN254 G1 has odd prime order, so the formulas have no exceptional case: identity, doubling and inverse
//! take the same path. Cross terms are sums of two products with one reduction instead of Karatsuba's
//! (X1+Y1)(X2+Y2) - t0 - t1: three products more, no wide subtractions. In all 15 products, 9 reductions, depth 2.

use crate::field::{
    num::{Ctx, Num},
    units::MulSum,
    Field, FIELD_BITS,
};
use crate::graph::{Graph, Pipeline};
use crate::target::Target;
use num_bigint::BigUint;
use num_traits::{One, Zero};
use std::sync::Arc;

/// 3 b for BN254's y^2 = x^3 + 3.
const B3: u32 = 9;

/// Bits of a projective point: X, Y, Z of 254 bits, X lowest.
pub const POINT_BITS: usize = 3 * FIELD_BITS;

/// The adder: ports `p`, `q`, `r` of [`POINT_BITS`], `r = p + q`; coordinates canonical in and out.
pub fn pipeline(target: Target) -> Arc<Pipeline> {
    let field = Field::fq();
    let mul = MulSum::new(&field, target, 1);
    let mul2 = MulSum::new(&field, target, 2);
    let mut g = Graph::new(
        "g1_adder",
        "Complete addition r = p + q on BN254 G1, homogeneous projective (X lowest), canonical in and out.\n\
         Renes-Costello-Batina 2016, algorithm 7 (a = 0, 3b = 9).",
    );
    let p = g.input_bits("p", POINT_BITS);
    let q = g.input_bits("q", POINT_BITS);
    let mut c = Ctx::new(&mut g, &field, target);
    let [x1, y1, z1] = coordinates(&mut c, p);
    let [x2, y2, z2] = coordinates(&mut c, q);

    let x1_b3 = c.scale(&x1, B3);
    let z1_b3 = c.scale(&z1, B3);
    let t0 = mul.call(&mut c, &[(&x1, &x2)]);
    let t1 = mul.call(&mut c, &[(&y1, &y2)]);
    let t2 = mul.call(&mut c, &[(&z1_b3, &z2)]);
    let t3 = mul2.call(&mut c, &[(&x1, &y2), (&y1, &x2)]);
    let t4 = mul2.call(&mut c, &[(&y1, &z2), (&z1, &y2)]);
    let y = mul2.call(&mut c, &[(&x1_b3, &z2), (&z1_b3, &x2)]);

    let w = c.scale(&t0, 3);
    let z = c.add(&t1, &t2);
    let u = c.sub(&t1, &t2);
    let y_neg = c.neg(&y);
    let x3 = mul2.call(&mut c, &[(&t3, &u), (&t4, &y_neg)]);
    let y3 = mul2.call(&mut c, &[(&u, &z), (&y, &w)]);
    let z3 = mul2.call(&mut c, &[(&z, &t4), (&w, &t3)]);

    let out: Vec<_> = [x3, y3, z3]
        .iter()
        .map(|v| {
            let v = c.reduce(v);
            (c.pack(&v, FIELD_BITS), FIELD_BITS)
        })
        .collect();
    let r = g.concat(&out);
    g.output("r", r);
    Arc::new(g.schedule(target))
}

/// Splits a packed point; the card guarantees canonical coordinates.
fn coordinates(c: &mut Ctx, point: crate::graph::Sig) -> [Num; 3] {
    let max = &c.field.p - 1u32;
    std::array::from_fn(|i| {
        let raw = c.g.slice(point, i * FIELD_BITS, FIELD_BITS);
        let x = c.g.narrow(raw, max.clone(), "coordinates on the card are canonical");
        c.split(x)
    })
}

/// A projective point as three canonical Montgomery coordinates.
pub type Point = [BigUint; 3];

/// The identity, (0 : 1 : 0).
pub fn identity() -> Point {
    [BigUint::zero(), Field::fq().one(), BigUint::zero()]
}

/// Packs a point the way the adder's ports carry it.
pub fn pack(p: &Point) -> BigUint {
    &p[0] | (&p[1] << FIELD_BITS) | (&p[2] << (2 * FIELD_BITS))
}

/// Unpacks what [`pack`] packed.
pub fn unpack(v: &BigUint) -> Point {
    let m = (BigUint::one() << FIELD_BITS) - 1u32;
    std::array::from_fn(|i| (v >> (i * FIELD_BITS)) & &m)
}
