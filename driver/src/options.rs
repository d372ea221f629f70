//! What the opener of a card may choose.

use std::time::Duration;

/// Choices made when a card is opened. The defaults suit both silicon and simulation.
#[derive(Clone, Debug)]
pub struct CardOptions {
    /// Most I/O queue pairs to create; the card's own number when it has fewer. At least 1.
    pub io_queues: u16,
    /// Entries of each I/O ring; cut to what the card offers and to 4096. At least 2.
    pub queue_entries: u16,
    /// Completions that the I/O queues gather for one interrupt, see [`QueueOptions`](crate::QueueOptions). 1 by default: each
    /// raises its own.
    pub irq_count: u16,
    /// Clocks for which a completion waits for others, see [`QueueOptions`](crate::QueueOptions).
    pub irq_clocks: u32,
    /// Longest time in which a queue with work may complete nothing, before the transport's deadline scale; then its first
    /// command is aborted. A [`Request`](crate::Request) can carry its own.
    pub command_deadline: Duration,
    /// Every deadline that the card states for a step of recovery is taken to be at least this long, so that a loaded host does
    /// not look like a dead card.
    pub least_deadline: Duration,
    /// How long a waiting thread polls before it sleeps on the interrupt.
    pub spin: Duration,
    /// Bytes of one staging copy between caller memory and the card; rounded up to 4 KiB.
    pub staging_bytes: usize,
    /// Most DMA memory the driver maps for rings, staging and [`Card::dma_alloc`](crate::Card::dma_alloc).
    pub dma_limit: usize,
}

impl Default for CardOptions {
    fn default() -> Self {
        Self {
            io_queues: permafrost_abi::MAX_IO_QUEUES as u16,
            queue_entries: 256,
            irq_count: 1,
            irq_clocks: 0,
            command_deadline: Duration::from_secs(10),
            // An interpreter is slower still.
            least_deadline: Duration::from_millis(if cfg!(miri) { 5000 } else { 500 }),
            spin: Duration::from_micros(50),
            staging_bytes: 1 << 20,
            dma_limit: 64 << 20,
        }
    }
}
