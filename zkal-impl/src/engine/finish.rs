//! From window sums to the MSM's value.

use ark_ff::{AdditiveGroup, Zero};
use permafrost_abi::msm::entries;

use super::point::MsmPoint;
use super::window::WindowPlan;
use crate::error::{Error, Result};

/// Bytes of one MSM's result on a card with `adders` adders.
pub(crate) fn result_bytes<P: MsmPoint>(plan: WindowPlan, adders: u32) -> usize {
    (adders * entries(plan.windows, adders)) as usize * P::BYTES
}

/// Combines the [`result_bytes`] of one MSM into its value: adder after adder its window sums, as
/// [`entries`] says; a window that the adders share is the sum of their entries, and the windows, least significant
/// first, are the digits of Horner's rule: `Σ 2^(c·w) · sum_w`.
///
/// # Errors
/// [`Error::BadWindowSum`] when a sum has an unreduced coordinate or is not on the curve: a card that computes
/// wrongly is noticed here, at the cost of a few multiplications a window.
pub(crate) fn combine<P: MsmPoint>(bytes: &[u8], plan: WindowPlan, adders: u32) -> Result<P::Group> {
    let per_adder = entries(plan.windows, adders);
    let shared = plan.windows % adders;
    let mut value = P::Group::zero();
    for window in (0..plan.windows).rev() {
        for _ in 0..plan.window_bits {
            value.double_in_place();
        }
        let parts = if window < shared {
            0..adders
        } else {
            (window - shared) % adders..(window - shared) % adders + 1
        };
        for adder in parts {
            let entry = if window < shared { window } else { shared + (window - shared) / adders };
            let at = (adder * per_adder + entry) as usize * P::BYTES;
            let sum = P::from_bytes(&bytes[at..at + P::BYTES]).map_err(|what| Error::BadWindowSum {
                window: window as usize,
                windows: plan.windows as usize,
                what,
            })?;
            if !sum.is_zero() {
                value += sum;
            }
        }
    }
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::testing::{result_of, rng};
    use ark_bn254::{Fr, G1Affine, G2Affine};
    use ark_ec::AffineRepr;
    use ark_ff::UniformRand;

    fn combines<P: MsmPoint + UniformRand>() {
        let (mut rng, seed) = rng();
        for adders in 1..=4 {
            for windows in 1..=9 {
                let plan = WindowPlan { window_bits: 5, windows };
                // What each adder has of each window.
                let parts: Vec<Vec<P>> = (0..adders)
                    .map(|adder| {
                        (0..windows)
                            .map(|w| {
                                match (w < windows % adders, (w.wrapping_sub(windows % adders)) % adders) {
                                    (false, owner) if owner != adder => P::zero(),
                                    _ if w == 2 => P::zero(),
                                    _ => P::rand(&mut rng),
                                }
                            })
                            .collect()
                    })
                    .collect();
                let bytes = result_of(&parts, windows);
                assert_eq!(bytes.len(), result_bytes::<P>(plan, adders));
                let expected: P::Group = (0..windows)
                    .flat_map(|w| parts.iter().map(move |adder| (w, adder)))
                    .map(|(w, adder)| adder[w as usize] * Fr::from(1u64 << (5 * w)))
                    .sum();
                assert_eq!(combine::<P>(&bytes, plan, adders).expect("valid"), expected, "seed {seed}");
            }
        }
    }

    #[test]
    fn combines_by_powers_of_two_to_the_window() {
        combines::<G1Affine>();
        combines::<G2Affine>();
    }

    #[test]
    fn refuses_what_is_not_a_point() {
        let plan = WindowPlan { window_bits: 2, windows: 2 };
        let mut bytes = G1Affine::bytes(&[G1Affine::generator(); 2]).into_owned();
        bytes[64] ^= 1;
        let text = combine::<G1Affine>(&bytes, plan, 1).unwrap_err().to_string();
        assert!(text.contains("window 1 of 2") && text.contains("not a point of the curve"), "{text}");
    }
}
