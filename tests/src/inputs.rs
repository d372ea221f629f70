//! Points and scalars in the distributions that the tests ask for. Everything is reproducible from a seed.

use ark_bn254::{Fr, G1Affine};
use ark_ff::{Field, UniformRand, Zero};
use rand::{Rng, SeedableRng};
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
}

impl Scalars {
    pub const ALL: [Self; 6] =
        [Self::Uniform, Self::Zero, Self::One, Self::Equal, Self::MinusOne, Self::Small];

    pub fn generate(self, n: usize, seed: u64) -> Vec<Fr> {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let equal = Fr::rand(&mut rng);
        let mut one = || match self {
            Self::Uniform => Fr::rand(&mut rng),
            Self::Zero => Fr::zero(),
            Self::One => Fr::ONE,
            Self::Equal => equal,
            Self::MinusOne => -Fr::ONE,
            Self::Small => Fr::from(rng.gen::<bool>()),
        };
        (0..n).map(|_| one()).collect()
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

    pub fn generate(self, n: usize, seed: u64) -> Vec<G1Affine> {
        let mut rng = ChaCha8Rng::seed_from_u64(seed ^ 0x5eed_0fba_5e50_0000);
        let mut points: Vec<G1Affine> = (0..n).map(|_| G1Affine::rand(&mut rng)).collect();
        for i in 0..n {
            let kind = match self {
                Self::Mixed => {
                    [Self::Random, Self::Identities, Self::Repeats, Self::Inverses][rng.gen_range(0..4)]
                }
                kind => kind,
            };
            match kind {
                Self::Random | Self::Mixed => {}
                Self::Identities if i % 3 == 1 || self == Self::Mixed => points[i] = G1Affine::identity(),
                Self::Identities => {}
                Self::Repeats if i % 16 != 0 => points[i] = points[i - 1],
                Self::Repeats => {}
                Self::Inverses if i % 2 == 1 => points[i] = -points[i - 1],
                Self::Inverses => {}
            }
        }
        points
    }
}
