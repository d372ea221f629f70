//! MSI-X vectors as event descriptors.

use super::device::Device;
use super::events::{descriptor, event, lower, raised};
use super::failed;
use crate::dma::lock;
use crate::transport::timer::Timer;
use permafrost_abi::TransportError;
use rustix::event::{poll, PollFd, PollFlags};
use rustix::io::Errno;
use std::sync::{Arc, Mutex};
use vfio_bindings::bindings::vfio::VFIO_PCI_MSIX_IRQ_INDEX;
use vmm_sys_util::eventfd::EventFd;

/// What ended a wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Woken {
    /// The vector was raised, and is lowered.
    Vector,
    /// The kernel has something to say of the device.
    Event,
    /// Nothing happened in time.
    Timeout,
}

/// Event descriptors of the enabled vectors.
#[derive(Default)]
pub(super) struct Irqs(Mutex<Vec<Arc<EventFd>>>);

impl Irqs {
    /// Enables vectors `0..vectors` of `device`, and no others.
    pub fn enable(&self, device: &Device, vectors: u16) -> Result<(), TransportError> {
        let vfio = device.vfio();
        let most = vfio.get_irq_info(VFIO_PCI_MSIX_IRQ_INDEX).map_or(0, |irq| irq.count);
        let most = u16::try_from(most).unwrap_or(u16::MAX);
        if vectors > most {
            return Err(TransportError::BadVector { vector: vectors - 1, enabled: most });
        }
        let mut irqs = lock(&self.0);
        // The kernel fixes how many vectors there are when the first is enabled. What it refuses to disable it may have disabled
        // all the same, so that is found out by enabling.
        let disabled = if irqs.is_empty() { Ok(()) } else { vfio.disable_msix() };
        irqs.clear();
        if let Err(e) = disabled {
            if vectors == 0 {
                return Err(failed(device.bdf, format!("MSI-X cannot be disabled: {e}")));
            }
            tracing::warn!(bdf = %device.bdf, error = %e, "MSI-X could not be disabled before it is enabled anew");
        }
        if vectors == 0 {
            return Ok(());
        }
        let events: Vec<_> = (0..vectors).map(|_| event(device.bdf)).collect::<Result<_, _>>()?;
        vfio.enable_msix(events.iter().collect()).map_err(|e| {
            failed(
                device.bdf,
                format!("{vectors} MSI-X vectors cannot be enabled: {e}; the system may be out of interrupt vectors"),
            )
        })?;
        *irqs = events.into_iter().map(Arc::new).collect();
        Ok(())
    }

    /// Forgets what was raised so far.
    pub fn drain(&self) {
        lock(&self.0).iter().for_each(|event| {
            lower(event);
        });
    }

    /// Waits until `vector` is raised or there is an event of the device.
    pub fn wait(&self, device: &Device, vector: u16, timer: Timer) -> Result<Woken, TransportError> {
        let irq = {
            let irqs = lock(&self.0);
            let enabled = irqs.len() as u16;
            irqs.get(usize::from(vector)).cloned().ok_or(TransportError::BadVector { vector, enabled })?
        };
        let events = [&device.events.error, &device.events.request];
        loop {
            let mut ready = vec![PollFd::from_borrowed_fd(descriptor(&irq), PollFlags::IN)];
            ready.extend(
                events
                    .iter()
                    .filter_map(|event| event.as_ref())
                    .map(|event| PollFd::from_borrowed_fd(descriptor(event), PollFlags::IN)),
            );
            match poll(&mut ready, timer.limit().as_ref()) {
                Ok(0) => return Ok(Woken::Timeout),
                Ok(_) if ready[1..].iter().any(|event| !event.revents().is_empty()) => {
                    return Ok(Woken::Event)
                }
                // Another waiter may have been faster.
                Ok(_) if lower(&irq) => return Ok(Woken::Vector),
                Ok(_) | Err(Errno::INTR) => {}
                Err(errno) => return Err(failed(device.bdf, format!("waiting for an interrupt: {errno}"))),
            }
        }
    }
}

/// Whether the kernel has something to say of `device`: an error of its bus, a request to release it.
pub(super) fn pending(device: &Device) -> (bool, bool) {
    let is = |event: &Option<EventFd>| event.as_ref().is_some_and(raised);
    (is(&device.events.error), is(&device.events.request))
}
