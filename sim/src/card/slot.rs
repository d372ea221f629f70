//! What a card is plugged into.

use crate::axi::{Beat, Memory, Response};
use std::{fmt::Debug, sync::Arc};

/// The host side of the seam: where the card's DMA and its interrupts go. Called by the card's thread, which does nothing
/// else meanwhile.
pub(crate) trait Slot: Debug + Send + Sync {
    /// Reads 64 bytes of host memory at a multiple of 64; on an error `beat` is left as it is.
    fn read(&self, address: u64, beat: &mut Beat) -> Response;

    /// Writes the bytes whose bit in `strobe` is set. They become visible in address order, the last word after all that
    /// was written before it.
    fn write(&self, address: u64, beat: &Beat, strobe: u64) -> Response;

    /// The card raises an interrupt.
    fn interrupt(&self, vector: u16);

    /// A function level reset is done; no access follows from before it.
    fn was_reset(&self);

    /// The simulation has failed: nothing follows.
    fn failed(&self);
}

/// The slot as the memory behind the card's AXI port.
#[derive(Debug)]
pub(super) struct SlotMemory(pub Arc<dyn Slot>);

impl Memory for SlotMemory {
    fn read(&mut self, address: u64, beat: &mut Beat) -> Response {
        self.0.read(address, beat)
    }

    fn write(&mut self, address: u64, beat: &Beat, strobe: u64) -> Response {
        self.0.write(address, beat, strobe)
    }
}
