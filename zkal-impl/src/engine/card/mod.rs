//! The card behind the driver as the engine's device.

mod command;
mod list;
#[cfg(test)]
mod tests;

use permafrost_driver::{Card, DramBuf, Request};

use super::device::{Buffer, Device, ListRun, MemInfo, NttLimits};
use super::job::{check_order, Step};
use super::window::MsmLimits;
use crate::error::{Error, Result};

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
}

impl Device for CardDevice {
    fn name(&self) -> &str {
        &self.card.info().transport
    }

    fn limits(&self) -> MsmLimits {
        self.limits
    }

    fn ntt(&self) -> Option<NttLimits> {
        let ntt = self.card.info().ntt?;
        Some(NttLimits { lanes: ntt.lanes, log2_block: ntt.log2_block })
    }

    fn vector_lanes(&self) -> Option<u32> {
        Some(self.card.info().vector?.lanes)
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

    fn run(&self, list: Vec<Step<'_>>) -> Result<ListRun> {
        check_order(&list)?;
        list::Run::new(&self.card).run(list)
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

    fn capacity(&self) -> u64 {
        self.block.capacity()
    }

    fn is_valid(&self) -> bool {
        self.block.is_valid()
    }

    fn erase(&self) -> Result<()> {
        self.card.fill(&self.block, 0, self.block.capacity(), 0)?;
        Ok(())
    }

    fn attach(&self, request: Request) -> Request {
        request.using(&self.block)
    }
}
