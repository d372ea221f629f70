//! One MSM: where it goes, the way through the card, and its record.

use std::ops::Range;
use std::sync::Arc;

use ark_bn254::{G1Affine, G1Projective, G2Affine, G2Projective};
use ark_ec::AffineRepr;

use super::bases::Located;
use super::device::{Buffer, MsmJob, MsmRun};
use super::finish::{self, SUM_BYTES};
use super::layout::{Scalars, POINT_BYTES, SCALAR_BYTES};
use super::policy::CpuReason;
use super::report::{CardRun, Group, Op, Operation};
use super::window::{bound, plan};
use super::{lock, BaseSet, Engine};
use crate::error::{Error, Result};

/// Result of an MSM.
#[derive(Clone, Debug)]
pub struct MsmOutcome<G = G1Projective> {
    /// The sum of scalar times base.
    pub point: G,
    /// Where it was computed, in how many clocks, and how that compares with the bound.
    pub operation: Operation,
}

/// A block of card memory with scalars or what was made of them: a witness, usually. Erased before it is freed, so that
/// the next owner of the memory does not see it.
struct Secret(Box<dyn Buffer>);

impl Drop for Secret {
    fn drop(&mut self) {
        // After a reset of the card the memory may belong to another block already.
        if self.0.is_valid() {
            if let Err(error) = self.0.erase() {
                tracing::warn!(address = self.0.address(), %error, "scalars stay in card memory");
            }
        }
    }
}

impl Engine {
    /// MSM over the points `range` of a base set: `Σ scalars[i] · bases[range.start + i]`. Where the numbers of
    /// points and scalars differ, the shorter decides, as in arkworks' `msm_bigint`.
    ///
    /// # Errors
    /// [`Error::BaseRange`] and [`Error::ForeignBases`] for a wrong set, [`Error::ScalarTooWide`] for canonical
    /// values that are no BN254 scalars, and any card failure that the policy does not turn into a fallback.
    pub fn msm(&self, bases: &BaseSet, range: Range<usize>, scalars: Scalars<'_>) -> Result<MsmOutcome> {
        self.msm_as(None, bases, range, scalars)
    }

    /// [`msm`](Self::msm) with a label for the report.
    pub(crate) fn msm_as(
        &self,
        label: Option<&'static str>,
        bases: &BaseSet,
        range: Range<usize>,
        scalars: Scalars<'_>,
    ) -> Result<MsmOutcome> {
        let bases = bases.slice(range)?;
        let scalars = scalars.prefix(bases.len());
        match bases.locate(self.shared.id)? {
            Located::Card { buffer, first, identities, copy } => {
                let is_identity = |i| identities.contains(first + i);
                self.run(label, scalars, copy, is_identity, || Ok((buffer.clone(), first)))
            }
            Located::Host { points, why } => {
                scalars.bit_bound()?;
                Ok(self.on_cpu(label, scalars, points, CpuReason::CardFailed(why.to_owned())))
            }
        }
    }

    /// MSM over a plain slice. The points are uploaded on first sight and found again by their content (every byte
    /// is hashed on every call); they leave card memory when room is needed, least recently used first.
    ///
    /// # Errors
    /// As [`msm`](Self::msm) and [`upload_bases`](Self::upload_bases).
    pub fn msm_slice(&self, points: &[G1Affine], scalars: Scalars<'_>) -> Result<MsmOutcome> {
        let scalars = scalars.prefix(points.len());
        let is_identity = |i: usize| points[i].is_zero();
        self.run(None, scalars, Some(points), is_identity, || Ok((self.cached(points)?, 0)))
    }

    /// Applies the policy: the card, or the CPU for a small MSM or after a card failure. `copy` are the points on the
    /// host, at least as many as scalars; `resident` brings them to card memory and says in which block, and from
    /// which point of it on, they are.
    fn run(
        &self,
        label: Option<&'static str>,
        scalars: Scalars<'_>,
        copy: Option<&[G1Affine]>,
        is_identity: impl Fn(usize) -> bool,
        resident: impl FnOnce() -> Result<(Arc<dyn Buffer>, usize)>,
    ) -> Result<MsmOutcome> {
        let fallback = self.policy().g1;
        let bits = scalars.bit_bound()?;
        if let (true, Some(points)) = (scalars.len() < fallback.below(), copy) {
            return Ok(self.on_cpu(label, scalars, points, CpuReason::Small { below: fallback.below() }));
        }
        let work = scalars.nonzero().filter(|&i| !is_identity(i)).count() as u64;
        let result = resident().and_then(|(bases, first)| self.on_card(&*bases, first, scalars, bits, work));
        match (result, copy) {
            (Ok((point, run)), _) => {
                let operation = Operation::on_card(scalars.len(), run);
                Ok(self.finish(label, point, operation))
            }
            (Err(error), Some(points)) if fallback.on_error() && error.is_card_failure() => {
                tracing::warn!(n = scalars.len(), %error, "G1 MSM falls back to the CPU");
                Ok(self.on_cpu(label, scalars, points, CpuReason::CardFailed(error.to_string())))
            }
            (Err(error), _) => Err(error),
        }
    }

    /// Runs on the card: scalars up, one command, window sums down, Horner. `work` counts the points that cost
    /// additions: identities and zero scalars do not.
    fn on_card(
        &self,
        bases: &dyn Buffer,
        first: usize,
        scalars: Scalars<'_>,
        bits: u32,
        work: u64,
    ) -> Result<(G1Projective, CardRun)> {
        let n = u32::try_from(scalars.len())
            .map_err(|_| Error::TooManyPoints { n: scalars.len(), max: u32::MAX })?;
        let device = &self.shared.device;
        let limits = device.limits();
        let plan = plan(work, bits, &limits)?;
        let result_bytes = plan.windows as usize * SUM_BYTES;
        let (sums, MsmRun { cycles, counters }) = {
            let _running = lock(&self.shared.running);
            let input = Secret(self.alloc(scalars.len() * SCALAR_BYTES, || format!("{n} scalars"))?);
            let output = Secret(self.alloc(result_bytes, || format!("{} window sums", plan.windows))?);
            input.0.write(scalars.bytes())?;
            let run = device.msm(&MsmJob {
                bases,
                bases_offset: (first * POINT_BYTES) as u64,
                scalars: &*input.0,
                result: &*output.0,
                n,
                plan,
                montgomery: scalars.is_montgomery(),
            })?;
            let mut sums = vec![0; result_bytes];
            output.0.read(&mut sums)?;
            (sums, run)
        };

        let point = finish::combine(&sums, plan)?;
        let bound = bound(work, bits);
        let by =
            |work: u64, clocks: u64| work as f64 / (f64::from(limits.adders.max(1)) * clocks.max(1) as f64);
        let run = CardRun {
            cycles,
            work,
            bound,
            ratio: by(bound, cycles),
            accumulate_ratio: by(work * u64::from(plan.windows), counters.msm_accumulate),
            adders: limits.adders,
            scalar_bits: bits,
            window_bits: plan.window_bits,
            windows: plan.windows,
            bytes_up: (scalars.len() * SCALAR_BYTES) as u64,
            bytes_down: result_bytes as u64,
            counters,
        };
        Ok((point, run))
    }

    fn on_cpu(
        &self,
        label: Option<&'static str>,
        scalars: Scalars<'_>,
        points: &[G1Affine],
        reason: CpuReason,
    ) -> MsmOutcome {
        let point = scalars.msm_on_cpu(&points[..scalars.len()]);
        let operation = Operation::on_cpu(Op::Msm, Some(Group::G1), scalars.len(), reason);
        self.finish(label, point, operation)
    }

    /// MSM in G2, on the CPU: no card has a G2 engine yet, and [`Policy::g2`](super::Policy::g2) says whether that is
    /// acceptable. Where the numbers of points and scalars differ, the shorter decides.
    ///
    /// # Errors
    /// [`Error::NotOnCard`] when the policy refuses, [`Error::ScalarTooWide`] as for [`msm`](Self::msm).
    pub fn msm_g2(&self, points: &[G2Affine], scalars: Scalars<'_>) -> Result<MsmOutcome<G2Projective>> {
        self.msm_g2_as(None, points, scalars)
    }

    /// [`msm_g2`](Self::msm_g2) with a label for the report.
    pub(crate) fn msm_g2_as(
        &self,
        label: Option<&'static str>,
        points: &[G2Affine],
        scalars: Scalars<'_>,
    ) -> Result<MsmOutcome<G2Projective>> {
        self.allow_cpu(self.policy().g2, "G2 multi-scalar multiplication")?;
        scalars.bit_bound()?;
        let n = points.len().min(scalars.len());
        let point = scalars.prefix(n).msm_on_cpu(&points[..n]);
        let operation = Operation::on_cpu(Op::Msm, Some(Group::G2), n, CpuReason::NoEngine);
        Ok(self.finish(label, point, operation))
    }

    /// Logs an operation and pairs it with its result.
    fn finish<G>(&self, label: Option<&'static str>, point: G, mut operation: Operation) -> MsmOutcome<G> {
        operation.label = label;
        self.log(&operation);
        MsmOutcome { point, operation }
    }
}
