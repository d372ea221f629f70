//! Anonymous memory for DMA, in huge pages where the system has them: an IOMMU then needs one entry for 2 MiB, and the map
//! call pins one page instead of 512.

use permafrost_abi::{PageKind, TransportError};

const PAGE: usize = 4096;
/// A huge page.
pub(crate) const HUGE: usize = 2 << 20;

/// Zeroed memory in whole pages that no other process gets: a child process does not inherit it, so that a page which the
/// card writes is never copied away from under it. Freed when dropped; it does not move.
#[derive(Debug)]
pub(crate) struct HostMemory {
    address: *mut u8,
    len: usize,
    pages: PageKind,
}

// SAFETY: a plain allocation that is freed once by its owner; it hands out nothing but its address.
unsafe impl Send for HostMemory {}
// SAFETY: as above.
unsafe impl Sync for HostMemory {}

impl HostMemory {
    /// At least `len` bytes, rounded up to 4 KiB, 4 KiB aligned. From 2 MiB on it is 2 MiB aligned; huge pages of the
    /// system's pool are taken when `len` is a multiple of 2 MiB and the pool has room, otherwise the system is asked to
    /// use huge pages when it can.
    ///
    /// # Errors
    /// `OutOfMemory`.
    pub fn new(len: usize) -> Result<Self, TransportError> {
        let none = |detail: String| TransportError::OutOfMemory { requested: len, detail };
        let size = len.max(1).checked_next_multiple_of(PAGE).filter(|size| *size <= isize::MAX as usize);
        let size = size.ok_or_else(|| none("more than the address space".into()))?;
        system::map(size).map_err(none)
    }

    /// Address of the first byte; valid for reads and writes while `self` lives.
    pub fn as_ptr(&self) -> *mut u8 {
        self.address
    }

    /// Bytes.
    pub fn len(&self) -> usize {
        self.len
    }

    /// What it is made of.
    pub fn pages(&self) -> PageKind {
        self.pages
    }
}

#[cfg(not(miri))]
mod system {
    use super::{HostMemory, PageKind, HUGE};
    use rustix::mm::{madvise, mmap_anonymous, munmap, Advice, MapFlags, ProtFlags};

    /// `size` is a positive multiple of 4 KiB.
    pub fn map(size: usize) -> Result<HostMemory, String> {
        let anonymous = |size, flags| {
            let protection = ProtFlags::READ | ProtFlags::WRITE;
            // SAFETY: a new mapping at an address that the system chooses.
            unsafe { mmap_anonymous(std::ptr::null_mut(), size, protection, MapFlags::PRIVATE | flags) }
                .map(|address| address.cast::<u8>())
        };
        let memory = if size % HUGE == 0 {
            // The pool's pages are reserved here, so that a later access cannot fail.
            anonymous(size, MapFlags::HUGETLB | MapFlags::HUGE_2MB).ok().map(|address| HostMemory {
                address,
                len: size,
                pages: PageKind::Huge,
            })
        } else {
            None
        };
        let memory = match memory {
            Some(memory) => memory,
            None if size < HUGE => {
                let address = anonymous(size, MapFlags::empty()).map_err(|e| e.to_string())?;
                HostMemory { address, len: size, pages: PageKind::Small }
            }
            None => {
                let whole = size.checked_add(HUGE).ok_or("more than the address space")?;
                let start = anonymous(whole, MapFlags::empty()).map_err(|e| e.to_string())?;
                let before = start.align_offset(HUGE);
                let address = start.wrapping_add(before);
                // SAFETY: the ends of the mapping just made, which nobody knows yet; both are whole pages.
                let trimmed = unsafe {
                    let head = if before > 0 { munmap(start.cast(), before) } else { Ok(()) };
                    head.and_then(|()| munmap(address.wrapping_add(size).cast(), HUGE - before))
                };
                trimmed.map_err(|e| e.to_string())?;
                // SAFETY: advice on the mapping just made; it changes no contents.
                let advised = unsafe { madvise(address.cast(), size, Advice::LinuxHugepage) }.is_ok();
                let pages = if advised { PageKind::Transparent } else { PageKind::Small };
                HostMemory { address, len: size, pages }
            }
        };
        // SAFETY: as above. A system that cannot do it still has the IOMMU's pin; only a process that forks is at risk.
        if let Err(errno) = unsafe { madvise(memory.address.cast(), memory.len, Advice::LinuxDontFork) } {
            tracing::warn!(%errno, "DMA memory stays shared with child processes; do not fork while the card is open");
        }
        Ok(memory)
    }

    impl Drop for HostMemory {
        fn drop(&mut self) {
            // SAFETY: mapped with this length; the owner lets nobody use the address any more.
            if let Err(errno) = unsafe { munmap(self.address.cast(), self.len) } {
                tracing::error!(%errno, "DMA memory could not be unmapped");
            }
        }
    }
}

/// Miri knows no such mappings; an allocation has the same properties except for the pages.
#[cfg(miri)]
mod system {
    use super::{HostMemory, PageKind, PAGE};
    use std::alloc::{alloc_zeroed, dealloc, Layout};

    pub fn map(size: usize) -> Result<HostMemory, String> {
        let layout = Layout::from_size_align(size, PAGE).map_err(|e| e.to_string())?;
        // SAFETY: the layout is not empty.
        let address = unsafe { alloc_zeroed(layout) };
        match address.is_null() {
            true => Err("the host has no more memory".into()),
            false => Ok(HostMemory { address, len: size, pages: PageKind::Small }),
        }
    }

    impl Drop for HostMemory {
        fn drop(&mut self) {
            if let Ok(layout) = Layout::from_size_align(self.len, PAGE) {
                // SAFETY: allocated by `map` with this layout.
                unsafe { dealloc(self.address, layout) }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_zeroed_aligned_and_whole_pages() {
        for (len, size) in [(1, PAGE), (PAGE + 1, 2 * PAGE), (HUGE, HUGE), (HUGE + 1, HUGE + PAGE)] {
            let memory = HostMemory::new(len).unwrap();
            assert_eq!(memory.len(), size);
            let align = if size >= HUGE && !cfg!(miri) { HUGE } else { PAGE };
            assert_eq!(memory.as_ptr() as usize % align, 0, "{len}");
            assert!(size >= HUGE || memory.pages() == PageKind::Small);
            for at in [0, size / 2, size - 1] {
                // SAFETY: inside the memory, which nobody else uses.
                unsafe {
                    assert_eq!(memory.as_ptr().add(at).read(), 0);
                    memory.as_ptr().add(at).write(7);
                    assert_eq!(memory.as_ptr().add(at).read(), 7);
                }
            }
        }
    }

    #[test]
    fn what_cannot_be_had_is_refused() {
        // An interpreter ends when memory does.
        let most = if cfg!(miri) { usize::MAX } else { 1 << 62 };
        for len in [usize::MAX, isize::MAX as usize, most] {
            assert!(matches!(HostMemory::new(len), Err(TransportError::OutOfMemory { .. })), "{len:#x}");
        }
    }
}
