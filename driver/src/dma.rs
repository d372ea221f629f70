//! Host memory that the card reaches: an arena over the transport's regions, handed out in pieces that give
//! themselves back.
//!
//! # Why no safe call lets the card reach memory that is freed or somebody else's
//!
//! 1. **Who owns what.** A region's owner, inside [`DmaRegion`], unmaps it from the card before it frees it; that is the contract
//!    of [`DmaRegion::new`], and where the unmapping is an IOMMU's it holds whatever the card does. The arena and each
//!    [`DmaBuf`] share a region by `Arc`, so it outlives every piece of it. Nothing of the driver hands out a region, only
//!    `DmaBuf`s, and of these no reference into memory: access copies, checks its range, and is atomic word by word, so
//!    that a card which writes at the same time makes wrong values, not undefined behaviour.
//! 2. **Reuse.** Within a region the IOMMU protects nothing: a piece that is given back and handed out again must not be
//!    one that the card still writes. A piece is given back by the last `Arc<DmaBuf>`, and a command holds one from before the
//!    doorbell until its validated completion is seen (`queue::Entry::held`), whatever becomes of its ticket: that is only an
//!    observer, and dropping or forgetting it frees nothing.
//! 3. **Unknown ends.** After a completion that fails its checks, and when a card is given up, the memory of the queue's
//!    commands goes to its `limbo`. It leaves that only when the card does nothing for them any more: the queue was deleted on
//!    the card, its commands aborted (the restart of a queue), or the card was reset (CSTS.READY = 0 with MAGIC in place, or a
//!    function level reset), after which the contract allows no DMA. A card that cannot be brought to rest keeps its limbo:
//!    that memory is never reused. A card whose admin queue lies about a deletion is beyond this point; its IOMMU still confines it.
//! 4. **The end.** `card::Inner` is dropped with the last `Card` and the last `Ticket`, and brings the card to rest first;
//!    rings, limbo and arena go afterwards. If it does not come to rest, what is left is point 1: regions are unmapped,
//!    then freed. Where unmapping fails, the transport keeps the memory instead of freeing it.
//! 5. **Forgetting** (`mem::forget`, cycles of `Arc`) leaks: no destructor that does not run is one that safety needs.
//! 6. **Threads.** The arena's ranges change under one lock; a `DmaBuf` may be used by several threads, with the values that a
//!    race gives, as in point 1.
//! 7. **What a caller writes into commands.** Addresses in a [`Request`](crate::Request) are the caller's. The card reaches what
//!    is mapped for it and nothing else, so a wrong address damages other data of this driver's DMA memory, rings
//!    included, whose completions are checked; it does not reach memory with references into it, because none such is mapped:
//!    pinned memory has no references (see `pinned`).

use crate::ranges::Ranges;
use crate::Error;
use permafrost_abi::{DmaRegion, PageKind, Transport};
use std::any::Any;
use std::collections::BTreeMap;
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
    /// By the order in which they came, so that old ones fill up first and young ones become empty.
    regions: BTreeMap<u64, Region>,
    next: u64,
    mapped: usize,
    pinned: usize,
}

struct Region {
    memory: Arc<DmaRegion>,
    ranges: Ranges,
}

/// Host memory that a card reaches, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DmaUsage {
    /// Most that the driver maps of its own: [`CardOptions::dma_limit`](crate::CardOptions::dma_limit).
    pub limit: usize,
    /// Mapped for rings, lists, staging and [`Card::dma_alloc`](crate::Card::dma_alloc).
    pub mapped: usize,
    /// Of these, in huge pages of the system's pool.
    pub huge: usize,
    /// Of these, in memory for which the system was asked for huge pages and uses them when it can.
    pub transparent: usize,
    /// Of these, in use.
    pub used: usize,
    /// Mapped for [`Card::pin`](crate::Card::pin), beside all this.
    pub pinned: usize,
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
        let take = |(id, region): (&u64, &mut Region)| {
            let at = region.ranges.take(size as u64, PAGE as u64)?;
            Some((*id, at, region.memory.clone()))
        };
        let mut place = state.regions.iter_mut().find_map(take);
        if place.is_none() {
            // Whole huge pages when the limit has room for them, otherwise just what is needed.
            if self.limit.saturating_sub(state.mapped) < size {
                // Empty regions, each too small, make room for one that is not.
                state.regions.retain(|_, region| region.ranges.used() > 0);
                state.mapped = state.regions.values().map(|region| region.memory.len()).sum();
            }
            let room = self.limit.saturating_sub(state.mapped);
            let whole = size.checked_next_multiple_of(REGION_BYTES).filter(|whole| *whole <= room);
            let bytes = whole.unwrap_or(size);
            if bytes > room {
                return Err(out_of_memory(state.mapped));
            }
            let memory = self.transport.dma_alloc(bytes)?;
            tracing::debug!(bytes, iova = memory.iova(), pages = ?memory.pages(), "mapped DMA region");
            let id = state.next;
            state.next += 1;
            state.mapped += memory.len();
            let ranges = Ranges::new(memory.len() as u64);
            let region = state.regions.entry(id).or_insert(Region { memory: Arc::new(memory), ranges });
            place = take((&id, region));
        }
        let (id, at, region) = place.ok_or_else(|| out_of_memory(state.mapped))?;
        Ok(DmaBuf { arena: self.clone(), region, home: Some(id), offset: at as usize, len, size })
    }

    /// Memory of the caller, mapped as `region`, of which it wants `len` bytes.
    pub fn adopt(self: &Arc<Self>, region: DmaRegion, len: usize) -> DmaBuf {
        let size = region.len();
        lock(&self.state).pinned += size;
        DmaBuf { arena: self.clone(), region: Arc::new(region), home: None, offset: 0, len, size }
    }

    /// Lets the card reach memory of the caller.
    ///
    /// # Safety
    /// As [`Transport::dma_map`].
    pub unsafe fn map(
        &self,
        ptr: *mut u8,
        len: usize,
        owner: Box<dyn Any + Send + Sync>,
    ) -> Result<DmaRegion, Error> {
        // SAFETY: the caller's promise.
        Ok(unsafe { self.transport.dma_map(ptr, len, owner) }?)
    }

    /// Takes `size` bytes at `offset` of region `id` back. An empty region is unmapped, except for one, so that work which
    /// comes and goes does not map anew each time; the caller drops what is returned without the lock.
    fn give(&self, id: u64, offset: usize, size: usize) -> Option<Region> {
        let mut state = lock(&self.state);
        let region = state.regions.get_mut(&id)?;
        region.ranges.give(offset as u64, size as u64);
        let is_empty = |region: &Region| region.ranges.used() == 0;
        let spare = is_empty(region) && state.regions.values().filter(|r| is_empty(r)).count() > 1;
        let gone = if spare { state.regions.remove(&id) } else { None };
        state.mapped -= gone.as_ref().map_or(0, |region| region.memory.len());
        self.freed.notify_all();
        gone
    }

    /// How much there is and what it is made of.
    pub fn usage(&self) -> DmaUsage {
        let state = lock(&self.state);
        let of = |kind: PageKind| {
            let regions = state.regions.values().filter(|r| r.memory.pages() == kind);
            regions.map(|r| r.memory.len()).sum()
        };
        DmaUsage {
            limit: self.limit,
            mapped: state.mapped,
            huge: of(PageKind::Huge),
            transparent: of(PageKind::Transparent),
            used: state.regions.values().map(|r| r.ranges.used() as usize).sum(),
            pinned: state.pinned,
        }
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
    /// The region's id in the arena; `None`: memory of the caller, all of the region.
    home: Option<u64>,
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

    /// That the memory is of `arena`: its addresses mean nothing to the card of another.
    pub(crate) fn belongs_to(&self, arena: &Arc<Arena>) -> Result<(), Error> {
        match Arc::ptr_eq(&self.arena, arena) {
            true => Ok(()),
            false => Err(Error::ForeignMemory { iova: self.iova() }),
        }
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

    /// Reads 4 aligned bytes, little endian; what the card wrote before them is visible afterwards.
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
        match self.home {
            Some(id) => drop(self.arena.give(id, self.offset, self.size)),
            None => lock(&self.arena.state).pinned -= self.size,
        }
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
