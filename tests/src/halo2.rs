//! The same points and scalars in halo2curves' types, by way of canonical bytes, so that nothing is assumed about layout.

use ark_bn254::{Fq, Fq2, Fr, G1Affine, G2Affine};
use ark_ec::short_weierstrass::Affine;
use ark_ec::AffineRepr;
use ark_ff::{BigInteger, PrimeField};
use halo2curves::bn256;
use halo2curves::ff::PrimeField as _;
use halo2curves::group::prime::PrimeCurveAffine;
use halo2curves::group::{Curve, Group};
use halo2curves::{Coordinates, CurveAffine};

fn bytes<F: PrimeField>(value: F) -> [u8; 32] {
    let mut bytes = [0; 32];
    bytes.copy_from_slice(&value.into_bigint().to_bytes_le());
    bytes
}

pub fn scalar(value: &Fr) -> bn256::Fr {
    bn256::Fr::from_repr(bytes(*value).into()).expect("canonical")
}

/// The same element back in arkworks.
pub fn scalar_back(value: &bn256::Fr) -> Fr {
    Fr::from_le_bytes_mod_order(value.to_repr().as_ref())
}

fn fq(value: Fq) -> bn256::Fq {
    bn256::Fq::from_repr(bytes(value).into()).expect("canonical")
}

fn back(value: &bn256::Fq) -> Fq {
    Fq::from_le_bytes_mod_order(value.to_repr().as_ref())
}

/// An arkworks group with its counterpart.
pub trait Judged: AffineRepr<ScalarField = Fr> {
    /// The same points in halo2curves.
    type Other: CurveAffine<ScalarExt = bn256::Fr>;
    /// A point that is not the identity.
    fn other(x: Self::BaseField, y: Self::BaseField) -> Self::Other;
    /// The same, back.
    fn ours(coordinates: &Coordinates<Self::Other>) -> Self;
}

/// `G1Affine` by its curve: the compiler does not see through the projections in the names of the two groups.
type G1 = Affine<ark_bn254::g1::Config>;
type G2 = Affine<ark_bn254::g2::Config>;

impl Judged for G1 {
    type Other = bn256::G1Affine;

    fn other(x: Fq, y: Fq) -> bn256::G1Affine {
        bn256::G1Affine::from_xy(fq(x), fq(y)).expect("on the curve")
    }

    fn ours(coordinates: &Coordinates<bn256::G1Affine>) -> Self {
        G1Affine::new(back(coordinates.x()), back(coordinates.y()))
    }
}

impl Judged for G2 {
    type Other = bn256::G2Affine;

    fn other(x: Fq2, y: Fq2) -> bn256::G2Affine {
        let fq2 = |v: Fq2| bn256::Fq2::new(fq(v.c0), fq(v.c1));
        bn256::G2Affine::from_xy(fq2(x), fq2(y)).expect("on the curve")
    }

    fn ours(coordinates: &Coordinates<bn256::G2Affine>) -> Self {
        let fq2 = |v: &bn256::Fq2| Fq2::new(back(v.c0()), back(v.c1()));
        G2Affine::new(fq2(coordinates.x()), fq2(coordinates.y()))
    }
}

pub fn point<P: Judged>(value: &P) -> P::Other {
    value.xy().map_or_else(P::Other::identity, |(x, y)| P::other(x, y))
}

/// halo2curves' own multi-scalar multiplication, as an arkworks point.
///
/// Its `msm_serial`, not `msm_best`: from some 2^15 points on the latter adds in affine coordinates, and panics (0.10.0)
/// when a bucket meets its own inverse or the identity.
pub fn msm<P: Judged>(bases: &[P], scalars: &[Fr]) -> P {
    let bases: Vec<_> = bases.iter().map(point).collect();
    let scalars: Vec<_> = scalars.iter().map(scalar).collect();
    let mut sum = <P::Other as PrimeCurveAffine>::Curve::identity();
    halo2curves::msm::msm_serial(&scalars, &bases, &mut sum);
    let sum: P::Other = sum.to_affine();
    let coordinates: Option<Coordinates<_>> = sum.coordinates().into();
    match coordinates {
        Some(c) if !bool::from(PrimeCurveAffine::is_identity(&sum)) => P::ours(&c),
        _ => P::zero(),
    }
}
