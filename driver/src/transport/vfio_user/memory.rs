//! DMA memory: files without a name, mapped here and by the server; and memory of the caller, which the server asks for.

use super::connection::Connection;
use crate::dma::lock;
use crate::transport::hostmem::HUGE;
use permafrost_abi::vfio_user::{command, DmaMap, DmaUnmap, DMA_READABLE, DMA_WRITABLE};
use permafrost_abi::{DmaRegion, PageKind, TransportError};
use rustix::fs::{fcntl_add_seals, ftruncate, memfd_create, MemfdFlags, SealFlags};
use rustix::io::Errno;
use rustix::mm::{mmap, munmap, MapFlags, ProtFlags};
use std::any::Any;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;

const PAGE: usize = 4096;
/// Above 4 GiB, so that a card which drops address bits is found out.
const FIRST_IOVA: u64 = 0x1_0000_0000;
/// Unmapped space between windows; IOVAs are not reused, so a stale address is an error instead of somebody's data.
const GUARD: u64 = 64 << 10;

/// A window of IOVA space. Dropping it takes it from the server, which then reaches it no more, and lets go of the memory.
#[derive(Debug)]
pub(super) struct Window {
    connection: Arc<Connection>,
    memory: Memory,
    /// Where the server has it, once it has.
    iova: Option<u64>,
}

/// The memory itself.
#[derive(Debug)]
struct Memory {
    address: *mut u8,
    len: usize,
    owner: Owner,
}

/// Whose it is.
enum Owner {
    /// A mapping made here.
    Mapping,
    /// The caller's, who gets it back when this is dropped.
    Caller { _memory: Box<dyn Any + Send + Sync> },
}

impl std::fmt::Debug for Owner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Mapping => "Mapping",
            Self::Caller { .. } => "Caller",
        })
    }
}

// SAFETY: plain memory, let go once by its owner; all access is through DmaRegion's copies and atomics.
unsafe impl Send for Memory {}
// SAFETY: as above.
unsafe impl Sync for Memory {}

impl Drop for Memory {
    fn drop(&mut self) {
        if let Owner::Mapping = self.owner {
            // SAFETY: mapped with this length; the region that hands out the address has ended.
            if let Err(errno) = unsafe { munmap(self.address.cast(), self.len) } {
                tracing::error!(%errno, "DMA memory could not be unmapped");
            }
        }
    }
}

impl Window {
    /// At least `len` zeroed bytes in whole pages, mapped here and at the server; in huge pages of the system's pool when
    /// `len` is a multiple of 2 MiB, the pool has room and the server takes them.
    pub fn map(connection: &Arc<Connection>, len: usize) -> Result<DmaRegion, TransportError> {
        let none = |detail: String| TransportError::OutOfMemory { requested: len, detail };
        let size = len.max(1).checked_next_multiple_of(PAGE).filter(|size| *size <= isize::MAX as usize);
        let size = size.ok_or_else(|| none("more than the address space".into()))?;
        if size % HUGE == 0 {
            // No failure: whatever stands against it, small pages are there.
            if let Ok((memory, file)) = shared(size, MemfdFlags::HUGETLB | MemfdFlags::HUGE_2MB) {
                match Self::announce(connection, memory, Some(&file)) {
                    Ok(region) => return Ok(region.with_pages(PageKind::Huge)),
                    Err(lost @ TransportError::Lost { .. }) => return Err(lost),
                    Err(error) => tracing::debug!(%error, "the server takes no huge pages"),
                }
            }
        }
        let (memory, file) = shared(size, MemfdFlags::empty()).map_err(|errno| none(errno.to_string()))?;
        Self::announce(connection, memory, Some(&file))
    }

    /// Memory of the caller; the server asks for each access.
    ///
    /// # Safety
    /// As [`Transport::dma_map`](permafrost_abi::Transport::dma_map).
    pub unsafe fn foreign(
        connection: &Arc<Connection>,
        ptr: *mut u8,
        len: usize,
        owner: Box<dyn Any + Send + Sync>,
    ) -> Result<DmaRegion, TransportError> {
        if ptr.align_offset(PAGE) != 0 || len % PAGE != 0 || len == 0 {
            return Err(TransportError::Io(format!(
                "{len} bytes at {ptr:p} are not whole pages; align both to {PAGE}"
            )));
        }
        let memory = Memory { address: ptr, len, owner: Owner::Caller { _memory: owner } };
        Self::announce(connection, memory, None)
    }

    /// Tells the server of `memory`, which is in `file` or nowhere.
    fn announce(
        connection: &Arc<Connection>,
        memory: Memory,
        file: Option<&OwnedFd>,
    ) -> Result<DmaRegion, TransportError> {
        let (ptr, len) = (memory.address, memory.len);
        let address = {
            let mut used = lock(&connection.iovas);
            let next = (len as u64).checked_add(GUARD).and_then(|n| used.checked_add(n));
            let next = next.filter(|next| next.checked_add(FIRST_IOVA).is_some());
            let address = FIRST_IOVA + *used;
            let full =
                || TransportError::OutOfMemory { requested: len, detail: "the IOVA space is used up".into() };
            *used = next.ok_or_else(full)?;
            address
        };
        let argsz = size_of::<DmaMap>() as u32;
        let flags = DMA_READABLE | DMA_WRITABLE;
        let map = DmaMap { argsz, flags, offset: 0, address, size: len as u64 };
        let mut window = Window { connection: connection.clone(), memory, iova: None };
        let fds: Vec<_> = file.iter().map(|file| file.as_fd()).collect();
        connection.call(command::DMA_MAP, &[bytemuck::bytes_of(&map)], &fds)?;
        window.iova = Some(address);
        if file.is_none() {
            // SAFETY: valid until the window ends, which removes the view first; by the contract no reference points there.
            connection.foreign().add(unsafe { DmaRegion::new(address, ptr, len, Box::new(())) });
        }
        // SAFETY: the memory is page aligned and valid until `window` is dropped, which takes it from the server and then
        // lets go of it; should the server keep a file, it keeps the pages, which nobody else gets, and without a file
        // it reaches nothing but by the view. No reference points into it.
        Ok(unsafe { DmaRegion::new(address, ptr, len, Box::new(window)) })
    }
}

/// `size` bytes in a file without a name, zeroed, and mapped here.
fn shared(size: usize, kind: MemfdFlags) -> Result<(Memory, OwnedFd), Errno> {
    let file = memfd_create("permafrost-dma", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING | kind)?;
    ftruncate(&file, size as u64)?;
    // The server can rely on its size.
    fcntl_add_seals(&file, SealFlags::SHRINK | SealFlags::GROW)?;
    let protection = ProtFlags::READ | ProtFlags::WRITE;
    // SAFETY: a new mapping at an address that the system chooses. Huge pages are reserved here, or refused.
    let address = unsafe { mmap(std::ptr::null_mut(), size, protection, MapFlags::SHARED, &file, 0) }?;
    Ok((Memory { address: address.cast(), len: size, owner: Owner::Mapping }, file))
}

impl Drop for Window {
    fn drop(&mut self) {
        let Some(address) = self.iova else { return };
        // First of all, whatever the server does afterwards.
        self.connection.foreign().remove(address);
        let argsz = size_of::<DmaUnmap>() as u32;
        let unmap = DmaUnmap { argsz, flags: 0, address, size: self.memory.len as u64 };
        if let Err(error) = self.connection.call(command::DMA_UNMAP, &[bytemuck::bytes_of(&unmap)], &[]) {
            tracing::debug!(%error, "a DMA window stays with a server that is gone");
        }
    }
}
