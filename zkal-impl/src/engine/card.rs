//! The card behind the driver as the engine's device.

use std::time::Duration;

use permafrost_abi::{MsmCommand, MSM_FORMAT_MONTGOMERY};
use permafrost_driver::{Card, DramBuf, Request};

use super::device::{Buffer, Device, MemInfo, MsmJob, MsmRun};
use super::report::{Counters, Group};
use super::window::MsmLimits;
use crate::error::{Error, Result};

/// Time a command may take beyond its arithmetic.
const DEADLINE_BASE: Duration = Duration::from_secs(10);
/// A command that takes this many times its arithmetic is taken for hung.
const DEADLINE_FACTOR: u64 = 16;

/// An open card with an MSM engine.
pub(crate) struct CardDevice {
    card: Card,
    limits: MsmLimits,
}

impl CardDevice {
    /// # Errors
    /// [`Error::NoMsmEngine`] when the card has none.
    pub(crate) fn new(card: Card) -> Result<Self> {
        let info = card.info();
        let msm = info
            .msm
            .filter(|_| info.engines.msm_g1())
            .ok_or_else(|| Error::NoMsmEngine { card: info.transport.clone(), engines: info.engines.0 })?;
        let limits = MsmLimits {
            adders: msm.adders,
            min_window: msm.min_window,
            max_window: msm.max_window,
            slots: 1u64.checked_shl(msm.log2_slots).unwrap_or(u64::MAX),
            g2: info.engines.msm_g2(),
        };
        Ok(CardDevice { card, limits })
    }

    /// Longest time an MSM command may take at the card's clock: a multiple of its arithmetic, and a base.
    fn deadline(&self, job: &MsmJob<'_>) -> Duration {
        let clocks = job.additions.saturating_mul(u64::from(job.group.clocks_per_addition()));
        let milliseconds = clocks / u64::from(self.card.info().clock_khz);
        DEADLINE_BASE + Duration::from_millis(milliseconds.saturating_mul(DEADLINE_FACTOR))
    }
}

impl Device for CardDevice {
    fn name(&self) -> &str {
        &self.card.info().transport
    }

    fn limits(&self) -> MsmLimits {
        self.limits
    }

    fn memory(&self) -> MemInfo {
        let usage = self.card.dram().usage();
        MemInfo { total: usage.total, used: usage.used, free: usage.free, largest: usage.largest }
    }

    fn alloc(&self, bytes: u64, what: &str) -> Result<Box<dyn Buffer>> {
        use permafrost_driver::Error as Driver;
        let block = self.card.dram().alloc(bytes).map_err(|error| match error {
            Driver::OutOfCardMemory { requested, free, largest, total } => {
                Error::OutOfCardMemory { what: what.to_owned(), needed: requested, free, largest, total }
            }
            other => Error::Driver(other),
        })?;
        Ok(Box::new(CardBuffer { card: self.card.clone(), block }))
    }

    fn msm(&self, job: &MsmJob<'_>) -> Result<MsmRun> {
        let group = match job.group {
            Group::G1 => permafrost_abi::Group::G1,
            Group::G2 => permafrost_abi::Group::G2,
        };
        let command = MsmCommand {
            bases: job.bases.address() + job.bases_offset,
            scalars: job.scalars.address(),
            result: job.result.address(),
            n: job.n,
            window_bits: job.plan.window_bits as u8,
            windows: job.plan.windows as u8,
            group: group as u8,
            format: if job.montgomery { MSM_FORMAT_MONTGOMERY } else { 0 },
            more: (job.members - 1) as u16,
            scalar_stride: if job.members > 1 { job.scalar_stride } else { 0 },
            ..Default::default()
        };
        let request = [job.bases, job.scalars, job.result]
            .iter()
            .fold(Request::new(&command), |request, buffer| buffer.attach(request))
            .deadline(self.deadline(job));
        let before = self.card.counters()?;
        let done = self.card.run(self.card.least_loaded_queue(), request)?;
        let d = self.card.counters()?.since(&before);
        // The completion's 32-bit count saturates; the card's clock counter then bounds it from above.
        let cycles = if done.cycles == u32::MAX { d.cycles } else { u64::from(done.cycles) };
        let counters = Counters {
            msm_busy: d.msm_busy,
            msm_accumulate: d.msm_accumulate,
            msm_aggregate: d.msm_aggregate,
            msm_additions: d.msm_additions,
            msm_points: d.msm_points,
            msm_stall_feed: d.msm_stall_feed,
            msm_stall_slot: d.msm_stall_slot,
            msm_tail: d.msm_tail,
            msm_queued: d.msm_queued,
            dram_read_bytes: d.dram_read_bytes,
            dram_write_bytes: d.dram_write_bytes,
        };
        Ok(MsmRun { cycles, counters })
    }
}

struct CardBuffer {
    card: Card,
    block: DramBuf,
}

impl Buffer for CardBuffer {
    fn address(&self) -> u64 {
        self.block.address()
    }

    fn is_valid(&self) -> bool {
        self.block.is_valid()
    }

    fn write(&self, bytes: &[u8]) -> Result<()> {
        if !bytes.is_empty() {
            self.card.write(&self.block, 0, bytes)?;
        }
        Ok(())
    }

    fn read(&self, bytes: &mut [u8]) -> Result<()> {
        self.card.read(&self.block, 0, bytes)?;
        Ok(())
    }

    fn erase(&self) -> Result<()> {
        self.card.fill(&self.block, 0, self.block.capacity(), 0)?;
        Ok(())
    }

    fn attach(&self, request: Request) -> Request {
        request.using(&self.block)
    }
}
