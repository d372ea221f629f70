//! The opened device: config space, regions, reset, and closing it in one piece.

use super::events::{raised, Events};
use super::iovas::Iovas;
use super::{failed, NAME};
use crate::bdf::Bdf;
use permafrost_abi::pci::{COMMAND, COMMAND_BUS_MASTER, COMMAND_MEMORY};
use permafrost_abi::TransportError;
use rustix::io::{pread, pwrite, Errno};
use rustix::ioctl::{ioctl, opcode, NoArg, Updater};
use std::mem::ManuallyDrop;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};
use vfio_bindings::bindings::vfio::{
    vfio_device_info, vfio_region_info, VFIO_DEVICE_FLAGS_RESET, VFIO_PCI_CONFIG_REGION_INDEX,
};
use vfio_ioctls::{VfioDevice, VfioOps};

const DEVICE_GET_INFO: u32 = opcode::none(b';', 107) as u32;
const DEVICE_GET_REGION_INFO: u32 = opcode::none(b';', 108) as u32;
const DEVICE_RESET: u32 = opcode::none(b';', 111) as u32;
/// How long the kernel may be busy with the device otherwise before a reset is given up.
const RESET_LIMIT: Duration = Duration::from_secs(5);

/// What a backend opens.
pub(super) struct Opened {
    /// The device.
    pub device: Held,
    /// Its address space.
    pub space: Arc<dyn VfioOps>,
    /// First and last address of each range that the IOMMU translates.
    pub ranges: Vec<(u64, u64)>,
}

/// A device that this process has opened.
pub(super) struct Device {
    /// Its address.
    pub bdf: Bdf,
    /// Its address space.
    pub space: Arc<dyn VfioOps>,
    /// What of that space is in use.
    pub iovas: Mutex<Iovas>,
    /// What the kernel tells of it.
    pub events: Events,
    /// Whether it has a function level reset.
    resets: bool,
    /// Why it is lost.
    lost: OnceLock<String>,
    device: Held,
    /// A second descriptor of a device that is to be released, closed after the first.
    keep: Option<OwnedFd>,
}

impl std::fmt::Debug for Device {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Device").field("bdf", &self.bdf).field("lost", &self.lost).finish_non_exhaustive()
    }
}

impl Device {
    /// Takes over what a backend has opened.
    pub fn new(bdf: Bdf, opened: Opened) -> Result<Self, TransportError> {
        let Opened { device, space, ranges } = opened;
        let events = Events::enable(bdf, &device.device)?;
        let mut this = Self {
            bdf,
            space,
            iovas: Mutex::new(Iovas::new(&ranges)),
            events,
            resets: false,
            lost: OnceLock::new(),
            device,
            keep: None,
        };
        let mut info = vfio_device_info { argsz: size_of::<vfio_device_info>() as u32, ..Default::default() };
        // SAFETY: the ioctl of this number takes this structure, which says its size.
        unsafe { ioctl(this.fd(), Updater::<{ DEVICE_GET_INFO as _ }, _>::new(&mut info)) }
            .map_err(|e| failed(bdf, format!("no information on the device: {e}")))?;
        this.resets = info.flags & VFIO_DEVICE_FLAGS_RESET != 0;
        Ok(this)
    }

    /// The library's view of the device, for interrupts.
    pub fn vfio(&self) -> &VfioDevice {
        &self.device.device
    }

    /// The device's descriptor.
    pub fn fd(&self) -> BorrowedFd<'_> {
        // SAFETY: open as long as the device, which lives as long as `self`.
        unsafe { BorrowedFd::borrow_raw(self.device.device.as_raw_fd()) }
    }

    /// The error of a device that is lost, which it is from now on.
    pub fn lost(&self, detail: impl Into<String>) -> TransportError {
        let detail = self.lost.get_or_init(|| detail.into());
        TransportError::Lost { transport: NAME.into(), detail: format!("{}: {detail}", self.bdf) }
    }

    /// Fails when the device is lost.
    pub fn alive(&self) -> Result<(), TransportError> {
        self.lost.get().map_or(Ok(()), |detail| Err(self.lost(detail)))
    }

    /// Where a region is in the device's file, its size and its flags.
    pub fn region(&self, index: u32) -> Result<vfio_region_info, TransportError> {
        let mut info =
            vfio_region_info { argsz: size_of::<vfio_region_info>() as u32, index, ..Default::default() };
        // SAFETY: the ioctl of this number takes this structure, which says its size.
        unsafe { ioctl(self.fd(), Updater::<{ DEVICE_GET_REGION_INFO as _ }, _>::new(&mut info)) }
            .map_err(|e| failed(self.bdf, format!("no information on region {index}: {e}")))?;
        Ok(info)
    }

    /// Offset of `len` bytes at `offset` of a region in the device's file.
    fn place(&self, index: u32, offset: u64, len: usize) -> Result<u64, TransportError> {
        let region = self.region(index)?;
        match offset.checked_add(len as u64) {
            Some(end) if end <= region.size => Ok(region.offset + offset),
            _ => Err(failed(
                self.bdf,
                format!("{len} bytes at {offset:#x} are outside region {index} ({:#x} bytes)", region.size),
            )),
        }
    }

    /// Reads from a region by a system call.
    pub fn read_region(&self, index: u32, offset: u64, data: &mut [u8]) -> Result<(), TransportError> {
        let place = self.place(index, offset, data.len())?;
        match pread(self.fd(), &mut *data, place) {
            Ok(n) if n == data.len() => Ok(()),
            Ok(n) => Err(failed(
                self.bdf,
                format!("{n} of {} bytes read at {offset:#x} of region {index}", data.len()),
            )),
            Err(e) => Err(failed(self.bdf, format!("reading {offset:#x} of region {index}: {e}"))),
        }
    }

    /// Writes to a region by a system call.
    pub fn write_region(&self, index: u32, offset: u64, data: &[u8]) -> Result<(), TransportError> {
        let place = self.place(index, offset, data.len())?;
        match pwrite(self.fd(), data, place) {
            Ok(n) if n == data.len() => Ok(()),
            Ok(n) => Err(failed(
                self.bdf,
                format!("{n} of {} bytes written at {offset:#x} of region {index}", data.len()),
            )),
            Err(e) => Err(failed(self.bdf, format!("writing {offset:#x} of region {index}: {e}"))),
        }
    }

    /// Vendor and device id.
    pub fn ids(&self) -> Result<(u16, u16), TransportError> {
        let mut ids = [0; 4];
        self.read_region(VFIO_PCI_CONFIG_REGION_INDEX, 0, &mut ids)?;
        Ok((u16::from_le_bytes([ids[0], ids[1]]), u16::from_le_bytes([ids[2], ids[3]])))
    }

    /// Lets the device answer memory accesses and do DMA, which it does not after it is opened. The kernel also restores
    /// BARs here that a reset has cleared.
    pub fn switch_on(&self) -> Result<(), TransportError> {
        let mut bytes = [0; 2];
        self.read_region(VFIO_PCI_CONFIG_REGION_INDEX, COMMAND as u64, &mut bytes)?;
        let wanted = COMMAND_MEMORY | COMMAND_BUS_MASTER;
        let value = u16::from_le_bytes(bytes) | wanted;
        self.write_region(VFIO_PCI_CONFIG_REGION_INDEX, COMMAND as u64, &value.to_le_bytes())?;
        self.read_region(VFIO_PCI_CONFIG_REGION_INDEX, COMMAND as u64, &mut bytes)?;
        match u16::from_le_bytes(bytes) {
            u16::MAX => Err(self.lost("its config space reads all ones")),
            seen if seen & wanted == wanted => Ok(()),
            seen => Err(failed(
                self.bdf,
                format!("COMMAND reads {seen:#06x} after {value:#06x} was written; the function cannot be switched on"),
            )),
        }
    }

    /// Function level reset by the kernel, which also restores the config space.
    pub fn reset(&self) -> Result<(), TransportError> {
        if !self.resets {
            return Err(failed(
                self.bdf,
                "the kernel knows no way to reset this function alone; close the card and reset the slot",
            ));
        }
        let start = Instant::now();
        loop {
            // SAFETY: the ioctl of this number takes no argument.
            match unsafe { ioctl(self.fd(), NoArg::<{ DEVICE_RESET as _ }>::new()) } {
                Ok(()) => return self.switch_on(),
                // Somebody else, such as an error handler, has the device.
                Err(Errno::AGAIN | Errno::INTR) if start.elapsed() < RESET_LIMIT => {
                    std::thread::sleep(Duration::from_millis(10));
                }
                Err(Errno::AGAIN) => {
                    return Err(TransportError::Timeout {
                        operation: format!("{}: function level reset", self.bdf),
                        limit: RESET_LIMIT,
                    })
                }
                Err(errno @ (Errno::NODEV | Errno::NOTTY)) => {
                    return Err(self.lost(format!("function level reset: {errno}")))
                }
                Err(errno) => return Err(failed(self.bdf, format!("function level reset: {errno}"))),
            }
        }
    }
}

impl Drop for Device {
    fn drop(&mut self) {
        // The library looks the group up in sysfs, and panics when it is gone, after it has closed the device. A device that is
        // being removed is there until it is closed, so it is kept open a little longer.
        if self.events.request.as_ref().is_some_and(raised) {
            self.keep = self.fd().try_clone_to_owned().ok();
        }
    }
}

/// The library's device, whose own drop panics when the device has vanished.
pub(super) struct Held {
    bdf: Bdf,
    /// Whether it holds an IOMMU file rather than a group.
    iommufd: bool,
    device: ManuallyDrop<VfioDevice>,
}

impl Held {
    pub fn new(bdf: Bdf, device: VfioDevice, iommufd: bool) -> Self {
        Self { bdf, iommufd, device: ManuallyDrop::new(device) }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let raw = self.device.as_raw_fd();
        // SAFETY: dropped here only.
        let closed = catch_unwind(AssertUnwindSafe(|| unsafe { ManuallyDrop::drop(&mut self.device) }));
        if closed.is_err() {
            tracing::error!(bdf = %self.bdf, "the device has vanished before it was closed");
            if self.iommufd {
                // SAFETY: with an IOMMU file both panics of the library come before it closes the descriptor, and it
                // is never closed then.
                drop(unsafe { OwnedFd::from_raw_fd(raw) });
            }
        }
    }
}
