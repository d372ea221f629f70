//! Window width of the bucket method, and the bound that cycle counts are compared with.
//!
//! Cost model, in curve additions: with signed windows of `c` bits, scalars of `b` bits have `W(c) = floor(b/c) + 1`
//! digits. Every point is added once a window (`N·W`), and each window's `2^(c-1)` buckets are summed with two
//! additions a bucket (`2·W·2^(c-1)`).
//! Source: Bernstein, Doumen, Lange, Oosterwijk, *Faster batch forgery identification* (2012), section 4 (the bucket
//! method); signed digits halve the buckets because `-P` is free.

use permafrost_abi::msm::{bucket_slots, windows, MSM_MAX_SPAN};

use crate::error::{Error, Result};

/// Bits of a canonical BN254 scalar.
pub const SCALAR_BITS: u32 = permafrost_abi::msm::MSM_SCALAR_BITS;

/// Widest window considered by [`bound`], bits. The optimum for 2^32 points, the most one command takes, is below it.
const BOUND_MAX_WINDOW: u32 = 32;

/// What a card's MSM engine can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MsmLimits {
    /// Curve adders, each one addition a clock.
    pub adders: u32,
    /// Narrowest window, bits.
    pub min_window: u32,
    /// Widest window, bits.
    pub max_window: u32,
    /// Bucket slots: an MSM needs `W · 2^(c-1)` of them.
    pub slots: u64,
}

/// A choice of window width.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WindowPlan {
    /// Window width c, bits.
    pub window_bits: u32,
    /// Number of windows W.
    pub windows: u32,
}

impl WindowPlan {
    /// Additions that an MSM of `n` points takes with these windows.
    pub fn additions(&self, n: u64) -> u64 {
        (n * u64::from(self.windows)).saturating_add(2 * bucket_slots(self.windows, self.window_bits))
    }
}

/// Additions of an MSM of `n` points with scalars of `bits` bits and windows of `c` bits (1 to 32).
fn additions(n: u64, bits: u32, c: u32) -> u64 {
    WindowPlan { window_bits: c, windows: windows(bits, c) }.additions(n)
}

/// Lower bound, in adder cycles, for an MSM of `n` points with scalars of `bits` bits: the least number of additions
/// over all window widths, whatever the card's own limits. A card with `a` adders that took `t` clocks reached
/// `bound / (a · t)` of it.
///
/// `bits` is 254 for arbitrary BN254 scalars ([`SCALAR_BITS`]).
pub fn bound(n: u64, bits: u32) -> u64 {
    (1..=BOUND_MAX_WINDOW).map(|c| additions(n, bits, c)).min().unwrap_or(u64::MAX)
}

/// Chooses the window width for `n` points and scalars of `bits` bits within a card's limits: the one with the
/// fewest additions, the narrower of two equal ones.
///
/// # Errors
/// [`Error::NoWindow`] when no width fits the card's range and bucket slots.
pub fn plan(n: u64, bits: u32, limits: &MsmLimits) -> Result<WindowPlan> {
    (limits.min_window.max(1)..=limits.max_window.min(BOUND_MAX_WINDOW))
        .map(|c| WindowPlan { window_bits: c, windows: windows(bits, c) })
        .filter(|p| {
            bucket_slots(p.windows, p.window_bits) <= limits.slots
                && p.windows * p.window_bits <= MSM_MAX_SPAN
                && p.windows <= u32::from(u8::MAX)
        })
        .min_by_key(|p| additions(n, bits, p.window_bits))
        .ok_or(Error::NoWindow { bits, min: limits.min_window, max: limits.max_window, slots: limits.slots })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIM: MsmLimits = MsmLimits { adders: 1, min_window: 2, max_window: 13, slots: 1 << 17 };

    #[test]
    fn bound_is_the_least_over_all_widths() {
        // 4096 points: c = 10 gives 26·4096 + 2·26·512.
        assert_eq!(bound(4096, 254), 26 * 4096 + 2 * 26 * 512);
        // All scalars 0 or 1: one window of two bits.
        assert_eq!(bound(1000, 1), 1000 + 4);
        assert_eq!(bound(0, 254), 2 * 255);
        assert!(bound(1 << 20, 254) > bound(1 << 19, 254));
    }

    #[test]
    fn plan_stays_within_the_card() {
        for log_n in 0..=26 {
            for bits in [0, 1, 8, 32, 64, 128, 253, 254] {
                let p = plan(1 << log_n, bits, &SIM).expect("a window fits");
                assert!((2..=13).contains(&p.window_bits));
                assert!(p.windows * p.window_bits > bits, "room for the top carry");
                assert!(u64::from(p.windows) << (p.window_bits - 1) <= SIM.slots);
            }
        }
        assert_eq!(plan(4096, 254, &SIM).unwrap(), WindowPlan { window_bits: 10, windows: 26 });
        // Few slots force a narrow window.
        let small = MsmLimits { slots: 1 << 9, ..SIM };
        assert_eq!(plan(1 << 20, 254, &small).unwrap().window_bits, 4);
    }

    #[test]
    fn plan_names_the_limits_when_nothing_fits() {
        let none = MsmLimits { slots: 16, ..SIM };
        let text = plan(1, 254, &none).unwrap_err().to_string();
        assert!(text.contains("16 bucket slots") && text.contains("254 bits"), "{text}");
    }
}
