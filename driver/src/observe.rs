//! Looking at a card that somebody else uses: registers and counters, by reads alone.

use crate::mmio::Mmio;
use crate::{CardInfo, Counters, Error, Syndrome};
use permafrost_abi::registers::{Csts, DramDirty};
use permafrost_abi::{queue_depth, reg, Transport};
use std::sync::Arc;
use std::time::Instant;

/// Looks at a card through a transport of which only [`Transport::read32`] is used.
pub struct Observer {
    mmio: Mmio,
}

/// A card at one moment; the counters a few register reads later than the rest.
#[derive(Clone, Debug)]
pub struct Sample {
    /// When it was taken.
    pub at: Instant,
    /// Controller status.
    pub csts: Csts,
    /// Performance counters.
    pub counters: Counters,
    /// Commands in each queue, by its id: the admin queue, then the I/O queues that the card has.
    pub depths: Vec<u32>,
    /// Card memory written since it was last zeroed.
    pub dirty: DramDirty,
    /// Commands that ended with an error since the last reset.
    pub errors: u32,
    /// The error that the card holds.
    pub syndrome: Option<Syndrome>,
}

impl Observer {
    /// Looks through `transport`.
    pub fn new(transport: Arc<dyn Transport>) -> Self {
        Self { mmio: Mmio(transport) }
    }

    /// What the card can do.
    ///
    /// # Errors
    /// `CardLost` while nobody has switched the card on, or it is gone; `NotACard`, `Version`, `BadCapability`; transport errors.
    pub fn info(&self) -> Result<CardInfo, Error> {
        // All ones is no other device: it is a card that does not answer.
        self.mmio.read32(reg::MAGIC)?;
        CardInfo::read(&self.mmio)
    }

    /// The card now.
    ///
    /// # Errors
    /// `CardLost` while nobody has switched the card on, or it is gone; transport errors.
    pub fn sample(&self, info: &CardInfo) -> Result<Sample, Error> {
        let csts = self.mmio.csts()?;
        let depth = |queue| self.mmio.read32(queue_depth(queue));
        let depths = (0..=info.io_queues).map(depth).collect::<Result<_, _>>()?;
        let dirty = DramDirty(self.mmio.read32(reg::DRAM_DIRTY)?);
        let errors = self.mmio.read32(reg::ERR_COUNT)?;
        let syndrome = Syndrome::read(&self.mmio)?;
        let at = Instant::now();
        Ok(Sample { at, csts, counters: Counters::read(&self.mmio)?, depths, dirty, errors, syndrome })
    }
}

impl Sample {
    /// Bytes of card memory that were written since it was last zeroed: whole regions.
    pub fn dirty_bytes(&self) -> u64 {
        u64::from(self.dirty.regions()) << self.dirty.log2_bytes()
    }

    /// What was counted since `earlier`; `None` when the card was reset in between.
    pub fn since(&self, earlier: &Self) -> Option<Counters> {
        let forward = self.counters.named().into_iter().zip(earlier.counters.named());
        forward
            .into_iter()
            .all(|((_, now), (_, then))| now >= then)
            .then(|| self.counters.since(&earlier.counters))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use permafrost_abi::registers::{CapQueues, ErrSource, ErrStatus};
    use permafrost_abi::{counter, DmaRegion, Status, TransportError, ABI_MAGIC, ABI_VERSION};
    use std::collections::HashMap;
    use std::sync::Mutex;
    use std::time::Duration;

    /// Registers that are only read.
    struct Registers(Mutex<HashMap<u64, u32>>);

    impl Transport for Registers {
        fn read32(&self, offset: u64) -> Result<u32, TransportError> {
            Ok(self.0.lock().unwrap().get(&offset).copied().unwrap_or(0))
        }
        fn write32(&self, _: u64, _: u32) -> Result<(), TransportError> {
            panic!("an observer writes nothing")
        }
        fn dma_alloc(&self, _: usize) -> Result<DmaRegion, TransportError> {
            panic!("an observer needs no memory")
        }
        fn enable_irqs(&self, _: u16) -> Result<(), TransportError> {
            panic!("an observer takes no interrupts")
        }
        fn wait_irq(&self, _: u16, _: Duration) -> Result<bool, TransportError> {
            panic!("an observer takes no interrupts")
        }
        fn reset(&self) -> Result<(), TransportError> {
            panic!("an observer resets nothing")
        }
        fn name(&self) -> &str {
            "registers"
        }
    }

    #[test]
    fn samples() {
        let registers = Arc::new(Registers(Mutex::default()));
        let set = |offset, value| registers.0.lock().unwrap().insert(offset, value);
        let observer = Observer::new(registers.clone());
        set(reg::MAGIC, u32::MAX);
        assert!(matches!(observer.info(), Err(Error::CardLost { .. })), "switched off");
        for (offset, value) in [
            (reg::MAGIC, ABI_MAGIC),
            (reg::VERSION, ABI_VERSION),
            (reg::CAP_QUEUES, CapQueues::from_fields(2, 8, 64).0),
            (reg::CLOCK_KHZ, 250_000),
            (reg::CSTS, 1),
            (reg::DRAM_DIRTY, DramDirty::from_fields(3, 20).0),
            (reg::ERR_COUNT, 4),
            (reg::ERR_STATUS, ErrStatus::from_fields(true, Status::BadField as u32).0),
            (reg::ERR_SOURCE, ErrSource::from_fields(2, 7).0),
            (queue_depth(2), 5),
            (counter::CYCLES, 1000),
            (counter::CYCLES + 4, 1),
        ] {
            set(offset, value);
        }
        let info = observer.info().unwrap();
        let first = observer.sample(&info).unwrap();
        assert!(first.csts.ready() && !first.csts.fatal());
        assert_eq!((&first.depths[..], first.errors, first.dirty_bytes()), (&[0, 0, 5][..], 4, 3 << 20));
        let syndrome = first.syndrome.unwrap();
        assert_eq!((syndrome.queue, syndrome.cid, syndrome.status), (2, 7, Ok(Status::BadField)));
        set(counter::CYCLES, 1500);
        let second = observer.sample(&info).unwrap();
        assert_eq!(second.since(&first).unwrap().cycles, 500);
        set(counter::CYCLES + 4, 0);
        assert_eq!(observer.sample(&info).unwrap().since(&second), None, "a reset");
    }
}
