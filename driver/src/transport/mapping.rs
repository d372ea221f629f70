//! The register BAR mapped into this process, and offsets in it.

use permafrost_abi::{TransportError, BAR0_BYTES};
use rustix::io::Errno;
use rustix::mm::{mmap, munmap, MapFlags, ProtFlags};
use std::os::fd::AsFd;

const BYTES: usize = BAR0_BYTES as usize;

/// Offset of a register: 4-byte aligned and inside the BAR.
#[derive(Clone, Copy, Debug)]
pub(super) struct Register(u64);

impl Register {
    /// # Errors
    /// `BadOffset`.
    pub fn at(offset: u64) -> Result<Self, TransportError> {
        match offset % 4 == 0 && offset < BYTES as u64 {
            true => Ok(Self(offset)),
            false => Err(TransportError::BadOffset { offset, bar_bytes: BYTES as u64 }),
        }
    }

    /// Bytes from the start of the BAR.
    pub fn offset(self) -> u64 {
        self.0
    }
}

/// The mapped BAR; unmapped when dropped.
#[derive(Debug)]
pub(super) struct Mapping(*mut u8);

// SAFETY: device memory that is mapped until the owner is dropped; all access is by volatile words.
unsafe impl Send for Mapping {}
// SAFETY: as above; words of a device may be read and written at any time.
unsafe impl Sync for Mapping {}

impl Mapping {
    /// Maps the BAR, which is at `offset` of `file`; `protection` allows reads.
    pub fn new(file: impl AsFd, offset: u64, protection: ProtFlags) -> Result<Self, Errno> {
        let protection = protection | ProtFlags::READ;
        // SAFETY: a new mapping at an address that the system chooses; no reference will point into it.
        let address =
            unsafe { mmap(std::ptr::null_mut(), BYTES, protection, MapFlags::SHARED, file, offset) }?;
        Ok(Self(address.cast()))
    }

    fn word(&self, register: Register) -> *mut u32 {
        self.0.wrapping_add(register.0 as usize).cast()
    }

    /// Reads a register.
    pub fn read32(&self, register: Register) -> u32 {
        // SAFETY: aligned and inside the mapping, as every `Register`; the device may change it at any time, so the load is
        // volatile.
        u32::from_le(unsafe { self.word(register).read_volatile() })
    }

    /// Writes a register.
    ///
    /// # Safety
    /// The mapping must be one that allows writes.
    pub unsafe fn write32(&self, register: Register, value: u32) {
        // SAFETY: as in `read32`, and writable by the contract.
        unsafe { self.word(register).write_volatile(value.to_le()) }
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: mapped by `new` with this length; nobody has the address.
        if let Err(errno) = unsafe { munmap(self.0.cast(), BYTES) } {
            tracing::error!(%errno, "registers could not be unmapped; the device stays open until this process ends");
        }
    }
}
