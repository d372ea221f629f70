//! Memory of the caller that the card reaches without a copy.
//!
//! An IOMMU maps whole pages. Whatever else is on the first and the last page of a buffer becomes reachable by the card, and
//! an ordinary `Vec` begins and ends anywhere. So only a [`HostVec`] can be pinned: it has its pages to itself, from the first
//! byte of the first to the last byte of the last.
//!
//! While it is pinned there is no `&[T]` of it: [`Card::pin`] takes the vector by value, and [`Pinned`] copies. The card writes
//! when it likes, and a Rust reference promises that nobody does. [`Pinned::into_inner`] gives the vector back after
//! the memory is unmapped, and refuses while anything may still use it: a command that has not ended, also one whose ticket was
//! dropped or forgotten, one of unknown fate after a bad completion, a [`DmaPiece`]. Nothing depends on a destructor that
//! might not run: forgetting a `Pinned`, a ticket or a piece leaves the memory mapped and allocated.

use crate::card::Inner;
use crate::transport::hostmem::HostMemory;
use crate::{Card, DmaBuf, DmaPiece, DramBuf, Error, Ticket};
use bytemuck::Pod;
use permafrost_abi::{CopyKind, PageKind, ALIGN};
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut, Range};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

/// How long [`Pinned::into_inner`] waits for another thread that is just ending the last command.
const GRACE: Duration = Duration::from_millis(20);

/// Elements in whole pages of their own, in huge pages where the system has them; their number is fixed. It can be pinned.
pub struct HostVec<T: Pod> {
    memory: HostMemory,
    len: usize,
    elements: PhantomData<T>,
}

impl<T: Pod> HostVec<T> {
    /// `len` elements whose bytes are 0.
    ///
    /// # Errors
    /// `Transport` with the system's refusal when there is not as much memory.
    pub fn zeroed(len: usize) -> Result<Self, Error> {
        const { assert!(align_of::<T>() <= 4096, "elements may not need more alignment than a page has") };
        let bytes = len.saturating_mul(size_of::<T>());
        Ok(Self { memory: HostMemory::new(bytes)?, len, elements: PhantomData })
    }

    /// A copy of `elements`.
    ///
    /// # Errors
    /// As [`zeroed`](Self::zeroed).
    pub fn from_slice(elements: &[T]) -> Result<Self, Error> {
        let mut vec = Self::zeroed(elements.len())?;
        vec.copy_from_slice(elements);
        Ok(vec)
    }

    /// What pages it is made of.
    pub fn pages(&self) -> PageKind {
        self.memory.pages()
    }
}

impl<T: Pod> Deref for HostVec<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        // SAFETY: `len` elements fit, at a page boundary; any bytes are a value of a Pod type; `self` owns the memory and the
        // card does not reach it: it is not pinned.
        unsafe { std::slice::from_raw_parts(self.memory.as_ptr().cast(), self.len) }
    }
}

impl<T: Pod> DerefMut for HostVec<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        // SAFETY: as above, and borrowed exclusively.
        unsafe { std::slice::from_raw_parts_mut(self.memory.as_ptr().cast(), self.len) }
    }
}

impl<T: Pod + std::fmt::Debug> std::fmt::Debug for HostVec<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.deref().fmt(f)
    }
}

/// A [`HostVec`] that the card reaches. Dropping it unmaps and frees the memory once no command uses it.
pub struct Pinned<T: Pod> {
    buffer: Arc<DmaBuf>,
    /// A second owner beside the mapping, by which the memory comes back.
    memory: Arc<HostMemory>,
    card: Weak<Inner>,
    len: usize,
    elements: PhantomData<T>,
}

/// Why memory was not pinned, and the memory.
pub struct NotPinned<T: Pod> {
    /// The reason.
    pub error: Error,
    /// What was to be pinned; `None` only if the transport has kept it.
    pub memory: Option<HostVec<T>>,
}

/// Why memory stays pinned, and the memory.
pub struct StillPinned<T: Pod> {
    /// The reason.
    pub error: Error,
    /// To try again with; `None` when the transport could not unmap the memory, which is then never used again.
    pub pinned: Option<Pinned<T>>,
}

impl<T: Pod> From<NotPinned<T>> for Error {
    fn from(not: NotPinned<T>) -> Self {
        not.error
    }
}

impl<T: Pod> From<StillPinned<T>> for Error {
    fn from(still: StillPinned<T>) -> Self {
        still.error
    }
}

impl<T: Pod> std::fmt::Debug for NotPinned<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.error.fmt(f)
    }
}

impl<T: Pod> std::fmt::Debug for StillPinned<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.error.fmt(f)
    }
}

impl<T: Pod> std::fmt::Debug for Pinned<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Pinned {{ {} elements, {:?} }}", self.len, self.buffer)
    }
}

impl Card {
    /// Lets the card reach `memory` without a copy. It does not count against
    /// [`CardOptions::dma_limit`](crate::CardOptions::dma_limit); the system's limit on locked memory holds.
    ///
    /// # Errors
    /// [`NotPinned`], with the memory: the transport cannot map memory of the caller, or the system refuses; `CardLost` or
    /// the error that made the card unusable.
    pub fn pin<T: Pod>(&self, memory: HostVec<T>) -> Result<Pinned<T>, NotPinned<T>> {
        let HostVec { memory, len, elements } = memory;
        let memory = Arc::new(memory);
        let mapped = self.inner.alive().and_then(|()| {
            let owner = Box::new(memory.clone());
            // SAFETY: whole pages that stay valid and in place until `owner` and `memory` are dropped. The vector was taken by
            // value, so no reference points into them, and none is made before `into_inner` is the only owner again.
            unsafe { self.inner.arena.map(memory.as_ptr(), memory.len(), owner) }
        });
        match mapped {
            Ok(region) => {
                let buffer = Arc::new(self.inner.arena.adopt(region, len * size_of::<T>()));
                Ok(Pinned { buffer, memory, card: Arc::downgrade(&self.inner), len, elements })
            }
            Err(error) => {
                let memory = Arc::into_inner(memory).map(|memory| HostVec { memory, len, elements });
                Err(NotPinned { error, memory })
            }
        }
    }

    /// Submits a copy of all of `source` to `target` from `offset` (a multiple of 64) on. The last 64-byte unit is copied
    /// whole; the bytes behind the last element are 0 unless the card has written them.
    ///
    /// # Errors
    /// As [`submit_pieces`](Self::submit_pieces).
    pub fn write_pinned<T: Pod>(
        &self,
        queue: u16,
        target: &DramBuf,
        offset: u64,
        source: &Pinned<T>,
    ) -> Result<Ticket, Error> {
        self.submit_pieces(queue, CopyKind::HostToCard, target, offset, &[source.whole()])
    }

    /// Submits a copy to all of `target` from `source` from `offset` (a multiple of 64) on, in whole 64-byte units: up to 63
    /// bytes behind the last element, which are the vector's own, are written too.
    ///
    /// # Errors
    /// As [`submit_pieces`](Self::submit_pieces).
    pub fn read_pinned<T: Pod>(
        &self,
        queue: u16,
        source: &DramBuf,
        offset: u64,
        target: &Pinned<T>,
    ) -> Result<Ticket, Error> {
        self.submit_pieces(queue, CopyKind::CardToHost, source, offset, &[target.whole()])
    }
}

impl<T: Pod> Pinned<T> {
    /// Elements.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Elements `range` as an entry of a scatter–gather list for [`Card::submit_pieces`]. Its first byte and its length must
    /// be multiples of 64 for that; the vector cannot be had back while it exists.
    ///
    /// # Errors
    /// `OutOfRange`.
    pub fn piece(&self, range: Range<usize>) -> Result<DmaPiece, Error> {
        self.check(range.start, range.len())?;
        let offset = range.start * size_of::<T>();
        Ok(DmaPiece { buffer: self.buffer.clone(), offset, len: range.len() * size_of::<T>() })
    }

    fn whole(&self) -> DmaPiece {
        let len = self.buffer.len().next_multiple_of(ALIGN as usize);
        DmaPiece { buffer: self.buffer.clone(), offset: 0, len }
    }

    fn check(&self, at: usize, len: usize) -> Result<(), Error> {
        match at <= self.len && len <= self.len - at {
            true => Ok(()),
            false => {
                let (offset, len, size) = (at as u64, len as u64, self.len as u64);
                Err(Error::OutOfRange { what: "elements of pinned memory", offset, len, size })
            }
        }
    }

    /// Copies `elements` to `at` and on.
    ///
    /// # Errors
    /// `OutOfRange`.
    pub fn write(&self, at: usize, elements: &[T]) -> Result<(), Error> {
        self.check(at, elements.len())?;
        self.buffer.write(at * size_of::<T>(), bytemuck::cast_slice(elements));
        Ok(())
    }

    /// Copies from `at` and on into `elements`. While a command writes there, each is of some old and some new bytes.
    ///
    /// # Errors
    /// `OutOfRange`.
    pub fn read(&self, at: usize, elements: &mut [T]) -> Result<(), Error> {
        self.check(at, elements.len())?;
        self.buffer.read(at * size_of::<T>(), bytemuck::cast_slice_mut(elements));
        Ok(())
    }

    /// Unmaps the memory and gives it back.
    ///
    /// # Errors
    /// [`StillPinned`], with `self`: `PinnedInUse` while a command or a piece holds it.
    pub fn into_inner(self) -> Result<HostVec<T>, StillPinned<T>> {
        let Self { mut buffer, memory, card, len, elements } = self;
        let end = Instant::now() + GRACE;
        let buffer = loop {
            // Commands whose tickets were dropped end here, if they have completed.
            if let Some(card) = card.upgrade() {
                card.all_queues().iter().for_each(|queue| card.poll_queue(queue));
            }
            match Arc::try_unwrap(buffer) {
                Ok(buffer) => break buffer,
                Err(held) => buffer = held,
            }
            if Instant::now() > end {
                let error = Error::PinnedInUse { bytes: buffer.len() };
                let pinned = Some(Self { buffer, memory, card, len, elements });
                return Err(StillPinned { error, pinned });
            }
            std::thread::yield_now();
        };
        // Unmaps; only then the mapping's share of the memory is dropped.
        drop(buffer);
        match Arc::try_unwrap(memory) {
            Ok(memory) => Ok(HostVec { memory, len, elements }),
            Err(memory) => {
                let error = Error::NotUnmapped { bytes: memory.len() };
                // The transport has kept its share, because the card may still reach the memory.
                Err(StillPinned { error, pinned: None })
            }
        }
    }
}
