//! Group elements of [`AccelBn254`](super::AccelBn254): arkworks' own, under another name, with multi-scalar
//! multiplication on the engine.

use std::fmt;
use std::iter::Sum;
use std::ops::{Add, AddAssign, Mul, MulAssign, Neg, Sub, SubAssign};

use ark_bn254::{Fr, G1Projective, G2Projective};
use ark_ec::{AdditiveGroup, CurveGroup, PrimeGroup, ScalarMul, VariableBaseMSM};
use ark_ff::{BigInt, UniformRand, Zero};
use ark_serialize::{
    CanonicalDeserialize, CanonicalSerialize, Compress, Read, SerializationError, Valid, Validate, Write,
};
use ark_std::rand::distributions::{Distribution, Standard};
use ark_std::rand::Rng;
use zeroize::{Zeroize, Zeroizing};

use super::newtype::newtype;
use super::scope::on_engine;
use super::{AccelG1Affine, AccelG2Affine};
use crate::engine::{MsmPoint, Scalars};

/// Defines a group newtype over arkworks' `$inner` with affine form `$affine`.
macro_rules! projective {
    ($(#[$doc:meta])* $name:ident, $inner:ty, $affine:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
        #[repr(transparent)]
        pub struct $name(pub $inner);

        newtype!($name, $inner, $affine);

        impl Valid for $name {
            fn check(&self) -> Result<(), SerializationError> {
                self.0.check()
            }
            fn batch_check<'a>(
                batch: impl Iterator<Item = &'a Self> + Send,
            ) -> Result<(), SerializationError>
            where
                Self: 'a,
            {
                let batch: Vec<$inner> = batch.map(|p| p.0).collect();
                <$inner>::batch_check(batch.iter())
            }
        }
        impl Zero for $name {
            fn zero() -> Self {
                Self::ZERO
            }
            fn is_zero(&self) -> bool {
                self.0.is_zero()
            }
        }
        impl Neg for $name {
            type Output = Self;
            fn neg(self) -> Self {
                $name(-self.0)
            }
        }

        // With its own kind by value, reference and mutable reference, and with affine points.
        projective!(@group $name, $name, |x| x.0);
        projective!(@group $name, &$name, |x| x.0);
        projective!(@group $name, &mut $name, |x| x.0);
        projective!(@group $name, $affine, |x| x.0);
        projective!(@group $name, &$affine, |x| x.0);
        projective!(@scale $name, Fr, |k| k);
        projective!(@scale $name, &Fr, |k| *k);
        projective!(@scale $name, &mut Fr, |k| *k);
        projective!(@sum $name, $name);
        projective!(@sum $name, &'a $name);
        projective!(@sum $name, $affine);
        projective!(@sum $name, &'a $affine);

        impl AdditiveGroup for $name {
            type Scalar = Fr;
            const ZERO: Self = $name(<$inner as AdditiveGroup>::ZERO);
            fn double_in_place(&mut self) -> &mut Self {
                self.0.double_in_place();
                self
            }
            fn neg_in_place(&mut self) -> &mut Self {
                self.0.neg_in_place();
                self
            }
        }
        impl PrimeGroup for $name {
            type ScalarField = Fr;
            fn generator() -> Self {
                $name(<$inner>::generator())
            }
            fn mul_bigint(&self, by: impl AsRef<[u64]>) -> Self {
                $name(self.0.mul_bigint(by))
            }
        }
        impl CurveGroup for $name {
            type Config = <$inner as CurveGroup>::Config;
            type BaseField = <$inner as CurveGroup>::BaseField;
            type Affine = $affine;
            type FullGroup = $affine;
            fn normalize_batch(points: &[Self]) -> Vec<$affine> {
                <$inner>::normalize_batch(peel(points)).into_iter().map($affine).collect()
            }
        }
        impl ScalarMul for $name {
            type MulBase = $affine;
            const NEGATION_IS_CHEAP: bool = <$inner as ScalarMul>::NEGATION_IS_CHEAP;
            fn batch_convert_to_mul_base(points: &[Self]) -> Vec<$affine> {
                Self::normalize_batch(points)
            }
        }

        impl Peel for $name {
            type Inner = $inner;
        }

        /// `msm_bigint` runs on the engine, and the other methods end in it; see the [module](super).
        ///
        /// # Panics
        /// As the module says: without an engine, and when an MSM fails outside `with_engine`.
        impl VariableBaseMSM for $name {
            type Bucket = Self;
            const ZERO_BUCKET: Self = Self::ZERO;

            fn msm_bigint(bases: &[$affine], scalars: &[BigInt<4>]) -> Self {
                msm($affine::peel(bases), Scalars::canonical(scalars)).into()
            }
            fn msm_unchecked(bases: &[$affine], scalars: &[Fr]) -> Self {
                msm($affine::peel(bases), Scalars::montgomery(scalars)).into()
            }
            fn msm_u1(bases: &[$affine], scalars: &[bool]) -> Self {
                Self::msm_bigint(bases, &widened(scalars))
            }
            fn msm_u8(bases: &[$affine], scalars: &[u8]) -> Self {
                Self::msm_bigint(bases, &widened(scalars))
            }
            fn msm_u16(bases: &[$affine], scalars: &[u16]) -> Self {
                Self::msm_bigint(bases, &widened(scalars))
            }
            fn msm_u32(bases: &[$affine], scalars: &[u32]) -> Self {
                Self::msm_bigint(bases, &widened(scalars))
            }
            fn msm_u64(bases: &[$affine], scalars: &[u64]) -> Self {
                Self::msm_bigint(bases, &widened(scalars))
            }
        }
    };
    (@group $name:ident, $rhs:ty, |$x:ident| $inner:expr) => {
        impl Add<$rhs> for $name {
            type Output = Self;
            fn add(self, $x: $rhs) -> Self {
                $name(self.0 + $inner)
            }
        }
        impl Sub<$rhs> for $name {
            type Output = Self;
            fn sub(self, $x: $rhs) -> Self {
                $name(self.0 - $inner)
            }
        }
        impl AddAssign<$rhs> for $name {
            fn add_assign(&mut self, $x: $rhs) {
                self.0 += $inner;
            }
        }
        impl SubAssign<$rhs> for $name {
            fn sub_assign(&mut self, $x: $rhs) {
                self.0 -= $inner;
            }
        }
    };
    (@scale $name:ident, $scalar:ty, |$k:ident| $value:expr) => {
        impl Mul<$scalar> for $name {
            type Output = Self;
            fn mul(self, $k: $scalar) -> Self {
                $name(self.0 * $value)
            }
        }
        impl MulAssign<$scalar> for $name {
            fn mul_assign(&mut self, $k: $scalar) {
                self.0 *= $value;
            }
        }
    };
    (@sum $name:ident, $item:ty) => {
        impl<'a> Sum<$item> for $name {
            fn sum<I: Iterator<Item = $item>>(items: I) -> Self {
                items.fold(Self::ZERO, |sum, item| sum + item)
            }
        }
    };
}

/// A `repr(transparent)` newtype.
trait Peel {
    type Inner;
}

fn peel<T: Peel>(points: &[T]) -> &[T::Inner] {
    // SAFETY: only the macro above implements `Peel`, for `repr(transparent)` newtypes of `Inner`.
    unsafe { std::slice::from_raw_parts(points.as_ptr().cast(), points.len()) }
}

/// One MSM on the engine in force.
fn msm<P: MsmPoint>(bases: &[P], scalars: Scalars<'_>) -> P::Group {
    on_engine(|engine| engine.msm_slice(bases, scalars)).point
}

/// Small scalars as the card takes them; the engine finds their width itself. Wiped when dropped.
fn widened<T: Copy + Into<u64>>(scalars: &[T]) -> Zeroizing<Vec<BigInt<4>>> {
    Zeroizing::new(scalars.iter().map(|s| BigInt::from((*s).into())).collect())
}

projective! {
    /// Element of G1. Its MSMs run on the engine in force, see the [module](super).
    AccelG1, G1Projective, AccelG1Affine
}
projective! {
    /// Element of G2. Its MSMs run on the engine in force, see the [module](super).
    AccelG2, G2Projective, AccelG2Affine
}
