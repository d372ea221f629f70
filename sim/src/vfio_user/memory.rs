//! The client's memory: windows of files that it has handed over, by IOVA.

use super::client::runs;
use crate::axi::{Beat, BEAT_BYTES};
use permafrost_abi::vfio_user::{DmaMap, DmaUnmap, DMA_READABLE, DMA_UNMAP_ALL, DMA_WRITABLE, MAX_DMA_MAPS};
use rustix::fs::{
    fcntl_add_seals, fcntl_get_seals, fcntl_getfl, fstat, fstatfs, FileType, OFlags, SealFlags,
};
use rustix::io::{pread, pwrite, Errno};
use rustix::mm::{mmap, munmap, MapFlags, ProtFlags};
use std::collections::{BTreeMap, HashMap};
use std::os::fd::OwnedFd;
use std::sync::{Arc, Weak};

const PAGE: u64 = 4096;
/// What `statfs` says of a file system of huge pages.
const HUGETLBFS: i64 = 0x9584_58f6;

/// What is at an address.
#[derive(Debug)]
pub(super) enum Place<'m> {
    /// 64 bytes, mapped and 8-byte aligned, as long as the borrow lives.
    Mapped(Window<'m>),
    /// 64 bytes of a file that is not mapped.
    Unsealed(Unsealed<'m>),
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

/// 64 bytes of a file that its owner may cut short at any time: beyond the end of a file, an access of its map would end this
/// process by SIGBUS, and a system call fails.
#[derive(Debug)]
pub(super) struct Unsealed<'m> {
    file: &'m OwnedFd,
    offset: u64,
}

impl Unsealed<'_> {
    /// Reads them; `None`, and `beat` is left as it is, when the file has not all of them.
    pub fn read(&self, beat: &mut Beat) -> Option<()> {
        let mut data = [0; BEAT_BYTES];
        (pread(self.file, &mut data, self.offset) == Ok(BEAT_BYTES)).then(|| *beat = data)
    }

    /// Writes the selected ones, a word at a time in address order; `None` when the file has not all of the 64 bytes.
    pub fn write(&self, beat: &Beat, strobe: u64) -> Option<()> {
        // A write past the end would lengthen the file.
        let size = u64::try_from(fstat(self.file).ok()?.st_size).ok()?;
        if self.offset + BEAT_BYTES as u64 > size {
            return None;
        }
        for run in runs(strobe) {
            let mut at = run.start;
            while at < run.end {
                let end = run.end.min((at / 4 + 1) * 4);
                let written = pwrite(self.file, &beat[at..end], self.offset + at as u64);
                if written != Ok(end - at) {
                    return None;
                }
                at = end;
            }
        }
        Some(())
    }
}

/// All windows.
#[derive(Debug, Default)]
pub(super) struct ClientMemory {
    maps: BTreeMap<u64, Map>,
    /// Files are mapped once, as a whole: a client with a vIOMMU makes tens of thousands of windows of one file.
    files: HashMap<FileKey, Weak<Opened>>,
}

/// Device and inode of a file, and whether it may be written.
type FileKey = (u64, u64, bool);

#[derive(Debug)]
struct Map {
    size: u64,
    readable: bool,
    writable: bool,
    /// The file and the window's offset in it; `None`: no descriptor came with the window.
    file: Option<(Arc<Opened>, u64)>,
}

/// A file, and how it is reached.
#[derive(Debug)]
enum Opened {
    Mapped(Mapping),
    Unsealed(OwnedFd),
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
    /// it is mapped, or the file is none that has memory. EACCES: the file is not open for what the window allows. ENOSPC: too
    /// many windows.
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
                Some((self.file(fd, end, writable)?, map.offset))
            }
        };
        let readable = map.flags & DMA_READABLE != 0;
        self.maps.insert(map.address, Map { size: map.size, readable, writable, file });
        Ok(())
    }

    /// The way to a file that has at least `end` bytes. It is mapped if it cannot be cut short.
    fn file(&mut self, fd: OwnedFd, end: u64, writable: bool) -> Result<Arc<Opened>, Errno> {
        let flags = fcntl_getfl(&fd)?;
        let fits = match flags & OFlags::RWMODE {
            OFlags::RDWR => !flags.contains(OFlags::APPEND),
            mode => mode == OFlags::RDONLY && !writable,
        };
        if !fits {
            return Err(Errno::ACCESS);
        }
        let stat = fstat(&fd)?;
        if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
            return Err(Errno::INVAL);
        }
        let sealed = || fcntl_get_seals(&fd).is_ok_and(|seals| seals.contains(SealFlags::SHRINK));
        let sealed = fcntl_add_seals(&fd, SealFlags::SHRINK).is_ok() || sealed();
        // Before the seal it may have shrunk.
        let stat = if sealed { fstat(&fd)? } else { stat };
        let size = u64::try_from(stat.st_size).unwrap_or(0);
        if end > size {
            return Err(Errno::INVAL);
        }
        let key = (stat.st_dev, stat.st_ino, writable);
        if let Some(opened) = self.files.get(&key).and_then(Weak::upgrade) {
            // A file may have grown since.
            if !matches!(&*opened, Opened::Mapped(mapping) if end > mapping.len as u64) {
                return Ok(opened);
            }
        }
        // Huge pages in a file of a file system can be neither sealed nor written to by system calls.
        let huge = || fstatfs(&fd).is_ok_and(|system| system.f_type == HUGETLBFS);
        let opened = match sealed || huge() {
            true => {
                if !sealed {
                    tracing::warn!("a file of huge pages cannot be sealed: if the client cuts it short, this process ends");
                }
                let len = usize::try_from(size).map_err(|_| Errno::INVAL)?;
                Opened::Mapped(Mapping::new(&fd, len, writable)?)
            }
            false => {
                tracing::debug!("a file of the client cannot be sealed, and is reached by system calls");
                Opened::Unsealed(fd)
            }
        };
        let opened = Arc::new(opened);
        self.files.retain(|_, opened| opened.strong_count() > 0);
        self.files.insert(key, Arc::downgrade(&opened));
        Ok(opened)
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
            Some((file, at)) => match &**file {
                Opened::Mapped(file) => Place::Mapped(Window { file, offset: (at + offset) as usize }),
                Opened::Unsealed(file) => Place::Unsealed(Unsealed { file, offset: at + offset }),
            },
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

    /// A file of a file system, which its owner cuts short while the card uses it.
    #[test]
    fn files_that_cannot_be_sealed_are_not_mapped() {
        use std::os::unix::fs::FileExt;
        let (file, mut m) = (tempfile::tempfile().unwrap(), ClientMemory::default());
        file.set_len(2 * PAGE).unwrap();
        for (address, offset) in [(0x1_0000, PAGE), (0x2_0000, 0)] {
            m.map(&map(address, offset, PAGE), Some(file.try_clone().unwrap().into())).unwrap();
        }
        assert_eq!(m.files.len(), 1);
        let at = |address| match m.find(address, true) {
            Some(Place::Unsealed(place)) => place,
            other => panic!("{other:?}"),
        };
        let beat: Beat = std::array::from_fn(|i| i as u8 + 1);
        assert_eq!(at(0x1_0040).write(&beat, 0xf00f_0000_0000_0fe6), Some(()));
        let (mut seen, mut expected) = ([0; 64], [0; 64]);
        for i in [1, 2].into_iter().chain(5..12).chain(48..52).chain(60..64) {
            expected[i] = beat[i];
        }
        file.read_exact_at(&mut seen, PAGE + 0x40).unwrap();
        assert_eq!(seen, expected);
        let mut seen = [0; 64];
        assert_eq!(at(0x1_0040).read(&mut seen), Some(()));
        assert_eq!(seen, expected);
        file.set_len(PAGE + 0x60).unwrap();
        assert_eq!((at(0x1_0040).read(&mut seen), at(0x1_0040).write(&beat, 1)), (None, None));
        assert_eq!((seen, file.metadata().unwrap().len()), (expected, PAGE + 0x60));
        assert_eq!(at(0x2_0040).read(&mut seen), Some(()));
        // One that appends cannot be written at a place.
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("memory");
        std::fs::write(&path, [0; PAGE as usize]).unwrap();
        let appends = std::fs::File::options().read(true).append(true).open(&path).unwrap();
        assert_eq!(m.map(&map(0x3_0000, 0, PAGE), Some(appends.into())), Err(Errno::ACCESS));
        let folder = std::fs::File::open(folder.path()).unwrap();
        let map = DmaMap { flags: DMA_READABLE, ..map(0x3_0000, 0, PAGE) };
        assert_eq!(m.map(&map, Some(folder.into())), Err(Errno::INVAL));
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
