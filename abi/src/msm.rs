//! Arithmetic of the MSM command's parameters, the same for the driver's callers and the card's checks.

constants! {
    /// Limits of the MSM command.
    MSM_LIMITS {
        /// Bits of a BN254 scalar.
        MSM_SCALAR_BITS: u32 = 254,
        /// Most bits `windows · window_bits` may span: 254-bit scalars at the widest window, 16 bits.
        MSM_MAX_SPAN: u32 = 270,
    }
}

/// Signed windows of `window_bits` bits that scalars of `scalar_bits` bits need: `floor(b / c) + 1`. The top window
/// then has room for the carry of the one below.
///
/// # Panics
/// When `window_bits` is 0.
pub const fn windows(scalar_bits: u32, window_bits: u32) -> u32 {
    scalar_bits / window_bits + 1
}

/// Bucket slots that `windows` signed windows of `window_bits` bits (1 to 32) occupy: `W · 2^(c-1)`.
pub const fn bucket_slots(windows: u32, window_bits: u32) -> u64 {
    (windows as u64) << (window_bits - 1)
}
