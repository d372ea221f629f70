//! From window sums to the MSM's value.

use ark_bn254::{Fq, G1Projective};
use ark_ec::AdditiveGroup;
use ark_ff::{BigInt, Field, PrimeField, Zero};

use super::window::WindowPlan;
use crate::error::{Error, Result};

/// Bytes of a window sum on the card.
pub(crate) const SUM_BYTES: usize = std::mem::size_of::<permafrost_abi::WindowSum>();

/// Combines window sums, least significant first, into `Σ 2^(c·w) · sum_w` by Horner's rule. `bytes` holds
/// `plan.windows` sums of [`SUM_BYTES`] bytes.
///
/// # Errors
/// [`Error::BadWindowSum`] when a sum has an unreduced coordinate or is not on the curve: a card that computes
/// wrongly is noticed here, at the cost of a few multiplications a window.
pub(crate) fn combine(bytes: &[u8], plan: WindowPlan) -> Result<G1Projective> {
    let windows = plan.windows as usize;
    let mut value = G1Projective::zero();
    for (window, sum) in bytes.chunks_exact(SUM_BYTES).enumerate().take(windows).rev() {
        for _ in 0..plan.window_bits {
            value.double_in_place();
        }
        value += parse(sum).map_err(|what| Error::BadWindowSum { window, windows, what })?;
    }
    Ok(value)
}

/// One window sum: homogeneous projective (x = X/Z, y = Y/Z) to arkworks' Jacobian (x = X/Z², y = Y/Z³).
fn parse(bytes: &[u8]) -> Result<G1Projective, &'static str> {
    let coordinate = |i: usize| {
        let limbs = std::array::from_fn(|j| {
            let at = 32 * i + 8 * j;
            u64::from_le_bytes(std::array::from_fn(|k| bytes[at + k]))
        });
        let value = BigInt::<4>(limbs);
        if value < Fq::MODULUS {
            Ok(Fq::new_unchecked(value))
        } else {
            Err("a coordinate is not below the field prime")
        }
    };
    let (x, y, z) = (coordinate(0)?, coordinate(1)?, coordinate(2)?);
    if z.is_zero() {
        return Ok(G1Projective::zero());
    }
    let z2 = z.square();
    // Y²Z = X³ + 3Z³.
    if y.square() * z != x.square() * x + Fq::from(3u64) * z2 * z {
        return Err("it is not a point of the curve");
    }
    Ok(G1Projective::new_unchecked(x * z, y * z2, z))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::testing::{rng, sum_bytes};
    use ark_bn254::Fr;
    use ark_ff::UniformRand;

    #[test]
    fn combines_by_powers_of_two_to_the_window() {
        let (mut rng, seed) = rng();
        let plan = WindowPlan { window_bits: 5, windows: 4 };
        let mut points: Vec<G1Projective> = (0..4).map(|_| G1Projective::rand(&mut rng)).collect();
        points[2] = G1Projective::zero();
        let bytes: Vec<u8> = points.iter().flat_map(|p| sum_bytes(p, &mut rng)).collect();
        let expected: G1Projective = (0..4).map(|w| points[w] * Fr::from(1u64 << (5 * w))).sum();
        assert_eq!(combine(&bytes, plan).expect("valid sums"), expected, "seed {seed}");
    }

    #[test]
    fn refuses_what_is_not_a_point() {
        let (mut rng, _) = rng();
        let plan = WindowPlan { window_bits: 2, windows: 1 };
        let good = sum_bytes(&G1Projective::rand(&mut rng), &mut rng);
        let mut off_curve = good;
        off_curve[0] ^= 1;
        let text = combine(&off_curve, plan).unwrap_err().to_string();
        assert!(text.contains("not a point of the curve"), "{text}");
        let mut unreduced = good;
        unreduced[32..64].fill(0xff);
        let text = combine(&unreduced, plan).unwrap_err().to_string();
        assert!(text.contains("not below the field prime"), "{text}");
    }
}
