//! Memory in the card's address space.

use super::iovas::ALIGN;
use super::{failed, os_error, Shared};
use crate::bdf::Bdf;
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
        let limit = getrlimit(Resource::Memlock).current;
        return Err(refused(device.bdf, len, pinned, limit, &error));
    }
    shared.pinned.fetch_add(len, Ordering::Relaxed);
    let mapped = Mapped { shared: shared.clone(), place, iova, len, owner: Some(owner) };
    // SAFETY: the caller's promise; dropping `mapped` unmaps the memory from the card and only then drops its owner.
    Ok(unsafe { DmaRegion::new(iova, ptr, len, Box::new(mapped)) })
}

/// Why the kernel does not map `len` bytes when `pinned` are mapped already and `limit` may be.
fn refused(bdf: Bdf, len: usize, pinned: usize, limit: Option<u64>, error: &VfioError) -> TransportError {
    let detail = match os_error(error).map(Errno::from_raw_os_error) {
        Some(Errno::NOMEM) => {
            let needed = pinned.saturating_add(len);
            // The limit counts other memory too, and does not hold for root.
            let limit = match limit {
                Some(bytes) if (needed as u64) > bytes => format!("{bytes} bytes"),
                Some(bytes) => format!("{bytes} bytes, so other memory is locked too or the system has none"),
                None => "unlimited, so the system has none".into(),
            };
            format!(
                "the kernel does not pin it: {pinned} bytes are pinned for this card, {needed} are needed in all, and \
                 RLIMIT_MEMLOCK (`ulimit -l`, or LimitMEMLOCK= in a unit) is {limit}"
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
        let with = |errno: Errno, limit| {
            let error = VfioError::IommuDmaMap(SysError::new(errno.raw_os_error()));
            refused(bdf, 4096, 8192, limit, &error).to_string()
        };
        let said = |errno| with(errno, Some(10_000));
        let message = said(Errno::NOMEM);
        for part in
            ["4096 bytes", "8192 bytes are pinned", "12288 are needed", "RLIMIT_MEMLOCK", "is 10000 bytes;"]
        {
            assert!(message.contains(part), "{message}");
        }
        assert!(with(Errno::NOMEM, Some(65_536)).contains("is 65536 bytes, so other memory"));
        assert!(with(Errno::NOMEM, None).contains("unlimited, so the system has none"));
        assert!(said(Errno::NOSPC).contains("dma_entry_limit"));
        assert!(said(Errno::EXIST).contains("0000:01:00.0: 4096 bytes"));
    }
}
