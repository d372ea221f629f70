//! A card on this machine's PCI bus, through the kernel's VFIO: registers mapped into this process, memory pinned and mapped
//! by the IOMMU, interrupts by event descriptors.

mod bar;
mod device;
mod events;
mod group;
#[cfg(feature = "iommufd")]
mod iommufd;
mod iovas;
mod irqs;
mod memory;

use crate::bdf::Bdf;
use crate::sysfs::Sysfs;
use crate::transport::mapping::Register;
use crate::transport::timer::Timer;
use bar::Bar;
use device::Device;
use irqs::{Irqs, Woken};
use permafrost_abi::pci::{DEVICE_ID, VENDOR_ID};
use permafrost_abi::transport::simulated_deadline_scale;
use permafrost_abi::{reg, DmaRegion, Transport, TransportError, ABI_MAGIC};
use std::any::Any;
use std::fmt::Display;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::Arc;
use std::time::{Duration, Instant};
use vfio_ioctls::VfioError;

/// Name of the transport.
const NAME: &str = "vfio";
/// How often register reads look for what the kernel has to say of the device.
const LOOK: Duration = Duration::from_millis(100);
/// How long a card is watched after its bus reported an error: the kernel reports it before it resets the bus.
const WATCH: Duration = Duration::from_secs(1);

/// How the kernel gives a device to a process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum VfioBackend {
    /// `/dev/vfio/GROUP`, which every kernel with VFIO has.
    #[default]
    Group,
    /// `/dev/iommu` and `/dev/vfio/devices`; needs cargo feature `iommufd`.
    Iommufd,
}

/// How to open a card.
#[derive(Clone, Debug, Default)]
pub struct VfioOptions {
    /// What the kernel says of PCI functions; `/sys`.
    pub sysfs: Sysfs,
    /// How the kernel gives the device.
    pub backend: VfioBackend,
    /// [`Transport::deadline_scale`], at least 1; `None`: what the card's clock says for a simulated card, 1 otherwise.
    pub deadline_scale: Option<u32>,
}

/// A card that is bound to vfio-pci. One process at a time has it.
///
/// Register accesses never block and never fail by themselves: a card that is gone reads as all ones, one whose bus was reset
/// after an error as 0. Waits and, every 100 ms, register reads notice what the kernel says of the device: when the bus
/// reports an error that the card does not survive, or the kernel wants the device back, every call fails with `Lost` from then
/// on, and the card is to be closed. Closing resets the card, which takes the kernel 0.1 s, or about a minute when the card does not answer.
pub struct Vfio {
    shared: Arc<Shared>,
    irqs: Irqs,
    scale: u32,
}

/// What memory that is mapped keeps open.
#[derive(Debug)]
struct Shared {
    /// First, so that it is unmapped before the device is closed.
    bar: Bar,
    device: Device,
    /// Bytes mapped.
    pinned: AtomicUsize,
    opened: Instant,
    /// Milliseconds from `opened` to the last look at the device's events.
    looked: AtomicU64,
}

/// An error of the device at `bdf`.
fn failed(bdf: Bdf, what: impl Display) -> TransportError {
    TransportError::Io(format!("{bdf}: {what}"))
}

/// The system's error number in an error of the library.
fn os_error(error: &VfioError) -> Option<i32> {
    match error {
        VfioError::OpenContainer(e) | VfioError::OpenGroup(e, _) => e.raw_os_error(),
        VfioError::ContainerSetIOMMU(e)
        | VfioError::GroupGetDeviceFD(e)
        | VfioError::IommuDmaMap(e)
        | VfioError::IommuDmaUnmap(e) => Some(e.errno()),
        #[cfg(feature = "iommufd")]
        VfioError::IommufdIoctlError(
            iommufd_ioctls::IommufdError::IommuIoasMap(e) | iommufd_ioctls::IommufdError::IommuIoasUnmap(e),
        ) => Some(e.errno()),
        _ => None,
    }
}

impl Vfio {
    /// Opens the card at `bdf`, which must be bound to vfio-pci, and lets it answer and do DMA.
    ///
    /// # Errors
    /// `Io` when there is no such device, it is bound to another driver, its IOMMU group is shared with a device of another
    /// driver, this user may not open it, another process has it, or it is not a card; `Lost` when it does not answer.
    pub fn open(bdf: Bdf, options: VfioOptions) -> Result<Self, TransportError> {
        let function = options.sysfs.openable(bdf).map_err(|e| TransportError::Io(e.to_string()))?;
        let opened = match options.backend {
            VfioBackend::Group => group::open(&options.sysfs, &function)?,
            #[cfg(feature = "iommufd")]
            VfioBackend::Iommufd => iommufd::open(&options.sysfs, &function)?,
            #[cfg(not(feature = "iommufd"))]
            VfioBackend::Iommufd => return Err(failed(
                bdf,
                "this build has no iommufd backend; build with cargo feature `iommufd`, or use backend=group",
            )),
        };
        let device = Device::new(bdf, opened)?;
        let ids = device.ids()?;
        device.switch_on()?;
        let bar = Bar::open(&device)?;
        let shared = Arc::new(Shared {
            bar,
            device,
            pinned: AtomicUsize::new(0),
            opened: Instant::now(),
            looked: AtomicU64::new(0),
        });
        let mut card = Self { shared, irqs: Irqs::default(), scale: 1 };
        card.scale = match options.deadline_scale {
            Some(scale) => scale.max(1),
            None if ids == (VENDOR_ID, DEVICE_ID) && card.read32(reg::MAGIC)? == ABI_MAGIC => {
                simulated_deadline_scale(card.read32(reg::CLOCK_KHZ)?)
            }
            None => 1,
        };
        tracing::debug!(%bdf, backend = ?options.backend, scale = card.scale, "card opened");
        Ok(card)
    }
}

impl Shared {
    /// Looks at what the kernel says of the device: fails when the card is lost.
    fn look(&self) -> Result<(), TransportError> {
        self.device.alive()?;
        let (error, request) = irqs::pending(&self.device);
        if request {
            return Err(self
                .device
                .lost("the kernel asks for the device, which is being removed or unbound; close the card"));
        }
        if error {
            let start = Instant::now();
            let register = Register::at(reg::MAGIC)?;
            while start.elapsed() < WATCH {
                let magic = self.bar.read32(&self.device, register)?;
                if magic != ABI_MAGIC {
                    return Err(self.device.lost(format!(
                        "its bus reported an error (see the kernel's log), and MAGIC now reads {magic:#010x}"
                    )));
                }
                std::thread::sleep(WATCH / 50);
            }
            self.device.events.error.as_ref().map(events::lower);
            tracing::warn!(bdf = %self.device.bdf, "the card's bus reported an error, which the card has survived");
        }
        Ok(())
    }

    /// [`look`](Self::look), now and then.
    fn glance(&self) -> Result<(), TransportError> {
        let now = self.opened.elapsed().as_millis() as u64;
        let last = self.looked.load(Ordering::Relaxed);
        if now.saturating_sub(last) < LOOK.as_millis() as u64 {
            return self.device.alive();
        }
        self.looked.store(now, Ordering::Relaxed);
        self.look()
    }
}

impl Transport for Vfio {
    fn read32(&self, offset: u64) -> Result<u32, TransportError> {
        let register = Register::at(offset)?;
        self.shared.glance()?;
        self.shared.bar.read32(&self.shared.device, register)
    }

    fn write32(&self, offset: u64, value: u32) -> Result<(), TransportError> {
        let register = Register::at(offset)?;
        self.shared.device.alive()?;
        self.shared.bar.write32(&self.shared.device, register, value)
    }

    fn dma_alloc(&self, len: usize) -> Result<DmaRegion, TransportError> {
        self.shared.device.alive()?;
        memory::alloc(&self.shared, len)
    }

    unsafe fn dma_map(
        &self,
        ptr: *mut u8,
        len: usize,
        owner: Box<dyn Any + Send + Sync>,
    ) -> Result<DmaRegion, TransportError> {
        self.shared.device.alive()?;
        // SAFETY: the caller's promise is the same.
        unsafe { memory::map(&self.shared, ptr, len, owner) }
    }

    fn enable_irqs(&self, vectors: u16) -> Result<(), TransportError> {
        self.shared.look()?;
        self.irqs.enable(&self.shared.device, vectors)
    }

    fn wait_irq(&self, vector: u16, timeout: Duration) -> Result<bool, TransportError> {
        let timer = Timer::new(timeout);
        self.shared.device.alive()?;
        loop {
            match self.irqs.wait(&self.shared.device, vector, timer)? {
                Woken::Vector => return Ok(true),
                Woken::Timeout => return Ok(false),
                Woken::Event => self.shared.look()?,
            }
        }
    }

    fn reset(&self) -> Result<(), TransportError> {
        self.shared.look()?;
        self.shared.device.reset()?;
        self.irqs.drain();
        Ok(())
    }

    fn name(&self) -> &str {
        NAME
    }

    fn deadline_scale(&self) -> u32 {
        self.scale
    }
}
