//! Products of two integers.
//!
//! - [`columns`]: schoolbook over limbs; column k sums the products of limbs i + j = k and is never carried. For targets
//!   whose words are at most 64 bits.
//! - [`karatsuba`]: one wide product from DSP tiles, two subtractive Karatsuba levels: 9 products of 64 bits, each of
//!   4 x 3 tiles of 17 x 26 bits: 108 tiles where schoolbook takes 150.

use super::num::{Ctx, Num};
use crate::graph::Sig;
use num_bigint::BigUint;

/// Sum of the products `a_i * b_i`, as overlapping columns of the limb form's radix.
pub fn columns(c: &mut Ctx, pairs: &[(&Num, &Num)]) -> Vec<Sig> {
    let n = c.form.count;
    (0..2 * n - 1)
        .map(|k| {
            let mut terms = vec![];
            for (a, b) in pairs {
                for i in k.saturating_sub(n - 1)..=k.min(n - 1) {
                    terms.push(c.g.mul(a.limbs[i], b.limbs[k - i]));
                }
            }
            c.g.sum(&terms)
        })
        .collect()
}

/// The full product of two nodes out of multiplier tiles.
pub fn karatsuba(c: &mut Ctx, a: Sig, b: Sig) -> Sig {
    let w = c.g.width(a).max(c.g.width(b));
    if w <= 66 {
        return tiles(c, a, b);
    }
    // Split at a multiple of 64 so that the pieces of both levels stay within 3 x 26 and 4 x 17 bits.
    let half = if w > 132 { w.div_ceil(2).max(128) } else { w.div_ceil(2).max(64) };
    let max = c.g.max(a) * c.g.max(b);
    let (a0, a1) = (c.g.slice(a, 0, half), c.g.shr(a, half));
    let (b0, b1) = (c.g.slice(b, 0, half), c.g.shr(b, half));
    let low = karatsuba(c, a0, b0);
    let high = karatsuba(c, a1, b1);
    // (a1 - a0)(b0 - b1) + a0 b0 + a1 b1 = a0 b1 + a1 b0, with magnitudes so that no piece grows by a bit.
    let (da, na) = magnitude(c, a1, a0, half);
    let (db, nb) = magnitude(c, b0, b1, half);
    let cross = karatsuba(c, da, db);
    let both = c.g.add(low, high);
    let zero = c.g.constant(0u32);
    // The cross term is negative when exactly one of the differences is.
    let nb_not = c.g.is_zero(nb);
    let same = c.g.select(na, nb, nb_not);
    let plus = c.g.select(same, cross, zero);
    let minus = c.g.select(same, zero, cross);
    let sum = c.g.add(both, plus);
    let middle_max = c.g.max(a0) * c.g.max(b1) + c.g.max(a1) * c.g.max(b0);
    let middle = {
        let width = c.g.width(sum);
        let d = c.g.sub_mod(sum, minus, width);
        c.g.narrow(d, middle_max, "Karatsuba: the middle term is a0 b1 + a1 b0")
    };
    let ends = c.g.concat(&[(low, 2 * half), (high, c.g.width(high))]);
    let shifted = c.g.shl(middle, half);
    let out = c.g.add(ends, shifted);
    c.g.narrow(out, max, "a product of bounded factors")
}

/// `|x - y|` and whether `x < y`, for operands of at most `width` bits.
fn magnitude(c: &mut Ctx, x: Sig, y: Sig, width: usize) -> (Sig, Sig) {
    let d = c.g.sub_mod(x, y, width + 1);
    let negative = c.g.slice(d, width, 1);
    let e = c.g.sub_mod(y, x, width + 1);
    let m = c.g.select(negative, e, d);
    let max = c.g.max(x).max(c.g.max(y)).clone();
    (c.g.narrow(m, max, "a magnitude is at most the larger operand"), negative)
}

/// Schoolbook over tiles; neighbouring products are joined without overlap first, then added in a tree.
fn tiles(c: &mut Ctx, a: Sig, b: Sig) -> Sig {
    let (ta, tb) = c.target.tile();
    let max = c.g.max(a) * c.g.max(b);
    let (na, nb) = (c.g.width(a).div_ceil(ta), c.g.width(b).div_ceil(tb));
    let pieces = |c: &mut Ctx, x: Sig, n: usize, t: usize| -> Vec<Sig> {
        (0..n).map(|i| c.g.slice(x, i * t, t)).collect()
    };
    let (pa, pb) = (pieces(c, a, na, ta), pieces(c, b, nb, tb));
    let mut rows = vec![];
    for (j, &y) in pb.iter().enumerate() {
        // Products of every second piece of a do not overlap: they are concatenated, not added.
        for parity in 0..2 {
            let row: Vec<_> = pa
                .iter()
                .enumerate()
                .filter(|(i, _)| i % 2 == parity)
                .map(|(_, &x)| (c.g.mul(x, y), 2 * ta))
                .collect();
            if let Some((&(last, _), rest)) = row.split_last() {
                let parts: Vec<_> = rest.iter().copied().chain([(last, c.g.width(last))]).collect();
                let joined = c.g.concat(&parts);
                rows.push(c.g.shl(joined, parity * ta + j * tb));
            }
        }
    }
    let sum = add_tree(c, rows);
    c.g.narrow(sum, max, "a product of bounded factors")
}

/// Pairwise additions, so that every level can be registered.
pub fn add_tree(c: &mut Ctx, mut terms: Vec<Sig>) -> Sig {
    while terms.len() > 1 {
        terms = terms.chunks(2).map(|p| c.g.sum(p)).collect();
    }
    terms.first().copied().unwrap_or_else(|| c.g.constant(BigUint::ZERO))
}
