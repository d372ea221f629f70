//! The scalars of an MSM in the forms that callers hold and the card reads.

use std::mem::{align_of, size_of};

use ark_bn254::Fr;
use ark_ff::{BigInt, One, PrimeField};
use zeroize::Zeroizing;

use super::point::MsmPoint;
use super::window::SCALAR_BITS;
use crate::error::{Error, Result};

/// Bytes of a scalar on the card.
pub(crate) const SCALAR_BYTES: usize = size_of::<permafrost_abi::Scalar>();

// `BigInt<4>` has one field of 32 bytes and `Fr` has one `BigInt<4>` and a zero-sized marker: with a total size of 32 the
// limbs cover the whole value, whatever the compiler did.
const _: () = assert!(size_of::<BigInt<4>>() == SCALAR_BYTES && align_of::<BigInt<4>>() == 8);
const _: () = assert!(size_of::<Fr>() == SCALAR_BYTES);

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
    /// this is the only way to a narrower MSM: 64 bits take about a quarter of the windows of 254. The card refuses a
    /// scalar that breaks the promise; no wrong sum comes out.
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
        match self.form {
            Form::Montgomery(_) => Ok(self.bits.unwrap_or(SCALAR_BITS).min(SCALAR_BITS)),
            Form::Canonical(values) => {
                let any = values.iter().fold([0u64; 4], |acc, v| std::array::from_fn(|i| acc[i] | v.0[i]));
                let top = any.iter().rposition(|&limb| limb != 0);
                let bits = top.map_or(0, |i| 64 * i as u32 + 64 - any[i].leading_zeros());
                if bits > SCALAR_BITS {
                    return Err(Error::ScalarTooWide { bits });
                }
                Ok(bits)
            }
        }
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

    /// Every scalar as `parts` canonical integers of `bits` bits, least significant first, one scalar after the other.
    pub(crate) fn split(&self, parts: u32, bits: u32) -> Zeroizing<Vec<BigInt<4>>> {
        let cut = |value: BigInt<4>| (0..parts).map(move |part| field(&value, part * bits, bits));
        // Room for all: a vector that grows leaves copies of what it held behind.
        let mut out = Zeroizing::new(Vec::with_capacity(self.len() * parts as usize));
        match self.form {
            Form::Canonical(values) => out.extend(values.iter().flat_map(|v| cut(*v))),
            Form::Montgomery(values) => out.extend(values.iter().flat_map(|v| cut(v.into_bigint()))),
        }
        out
    }

    /// The MSM on the CPU, by arkworks; slices of different length are cut to the shorter.
    pub(crate) fn msm_on_cpu<P: MsmPoint>(&self, bases: &[P]) -> P::Group {
        match self.form {
            Form::Canonical(v) => P::msm_canonical(bases, v),
            Form::Montgomery(v) => P::msm_montgomery(bases, v),
        }
    }
}

/// Indices of the scalars, given as bytes, that are not zero.
pub(crate) fn nonzero(bytes: &[u8]) -> impl Iterator<Item = usize> + '_ {
    // Zero is all zero bytes in both forms.
    let scalars = bytes.chunks_exact(SCALAR_BYTES).enumerate();
    scalars.filter(|(_, bytes)| bytes.iter().any(|b| *b != 0)).map(|(i, _)| i)
}

/// Elements as they are in memory and on the card.
pub(crate) fn bytes(values: &[Fr]) -> &[u8] {
    Scalars::montgomery(values).bytes()
}

/// Replaces `values` by the elements in `bytes`, 32 bytes each.
///
/// # Errors
/// [`Error::NotAnElement`] for one that is not below r: a card that computes wrongly. `values` are then as they were.
pub(crate) fn elements(bytes: &[u8], values: &mut [Fr]) -> Result<()> {
    let raw = |bytes: &[u8]| {
        BigInt::<4>(std::array::from_fn(|i| u64::from_le_bytes(std::array::from_fn(|k| bytes[8 * i + k]))))
    };
    let elements = bytes.chunks_exact(SCALAR_BYTES);
    if let Some(index) = elements.clone().take(values.len()).position(|bytes| raw(bytes) >= Fr::MODULUS) {
        return Err(Error::NotAnElement { index });
    }
    for (value, bytes) in values.iter_mut().zip(elements) {
        *value = Fr::new_unchecked(raw(bytes));
    }
    Ok(())
}

/// Bits `at..at + bits` of a value.
fn field(value: &BigInt<4>, at: u32, bits: u32) -> BigInt<4> {
    let mut out = *value >> at;
    for (i, limb) in out.0.iter_mut().enumerate() {
        let keep = bits.saturating_sub(64 * i as u32).min(64);
        *limb &= if keep == 64 { u64::MAX } else { (1 << keep) - 1 };
    }
    out
}

/// Checks the byte layout of this build against known values.
///
/// # Errors
/// [`Error::Layout`] when a scalar's bytes are not what the card expects.
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
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::testing::rng;
    use ark_ff::UniformRand;
    use num_bigint::BigUint;

    #[test]
    fn parts_add_up_to_the_scalar() {
        let (mut rng, seed) = rng();
        let values = [Fr::rand(&mut rng), Fr::from(0u64), -Fr::one()];
        for parts in [1, 2, 3, 4, 5, 16, 64] {
            let bits = SCALAR_BITS.div_ceil(parts);
            let split = Scalars::montgomery(&values).split(parts, bits);
            for (value, parts) in values.iter().zip(split.chunks(parts as usize)) {
                let sum: BigUint =
                    parts.iter().enumerate().map(|(j, p)| BigUint::from(*p) << (j * bits as usize)).sum();
                assert_eq!(sum, BigUint::from(value.into_bigint()), "seed {seed}");
                assert!(parts.iter().all(|p| BigUint::from(*p).bits() <= u64::from(bits)));
            }
        }
    }
}
