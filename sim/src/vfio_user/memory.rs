//! The client's memory: windows of files that it has handed over, by IOVA.

use crate::axi::BEAT_BYTES;
use permafrost_abi::vfio_user::{DmaMap, DmaUnmap, DMA_READABLE, DMA_UNMAP_ALL, DMA_WRITABLE, MAX_DMA_MAPS};
use rustix::fs::{fcntl_add_seals, fcntl_get_seals, fcntl_getfl, fstat, OFlags, SealFlags};
use rustix::io::Errno;
use rustix::mm::{mmap, munmap, MapFlags, ProtFlags};
use std::collections::{BTreeMap, HashMap};
use std::os::fd::OwnedFd;
use std::sync::{Arc, Weak};

const PAGE: u64 = 4096;

/// What is at an address.
#[derive(Debug)]
pub(super) enum Place<'m> {
    /// 64 bytes, mapped and 8-byte aligned, as long as the borrow lives.
    Mapped(Window<'m>),
    /// Memory that the client reads and writes on request.
    Remote,
}

/// 64 bytes of a mapped file.
#[derive(Debug)]
pub(super) struct Window<'m> {
    file: &'m Mapping,
    offset: usize,
}

impl Window<'_> {
    /// Address of the first byte; valid for reads, and for writes if it was looked up for them, of 64 bytes.
    pub fn as_ptr(&self) -> *mut u8 {
        self.file.memory.wrapping_add(self.offset)
    }
}

/// All windows.
#[derive(Debug, Default)]
pub(super) struct ClientMemory {
    maps: BTreeMap<u64, Map>,
    /// Files are mapped once, as a whole: a client with a vIOMMU makes tens of thousands of windows of one file.
    files: HashMap<FileKey, Weak<Mapping>>,
}

/// Device and inode of a file, and whether it may be written.
type FileKey = (u64, u64, bool);

#[derive(Debug)]
struct Map {
    size: u64,
    readable: bool,
    writable: bool,
    /// The file and the window's offset in it; `None`: no descriptor came with the window.
    file: Option<(Arc<Mapping>, usize)>,
}

/// A mapped file.
#[derive(Debug)]
struct Mapping {
    memory: *mut u8,
    len: usize,
}

// SAFETY: a mapping is plain shared memory, unmapped once by its owner; it is accessed by atomics only.
unsafe impl Send for Mapping {}
// SAFETY: as above.
unsafe impl Sync for Mapping {}

impl Mapping {
    fn new(fd: &OwnedFd, len: usize, writable: bool) -> Result<Self, Errno> {
        let protection = if writable { ProtFlags::READ | ProtFlags::WRITE } else { ProtFlags::READ };
        // SAFETY: a new mapping at an address that the system chooses; no reference will point into it.
        let memory = unsafe { mmap(std::ptr::null_mut(), len, protection, MapFlags::SHARED, fd, 0) }?;
        Ok(Self { memory: memory.cast(), len })
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: mapped by `new` with this length; windows hold the mapping while they are used.
        if let Err(errno) = unsafe { munmap(self.memory.cast(), self.len) } {
            tracing::error!(%errno, "a file of the client could not be unmapped");
        }
    }
}

impl ClientMemory {
    /// Adds a window. With a descriptor it is shared; without, the client is asked for each access.
    ///
    /// # Errors
    /// EINVAL: empty, past the address space, unknown flags, or shared and not in whole pages of the file. EEXIST: part of
    /// it is mapped. EACCES: writable, the file is not. ENOSPC: too many windows.
    pub fn map(&mut self, map: &DmaMap, fd: Option<OwnedFd>) -> Result<(), Errno> {
        let end = map.address.checked_add(map.size).ok_or(Errno::INVAL)?;
        if map.size == 0 || map.flags & !(DMA_READABLE | DMA_WRITABLE) != 0 {
            return Err(Errno::INVAL);
        }
        if self.maps.len() >= MAX_DMA_MAPS {
            return Err(Errno::NOSPC);
        }
        let before = self.maps.range(..end).next_back();
        if before.is_some_and(|(address, before)| address + before.size > map.address) {
            return Err(Errno::EXIST);
        }
        let writable = map.flags & DMA_WRITABLE != 0;
        let file = match fd {
            None => None,
            Some(fd) => {
                if map.address % PAGE != 0 || map.size % PAGE != 0 || map.offset % PAGE != 0 {
                    return Err(Errno::INVAL);
                }
                let end = map.offset.checked_add(map.size).ok_or(Errno::INVAL)?;
                Some((self.file(&fd, end, writable)?, map.offset as usize))
            }
        };
        let readable = map.flags & DMA_READABLE != 0;
        self.maps.insert(map.address, Map { size: map.size, readable, writable, file });
        Ok(())
    }

    /// The mapping of a file that has at least `end` bytes.
    fn file(&mut self, fd: &OwnedFd, end: u64, writable: bool) -> Result<Arc<Mapping>, Errno> {
        if writable && fcntl_getfl(fd)? & OFlags::RWMODE != OFlags::RDWR {
            return Err(Errno::ACCESS);
        }
        // A file that shrinks under the mapping would end this process by SIGBUS. Where it cannot be sealed against that
        // (a file of a file system), the client is trusted not to.
        let sealed = || fcntl_get_seals(fd).is_ok_and(|seals| seals.contains(SealFlags::SHRINK));
        if fcntl_add_seals(fd, SealFlags::SHRINK).is_err() && !sealed() {
            tracing::debug!(
                "a file of the client cannot be sealed; it must not be truncated while it is mapped"
            );
        }
        let stat = fstat(fd)?;
        let size = u64::try_from(stat.st_size).unwrap_or(0);
        if end > size {
            return Err(Errno::INVAL);
        }
        let key = (stat.st_dev, stat.st_ino, writable);
        if let Some(mapping) = self.files.get(&key).and_then(Weak::upgrade) {
            // A file may have grown since.
            if end <= mapping.len as u64 {
                return Ok(mapping);
            }
        }
        let len = usize::try_from(size).map_err(|_| Errno::INVAL)?;
        let mapping = Arc::new(Mapping::new(fd, len, writable)?);
        self.files.retain(|_, mapping| mapping.strong_count() > 0);
        self.files.insert(key, Arc::downgrade(&mapping));
        Ok(mapping)
    }

    /// Removes the windows inside a range, of which there may be none.
    ///
    /// # Errors
    /// EINVAL, and nothing is removed: an empty range, unknown flags, or a window that is partly inside.
    pub fn unmap(&mut self, unmap: &DmaUnmap) -> Result<(), Errno> {
        match unmap.flags {
            0 => {}
            DMA_UNMAP_ALL => {
                self.maps.clear();
                return Ok(());
            }
            _ => return Err(Errno::INVAL),
        }
        // The last byte, because the range may end with the address space.
        let last =
            unmap.size.checked_sub(1).and_then(|n| unmap.address.checked_add(n)).ok_or(Errno::INVAL)?;
        let mut inside = Vec::new();
        for (address, map) in self.maps.range(..=last).rev() {
            let map_last = address + (map.size - 1);
            if map_last < unmap.address {
                break;
            }
            if *address < unmap.address || map_last > last {
                return Err(Errno::INVAL);
            }
            inside.push(*address);
        }
        for address in inside {
            self.maps.remove(&address);
        }
        Ok(())
    }

    /// The 64 bytes at a multiple of 64, if all of them are in one window that allows the access.
    pub fn find(&self, address: u64, write: bool) -> Option<Place<'_>> {
        let (start, map) = self.maps.range(..=address).next_back()?;
        let offset = address - start;
        if map.size < BEAT_BYTES as u64
            || offset > map.size - BEAT_BYTES as u64
            || !(if write { map.writable } else { map.readable })
        {
            return None;
        }
        Some(match &map.file {
            Some((file, at)) => Place::Mapped(Window { file, offset: at + offset as usize }),
            None => Place::Remote,
        })
    }

    /// Forgets every window.
    pub fn clear(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::fs::{ftruncate, memfd_create, MemfdFlags};

    const RW: u32 = DMA_READABLE | DMA_WRITABLE;

    fn file(pages: u64) -> OwnedFd {
        let fd = memfd_create("test", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING).unwrap();
        ftruncate(&fd, pages * PAGE).unwrap();
        fd
    }

    fn map(address: u64, offset: u64, size: u64) -> DmaMap {
        DmaMap { argsz: 32, flags: RW, offset, address, size }
    }

    fn unmap(address: u64, size: u64) -> DmaUnmap {
        DmaUnmap { argsz: 24, flags: 0, address, size }
    }

    #[test]
    fn windows_of_one_file_share_one_mapping() {
        let (fd, mut m) = (file(4), ClientMemory::default());
        for page in 0..4 {
            let at = 0x10_0000 - PAGE * page;
            m.map(&map(at, PAGE * page, PAGE), Some(fd.try_clone().unwrap())).unwrap();
        }
        assert_eq!(m.files.len(), 1);
        assert_eq!(ftruncate(&fd, 0), Err(Errno::PERM), "sealed");
        let at = |address| match m.find(address, true) {
            Some(Place::Mapped(window)) => window.as_ptr() as usize,
            other => panic!("{other:?}"),
        };
        assert_eq!(at(0x10_0000 - PAGE + 64), at(0x10_0000) + PAGE as usize + 64);
        // The file grows: a second mapping, and the first windows stay good.
        ftruncate(&fd, 8 * PAGE).unwrap();
        m.map(&map(0x20_0000, 7 * PAGE, PAGE), Some(fd)).unwrap();
        assert!(m.find(0x10_0000, true).is_some() && m.find(0x20_0fc0, false).is_some());
        assert!(m.find(0x20_1000, false).is_none() && m.find(0x1f_ffc0, false).is_none());
    }

    /// As QEMU's memory is: it can be neither shrunk nor sealed further.
    #[test]
    fn files_that_are_sealed_already_are_taken() {
        let (fd, mut m) = (file(2), ClientMemory::default());
        fcntl_add_seals(&fd, SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL).unwrap();
        assert_eq!(fcntl_add_seals(&fd, SealFlags::SHRINK), Err(Errno::PERM));
        m.map(&map(0x1000, PAGE, PAGE), Some(fd)).unwrap();
        assert!(m.find(0x1fc0, true).is_some());
    }

    #[test]
    fn what_cannot_be_mapped_is_refused() {
        let mut m = ClientMemory::default();
        let mut try_map = |map: DmaMap, pages| m.map(&map, Some(file(pages)));
        assert_eq!(try_map(map(0, 0, 0), 1), Err(Errno::INVAL));
        assert_eq!(try_map(map(u64::MAX - 0xfff, 0, 0x2000), 2), Err(Errno::INVAL));
        assert_eq!(try_map(map(0x1000, 0, 0x2000), 1), Err(Errno::INVAL), "past the end of the file");
        assert_eq!(try_map(map(0x1000, u64::MAX - 0xfff, 0x1000), 1), Err(Errno::INVAL));
        for (address, offset, size) in [(1, 0, 0x1000), (0, 1, 0x1000), (0, 0, 0x1001)] {
            assert_eq!(try_map(map(address, offset, size), 4), Err(Errno::INVAL), "not in pages");
        }
        assert_eq!(try_map(DmaMap { flags: 4, ..map(0, 0, 0x1000) }, 1), Err(Errno::INVAL));
        try_map(map(0x4000, 0, 0x2000), 2).unwrap();
        for (address, size) in [(0x4000, 0x1000), (0x3000, 0x2000), (0x5000, 0x2000), (0, 0x10000)] {
            assert_eq!(try_map(map(address, 0, size), 16), Err(Errno::EXIST));
        }
        try_map(map(0x6000, 0, 0x1000), 1).unwrap();
        try_map(map(0x3000, 0, 0x1000), 1).unwrap();
        let (pipe, _) = std::io::pipe().unwrap();
        assert!(m.map(&map(0x9000, 0, 0x1000), Some(pipe.into())).is_err());
    }

    #[test]
    fn rights_are_kept() {
        let mut m = ClientMemory::default();
        let fd = file(1);
        let readonly: OwnedFd =
            std::fs::File::open(format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&fd)))
                .unwrap()
                .into();
        assert_eq!(m.map(&map(0, 0, PAGE), Some(readonly.try_clone().unwrap())), Err(Errno::ACCESS));
        m.map(&DmaMap { flags: DMA_READABLE, ..map(0, 0, PAGE) }, Some(readonly)).unwrap();
        m.map(&DmaMap { flags: DMA_WRITABLE, ..map(PAGE, 0, PAGE) }, Some(fd)).unwrap();
        assert!(m.find(0, false).is_some() && m.find(0, true).is_none());
        assert!(m.find(PAGE, false).is_none() && m.find(PAGE, true).is_some());
    }

    #[test]
    fn unmapping_takes_whole_windows_only() {
        let mut m = ClientMemory::default();
        let fill = |m: &mut ClientMemory| {
            m.clear();
            for at in [0x1000, 0x2000, 0x8000] {
                m.map(&map(at, 0, PAGE), None).unwrap();
            }
        };
        let left = |m: &ClientMemory| m.maps.keys().copied().collect::<Vec<_>>();
        fill(&mut m);
        assert_eq!(m.unmap(&unmap(0x1800, 0x1000)), Err(Errno::INVAL));
        assert_eq!(m.unmap(&unmap(0x1000, 0x1800)), Err(Errno::INVAL));
        assert_eq!(m.unmap(&unmap(0x1000, 0)), Err(Errno::INVAL));
        assert_eq!(m.unmap(&unmap(u64::MAX, 2)), Err(Errno::INVAL));
        assert_eq!(m.unmap(&DmaUnmap { flags: 1, ..unmap(0x1000, 0x1000) }), Err(Errno::INVAL));
        assert_eq!(left(&m), [0x1000, 0x2000, 0x8000]);
        m.unmap(&unmap(0x3000, 0x5000)).unwrap();
        assert_eq!(left(&m), [0x1000, 0x2000, 0x8000], "nothing was there");
        m.unmap(&unmap(0, 0x3000)).unwrap();
        assert_eq!(left(&m), [0x8000]);
        m.unmap(&unmap(0, 1 << 63)).unwrap();
        m.unmap(&unmap(1 << 63, 1 << 63)).unwrap();
        assert!(left(&m).is_empty());
        fill(&mut m);
        m.unmap(&DmaUnmap { flags: DMA_UNMAP_ALL, ..unmap(0, 0) }).unwrap();
        assert!(left(&m).is_empty());
    }

    #[test]
    fn windows_without_a_file_need_no_pages_but_whole_beats() {
        let mut m = ClientMemory::default();
        m.map(&map(0x100, 0, 0x90), None).unwrap();
        m.map(&map(0x200, 0, 0x20), None).unwrap();
        assert!(matches!(m.find(0x140, false), Some(Place::Remote)));
        assert!(m.find(0x180, false).is_none() && m.find(0x200, false).is_none());
    }
}
