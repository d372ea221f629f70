//! The register BAR through sysfs, without a driver: what a program does that only looks.

use crate::error::Error;
use crate::pci;
use permafrost_abi::BAR0_BYTES;
use permafrost_driver::Bdf;
use rustix::mm::{mmap, munmap, MapFlags, ProtFlags};
use std::fs::OpenOptions;

/// The mapped BAR.
#[derive(Debug)]
pub struct Resource {
    base: *mut u8,
}

/// A type that one load moves.
pub trait Word: Copy {}
impl Word for u8 {}
impl Word for u16 {}
impl Word for u32 {}
impl Word for u64 {}

impl Resource {
    /// Maps BAR 0 of a card that no driver has.
    pub fn open(card: Bdf) -> Result<Self, Error> {
        let path = pci::file(card, "resource0");
        let file =
            OpenOptions::new().read(true).write(true).open(&path).map_err(Error::file("open", &path))?;
        let rights = ProtFlags::READ | ProtFlags::WRITE;
        // SAFETY: a new mapping at an address that the system chooses; no reference ever points into it.
        let base =
            unsafe { mmap(std::ptr::null_mut(), BAR0_BYTES as usize, rights, MapFlags::SHARED, &file, 0) }
                .map_err(Error::file("map", &path))?;
        Ok(Self { base: base.cast() })
    }

    /// Reads one word of `T`'s width.
    ///
    /// # Panics
    /// When the word is outside the BAR or unaligned.
    pub fn read<T: Word>(&self, offset: u64) -> T {
        let at = offset as usize;
        assert!(at + size_of::<T>() <= BAR0_BYTES as usize && at % size_of::<T>() == 0, "{at:#x}");
        // SAFETY: inside the mapping and aligned, by the assertion; volatile, because it is a device's.
        unsafe { self.base.add(at).cast::<T>().read_volatile() }
    }
}

impl Drop for Resource {
    fn drop(&mut self) {
        // SAFETY: mapped by `open` with this length, and nothing borrowed from it outlives it.
        let _ = unsafe { munmap(self.base.cast(), BAR0_BYTES as usize) };
    }
}
