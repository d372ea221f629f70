//! Base sets: points uploaded once and used often.

use std::ops::Range;
use std::sync::Arc;

use ark_bn254::G1Affine;

use super::device::Buffer;
use super::point::MsmPoint;
use super::policy::CpuReason;
use crate::error::{Error, Result};

/// Points of G1 (`P` = `G1Affine`) or G2 (`G2Affine`) in card memory, by reference count: clones, [`slice`](BaseSet::slice)s
/// and [`prefix`](BaseSet::prefix)es share one upload, and card memory is freed when the last of them is dropped.
#[derive(Clone)]
pub struct BaseSet<P: MsmPoint = G1Affine> {
    upload: Arc<Upload<P>>,
    range: Range<usize>,
}

struct Upload<P> {
    /// The engine that owns the memory; addresses mean nothing to another one.
    engine: u64,
    residence: Residence<P>,
    identities: Identities,
    /// Multiples of each point in card memory.
    factor: u32,
}

/// Which points are the identity: a bit a point. They cost the card no addition, so the window choice leaves them out.
pub(crate) struct Identities(Vec<u64>);

impl Identities {
    fn of<P: MsmPoint>(points: &[P]) -> Self {
        let word =
            |chunk: &[P]| chunk.iter().enumerate().fold(0, |word, (i, p)| word | u64::from(p.is_zero()) << i);
        Identities(points.chunks(64).map(word).collect())
    }

    /// Whether point `i`, which exists, is the identity.
    pub(crate) fn contains(&self, i: usize) -> bool {
        self.0[i / 64] >> (i % 64) & 1 == 1
    }
}

/// Where the points of an upload are.
pub(crate) enum Residence<P> {
    /// In card memory, with a host copy where the policy may need one.
    Card { buffer: Arc<dyn Buffer>, copy: Option<Arc<[P]>> },
    /// Only on the host: the card has no engine for the group, or the upload failed, and the policy allows the CPU then.
    Host { points: Arc<[P]>, why: CpuReason },
}

/// Where the points of a set are.
pub(crate) enum Located<'a, P> {
    /// In card memory, from point `first` of a block with `factor` multiples of each point on.
    Card {
        buffer: &'a Arc<dyn Buffer>,
        first: usize,
        factor: u32,
        identities: &'a Identities,
        copy: Option<&'a [P]>,
    },
    /// Only on the host, for this reason.
    Host { points: &'a [P], why: &'a CpuReason },
}

impl<P: MsmPoint> BaseSet<P> {
    pub(crate) fn new(engine: u64, points: &[P], factor: u32, residence: Residence<P>) -> Self {
        let upload = Upload { engine, residence, identities: Identities::of(points), factor };
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

    /// Whether the points are in card memory. They are not on a card without an engine for their group, and, under
    /// [`Fallback::Any`](super::Fallback::Any), after a failed upload.
    pub fn is_on_card(&self) -> bool {
        matches!(self.upload.residence, Residence::Card { .. })
    }

    /// Multiples of each point: 1, or the factor given to
    /// [`Engine::upload_precomputed`](super::Engine::upload_precomputed); on the host there is only the point.
    pub fn precompute(&self) -> u32 {
        self.upload.factor
    }

    /// Bytes that this set's points take, or would take, in card memory.
    pub fn card_bytes(&self) -> u64 {
        self.len() as u64 * u64::from(self.upload.factor) * P::BYTES as u64
    }

    /// The first `n` points; shares the upload.
    ///
    /// # Errors
    /// [`Error::BaseRange`] for more points than there are.
    pub fn prefix(&self, n: usize) -> Result<Self> {
        self.slice(0..n)
    }

    /// Part of the set; shares the upload.
    ///
    /// # Errors
    /// [`Error::BaseRange`] for a range outside the set.
    pub fn slice(&self, range: Range<usize>) -> Result<Self> {
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
    pub(crate) fn locate(&self, engine: u64) -> Result<Located<'_, P>> {
        if self.upload.engine != engine {
            return Err(Error::ForeignBases);
        }
        Ok(match &self.upload.residence {
            Residence::Card { buffer, copy } => Located::Card {
                buffer,
                first: self.range.start,
                factor: self.upload.factor,
                identities: &self.upload.identities,
                copy: copy.as_deref().map(|points| &points[self.range.clone()]),
            },
            Residence::Host { points, why } => Located::Host { points: &points[self.range.clone()], why },
        })
    }
}

impl<P: MsmPoint> std::fmt::Debug for BaseSet<P> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BaseSet")
            .field("group", &P::GROUP)
            .field("range", &self.range)
            .field("precompute", &self.upload.factor)
            .field("on_card", &self.is_on_card())
            .finish()
    }
}
