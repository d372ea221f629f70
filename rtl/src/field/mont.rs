//! Montgomery reduction with the prime folded in: T -> (T + q p) / R with q = -T p^-1 mod R (Montgomery 1985).
//!
//! Neither form multiplies by a variable to find q or q p:
//! - [`from_columns`]: one limb of q at a time; its product with the constant limbs of p is added to the columns.
//! - `canonical_from_wide`: five bits at a time; `q_i p` is a table of 32 entries indexed by the low bits themselves, so that a
//!   step is one six-input LUT and one carry bit per result bit. Only the low half takes part; the high half is
//!   added at the end. A product of canonical factors leaves less than 2 p; its last table has p subtracted already, so
//!   that the residue below p takes one addition more and no comparison.
//!
//! Rejected: full products by -p^-1 and p in tiles (3x the tiles), and as shift-adds of the whole q (85 adders of 256
//! bits each, twice).

use super::{
    num::{Ctx, Num},
    product, Field,
};
use crate::graph::{mask, Sig};
use num_bigint::BigUint;

/// Bits of q that [`canonical_from_wide`] clears in a step: with one bit of the sum, the inputs of a six-input LUT.
const TABLE_BITS: usize = 5;

/// `a b / R mod p`, below p.
pub fn mul(c: &mut Ctx, a: &Num, b: &Num) -> Num {
    if c.form.count > 1 {
        let t = product::columns(c, a, b);
        let y = from_columns(c, t, &(&a.max * &b.max));
        c.reduce(&y)
    } else {
        let t = product::karatsuba(c, a.limbs[0], b.limbs[0]);
        canonical_from_wide(c, t, &(&a.max * &b.max))
    }
}

/// `x / R mod p`, below p: out of Montgomery form.
pub fn demontgomerise(c: &mut Ctx, x: &Num) -> Num {
    if c.form.count > 1 {
        let y = from_columns(c, x.limbs.clone(), &x.max);
        c.reduce(&y)
    } else {
        canonical_from_wide(c, x.limbs[0], &x.max)
    }
}

/// Bound of a reduced number, given that of the number before.
pub fn reduced_max(field: &Field, t_max: &BigUint) -> BigUint {
    // q <= R - 1, so (T + q p) / R <= T / R + p, rounded down.
    (t_max + mask(field.r_bits) * &field.p) >> field.r_bits
}

/// Reduces the number whose limbs (radix of the limb form, overlapping) are `t`, at most `t_max` in all.
pub fn from_columns(c: &mut Ctx, mut t: Vec<Sig>, t_max: &BigUint) -> Num {
    let (radix, count, r_bits) = (c.form.radix, c.form.count, c.field.r_bits);
    let p_limbs: Vec<BigUint> = (0..count).map(|j| (&c.field.p >> (radix * j)) & mask(radix)).collect();
    let zero = c.g.constant(0u32);
    t.resize(2 * count, zero);
    let at = |(k, s): (usize, &Sig)| (*s, radix * k);
    c.g.passes(t.iter().enumerate().map(at), 0);
    let steps = r_bits.div_ceil(radix);
    let mut cleared = 0;
    for i in 0..steps {
        // The last step clears only what is left of R.
        let bits = radix.min(r_bits - cleared);
        let n_prime = c.g.constant(c.field.n_prime(bits));
        let low = c.g.slice(t[i], 0, bits);
        let qn = c.g.mul(low, n_prime);
        let q = c.g.slice(qn, 0, bits);
        for (j, p_j) in p_limbs.iter().enumerate() {
            let p_j = c.g.constant(p_j.clone());
            let m = c.g.mul(q, p_j);
            t[i + j] = c.g.add(t[i + j], m);
        }
        if bits == radix {
            let up = c.g.shr(t[i], radix);
            t[i + 1] = c.g.add(t[i + 1], up);
        }
        cleared += bits;
        c.g.passes(t.iter().enumerate().skip(cleared / radix).map(at), cleared);
    }
    // The number now starts `shift` bits into column `first`; move it to limb positions without carrying.
    let (first, shift) = (r_bits / radix, r_bits % radix);
    let limbs: Vec<Sig> = (0..count)
        .map(|k| {
            let here = c.g.shr(t[first + k], shift);
            let next = t.get(first + k + 1).copied().unwrap_or(zero);
            let low = c.g.slice(next, 0, shift);
            let low = c.g.shl(low, radix - shift);
            c.g.add(here, low)
        })
        .collect();
    let out = Num { limbs, max: reduced_max(c.field, t_max) };
    c.settle(&out)
}

/// Reduces one wide node that leaves less than 2 p, to the residue below p.
///
/// The last table subtracts p beforehand: the sum is then the residue or p less, and its sign says which.
fn canonical_from_wide(c: &mut Ctx, t: Sig, t_max: &BigUint) -> Num {
    let (p, r_bits) = (c.field.p.clone(), c.field.r_bits);
    assert!(reduced_max(c.field, t_max) < &p * 2u32, "one multiple of p is left at most");
    let high = c.g.shr(t, r_bits);
    let low = clear_low(c, t, &p);
    let sum = c.g.add(low, high);
    let less = c.g.slice(sum, 0, r_bits);
    // |less| < p, at most R / 2: the top bit is the sign.
    let negative = c.g.slice(less, r_bits - 1, 1);
    let (zero, p_node) = (c.g.constant(0u32), c.g.constant(p.clone()));
    let back = c.g.select(negative, p_node, zero);
    let out = c.g.add(less, back);
    let out = c.g.slice(out, 0, c.field.bits);
    let max = p - 1u32;
    let out = c.g.narrow(out, max.clone(), "Montgomery: (T + q p) / R < 2 p, less p if that fits");
    Num { limbs: vec![out], max }
}

/// `(t mod R + q p) / R - minus` modulo R, where q makes the division exact.
fn clear_low(c: &mut Ctx, t: Sig, minus: &BigUint) -> Sig {
    let (p, r_bits) = (c.field.p.clone(), c.field.r_bits);
    c.g.passes_through(t);
    let high = c.g.shr(t, r_bits);
    let mut low = c.g.slice(t, 0, r_bits);
    let mut low_max = mask(r_bits);
    let mut cleared = 0;
    while cleared < r_bits {
        let bits = TABLE_BITS.min(r_bits - cleared);
        let n_prime = c.field.n_prime(bits);
        // The older operand of an addition is the plain input of the carry chain; the table must be the other one.
        let rest = c.g.shr(low, bits);
        let index = c.g.slice(low, 0, bits);
        // The digit and its multiple of p add up to zero at the bottom: their carry is part of the table.
        let mut entries: Vec<_> =
            (0..1u32 << bits).map(|i| (((&n_prime * i) & mask(bits)) * &p + i) >> bits).collect();
        cleared += bits;
        low_max = (low_max + mask(bits) * &p) >> bits;
        if cleared == r_bits && *minus > BigUint::ZERO {
            entries.iter_mut().for_each(|e| *e = (mask(r_bits) + 1u32 + &*e - minus) & mask(r_bits));
            low_max = mask(r_bits);
        }
        let qp = c.g.table(index, entries);
        let sum = c.g.add(rest, qp);
        low = c.g.slice(sum, 0, r_bits);
        low = c.g.narrow(low, low_max.clone(), "the low half shrinks by every cleared digit");
        if cleared < r_bits {
            c.g.passes([(low, cleared), (high, r_bits)], cleared);
        }
    }
    low
}
