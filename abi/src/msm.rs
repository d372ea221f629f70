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

/// Windows that one adder of `adders` (1 or more) works on, and window sums it gives: the `windows mod adders` windows
/// that all adders share, each taking its part of the points, and an equal share of the others.
///
/// With r shared windows, entry j of adder a is window j for j < r, and window `r + (j - r) · adders + a` otherwise.
pub const fn entries(windows: u32, adders: u32) -> u32 {
    windows % adders + windows / adders
}

#[cfg(test)]
mod tests {
    use super::entries;

    #[test]
    fn every_window_has_an_adder() {
        for windows in 1..=255 {
            assert_eq!(entries(windows, 1), windows);
            for adders in 1..=4 {
                let shared = windows % adders;
                assert_eq!(shared + (entries(windows, adders) - shared) * adders, windows);
            }
        }
    }
}
