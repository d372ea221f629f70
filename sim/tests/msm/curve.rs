//! Points of G1 and G2 as the card's memory holds them.

use ark_bn254::{g1, g2, Fq, Fq2, Fr};
use ark_ec::{short_weierstrass::Projective, AffineRepr, CurveGroup, VariableBaseMSM};
use ark_ff::{BigInt, PrimeField, UniformRand};
use permafrost_rtl::msm::model;
use rand_chacha::ChaCha8Rng;

/// A group of the engine.
pub trait Curve: CurveGroup<ScalarField = Fr> + VariableBaseMSM {
    const G2: bool;
    fn coordinates(p: &Self::Affine) -> Vec<Fq>;
    /// The point with these coordinates, which must be on the curve.
    fn point(c: &[Fq]) -> Self::Affine;
}

impl Curve for Projective<g1::Config> {
    const G2: bool = false;
    fn coordinates(p: &Self::Affine) -> Vec<Fq> {
        p.xy().map_or(vec![], |(x, y)| vec![x, y])
    }
    fn point(c: &[Fq]) -> Self::Affine {
        Self::Affine::new(c[0], c[1])
    }
}

impl Curve for Projective<g2::Config> {
    const G2: bool = true;
    fn coordinates(p: &Self::Affine) -> Vec<Fq> {
        p.xy().map_or(vec![], |(x, y)| vec![x.c0, x.c1, y.c0, y.c1])
    }
    fn point(c: &[Fq]) -> Self::Affine {
        Self::Affine::new(Fq2::new(c[0], c[1]), Fq2::new(c[2], c[3]))
    }
}

pub fn limbs(x: &[u64; 4]) -> Vec<u8> {
    x.iter().flat_map(|l| l.to_le_bytes()).collect()
}

pub fn to_bytes<C: Curve>(p: &C::Affine) -> Vec<u8> {
    let mut bytes: Vec<u8> = C::coordinates(p).iter().flat_map(|c| limbs(&c.0 .0)).collect();
    bytes.resize(64 << u32::from(C::G2), 0);
    bytes
}

pub fn from_bytes<C: Curve>(bytes: &[u8]) -> C {
    if bytes.iter().all(|&b| b == 0) {
        return C::zero();
    }
    let coordinate = |bytes: &[u8]| {
        let limb = |i: usize| u64::from_le_bytes(bytes[8 * i..8 * i + 8].try_into().expect("eight"));
        let montgomery = BigInt::new(std::array::from_fn(limb));
        assert!(montgomery < Fq::MODULUS, "not canonical");
        Fq::new_unchecked(montgomery)
    };
    C::point(&bytes.chunks(32).map(coordinate).collect::<Vec<_>>()).into()
}

/// Points that are cheap to make: a walk from a random start.
pub fn points<C: Curve>(rng: &mut ChaCha8Rng, n: usize) -> Vec<C::Affine> {
    let mut p = C::generator() * Fr::rand(rng);
    let walk: Vec<_> = (0..n)
        .map(|_| {
            p += C::generator();
            p
        })
        .collect();
    C::normalize_batch(&walk)
}

/// A point as the model's group element; the identity is the absence of one.
#[derive(Clone)]
pub struct Element<C>(pub C);

impl<C: Curve> model::Group for Element<C> {
    fn add(&self, other: &Self) -> Self {
        Element(self.0 + other.0)
    }
    fn neg(&self) -> Self {
        Element(-self.0)
    }
}
