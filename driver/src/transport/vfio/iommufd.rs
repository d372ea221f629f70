//! The backend of `/dev/iommu` and `/dev/vfio/devices`, of kernels with IOMMUFD.

use super::device::{Held, Opened};
use super::failed;
use crate::bdf::Bdf;
use crate::sysfs::{PciFunction, Sysfs};
use iommufd_bindings::iommufd::{iommu_ioas_iova_ranges, iommu_iova_range};
use iommufd_ioctls::{IommuFd, IommufdError};
use permafrost_abi::TransportError;
use rustix::ioctl::{ioctl, opcode, Updater};
use std::io::ErrorKind;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::sync::Arc;
use vfio_ioctls::{VfioDevice, VfioError, VfioIommufd, VfioOps};

const IOAS_IOVA_RANGES: u32 = opcode::none(b';', 132) as u32;

/// Opens `function`, whose group is known to be usable.
pub(super) fn open(sysfs: &Sysfs, function: &PciFunction) -> Result<Opened, TransportError> {
    let bdf = function.bdf;
    let refused = |e: VfioError| failed(bdf, explain(&e));
    let file = IommuFd::new().map_err(|e| refused(VfioError::NewVfioIommufd(e)))?;
    let backend = Arc::new(VfioIommufd::new(Arc::new(file), None, None).map_err(refused)?);
    let space: Arc<dyn VfioOps> = backend.clone();
    let device = VfioDevice::new(&sysfs.function_path(bdf), space.clone(), true).map_err(refused)?;
    let device = Held::new(bdf, device, true);
    let ranges = ranges(bdf, &backend)?;
    Ok(Opened { device, space, ranges })
}

/// What the library's error means and what to do.
fn explain(error: &VfioError) -> String {
    let file = |path: &str, e: &std::io::Error| {
        let fix = match e.kind() {
            ErrorKind::PermissionDenied => "give this user access with a udev rule",
            ErrorKind::NotFound => {
                "this kernel has no IOMMUFD, or module iommufd is not loaded; use backend=group"
            }
            ErrorKind::ResourceBusy => "another process has the card, or is still closing it; wait for it",
            _ => "see the kernel's log",
        };
        format!("{path}: {e}; {fix}")
    };
    match error {
        VfioError::NewVfioIommufd(IommufdError::OpenIommufd(e)) => file("/dev/iommu", e),
        VfioError::NewVfioIommufd(e) => format!("no address space: {e}; see the kernel's log"),
        VfioError::OpenDeviceCdev(e) => file("its file in /dev/vfio/devices", e),
        VfioError::InvalidVfioDev => {
            "this kernel has no device files of VFIO (CONFIG_VFIO_DEVICE_CDEV); use backend=group".into()
        }
        VfioError::VfioDeviceBindIommufd(e) => {
            format!("the kernel does not bind the device: {e}; is it used by another process, or its group by another driver?")
        }
        other => format!("{other}; see the kernel's log"),
    }
}

/// First and last address of each range that the IOMMU translates.
fn ranges(bdf: Bdf, backend: &VfioIommufd) -> Result<Vec<(u64, u64)>, TransportError> {
    let mut ranges = [iommu_iova_range::default(); 64];
    let mut ask = iommu_ioas_iova_ranges {
        size: size_of::<iommu_ioas_iova_ranges>() as u32,
        ioas_id: backend.ioas().id(),
        num_iovas: ranges.len() as u32,
        allowed_iovas: ranges.as_mut_ptr() as u64,
        ..Default::default()
    };
    // SAFETY: open while `backend` is borrowed.
    let fd = unsafe { BorrowedFd::borrow_raw(backend.iommufd().as_raw_fd()) };
    // SAFETY: the ioctl of this number takes this structure, which says its size; it points to an array of the stated length.
    unsafe { ioctl(fd, Updater::<{ IOAS_IOVA_RANGES as _ }, _>::new(&mut ask)) }
        .map_err(|e| failed(bdf, format!("the IOMMU does not say which addresses it translates: {e}")))?;
    let count = (ask.num_iovas as usize).min(ranges.len());
    Ok(ranges[..count].iter().map(|range| (range.start, range.last)).collect())
}
