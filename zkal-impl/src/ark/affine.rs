//! Affine points of [`AccelBn254`](super::AccelBn254): arkworks' own, under another name, so that their group can be
//! another type.

use std::fmt;
use std::ops::{Add, Mul, Neg, Sub};

use ark_bn254::Fr;
use ark_ec::AffineRepr;
use ark_ff::UniformRand;
use ark_serialize::{
    CanonicalDeserialize, CanonicalSerialize, Compress, Read, SerializationError, Valid, Validate, Write,
};
use ark_std::rand::distributions::{Distribution, Standard};
use ark_std::rand::Rng;
use zeroize::Zeroize;

use super::newtype::newtype;
use super::{AccelG1, AccelG2};

/// Defines an affine newtype over arkworks' `$inner`, whose group is `$group`.
macro_rules! affine {
    ($(#[$doc:meta])* $name:ident, $inner:ty, $group:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
        #[repr(transparent)]
        pub struct $name(pub $inner);

        impl $name {
            /// Plain points of a slice.
            pub fn peel(points: &[Self]) -> &[$inner] {
                // SAFETY: `repr(transparent)`, so the elements have the same layout.
                unsafe { std::slice::from_raw_parts(points.as_ptr().cast(), points.len()) }
            }
        }

        newtype!($name, $inner, $group);

        impl Valid for $name {
            fn check(&self) -> Result<(), SerializationError> {
                self.0.check()
            }
        }
        impl Neg for $name {
            type Output = Self;
            fn neg(self) -> Self {
                $name(-self.0)
            }
        }
        affine!(@op $name, $group, Add, add, $name);
        affine!(@op $name, $group, Add, add, &$name);
        affine!(@op $name, $group, Add, add, $group);
        affine!(@op $name, $group, Add, add, &$group);
        affine!(@op $name, $group, Sub, sub, $name);
        affine!(@op $name, $group, Sub, sub, &$name);
        affine!(@op $name, $group, Sub, sub, $group);
        affine!(@op $name, $group, Sub, sub, &$group);
        impl Mul<Fr> for $name {
            type Output = $group;
            fn mul(self, scalar: Fr) -> $group {
                $group(self.0 * scalar)
            }
        }
        impl Mul<&Fr> for $name {
            type Output = $group;
            fn mul(self, scalar: &Fr) -> $group {
                $group(self.0 * scalar)
            }
        }

        impl AffineRepr for $name {
            type Config = <$inner as AffineRepr>::Config;
            type ScalarField = Fr;
            type BaseField = <$inner as AffineRepr>::BaseField;
            type Group = $group;
            const GENERATOR: Self = $name(<$inner as AffineRepr>::GENERATOR);
            const ZERO: Self = $name(<$inner as AffineRepr>::ZERO);

            fn xy(&self) -> Option<(Self::BaseField, Self::BaseField)> {
                self.0.xy()
            }
            fn zero() -> Self {
                Self::ZERO
            }
            fn is_zero(&self) -> bool {
                self.0.is_zero()
            }
            fn generator() -> Self {
                Self::GENERATOR
            }
            fn from_random_bytes(bytes: &[u8]) -> Option<Self> {
                <$inner>::from_random_bytes(bytes).map($name)
            }
            fn mul_bigint(&self, by: impl AsRef<[u64]>) -> $group {
                $group(self.0.mul_bigint(by))
            }
            fn clear_cofactor(&self) -> Self {
                $name(self.0.clear_cofactor())
            }
            fn mul_by_cofactor_to_group(&self) -> $group {
                $group(self.0.mul_by_cofactor_to_group())
            }
        }
    };
    (@op $name:ident, $group:ident, $trait:ident, $method:ident, $rhs:ty) => {
        impl $trait<$rhs> for $name {
            type Output = $group;
            fn $method(self, other: $rhs) -> $group {
                $group($trait::$method(self.0, other.0))
            }
        }
    };
}

affine! {
    /// Affine point of G1.
    AccelG1Affine, ark_bn254::G1Affine, AccelG1
}
affine! {
    /// Affine point of G2.
    AccelG2Affine, ark_bn254::G2Affine, AccelG2
}
