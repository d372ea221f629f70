//! DMA memory: files without a name, mapped here and by the server.

use super::connection::Connection;
use crate::dma::lock;
use permafrost_abi::vfio_user::{command, DmaMap, DmaUnmap, DMA_READABLE, DMA_WRITABLE};
use permafrost_abi::{DmaRegion, TransportError};
use rustix::fs::{fcntl_add_seals, ftruncate, memfd_create, MemfdFlags, SealFlags};
use rustix::io::Errno;
use rustix::mm::{mmap, munmap, MapFlags, ProtFlags};
use std::os::fd::AsFd;
use std::sync::Arc;

const PAGE: usize = 4096;
/// Above 4 GiB, so that a card which drops address bits is found out.
const FIRST_IOVA: u64 = 0x1_0000_0000;
/// Unmapped space between windows; IOVAs are not reused, so a stale address is an error instead of somebody's data.
const GUARD: u64 = 64 << 10;

/// A window of IOVA space. Dropping it takes it from the server, which then reaches it no more, and frees it.
#[derive(Debug)]
pub(super) struct Window {
    connection: Arc<Connection>,
    memory: Mapping,
    /// Where the server has it, once it has.
    iova: Option<u64>,
}

/// The memory itself.
#[derive(Debug)]
struct Mapping {
    address: *mut u8,
    len: usize,
}

// SAFETY: plain shared memory, unmapped once by its owner; all access is through DmaRegion's copies and atomics.
unsafe impl Send for Mapping {}
// SAFETY: as above.
unsafe impl Sync for Mapping {}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: mapped with this length; the region that hands out the address has ended.
        if let Err(errno) = unsafe { munmap(self.address.cast(), self.len) } {
            tracing::error!(%errno, "DMA memory could not be unmapped");
        }
    }
}

impl Window {
    /// At least `len` zeroed bytes in whole pages, mapped here and at the server.
    pub fn map(connection: &Arc<Connection>, len: usize) -> Result<DmaRegion, TransportError> {
        let none = |detail: String| TransportError::OutOfMemory { requested: len, detail };
        let size = len.max(1).checked_next_multiple_of(PAGE).filter(|size| *size <= isize::MAX as usize);
        let size = size.ok_or_else(|| none("more than the address space".into()))?;
        let failed = |errno: Errno| none(errno.to_string());
        let file = memfd_create("permafrost-dma", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING)
            .map_err(failed)?;
        ftruncate(&file, size as u64).map_err(failed)?;
        // The server can rely on its size.
        fcntl_add_seals(&file, SealFlags::SHRINK | SealFlags::GROW).map_err(failed)?;
        // SAFETY: a new mapping at an address that the system chooses.
        let address = unsafe {
            mmap(std::ptr::null_mut(), size, ProtFlags::READ | ProtFlags::WRITE, MapFlags::SHARED, &file, 0)
        }
        .map_err(failed)?
        .cast();
        let memory = Mapping { address, len: size };
        let iova = {
            let mut used = lock(&connection.iovas);
            let next = (size as u64).checked_add(GUARD).and_then(|n| used.checked_add(n));
            let next = next.filter(|next| next.checked_add(FIRST_IOVA).is_some());
            let iova = FIRST_IOVA + *used;
            *used = next.ok_or_else(|| none("the IOVA space is used up".into()))?;
            iova
        };
        let argsz = size_of::<DmaMap>() as u32;
        let flags = DMA_READABLE | DMA_WRITABLE;
        let map = DmaMap { argsz, flags, offset: 0, address: iova, size: size as u64 };
        let mut window = Window { connection: connection.clone(), memory, iova: None };
        connection.call(command::DMA_MAP, &[bytemuck::bytes_of(&map)], &[file.as_fd()])?;
        window.iova = Some(iova);
        // SAFETY: the memory is page aligned and valid until `window` is dropped, which takes it from the server and then
        // unmaps it; should the server keep it, it keeps the pages, which nobody else gets. No reference points into it.
        Ok(unsafe { DmaRegion::new(iova, address, size, Box::new(window)) })
    }
}

impl Drop for Window {
    fn drop(&mut self) {
        let Some(address) = self.iova else { return };
        let argsz = size_of::<DmaUnmap>() as u32;
        let unmap = DmaUnmap { argsz, flags: 0, address, size: self.memory.len as u64 };
        if let Err(error) = self.connection.call(command::DMA_UNMAP, &[bytemuck::bytes_of(&unmap)], &[]) {
            tracing::debug!(%error, "a DMA window stays with a server that is gone");
        }
    }
}
