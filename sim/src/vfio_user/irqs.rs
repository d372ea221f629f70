//! The client's interrupts: event descriptors by kind and number.

use permafrost_abi::pci::MSIX_VECTORS;
use permafrost_abi::vfio_user::*;
use rustix::event::{poll, PollFd, PollFlags, Timespec};
use rustix::io::Errno;
use std::os::fd::{AsRawFd, OwnedFd};

/// How many interrupts a kind has: VFIO's kinds are INTx, MSI, MSI-X, error and request.
pub(super) fn count(index: u32) -> u32 {
    match index {
        IRQ_MSIX => MSIX_VECTORS.into(),
        IRQ_ERROR => 1,
        _ => 0,
    }
}

/// Who is told of an interrupt; without a descriptor it is dropped.
#[derive(Debug)]
pub(super) struct Irqs {
    msix: Vec<Option<OwnedFd>>,
    error: Vec<Option<OwnedFd>>,
}

impl Default for Irqs {
    fn default() -> Self {
        let none = |index| (0..count(index)).map(|_| None).collect();
        Self { msix: none(IRQ_MSIX), error: none(IRQ_ERROR) }
    }
}

impl Irqs {
    fn kind(&mut self, index: u32) -> &mut [Option<OwnedFd>] {
        match index {
            IRQ_MSIX => &mut self.msix,
            IRQ_ERROR => &mut self.error,
            _ => &mut [],
        }
    }

    /// Does what the client asks for; `bools` are the bytes after the structure.
    ///
    /// # Errors
    /// EINVAL: no such interrupts, other flags than one for the data and one for the action, data that do not match the
    /// count, or a descriptor that is no eventfd. EOPNOTSUPP: masking, which neither kind has.
    pub fn set(&mut self, set: &SetIrqs, bools: &[u8], fds: Vec<OwnedFd>) -> Result<(), Errno> {
        let (data, action) = (set.flags & IRQ_DATA, set.flags & IRQ_ACTION);
        if set.flags & !(IRQ_DATA | IRQ_ACTION) != 0 || data.count_ones() != 1 || action.count_ones() != 1 {
            return Err(Errno::INVAL);
        }
        let kind = self.kind(set.index);
        let end = set.start.checked_add(set.count).ok_or(Errno::INVAL)? as usize;
        let chosen = kind.get_mut(set.start as usize..end).ok_or(Errno::INVAL)?;
        if action != IRQ_ACTION_TRIGGER {
            return Err(Errno::OPNOTSUPP);
        }
        match data {
            IRQ_DATA_NONE if set.count == 0 && set.start == 0 => kind.fill_with(|| None),
            IRQ_DATA_NONE => chosen.iter().flatten().for_each(signal),
            IRQ_DATA_BOOL => {
                let bools = bools.get(..chosen.len()).ok_or(Errno::INVAL)?;
                chosen
                    .iter()
                    .zip(bools)
                    .filter(|(_, b)| **b != 0)
                    .filter_map(|(fd, _)| fd.as_ref())
                    .for_each(signal);
            }
            _ if fds.is_empty() => chosen.fill_with(|| None),
            _ if fds.len() == chosen.len() && fds.iter().all(is_event) => {
                chosen.iter_mut().zip(fds).for_each(|(place, fd)| *place = Some(fd));
            }
            _ => return Err(Errno::INVAL),
        }
        Ok(())
    }

    /// The card raises an interrupt.
    pub fn raise(&mut self, index: u32, number: usize) {
        if let Some(Some(fd)) = self.kind(index).get(number) {
            signal(fd);
        }
    }
}

/// Whether this is an eventfd: a write to anything else, a pipe that fills up, could hold the card's thread.
fn is_event(fd: &OwnedFd) -> bool {
    std::fs::read_link(format!("/proc/self/fd/{}", fd.as_raw_fd()))
        .is_ok_and(|target| target.as_os_str() == "anon_inode:[eventfd]")
}

/// Adds one event. Never blocks: an eventfd that is full has an event pending already.
fn signal(fd: &OwnedFd) {
    let mut ready = [PollFd::new(fd, PollFlags::OUT)];
    let now = Timespec { tv_sec: 0, tv_nsec: 0 };
    match poll(&mut ready, Some(&now)) {
        Ok(1) if ready[0].revents() == PollFlags::OUT => {
            if let Err(errno) = rustix::io::write(fd, &1u64.to_ne_bytes()) {
                tracing::warn!(%errno, "an interrupt could not be signalled");
            }
        }
        seen => tracing::warn!(?seen, "an interrupt could not be signalled"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::event::{eventfd, EventfdFlags};

    fn event() -> OwnedFd {
        eventfd(0, EventfdFlags::NONBLOCK | EventfdFlags::CLOEXEC).unwrap()
    }

    fn events(fd: &OwnedFd) -> u64 {
        let mut bytes = [0; 8];
        rustix::io::read(fd, &mut bytes).map_or(0, |_| u64::from_ne_bytes(bytes))
    }

    const fn set(flags: u32, index: u32, start: u32, count: u32) -> SetIrqs {
        SetIrqs { argsz: 20, flags, index, start, count }
    }

    const ASSIGN: u32 = IRQ_DATA_EVENTFD | IRQ_ACTION_TRIGGER;
    const NONE: u32 = IRQ_DATA_NONE | IRQ_ACTION_TRIGGER;

    #[test]
    fn vectors_are_assigned_raised_and_taken_away() {
        let mut irqs = Irqs::default();
        let fds: Vec<OwnedFd> = (0..4).map(|_| event()).collect();
        let clones =
            |range: std::ops::Range<usize>| fds[range].iter().map(|f| f.try_clone().unwrap()).collect();
        irqs.set(&set(ASSIGN, IRQ_MSIX, 1, 3), &[], clones(0..3)).unwrap();
        irqs.set(&set(ASSIGN, IRQ_ERROR, 0, 1), &[], clones(3..4)).unwrap();
        for vector in [0, 1, 3, 3, 14, 15, 255] {
            irqs.raise(IRQ_MSIX, vector);
        }
        irqs.raise(IRQ_ERROR, 0);
        let seen = || fds.iter().map(events).collect::<Vec<_>>();
        assert_eq!(seen(), [1, 0, 2, 1]);
        irqs.set(&set(NONE, IRQ_MSIX, 2, 2), &[], vec![]).unwrap();
        irqs.set(&set(IRQ_DATA_BOOL | IRQ_ACTION_TRIGGER, IRQ_MSIX, 1, 3), &[1, 0, 1], vec![]).unwrap();
        assert_eq!(seen(), [1, 1, 2, 0]);
        irqs.set(&set(ASSIGN, IRQ_MSIX, 2, 1), &[], vec![]).unwrap();
        irqs.raise(IRQ_MSIX, 2);
        irqs.raise(IRQ_MSIX, 1);
        irqs.set(&set(NONE, IRQ_MSIX, 0, 0), &[], vec![]).unwrap();
        irqs.raise(IRQ_MSIX, 1);
        irqs.raise(IRQ_ERROR, 0);
        assert_eq!(seen(), [1, 0, 0, 1]);
    }

    #[test]
    fn nonsense_is_refused_and_changes_nothing() {
        let mut irqs = Irqs::default();
        let fd = event();
        irqs.set(&set(ASSIGN, IRQ_MSIX, 0, 1), &[], vec![fd.try_clone().unwrap()]).unwrap();
        for (bad, bools, fds) in [
            (set(ASSIGN, IRQ_MSIX, 0, 2), &[][..], 1),
            (set(ASSIGN, IRQ_MSIX, 15, 1), &[], 1),
            (set(ASSIGN, IRQ_MSIX, u32::MAX, 1), &[], 1),
            (set(ASSIGN, IRQ_MSIX, 1, u32::MAX), &[], 1),
            (set(ASSIGN, 0, 0, 1), &[], 1),
            (set(ASSIGN, u32::MAX, 0, 1), &[], 1),
            (set(0, IRQ_MSIX, 0, 1), &[], 0),
            (set(IRQ_DATA_NONE, IRQ_MSIX, 0, 1), &[], 0),
            (set(NONE | IRQ_DATA_BOOL, IRQ_MSIX, 0, 1), &[1], 0),
            (set(NONE | IRQ_ACTION_MASK, IRQ_MSIX, 0, 1), &[], 0),
            (set(NONE | 64, IRQ_MSIX, 0, 1), &[], 0),
            (set(IRQ_DATA_BOOL | IRQ_ACTION_TRIGGER, IRQ_MSIX, 0, 2), &[1], 0),
        ] {
            let fds = (0..fds).map(|_| event()).collect();
            assert_eq!(irqs.set(&bad, bools, fds), Err(Errno::INVAL), "{bad:?}");
        }
        let mask = set(IRQ_DATA_NONE | IRQ_ACTION_MASK, IRQ_MSIX, 0, 1);
        assert_eq!(irqs.set(&mask, &[], vec![]), Err(Errno::OPNOTSUPP));
        irqs.raise(IRQ_MSIX, 0);
        assert_eq!(events(&fd), 1);
    }

    /// A descriptor that is no eventfd is refused, one that is full holds nobody up.
    #[test]
    fn signals_do_not_block() {
        let mut irqs = Irqs::default();
        let write = std::fs::File::open("/dev/null").unwrap().into();
        let full = eventfd(0, EventfdFlags::empty()).unwrap();
        rustix::io::write(&full, &(u64::MAX - 1).to_ne_bytes()).unwrap();
        let kept = full.try_clone().unwrap();
        assert_eq!(irqs.set(&set(ASSIGN, IRQ_MSIX, 0, 2), &[], vec![full, write]), Err(Errno::INVAL));
        irqs.set(&set(ASSIGN, IRQ_MSIX, 0, 1), &[], vec![kept]).unwrap();
        irqs.raise(IRQ_MSIX, 0);
    }
}
