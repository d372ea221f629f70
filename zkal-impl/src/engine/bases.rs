//! Base sets: points uploaded once and used often.

use std::ops::Range;
use std::sync::Arc;

use ark_bn254::G1Affine;
use ark_ec::AffineRepr;

use super::device::Buffer;
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
    identities: Identities,
}

/// Which points are the identity: a bit a point. They cost the card no addition, so the window choice leaves them out.
pub(crate) struct Identities(Vec<u64>);

impl Identities {
    fn of(points: &[G1Affine]) -> Self {
        let word = |chunk: &[G1Affine]| {
            chunk.iter().enumerate().fold(0, |word, (i, p)| word | u64::from(p.is_zero()) << i)
        };
        Identities(points.chunks(64).map(word).collect())
    }

    /// Whether point `i`, which exists, is the identity.
    pub(crate) fn contains(&self, i: usize) -> bool {
        self.0[i / 64] >> (i % 64) & 1 == 1
    }
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
    /// In card memory, from point `first` of a block on.
    Card {
        buffer: &'a Arc<dyn Buffer>,
        first: usize,
        identities: &'a Identities,
        copy: Option<&'a [G1Affine]>,
    },
    /// Only on the host, for this reason.
    Host { points: &'a [G1Affine], why: &'a str },
}

impl BaseSet {
    pub(crate) fn new(engine: u64, points: &[G1Affine], residence: Residence) -> Self {
        let upload = Upload { engine, residence, identities: Identities::of(points) };
        BaseSet { upload: Arc::new(upload), range: 0..points.len() }
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
                first: self.range.start,
                identities: &self.upload.identities,
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
