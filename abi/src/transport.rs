//! How software reaches a card: MMIO, DMA memory, interrupts, reset. Implemented by the simulated card in process
//! and by VFIO; the driver is written against this trait alone.
//!
//! # What safety rests on
//! A card writes memory on its own. So memory that it reaches is never behind a Rust reference: [`DmaRegion`] copies in and
//! out, by atomic accesses of 8-byte words, so that a write at the same moment (of the card, of a model of it in another thread, of
//! another holder of the region) gives old or new words and is no data race. Ranges are checked at each access. The owner
//! inside the region unmaps before it frees, so that an address a card still has, or makes up, reaches nothing. Two
//! operations are `unsafe` because they promise this: [`DmaRegion::new`], for who implements a transport, and
//! [`Transport::dma_map`], for who lends memory. When a transport cannot unmap, it must keep the owner for ever (leak) rather
//! than drop it. That memory inside a region is not reused under a running command is the driver's part.

use std::any::Any;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// What can go wrong below the driver.
#[derive(Clone, Debug, thiserror::Error)]
pub enum TransportError {
    /// The card or the way to it is gone for good.
    #[error("the card behind transport `{transport}` is gone: {detail}; open the card again")]
    Lost {
        /// Name of the transport.
        transport: String,
        /// What was seen.
        detail: String,
    },
    /// An operation of the transport itself (not a command) did not end in time.
    #[error("{operation} did not end within {limit:?}; reset the card or open it again")]
    Timeout {
        /// What was tried.
        operation: String,
        /// How long it was given.
        limit: Duration,
    },
    /// DMA memory could not be had.
    #[error("no {requested} bytes of DMA memory: {detail}; free some, or raise the limit on locked memory")]
    OutOfMemory {
        /// Bytes asked for.
        requested: usize,
        /// The reason.
        detail: String,
    },
    /// An MMIO access outside BAR0 or not 4-byte aligned.
    #[error("MMIO offset {offset:#x} is unaligned or outside BAR0 ({bar_bytes:#x} bytes)")]
    BadOffset {
        /// The offset.
        offset: u64,
        /// Size of BAR0.
        bar_bytes: u64,
    },
    /// An interrupt vector that is not enabled.
    #[error("interrupt vector {vector} is not enabled (vectors below {enabled} are)")]
    BadVector {
        /// The vector asked for.
        vector: u16,
        /// Vectors enabled.
        enabled: u16,
    },
    /// The system refused.
    #[error("transport I/O failed: {0}")]
    Io(String),
}

/// The way to one card.
///
/// Ordering: everything written to DMA memory before [`write32`](Self::write32) is visible to the card when it sees
/// the write. The card's writes become visible in order; of a 16-byte completion the last word becomes visible last.
pub trait Transport: Send + Sync {
    /// Reads a 32-bit register at a 4-byte aligned offset of BAR0.
    fn read32(&self, offset: u64) -> Result<u32, TransportError>;

    /// Writes a 32-bit register at a 4-byte aligned offset of BAR0.
    fn write32(&self, offset: u64, value: u32) -> Result<(), TransportError>;

    /// Allocates zeroed memory that the card can reach: at least `len` bytes, a multiple of 4 KiB, 4 KiB aligned in
    /// the host and in IOVA space. Unmapped and freed when the region is dropped.
    fn dma_alloc(&self, len: usize) -> Result<DmaRegion, TransportError>;

    /// Lets the card reach `len` bytes at `ptr`, without a copy. Unmapped when the region is dropped, and `owner` is dropped
    /// after that.
    ///
    /// # Safety
    /// `ptr` and `len` are multiples of 4 KiB; `ptr..ptr + len` is valid for reads and writes, does not move, and is reached
    /// by no Rust reference until `owner` is dropped.
    unsafe fn dma_map(
        &self,
        ptr: *mut u8,
        len: usize,
        owner: Box<dyn Any + Send + Sync>,
    ) -> Result<DmaRegion, TransportError> {
        let _ = (ptr, len, owner);
        Err(TransportError::Io(format!("transport `{}` cannot map memory of the caller", self.name())))
    }

    /// Enables interrupt vectors `0..vectors`, replacing what was enabled before.
    fn enable_irqs(&self, vectors: u16) -> Result<(), TransportError>;

    /// Waits until `vector` has been raised since the last wait for it: `true`, and the event is consumed; `false`
    /// after `timeout`. May be called by several threads, for one vector by one at a time.
    fn wait_irq(&self, vector: u16, timeout: Duration) -> Result<bool, TransportError>;

    /// Function level reset: the card is as after power-up, its memory undefined; no DMA happens after the return.
    fn reset(&self) -> Result<(), TransportError>;

    /// Short name for reports, for example `sim`.
    fn name(&self) -> &str;

    /// How many times longer than on silicon things take; the driver multiplies its deadlines by it. At least 1.
    fn deadline_scale(&self) -> u32 {
        1
    }
}

/// Clocks per second that a simulated card reaches even on a slow host.
const SLOWEST_CLOCKS_PER_SECOND: u32 = 10_000;

/// [`Transport::deadline_scale`] of a simulated card whose nominal clock is `clock_khz`.
pub fn simulated_deadline_scale(clock_khz: u32) -> u32 {
    (clock_khz.saturating_mul(1000) / SLOWEST_CLOCKS_PER_SECOND).max(1)
}

/// What pages memory is made of, as far as who allocated it knows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PageKind {
    /// The system's smallest pages.
    #[default]
    Small,
    /// Aligned for huge pages, which the system was asked for and gives when it can.
    Transparent,
    /// Huge pages of 2 MiB, from the system's reserved pool.
    Huge,
}

/// Memory that both the host and the card reach.
///
/// The card may write it at any time, so no Rust reference ever points into it: all access goes through the methods,
/// which copy. Dropping the region drops its owner, which unmaps it from the card and then frees it.
pub struct DmaRegion {
    iova: u64,
    ptr: *mut u8,
    len: usize,
    pages: PageKind,
    _owner: Box<dyn Any + Send + Sync>,
}

// SAFETY: the memory is owned through `_owner`, which is Send + Sync; all access is by raw copies and atomics.
unsafe impl Send for DmaRegion {}
// SAFETY: as above; concurrent writers of the same bytes get torn data, never an invalid reference.
unsafe impl Sync for DmaRegion {}

impl std::fmt::Debug for DmaRegion {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "DmaRegion {{ iova: {:#x}, len: {:#x} }}", self.iova, self.len)
    }
}

impl DmaRegion {
    /// A region of `len` bytes at `ptr`, which the card sees at `iova`.
    ///
    /// # Safety
    /// `ptr..ptr + len` must be whole pages of 4 KiB, valid for reads and writes, and reached by no Rust reference, until
    /// `owner` is dropped; dropping `owner` must unmap it from the card before the memory is reused.
    pub unsafe fn new(iova: u64, ptr: *mut u8, len: usize, owner: Box<dyn Any + Send + Sync>) -> Self {
        Self { iova, ptr, len, pages: PageKind::Small, _owner: owner }
    }

    /// The same region, said to be made of `pages`.
    #[must_use]
    pub fn with_pages(self, pages: PageKind) -> Self {
        Self { pages, ..self }
    }

    /// What pages it is made of.
    pub fn pages(&self) -> PageKind {
        self.pages
    }

    /// Address by which the card reaches the first byte.
    pub fn iova(&self) -> u64 {
        self.iova
    }

    /// Bytes.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether the region has no bytes.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Address of the first byte in the host; valid while the region lives.
    pub fn as_ptr(&self) -> *mut u8 {
        self.ptr
    }

    fn check(&self, offset: usize, len: usize) {
        assert!(
            offset <= self.len && len <= self.len - offset,
            "DMA access of {len} bytes at {offset} is outside the region of {} bytes",
            self.len
        );
    }

    /// Copies `bytes` into the region. Of words that are written in part, the rest stays as it is.
    ///
    /// # Panics
    /// When the range is outside the region.
    pub fn write(&self, offset: usize, bytes: &[u8]) {
        self.check(offset, bytes.len());
        let (head, body) = bytes.split_at(head_of(offset, bytes.len()));
        let (words, tail) = body.split_at(body.len() / WORD * WORD);
        let mut at = offset;
        self.merge(at, head, Ordering::Relaxed);
        at += head.len();
        for word in words.chunks_exact(WORD) {
            let mut value = [0; WORD];
            value.copy_from_slice(word);
            self.word(at).store(u64::from_ne_bytes(value), Ordering::Relaxed);
            at += WORD;
        }
        self.merge(at, tail, Ordering::Relaxed);
    }

    /// Copies from the region into `bytes`.
    ///
    /// # Panics
    /// When the range is outside the region.
    pub fn read(&self, offset: usize, bytes: &mut [u8]) {
        self.check(offset, bytes.len());
        let (head, body) = bytes.split_at_mut(head_of(offset, bytes.len()));
        let (words, tail) = body.split_at_mut(body.len() / WORD * WORD);
        let mut at = offset;
        self.extract(at, head, Ordering::Relaxed);
        at += head.len();
        for word in words.chunks_exact_mut(WORD) {
            word.copy_from_slice(&self.word(at).load(Ordering::Relaxed).to_ne_bytes());
            at += WORD;
        }
        self.extract(at, tail, Ordering::Relaxed);
    }

    /// The word at an aligned offset, of which a byte at least was checked. Every access is one of such a word: the card, a
    /// model of it or another thread may touch it at the same time, and atomic accesses of one size are never a data race.
    fn word(&self, offset: usize) -> &AtomicU64 {
        debug_assert!(offset % WORD == 0 && offset < self.len);
        // SAFETY: inside the region, which is whole pages at a page boundary, hence aligned; an atomic may be shared with
        // whoever else writes. The borrow of `self` keeps the memory.
        unsafe { AtomicU64::from_ptr(self.ptr.add(offset).cast()) }
    }

    /// Writes `bytes`, fewer than a word, from `offset` on within one word.
    fn merge(&self, offset: usize, bytes: &[u8], order: Ordering) {
        if bytes.is_empty() {
            return;
        }
        let skip = offset % WORD;
        let merged = |old: u64| {
            let mut word = old.to_ne_bytes();
            word[skip..skip + bytes.len()].copy_from_slice(bytes);
            Some(u64::from_ne_bytes(word))
        };
        // It always has a value to store.
        let _ = self.word(offset - skip).fetch_update(order, Ordering::Relaxed, merged);
    }

    /// Reads `bytes`, fewer than a word, from `offset` on within one word.
    fn extract(&self, offset: usize, bytes: &mut [u8], order: Ordering) {
        if !bytes.is_empty() {
            let skip = offset % WORD;
            let word = self.word(offset - skip).load(order).to_ne_bytes();
            bytes.copy_from_slice(&word[skip..skip + bytes.len()]);
        }
    }

    /// Zeroes `len` bytes.
    ///
    /// # Panics
    /// When the range is outside the region.
    pub fn zero(&self, offset: usize, len: usize) {
        self.check(offset, len);
        const ZEROS: [u8; 4096] = [0; 4096];
        for start in (0..len).step_by(ZEROS.len()) {
            self.write(offset + start, &ZEROS[..ZEROS.len().min(len - start)]);
        }
    }

    /// Reads 4 aligned bytes, little endian, that the card may be writing; what the card wrote before them is visible
    /// afterwards.
    ///
    /// # Panics
    /// When they are unaligned or outside the region.
    pub fn load_acquire(&self, offset: usize) -> u32 {
        self.check(offset, 4);
        assert!(offset % 4 == 0, "DMA word at {offset} is not 4-byte aligned");
        let mut bytes = [0; 4];
        self.extract(offset, &mut bytes, Ordering::Acquire);
        u32::from_le_bytes(bytes)
    }

    /// Writes 4 aligned bytes, little endian, after everything written before them: how a model of a card publishes those
    /// with the phase bit.
    ///
    /// # Panics
    /// When they are unaligned or outside the region.
    pub fn store_release(&self, offset: usize, value: u32) {
        self.check(offset, 4);
        assert!(offset % 4 == 0, "DMA word at {offset} is not 4-byte aligned");
        self.merge(offset, &value.to_le_bytes(), Ordering::Release);
    }
}

/// Bytes of a word, the one size of access. Words of 8 bytes are copied twice as fast as those of 4.
const WORD: usize = size_of::<u64>();

/// Bytes of `len` from `offset` on that come before a word's boundary, if they do not start at one.
fn head_of(offset: usize, len: usize) -> usize {
    (offset.wrapping_neg() % WORD).min(len)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn region(pages: usize) -> DmaRegion {
        #[repr(align(4096))]
        #[derive(Clone)]
        struct Page(#[allow(dead_code)] [u8; 4096]);
        let mut memory = vec![Page([0; 4096]); pages];
        let ptr = memory.as_mut_ptr().cast();
        // SAFETY: the vector's heap block does not move with the vector and is freed with the owner.
        unsafe { DmaRegion::new(0x1000, ptr, pages * 4096, Box::new(memory)) }
    }

    #[test]
    fn region_copies_and_words() {
        let r = region(2);
        r.write(4090, &[1, 2, 3, 4, 5, 6, 7, 8]);
        let mut back = [0; 10];
        r.read(4089, &mut back);
        assert_eq!(back, [0, 1, 2, 3, 4, 5, 6, 7, 8, 0]);
        r.store_release(4, 0x0403_0201);
        r.read(3, &mut back[..5]);
        assert_eq!(back[..5], [0, 1, 2, 3, 4]);
        assert_eq!(r.load_acquire(4), 0x0403_0201);
        r.zero(5, 2);
        assert_eq!(r.load_acquire(4), 0x0400_0001);
    }

    /// Every alignment and many lengths, against a plain array.
    #[test]
    fn region_copies_at_every_alignment() {
        let r = region(1);
        let mut mirror = [0u8; 4096];
        let (offsets, lengths) = if cfg!(miri) { (0..5, 0..11) } else { (0..20, 0..40) };
        for offset in offsets {
            for len in lengths.clone() {
                let data: Vec<u8> = (0..len).map(|i| (offset * 41 + len * 7 + i + 1) as u8).collect();
                r.write(offset, &data);
                mirror[offset..offset + len].copy_from_slice(&data);
                let mut back = vec![0; len];
                r.read(offset, &mut back);
                assert_eq!(back, data);
            }
            let mut seen = [0; 100];
            r.read(0, &mut seen);
            assert_eq!(seen, mirror[..100], "neighbours after offset {offset}");
            r.zero(offset, 13);
            mirror[offset..offset + 13].fill(0);
        }
    }

    /// Threads that touch the same bytes get one of the values, and no undefined behaviour (under Miri).
    #[test]
    fn region_is_shared_by_threads() {
        let r = region(1);
        std::thread::scope(|scope| {
            scope.spawn(|| (0..50).for_each(|_| r.write(8, &[0xff; 64])));
            for _ in 0..50 {
                let mut seen = [0; 64];
                r.read(8, &mut seen);
                assert!(seen.chunks(4).all(|word| word == [0; 4] || word == [0xff; 4]));
            }
        });
    }

    #[test]
    #[should_panic(expected = "outside the region")]
    fn region_refuses_a_range_past_its_end() {
        region(1).write(4095, &[1, 2]);
    }

    #[test]
    #[should_panic(expected = "outside the region")]
    fn region_refuses_an_offset_that_would_wrap() {
        region(1).read(usize::MAX, &mut [0, 0]);
    }

    #[test]
    #[should_panic(expected = "not 4-byte aligned")]
    fn region_refuses_an_unaligned_word() {
        region(1).load_acquire(2);
    }
}
