//! Vectors of field elements in card memory, and arithmetic on them.

mod gather;
mod ops;
mod slices;
mod terms;
#[cfg(test)]
mod tests;

use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;

use ark_bn254::Fr;
use ark_ff::Zero;
use zeroize::Zeroizing;

use super::device::Buffer;
use super::job::{At, Job, Lane, Step};
use super::scalars::{self, SCALAR_BYTES};
use super::{Engine, Shared};
use crate::error::{Error, Result};
pub use gather::DeviceIndices;
pub use ops::VectorOutcome;
pub use terms::{Operand, Terms};

/// Elements of Fr in card memory, 32 bytes each as arkworks and halo2curves hold them (Montgomery form).
///
/// It is a handle: clones and views ([`slice`](Self::slice), [`every`](Self::every)) share the memory, which is freed
/// with the last of them. Operations write through a shared reference; what several threads do with one vector at the
/// same time is up to them to order. A reset of the card loses the elements: [`is_valid`](Self::is_valid).
#[derive(Clone)]
pub struct DeviceVec {
    block: Arc<Block>,
    /// Place of element 0 in the block, and from one element to the next, in elements.
    first: usize,
    step: usize,
    len: usize,
}

/// The memory of a vector.
struct Block {
    buffer: Box<dyn Buffer>,
    /// Elements that it was made for.
    len: usize,
    engine: Arc<Shared>,
    /// Erased before it is freed.
    secret: AtomicBool,
}

impl Drop for Block {
    fn drop(&mut self) {
        self.engine.resident.fetch_sub(self.buffer.capacity(), Ordering::Relaxed);
        if self.secret.load(Ordering::Relaxed) {
            super::secret::erase(&*self.buffer);
        }
    }
}

impl Engine {
    /// `len` elements in card memory, all zero.
    ///
    /// # Errors
    /// [`Error::OutOfCardMemory`] when the card cannot hold them (cached base slices are evicted first), and any card
    /// failure.
    pub fn zero_vec(&self, len: usize) -> Result<DeviceVec> {
        let vec = self.new_vec(len)?;
        let (to, len) = (At::start(&*vec.block.buffer), vec.block.buffer.capacity());
        let fill = Job::Fill { to, len, pattern: 0 };
        self.shared.device.run(vec![Step::new(Lane::Stream, "zeros", fill)])?;
        Ok(vec)
    }

    /// `values` in card memory.
    ///
    /// # Errors
    /// As [`zero_vec`](Self::zero_vec).
    pub fn upload_vec(&self, values: &[Fr]) -> Result<DeviceVec> {
        let vec = self.new_vec(values.len())?;
        vec.write(values)?;
        Ok(vec)
    }

    /// `values` in card memory as a [secret](DeviceVec::secret) from the first byte on: a transfer that fails half way
    /// leaves nothing behind.
    ///
    /// # Errors
    /// As [`zero_vec`](Self::zero_vec).
    pub fn upload_secret(&self, values: &[Fr]) -> Result<DeviceVec> {
        let vec = self.new_vec(values.len())?.secret();
        vec.write(values)?;
        Ok(vec)
    }

    /// Bytes of card memory that vectors hold now.
    pub fn resident_bytes(&self) -> u64 {
        self.shared.resident.load(Ordering::Relaxed)
    }

    /// A vector of undefined contents.
    pub(crate) fn new_vec(&self, len: usize) -> Result<DeviceVec> {
        let bytes = len.checked_mul(SCALAR_BYTES).filter(|bytes| i64::try_from(*bytes).is_ok());
        let bytes = bytes.ok_or(Error::VectorTooLong { len, max: u32::MAX as usize })?;
        let buffer = self.alloc(bytes, || format!("a vector of {len} elements"))?;
        self.shared.resident.fetch_add(buffer.capacity(), Ordering::Relaxed);
        let block = Block { buffer, len, engine: self.shared.clone(), secret: AtomicBool::new(false) };
        Ok(DeviceVec { block: Arc::new(block), first: 0, step: 1, len })
    }

    /// That `vec` is of this engine and still there.
    pub(crate) fn check_vec(&self, vec: &DeviceVec) -> Result<()> {
        if !Arc::ptr_eq(&vec.block.engine, &self.shared) {
            return Err(Error::ForeignVector);
        }
        match vec.is_valid() {
            true => Ok(()),
            false => Err(Error::VectorLost { len: vec.len }),
        }
    }
}

impl DeviceVec {
    /// Number of elements.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether it has no elements.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Elements from one to the next in card memory: 1 unless it is a view made by [`every`](Self::every).
    pub fn step(&self) -> usize {
        self.step
    }

    /// Bytes of card memory that it keeps: those of the whole vector, also for a view.
    pub fn card_bytes(&self) -> u64 {
        self.block.buffer.capacity()
    }

    /// Whether the elements are still there: a reset of the card loses them.
    pub fn is_valid(&self) -> bool {
        self.block.buffer.is_valid()
    }

    /// The same vector, whose memory, views and clones included, is overwritten with zeros before it is freed: for
    /// witnesses and what is made of them. Values that are secret already go up with [`Engine::upload_secret`]. What a reset of the card takes, the
    /// card zeroes itself.
    #[must_use]
    pub fn secret(self) -> Self {
        self.block.secret.store(true, Ordering::Relaxed);
        self
    }

    /// The elements `range`; shares the memory.
    ///
    /// # Errors
    /// [`Error::ElementRange`] for a range outside the vector.
    pub fn slice(&self, range: Range<usize>) -> Result<Self> {
        if range.start > range.end || range.end > self.len {
            return Err(Error::ElementRange { start: range.start, end: range.end, len: self.len });
        }
        Ok(self.view(range.start, self.step, range.len()))
    }

    /// The elements `first`, `first + step`, `first + 2·step`, …; shares the memory.
    ///
    /// # Errors
    /// [`Error::ElementRange`] for a step of 0 or a first element outside a vector that has any.
    pub fn every(&self, step: usize, first: usize) -> Result<Self> {
        if step == 0 || first > self.len {
            return Err(Error::ElementRange { start: first, end: first, len: self.len });
        }
        let len = (self.len - first).div_ceil(step);
        Ok(self.view(first, self.step.saturating_mul(step), len))
    }

    /// `len` elements from element `start` on, which exists if there are any.
    fn view(&self, start: usize, step: usize, len: usize) -> Self {
        // Past the end there is no place: a step can be larger than all memory.
        let first = self.first + if len == 0 { 0 } else { start * self.step };
        DeviceVec { block: self.block.clone(), first, step, len }
    }

    /// Replaces all elements by `values`.
    ///
    /// # Errors
    /// [`Error::VectorLength`] when it is not of the vector's length, and any card failure. A view that transfers cannot
    /// reach (a step of more than 1, an odd first element, or elements of others in its last 64 bytes) goes by a vector
    /// for the time being.
    pub fn write(&self, values: &[Fr]) -> Result<()> {
        self.check_len("values to be written", values.len())?;
        let engine = self.engine();
        engine.check_vec(self)?;
        let whole_units = self.len % 2 == 0 || self.first + self.len == self.block.len;
        match self.transfer_start().filter(|_| whole_units) {
            Some(to) => {
                let job = Job::Upload { to, bytes: scalars::bytes(values) };
                self.block.engine.device.run(vec![Step::new(Lane::Stream, "vector", job)])?;
            }
            None if self.is_empty() => {}
            None => {
                let whole = engine.new_vec(self.len)?.like(self);
                whole.write(values)?;
                engine.map(self, &Terms::of(&whole))?;
            }
        }
        Ok(())
    }

    /// The elements.
    ///
    /// # Errors
    /// [`Error::VectorLost`] after a reset of the card, and any card failure.
    pub fn download(&self) -> Result<Vec<Fr>> {
        let mut values = vec![Fr::zero(); self.len];
        self.read(&mut values)?;
        Ok(values)
    }

    /// Copies the elements to `values`.
    ///
    /// # Errors
    /// [`Error::VectorLength`] when it is not of the vector's length; as [`download`](Self::download).
    /// [`Error::NotAnElement`] when the card returns a value that is not below r.
    pub fn read(&self, values: &mut [Fr]) -> Result<()> {
        self.check_len("room to read into", values.len())?;
        let engine = self.engine();
        engine.check_vec(self)?;
        match self.transfer_start() {
            Some(from) => {
                let mut bytes = Zeroizing::new(vec![0; self.len * SCALAR_BYTES]);
                let job = Job::Download { from, bytes: &mut bytes };
                self.block.engine.device.run(vec![Step::new(Lane::Stream, "vector", job)])?;
                scalars::elements(&bytes, values)
            }
            None if self.is_empty() => Ok(()),
            None => {
                let whole = engine.new_vec(self.len)?.like(self);
                engine.map(&whole, &Terms::of(self))?;
                whole.read(values)
            }
        }
    }

    /// Replaces all elements by those of `source`, which does not overlap this vector.
    ///
    /// # Errors
    /// [`Error::VectorLength`] and [`Error::VectorOverlap`]; as [`Engine::map`], though whole vectors need no VECTOR engine.
    pub fn copy_from(&self, source: &DeviceVec) -> Result<()> {
        self.check_len("source of a copy", source.len)?;
        let engine = self.engine();
        engine.check_vec(self)?;
        engine.check_vec(source)?;
        if self.meets(source) {
            return Err(Error::VectorOverlap { what: "source and destination of a copy" });
        }
        let whole = |vec: &DeviceVec| vec.len == vec.block.len;
        if whole(self) && whole(source) {
            let len = self.card_bytes().min(source.card_bytes());
            let job = Job::Copy { to: self.at(), from: source.at(), len };
            self.block.engine.device.run(vec![Step::new(Lane::Stream, "copy", job)])?;
        } else if !self.is_empty() {
            engine.map(self, &Terms::of(source))?;
        }
        Ok(())
    }

    /// The engine that it belongs to.
    fn engine(&self) -> Engine {
        Engine { shared: self.block.engine.clone(), window: None }
    }

    /// As secret as `other`.
    fn like(self, other: &DeviceVec) -> Self {
        match other.block.secret.load(Ordering::Relaxed) {
            true => self.secret(),
            false => self,
        }
    }

    fn check_len(&self, what: &'static str, found: usize) -> Result<()> {
        match found == self.len {
            true => Ok(()),
            false => Err(Error::VectorLength { what, found, expected: self.len }),
        }
    }

    /// Place of element 0.
    pub(crate) fn at(&self) -> At<'_> {
        At { buffer: &*self.block.buffer, offset: (self.first * SCALAR_BYTES) as u64 }
    }

    /// Place of element 0 if copies and transforms can begin there: the elements are neighbours and begin at a multiple
    /// of 64 bytes.
    pub(crate) fn transfer_start(&self) -> Option<At<'_>> {
        (self.first % 2 == 0 && (self.step == 1 || self.len == 1)).then(|| self.at())
    }

    /// Elements from the first to one past the last, in the block.
    fn span(&self) -> Range<usize> {
        let len = self.len.checked_sub(1).map_or(0, |more| more * self.step + 1);
        self.first..self.first + len
    }

    /// Whether any byte belongs to both, as far as the spans from first to last element tell.
    pub(crate) fn meets(&self, other: &DeviceVec) -> bool {
        let (a, b) = (self.span(), other.span());
        Arc::ptr_eq(&self.block, &other.block) && a.start < b.end && b.start < a.end
    }

    /// Whether both are the same elements.
    pub(crate) fn same(&self, other: &DeviceVec) -> bool {
        let shape = |v: &DeviceVec| (v.first, v.step, v.len);
        Arc::ptr_eq(&self.block, &other.block) && shape(self) == shape(other)
    }
}

impl std::fmt::Debug for DeviceVec {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { first, step, len, .. } = self;
        f.debug_struct("DeviceVec").field("len", len).field("first", first).field("step", step).finish()
    }
}
