//! What a list of a caller in this crate is made of: blocks, and MSMs over scalars that are in card memory.

use std::sync::MutexGuard;

use super::bases::Located;
use super::device::{Buffer, ListRun};
use super::finish;
use super::job::{At, MsmJob};
use super::job::{Job, Lane, Step};
use super::point::MsmPoint;
use super::report::{CardRun, Operation};
use super::scalars::{nonzero, Scalars};
use super::secret::Secret;
use super::window::{bound, WindowPlan, SCALAR_BITS};
use super::{lock, BaseSet, Engine};
use crate::error::{Error, Result};

/// An MSM of a list: over all points of a base set, with as many scalars that are in card memory when it runs.
pub(crate) struct ResidentMsm<'a, P> {
    label: &'static str,
    bases: At<'a>,
    n: u32,
    plan: WindowPlan,
    adders: u32,
    /// Whether the scalars are in Montgomery form.
    montgomery: bool,
    /// Bits of the scalars.
    bits: u32,
    /// Points that cost additions, as far as the host knows the scalars.
    work: u64,
    of: std::marker::PhantomData<P>,
}

impl Engine {
    /// A block with these bytes, which are not secret.
    ///
    /// # Errors
    /// [`Error::OutOfCardMemory`], and those of a transfer.
    pub(crate) fn upload_block(&self, bytes: &[u8], what: &'static str) -> Result<Box<dyn Buffer>> {
        let block = self.alloc(bytes.len(), || what.to_owned())?;
        self.run_list(vec![Step::new(Lane::Stream, what, Job::Upload { to: At::start(&*block), bytes })])?;
        Ok(block)
    }

    /// A block for secrets.
    ///
    /// # Errors
    /// [`Error::OutOfCardMemory`].
    pub(crate) fn secret_block(&self, bytes: usize, what: &'static str) -> Result<Secret> {
        self.alloc(bytes, || what.to_owned()).map(Secret)
    }

    /// Runs a list.
    ///
    /// # Errors
    /// Those of its steps.
    pub(crate) fn run_list(&self, list: Vec<Step<'_>>) -> Result<ListRun> {
        self.shared.device.run(list)
    }

    /// While it is held, operations of other threads take no card memory for scalars and results.
    pub(crate) fn exclusive(&self) -> MutexGuard<'_, ()> {
        lock(&self.shared.running)
    }

    /// log2 of the elements of a block of the card's NTT engine, if it has that and a VECTOR engine.
    pub(crate) fn streams(&self) -> Option<u32> {
        let device = &self.shared.device;
        device.vector_lanes().and(device.ntt()).map(|ntt| ntt.log2_block)
    }

    /// Lanes of the engine that steps of this kind use, and the least clocks that a step takes it.
    pub(crate) fn bound(&self, job: &Job<'_>) -> (u32, u64) {
        let device = &self.shared.device;
        let (ntt, vector) = (device.ntt().map_or(1, |ntt| ntt.lanes), device.vector_lanes().unwrap_or(1));
        match job {
            Job::Ntt(job) => (ntt, job.bound(ntt)),
            Job::Vector(job) => (vector, job.bound(vector)),
            _ => (1, 0),
        }
    }

    /// Plans the MSM over a set in card memory, without precomputed multiples. `scalars` are the ones it will find, where
    /// the host knows them; otherwise they are any field elements in Montgomery form.
    ///
    /// # Errors
    /// [`Error::NotOnCard`] for a set that is on the host, [`Error::ForeignBases`], [`Error::TooManyPoints`],
    /// [`Error::NoWindow`], [`Error::ScalarTooWide`].
    pub(crate) fn resident_msm<'a, P: MsmPoint>(
        &self,
        label: &'static str,
        bases: &'a BaseSet<P>,
        scalars: Option<Scalars<'_>>,
    ) -> Result<ResidentMsm<'a, P>> {
        let Located::Card { buffer, first, factor: 1, identities, .. } = bases.locate(self.shared.id)? else {
            return Err(Error::NotOnCard { op: "an MSM over scalars in card memory" });
        };
        let n =
            u32::try_from(bases.len()).map_err(|_| Error::TooManyPoints { n: bases.len(), max: u32::MAX })?;
        let counts = |i: &usize| !identities.contains(first + i);
        let (bits, work) = match &scalars {
            Some(scalars) => (scalars.bit_bound()?, nonzero(scalars.bytes()).filter(counts).count()),
            None => (SCALAR_BITS, (0..bases.len()).filter(counts).count()),
        };
        Ok(ResidentMsm {
            label,
            bases: At { buffer: &**buffer, offset: (first * P::BYTES) as u64 },
            n,
            plan: self.choose::<P>(work as u64, bits)?,
            adders: self.limits().adders.max(1),
            montgomery: scalars.is_none_or(|s| s.is_montgomery()),
            bits,
            work: work as u64,
            of: std::marker::PhantomData,
        })
    }
}

impl<'a, P: MsmPoint> ResidentMsm<'a, P> {
    /// Bytes of its window sums.
    pub(crate) fn result_bytes(&self) -> usize {
        finish::result_bytes::<P>(self.plan, self.adders)
    }

    /// The step, with scalars and window sums in these places.
    pub(crate) fn job(&self, scalars: At<'a>, result: At<'a>) -> MsmJob<'a> {
        MsmJob {
            group: P::GROUP,
            bases: self.bases,
            scalars,
            scalar_stride: 0,
            result,
            n: self.n,
            members: 1,
            plan: self.plan,
            montgomery: self.montgomery,
            additions: self.plan.additions(u64::from(self.n)),
        }
    }

    /// The value, from the window sums, and the record.
    ///
    /// # Errors
    /// [`Error::BadWindowSum`].
    pub(crate) fn finish(&self, sums: &[u8], cycles: u64) -> Result<(P::Group, Operation)> {
        let value = finish::combine::<P>(sums, self.plan, self.adders)?;
        let clocks = P::GROUP.clocks_per_addition();
        let bound = bound(self.work, self.bits);
        let run = CardRun {
            cycles,
            work: self.work,
            bound,
            clocks_per_addition: clocks,
            ratio: (bound * u64::from(clocks)) as f64 / (u64::from(self.adders) * cycles.max(1)) as f64,
            accumulate_ratio: None,
            adders: self.adders,
            precompute: 1,
            scalar_bits: self.bits,
            window_bits: self.plan.window_bits,
            windows: self.plan.windows,
            bytes_up: 0,
            bytes_down: sums.len() as u64,
            counters: None,
        };
        let mut operation = Operation::on_card(P::GROUP, self.n as usize, 1, run);
        operation.label = Some(self.label);
        Ok((value, operation))
    }
}
