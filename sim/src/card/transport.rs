//! The simulated card as a [`Transport`].

use super::{device::NAME, SimCard};
use permafrost_abi::transport::{simulated_deadline_scale, DmaRegion, Transport, TransportError};
use permafrost_abi::BAR0_BYTES;
use std::any::Any;
use std::time::Duration;

fn register(offset: u64) -> Result<u32, TransportError> {
    match u32::try_from(offset) {
        Ok(o) if o % 4 == 0 && o < BAR0_BYTES => Ok(o),
        _ => Err(TransportError::BadOffset { offset, bar_bytes: BAR0_BYTES.into() }),
    }
}

impl Transport for SimCard {
    fn read32(&self, offset: u64) -> Result<u32, TransportError> {
        self.device.read32(register(offset)?)
    }

    fn write32(&self, offset: u64, value: u32) -> Result<(), TransportError> {
        self.device.write32(register(offset)?, value)
    }

    fn dma_alloc(&self, len: usize) -> Result<DmaRegion, TransportError> {
        self.slot.memory.alloc(len)
    }

    unsafe fn dma_map(
        &self,
        ptr: *mut u8,
        len: usize,
        owner: Box<dyn Any + Send + Sync>,
    ) -> Result<DmaRegion, TransportError> {
        // SAFETY: the caller's promise.
        unsafe { self.slot.memory.map(ptr, len, owner) }
    }

    fn enable_irqs(&self, vectors: u16) -> Result<(), TransportError> {
        self.slot.interrupts.enable(vectors);
        Ok(())
    }

    fn wait_irq(&self, vector: u16, timeout: Duration) -> Result<bool, TransportError> {
        let raised = self.slot.interrupts.wait(vector, timeout, || self.device.has_failed())?;
        if !raised {
            self.device.removed()?;
        }
        Ok(raised)
    }

    fn reset(&self) -> Result<(), TransportError> {
        self.device.reset()
    }

    fn name(&self) -> &str {
        NAME
    }

    fn deadline_scale(&self) -> u32 {
        simulated_deadline_scale(self.device.clock_khz())
    }
}
