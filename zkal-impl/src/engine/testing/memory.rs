//! The double's memory: blocks that do not touch, so that whatever leaves its block is noticed.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use ark_bn254::Fr;
use ark_ff::{BigInt, PrimeField};
use permafrost_driver::Request;

use super::Knobs;
use crate::engine::device::{Buffer, MemInfo};
use crate::error::Result;

/// What memory holds that nobody has written: no field element.
const UNWRITTEN: u8 = 0xa5;

pub(super) struct Memory {
    total: u64,
    next: AtomicU64,
    blocks: Mutex<BTreeMap<u64, Block>>,
}

struct Block {
    /// Bytes asked for.
    asked: u64,
    /// Its contents, whole units.
    bytes: Vec<u8>,
}

impl Memory {
    pub(super) fn new(total: u64) -> Self {
        Memory { total, next: AtomicU64::new(4096), blocks: Mutex::default() }
    }

    pub(super) fn info(&self) -> MemInfo {
        let used: u64 = self.blocks.lock().expect("not poisoned").values().map(|block| block.asked).sum();
        MemInfo { total: self.total, used, free: self.total - used, largest: self.total - used }
    }

    /// `len` bytes of one block, from `address` on.
    pub(super) fn read(&self, address: u64, len: usize) -> Vec<u8> {
        let blocks = self.blocks.lock().expect("not poisoned");
        let (start, block) = blocks.range(..=address).next_back().expect("address is allocated");
        let at = (address - start) as usize;
        assert!(at + len <= block.bytes.len(), "{len} bytes at {address:#x} leave their block");
        block.bytes[at..at + len].to_vec()
    }

    pub(super) fn write(&self, address: u64, bytes: &[u8]) {
        let mut blocks = self.blocks.lock().expect("not poisoned");
        let (start, block) = blocks.range_mut(..=address).next_back().expect("address is allocated");
        let at = (address - start) as usize;
        assert!(
            at + bytes.len() <= block.bytes.len(),
            "{} bytes at {address:#x} leave their block",
            bytes.len()
        );
        block.bytes[at..at + bytes.len()].copy_from_slice(bytes);
    }

    /// As a copy command reads: from a multiple of 64 on.
    pub(super) fn read_aligned(&self, address: u64, len: usize) -> Vec<u8> {
        assert_eq!(address % 64, 0, "address {address:#x} of a copy");
        self.read(address, len)
    }

    /// As a copy command writes: whole units.
    pub(super) fn write_aligned(&self, address: u64, bytes: &[u8]) {
        assert_eq!((address % 64, bytes.len() % 64), (0, 0), "{} bytes at {address:#x}", bytes.len());
        self.write(address, bytes);
    }

    /// The element at `address`, or none when the bytes are not one.
    pub(super) fn element(&self, address: u64) -> Option<Fr> {
        assert_eq!(address % 32, 0, "address {address:#x} of an element");
        let bytes = self.read(address, 32);
        let limb = |i: usize| u64::from_le_bytes(std::array::from_fn(|k| bytes[8 * i + k]));
        let raw = BigInt::<4>(std::array::from_fn(limb));
        (raw < Fr::MODULUS).then(|| Fr::new_unchecked(raw))
    }

    pub(super) fn write_element(&self, address: u64, value: Fr) {
        self.write(address, &value.0 .0.iter().flat_map(|limb| limb.to_le_bytes()).collect::<Vec<_>>());
    }
}

pub(super) struct TestBuffer {
    memory: Arc<Memory>,
    address: u64,
    capacity: u64,
    knobs: Arc<Knobs>,
}

impl TestBuffer {
    /// A block of `bytes` bytes; there is room for it.
    pub(super) fn new(memory: &Arc<Memory>, bytes: u64, knobs: Arc<Knobs>) -> Self {
        let capacity = bytes.max(1).next_multiple_of(64);
        let address = memory.next.fetch_add(capacity.next_multiple_of(4096) + 4096, Ordering::Relaxed);
        let block = Block { asked: bytes, bytes: vec![UNWRITTEN; capacity as usize] };
        memory.blocks.lock().expect("not poisoned").insert(address, block);
        TestBuffer { memory: memory.clone(), address, capacity, knobs }
    }
}

impl Buffer for TestBuffer {
    fn address(&self) -> u64 {
        self.address
    }
    fn capacity(&self) -> u64 {
        self.capacity
    }
    fn is_valid(&self) -> bool {
        !self.knobs.reset.load(Ordering::Relaxed)
    }
    fn erase(&self) -> Result<()> {
        self.memory.write(self.address, &vec![0; self.capacity as usize]);
        self.knobs.erased.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }
    fn attach(&self, request: Request) -> Request {
        request
    }
}

impl Drop for TestBuffer {
    fn drop(&mut self) {
        self.memory.blocks.lock().expect("not poisoned").remove(&self.address);
    }
}
