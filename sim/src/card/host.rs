//! Host memory that the card reaches: blocks with IOVAs, and the card's accesses to them.

use super::locked;
use crate::axi::{Beat, Response, BEAT_BYTES};
use permafrost_abi::transport::{DmaRegion, PageKind, TransportError};
use rustix::mm::{madvise, Advice};
use std::{
    alloc::{alloc, dealloc, Layout},
    any::Any,
    collections::BTreeMap,
    sync::{
        atomic::{AtomicU64, Ordering},
        Arc, Mutex,
    },
};

const PAGE: usize = 4096;
/// A huge page.
const HUGE: usize = 2 << 20;
/// Above 4 GiB, so that a driver or card which drops address bits is found out.
const FIRST_IOVA: u64 = 0x1_0000_0000;
/// Unmapped space between blocks; IOVAs are not reused, so a stale address is an error instead of somebody's data.
const GUARD: u64 = 64 << 10;

/// The mapped blocks; clones share them.
#[derive(Clone, Debug, Default)]
pub(super) struct HostMemory(Arc<Mutex<Table>>);

#[derive(Debug, Default)]
struct Table {
    /// IOVA to block.
    blocks: BTreeMap<u64, Block>,
    /// Bytes of IOVA space handed out, guards included.
    used: u64,
}

#[derive(Debug)]
struct Block {
    memory: *mut u8,
    bytes: usize,
}

// SAFETY: a block is an address; who owns the memory takes the block from the table first. Accesses are atomic.
unsafe impl Send for Block {}

/// Unmaps a block when its region is dropped, then lets go of its memory.
struct Owner {
    table: HostMemory,
    iova: u64,
    _memory: Box<dyn Any + Send + Sync>,
}

impl Drop for Owner {
    fn drop(&mut self) {
        // The card copies beats under the table's lock, so none is in the block once it is out of the table.
        locked(&self.table.0).blocks.remove(&self.iova);
    }
}

/// Memory of this process.
struct Allocation {
    memory: *mut u8,
    layout: Layout,
}

// SAFETY: freed once, by its owner.
unsafe impl Send for Allocation {}
// SAFETY: as above; it is not accessed through this.
unsafe impl Sync for Allocation {}

impl Drop for Allocation {
    fn drop(&mut self) {
        // SAFETY: allocated by `alloc` with this layout.
        unsafe { dealloc(self.memory, self.layout) }
    }
}

impl HostMemory {
    /// At least `len` zeroed bytes in whole pages, mapped.
    pub fn alloc(&self, len: usize) -> Result<DmaRegion, TransportError> {
        let refused = |detail: &str| TransportError::OutOfMemory { requested: len, detail: detail.into() };
        let bytes = len
            .max(1)
            .checked_next_multiple_of(PAGE)
            .ok_or_else(|| refused("more than the address space"))?;
        let align = if bytes >= HUGE { HUGE } else { PAGE };
        let layout =
            Layout::from_size_align(bytes, align).map_err(|_| refused("more than the address space"))?;
        // SAFETY: the layout is not empty.
        let memory = unsafe { alloc(layout) };
        if memory.is_null() {
            return Err(refused("the host has no more memory"));
        }
        let allocation = Allocation { memory, layout };
        // Before the first touch, which decides. SAFETY: advice on whole pages of the allocation changes no contents.
        let huge = align == HUGE && unsafe { madvise(memory.cast(), bytes, Advice::LinuxHugepage) }.is_ok();
        // SAFETY: the allocation has as many bytes.
        unsafe { memory.write_bytes(0, bytes) };
        // SAFETY: page aligned, and valid until the allocation is dropped; no reference points into it.
        let region = unsafe { self.map(memory, bytes, Box::new(allocation)) }?;
        Ok(region.with_pages(if huge { PageKind::Transparent } else { PageKind::Small }))
    }

    /// Memory that is there already.
    ///
    /// # Safety
    /// As [`Transport::dma_map`](permafrost_abi::Transport::dma_map).
    pub unsafe fn map(
        &self,
        memory: *mut u8,
        bytes: usize,
        owner: Box<dyn Any + Send + Sync>,
    ) -> Result<DmaRegion, TransportError> {
        if memory.align_offset(PAGE) != 0 || bytes % PAGE != 0 || bytes == 0 {
            return Err(TransportError::Io(format!(
                "{bytes} bytes at {memory:p} are not whole pages; align both to {PAGE}"
            )));
        }
        let mut table = locked(&self.0);
        let iova = FIRST_IOVA + table.used;
        table.used += bytes as u64 + GUARD;
        table.blocks.insert(iova, Block { memory, bytes });
        drop(table);
        let owner = Box::new(Owner { table: self.clone(), iova, _memory: owner });
        // SAFETY: valid and page aligned until `owner` unmaps it and lets go; no reference points into it, by the contract.
        Ok(unsafe { DmaRegion::new(iova, memory, bytes, owner) })
    }

    /// Runs `access` on the 64 bytes at `address`, which stay mapped meanwhile.
    fn with(&self, address: u64, access: impl FnOnce(*mut u8)) -> Response {
        let table = locked(&self.0);
        match table.blocks.range(..=address).next_back() {
            Some((iova, block)) if address - iova + BEAT_BYTES as u64 <= block.bytes as u64 => {
                access(block.memory.wrapping_add((address - iova) as usize));
                Response::Okay
            }
            _ => Response::SlaveError,
        }
    }

    /// The card reads.
    pub fn read(&self, address: u64, beat: &mut Beat) -> Response {
        // SAFETY: `with` gives 64 mapped bytes; the address is a multiple of 64, as is that of the block.
        self.with(address, |from| unsafe { load_beat(from, beat) })
    }

    /// The card writes.
    pub fn write(&self, address: u64, beat: &Beat, strobe: u64) -> Response {
        // SAFETY: as in `read`.
        self.with(address, |to| unsafe { store_beat(to, beat, strobe) })
    }
}

/// Bytes of a word, the one size of access, as that of the host's own: [`DmaRegion`].
const WORD: usize = size_of::<u64>();

/// Reads 64 bytes that a host may be writing.
///
/// # Safety
/// `from` must be 8-byte aligned and valid for reads of 64 bytes, which no Rust reference points into.
pub(crate) unsafe fn load_beat(from: *const u8, beat: &mut Beat) {
    for (i, word) in beat.chunks_exact_mut(WORD).enumerate() {
        // SAFETY: in range and aligned by the contract; a load needs no right to write.
        let value =
            unsafe { AtomicU64::from_ptr(from.add(WORD * i).cast_mut().cast()) }.load(Ordering::Relaxed);
        word.copy_from_slice(&value.to_ne_bytes());
    }
}

/// Writes the selected ones of 64 bytes. They become visible in address order, the last word after all that was written
/// before it: a reader that sees a completion's phase bit sees the completion, and the data it announces.
///
/// # Safety
/// `to` must be 8-byte aligned and valid for writes of 64 bytes, which no Rust reference points into.
pub(crate) unsafe fn store_beat(to: *mut u8, beat: &Beat, strobe: u64) {
    for (i, word) in beat.chunks_exact(WORD).enumerate() {
        let selected = strobe >> (WORD * i) & 0xff;
        // SAFETY: in range and aligned by the contract.
        let target = || unsafe { AtomicU64::from_ptr(to.add(WORD * i).cast()) };
        if selected == 0xff {
            let last = strobe >> (WORD * i) == 0xff;
            let order = if last { Ordering::Release } else { Ordering::Relaxed };
            let mut value = [0; WORD];
            value.copy_from_slice(word);
            target().store(u64::from_ne_bytes(value), order);
        } else if selected != 0 {
            let merged = |old: u64| {
                let mut bytes = old.to_ne_bytes();
                for j in (0..WORD).filter(|j| selected >> j & 1 == 1) {
                    bytes[j] = word[j];
                }
                Some(u64::from_ne_bytes(bytes))
            };
            // There is always a value to store.
            let _ = target().fetch_update(Ordering::Release, Ordering::Relaxed, merged);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_mapped_while_they_live() {
        let host = HostMemory::default();
        let (a, b) = (host.alloc(1).unwrap(), host.alloc(3 * PAGE).unwrap());
        assert_eq!((a.len(), b.len()), (PAGE, 3 * PAGE));
        assert!(b.iova() >= a.iova() + a.len() as u64 + GUARD);
        assert_eq!((a.iova() % PAGE as u64, b.as_ptr() as usize % PAGE), (0, 0));
        let mut beat = [1; 64];
        assert_eq!(host.read(b.iova() + 64, &mut beat), Response::Okay);
        assert_eq!(beat, [0; 64]);
        // The last beat is inside, the next one and the one before the block are not.
        let end = a.iova() + a.len() as u64;
        assert_eq!(host.write(end - 64, &[9; 64], u64::MAX), Response::Okay);
        assert_eq!(a.load_acquire(PAGE - 4), 0x0909_0909);
        assert_eq!(host.read(end, &mut beat), Response::SlaveError);
        assert_eq!(host.read(a.iova() - 64, &mut beat), Response::SlaveError);
        let iova = b.iova();
        drop(b);
        assert_eq!(host.read(iova, &mut beat), Response::SlaveError);
        assert_ne!(host.alloc(3 * PAGE).unwrap().iova(), iova, "IOVAs are not reused");
    }

    #[test]
    fn strobes_select_bytes() {
        let host = HostMemory::default();
        let r = host.alloc(PAGE).unwrap();
        let beat: Beat = std::array::from_fn(|i| i as u8 + 1);
        assert_eq!(host.write(r.iova() + 64, &beat, 0xf00f_0000_0000_0006), Response::Okay);
        let mut seen = [0; 64];
        r.read(64, &mut seen);
        let want: Beat = std::array::from_fn(|i| match i {
            1 | 2 | 48..=51 | 60..=63 => i as u8 + 1,
            _ => 0,
        });
        assert_eq!(seen, want);
    }

    #[test]
    fn what_cannot_be_had_is_refused() {
        let host = HostMemory::default();
        for len in [usize::MAX, usize::MAX / 2 + 1, 1 << 62] {
            assert!(matches!(host.alloc(len), Err(TransportError::OutOfMemory { .. })), "{len:#x}");
        }
    }
}
