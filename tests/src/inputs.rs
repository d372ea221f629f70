//! Points and scalars in the distributions that the tests ask for. Everything is reproducible from a seed.

use ark_bn254::Fr;
use ark_ec::{AffineRepr, CurveGroup};
use ark_ff::{BigInt, Field, PrimeField, UniformRand, Zero};
use rand::{Rng, RngCore, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Distributions of scalars.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scalars {
    Uniform,
    Zero,
    One,
    /// One uniform scalar for all points.
    Equal,
    /// p - 1, the largest scalar: every signed digit carries.
    MinusOne,
    /// 0 and 1, like the bits in a witness.
    Small,
    /// One in sixteen uniform, the others zero.
    Sparse,
    /// Sixteen values.
    Clustered,
}

impl Scalars {
    /// Those that need no repetition at random.
    pub const CORNERS: [Self; 6] =
        [Self::Uniform, Self::Zero, Self::One, Self::Equal, Self::MinusOne, Self::Small];
    pub const ALL: [Self; 8] = [
        Self::Uniform,
        Self::Zero,
        Self::One,
        Self::Equal,
        Self::MinusOne,
        Self::Small,
        Self::Sparse,
        Self::Clustered,
    ];

    pub fn generate(self, n: usize, seed: u64) -> Vec<Fr> {
        self.below(n, 254, seed)
    }

    /// As [`generate`](Self::generate), from values below `2^bits`; instead of p - 1 the largest of these when p - 1
    /// is not among them.
    pub fn below(self, n: usize, bits: u32, seed: u64) -> Vec<Fr> {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let few: Vec<Fr> = (0..16).map(|_| uniform(bits, &mut rng)).collect();
        let largest = if bits < 254 { Fr::from(2u64).pow([u64::from(bits)]) - Fr::ONE } else { -Fr::ONE };
        let mut one = || match self {
            Self::Uniform => uniform(bits, &mut rng),
            Self::Zero => Fr::zero(),
            Self::One => Fr::ONE,
            Self::Equal => few[0],
            Self::MinusOne => largest,
            Self::Small => Fr::from(rng.gen::<bool>()),
            Self::Sparse if rng.gen_ratio(1, 16) => uniform(bits, &mut rng),
            Self::Sparse => Fr::zero(),
            Self::Clustered => few[rng.gen_range(0..few.len())],
        };
        (0..n).map(|_| one()).collect()
    }
}

/// Uniform below `2^bits` and below p.
fn uniform(bits: u32, rng: &mut impl RngCore) -> Fr {
    loop {
        let mut limb = |i: u32| match bits.saturating_sub(64 * i).min(64) {
            0 => 0,
            keep => rng.next_u64() >> (64 - keep),
        };
        if let Some(value) = Fr::from_bigint(BigInt([limb(0), limb(1), limb(2), limb(3)])) {
            return value;
        }
    }
}

/// Kinds of base sets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bases {
    Random,
    /// Every third point is the identity.
    Identities,
    /// Runs of the same point: with equal digits a bucket meets its own value and has to double.
    Repeats,
    /// P beside -P: with equal digits a bucket meets its own inverse.
    Inverses,
    /// All of the above in one set.
    Mixed,
}

impl Bases {
    pub const ALL: [Self; 5] = [Self::Random, Self::Identities, Self::Repeats, Self::Inverses, Self::Mixed];

    pub fn generate<P: AffineRepr>(self, n: usize, seed: u64) -> Vec<P>
    where
        P::Group: UniformRand,
    {
        let mut rng = ChaCha8Rng::seed_from_u64(seed ^ 0x5eed_0fba_5e50_0000);
        let mut points = walk::<P>(n, &mut rng);
        for i in 0..n {
            let kind = match self {
                Self::Mixed => {
                    [Self::Random, Self::Identities, Self::Repeats, Self::Inverses][rng.gen_range(0..4)]
                }
                kind => kind,
            };
            match kind {
                Self::Random | Self::Mixed => {}
                Self::Identities if i % 3 == 1 || self == Self::Mixed => points[i] = P::zero(),
                Self::Identities => {}
                Self::Repeats if i % 16 != 0 => points[i] = points[i - 1],
                Self::Repeats => {}
                Self::Inverses if i % 2 == 1 => points[i] = (-points[i - 1].into_group()).into_affine(),
                Self::Inverses => {}
            }
        }
        points
    }
}

/// Different points: a walk from a random one, each step one of a few random ones. Uniform points of G2 take much longer.
fn walk<P: AffineRepr>(n: usize, rng: &mut impl RngCore) -> Vec<P>
where
    P::Group: UniformRand,
{
    let steps: Vec<P::Group> = (0..16).map(|_| P::Group::rand(rng)).collect();
    let mut point = P::Group::rand(rng);
    let mut points = Vec::with_capacity(n);
    for _ in 0..n {
        points.push(point);
        point += steps[rng.gen_range(0..steps.len())];
    }
    P::Group::normalize_batch(&points)
}

/// A generator, and its seed for messages. `PERMAFROST_SEED` repeats a run.
pub fn rng() -> (ChaCha8Rng, u64) {
    let seed =
        std::env::var("PERMAFROST_SEED").ok().and_then(|s| s.parse().ok()).unwrap_or_else(rand::random);
    println!("seed {seed} (set PERMAFROST_SEED to repeat)");
    (ChaCha8Rng::seed_from_u64(seed), seed)
}
