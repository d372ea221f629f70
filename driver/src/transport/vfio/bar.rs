//! BAR 0: the registers, mapped into this process or, where the kernel does not allow that, reached by system calls.

use super::device::Device;
use super::failed;
use permafrost_abi::pci::REGISTER_BAR;
use permafrost_abi::{TransportError, BAR0_BYTES};
use rustix::mm::{mmap, munmap, MapFlags, ProtFlags};
use std::sync::atomic::{fence, Ordering};
use vfio_bindings::bindings::vfio::{
    VFIO_REGION_INFO_FLAG_MMAP, VFIO_REGION_INFO_FLAG_READ, VFIO_REGION_INFO_FLAG_WRITE,
};

/// The registers. It must end before the device is closed: a mapping keeps the device open.
#[derive(Debug)]
pub(super) struct Bar {
    /// `None`: by system calls.
    mapping: Option<Mapping>,
}

#[derive(Debug)]
struct Mapping(*mut u8);

// SAFETY: device memory that is mapped until the owner is dropped; all access is by volatile words.
unsafe impl Send for Mapping {}
// SAFETY: as above; words of a device may be read and written at any time.
unsafe impl Sync for Mapping {}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: mapped by `Bar::open` with this length; nobody has the address.
        if let Err(errno) = unsafe { munmap(self.0.cast(), BAR0_BYTES as usize) } {
            tracing::error!(%errno, "BAR 0 could not be unmapped; the device stays open until this process ends");
        }
    }
}

impl Bar {
    /// The registers of `device`, which must answer memory accesses.
    pub fn open(device: &Device) -> Result<Self, TransportError> {
        let region = device.region(REGISTER_BAR)?;
        let access = VFIO_REGION_INFO_FLAG_READ | VFIO_REGION_INFO_FLAG_WRITE;
        if region.size < BAR0_BYTES.into() || region.flags & access != access {
            return Err(failed(
                device.bdf,
                format!(
                    "not a card: BAR {REGISTER_BAR} has {:#x} bytes and flags {:#x}, expected {BAR0_BYTES:#x} to read and write; \
                     check the address",
                    region.size, region.flags
                ),
            ));
        }
        if region.flags & VFIO_REGION_INFO_FLAG_MMAP == 0 {
            return Ok(Self { mapping: None });
        }
        let protection = ProtFlags::READ | ProtFlags::WRITE;
        // SAFETY: a new mapping at an address that the system chooses.
        let mapped = unsafe {
            mmap(
                std::ptr::null_mut(),
                BAR0_BYTES as usize,
                protection,
                MapFlags::SHARED,
                device.fd(),
                region.offset,
            )
        };
        match mapped {
            Ok(address) => Ok(Self { mapping: Some(Mapping(address.cast())) }),
            Err(errno) => {
                tracing::warn!(%errno, bdf = %device.bdf, "BAR 0 cannot be mapped; registers go through system calls");
                Ok(Self { mapping: None })
            }
        }
    }

    /// Reads the register at `offset`, which is inside BAR 0 and aligned. What is read from memory afterwards is not older.
    pub fn read32(&self, device: &Device, offset: u64) -> Result<u32, TransportError> {
        let value = match &self.mapping {
            // SAFETY: inside the mapping and aligned, by the caller's check; device memory is only reached by such words.
            Some(Mapping(base)) => unsafe { base.add(offset as usize).cast::<u32>().read_volatile() },
            None => {
                let mut bytes = [0; 4];
                device.read_region(REGISTER_BAR, offset, &mut bytes)?;
                u32::from_ne_bytes(bytes)
            }
        };
        fence(Ordering::Acquire);
        Ok(u32::from_le(value))
    }

    /// Writes the register at `offset`, which is inside BAR 0 and aligned, after all that was written to memory before.
    pub fn write32(&self, device: &Device, offset: u64, value: u32) -> Result<(), TransportError> {
        memory_before_device();
        let value = value.to_le();
        match &self.mapping {
            // SAFETY: as in `read32`.
            Some(Mapping(base)) => unsafe {
                base.add(offset as usize).cast::<u32>().write_volatile(value);
            },
            None => device.write_region(REGISTER_BAR, offset, &value.to_ne_bytes())?,
        }
        Ok(())
    }
}

/// Orders writes to memory before writes to a device, also as the device sees them.
fn memory_before_device() {
    // On x86 this is a full barrier.
    fence(Ordering::SeqCst);
    // That fence covers the processors alone; the device is in the outer domain.
    #[cfg(target_arch = "aarch64")]
    // SAFETY: a barrier; it touches neither registers nor the stack.
    unsafe {
        std::arch::asm!("dmb osh", options(nostack, preserves_flags));
    }
}
