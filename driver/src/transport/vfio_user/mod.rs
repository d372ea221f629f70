//! A card behind a vfio-user socket, without a virtual machine: registers by messages, DMA memory by files shared with the
//! server, interrupts by event descriptors.

mod connection;
mod foreign;
mod memory;
mod observer;

use connection::{Connection, LIMIT, NAME};
use memory::Window;
pub use observer::VfioUserObserver;
use permafrost_abi::pci::{COMMAND, COMMAND_BUS_MASTER, COMMAND_MEMORY, REGISTER_BAR};
use permafrost_abi::transport::simulated_deadline_scale;
use permafrost_abi::vfio_user::*;
use permafrost_abi::{reg, DmaRegion, Transport, TransportError, ABI_MAGIC, BAR0_BYTES};
use rustix::event::{eventfd, poll, EventfdFlags, PollFd, PollFlags};
use rustix::io::Errno;
use std::any::Any;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::mapping::Register;
use super::timer::Timer;
use crate::dma::lock;

/// What a refusal for lack of room means.
const IN_USE: &str = "the card is used by another client; wait for it, or serve another card";

/// The connection to a card's server. Register writes are posted: they are ordered before what follows, and nobody waits for
/// them.
///
/// A connection that has failed stays lost, and every call says so; connect again for a fresh one. The server resets the card
/// when the connection ends.
#[derive(Debug)]
pub struct VfioUser {
    connection: Arc<Connection>,
    /// Event descriptors of the enabled vectors.
    irqs: Mutex<Vec<Arc<OwnedFd>>>,
    /// MSI-X vectors of the device.
    vectors: u16,
    scale: u32,
}

impl VfioUser {
    /// Connects to the server at `path`, checks that it has a card's regions and interrupts, and lets the card answer
    /// and do DMA.
    ///
    /// # Errors
    /// `Io` when nothing listens there, the server serves another client, speaks another version, or its device
    /// is not a card; `Lost` when it goes away meanwhile.
    pub fn connect(path: &Path) -> Result<Self, TransportError> {
        Self::connect_within(path, LIMIT)
    }

    /// [`connect`](Self::connect) with `limit`, above zero, for the server to take a command, and to answer it; a server that
    /// needs longer is lost. `connect` gives it a minute, because a simulated card on a loaded host is slow.
    ///
    /// # Errors
    /// As `connect`.
    pub fn connect_within(path: &Path, limit: Duration) -> Result<Self, TransportError> {
        Self::over(Connection::open(path, IN_USE, limit)?, path)
    }

    /// [`VfioUser::connect`] over a connected socket, for the fuzzers in `tests/fuzz`.
    #[cfg(feature = "fuzz")]
    #[doc(hidden)]
    pub fn on_stream(stream: std::os::unix::net::UnixStream) -> Result<Self, TransportError> {
        let path = Path::new("socket");
        Self::over(Connection::over(stream, path, IN_USE, LIMIT)?, path)
    }

    fn over(connection: Connection, path: &Path) -> Result<Self, TransportError> {
        let connection = Arc::new(connection);
        let other = |what: String| {
            TransportError::Io(format!("{}: not a card: {what}; check the path", path.display()))
        };
        let info: DeviceInfo = connection.query(
            command::DEVICE_GET_INFO,
            &DeviceInfo { argsz: size_of::<DeviceInfo>() as u32, ..Default::default() },
        )?;
        if info.flags & DEVICE_PCI == 0 || info.regions <= CONFIG_REGION || info.irqs <= IRQ_MSIX {
            return Err(other(format!(
                "its device has flags {:#x}, {} regions and {} kinds of interrupts",
                info.flags, info.regions, info.irqs
            )));
        }
        let ask = |index| RegionInfo { argsz: size_of::<RegionInfo>() as u32, index, ..Default::default() };
        let bar: RegionInfo = connection.query(command::DEVICE_GET_REGION_INFO, &ask(REGISTER_BAR))?;
        if bar.size < BAR0_BYTES.into() {
            return Err(other(format!(
                "BAR {REGISTER_BAR} has {:#x} bytes, expected {BAR0_BYTES:#x}",
                bar.size
            )));
        }
        let ask = IrqInfo { argsz: size_of::<IrqInfo>() as u32, index: IRQ_MSIX, ..Default::default() };
        let msix: IrqInfo = connection.query(command::DEVICE_GET_IRQ_INFO, &ask)?;
        let vectors = u16::try_from(msix.count).unwrap_or(u16::MAX);
        let mut card = Self { connection, irqs: Mutex::default(), vectors, scale: 1 };
        card.switch_on()?;
        // What is behind such a socket is simulated: its clock says how slow it may be.
        if card.read32(reg::MAGIC)? == ABI_MAGIC {
            card.scale = simulated_deadline_scale(card.read32(reg::CLOCK_KHZ)?);
        }
        Ok(card)
    }

    /// Lets the card answer and do DMA, which it does not after power-up and after a reset.
    fn switch_on(&self) -> Result<(), TransportError> {
        let value = (COMMAND_MEMORY | COMMAND_BUS_MASTER).to_le_bytes();
        self.connection.write_region(CONFIG_REGION, COMMAND as u64, &value, true)
    }

    fn set_irqs(
        &self,
        flags: u32,
        start: u32,
        count: u32,
        fd: Option<&OwnedFd>,
    ) -> Result<(), TransportError> {
        let argsz = size_of::<SetIrqs>() as u32;
        let set = SetIrqs { argsz, flags: flags | IRQ_ACTION_TRIGGER, index: IRQ_MSIX, start, count };
        let fds: Vec<_> = fd.iter().map(|fd| fd.as_fd()).collect();
        self.connection.call(command::DEVICE_SET_IRQS, &[bytemuck::bytes_of(&set)], &fds).map(|_| ())
    }
}

impl Transport for VfioUser {
    fn read32(&self, offset: u64) -> Result<u32, TransportError> {
        let offset = Register::at(offset)?.offset();
        let mut bytes = [0; 4];
        self.connection.read_region(REGISTER_BAR, offset, &mut bytes)?;
        Ok(u32::from_le_bytes(bytes))
    }

    fn write32(&self, offset: u64, value: u32) -> Result<(), TransportError> {
        let offset = Register::at(offset)?.offset();
        // The server sees the message, and lets the card see the write, after everything written to shared memory before:
        // sending is a release, receiving an acquire.
        self.connection.write_region(REGISTER_BAR, offset, &value.to_le_bytes(), false)
    }

    fn dma_alloc(&self, len: usize) -> Result<DmaRegion, TransportError> {
        Window::map(&self.connection, len)
    }

    unsafe fn dma_map(
        &self,
        ptr: *mut u8,
        len: usize,
        owner: Box<dyn Any + Send + Sync>,
    ) -> Result<DmaRegion, TransportError> {
        // SAFETY: the caller's promise.
        unsafe { Window::foreign(&self.connection, ptr, len, owner) }
    }

    fn enable_irqs(&self, vectors: u16) -> Result<(), TransportError> {
        if vectors > self.vectors {
            return Err(TransportError::BadVector { vector: vectors - 1, enabled: self.vectors });
        }
        let mut irqs = lock(&self.irqs);
        irqs.clear();
        self.set_irqs(IRQ_DATA_NONE, 0, 0, None)?;
        for vector in 0..vectors {
            let event = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)
                .map_err(|e| TransportError::Io(format!("eventfd: {e}")))?;
            // One descriptor in a message: a server need not take more.
            self.set_irqs(IRQ_DATA_EVENTFD, vector.into(), 1, Some(&event))?;
            irqs.push(Arc::new(event));
        }
        Ok(())
    }

    fn wait_irq(&self, vector: u16, timeout: Duration) -> Result<bool, TransportError> {
        let event = {
            let irqs = lock(&self.irqs);
            let enabled = irqs.len() as u16;
            irqs.get(usize::from(vector)).cloned().ok_or(TransportError::BadVector { vector, enabled })?
        };
        let timer = Timer::new(timeout);
        loop {
            let socket = self.connection.as_fd();
            let mut ready =
                [PollFd::new(&event, PollFlags::IN), PollFd::from_borrowed_fd(socket, PollFlags::empty())];
            match poll(&mut ready, timer.limit().as_ref()) {
                Ok(0) => return Ok(false),
                Ok(_) if !ready[0].revents().is_empty() => {
                    // Reading takes all events at once; another waiter may have been faster.
                    if rustix::io::read(&event, &mut [0; 8]).is_ok() {
                        return Ok(true);
                    }
                }
                Ok(_) => return Err(self.connection.lost("the server has closed the connection")),
                Err(Errno::INTR) => {}
                Err(errno) => return Err(TransportError::Io(format!("waiting for an interrupt: {errno}"))),
            }
        }
    }

    fn reset(&self) -> Result<(), TransportError> {
        self.connection.call(command::DEVICE_RESET, &[], &[])?;
        for event in lock(&self.irqs).iter() {
            // Events of before the reset; an error means that there are none.
            let _ = rustix::io::read(event, &mut [0; 8]);
        }
        self.switch_on()
    }

    fn name(&self) -> &str {
        NAME
    }

    fn deadline_scale(&self) -> u32 {
        self.scale
    }
}
