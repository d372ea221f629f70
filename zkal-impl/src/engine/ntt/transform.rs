//! What a transform computes.

use ark_bn254::Fr;
use ark_ff::FftField;

use crate::error::{Error, Result};

/// Order of a vector's elements.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// Element i is at place i.
    #[default]
    Natural,
    /// Element i is at the place whose log2(n) bits are those of i reversed.
    BitReversed,
}

/// A number theoretic transform of n = 2^`log_n` elements, or a batch of them:
///
/// `X[k] = first · post^k · Σ pre^j · x[j] · omega^(jk)`, j and k from 0 to n - 1.
///
/// Libraries differ in their roots of unity, so the root is always part of it: [`forward`](Self::forward) takes that of
/// arkworks and snarkjs, [`with_omega`](Self::with_omega) any other, for example halo2's. The rest is made from these:
///
/// ```
/// use permafrost_zkal::engine::{Order, Transform};
/// use ark_ff::FftField;
/// # fn main() -> permafrost_zkal::Result<()> {
/// let fft = Transform::forward(10)?;
/// let ifft = fft.inverse();
/// let coset_fft = fft.on_coset(ark_bn254::Fr::GENERATOR);
/// let coset_ifft = coset_fft.inverse();
/// // To multiply polynomials no order is needed in between.
/// let there = fft.output(Order::BitReversed);
/// let back = there.inverse();
/// assert_eq!(back.input, Order::BitReversed);
/// # Ok(()) }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transform<F = Fr> {
    /// log2 of the elements of one transform.
    pub log_n: u32,
    /// A root of unity of order n.
    pub omega: F,
    /// Ratio of the factors before the transform: the shift of a coset.
    pub pre: F,
    /// Factor of result 0.
    pub first: F,
    /// Ratio of the factors after the transform.
    pub post: F,
    /// Order of the input.
    pub input: Order,
    /// Order of the output.
    pub output: Order,
    /// Transforms. In a vector, one begins [`stride`](Self::stride) elements after the other.
    pub batch: usize,
}

impl<F: FftField> Transform<F> {
    /// Values of a polynomial from its coefficients, at the powers of arkworks' root of unity.
    ///
    /// # Errors
    /// [`Error::TransformTooLarge`] when the field has no root of unity of order 2^`log_n`.
    pub fn forward(log_n: u32) -> Result<Self> {
        let omega = 1u64.checked_shl(log_n).and_then(F::get_root_of_unity);
        omega.map(|omega| Self::with_omega(log_n, omega)).ok_or(too_large::<F>(log_n))
    }

    /// `X[k] = Σ x[j] · omega^(jk)`. The order of `omega` is checked when the transform runs.
    pub fn with_omega(log_n: u32, omega: F) -> Self {
        Transform {
            log_n,
            omega,
            pre: F::one(),
            first: F::one(),
            post: F::one(),
            input: Order::Natural,
            output: Order::Natural,
            batch: 1,
        }
    }

    /// The transform for vectors of `n` elements.
    ///
    /// # Errors
    /// [`Error::NotAPowerOfTwo`]; as [`forward`](Self::forward).
    pub fn of_size(n: usize) -> Result<Self> {
        match n.is_power_of_two() {
            true => Self::forward(n.ilog2()),
            false => Err(Error::NotAPowerOfTwo { n, next: n.next_power_of_two() }),
        }
    }

    /// Values on the coset `shift · ⟨omega⟩` instead of `⟨omega⟩`. `shift` is not 0.
    #[must_use]
    pub fn on_coset(self, shift: F) -> Self {
        Transform { pre: self.pre * shift, ..self }
    }

    /// The transform that undoes this one: `1/n`, the inverse root, factors and orders in place of each other.
    ///
    /// # Panics
    /// When a factor or the root is 0.
    #[must_use]
    pub fn inverse(self) -> Self {
        let inverse =
            |value: F| value.inverse().expect("a factor of a transform that can be undone is not 0");
        let n = F::from(2u64).pow([u64::from(self.log_n)]);
        Transform {
            omega: inverse(self.omega),
            pre: inverse(self.post),
            first: inverse(self.first * n),
            post: inverse(self.pre),
            input: self.output,
            output: self.input,
            ..self
        }
    }

    /// Every result times `factor`.
    #[must_use]
    pub fn scaled(self, factor: F) -> Self {
        Transform { first: self.first * factor, ..self }
    }

    /// Input in `order`.
    #[must_use]
    pub fn input(self, order: Order) -> Self {
        Transform { input: order, ..self }
    }

    /// Output in `order`.
    #[must_use]
    pub fn output(self, order: Order) -> Self {
        Transform { output: order, ..self }
    }

    /// `batch` such transforms of one vector.
    #[must_use]
    pub fn batch(self, batch: usize) -> Self {
        Transform { batch, ..self }
    }

    /// Elements of one transform.
    pub fn size(&self) -> usize {
        1 << self.log_n
    }

    /// Elements from one transform of a batch to the next in a vector: n, or 2 for n = 1 (the card's unit of memory is
    /// two elements).
    pub fn stride(&self) -> usize {
        self.size().max(2)
    }

    /// Elements of a vector that holds the batch.
    pub fn vector_len(&self) -> usize {
        self.batch
            .checked_sub(1)
            .map_or(0, |more| more.saturating_mul(self.stride()).saturating_add(self.size()))
    }

    /// Checks size and root.
    ///
    /// # Errors
    /// [`Error::TransformTooLarge`] and [`Error::RootOfUnity`].
    pub(crate) fn check(&self) -> Result<()> {
        if self.log_n > F::TWO_ADICITY {
            return Err(too_large::<F>(self.log_n));
        }
        let half = |log: u32| self.omega.pow([1u64 << log]);
        let right = match self.log_n {
            0 => self.omega.is_one(),
            // Of order n exactly when its n/2-th power is -1.
            log => half(log - 1) == -F::one(),
        };
        match right {
            true => Ok(()),
            false => Err(Error::RootOfUnity { omega: self.omega.to_string(), log_n: self.log_n }),
        }
    }
}

fn too_large<F: FftField>(log_n: u32) -> Error {
    Error::TransformTooLarge { log_n, max: F::TWO_ADICITY }
}

/// The two-adicity of Fr is what the card's limit comes from.
const _: () = assert!(Fr::TWO_ADICITY == permafrost_abi::ntt::NTT_MAX_LOG);
