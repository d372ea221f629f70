//! Number theoretic transforms: of vectors in card memory, and of the host's.

mod cpu;
mod plan;
mod run;
#[cfg(test)]
mod tests;
mod transform;

use ark_bn254::Fr;

pub(crate) use plan::{passes, route, scratches, Pass, Place};
pub use transform::{Order, Transform};

use super::report::Operation;
use super::vector::DeviceVec;
use super::Engine;
use crate::error::{Error, Result};

/// What transforms vectors over `F`.
pub trait NttAccel<F> {
    /// A vector in the accelerator's memory.
    type Vector;

    /// Transforms `values` in place: a batch of transforms one right after the other.
    ///
    /// # Errors
    /// [`Error::TransformTooLarge`], [`Error::RootOfUnity`], and [`Error::VectorLength`] when there are not
    /// `batch · 2^log_n` values. Where the policy does not let the CPU step in: [`Error::NotOnCard`] on a card without an
    /// NTT engine, [`Error::OutOfCardMemory`], and any card failure; `values` are then as they were.
    fn ntt(&self, transform: &Transform<F>, values: &mut [F]) -> Result<Operation>;

    /// Transforms `source` to `destination`, which may be the same vector. Transforms of a batch begin
    /// [`Transform::stride`] elements after each other. The accelerator's memory has to have room for one more such vector
    /// when the transform is longer than its block, for two when it reverses its input in place and takes three passes.
    ///
    /// # Errors
    /// As [`ntt`](Self::ntt), for vectors of less or more than [`Transform::vector_len`] elements;
    /// [`Error::NotContiguous`] for a view whose elements are not neighbours or that begins at an odd element;
    /// [`Error::VectorOverlap`] when the vectors overlap without being the same; [`Error::ForeignVector`] and
    /// [`Error::VectorLost`]. The CPU never steps in. After a failure the destination's contents are undefined.
    fn ntt_resident(
        &self,
        transform: &Transform<F>,
        source: &Self::Vector,
        destination: &Self::Vector,
    ) -> Result<Operation>;
}

impl NttAccel<Fr> for Engine {
    type Vector = DeviceVec;

    fn ntt(&self, transform: &Transform, values: &mut [Fr]) -> Result<Operation> {
        transform.check()?;
        let expected = transform.batch.checked_mul(transform.size());
        if expected != Some(values.len()) {
            let expected = expected.unwrap_or(usize::MAX);
            return Err(Error::VectorLength {
                what: "values to be transformed",
                found: values.len(),
                expected,
            });
        }
        self.ntt_slice(transform, values)
    }

    fn ntt_resident(
        &self,
        transform: &Transform,
        source: &DeviceVec,
        destination: &DeviceVec,
    ) -> Result<Operation> {
        transform.check()?;
        self.ntt_vec(transform, source, destination)
    }
}
