//! What the kernel tells of a device out of turn: that its bus reported an error, and that the device is to be released.

use super::failed;
use crate::bdf::Bdf;
use permafrost_abi::TransportError;
use rustix::event::{poll, PollFd, PollFlags, Timespec};
use std::os::fd::{AsRawFd, BorrowedFd};
use vfio_bindings::bindings::vfio::{VFIO_PCI_ERR_IRQ_INDEX, VFIO_PCI_REQ_IRQ_INDEX};
use vfio_ioctls::VfioDevice;
use vmm_sys_util::eventfd::{EventFd, EFD_CLOEXEC, EFD_NONBLOCK};

/// A counter that the kernel raises; reading does not block.
pub(super) fn event(bdf: Bdf) -> Result<EventFd, TransportError> {
    EventFd::new(EFD_NONBLOCK | EFD_CLOEXEC).map_err(|e| failed(bdf, format!("no event descriptor: {e}")))
}

/// The descriptor of `event`, for polling.
pub(super) fn descriptor(event: &EventFd) -> BorrowedFd<'_> {
    // SAFETY: open as long as `event`, which the result borrows.
    unsafe { BorrowedFd::borrow_raw(event.as_raw_fd()) }
}

/// The descriptors of both events. They stay raised, so that every waiter wakes, until somebody lowers them.
pub(super) struct Events {
    /// Raised when the bus reports an error; `None` when the device has no such event.
    pub error: Option<EventFd>,
    /// Raised when the kernel wants the device back.
    pub request: Option<EventFd>,
}

impl Events {
    /// Has the kernel raise the events of `device`.
    pub fn enable(bdf: Bdf, device: &VfioDevice) -> Result<Self, TransportError> {
        let enable = |index, what| {
            if device.get_irq_info(index).is_none_or(|irq| irq.count == 0) {
                tracing::debug!(%bdf, "the device has no {what} event");
                return Ok(None);
            }
            let event = event(bdf)?;
            device
                .enable_irq(index, vec![&event])
                .map_err(|e| failed(bdf, format!("the {what} event cannot be enabled: {e}")))?;
            Ok(Some(event))
        };
        Ok(Self {
            error: enable(VFIO_PCI_ERR_IRQ_INDEX, "error")?,
            request: enable(VFIO_PCI_REQ_IRQ_INDEX, "release")?,
        })
    }
}

/// Whether `event` is raised; it stays as it is.
pub(super) fn raised(event: &EventFd) -> bool {
    let mut ready = [PollFd::from_borrowed_fd(descriptor(event), PollFlags::IN)];
    matches!(poll(&mut ready, Some(&Timespec::default())), Ok(1))
}

/// Lowers `event`; whether it was raised.
pub(super) fn lower(event: &EventFd) -> bool {
    event.read().is_ok()
}
