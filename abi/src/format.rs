//! Data in card memory: the bytes that arkworks and halo2curves hold in memory.
//!
//! A BN254 element is four 64-bit little-endian limbs, least significant first; in Montgomery form with R = 2^256
//! where the field says so, always fully reduced.

layout! {
    /// G1 base: an affine point. The identity is all zero bytes.
    AffinePoint, 64 bytes @ 0 {
        /// x, Montgomery form in Fq.
        0 field x: [u64; 4],
        /// y, Montgomery form in Fq.
        32 field y: [u64; 4],
    }
}

layout! {
    /// G2 base: an affine point over Fq2 = Fq(u), u^2 = -1. The identity is all zero bytes.
    AffinePointG2, 128 bytes @ 0 {
        /// x = c0 + c1 u, c0 first, Montgomery form in Fq.
        0 field x: [[u64; 4]; 2],
        /// y = c0 + c1 u, c0 first, Montgomery form in Fq.
        64 field y: [[u64; 4]; 2],
    }
}

layout! {
    /// Element of a transform or a vector.
    Element, 32 bytes @ 0 {
        /// The element, Montgomery form in Fr.
        0 field limbs: [u64; 4],
    }
}

layout! {
    /// Scalar of an MSM.
    Scalar, 32 bytes @ 0 {
        /// The scalar; canonical or Montgomery form in Fr, as the command's `format` says.
        0 field limbs: [u64; 4],
    }
}
