//! Memory of the caller that is in no file: the server cannot map it and asks for each access.

use crate::dma::lock;
use permafrost_abi::vfio_user::{command, split, DmaAccess, MAX_DATA};
use permafrost_abi::DmaRegion;
use rustix::io::Errno;
use std::collections::BTreeMap;
use std::sync::atomic::{fence, Ordering};
use std::sync::Mutex;

/// Windows of IOVA space with memory of the caller. An access is done under the lock, so none is under way in a window that has
/// been removed.
#[derive(Debug, Default)]
pub(super) struct Foreign(Mutex<BTreeMap<u64, DmaRegion>>);

impl Foreign {
    /// Adds a window: a view of memory that stays valid until it is removed.
    pub fn add(&self, view: DmaRegion) {
        lock(&self.0).insert(view.iova(), view);
    }

    pub fn remove(&self, iova: u64) {
        lock(&self.0).remove(&iova);
    }

    /// Carries out DMA_READ and DMA_WRITE; the payload of the reply.
    ///
    /// # Errors
    /// What the server is told: EINVAL when the message is malformed or its length another than it says, E2BIG for more than
    /// a message carries, EFAULT when the range is not in one window, EOPNOTSUPP for other commands.
    pub fn access(&self, what: u16, payload: &[u8]) -> Result<Vec<u8>, Errno> {
        if !matches!(what, command::DMA_READ | command::DMA_WRITE) {
            return Err(Errno::OPNOTSUPP);
        }
        let (access, data) = split::<DmaAccess>(payload).ok_or(Errno::INVAL)?;
        if access.count > MAX_DATA.into() {
            return Err(Errno::TOOBIG);
        }
        let count = access.count as usize;
        let is_write = what == command::DMA_WRITE;
        if count == 0 || is_write && data.len() != count {
            return Err(Errno::INVAL);
        }
        let mut reply = bytemuck::bytes_of(&access).to_vec();
        let windows = lock(&self.0);
        let (start, view) = windows.range(..=access.address).next_back().ok_or(Errno::FAULT)?;
        let offset = usize::try_from(access.address - start).map_err(|_| Errno::FAULT)?;
        if offset > view.len() || count > view.len() - offset {
            return Err(Errno::FAULT);
        }
        if is_write {
            view.write(offset, data);
            // The card publishes a completion after the reply; whoever sees that sees these bytes.
            fence(Ordering::SeqCst);
        } else {
            fence(Ordering::SeqCst);
            let at = reply.len();
            reply.resize(at + count, 0);
            view.read(offset, &mut reply[at..]);
        }
        Ok(reply)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transport::hostmem::HostMemory;

    #[test]
    fn accesses_stay_inside_the_window() {
        let memory = HostMemory::new(8192).unwrap();
        let foreign = Foreign::default();
        // SAFETY: the view ends before the memory.
        foreign.add(unsafe { DmaRegion::new(0x1_0000, memory.as_ptr(), 8192, Box::new(())) });
        let message =
            |address, count, data: &[u8]| [bytemuck::bytes_of(&DmaAccess { address, count }), data].concat();
        let read = |address, count| foreign.access(command::DMA_READ, &message(address, count, &[]));
        let write =
            |address, count, data: &[u8]| foreign.access(command::DMA_WRITE, &message(address, count, data));
        assert_eq!(write(0x1_1ffd, 3, &[1, 2, 3]).unwrap(), message(0x1_1ffd, 3, &[]));
        assert_eq!(read(0x1_1ffc, 4).unwrap(), message(0x1_1ffc, 4, &[0, 1, 2, 3]));
        for (address, count) in [
            (0x1_1ffd, 4),
            (0xffff, 1),
            (0xffff, 2),
            (0x1_2000, 1),
            (0, 1),
            (u64::MAX, 1),
            (0x1_0000, 8193),
            (0x1_0000, MAX_DATA.into()),
        ] {
            assert_eq!(read(address, count), Err(Errno::FAULT), "{count} bytes at {address:#x}");
            assert_eq!(write(address, count, &vec![9; count as usize]), Err(Errno::FAULT));
        }
        for count in [MAX_DATA as u64 + 1, u64::MAX] {
            assert_eq!(read(0x1_0000, count), Err(Errno::TOOBIG));
        }
        assert_eq!(read(0x1_0000, 0), Err(Errno::INVAL));
        assert_eq!(write(0x1_0000, 2, &[9; 3]), Err(Errno::INVAL));
        assert_eq!(foreign.access(command::DMA_READ, &[0; 15]), Err(Errno::INVAL));
        assert_eq!(foreign.access(command::REGION_READ, &message(0x1_0000, 1, &[])), Err(Errno::OPNOTSUPP));
        foreign.remove(0x1_0000);
        assert_eq!(read(0x1_0000, 1), Err(Errno::FAULT));
    }
}
