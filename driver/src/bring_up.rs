//! Bringing the card to rest and up again: CC.ENABLE, CSTS, the zeroing of card memory between owners.

use crate::card::Inner;
use crate::{Error, Recovery};
use permafrost_abi::registers::{AdminSize, Cc, DramDirty};
use permafrost_abi::{reg, ALIGN};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// Clocks that zeroing 64 bytes of card memory may take.
const SCRUB_CLOCKS: u64 = 4;
/// No deadline is longer, so that the clock has its end (34,000 years).
const FOREVER: Duration = Duration::from_secs(1 << 40);
/// Between two looks at CSTS while card memory is being zeroed.
const SCRUB_POLL: Duration = Duration::from_micros(200);

impl Inner {
    /// The card's CAP_DEADLINE, scaled: the longest time of a step of the controller, and of an admin command that recovers.
    pub(crate) fn rung_limit(&self) -> Duration {
        let limit = self.info.controller_deadline.saturating_mul(self.scale());
        limit.max(self.options.least_deadline).min(FOREVER)
    }

    /// Brings the card to rest by `recovery`: no DMA after the return. Card memory may still be being zeroed.
    ///
    /// # Errors
    /// Also `CardLost`, which no other kind of reset can help.
    pub(crate) fn rest(&self, recovery: Recovery) -> Result<(), Error> {
        if recovery == Recovery::Function {
            self.mmio.0.reset()?;
            self.mmio.check_alive()?;
        }
        self.note_dirty()?;
        self.mmio.write32(reg::CC, Cc::from_fields(false).0)?;
        let limit = self.rung_limit();
        let start = Instant::now();
        loop {
            let csts = self.mmio.csts()?;
            if !csts.ready() {
                // READY = 0 says nothing on a bus that reads 0 everywhere.
                self.mmio.check_alive()?;
                // Regions may have been written in the meantime.
                return self.note_dirty();
            }
            if start.elapsed() > limit {
                return Err(Error::Controller { wanted: false, csts: csts.0, limit });
            }
            std::thread::yield_now();
        }
    }

    /// Brings the card to rest by the least that helps.
    pub(crate) fn quiesce(&self) -> Result<Recovery, Error> {
        match self.rest(Recovery::Controller) {
            Ok(()) => return Ok(Recovery::Controller),
            Err(error @ Error::CardLost { .. }) => return Err(error),
            Err(error) => tracing::warn!(%error, "controller reset failed, trying a function level reset"),
        }
        self.rest(Recovery::Function)?;
        Ok(Recovery::Function)
    }

    /// Resets the card by the least that helps and brings it up with all its queues; `at_rest` is called whenever it is at
    /// rest, before it is enabled.
    pub(crate) fn bring_up(&self, mut at_rest: impl FnMut()) -> Result<Recovery, Error> {
        let mut last = None;
        for recovery in [Recovery::Controller, Recovery::Function] {
            tracing::debug!(%recovery, limit = ?self.rung_limit(), "resetting");
            let result = self.rest(recovery).and_then(|()| {
                at_rest();
                self.start()
            });
            match result {
                Ok(()) => return Ok(recovery),
                Err(error @ Error::CardLost { .. }) => return Err(error),
                Err(error) => {
                    tracing::warn!(%recovery, %error, "the card did not come up");
                    last = Some(error);
                }
            }
        }
        Err(last.unwrap_or(Error::CardLost { detail: "no reset was tried".into() }))
    }

    /// Sets the queues up and enables the card, which is at rest. Work is let in when all queues are there.
    fn start(&self) -> Result<(), Error> {
        let generation = self.dram.generation();
        let admin = &self.admin;
        admin.prepare();
        self.mmio.write64(reg::ADMIN_SQ, admin.sq.iova())?;
        self.mmio.write64(reg::ADMIN_CQ, admin.cq.iova())?;
        let size = AdminSize::from_fields(admin.entries as u32, admin.entries as u32);
        self.mmio.write32(reg::ADMIN_SIZE, size.0)?;
        self.mmio.0.enable_irqs(self.info.io_queues + 1)?;
        self.enable()?;
        admin.admit(generation);
        self.forget_retired();
        let queues = self.io_queues();
        for queue in &queues {
            queue.prepare();
            self.admin(&queue.creation())?;
        }
        queues.iter().for_each(|queue| queue.admit(generation));
        tracing::info!(generation, io_queues = queues.len(), "card is up");
        Ok(())
    }

    /// Writes CC.ENABLE = 1 and waits for CSTS.READY, which comes after card memory has been zeroed.
    fn enable(&self) -> Result<(), Error> {
        self.mmio.write32(reg::CC, Cc::from_fields(true).0)?;
        let (limit, scrub_limit) = (self.rung_limit(), self.scrub_limit());
        let start = Instant::now();
        let mut zeroed = start;
        loop {
            let csts = self.mmio.csts()?;
            if csts.ready() {
                return self.mmio.check_alive();
            }
            if csts.fatal() {
                return Err(Error::Fatal { csts: csts.0 });
            }
            if csts.scrubbing() {
                zeroed = Instant::now();
                if start.elapsed() > scrub_limit {
                    return Err(Error::Scrub { csts: csts.0, limit: scrub_limit });
                }
                std::thread::sleep(SCRUB_POLL);
            } else if zeroed.elapsed() > limit {
                return Err(Error::Controller { wanted: true, csts: csts.0, limit });
            } else {
                std::thread::yield_now();
            }
        }
    }

    /// Notes how much of card memory has to be zeroed before the card can come up.
    fn note_dirty(&self) -> Result<(), Error> {
        let dirty = DramDirty(self.mmio.read32(reg::DRAM_DIRTY)?);
        let region = 1u64.checked_shl(dirty.log2_bytes()).unwrap_or(u64::MAX);
        let bytes = region.saturating_mul(dirty.regions() as u64).min(self.info.dram_bytes);
        self.dirty.fetch_max(bytes, Ordering::Relaxed);
        Ok(())
    }

    /// How long zeroing what was noted may take.
    fn scrub_limit(&self) -> Duration {
        let clocks = (self.dirty.swap(0, Ordering::Relaxed) / ALIGN as u64).saturating_mul(SCRUB_CLOCKS);
        let time = Duration::from_micros(clocks.saturating_mul(1000) / self.info.clock_khz as u64);
        time.saturating_mul(self.scale()).saturating_add(self.rung_limit())
    }
}
