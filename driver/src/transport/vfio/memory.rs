//! Memory in the card's address space.

use super::iovas::ALIGN;
use super::{failed, os_error, Shared};
use crate::dma::lock;
use crate::transport::hostmem::HostMemory;
use permafrost_abi::{DmaRegion, TransportError};
use rustix::io::Errno;
use rustix::process::{getrlimit, Resource};
use std::any::Any;
use std::sync::atomic::Ordering;
use std::sync::Arc;
use vfio_ioctls::VfioError;

const PAGE: usize = 4096;

/// Memory that the card reaches. Dropping it takes it from the card, and then drops the memory's owner.
struct Mapped {
    shared: Arc<Shared>,
    /// Start of the place in the address space; the memory may start a little later.
    place: u64,
    iova: u64,
    len: usize,
    /// `None` once it is given up.
    owner: Option<Box<dyn Any + Send + Sync>>,
}

/// At least `len` zeroed bytes in whole pages.
pub(super) fn alloc(shared: &Arc<Shared>, len: usize) -> Result<DmaRegion, TransportError> {
    let memory = HostMemory::new(len)?;
    let (ptr, size, pages) = (memory.as_ptr(), memory.len(), memory.pages());
    // SAFETY: whole pages that live and stay where they are until `memory` is dropped; nobody else has their address.
    let region = unsafe { map(shared, ptr, size, Box::new(memory)) }?;
    Ok(region.with_pages(pages))
}

/// Lets the card reach `len` bytes at `ptr`.
///
/// # Safety
/// As for [`permafrost_abi::Transport::dma_map`].
pub(super) unsafe fn map(
    shared: &Arc<Shared>,
    ptr: *mut u8,
    len: usize,
    owner: Box<dyn Any + Send + Sync>,
) -> Result<DmaRegion, TransportError> {
    let device = &shared.device;
    if len == 0 || len % PAGE != 0 || ptr as usize % PAGE != 0 {
        return Err(failed(
            device.bdf,
            format!("{len} bytes at {ptr:p} cannot be mapped: both must be multiples of {PAGE}, and not 0"),
        ));
    }
    // Where memory and address differ by a multiple of 2 MiB, the IOMMU can use entries of 2 MiB.
    let skew = if len as u64 >= ALIGN { ptr as u64 % ALIGN } else { 0 };
    let place = lock(&device.iovas).take(len as u64 + skew).ok_or_else(|| TransportError::OutOfMemory {
        requested: len,
        detail: "the addresses that the IOMMU translates are used up".into(),
    })?;
    let iova = place + skew;
    // SAFETY: the caller's promise; the memory is unmapped before its owner is dropped.
    if let Err(error) = unsafe { device.space.vfio_dma_map(iova, len, ptr) } {
        lock(&device.iovas).give(place);
        let pinned = shared.pinned.load(Ordering::Relaxed);
        return Err(refused(device.bdf, len, pinned, &error));
    }
    shared.pinned.fetch_add(len, Ordering::Relaxed);
    let mapped = Mapped { shared: shared.clone(), place, iova, len, owner: Some(owner) };
    // SAFETY: the caller's promise; dropping `mapped` unmaps the memory from the card and only then drops its owner.
    Ok(unsafe { DmaRegion::new(iova, ptr, len, Box::new(mapped)) })
}

/// Why the kernel does not map `len` bytes when `pinned` are mapped already.
fn refused(bdf: crate::Bdf, len: usize, pinned: usize, error: &VfioError) -> TransportError {
    let detail = match os_error(error).map(Errno::from_raw_os_error) {
        Some(Errno::NOMEM) => {
            let limit = getrlimit(Resource::Memlock).current;
            let limit = limit.map_or("unlimited".into(), |bytes| format!("{bytes} bytes"));
            format!(
                "the kernel does not pin it: RLIMIT_MEMLOCK is {limit}, {pinned} bytes are pinned for this card and {} are \
                 needed in all (`ulimit -l`, or LimitMEMLOCK= in a unit)",
                pinned.saturating_add(len)
            )
        }
        Some(Errno::NOSPC) => {
            "the kernel takes no more mappings (vfio_iommu_type1.dma_entry_limit); use larger buffers".into()
        }
        _ => return failed(bdf, format!("{len} bytes of memory cannot be mapped: {error}")),
    };
    TransportError::OutOfMemory { requested: len, detail }
}

impl Drop for Mapped {
    fn drop(&mut self) {
        let device = &self.shared.device;
        match device.space.vfio_dma_unmap(self.iova, self.len) {
            Ok(()) => {
                lock(&device.iovas).give(self.place);
                self.shared.pinned.fetch_sub(self.len, Ordering::Relaxed);
            }
            Err(error) => {
                // The card may still reach it, so nobody else may have it.
                std::mem::forget(self.owner.take());
                tracing::error!(bdf = %device.bdf, iova = self.iova, len = self.len, %error,
                    "memory could not be taken from the card; it is never used again");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use vmm_sys_util::errno::Error as SysError;

    #[test]
    fn a_limit_on_locked_memory_is_named() {
        let bdf = "0000:01:00.0".parse().unwrap();
        let said = |errno: Errno| {
            refused(bdf, 4096, 8192, &VfioError::IommuDmaMap(SysError::new(errno.raw_os_error()))).to_string()
        };
        let message = said(Errno::NOMEM);
        for part in ["4096 bytes", "RLIMIT_MEMLOCK", "8192 bytes are pinned", "12288 are needed"] {
            assert!(message.contains(part), "{message}");
        }
        assert!(said(Errno::NOSPC).contains("dma_entry_limit"));
        assert!(said(Errno::EXIST).contains("0000:01:00.0: 4096 bytes"));
    }
}
