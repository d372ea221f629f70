//! Reading structure out of a fuzzer's bytes, and descriptors to send.

use rustix::event::{eventfd, EventfdFlags};
use rustix::fs::{ftruncate, memfd_create, MemfdFlags};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::sync::OnceLock;

/// What is left of the input; past its end everything is zero.
pub struct Input<'a>(pub &'a [u8]);

impl<'a> Input<'a> {
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Up to `len` bytes.
    pub fn bytes(&mut self, len: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(len.min(self.0.len()));
        self.0 = rest;
        taken
    }

    fn array<const N: usize>(&mut self) -> [u8; N] {
        let mut out = [0; N];
        let taken = self.bytes(N);
        out[..taken.len()].copy_from_slice(taken);
        out
    }

    pub fn u8(&mut self) -> u8 {
        self.array::<1>()[0]
    }

    pub fn u16(&mut self) -> u16 {
        u16::from_le_bytes(self.array())
    }

    pub fn u32(&mut self) -> u32 {
        u32::from_le_bytes(self.array())
    }

    /// A number of pages in one byte; 255 is followed by all eight.
    pub fn address(&mut self) -> u64 {
        match self.u8() {
            0xff => u64::from_le_bytes(self.array()),
            pages => u64::from(pages) << 12,
        }
    }
}

/// Files, event descriptors and what is neither, by number. They stay open.
pub fn descriptor(kind: u8) -> BorrowedFd<'static> {
    static POOL: OnceLock<Vec<OwnedFd>> = OnceLock::new();
    let pool = POOL.get_or_init(|| {
        let file = |pages: u64, flags| {
            let file = memfd_create("fuzz", MemfdFlags::CLOEXEC | flags).expect("a file");
            ftruncate(&file, pages << 12).expect("its size");
            file
        };
        let sealable = MemfdFlags::ALLOW_SEALING;
        let event = || eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK).expect("an event");
        let full = eventfd(0, EventfdFlags::CLOEXEC).expect("an event");
        rustix::io::write(&full, &(u64::MAX - 1).to_ne_bytes()).expect("room for it");
        let small = file(1, sealable);
        let readonly = std::fs::File::open(format!("/proc/self/fd/{}", small.as_raw_fd())).expect("a file");
        let (pipe, _) = rustix::pipe::pipe().expect("a pipe");
        vec![
            small,
            file(4, sealable),
            file(16, MemfdFlags::empty()),
            file(0, sealable),
            file(1 << 28, sealable), // 1 TiB, none of it there
            readonly.into(),
            event(),
            event(),
            full,
            pipe,
            std::fs::File::open("/dev/null").expect("a device").into(),
            std::fs::File::open("/").expect("a directory").into(),
        ]
    });
    pool[usize::from(kind) % pool.len()].as_fd()
}

/// Runs `f`, after which as many descriptors must be open as before.
pub fn without_leak(f: impl FnOnce()) {
    descriptor(0);
    // The lowest free number.
    let lowest = || descriptor(0).try_clone_to_owned().expect("a descriptor").as_raw_fd();
    let before = lowest();
    f();
    assert_eq!(lowest(), before, "a descriptor is left open");
}
