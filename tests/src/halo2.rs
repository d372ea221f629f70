//! The same points and scalars in halo2curves' types, by way of canonical bytes, so that nothing is assumed about layout.

use ark_bn254::{Fq, Fr, G1Affine};
use ark_ec::AffineRepr;
use ark_ff::{BigInteger, PrimeField};
use halo2curves::bn256;
use halo2curves::ff::PrimeField as _;
use halo2curves::group::{Curve, Group};
use halo2curves::CurveAffine;

fn bytes<F: PrimeField>(value: F) -> [u8; 32] {
    let mut bytes = [0; 32];
    bytes.copy_from_slice(&value.into_bigint().to_bytes_le());
    bytes
}

pub fn scalar(value: &Fr) -> bn256::Fr {
    bn256::Fr::from_repr(bytes(*value).into()).expect("canonical")
}

pub fn point(value: &G1Affine) -> bn256::G1Affine {
    match value.xy() {
        None => halo2curves::group::prime::PrimeCurveAffine::identity(),
        Some((x, y)) => {
            let fq = |v: Fq| bn256::Fq::from_repr(bytes(v).into()).expect("canonical");
            bn256::G1Affine::from_xy(fq(x), fq(y)).expect("on the curve")
        }
    }
}

/// halo2curves' own multi-scalar multiplication, as an arkworks point.
///
/// Its `msm_serial`, not `msm_best`: from some 2^15 points on the latter adds in affine coordinates, and panics (0.10.0)
/// when a bucket meets its own inverse or the identity.
pub fn msm(bases: &[G1Affine], scalars: &[Fr]) -> G1Affine {
    let bases: Vec<_> = bases.iter().map(point).collect();
    let scalars: Vec<_> = scalars.iter().map(scalar).collect();
    let mut sum = bn256::G1::identity();
    halo2curves::msm::msm_serial(&scalars, &bases, &mut sum);
    let sum = sum.to_affine();
    let coordinates: Option<halo2curves::Coordinates<_>> = sum.coordinates().into();
    let back = |v: &bn256::Fq| Fq::from_le_bytes_mod_order(v.to_repr().as_ref());
    match coordinates {
        Some(c) if !bool::from(halo2curves::group::prime::PrimeCurveAffine::is_identity(&sum)) => {
            G1Affine::new(back(c.x()), back(c.y()))
        }
        _ => G1Affine::identity(),
    }
}
