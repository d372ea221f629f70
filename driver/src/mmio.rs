//! Registers of the card, with the rule that no register reads all ones.

use crate::Error;
use permafrost_abi::registers::Csts;
use permafrost_abi::{reg, Transport, ABI_MAGIC};
use std::sync::Arc;

/// What a register of a card that is gone reads.
const ALL_ONES: u32 = u32::MAX;
/// Attempts at a counter: a second one can only follow a carry, and between two of those are 2^32 clocks.
const MOST_CARRIES: u32 = 8;

/// Register access of one card.
#[derive(Clone)]
pub(crate) struct Mmio(pub Arc<dyn Transport>);

impl Mmio {
    /// Reads a 32-bit register; `CardLost` when it reads all ones.
    pub fn read32(&self, offset: u64) -> Result<u32, Error> {
        match self.0.read32(offset)? {
            ALL_ONES => Err(Error::CardLost { detail: format!("register {offset:#x} reads all ones") }),
            value => Ok(value),
        }
    }

    /// Reads a 64-bit register that does not change by itself.
    pub fn read64(&self, offset: u64) -> Result<u64, Error> {
        Ok(self.read32(offset)? as u64 | (self.read32(offset + 4)? as u64) << 32)
    }

    /// Reads a 64-bit counter, which may carry into its high half between two accesses; `CardLost` when the high half is
    /// another at each access, which no counter's is.
    pub fn read_counter(&self, offset: u64) -> Result<u64, Error> {
        let mut high = self.read32(offset + 4)?;
        for _ in 0..MOST_CARRIES {
            let low = self.read32(offset)?;
            let again = self.read32(offset + 4)?;
            if again == high {
                return Ok(low as u64 | (high as u64) << 32);
            }
            high = again;
        }
        Err(Error::CardLost { detail: format!("counter {offset:#x} does not hold still") })
    }

    /// Writes a 32-bit register.
    pub fn write32(&self, offset: u64, value: u32) -> Result<(), Error> {
        Ok(self.0.write32(offset, value)?)
    }

    /// Writes a 64-bit register, low half first.
    pub fn write64(&self, offset: u64, value: u64) -> Result<(), Error> {
        self.write32(offset, value as u32)?;
        self.write32(offset + 4, (value >> 32) as u32)
    }

    /// Controller status.
    pub fn csts(&self) -> Result<Csts, Error> {
        Ok(Csts(self.read32(reg::CSTS)?))
    }

    /// `CardLost` unless the card still answers with its magic: after a bus error registers may read 0 instead of
    /// all ones.
    pub fn check_alive(&self) -> Result<(), Error> {
        match self.read32(reg::MAGIC)? {
            ABI_MAGIC => Ok(()),
            seen => Err(Error::CardLost { detail: format!("MAGIC now reads {seen:#010x}") }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use permafrost_abi::{DmaRegion, TransportError};
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::time::Duration;

    /// Registers that read what the function makes of the offset and the number of the access; nothing else works.
    struct Reads<F>(AtomicU64, F);

    impl<F: Fn(u64, u64) -> u32 + Send + Sync> Transport for Reads<F> {
        fn read32(&self, offset: u64) -> Result<u32, TransportError> {
            Ok((self.1)(offset, self.0.fetch_add(1, Ordering::Relaxed)))
        }
        fn write32(&self, _: u64, _: u32) -> Result<(), TransportError> {
            Ok(())
        }
        fn dma_alloc(&self, requested: usize) -> Result<DmaRegion, TransportError> {
            Err(TransportError::OutOfMemory { requested, detail: "none here".into() })
        }
        fn enable_irqs(&self, _: u16) -> Result<(), TransportError> {
            Ok(())
        }
        fn wait_irq(&self, _: u16, _: Duration) -> Result<bool, TransportError> {
            Ok(false)
        }
        fn reset(&self) -> Result<(), TransportError> {
            Ok(())
        }
        fn name(&self) -> &str {
            "reads"
        }
    }

    /// From the `start`th access on.
    fn reads(start: u64, value: impl Fn(u64, u64) -> u32 + Send + Sync + 'static) -> Mmio {
        Mmio(Arc::new(Reads(AtomicU64::new(start), value)))
    }

    /// A counter that steps at each access; as the card does, no word of all ones.
    fn counting(offset: u64, at: u64) -> u32 {
        ((at >> (8 * offset)) as u32).min(u32::MAX - 1)
    }

    /// Found by fuzzing: such a card held the reader for ever.
    #[test]
    fn a_counter_that_never_holds_still_is_given_up() {
        assert!(matches!(reads(0, |_, at| at as u32).read_counter(0), Err(Error::CardLost { .. })));
    }

    #[test]
    fn a_carry_between_two_accesses_is_noticed() {
        for start in 0x1_ffff_fff0..0x2_0000_0010u64 {
            let seen = reads(start, counting).read_counter(0).unwrap();
            assert!((start..start + 8).contains(&seen), "{start:#x}: {seen:#x}");
        }
    }
}
