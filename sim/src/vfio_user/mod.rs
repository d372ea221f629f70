//! The simulated card as a PCI device for another process: a vfio-user server on a Unix socket.
//!
//! ```text
//! client ──socket──► reader ──commands──► executor ──config, registers──► pci::Function ──► card thread
//!    │                  └──replies──────────────────────────────────────────────────────────────┐ │
//!    ├──descriptors of memory──► ClientMemory ◄──DMA, by the card's thread──────────────────────┴─┤
//!    └──event descriptors──────► Irqs ◄──interrupts, by the card's thread─────────────────────────┘
//! ```
//!
//! One client at a time has the card; another is told EBUSY. What a client says is checked before it is used: sizes, counts,
//! ranges and descriptors; a malformed command is answered with an errno, a stream that is out of step is closed. When the
//! client goes, its memory is let go, the card is reset and the card's memory is zeroed, as a kernel does with
//! a device whose user has died.
//!
//! Beside it, on a second socket, observers may read registers and config space, and nothing else ([`Server::observe`]).
//!
//! Not there: regions that a client can map, migration, dirty pages, twin sockets; INTx and MSI.

#[allow(unsafe_code)]
mod client;
mod commands;
#[cfg(feature = "fuzz")]
#[doc(hidden)]
pub mod fuzz;
mod irqs;
#[allow(unsafe_code)]
mod memory;
mod observe;
mod peer;
mod session;

use crate::axi::Fault;
use crate::card::SimDevice;
use crate::pci::{Function, Registers};
use crate::{Side, SimError, SimOptions, SimStats};
use client::Client;
use commands::Device;
use observe::Observers;
use peer::Peer;
use permafrost_abi::transport::TransportError;
use permafrost_abi::vfio_user::ChannelError;
use permafrost_rtl::hdl::Design;
use rustix::event::{eventfd, poll, EventfdFlags, PollFd, PollFlags};
use rustix::io::Errno;
use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileTypeExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

/// Between two tries to take a client.
const RETRY: Duration = Duration::from_millis(100);

/// Why a card cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// Another process listens there.
    #[error("the socket {} is in use by another card; choose another path, or end that process", .0.display())]
    InUse(PathBuf),
    /// There is a file which is not a socket, and is left alone.
    #[error("{} is there and is not a socket; choose another path, or remove it", .0.display())]
    NotASocket(PathBuf),
    /// The system refused.
    #[error("cannot listen on {}: {source}; the path must be writable and at most 107 bytes long", path.display())]
    Listen { path: PathBuf, source: io::Error },
    /// The card could not be powered up.
    #[error(transparent)]
    Card(#[from] SimError),
}

impl Registers for SimDevice {
    fn read32(&self, offset: u32) -> u32 {
        // A card whose simulation has failed is gone; why was logged by its thread.
        SimDevice::read32(self, offset).unwrap_or(u32::MAX)
    }

    fn write32(&self, offset: u32, value: u32) {
        let _ = SimDevice::write32(self, offset, value); // as above
    }

    fn reset(&self) -> Result<(), TransportError> {
        SimDevice::reset(self)
    }
}

/// A simulated card that is served on a socket by a thread of this process. Dropping it ends the connection, powers the card
/// down and removes the socket.
#[derive(Debug)]
pub struct Server {
    path: PathBuf,
    device: Arc<Device<SimDevice>>,
    stop: OwnedFd,
    thread: Option<JoinHandle<()>>,
    observers: Option<Observers>,
}

impl Server {
    /// Powers a card up and serves it on a socket at `path`. A socket there that nobody listens on any more is replaced.
    ///
    /// # Errors
    /// [`ServerError`].
    pub fn open(path: &Path, options: SimOptions) -> Result<Self, ServerError> {
        let design = permafrost_rtl::card::generate(&options.config).map_err(SimError::from)?;
        Self::open_design(path, &design, options)
    }

    /// [`Server::open`] for another design with the card's ports.
    ///
    /// # Errors
    /// [`ServerError`].
    pub fn open_design(path: &Path, design: &Design, options: SimOptions) -> Result<Self, ServerError> {
        claim(path)?; // before the card, which may have to be built
        let client = Arc::new(Client::default());
        let card = SimDevice::open_design(design, options, client.clone())?;
        let device = Arc::new(Device { function: Function::new(card, client.clone()), client });
        let refused = |source| ServerError::Listen { path: path.to_owned(), source };
        let listener = bind(path)?;
        let stop = eventfd(0, EventfdFlags::CLOEXEC).map_err(|e| refused(e.into()))?;
        let stopped = stop.try_clone().map_err(refused)?;
        let thread = {
            let device = device.clone();
            std::thread::Builder::new()
                .name("vfio-user".into())
                .spawn(move || accept(&listener, &stopped, &device))
                .map_err(refused)?
        };
        Ok(Server { path: path.to_owned(), device, stop, thread: Some(thread), observers: None })
    }

    /// Lets up to 16 observers at a time connect to another socket, at `path`: they speak the same protocol, but may only ask
    /// what the device has, and read its config space and registers, which changes nothing. Everything else is
    /// answered with EPERM. The client notices none of it. A call with another path moves the socket.
    ///
    /// # Errors
    /// [`ServerError`], but not of the card.
    pub fn observe(&mut self, path: &Path) -> Result<(), ServerError> {
        self.observers = None; // two at the same path would be one too many
        self.observers = Some(Observers::open(path, self.device.clone())?);
        Ok(())
    }

    /// Where clients find the card.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Waits until the server ends, which it does only when the system takes its socket away.
    pub fn wait(mut self) {
        if let Some(thread) = self.thread.take() {
            // A panic has been shown by then.
            let _ = thread.join();
        }
    }

    /// Figures of the simulation up to now.
    pub fn stats(&self) -> SimStats {
        self.device.function.registers().stats()
    }

    /// For tests of error paths: the next accesses of the card that `fault` describes fail.
    pub fn inject(&self, side: Side, fault: Fault) {
        self.device.function.registers().inject(side, fault);
    }

    /// For tests: the controller of card memory corrects `errors` errors (ECC), one a clock.
    pub fn correct_dram(&self, errors: u32) {
        self.device.function.registers().correct_dram(errors);
    }

    /// For tests of error paths: takes the card out of its slot; its registers read all ones.
    pub fn remove(&self) {
        self.device.function.registers().remove();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // The socket first, so that nobody finds it while the card goes down.
        let _ = fs::remove_file(&self.path);
        self.observers = None;
        let _ = rustix::io::write(&self.stop, &1u64.to_ne_bytes());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Makes sure that nobody else uses `path`; removes a socket that is left over.
fn claim(path: &Path) -> Result<(), ServerError> {
    let refused = |source| ServerError::Listen { path: path.to_owned(), source };
    match fs::symlink_metadata(path) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(e) => Err(refused(e)),
        Ok(meta) if !meta.file_type().is_socket() => Err(ServerError::NotASocket(path.to_owned())),
        Ok(_) => match UnixStream::connect(path) {
            Err(e) if e.kind() == io::ErrorKind::ConnectionRefused => fs::remove_file(path).map_err(refused),
            Err(e) => Err(refused(e)),
            Ok(_) => Err(ServerError::InUse(path.to_owned())),
        },
    }
}

/// Listens at `path`, which nobody else uses.
fn bind(path: &Path) -> Result<UnixListener, ServerError> {
    UnixListener::bind(path).map_err(|source| match source.kind() {
        io::ErrorKind::AddrInUse => ServerError::InUse(path.to_owned()),
        _ => ServerError::Listen { path: path.to_owned(), source },
    })
}

/// The next to connect; `None` when told to stop, or when the system takes the socket away.
fn next_peer(listener: &UnixListener, stop: &OwnedFd) -> Option<Peer> {
    loop {
        let mut ready = [PollFd::new(listener, PollFlags::IN), PollFd::new(stop, PollFlags::IN)];
        match poll(&mut ready, None) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(errno) => {
                tracing::error!(%errno, "nobody is taken any more");
                return None;
            }
        }
        if !ready[1].revents().is_empty() {
            return None;
        }
        if ready[0].revents().is_empty() {
            continue;
        }
        match listener.accept().map_err(ChannelError::Io).and_then(|(stream, _)| Peer::new(stream)) {
            Ok(peer) => return Some(peer),
            Err(error) => {
                tracing::warn!(%error, "a client could not be taken");
                // Out of descriptors, perhaps, and the newcomer is still at the door.
                std::thread::sleep(RETRY);
            }
        }
    }
}

/// Takes clients, one at a time, until told to stop.
fn accept(listener: &UnixListener, stop: &OwnedFd, device: &Arc<Device<SimDevice>>) {
    let mut current: Option<(Arc<Peer>, JoinHandle<()>)> = None;
    while let Some(peer) = next_peer(listener, stop) {
        let peer = Arc::new(peer);
        if let Some((before, thread)) = current.take() {
            if !thread.is_finished() && !before.has_hung_up() {
                tracing::warn!("another client is refused: the card is in use");
                peer.turn_away();
                current = Some((before, thread));
                continue;
            }
            // It has gone, and the card is being reset.
            let _ = thread.join();
        }
        let thread = {
            let (peer, device) = (peer.clone(), device.clone());
            std::thread::Builder::new().name("vfio-user-client".into()).spawn(move || {
                session::serve(&peer, &device, || {
                    if let Err(error) = device.function.registers().power_cycle() {
                        tracing::warn!(%error, "the card's memory cannot be zeroed");
                    }
                });
            })
        };
        match thread {
            Ok(thread) => current = Some((peer, thread)),
            Err(error) => tracing::warn!(%error, "a client could not be served"),
        }
    }
    if let Some((peer, thread)) = current {
        peer.close();
        let _ = thread.join();
    }
}
