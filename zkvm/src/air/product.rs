//! The 64-bit product of two words, by their bytes: what multiplication and division have in common.
//!
//! With `x = sum of x_i 256^i` and the same for y, the product is `s_0 + 2^16 s_1 + 2^32 s_2 + 2^48 s_3`, where
//! `s_i = c_2i + 256 c_(2i+1)` and `c_k` is the sum of `x_i y_j` with `i + j = k` (at most four products, `c_7 = 0`). A word is taken
//! as signed by taking its top byte as signed: `x_3 - 256` for `x_3`. All `s_i` are then below 2^27 in absolute value, far
//! from p, so equations between them, halves and carries of 11 bits hold for integers when they hold in the field.

use p3_field::{Algebra, Field, PrimeCharacteristicRing};

use super::bus::{self, Builder};
use crate::F;

/// The bytes of a word from its halves and their low bytes, lowest first.
pub fn bytes<E: Algebra<F>>(halves: [E; 2], low: [E; 2]) -> [E; 4] {
    let scale = F::from_u32(256).inverse();
    let [h0, h1] = halves;
    let [l0, l1] = low;
    [l0.clone(), (h0 - l0) * scale, l1.clone(), (h1 - l1) * scale]
}

/// The word less 2^32 if `negative`: the top byte less 256.
pub fn signed<E: Algebra<F>>(bytes: [E; 4], negative: E) -> [E; 4] {
    let [b0, b1, b2, b3] = bytes;
    [b0, b1, b2, b3 - negative * F::from_u32(256)]
}

/// `s_0` to `s_3` of the product, see the module.
pub fn sums<E: Algebra<F>>(x: &[E; 4], y: &[E; 4]) -> [E; 4] {
    let mut sums = [E::ZERO, E::ZERO, E::ZERO, E::ZERO];
    for (i, x) in x.iter().enumerate() {
        for (j, y) in y.iter().enumerate() {
            let scale = if (i + j) % 2 == 1 { F::from_u32(256) } else { F::ONE };
            sums[(i + j) / 2] += x.clone() * y.clone() * scale;
        }
    }
    sums
}

/// Looks up that `top` is a byte, and that `negative` is its highest bit where `matters` is one and zero where it is zero.
pub fn sign<B: Builder>(b: &mut B, top: B::Expr, matters: B::Expr, negative: B::Expr, real: B::Expr) {
    let bit = F::from_u32(128);
    bus::and(b, [top, matters * bit, negative * bit], real);
}

/// The low bytes of a word's halves.
pub fn low_bytes(word: u32) -> [F; 2] {
    [F::from_u32(word & 0xff), F::from_u32(word >> 16 & 0xff)]
}
