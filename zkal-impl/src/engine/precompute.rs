//! Precomputed multiples of bases: for a factor f every point P is kept as P, 2^k·P, … 2^(k(f-1))·P with k = ceil(254/f).
//!
//! A scalar of 254 bits times P is then the sum of f scalars of k bits times these, and an MSM has 1/f of the windows over
//! f times the points: as many additions of points, a fraction of the buckets to sum up and of the doublings, for f times
//! the card memory. The multiples of one point are neighbours, so that a range of points stays a range.

use ark_ec::CurveGroup;
use ark_ff::AdditiveGroup;
use rayon::prelude::*;

use super::point::MsmPoint;
use super::window::SCALAR_BITS;
use crate::error::{Error, Result};

/// Largest factor; beyond it the parts are narrower than useful windows.
pub const MAX_PRECOMPUTE: u32 = 64;

/// Bits of each part of a scalar over a set with `factor` multiples a point.
pub(crate) fn part_bits(factor: u32) -> u32 {
    SCALAR_BITS.div_ceil(factor)
}

/// # Errors
/// [`Error::Precompute`] for 0 and for more than [`MAX_PRECOMPUTE`].
pub(crate) fn check(factor: u32) -> Result<()> {
    match factor {
        1..=MAX_PRECOMPUTE => Ok(()),
        _ => Err(Error::Precompute { factor, max: MAX_PRECOMPUTE }),
    }
}

/// Every point's `factor` multiples, point after point.
pub(crate) fn multiples<P: MsmPoint>(points: &[P], factor: u32) -> Vec<P> {
    let bits = part_bits(factor);
    // Chunks share one inversion each.
    points
        .par_chunks(256)
        .flat_map_iter(|points| {
            let mut all = Vec::with_capacity(points.len() * factor as usize);
            for point in points {
                let mut multiple = point.into_group();
                for part in 0..factor {
                    if part > 0 {
                        (0..bits).for_each(|_| {
                            multiple.double_in_place();
                        });
                    }
                    all.push(multiple);
                }
            }
            P::Group::normalize_batch(&all)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use ark_bn254::{Fr, G2Affine};
    use ark_ec::AffineRepr;
    use ark_ff::Field;

    #[test]
    fn multiples_are_neighbours() {
        let points = [G2Affine::generator(), G2Affine::zero()];
        let multiples = multiples(&points, 3);
        let k = Fr::from(2u64).pow([u64::from(part_bits(3))]);
        assert_eq!(part_bits(3), 85);
        let expected =
            [points[0], (points[0] * k).into(), (points[0] * k * k).into(), points[1], points[1], points[1]];
        assert_eq!(multiples, expected);
    }

    #[test]
    fn factors_out_of_range_are_refused() {
        for factor in [0, 65, u32::MAX] {
            let text = check(factor).unwrap_err().to_string();
            assert!(text.contains("1 (none but the base) to 64"), "{text}");
        }
    }
}
