//! The card's slot when a client has it: DMA into the client's memory, interrupts to its event descriptors.

use super::irqs::Irqs;
use super::memory::{ClientMemory, Place};
use super::peer::Peer;
use crate::axi::{Beat, Response, BEAT_BYTES};
use crate::card::{load_beat, locked, store_beat, Slot};
use crate::pci::Upstream;
use permafrost_abi::vfio_user::{DmaMap, DmaUnmap, SetIrqs, IRQ_ERROR, IRQ_MSIX};
use rustix::io::Errno;
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex};

/// What the client has given the card; empty while there is none. An access of the card copies under the lock of `host`, so
/// once a window is unmapped, or bus mastering is off, none is under way, save those that the client itself carries out.
#[derive(Debug, Default)]
pub(super) struct Client {
    host: Mutex<Host>,
    irqs: Mutex<Irqs>,
}

#[derive(Debug, Default)]
struct Host {
    bus_master: bool,
    memory: ClientMemory,
    peer: Option<Arc<Peer>>,
}

impl Client {
    /// A client has come.
    pub fn attach(&self, peer: Arc<Peer>) {
        locked(&self.host).peer = Some(peer);
    }

    /// It has gone: its memory and its event descriptors are let go.
    pub fn detach(&self) {
        let mut host = locked(&self.host);
        host.peer = None;
        host.memory.clear();
        drop(host);
        *locked(&self.irqs) = Irqs::default();
    }

    pub fn map(&self, map: &DmaMap, fd: Option<OwnedFd>) -> Result<(), Errno> {
        locked(&self.host).memory.map(map, fd)
    }

    pub fn unmap(&self, unmap: &DmaUnmap) -> Result<(), Errno> {
        locked(&self.host).memory.unmap(unmap)
    }

    pub fn set_irqs(&self, set: &SetIrqs, bools: &[u8], fds: Vec<OwnedFd>) -> Result<(), Errno> {
        locked(&self.irqs).set(set, bools, fds)
    }

    /// Runs `local` on the 64 bytes at `address`, unless the client has to reach them.
    fn access(&self, address: u64, write: bool, local: impl FnOnce(Place<'_>) -> Option<()>) -> Reached {
        let host = locked(&self.host);
        if !host.bus_master {
            return Reached::Nothing;
        }
        match host.memory.find(address, write) {
            None => Reached::Nothing,
            // Without the lock: the client may unmap the window meanwhile, and decides itself what the access meets.
            Some(Place::Remote) => host.peer.clone().map_or(Reached::Nothing, Reached::Peer),
            Some(place) => local(place).map_or(Reached::Nothing, |()| Reached::Memory),
        }
    }
}

/// Where an access of the card got.
enum Reached {
    Nothing,
    /// It is done.
    Memory,
    /// This client has to do it.
    Peer(Arc<Peer>),
}

impl Slot for Client {
    fn read(&self, address: u64, beat: &mut Beat) -> Response {
        let done = match self.access(address, false, |place| match place {
            Place::Mapped(window) => {
                // SAFETY: 64 bytes of a window, mapped under the lock; files are mapped at pages, beats are multiples of 64.
                unsafe { load_beat(window.as_ptr(), beat) };
                Some(())
            }
            Place::Unsealed(place) => place.read(beat),
            Place::Remote => None,
        }) {
            Reached::Nothing => None,
            Reached::Memory => Some(()),
            Reached::Peer(peer) => peer.dma_read(address, beat),
        };
        done.map_or(Response::SlaveError, |()| Response::Okay)
    }

    fn write(&self, address: u64, beat: &Beat, strobe: u64) -> Response {
        let done = match self.access(address, true, |place| match place {
            Place::Mapped(window) => {
                // SAFETY: as in `read`.
                unsafe { store_beat(window.as_ptr(), beat, strobe) };
                Some(())
            }
            Place::Unsealed(place) => place.write(beat, strobe),
            Place::Remote => None,
        }) {
            Reached::Nothing => None,
            Reached::Memory => Some(()),
            Reached::Peer(peer) => {
                runs(strobe).try_for_each(|run| peer.dma_write(address + run.start as u64, &beat[run]))
            }
        };
        done.map_or(Response::SlaveError, |()| Response::Okay)
    }

    fn interrupt(&self, vector: u16) {
        // A message-signalled interrupt is a write of a bus master; under the lock, as those are.
        let host = locked(&self.host);
        if host.bus_master {
            locked(&self.irqs).raise(IRQ_MSIX, vector.into());
        }
    }

    fn was_reset(&self) {}

    fn failed(&self) {
        locked(&self.irqs).raise(IRQ_ERROR, 0);
    }
}

/// The runs of bytes that a strobe selects, from the first to the last.
pub(super) fn runs(strobe: u64) -> impl Iterator<Item = std::ops::Range<usize>> {
    let selected = move |i: usize| i < BEAT_BYTES && strobe >> i & 1 == 1;
    (0..BEAT_BYTES).filter(move |i| selected(*i) && (*i == 0 || !selected(i - 1))).map(move |start| {
        let len = (start..).take_while(|i| selected(*i)).count();
        start..start + len
    })
}

impl Upstream for Arc<Client> {
    fn set_bus_master(&self, on: bool) {
        locked(&self.host).bus_master = on;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use permafrost_abi::vfio_user::{DMA_READABLE, DMA_WRITABLE};
    use rustix::fs::{ftruncate, memfd_create, MemfdFlags};

    #[test]
    fn runs_of_a_strobe() {
        let seen = |strobe| runs(strobe).collect::<Vec<_>>();
        assert!(seen(0).is_empty());
        assert_eq!(seen(u64::MAX), vec![0..BEAT_BYTES]);
        assert_eq!(seen(0xf00f_0000_0000_0006), [1..3, 48..52, 60..64]);
        assert_eq!(seen(1 << 63 | 1), [0..1, 63..64]);
    }

    #[test]
    fn nothing_passes_without_bus_master_or_map() {
        let client = Arc::new(Client::default());
        let fd = memfd_create("test", MemfdFlags::CLOEXEC).unwrap();
        ftruncate(&fd, 4096).unwrap();
        let file = std::fs::File::from(fd.try_clone().unwrap());
        let map =
            DmaMap { argsz: 32, flags: DMA_READABLE | DMA_WRITABLE, offset: 0, address: 0x7000, size: 4096 };
        client.map(&map, Some(fd)).unwrap();
        let mut beat = [7; 64];
        assert_eq!(client.write(0x7040, &beat, u64::MAX), Response::SlaveError);
        client.set_bus_master(true);
        assert_eq!(client.write(0x7040, &beat, 0xf0), Response::Okay);
        let mut seen = [0; 64];
        std::os::unix::fs::FileExt::read_exact_at(&file, &mut seen, 0x40).unwrap();
        assert_eq!(seen.iter().position(|b| *b == 7), Some(4));
        assert_eq!(seen.iter().filter(|b| **b == 7).count(), 4);
        assert_eq!(client.read(0x7040, &mut beat), Response::Okay);
        assert_eq!(beat, seen);
        assert_eq!(client.read(0x8000, &mut beat), Response::SlaveError);
        client.set_bus_master(false);
        assert_eq!(client.read(0x7040, &mut beat), Response::SlaveError);
        client.set_bus_master(true);
        client.detach();
        assert_eq!(client.read(0x7040, &mut beat), Response::SlaveError);
    }
}
