//! KoalaBear, p = 2^31 - 2^24 + 1, Montgomery form with R = 2^32, canonical in and out: Plonky3's wire form.
//!
//! Reduction of T: with q = T p^-1 mod R, T - q p is divisible by R, and (T - q p) / R is what the high halves of T and q p
//! differ by, in (-p, p). The prime's form makes both products sums of shifts: p^-1 = 2^31 + 2^24 + 1 modulo R, so that
//! q is T mod R but for an addition in its top byte, and q p = (q << 31) + q - (q << 24).

use super::{
    num::{Ctx, Num},
    product, Field,
};
use crate::graph::{Graph, Pipeline, Sig};
use crate::target::{LimbForm, Target};
use num_bigint::BigUint;
use num_traits::One;
use std::sync::Arc;

/// log2 of R.
const R_BITS: usize = 32;

/// `y = a b / R mod p`; ports `a`, `b`, `y` of 31 bits, operands and result below p.
pub fn mul(target: Target) -> Arc<Pipeline> {
    unit("kb_mul", "Montgomery product y = a b / 2^32 mod p", target, |c, a, b| {
        let t = product::short(c, a.limbs[0], b.limbs[0]);
        reduce(c, t)
    })
}

/// `y = a + b mod p`; ports as of [`mul`].
pub fn add(target: Target) -> Arc<Pipeline> {
    unit("kb_add", "Sum y = a + b mod p", target, |c, a, b| {
        let sum = c.add(a, b);
        c.reduce(&sum).limbs[0]
    })
}

/// `y = a - b mod p`; ports as of [`mul`].
pub fn sub(target: Target) -> Arc<Pipeline> {
    unit("kb_sub", "Difference y = a - b mod p", target, |c, a, b| {
        let difference = c.sub(a, b);
        c.reduce(&difference).limbs[0]
    })
}

fn unit(
    name: &str,
    what: &str,
    target: Target,
    body: impl FnOnce(&mut Ctx, &Num, &Num) -> Sig,
) -> Arc<Pipeline> {
    let field = Field::koala_bear();
    let mut g = Graph::new(name, format!("{what} over KoalaBear; a, b < p, y < p."));
    // One word on every target: twice the prime fits 32 bits.
    let form = LimbForm { radix: R_BITS, count: 1 };
    let mut c = Ctx { g: &mut g, field: &field, target, form };
    let max = &field.p - 1u32;
    let (a, b) = (c.input("a", &max), c.input("b", &max));
    let y = body(&mut c, &a, &b);
    g.output("y", y);
    Arc::new(g.schedule(target))
}

/// `t / R mod p`, below p, of a product of canonical factors.
fn reduce(c: &mut Ctx, t: Sig) -> Sig {
    let p = c.field.p.clone();
    let g = &mut *c.g;
    let high = g.shr(t, R_BITS);

    let (top, byte, bit) = (g.slice(t, 24, 8), g.slice(t, 0, 8), g.slice(t, 0, 1));
    let bit = g.shl(bit, 7);
    let top = g.sum(&[top, byte, bit]);
    let (top, rest) = (g.slice(top, 0, 8), g.slice(t, 0, 24));
    let q = g.concat(&[(rest, 24), (top, 8)]);

    let (times_2_31, times_2_24) = (g.shl(q, 31), g.shl(q, 24));
    let sum = g.add(q, times_2_31);
    let qp = g.sub_mod(sum, times_2_24, 63);
    let qp_max = g.max(q) * &p;
    let qp = g.narrow(qp, qp_max, "q p is below R p");
    let qp_high = g.shr(qp, R_BITS);

    // 2^31 above the difference, so that bit 31 says that it is not negative.
    let difference = g.sub_biased(high, &(BigUint::one() << 31), qp_high);
    let (fits, low) = (g.slice(difference, 31, 1), g.slice(difference, 0, 31));
    let (zero, p_node) = (g.constant(0u32), g.constant(p.clone()));
    let back = g.select(fits, zero, p_node);
    let y = g.add(low, back);
    let y = g.slice(y, 0, 31);
    g.narrow(y, p - 1u32, "Montgomery: (T - q p) / R in (-p, p), and p if that is negative")
}
