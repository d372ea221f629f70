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
    /// Scalar of an MSM.
    Scalar, 32 bytes @ 0 {
        /// The scalar; canonical or Montgomery form in Fr, as the command's `format` says.
        0 field limbs: [u64; 4],
    }
}

layout! {
    /// Window sum, the result of an MSM: a point in homogeneous projective coordinates, x = X/Z and y = Y/Z. The
    /// identity has Z = 0. The value of the MSM is the sum over w of 2^(c·w) times window sum w.
    WindowSum, 128 bytes @ 0 {
        /// X, Montgomery form in Fq.
        0 field x: [u64; 4],
        /// Y, Montgomery form in Fq.
        32 field y: [u64; 4],
        /// Z, Montgomery form in Fq.
        64 field z: [u64; 4],
        /// Zero.
        96 zero reserved: [u64; 4],
    }
}
