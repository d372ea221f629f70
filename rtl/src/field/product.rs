//! Products of two integers.
//!
//! - [`columns`]: schoolbook over limbs; column k sums the products of limbs i + j = k and is never carried. For targets
//!   whose words are at most 64 bits.
//! - [`karatsuba`]: one wide product from DSP tiles, two Karatsuba levels: 9 products of about 64 bits, each of ten tiles of
//!   17 x 26 bits and a corner in LUTs: 90 tiles where schoolbook takes 150. The tiles of a product are chained, so that
//!   most of its additions are in the blocks too.
//!
//! Not taken: a leaf of 3 x 4 tiles without a corner (108 tiles), and a third level (27 products of about 33 bits, three tiles
//! and a corner each: nine tiles less, for the additions of nine more recombinations).

use super::num::{Ctx, Num};
use crate::graph::Sig;
use num_bigint::BigUint;

/// The product `a b`, as overlapping columns of the limb form's radix.
pub fn columns(c: &mut Ctx, a: &Num, b: &Num) -> Vec<Sig> {
    let n = c.form.count;
    (0..2 * n - 1)
        .map(|k| {
            let terms: Vec<_> = (k.saturating_sub(n - 1)..=k.min(n - 1))
                .map(|i| c.g.mul(a.limbs[i], b.limbs[k - i]))
                .collect();
            c.g.sum(&terms)
        })
        .collect()
}

/// The full product of two nodes out of multiplier tiles. Factors are halved until a leaf takes them: about 64 bits times
/// a power of two each.
///
/// Karatsuba with sums: (a0 + a1)(b0 + b1) - a0 b0 - a1 b1 = a0 b1 + a1 b0. A sum is a bit wider than its terms, which the
/// leaf has room for, and costs one addition where a difference's magnitude costs three.
pub fn karatsuba(c: &mut Ctx, a: Sig, b: Sig) -> Sig {
    let w = c.g.width(a).max(c.g.width(b));
    if w <= leaf_bits(c) {
        return leaf(c, a, b);
    }
    let half = w.div_ceil(2);
    let max = c.g.max(a) * c.g.max(b);
    let (a0, a1) = (c.g.slice(a, 0, half), c.g.shr(a, half));
    let (b0, b1) = (c.g.slice(b, 0, half), c.g.shr(b, half));
    let (sa, sb) = (c.g.add(a0, a1), c.g.add(b0, b1));
    let low = karatsuba(c, a0, b0);
    let high = karatsuba(c, a1, b1);
    let cross = karatsuba(c, sa, sb);
    let outer = c.g.add(low, high);
    let middle_max = c.g.max(a0) * c.g.max(b1) + c.g.max(a1) * c.g.max(b0);
    let middle = c.g.sub_mod(cross, outer, middle_max.bits() as usize);
    c.g.is_products(middle, &[(a0, b1), (a1, b0)]);
    let middle = c.g.narrow(middle, middle_max, "Karatsuba: the middle term is a0 b1 + a1 b0");
    // The lowest half meets nothing.
    let (lowest, rest) = (c.g.slice(low, 0, half), c.g.shr(low, half));
    let above = c.g.concat(&[(rest, half), (high, c.g.width(high))]);
    let sum = add_wide(c, above, middle, c.field.r_bits.saturating_sub(half));
    let out = concat_at(c, lowest, half, sum);
    c.g.is_products(out, &[(a, b)]);
    c.g.narrow(out, max, "a product of bounded factors")
}

/// `low + (high << at)` without an addition; whole parts of `high` stay parts.
fn concat_at(c: &mut Ctx, low: Sig, at: usize, high: Vec<(Sig, usize)>) -> Sig {
    let parts: Vec<_> = std::iter::once((low, at)).chain(high).collect();
    c.g.concat(&parts)
}

/// `x + y` as parts to be concatenated: in one piece if that fits the clock budget, else cut at bit `cut`, so that the
/// lower piece is there first.
fn add_wide(c: &mut Ctx, x: Sig, y: Sig, cut: usize) -> Vec<(Sig, usize)> {
    let whole = c.g.width(x).max(c.g.width(y));
    if whole <= c.target.widest_sum() {
        let sum = c.g.add(x, y);
        return vec![(sum, c.g.width(sum))];
    }
    let (x0, y0) = (c.g.slice(x, 0, cut), c.g.slice(y, 0, cut));
    let (x1, y1) = (c.g.shr(x, cut), c.g.shr(y, cut));
    let low = c.g.add(x0, y0);
    let carry = c.g.slice(low, cut, 1);
    let low = c.g.slice(low, 0, cut);
    // The carry enters as an addition at one bit below, which takes one position of the carry chain.
    let one = c.g.constant(1u32);
    let x1 = c.g.concat(&[(one, 1), (x1, c.g.width(x1))]);
    let y1 = c.g.concat(&[(carry, 1), (y1, c.g.width(y1))]);
    let high = c.g.add(x1, y1);
    let high = c.g.shr(high, 1);
    vec![(low, cut), (high, c.g.width(high))]
}

/// Widest factor of a [`leaf`]: as wide as the narrow sides of four tiles, 68 bits.
fn leaf_bits(c: &Ctx) -> usize {
    4 * c.target.tile().1
}

/// A product of 53..=68 bits by as many from ten tiles and a small multiplier in LUTs.
///
/// ```text
///          b: 68 = 4 x 17         Two chains of four tiles multiply 26 bits of a each by all of b. The rest of a, 16 bits at
///        +-----------------+      most, is the narrow side of two tiles with 26 bits of b each; these strips enter the adders
/// a: 26  | chain 0         |      at the ends of the chains. What is left, 16 x 16 at most, is the corner.
///    26  | chain 1         |
///        +-------+-------+-+
///  <= 16 | strip | strip |c|
///        +-------+-------+-+
/// ```
///
/// Chain 0 with its strip and the corner do not overlap, so that one addition is left for LUTs.
fn leaf(c: &mut Ctx, a: Sig, b: Sig) -> Sig {
    let (ta, tb) = c.target.tile();
    let max = c.g.max(a) * c.g.max(b);
    let last = 3 * tb;
    assert!([a, b].iter().all(|&x| (2 * ta + 1..=leaf_bits(c)).contains(&c.g.width(x))), "factors of a leaf");
    let (a0, a1, a2) = (c.g.slice(a, 0, ta), c.g.slice(a, ta, ta), c.g.shr(a, 2 * ta));
    let (b0, b1, b2) = (c.g.slice(b, 0, ta), c.g.slice(b, ta, ta), c.g.shr(b, 2 * ta));
    let zero = c.g.constant(0u32);
    let corner = small(c, a2, b2);
    let [chain0, chain1] = [(a0, b0), (a1, b1)].map(|(a_part, b_part)| {
        let strip = c.g.chain(b_part, a2, zero, 0);
        let strip = c.g.shl(strip, 2 * ta - last);
        c.g.chain(a_part, b, strip, last)
    });
    let (low, rest) = (c.g.slice(chain0, 0, ta), c.g.shr(chain0, ta));
    let above = c.g.concat(&[(rest, 3 * ta), (corner, c.g.width(corner))]);
    let sum = c.g.add(above, chain1);
    let out = concat_at(c, low, ta, vec![(sum, c.g.width(sum))]);
    c.g.is_products(out, &[(a, b)]);
    c.g.narrow(out, max, "a product of bounded factors")
}

/// A product of two words of a bit more than a tile takes: 27..=34 bits. As one `*` where there are no tiles, else from a chain of
/// two, which multiplies 26 bits of `a` by all of `b`, a strip as in the leaf of [`karatsuba`], and a corner in LUTs.
pub fn short(c: &mut Ctx, a: Sig, b: Sig) -> Sig {
    if !c.target.tiled() {
        return c.g.mul(a, b);
    }
    let (ta, tb) = c.target.tile();
    let max = c.g.max(a) * c.g.max(b);
    assert!([a, b].iter().all(|&x| (ta + 1..=2 * tb).contains(&c.g.width(x))), "factors of a short product");
    let (a0, a1) = (c.g.slice(a, 0, ta), c.g.shr(a, ta));
    let (b0, b1) = (c.g.slice(b, 0, ta), c.g.shr(b, ta));
    let zero = c.g.constant(0u32);
    let corner = small(c, a1, b1);
    let strip = c.g.chain(b0, a1, zero, 0);
    let strip = c.g.shl(strip, ta - tb);
    let chain = c.g.chain(a0, b, strip, tb);
    let (low, rest) = (c.g.slice(chain, 0, 2 * ta), c.g.shr(chain, 2 * ta));
    let sum = c.g.add(rest, corner);
    let out = concat_at(c, low, 2 * ta, vec![(sum, c.g.width(sum))]);
    c.g.is_products(out, &[(a, b)]);
    c.g.narrow(out, max, "a product of bounded factors")
}

/// A small product in LUTs, two bits of `y` a row: with 3 x at hand, a row's selection and addition share a six-input LUT.
fn small(c: &mut Ctx, x: Sig, y: Sig) -> Sig {
    let max = c.g.max(x) * c.g.max(y);
    let zero = c.g.constant(0u32);
    let two = c.g.shl(x, 1);
    let three = c.g.add(x, two);
    let (mut parts, mut sum) = (vec![], zero);
    for at in (0..c.g.width(y)).step_by(2) {
        if at > 0 {
            parts.push((c.g.slice(sum, 0, 2), 2));
            sum = c.g.shr(sum, 2);
        }
        // Newer than the sum, so that the sum is the plain input of the carry chain.
        let (y0, y1) = (c.g.slice(y, at, 1), c.g.slice(y, at + 1, 1));
        let odd = c.g.select(y0, x, zero);
        let row = if *c.g.max(y1) == BigUint::ZERO {
            odd
        } else {
            let even = c.g.select(y0, three, two);
            c.g.select(y1, even, odd)
        };
        sum = c.g.add(sum, row);
    }
    parts.push((sum, c.g.width(sum)));
    let out = c.g.concat(&parts);
    c.g.is_products(out, &[(x, y)]);
    c.g.narrow(out, max, "a product of bounded factors")
}
