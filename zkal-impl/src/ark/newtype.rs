//! What affine and group newtypes share: conversions, printing, sampling, erasing and serialisation, all by the inner type.

/// Implements the shared traits of `$name`, a `repr(transparent)` newtype over `$inner`, convertible from the newtype `$other`
/// of the other form.
macro_rules! newtype {
    ($name:ident, $inner:ty, $other:ident) => {
        impl From<$inner> for $name {
            fn from(point: $inner) -> Self {
                $name(point)
            }
        }
        impl From<$name> for $inner {
            fn from(point: $name) -> Self {
                point.0
            }
        }
        impl From<$other> for $name {
            fn from(point: $other) -> Self {
                $name(point.0.into())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&self.0, f)
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }
        impl Zeroize for $name {
            fn zeroize(&mut self) {
                self.0.zeroize();
            }
        }
        impl Distribution<$name> for Standard {
            fn sample<R: Rng + ?Sized>(&self, rng: &mut R) -> $name {
                $name(<$inner>::rand(rng))
            }
        }

        impl CanonicalSerialize for $name {
            fn serialize_with_mode<W: Write>(
                &self,
                writer: W,
                mode: Compress,
            ) -> Result<(), SerializationError> {
                self.0.serialize_with_mode(writer, mode)
            }
            fn serialized_size(&self, mode: Compress) -> usize {
                self.0.serialized_size(mode)
            }
        }
        impl CanonicalDeserialize for $name {
            fn deserialize_with_mode<R: Read>(
                reader: R,
                mode: Compress,
                validate: Validate,
            ) -> Result<Self, SerializationError> {
                <$inner>::deserialize_with_mode(reader, mode, validate).map($name)
            }
        }
    };
}

pub(super) use newtype;
