//! Base sets: points uploaded once and used often.

use std::ops::Range;
use std::sync::Arc;

use ark_bn254::G1Affine;

use super::device::Buffer;
use super::layout::POINT_BYTES;
use crate::error::{Error, Result};

/// Points in card memory, by reference count: clones and [`slice`](BaseSet::slice)s share one upload, and card
/// memory is freed when the last of them is dropped.
#[derive(Clone)]
pub struct BaseSet {
    upload: Arc<Upload>,
    range: Range<usize>,
}

struct Upload {
    /// The engine that owns the memory; addresses mean nothing to another one.
    engine: u64,
    residence: Residence,
}

/// Where the points of an upload are.
pub(crate) enum Residence {
    /// In card memory, with a host copy where the policy may need one.
    Card { buffer: Arc<dyn Buffer>, copy: Option<Arc<[G1Affine]>> },
    /// Only on the host: the upload failed, and the policy allows the CPU then.
    Host { points: Arc<[G1Affine]>, why: String },
}

/// Where the points of a set are.
pub(crate) enum Located<'a> {
    /// In card memory, so many bytes from the start of a block.
    Card { buffer: &'a Arc<dyn Buffer>, offset: u64, copy: Option<&'a [G1Affine]> },
    /// Only on the host, for this reason.
    Host { points: &'a [G1Affine], why: &'a str },
}

impl BaseSet {
    pub(crate) fn new(engine: u64, len: usize, residence: Residence) -> Self {
        BaseSet { upload: Arc::new(Upload { engine, residence }), range: 0..len }
    }

    /// Number of points.
    pub fn len(&self) -> usize {
        self.range.len()
    }

    /// Whether the set has no points.
    pub fn is_empty(&self) -> bool {
        self.range.is_empty()
    }

    /// Whether the points are in card memory; false only under [`Fallback::Any`](super::Fallback::Any) after a failed
    /// upload.
    pub fn is_on_card(&self) -> bool {
        matches!(self.upload.residence, Residence::Card { .. })
    }

    /// The points `range` of this set, sharing its upload.
    ///
    /// # Errors
    /// [`Error::BaseRange`] when the range is not within `0..len()`.
    pub fn slice(&self, range: Range<usize>) -> Result<BaseSet> {
        if range.start > range.end || range.end > self.len() {
            return Err(Error::BaseRange { start: range.start, end: range.end, len: self.len() });
        }
        let range = self.range.start + range.start..self.range.start + range.end;
        Ok(BaseSet { upload: self.upload.clone(), range })
    }

    /// Where the points are, for the engine that made the set.
    ///
    /// # Errors
    /// [`Error::ForeignBases`] for any other engine.
    pub(crate) fn locate(&self, engine: u64) -> Result<Located<'_>> {
        if self.upload.engine != engine {
            return Err(Error::ForeignBases);
        }
        Ok(match &self.upload.residence {
            Residence::Card { buffer, copy } => Located::Card {
                buffer,
                offset: (self.range.start * POINT_BYTES) as u64,
                copy: copy.as_deref().map(|points| &points[self.range.clone()]),
            },
            Residence::Host { points, why } => Located::Host { points: &points[self.range.clone()], why },
        })
    }
}

impl std::fmt::Debug for BaseSet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BaseSet").field("range", &self.range).field("on_card", &self.is_on_card()).finish()
    }
}
