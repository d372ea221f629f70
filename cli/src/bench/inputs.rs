//! Points and scalars of a measurement, from one seed.

use ark_bn254::Fr;
use ark_ec::CurveGroup;
use ark_ff::{BigInt, PrimeField, UniformRand, Zero};
use permafrost_zkal::engine::MsmPoint;
use rand::{Rng, RngCore, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::args::Scalars;

/// Values of the `clustered` distribution.
const CLUSTERS: usize = 16;
/// Steps of the walk that makes the points.
const STEPS: usize = 16;

/// `n` different points: a walk from a random point, each step one of a few random ones. Uniform points of G2 would take
/// longer to find than the card takes to add them.
pub fn points<P: MsmPoint>(n: usize, seed: u64) -> Vec<P>
where
    P::Group: UniformRand,
{
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let steps: Vec<P::Group> = (0..STEPS).map(|_| P::Group::rand(&mut rng)).collect();
    let mut point = P::Group::rand(&mut rng);
    let mut walk = Vec::with_capacity(n);
    for _ in 0..n {
        walk.push(point);
        point += steps[rng.gen_range(0..STEPS)];
    }
    P::Group::normalize_batch(&walk)
}

/// `batch` vectors of `n` scalars, each below `2^bits`.
pub fn scalars(n: usize, batch: usize, distribution: Scalars, bits: Option<u32>, seed: u64) -> Vec<Vec<Fr>> {
    let mut rng = ChaCha8Rng::seed_from_u64(!seed);
    let uniform = |rng: &mut ChaCha8Rng| match bits {
        Some(bits) => below(bits, rng),
        None => Fr::rand(rng),
    };
    let mut vector = || {
        let few: Vec<Fr> = (0..CLUSTERS).map(|_| uniform(&mut rng)).collect();
        let mut one = || match distribution {
            Scalars::Uniform => uniform(&mut rng),
            Scalars::Equal => few[0],
            Scalars::Zero => Fr::zero(),
            Scalars::Sparse => match rng.gen_ratio(1, 16) {
                true => uniform(&mut rng),
                false => Fr::zero(),
            },
            Scalars::Clustered => few[rng.gen_range(0..CLUSTERS)],
            Scalars::Small => Fr::from(rng.gen::<bool>()),
        };
        (0..n).map(|_| one()).collect()
    };
    (0..batch).map(|_| vector()).collect()
}

/// `n` uniform elements.
pub fn elements(n: usize, seed: u64) -> Vec<Fr> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    (0..n).map(|_| Fr::rand(&mut rng)).collect()
}

/// A uniform scalar below `2^bits` and the order of the field.
fn below(bits: u32, rng: &mut impl RngCore) -> Fr {
    loop {
        let mut limbs = [0u64; 4];
        for (i, limb) in limbs.iter_mut().enumerate() {
            let keep = bits.saturating_sub(64 * i as u32).min(64);
            *limb = if keep == 0 { 0 } else { rng.next_u64() >> (64 - keep) };
        }
        if let Some(value) = Fr::from_bigint(BigInt(limbs)) {
            return value;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn distributions_are_what_they_say() {
        let distinct = |v: &[Fr]| v.iter().collect::<HashSet<_>>().len();
        for (distribution, values) in [
            (Scalars::Uniform, 400..=400),
            (Scalars::Equal, 1..=1),
            (Scalars::Zero, 1..=1),
            (Scalars::Sparse, 5..=100),
            (Scalars::Clustered, 2..=CLUSTERS),
            (Scalars::Small, 2..=2),
        ] {
            let vectors = scalars(400, 2, distribution, None, 7);
            assert_eq!(vectors, scalars(400, 2, distribution, None, 7), "one seed, one input");
            assert!(vectors.iter().all(|v| values.contains(&distinct(v))), "{distribution:?}");
        }
        for bits in [1, 8, 64, 65, 254] {
            let narrow = &scalars(100, 1, Scalars::Uniform, Some(bits), 7)[0];
            assert!(narrow.iter().all(|s| ark_ff::BigInteger::num_bits(&s.into_bigint()) <= bits));
        }
    }

    #[test]
    fn points_differ() {
        let points = points::<ark_bn254::G2Affine>(300, 3);
        assert_eq!(points.iter().collect::<HashSet<_>>().len(), 300);
    }
}
