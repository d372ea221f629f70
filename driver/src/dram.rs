//! Card memory: who owns which bytes.

use crate::dma::lock;
use crate::ranges::Ranges;
use crate::Error;
use permafrost_abi::ALIGN;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

/// Buffers at least this long start at a multiple of it, so that streams over them never cross a page early.
const PAGE: u64 = 4096;

/// Allocator of one card's memory. Clones share it.
#[derive(Clone, Debug)]
pub struct Dram {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    ranges: Mutex<Ranges>,
    /// Counts resets of the card; buffers of an older generation are lost. Written under the lock of `ranges`.
    generation: AtomicU32,
}

/// How full card memory is, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DramUsage {
    /// Card memory.
    pub total: u64,
    /// Allocated, after rounding to 64 bytes.
    pub used: u64,
    /// Not allocated.
    pub free: u64,
    /// Largest buffer that could be had now.
    pub largest: u64,
}

impl Dram {
    pub(crate) fn new(total: u64) -> Self {
        let ranges = Mutex::new(Ranges::new(total / ALIGN as u64 * ALIGN as u64));
        Self { shared: Arc::new(Shared { ranges, generation: AtomicU32::new(0) }) }
    }

    /// `bytes` of card memory, contents undefined: 64-byte aligned and rounded up to a multiple of 64, 4 KiB aligned
    /// from 4 KiB on. Given back when the last clone of the buffer is dropped.
    ///
    /// # Errors
    /// `OutOfCardMemory` with the figures of the moment.
    pub fn alloc(&self, bytes: u64) -> Result<DramBuf, Error> {
        let mut ranges = lock(&self.shared.ranges);
        let capacity = bytes.max(1).checked_next_multiple_of(ALIGN as u64);
        let align = if bytes >= PAGE { PAGE } else { ALIGN as u64 };
        let address = capacity.and_then(|capacity| ranges.take(capacity, align));
        let (Some(capacity), Some(address)) = (capacity, address) else {
            let usage = usage(&ranges);
            return Err(Error::OutOfCardMemory {
                requested: capacity.unwrap_or(bytes),
                free: usage.free,
                largest: usage.largest,
                total: usage.total,
            });
        };
        let generation = self.generation();
        drop(ranges);
        let owner = self.shared.clone();
        Ok(DramBuf { inner: Arc::new(Inner { owner, generation, address, len: bytes, capacity }) })
    }

    /// How full card memory is.
    pub fn usage(&self) -> DramUsage {
        usage(&lock(&self.shared.ranges))
    }

    /// Resets of the card since it was opened.
    pub fn generation(&self) -> u32 {
        self.shared.generation.load(Ordering::Acquire)
    }

    /// Declares everything in card memory lost; all of it is free again.
    pub(crate) fn next_generation(&self) {
        let mut ranges = lock(&self.shared.ranges);
        *ranges = Ranges::new(ranges.total());
        self.shared.generation.fetch_add(1, Ordering::AcqRel);
    }

    /// That `buffer` is of this card and still holds its data.
    pub(crate) fn check(&self, buffer: &DramBuf) -> Result<(), Error> {
        if !Arc::ptr_eq(&self.shared, &buffer.inner.owner) {
            return Err(Error::ForeignBuffer { address: buffer.inner.address });
        }
        match self.generation() {
            card if card == buffer.inner.generation => Ok(()),
            card => {
                Err(Error::DataLost { address: buffer.inner.address, buffer: buffer.inner.generation, card })
            }
        }
    }
}

fn usage(ranges: &Ranges) -> DramUsage {
    let (total, used) = (ranges.total(), ranges.used());
    DramUsage { total, used, free: total - used, largest: ranges.largest() }
}

/// A buffer in card memory. Clones are handles of the same buffer; it is freed with the last one.
///
/// After a reset of the card its data is lost: [`is_valid`](Self::is_valid) is false, and every use is refused with
/// `DataLost`.
#[derive(Clone, Debug)]
pub struct DramBuf {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    owner: Arc<Shared>,
    generation: u32,
    address: u64,
    len: u64,
    capacity: u64,
}

impl DramBuf {
    /// Card address of the first byte, for the fields of commands. A request that carries it should also
    /// [hold](crate::Request::using) the buffer.
    pub fn address(&self) -> u64 {
        self.inner.address
    }

    /// Bytes asked for.
    pub fn len(&self) -> u64 {
        self.inner.len
    }

    /// Whether no bytes were asked for.
    pub fn is_empty(&self) -> bool {
        self.inner.len == 0
    }

    /// Bytes owned: `len` rounded up to a multiple of 64.
    pub fn capacity(&self) -> u64 {
        self.inner.capacity
    }

    /// Whether the card has not been reset since the buffer was allocated.
    pub fn is_valid(&self) -> bool {
        self.inner.owner.generation.load(Ordering::Acquire) == self.inner.generation
    }

    /// Card address of `offset`, after checking that `len` bytes from it are inside the buffer's capacity and that
    /// `offset` is a multiple of 64.
    pub(crate) fn range(&self, what: &'static str, offset: u64, len: u64) -> Result<u64, Error> {
        let size = self.inner.capacity;
        if offset > size || len > size - offset {
            return Err(Error::OutOfRange { what, offset, len, size });
        }
        match offset % ALIGN as u64 {
            0 => Ok(self.inner.address + offset),
            _ => Err(Error::Unaligned { what: "buffer offset", value: offset, align: ALIGN as u64 }),
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        let mut ranges = lock(&self.owner.ranges);
        // The ranges were made anew by the reset that ended this buffer's generation.
        if self.owner.generation.load(Ordering::Acquire) == self.generation {
            ranges.give(self.address, self.capacity);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts_and_coalesces() {
        let dram = Dram::new(1 << 20);
        let small = dram.alloc(1).unwrap();
        let big = dram.alloc(5000).unwrap();
        assert_eq!((small.capacity(), big.capacity()), (64, 5056));
        assert_eq!(big.address() % PAGE, 0);
        assert_eq!(dram.usage().used, 64 + 5056);
        let handle = big.clone();
        drop(big);
        assert_eq!(dram.usage().used, 64 + 5056, "a clone keeps the buffer");
        drop((handle, small));
        assert_eq!(dram.usage(), DramUsage { total: 1 << 20, used: 0, free: 1 << 20, largest: 1 << 20 });
    }

    #[test]
    fn refusal_names_the_figures() {
        let dram = Dram::new(8192);
        let _held = dram.alloc(4096).unwrap();
        match dram.alloc(4097) {
            Err(Error::OutOfCardMemory { requested, free, largest, total }) => {
                assert_eq!((requested, free, largest, total), (4160, 4096, 4096, 8192))
            }
            other => panic!("{other:?}"),
        }
        assert!(matches!(dram.alloc(u64::MAX), Err(Error::OutOfCardMemory { .. })));
    }

    #[test]
    fn a_new_generation_frees_all_and_refuses_old_buffers() {
        let dram = Dram::new(8192);
        let old = dram.alloc(8192).unwrap();
        dram.next_generation();
        assert!(!old.is_valid());
        assert!(matches!(dram.check(&old), Err(Error::DataLost { buffer: 0, card: 1, .. })));
        let new = dram.alloc(8192).unwrap();
        drop(old);
        assert_eq!(dram.usage().used, 8192, "dropping the old buffer frees nothing of the new one");
        assert!(dram.check(&new).is_ok());
        assert!(matches!(Dram::new(8192).check(&new), Err(Error::ForeignBuffer { .. })));
    }

    #[test]
    fn ranges_inside_a_buffer() {
        let dram = Dram::new(8192);
        let _shift = dram.alloc(64).unwrap();
        let buffer = dram.alloc(100).unwrap();
        assert_eq!(buffer.range("test", 64, 64).unwrap(), buffer.address() + 64);
        assert!(matches!(buffer.range("test", 64, 65), Err(Error::OutOfRange { size: 128, .. })));
        assert!(matches!(buffer.range("test", u64::MAX, 1), Err(Error::OutOfRange { .. })));
        assert!(matches!(buffer.range("test", 32, 1), Err(Error::Unaligned { value: 32, .. })));
    }
}
