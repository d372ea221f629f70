//! The simulated card as a [`Transport`].

use super::{locked, worker::Request, Gone, SimCard};
use permafrost_abi::transport::{DmaRegion, Transport, TransportError};
use permafrost_abi::BAR0_BYTES;
use std::{sync::mpsc::sync_channel, time::Duration};

const NAME: &str = "sim";
/// Clocks per second that even a slow host reaches; deadlines are stretched by the nominal clock over this.
const SLOWEST_CLOCKS_PER_SECOND: u32 = 10_000;

impl SimCard {
    /// `Ok(true)`: taken out of its slot; an error: the simulation failed.
    fn removed(&self) -> Result<bool, TransportError> {
        match &*locked(&self.shared.gone) {
            None => Ok(false),
            Some(Gone::Removed) => Ok(true),
            Some(Gone::Failed(reason)) => {
                Err(TransportError::Lost { transport: NAME.into(), detail: reason.clone() })
            }
        }
    }

    /// What an access to a card that does not answer means: the thread says why before it goes.
    fn unanswered<T>(&self, removed: T) -> Result<T, TransportError> {
        match self.removed()? {
            true => Ok(removed),
            false => Err(TransportError::Lost { transport: NAME.into(), detail: "its thread ended".into() }),
        }
    }

    fn register(&self, offset: u64) -> Result<u32, TransportError> {
        match u32::try_from(offset) {
            Ok(o) if o % 4 == 0 && o < BAR0_BYTES => Ok(o),
            _ => Err(TransportError::BadOffset { offset, bar_bytes: BAR0_BYTES.into() }),
        }
    }
}

impl Transport for SimCard {
    fn read32(&self, offset: u64) -> Result<u32, TransportError> {
        let offset = self.register(offset)?;
        let (reply, value) = sync_channel(1);
        if self.requests.send(Request::Read(offset, reply)).is_err() {
            return self.unanswered(u32::MAX);
        }
        value.recv().or_else(|_| self.unanswered(u32::MAX))
    }

    fn write32(&self, offset: u64, value: u32) -> Result<(), TransportError> {
        let offset = self.register(offset)?;
        // Posted, as over PCIe: it is ordered before later accesses, and nobody waits for it.
        match self.requests.send(Request::Write(offset, value)) {
            Ok(()) => Ok(()),
            Err(_) => self.unanswered(()),
        }
    }

    fn dma_alloc(&self, len: usize) -> Result<DmaRegion, TransportError> {
        self.memory.alloc(len)
    }

    fn enable_irqs(&self, vectors: u16) -> Result<(), TransportError> {
        self.shared.interrupts.enable(vectors);
        Ok(())
    }

    fn wait_irq(&self, vector: u16, timeout: Duration) -> Result<bool, TransportError> {
        let failed = || matches!(*locked(&self.shared.gone), Some(Gone::Failed(_)));
        let raised = self.shared.interrupts.wait(vector, timeout, failed)?;
        if !raised {
            self.removed()?;
        }
        Ok(raised)
    }

    fn reset(&self) -> Result<(), TransportError> {
        let (reply, done) = sync_channel(1);
        let lost = |_| TransportError::Lost { transport: NAME.into(), detail: "the card was removed".into() };
        self.requests
            .send(Request::Reset(reply))
            .or_else(|_| self.unanswered(()))
            .and_then(|()| done.recv().or_else(|e| self.removed().and(Err(lost(e)))))
    }

    fn name(&self) -> &str {
        NAME
    }

    fn deadline_scale(&self) -> u32 {
        (self.clock_khz.saturating_mul(1000) / SLOWEST_CLOCKS_PER_SECOND).max(1)
    }
}
