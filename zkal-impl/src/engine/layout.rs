//! Host elements as the bytes the card reads: no conversion pass where the host library's memory is the card's
//! format already.
//!
//! Neither arkworks type is `repr(C)`, so nothing is assumed: sizes and field offsets are compile-time facts of this
//! build, the byte values are checked against known ones when an engine starts ([`self_test`]), and where the
//! compiler laid a point out differently points are converted one by one.

use std::borrow::Cow;
use std::mem::{align_of, offset_of, size_of};

use ark_bn254::{Fq, Fr, G1Affine};
use ark_ec::AffineRepr;
use ark_ff::{BigInt, One, PrimeField};

use crate::error::{Error, Result};

/// Bytes of an affine G1 point on the card.
pub(crate) const POINT_BYTES: usize = size_of::<permafrost_abi::AffinePoint>();
/// Bytes of a scalar on the card.
pub(crate) const SCALAR_BYTES: usize = size_of::<permafrost_abi::Scalar>();

// `BigInt<4>` has one field of 32 bytes and `Fr`/`Fq` have one `BigInt<4>` and a zero-sized marker: with a total size
// of 32 the limbs cover the whole value, whatever the compiler did.
const _: () = assert!(size_of::<BigInt<4>>() == SCALAR_BYTES && align_of::<BigInt<4>>() == 8);
const _: () = assert!(size_of::<Fr>() == SCALAR_BYTES && size_of::<Fq>() == 32);

/// Whether a `G1Affine` is exactly x then y, without padding or flags.
const POINT_IS_XY: bool =
    size_of::<G1Affine>() == POINT_BYTES && offset_of!(G1Affine, x) == 0 && offset_of!(G1Affine, y) == 32;

/// The scalars of an MSM, borrowed in the form the caller holds them. The card takes both.
#[derive(Clone, Copy)]
pub struct Scalars<'a> {
    form: Form<'a>,
    bits: Option<u32>,
}

#[derive(Clone, Copy)]
enum Form<'a> {
    Canonical(&'a [BigInt<4>]),
    Montgomery(&'a [Fr]),
}

impl<'a> Scalars<'a> {
    /// Canonical integers, each below 2^254.
    pub fn canonical(values: &'a [BigInt<4>]) -> Self {
        Scalars { form: Form::Canonical(values), bits: None }
    }

    /// Field elements as they are in memory (Montgomery form); the card converts them.
    pub fn montgomery(values: &'a [Fr]) -> Self {
        Scalars { form: Form::Montgomery(values), bits: None }
    }

    /// Promises that every scalar is below `2^bits`. Canonical scalars are measured anyway; for Montgomery scalars
    /// this is the only way to a narrower MSM. The card refuses a scalar that breaks the promise.
    pub fn with_bits(mut self, bits: u32) -> Self {
        self.bits = Some(bits);
        self
    }

    /// Number of scalars.
    pub fn len(&self) -> usize {
        match self.form {
            Form::Canonical(v) => v.len(),
            Form::Montgomery(v) => v.len(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The first `n` (at most all) scalars.
    pub fn prefix(self, n: usize) -> Self {
        let form = match self.form {
            Form::Canonical(v) => Form::Canonical(&v[..n.min(v.len())]),
            Form::Montgomery(v) => Form::Montgomery(&v[..n.min(v.len())]),
        };
        Scalars { form, ..self }
    }

    /// Whether the scalars are in Montgomery form.
    pub(crate) fn is_montgomery(&self) -> bool {
        matches!(self.form, Form::Montgomery(_))
    }

    /// Bit bound for the window choice: measured for canonical scalars, promised or 254 for Montgomery ones.
    ///
    /// # Errors
    /// [`Error::ScalarTooWide`] for a canonical scalar of more than 254 bits.
    pub(crate) fn bit_bound(&self) -> Result<u32> {
        const MOST: u32 = super::window::SCALAR_BITS;
        match self.form {
            Form::Montgomery(_) => Ok(self.bits.unwrap_or(MOST).min(MOST)),
            Form::Canonical(values) => {
                let any = values.iter().fold([0u64; 4], |acc, v| std::array::from_fn(|i| acc[i] | v.0[i]));
                let top = any.iter().rposition(|&limb| limb != 0);
                let bits = top.map_or(0, |i| 64 * i as u32 + 64 - any[i].leading_zeros());
                if bits > MOST {
                    return Err(Error::ScalarTooWide { bits });
                }
                Ok(bits)
            }
        }
    }

    /// Indices of the scalars that are not zero.
    pub(crate) fn nonzero(self) -> impl Iterator<Item = usize> + 'a {
        // Zero is all zero bytes in both forms.
        let scalars = self.bytes().chunks_exact(SCALAR_BYTES).enumerate();
        scalars.filter(|(_, bytes)| bytes.iter().any(|b| *b != 0)).map(|(i, _)| i)
    }

    /// The scalars as the card reads them.
    pub(crate) fn bytes(&self) -> &'a [u8] {
        match self.form {
            // SAFETY: 32-byte elements whose every byte belongs to an initialised u64 limb (asserted above); u8 has
            // no alignment or validity requirement, and the lifetime is that of the borrowed slice.
            Form::Canonical(v) => unsafe {
                std::slice::from_raw_parts(v.as_ptr().cast(), v.len() * SCALAR_BYTES)
            },
            // SAFETY: as above.
            Form::Montgomery(v) => unsafe {
                std::slice::from_raw_parts(v.as_ptr().cast(), v.len() * SCALAR_BYTES)
            },
        }
    }

    /// The MSM on the CPU, by arkworks; slices of different length are cut to the shorter.
    pub(crate) fn msm_on_cpu<G>(&self, bases: &[G::MulBase]) -> G
    where
        G: ark_ec::VariableBaseMSM<ScalarField = Fr>,
    {
        match self.form {
            Form::Canonical(v) => G::msm_bigint(bases, v),
            Form::Montgomery(v) => G::msm_unchecked(bases, v),
        }
    }
}

/// The points as the card reads them: borrowed where the layout allows, converted otherwise.
pub(crate) fn point_bytes(points: &[G1Affine]) -> Cow<'_, [u8]> {
    if POINT_IS_XY {
        // SAFETY: each point is exactly two 32-byte field elements at offsets 0 and 32 of 64 bytes (POINT_IS_XY), so
        // every byte belongs to an initialised u64 limb.
        Cow::Borrowed(unsafe {
            std::slice::from_raw_parts(points.as_ptr().cast(), points.len() * POINT_BYTES)
        })
    } else {
        Cow::Owned(points.iter().flat_map(point_to_bytes).collect())
    }
}

/// One point, field by field.
fn point_to_bytes(point: &G1Affine) -> [u8; POINT_BYTES] {
    let mut bytes = [0; POINT_BYTES];
    // The identity is all zero on the card; `xy` is none for it.
    if let Some((x, y)) = point.xy() {
        for (slot, limb) in bytes.chunks_exact_mut(8).zip(x.0 .0.iter().chain(&y.0 .0)) {
            slot.copy_from_slice(&limb.to_le_bytes());
        }
    }
    bytes
}

/// Checks the byte layout of this build against known values.
///
/// # Errors
/// [`Error::Layout`] when a value's bytes are not what the card expects.
pub(crate) fn self_test() -> Result<()> {
    // R mod r, low limb first: `Fr::ONE` in Montgomery form with R = 2^256.
    const ONE: [u64; 4] = [0xac96341c4ffffffb, 0x36fc76959f60cd29, 0x666ea36f7879462e, 0x0e0a77c19a07df2f];
    let one: Vec<u8> = ONE.iter().flat_map(|limb| limb.to_le_bytes()).collect();
    if Scalars::montgomery(&[Fr::one()]).bytes() != one {
        return Err(Error::Layout("Fr::ONE is not R = 2^256 mod r in little-endian limbs"));
    }
    let mut two = [0u8; SCALAR_BYTES];
    two[0] = 2;
    if Scalars::canonical(&[Fr::from(2u64).into_bigint()]).bytes() != two {
        return Err(Error::Layout("a canonical scalar is not little-endian limbs"));
    }
    let points = [G1Affine::generator(), G1Affine::zero()];
    let bytes = point_bytes(&points);
    let expected: Vec<u8> = points.iter().flat_map(point_to_bytes).collect();
    if bytes != expected {
        return Err(Error::Layout("an affine point is not x then y, identity zero"));
    }
    // The generator is (1, 2): x is R mod q, low limb first.
    const FQ_ONE: [u64; 4] = [0xd35d438dc58f0d9d, 0x0a78eb28f5c70b3d, 0x666ea36f7879462c, 0x0e0a77c19a07df2f];
    if bytes[..32] != FQ_ONE.iter().flat_map(|limb| limb.to_le_bytes()).collect::<Vec<u8>>()[..] {
        return Err(Error::Layout("Fq::ONE is not R = 2^256 mod q in little-endian limbs"));
    }
    Ok(())
}
