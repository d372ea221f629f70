//! BAR 0: the registers, mapped into this process or, where the kernel does not allow that, reached by system calls.

use super::device::Device;
use super::failed;
use crate::transport::mapping::{Mapping, Register};
use permafrost_abi::pci::REGISTER_BAR;
use permafrost_abi::{TransportError, BAR0_BYTES};
use rustix::mm::ProtFlags;
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
        match Mapping::new(device.fd(), region.offset, ProtFlags::WRITE) {
            Ok(mapping) => Ok(Self { mapping: Some(mapping) }),
            Err(errno) => {
                tracing::warn!(%errno, bdf = %device.bdf, "BAR 0 cannot be mapped; registers go through system calls");
                Ok(Self { mapping: None })
            }
        }
    }

    /// Reads a register. What is read from memory afterwards is not older.
    pub fn read32(&self, device: &Device, register: Register) -> Result<u32, TransportError> {
        let value = match &self.mapping {
            Some(mapping) => mapping.read32(register),
            None => {
                let mut bytes = [0; 4];
                device.read_region(REGISTER_BAR, register.offset(), &mut bytes)?;
                u32::from_le_bytes(bytes)
            }
        };
        fence(Ordering::Acquire);
        Ok(value)
    }

    /// Writes a register, after all that was written to memory before.
    pub fn write32(&self, device: &Device, register: Register, value: u32) -> Result<(), TransportError> {
        memory_before_device();
        match &self.mapping {
            // SAFETY: mapped for writing by `open`.
            Some(mapping) => unsafe { mapping.write32(register, value) },
            None => device.write_region(REGISTER_BAR, register.offset(), &value.to_le_bytes())?,
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
