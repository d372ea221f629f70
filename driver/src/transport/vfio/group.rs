//! The backend of `/dev/vfio/GROUP`: a container with the card's IOMMU group in it.

use super::device::{Held, Opened};
use super::{failed, os_error};
use crate::bdf::Bdf;
use crate::sysfs::{PciFunction, Sysfs};
use permafrost_abi::TransportError;
use rustix::ioctl::{ioctl, opcode, Updater};
use std::io::ErrorKind;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::sync::Arc;
use vfio_bindings::bindings::vfio::{VFIO_IOMMU_INFO_CAPS, VFIO_IOMMU_TYPE1_INFO_CAP_IOVA_RANGE};
use vfio_ioctls::{VfioContainer, VfioDevice, VfioError, VfioOps};

const IOMMU_GET_INFO: u32 = opcode::none(b';', 112) as u32;
/// What an IOMMU translates that does not say it.
const UNSAID: (u64, u64) = (0, (1 << 39) - 1);

/// Opens `function`, whose group is known to be usable.
pub(super) fn open(sysfs: &Sysfs, function: &PciFunction) -> Result<Opened, TransportError> {
    let bdf = function.bdf;
    let group = function.group.unwrap_or_default();
    let container = Arc::new(VfioContainer::new(None).map_err(|e| failed(bdf, explain(bdf, group, &e)))?);
    let space: Arc<dyn VfioOps> = container.clone();
    let device = VfioDevice::new(&sysfs.function_path(bdf), space.clone(), false)
        .map_err(|e| failed(bdf, explain(bdf, group, &e)))?;
    let device = Held::new(bdf, device, false);
    let ranges = ranges(bdf, &container)?;
    Ok(Opened { device, space, ranges })
}

/// What the library's error means and what to do.
fn explain(bdf: Bdf, group: u32, error: &VfioError) -> String {
    match error {
        VfioError::OpenContainer(e) if e.kind() == ErrorKind::PermissionDenied => {
            "/dev/vfio/vfio: permission denied; give this user access with a udev rule".into()
        }
        VfioError::OpenContainer(e) => format!("/dev/vfio/vfio: {e}; load module vfio-pci"),
        VfioError::OpenGroup(e, _) => {
            let fix = match e.kind() {
                ErrorKind::PermissionDenied => {
                    "give this user access, as with udev rule SUBSYSTEM==\"vfio\", GROUP=\"permafrost\", MODE=\"0660\""
                        .into()
                }
                ErrorKind::ResourceBusy => "another process has the card, or is still closing it; wait for it".into(),
                ErrorKind::NotFound => {
                    format!("bind the card again with `permafrost card bind {bdf}`; without an IOMMU there is no such file")
                }
                _ => "see the kernel's log".into(),
            };
            format!("/dev/vfio/{group}: {e}; {fix}")
        }
        VfioError::GroupViable => format!(
            "the kernel finds IOMMU group {group} not viable: a device in it is bound to another driver than vfio-pci; unbind \
             all of /sys/kernel/iommu_groups/{group}/devices"
        ),
        VfioError::ContainerSetIOMMU(_) if os_error(error) == Some(EPERM) => {
            "the kernel gives no address space without interrupt remapping; switch it on in the firmware (intremap)"
                .into()
        }
        VfioError::GroupGetDeviceFD(e) => {
            format!("the kernel does not open the device: {e}; is it bound to vfio-pci, and used by nobody else?")
        }
        other => format!("{other}; see the kernel's log"),
    }
}

const EPERM: i32 = rustix::io::Errno::PERM.raw_os_error();

/// First and last address of each range that the IOMMU translates.
fn ranges(bdf: Bdf, container: &VfioContainer) -> Result<Vec<(u64, u64)>, TransportError> {
    // The structure, and room for what follows it.
    let mut info = [0u64; 512];
    info[0] = size_of_val(&info) as u64;
    // SAFETY: open while `container` is borrowed.
    let fd = unsafe { BorrowedFd::borrow_raw(container.as_raw_fd()) };
    // SAFETY: the ioctl of this number takes a structure that starts with its size, in an array of that size (the high half of
    // the first word is where the kernel puts flags).
    unsafe { ioctl(fd, Updater::<{ IOMMU_GET_INFO as _ }, _>::new(&mut info)) }
        .map_err(|e| failed(bdf, format!("no information on the IOMMU: {e}")))?;
    Ok(listed(bytemuck::cast_slice(&info)).unwrap_or_else(|| {
        tracing::debug!(%bdf, "the kernel does not say which addresses the IOMMU translates");
        vec![UNSAID]
    }))
}

/// The ranges in the kernel's answer, if it has them.
fn listed(info: &[u8]) -> Option<Vec<(u64, u64)>> {
    let word = |at: usize| Some(u32::from_ne_bytes(info.get(at..at.checked_add(4)?)?.try_into().ok()?));
    let half = |at: usize| Some(u16::from_ne_bytes(info.get(at..at.checked_add(2)?)?.try_into().ok()?));
    let long = |at: usize| Some(u64::from_ne_bytes(info.get(at..at.checked_add(8)?)?.try_into().ok()?));
    if word(4)? & VFIO_IOMMU_INFO_CAPS == 0 || word(0)? as usize > info.len() {
        return None;
    }
    // Id, version and the place of the next capability; ascending, so that it ends.
    let mut at = word(16)? as usize;
    while u32::from(half(at)?) != VFIO_IOMMU_TYPE1_INFO_CAP_IOVA_RANGE {
        at = Some(word(at + 4)? as usize).filter(|next| *next > at)?;
    }
    let count = word(at + 8)? as usize;
    (0..count).map(|i| Some((long(at + 16 + 16 * i)?, long(at + 24 + 16 * i)?))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An answer with the given capabilities (id, words after the header).
    fn answer(capabilities: &[(u16, &[u64])]) -> Vec<u8> {
        let mut bytes = vec![0; 24];
        bytes[4] = 3;
        bytes[16] = 24;
        for (i, (id, words)) in capabilities.iter().enumerate() {
            let next = bytes.len() + 8 + 8 * words.len();
            let next = if i + 1 == capabilities.len() { 0 } else { next as u32 };
            bytes.extend(id.to_ne_bytes());
            bytes.extend(1u16.to_ne_bytes());
            bytes.extend(next.to_ne_bytes());
            words.iter().for_each(|word| bytes.extend(word.to_ne_bytes()));
        }
        let size = (bytes.len() as u32).to_ne_bytes();
        bytes[..4].copy_from_slice(&size);
        bytes
    }

    #[test]
    fn ranges_are_found_among_capabilities() {
        let ranges: &[u64] = &[2, 0, 0xfedf_ffff, 0xfef0_0000, 0x7f_ffff_ffff];
        let expected = Some(vec![(0, 0xfedf_ffff), (0xfef0_0000, 0x7f_ffff_ffff)]);
        assert_eq!(listed(&answer(&[(1, ranges)])), expected);
        assert_eq!(listed(&answer(&[(2, &[1, 2, 3]), (3, &[65535]), (1, ranges)])), expected);
    }

    #[test]
    fn an_answer_without_them_or_cut_short_has_none() {
        let whole = answer(&[(3, &[65535]), (1, &[1, 0, 7])]);
        for cut in 0..whole.len() {
            assert_eq!(listed(&whole[..cut]), None, "{cut}");
        }
        assert_eq!(listed(&answer(&[(2, &[1, 2, 3])])), None);
        let mut none = whole.clone();
        none[4] = 1;
        assert_eq!(listed(&none), None);
        // A chain that does not end.
        let mut loops = answer(&[(2, &[0]), (3, &[0])]);
        loops[24 + 16 + 4] = 24;
        assert_eq!(listed(&loops), None);
    }

    #[test]
    fn errors_name_the_file_and_the_way_out() {
        let bdf = "0000:01:00.0".parse().unwrap();
        let said = |error: VfioError| failed(bdf, explain(bdf, 7, &error)).to_string();
        let group = |kind: ErrorKind| said(VfioError::OpenGroup(kind.into(), "7".into()));
        for (message, parts) in [
            (group(ErrorKind::PermissionDenied), ["/dev/vfio/7", "udev"]),
            (group(ErrorKind::ResourceBusy), ["/dev/vfio/7", "another process"]),
            (group(ErrorKind::NotFound), ["/dev/vfio/7", "card bind 0000:01:00.0"]),
            (said(VfioError::OpenContainer(ErrorKind::NotFound.into())), ["/dev/vfio/vfio", "load module"]),
            (said(VfioError::GroupViable), ["group 7", "unbind"]),
            (
                said(VfioError::ContainerSetIOMMU(vmm_sys_util::errno::Error::new(EPERM))),
                ["interrupt remapping", "firmware"],
            ),
        ] {
            assert!(message.contains("0000:01:00.0: "), "{message}");
            assert!(parts.iter().all(|part| message.contains(part)), "{message}");
        }
    }
}
