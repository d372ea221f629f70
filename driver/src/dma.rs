//! Host memory that the card reaches: an arena over the transport's regions, handed out in pieces that give
//! themselves back.

use crate::ranges::Ranges;
use crate::Error;
use permafrost_abi::{DmaRegion, Transport};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Smallest region taken from the transport: a huge page.
const REGION_BYTES: usize = 2 << 20;
const PAGE: usize = 4096;

/// Locks `mutex`; a panic of another thread while it held the lock leaves data that is still consistent, because the
/// driver's critical sections change their data only by single steps.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Bounded pool of DMA memory.
pub(crate) struct Arena {
    transport: Arc<dyn Transport>,
    limit: usize,
    state: Mutex<State>,
    freed: Condvar,
}

#[derive(Default)]
struct State {
    regions: Vec<(Arc<DmaRegion>, Ranges)>,
    mapped: usize,
}

impl Arena {
    /// An empty arena that maps at most `limit` bytes.
    pub fn new(transport: Arc<dyn Transport>, limit: usize) -> Arc<Self> {
        Arc::new(Self { transport, limit, state: Mutex::default(), freed: Condvar::new() })
    }

    /// `len` bytes (at least 1), contiguous for the host and the card, 4 KiB aligned; contents undefined.
    pub fn alloc(self: &Arc<Self>, len: usize) -> Result<DmaBuf, Error> {
        let out_of_memory = |mapped| Error::OutOfDmaMemory { requested: len, mapped, limit: self.limit };
        let mut state = lock(&self.state);
        let size = len.max(1).checked_next_multiple_of(PAGE).ok_or_else(|| out_of_memory(state.mapped))?;
        let mut place = state
            .regions
            .iter_mut()
            .enumerate()
            .find_map(|(i, (_, ranges))| ranges.take(size as u64, PAGE as u64).map(|at| (i, at)));
        if place.is_none() {
            // A whole huge page when the limit has room for it, otherwise just what is needed.
            let room = self.limit.saturating_sub(state.mapped);
            let bytes = if room >= REGION_BYTES { size.max(REGION_BYTES) } else { size };
            if bytes > room {
                return Err(out_of_memory(state.mapped));
            }
            let region = self.transport.dma_alloc(bytes)?;
            tracing::debug!(bytes, iova = region.iova(), "mapped DMA region");
            let mut ranges = Ranges::new(region.len() as u64);
            let at = ranges.take(size as u64, PAGE as u64);
            state.mapped += region.len();
            state.regions.push((Arc::new(region), ranges));
            place = at.map(|at| (state.regions.len() - 1, at));
        }
        let (index, at) = place.ok_or_else(|| out_of_memory(state.mapped))?;
        let region = state.regions[index].0.clone();
        Ok(DmaBuf { arena: self.clone(), region, index, offset: at as usize, len, size })
    }

    /// Sleeps until some memory is given back, or `timeout`.
    pub fn wait_freed(&self, timeout: Duration) {
        let state = lock(&self.state);
        drop(self.freed.wait_timeout(state, timeout));
    }
}

/// DMA memory of one owner; given back to the driver when dropped.
///
/// While a command uses it, its [`Request`](crate::Request) holds it, so that it is never reused under a running
/// copy. The card may write it at any time: access is by copying only.
pub struct DmaBuf {
    arena: Arc<Arena>,
    region: Arc<DmaRegion>,
    index: usize,
    offset: usize,
    len: usize,
    size: usize,
}

impl DmaBuf {
    /// Bytes asked for.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether no bytes were asked for.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Address by which the card reaches the first byte; 4 KiB aligned.
    pub fn iova(&self) -> u64 {
        self.region.iova() + self.offset as u64
    }

    fn check(&self, offset: usize, len: usize) {
        assert!(
            offset <= self.size && len <= self.size - offset,
            "DMA access of {len} bytes at {offset} is outside the buffer of {} bytes",
            self.size
        );
    }

    /// Copies `bytes` into the buffer.
    ///
    /// # Panics
    /// When the range is outside the buffer (rounded up to 4 KiB).
    pub fn write(&self, offset: usize, bytes: &[u8]) {
        self.check(offset, bytes.len());
        self.region.write(self.offset + offset, bytes);
    }

    /// Copies from the buffer into `bytes`.
    ///
    /// # Panics
    /// When the range is outside the buffer (rounded up to 4 KiB).
    pub fn read(&self, offset: usize, bytes: &mut [u8]) {
        self.check(offset, bytes.len());
        self.region.read(self.offset + offset, bytes);
    }

    /// Zeroes `len` bytes.
    ///
    /// # Panics
    /// When the range is outside the buffer (rounded up to 4 KiB).
    pub fn zero(&self, offset: usize, len: usize) {
        self.check(offset, len);
        self.region.zero(self.offset + offset, len);
    }

    /// Reads a 4-byte aligned word; what the card wrote before it is visible afterwards.
    pub(crate) fn load_acquire(&self, offset: usize) -> u32 {
        self.check(offset, 4);
        self.region.load_acquire(self.offset + offset)
    }
}

impl std::fmt::Debug for DmaBuf {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "DmaBuf {{ iova: {:#x}, len: {:#x} }}", self.iova(), self.len)
    }
}

impl Drop for DmaBuf {
    fn drop(&mut self) {
        lock(&self.arena.state).regions[self.index].1.give(self.offset as u64, self.size as u64);
        self.arena.freed.notify_all();
    }
}

/// Part of a [`DmaBuf`], an entry of a scatter–gather list. Offset and length are multiples of 64.
#[derive(Clone, Debug)]
pub struct DmaPiece {
    /// The memory.
    pub buffer: Arc<DmaBuf>,
    /// First byte.
    pub offset: usize,
    /// Bytes.
    pub len: usize,
}
