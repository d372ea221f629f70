//! Window width of the bucket method, and the bound that cycle counts are compared with.
//!
//! Cost model, in curve additions: with signed windows of `c` bits, scalars of `b` bits have `W(c) = floor(b/c) + 1`
//! digits. Every point is added once a window (`N·W`), and each window's `2^(c-1)` buckets are summed with two
//! additions a bucket (`2·W·2^(c-1)`).
//! Source: Bernstein, Doumen, Lange, Oosterwijk, *Faster batch forgery identification* (2012), section 4 (the bucket
//! method); signed digits halve the buckets because `-P` is free.

use permafrost_abi::msm::{bucket_slots, entries, windows, MSM_MAX_SPAN};

use super::report::Group;
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
    /// Bucket slots of each adder for points of G1; G2 has half as many.
    pub slots: u64,
    /// Whether the engine takes MSMs in G2.
    pub g2: bool,
}

impl MsmLimits {
    /// Bucket slots of each adder for points of `group`.
    pub fn slots_of(&self, group: Group) -> u64 {
        match group {
            Group::G1 => self.slots,
            Group::G2 => self.slots / 2,
        }
    }
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

    /// Additions of each of `adders` adders: an equal share of the windows for itself, and of the windows left over an
    /// equal share of the points, with buckets of its own for them.
    fn additions_per_adder(&self, n: u64, adders: u32) -> u64 {
        let buckets = 2 * bucket_slots(1, self.window_bits);
        let whole = u64::from(self.windows / adders) * (n + buckets);
        let shared = u64::from(self.windows % adders) * (n.div_ceil(u64::from(adders)) + buckets);
        whole.saturating_add(shared)
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

/// Chooses the window width for `n` points of `group` and scalars of `bits` bits within a card's limits: the one with
/// the fewest additions for an adder, the narrower of two equal ones.
///
/// # Errors
/// [`Error::NoWindow`] when no width fits the card's range and bucket slots.
pub fn plan(n: u64, bits: u32, group: Group, limits: &MsmLimits) -> Result<WindowPlan> {
    let (adders, slots) = (limits.adders.max(1), limits.slots_of(group));
    (limits.min_window.max(1)..=limits.max_window.min(BOUND_MAX_WINDOW))
        .map(|c| WindowPlan { window_bits: c, windows: windows(bits, c) })
        .filter(|p| {
            bucket_slots(entries(p.windows, adders), p.window_bits) <= slots
                && p.windows * p.window_bits <= MSM_MAX_SPAN
                && p.windows <= u32::from(u8::MAX)
        })
        .min_by_key(|p| p.additions_per_adder(n, adders))
        .ok_or(Error::NoWindow { bits, min: limits.min_window, max: limits.max_window, slots })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIM: MsmLimits = MsmLimits { adders: 1, min_window: 2, max_window: 13, slots: 1 << 17, g2: true };

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
                let p = plan(1 << log_n, bits, Group::G1, &SIM).expect("a window fits");
                assert!((2..=13).contains(&p.window_bits));
                assert!(p.windows * p.window_bits > bits, "room for the top carry");
                assert!(u64::from(p.windows) << (p.window_bits - 1) <= SIM.slots);
            }
        }
        assert_eq!(plan(4096, 254, Group::G1, &SIM).unwrap(), WindowPlan { window_bits: 10, windows: 26 });
        // Few slots force a narrow window.
        let small = MsmLimits { slots: 1 << 9, ..SIM };
        assert_eq!(plan(1 << 20, 254, Group::G1, &small).unwrap().window_bits, 4);
    }

    #[test]
    fn plan_knows_adders_and_groups() {
        // By hand, c = 10, 26 windows, 3 adders: 8 windows each, 2 shared.
        let ten = WindowPlan { window_bits: 10, windows: 26 };
        assert_eq!(ten.additions_per_adder(4096, 3), 8 * (4096 + 1024) + 2 * (1366 + 1024));
        assert_eq!(ten.additions_per_adder(4096, 1), ten.additions(4096));
        for adders in 1..=4 {
            for group in [Group::G1, Group::G2] {
                for log_n in 0..=20 {
                    let limits = MsmLimits { adders, slots: 1 << 13, ..SIM };
                    let chosen = plan(1 << log_n, 254, group, &limits).expect("a window fits");
                    let slots = bucket_slots(entries(chosen.windows, adders), chosen.window_bits);
                    assert!(slots <= limits.slots_of(group));
                    for c in 2..=13 {
                        let p = WindowPlan { window_bits: c, windows: windows(254, c) };
                        let fits = bucket_slots(entries(p.windows, adders), c) <= limits.slots_of(group)
                            && p.windows * c <= MSM_MAX_SPAN;
                        let (best, this) = (&chosen, &p);
                        let cost = |p: &WindowPlan| p.additions_per_adder(1 << log_n, adders);
                        assert!(!fits || cost(best) <= cost(this), "{adders} adders, 2^{log_n}, c = {c}");
                    }
                }
            }
        }
        // Half the slots in G2 may force a narrower window.
        let tight = MsmLimits { slots: 26 << 9, ..SIM };
        assert_eq!(plan(1 << 13, 254, Group::G1, &tight).unwrap().window_bits, 10);
        assert_eq!(plan(1 << 13, 254, Group::G2, &tight).unwrap().window_bits, 8);
    }

    #[test]
    fn small_scalars_take_few_windows() {
        let (all, small) =
            (plan(1 << 15, 254, Group::G1, &SIM).unwrap(), plan(1 << 15, 64, Group::G1, &SIM).unwrap());
        assert!(4 * small.windows <= all.windows + 8, "{small:?} {all:?}");
        assert!(small.windows * small.window_bits > 64);
    }

    #[test]
    fn plan_names_the_limits_when_nothing_fits() {
        let none = MsmLimits { slots: 16, ..SIM };
        let text = plan(1, 254, Group::G1, &none).unwrap_err().to_string();
        assert!(text.contains("16 bucket slots") && text.contains("254 bits"), "{text}");
    }
}
