//! The groups whose MSMs the card computes, by their affine points, and those points as the card reads them.
//!
//! No arkworks type is `repr(C)`, so nothing is assumed: sizes and field offsets are compile-time facts of this build, the
//! byte values are checked against known ones when an engine starts ([`self_test`]), and where the compiler laid a point
//! out differently points are converted one by one.

use std::borrow::Cow;
use std::mem::{offset_of, size_of};

use ark_bn254::{Fq, Fq2, Fr, G1Affine, G1Projective, G2Affine, G2Projective};
use ark_ec::short_weierstrass::Affine;
use ark_ec::{AffineRepr, VariableBaseMSM};
use ark_ff::{BigInt, Field, PrimeField, Zero};

use super::report::Group;
use crate::error::{Error, Result};

/// The points by their curves: `G1Affine` and `G2Affine` are these types, but the compiler does not see through the
/// projections in their names when it looks for overlapping implementations.
type G1 = Affine<ark_bn254::g1::Config>;
type G2 = Affine<ark_bn254::g2::Config>;

mod sealed {
    pub trait Sealed {}
    impl Sealed for super::G1 {}
    impl Sealed for super::G2 {}
}

/// Affine points of a group whose MSMs a card computes: BN254's G1 and G2.
pub trait MsmPoint: AffineRepr<ScalarField = Fr> + sealed::Sealed {
    /// The group.
    const GROUP: Group;
    /// Bytes of a point in card memory.
    const BYTES: usize;

    /// The points as the card reads them, [`BYTES`](Self::BYTES) each, the identity all zero: borrowed where the memory
    /// layout allows, converted otherwise.
    fn bytes(points: &[Self]) -> Cow<'_, [u8]>;

    /// A point from [`BYTES`](Self::BYTES) bytes as the card writes them.
    ///
    /// # Errors
    /// What is wrong with it: a coordinate that is not reduced, or a point that is not on the curve.
    fn from_bytes(bytes: &[u8]) -> Result<Self, &'static str>;

    /// arkworks' MSM on the CPU, of canonical scalars; slices of different length are cut to the shorter.
    fn msm_canonical(bases: &[Self], scalars: &[BigInt<4>]) -> Self::Group;

    /// arkworks' MSM on the CPU, of scalars in Montgomery form; slices of different length are cut to the shorter.
    fn msm_montgomery(bases: &[Self], scalars: &[Fr]) -> Self::Group;
}

/// Bytes of an element of Fq.
const FQ: usize = 32;
const _: () = assert!(size_of::<Fq>() == FQ && size_of::<BigInt<4>>() == FQ);

/// Whether a point is exactly x then y, without padding or flags.
const G1_IS_XY: bool =
    size_of::<G1Affine>() == 2 * FQ && offset_of!(G1Affine, x) == 0 && offset_of!(G1Affine, y) == FQ;
const G2_IS_XY: bool = size_of::<G2Affine>() == 4 * FQ
    && offset_of!(G2Affine, x) == 0
    && offset_of!(G2Affine, y) == 2 * FQ
    && size_of::<Fq2>() == 2 * FQ
    && offset_of!(Fq2, c0) == 0
    && offset_of!(Fq2, c1) == FQ;

impl MsmPoint for G1 {
    const GROUP: Group = Group::G1;
    const BYTES: usize = size_of::<permafrost_abi::AffinePoint>();

    fn bytes(points: &[Self]) -> Cow<'_, [u8]> {
        if !G1_IS_XY {
            return Cow::Owned(points.iter().flat_map(converted).collect());
        }
        // SAFETY: each point is two 32-byte field elements at offsets 0 and 32 of 64 bytes (G1_IS_XY), so every byte
        // belongs to an initialised u64 limb.
        Cow::Borrowed(unsafe {
            std::slice::from_raw_parts(points.as_ptr().cast(), points.len() * Self::BYTES)
        })
    }

    fn msm_canonical(bases: &[Self], scalars: &[BigInt<4>]) -> G1Projective {
        G1Projective::msm_bigint(bases, scalars)
    }

    fn msm_montgomery(bases: &[Self], scalars: &[Fr]) -> G1Projective {
        G1Projective::msm_unchecked(bases, scalars)
    }

    fn from_bytes(bytes: &[u8]) -> Result<Self, &'static str> {
        let [x, y] = elements(bytes)?;
        if x.is_zero() && y.is_zero() {
            return Ok(Self::identity());
        }
        on_curve(Self::new_unchecked(x, y), Self::is_on_curve)
    }
}

impl MsmPoint for G2 {
    const GROUP: Group = Group::G2;
    const BYTES: usize = size_of::<permafrost_abi::AffinePointG2>();

    fn bytes(points: &[Self]) -> Cow<'_, [u8]> {
        if !G2_IS_XY {
            return Cow::Owned(points.iter().flat_map(converted).collect());
        }
        // SAFETY: each point is four 32-byte field elements at offsets 0, 32, 64 and 96 of 128 bytes (G2_IS_XY), so
        // every byte belongs to an initialised u64 limb.
        Cow::Borrowed(unsafe {
            std::slice::from_raw_parts(points.as_ptr().cast(), points.len() * Self::BYTES)
        })
    }

    fn msm_canonical(bases: &[Self], scalars: &[BigInt<4>]) -> G2Projective {
        G2Projective::msm_bigint(bases, scalars)
    }

    fn msm_montgomery(bases: &[Self], scalars: &[Fr]) -> G2Projective {
        G2Projective::msm_unchecked(bases, scalars)
    }

    fn from_bytes(bytes: &[u8]) -> Result<Self, &'static str> {
        let [x0, x1, y0, y1] = elements(bytes)?;
        let (x, y) = (Fq2::new(x0, x1), Fq2::new(y0, y1));
        if x.is_zero() && y.is_zero() {
            return Ok(Self::identity());
        }
        on_curve(Self::new_unchecked(x, y), Self::is_on_curve)
    }
}

fn on_curve<P>(point: P, is_on_curve: impl Fn(&P) -> bool) -> Result<P, &'static str> {
    match is_on_curve(&point) {
        true => Ok(point),
        false => Err("it is not a point of the curve"),
    }
}

/// `N` elements of Fq in Montgomery form.
fn elements<const N: usize>(bytes: &[u8]) -> Result<[Fq; N], &'static str> {
    let mut elements = [Fq::zero(); N];
    for (element, bytes) in elements.iter_mut().zip(bytes.chunks_exact(FQ)) {
        let limb = |i: usize| u64::from_le_bytes(std::array::from_fn(|k| bytes[8 * i + k]));
        let value = BigInt::<4>(std::array::from_fn(limb));
        if value >= Fq::MODULUS {
            return Err("a coordinate is not below the field prime");
        }
        *element = Fq::new_unchecked(value);
    }
    Ok(elements)
}

/// One point, field by field.
fn converted<P: MsmPoint>(point: &P) -> Vec<u8> {
    // The identity is all zero on the card; `xy` is none for it.
    let Some((x, y)) = point.xy() else { return vec![0; P::BYTES] };
    let limbs =
        [x, y].iter().flat_map(|c| c.to_base_prime_field_elements().collect::<Vec<_>>()).collect::<Vec<_>>();
    limbs.iter().flat_map(montgomery_bytes).collect()
}

/// The bytes of the Montgomery form of an element of Fq, from its canonical value.
fn montgomery_bytes<F: PrimeField>(element: &F) -> Vec<u8> {
    // R = 2^256.
    let r = F::from(2u64).pow([256]);
    let value = (*element * r).into_bigint();
    value.as_ref().iter().flat_map(|limb| limb.to_le_bytes()).collect()
}

/// Checks the byte layout of this build against known values.
///
/// # Errors
/// [`Error::Layout`] when a point's bytes are not what the card expects.
pub(crate) fn self_test() -> Result<()> {
    let same = |borrowed: &[u8], points: Vec<Vec<u8>>| borrowed == points.concat();
    let g1 = [G1Affine::generator(), G1Affine::zero()];
    if !same(&G1Affine::bytes(&g1), g1.iter().map(converted).collect()) {
        return Err(Error::Layout("an affine point of G1 is not x then y, identity zero"));
    }
    let g2 = [G2Affine::generator(), G2Affine::zero()];
    if !same(&G2Affine::bytes(&g2), g2.iter().map(converted).collect()) {
        return Err(Error::Layout("an affine point of G2 is not x then y, c0 first, identity zero"));
    }
    // The generator of G1 is (1, 2): x is R mod q, low limb first.
    const FQ_ONE: [u64; 4] = [0xd35d438dc58f0d9d, 0x0a78eb28f5c70b3d, 0x666ea36f7879462c, 0x0e0a77c19a07df2f];
    if G1Affine::bytes(&g1)[..FQ]
        != FQ_ONE.iter().flat_map(|limb| limb.to_le_bytes()).collect::<Vec<u8>>()[..]
    {
        return Err(Error::Layout("Fq::ONE is not R = 2^256 mod q in little-endian limbs"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::testing::rng;
    use ark_ff::UniformRand;

    fn there_and_back<P: MsmPoint + UniformRand>() {
        let (mut rng, seed) = rng();
        let points = [P::rand(&mut rng), P::zero(), -P::generator()];
        let bytes = P::bytes(&points);
        assert_eq!(bytes.len(), 3 * P::BYTES);
        for (point, bytes) in points.iter().zip(bytes.chunks(P::BYTES)) {
            assert_eq!(bytes, converted(point), "seed {seed}");
            assert_eq!(P::from_bytes(bytes), Ok(*point), "seed {seed}");
        }
        let mut off_curve = bytes[..P::BYTES].to_vec();
        off_curve[0] ^= 1;
        assert_eq!(P::from_bytes(&off_curve), Err("it is not a point of the curve"));
        for coordinate in 0..P::BYTES / FQ {
            let mut unreduced = bytes[..P::BYTES].to_vec();
            unreduced[FQ * coordinate..][..FQ].fill(0xff);
            assert_eq!(P::from_bytes(&unreduced), Err("a coordinate is not below the field prime"));
        }
    }

    #[test]
    fn points_of_both_groups_go_there_and_back() {
        there_and_back::<G1Affine>();
        there_and_back::<G2Affine>();
    }
}
