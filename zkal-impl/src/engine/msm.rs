//! MSMs: where they go, the way through the card, and their record.

use std::ops::Range;
use std::sync::Arc;

use ark_bn254::G1Projective;
use ark_ff::BigInt;
use zeroize::Zeroizing;

use super::bases::Located;
use super::device::{Buffer, ListRun};
use super::finish;
use super::job::{At, Job, Lane, MsmJob, Step, MAX_BATCH};
use super::point::MsmPoint;
use super::policy::CpuReason;
use super::precompute::part_bits;
use super::report::{CardRun, Op, Operation};
use super::scalars::{nonzero, Scalars, SCALAR_BYTES};
use super::secret::Secret;
use super::window::{bound, plan, MsmLimits, WindowPlan};
use super::{lock, BaseSet, Engine};
use crate::error::{Error, Result};

/// Result of an MSM.
#[derive(Clone, Debug)]
pub struct MsmOutcome<G = G1Projective> {
    /// The sum of scalar times base.
    pub point: G,
    /// Where it was computed, in how many clocks, and how that compares with the bound. For a member of a batch this is
    /// the record of the whole command that it was computed in ([`Operation::batch`] members).
    pub operation: Operation,
}

/// The points of an MSM.
struct Points<'a, P> {
    /// On the host, at least as many as scalars.
    copy: Option<&'a [P]>,
    is_identity: &'a dyn Fn(usize) -> bool,
    /// Brings them to card memory, if need be.
    resident: &'a dyn Fn() -> Result<Resident>,
    /// Multiples of each point there.
    factor: u32,
}

/// Points in card memory, from point `first` of a block on.
struct Resident {
    buffer: Arc<dyn Buffer>,
    first: usize,
}

/// One scalar vector on its way to the card.
struct Member<'a> {
    bytes: Bytes<'a>,
    /// Bits of the scalars.
    bits: u32,
    /// Points that cost additions.
    work: u64,
    /// Of the stored points, those that do: each point is stored as `factor` multiples.
    stored_work: u64,
}

enum Bytes<'a> {
    Whole(&'a [u8]),
    Parts(Zeroizing<Vec<BigInt<4>>>),
}

impl Bytes<'_> {
    fn get(&self) -> &[u8] {
        match self {
            Bytes::Whole(bytes) => bytes,
            Bytes::Parts(parts) => Scalars::canonical(parts).bytes(),
        }
    }
}

impl<'a> Member<'a> {
    fn new(scalars: &Scalars<'a>, factor: u32, is_identity: &dyn Fn(usize) -> bool) -> Result<Self> {
        let bits = scalars.bit_bound()?;
        let count = |bytes: &[u8], per_point: usize| {
            nonzero(bytes).filter(|i| !is_identity(i / per_point)).count() as u64
        };
        let work = count(scalars.bytes(), 1);
        Ok(match factor {
            1 => Member { bytes: Bytes::Whole(scalars.bytes()), bits, work, stored_work: work },
            _ => {
                let bytes = Bytes::Parts(scalars.split(factor, part_bits(factor)));
                let stored_work = count(bytes.get(), factor as usize);
                Member { bytes, bits, work, stored_work }
            }
        })
    }
}

impl Engine {
    /// MSM over the points `range` of a base set: `Σ scalars[i] · bases[range.start + i]`. Where the numbers of
    /// points and scalars differ, the shorter decides, as in arkworks' `msm_bigint`.
    ///
    /// # Errors
    /// [`Error::BaseRange`] and [`Error::ForeignBases`] for a wrong set, [`Error::ScalarTooWide`] for canonical
    /// values that are no BN254 scalars, and any card failure that the policy does not turn into a fallback.
    pub fn msm<P: MsmPoint>(
        &self,
        bases: &BaseSet<P>,
        range: Range<usize>,
        scalars: Scalars<'_>,
    ) -> Result<MsmOutcome<P::Group>> {
        self.msm_as(None, bases, range, scalars)
    }

    /// [`msm`](Self::msm) with a label for the report.
    pub(crate) fn msm_as<P: MsmPoint>(
        &self,
        label: Option<&'static str>,
        bases: &BaseSet<P>,
        range: Range<usize>,
        scalars: Scalars<'_>,
    ) -> Result<MsmOutcome<P::Group>> {
        Ok(only(self.msms(label, bases, range, &[scalars])?))
    }

    /// Several MSMs over the same points, in the order of `batch`: outcome k is that of
    /// [`msm`](Self::msm)`(bases, range, batch[k])`. One command of the card computes all of them, the end of each hidden
    /// behind the beginning of the next; more than one only where card memory does not hold all scalars, or where the form
    /// (canonical, Montgomery) changes within the batch. A member that is shorter than the others is padded with zeros.
    ///
    /// # Errors
    /// As [`msm`](Self::msm); any member's.
    pub fn msm_batch<P: MsmPoint>(
        &self,
        bases: &BaseSet<P>,
        range: Range<usize>,
        batch: &[Scalars<'_>],
    ) -> Result<Vec<MsmOutcome<P::Group>>> {
        self.msms(None, bases, range, batch)
    }

    fn msms<P: MsmPoint>(
        &self,
        label: Option<&'static str>,
        bases: &BaseSet<P>,
        range: Range<usize>,
        batch: &[Scalars<'_>],
    ) -> Result<Vec<MsmOutcome<P::Group>>> {
        let bases = bases.slice(range)?;
        let batch: Vec<Scalars<'_>> = batch.iter().map(|s| s.prefix(bases.len())).collect();
        match bases.locate(self.shared.id)? {
            Located::Card { buffer, first, factor, identities, copy } => {
                let is_identity = |i| identities.contains(first + i);
                let resident = || Ok(Resident { buffer: buffer.clone(), first });
                self.run(
                    label,
                    &batch,
                    &Points { copy, is_identity: &is_identity, resident: &resident, factor },
                )
            }
            Located::Host { points, why } => {
                batch.iter().try_for_each(|s| s.bit_bound().map(drop))?;
                Ok(batch.iter().map(|s| self.on_cpu(label, s, points, why.clone())).collect())
            }
        }
    }

    /// MSM over a plain slice. The points are uploaded on first sight and found again by their content (every byte
    /// is hashed on every call); they leave card memory when room is needed, least recently used first.
    ///
    /// # Errors
    /// As [`msm`](Self::msm) and [`upload_bases`](Self::upload_bases).
    pub fn msm_slice<P: MsmPoint>(&self, points: &[P], scalars: Scalars<'_>) -> Result<MsmOutcome<P::Group>> {
        let scalars = scalars.prefix(points.len());
        if let Some(why) = self.without_engine(P::GROUP)? {
            scalars.bit_bound()?;
            return Ok(self.on_cpu(None, &scalars, points, why));
        }
        let is_identity = |i: usize| points[i].is_zero();
        let resident = || Ok(Resident { buffer: self.cached(points)?, first: 0 });
        let points = Points { copy: Some(points), is_identity: &is_identity, resident: &resident, factor: 1 };
        Ok(only(self.run(None, &[scalars], &points)?))
    }

    /// Applies the policy: the card, or the CPU for small MSMs or after a card failure.
    fn run<P: MsmPoint>(
        &self,
        label: Option<&'static str>,
        batch: &[Scalars<'_>],
        points: &Points<'_, P>,
    ) -> Result<Vec<MsmOutcome<P::Group>>> {
        let fallback = self.policy().msm;
        batch.iter().try_for_each(|s| s.bit_bound().map(drop))?;
        let longest = batch.iter().map(Scalars::len).max().unwrap_or(0);
        if let (true, Some(copy)) = (longest < fallback.below(), points.copy) {
            let reason = CpuReason::Small { below: fallback.below() };
            return Ok(batch.iter().map(|s| self.on_cpu(label, s, copy, reason.clone())).collect());
        }
        let mut outcomes = Vec::with_capacity(batch.len());
        while let Some(first) = batch.get(outcomes.len()) {
            let rest = &batch[outcomes.len()..];
            // A command has one form.
            let same = rest.iter().take_while(|s| s.is_montgomery() == first.is_montgomery()).count();
            // More than card memory holds need not be tried.
            let stride = stride(longest * points.factor as usize);
            let held = usize::try_from(self.mem_info().total).unwrap_or(usize::MAX) / stride;
            let mut take = same.min(MAX_BATCH).min(held.max(1));
            let result = (points.resident)().and_then(|resident| loop {
                match self.on_card(&resident, &rest[..take], points) {
                    Err(Error::OutOfCardMemory { .. }) if take > 1 => take = take.div_ceil(2),
                    result => break result,
                }
            });
            match (result, points.copy) {
                (Ok((values, mut operation)), _) => {
                    operation.label = label;
                    self.log(&operation);
                    let outcome = |point| MsmOutcome { point, operation: operation.clone() };
                    outcomes.extend(values.into_iter().map(outcome));
                }
                (Err(error), Some(copy)) if fallback.on_error() && error.is_card_failure() => {
                    tracing::warn!(n = longest, %error, "MSM falls back to the CPU");
                    let reason = CpuReason::CardFailed(error.to_string());
                    let on_cpu = |s| self.on_cpu(label, s, copy, reason.clone());
                    outcomes.extend(rest[..take].iter().map(on_cpu));
                }
                (Err(error), _) => return Err(error),
            }
        }
        Ok(outcomes)
    }

    /// Runs one command: scalars up, results down, Horner. All of `batch` (one at least) have the same form.
    fn on_card<P: MsmPoint>(
        &self,
        bases: &Resident,
        batch: &[Scalars<'_>],
        points: &Points<'_, P>,
    ) -> Result<(Vec<P::Group>, Operation)> {
        let factor = points.factor;
        let longest = batch.iter().map(Scalars::len).max().unwrap_or(0);
        let stored = longest * factor as usize;
        let n = u32::try_from(stored).map_err(|_| Error::TooManyPoints { n: stored, max: u32::MAX })?;
        let member = |s| Member::new(s, factor, points.is_identity);
        let members = batch.iter().map(member).collect::<Result<Vec<_>>>()?;
        let bits = members.iter().map(|m| m.bits).max().unwrap_or(0);
        let stored_work: u64 = members.iter().map(|m| m.stored_work).sum();
        let plan =
            self.choose::<P>(stored_work.div_ceil(members.len() as u64), bits.min(part_bits(factor)))?;

        let device = &self.shared.device;
        let adders = device.limits().adders.max(1);
        let stride = stride(stored);
        let scalar_bytes = match &*members {
            [member] => member.bytes.get().len(),
            members => stride * members.len(),
        };
        let result_bytes = finish::result_bytes::<P>(plan, adders);
        let (results, ListRun { cycles, counters, .. }) = {
            let _running = lock(&self.shared.running);
            let input = Secret(self.alloc(scalar_bytes, || {
                format!("{} scalars of {SCALAR_BYTES} bytes for each of {} MSMs", n, members.len())
            })?);
            let output = Secret(self.alloc(result_bytes * members.len(), || {
                format!("{} window sums of {} MSMs", plan.windows, members.len())
            })?);
            let (scalars, result) = (At::start(&*input.0), At::start(&*output.0));
            let job = MsmJob {
                group: P::GROUP,
                bases: At {
                    buffer: &*bases.buffer,
                    offset: (bases.first * factor as usize * P::BYTES) as u64,
                },
                scalars,
                scalar_stride: stride as u64,
                result,
                n,
                members: members.len() as u32,
                plan,
                montgomery: factor == 1 && batch[0].is_montgomery(),
                additions: members.len() as u64 * plan.additions(u64::from(n)),
            };
            // Lists of one step each: the counters over the command are the figures that reports have.
            let alone = |lane, label, job| device.run(vec![Step::new(lane, label, job)]);
            let vectors = vectors(&members, stride);
            alone(Lane::Stream, "scalars", Job::Upload { to: scalars, bytes: vectors.get() })?;
            let run = alone(Lane::Compute, "MSM", Job::Msm(job))?;
            let mut results = Zeroizing::new(vec![0; result_bytes * members.len()]);
            alone(Lane::Stream, "window sums", Job::Download { from: result, bytes: &mut results })?;
            (results, run)
        };
        let cycles = cycles.iter().sum();

        let values = results
            .chunks_exact(result_bytes)
            .map(|result| finish::combine::<P>(result, plan, adders))
            .collect::<Result<Vec<_>>>()?;
        let clocks = P::GROUP.clocks_per_addition();
        let by = |additions: u64, cycles: u64| {
            additions as f64 * f64::from(clocks) / (f64::from(adders) * cycles.max(1) as f64)
        };
        let bound = members.iter().map(|m| bound(m.work, m.bits)).sum();
        let run = CardRun {
            cycles,
            work: members.iter().map(|m| m.work).sum(),
            bound,
            clocks_per_addition: clocks,
            ratio: by(bound, cycles),
            accumulate_ratio: Some(by(stored_work * u64::from(plan.windows), counters.msm_accumulate)),
            adders,
            precompute: factor,
            scalar_bits: bits,
            window_bits: plan.window_bits,
            windows: plan.windows,
            bytes_up: scalar_bytes as u64,
            bytes_down: results.len() as u64,
            counters: Some(counters),
        };
        Ok((values, Operation::on_card(P::GROUP, longest, members.len(), run)))
    }

    /// The windows for `n` points and scalars of `bits` bits: the best, or what [`with_window`](Self::with_window) says.
    pub(super) fn choose<P: MsmPoint>(&self, n: u64, bits: u32) -> Result<WindowPlan> {
        let limits = self.limits();
        let Some(window) = self.window else { return plan(n, bits, P::GROUP, &limits) };
        let MsmLimits { min_window: min, max_window: max, .. } = limits;
        let only = MsmLimits { min_window: min.max(window), max_window: max.min(window), ..limits };
        plan(n, bits, P::GROUP, &only).map_err(|_| {
            let slots = limits.slots_of(P::GROUP);
            Error::Window { window, bits, min, max, slots }
        })
    }

    fn on_cpu<P: MsmPoint>(
        &self,
        label: Option<&'static str>,
        scalars: &Scalars<'_>,
        points: &[P],
        reason: CpuReason,
    ) -> MsmOutcome<P::Group> {
        let point = scalars.msm_on_cpu(&points[..scalars.len()]);
        let mut operation = Operation::on_cpu(Op::Msm, Some(P::GROUP), scalars.len(), reason);
        operation.label = label;
        self.log(&operation);
        MsmOutcome { point, operation }
    }
}

/// The outcome of a batch of one.
fn only<T>(outcomes: Vec<T>) -> T {
    let mut outcomes = outcomes.into_iter();
    outcomes.next().unwrap_or_else(|| unreachable!("every member of a batch has an outcome"))
}

/// Bytes from one vector of `n` scalars to the next in card memory.
fn stride(n: usize) -> usize {
    (n * SCALAR_BYTES).max(1).next_multiple_of(permafrost_abi::ALIGN as usize)
}

/// The scalar vectors of a command as they lie in card memory, `stride` bytes from one to the next: borrowed when there
/// is only one.
fn vectors<'a>(members: &'a [Member<'_>], stride: usize) -> Vectors<'a> {
    if let [member] = members {
        return Vectors::One(member.bytes.get());
    }
    let mut bytes = Zeroizing::new(vec![0; stride * members.len()]);
    for (vector, member) in bytes.chunks_exact_mut(stride).zip(members) {
        let member = member.bytes.get();
        vector[..member.len()].copy_from_slice(member);
    }
    Vectors::Many(bytes)
}

enum Vectors<'a> {
    One(&'a [u8]),
    Many(Zeroizing<Vec<u8>>),
}

impl Vectors<'_> {
    fn get(&self) -> &[u8] {
        match self {
            Vectors::One(bytes) => bytes,
            Vectors::Many(bytes) => bytes,
        }
    }
}
