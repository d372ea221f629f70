//! What is recorded of a segment while it is executed.

use std::collections::HashSet;
use std::hash::{BuildHasherDefault, Hasher};

use super::memory::Memory;
use super::SEGMENT_LOG2;
use crate::air::keccak::Rounds;
use crate::air::sha256::Sha256;
use crate::isa::{service, REGISTERS};
use crate::record::{Access, Block, Call, Step, Word, BLOCK, CYCLE, LEVELS, REGISTER_BASE, START};

/// Log2 of the height that the tables of memory and precompiles may always have, however short the segments.
const MIN_LOG2: u32 = 13;
/// Rows of the Poseidon2 table that one cycle may need: Keccak-f touches 8 blocks and 3 registers, each with at most
/// 28 nodes and a leaf, hashed before and after.
const MARGIN: u32 = 1024;
/// Rows that a call of SHA-256 takes in its table.
pub(super) const SHA256_ROWS: u32 = Sha256::ROWS as u32;
/// Rows that a call of Keccak-f takes in its table.
pub(super) const KECCAK_ROWS: u32 = Rounds::ROWS as u32;

/// A segment as far as it is executed.
pub(super) struct Recording {
    pub(super) steps: Vec<Step>,
    pub(super) inputs: Vec<Word>,
    pub(super) outputs: Vec<Word>,
    pub(super) calls: Vec<Call>,
    /// When the segment accessed each register last; 0 for never.
    pub(super) times: [u32; REGISTERS as usize],
    /// (address, word, time) before the first access of each word accessed.
    firsts: Vec<(u32, u32, u32)>,
    tree: Touched,
    /// Rows of the Poseidon2 table for words and calls, and of the tables of SHA-256 and Keccak-f.
    rows: [u32; 3],
    /// The height that no table may exceed.
    height: u32,
}

impl Recording {
    /// Of a segment of at most 2^`segment_log2` cycles: no table is to be higher than that (or than 2^13).
    pub(super) fn new(segment_log2: u32) -> Self {
        Self {
            height: 1 << segment_log2.clamp(MIN_LOG2, SEGMENT_LOG2[1]),
            steps: Vec::new(),
            inputs: Vec::new(),
            outputs: Vec::new(),
            calls: Vec::new(),
            times: [0; REGISTERS as usize],
            firsts: Vec::new(),
            tree: Touched::default(),
            rows: [0; 3],
        }
    }

    /// The first tick of the next cycle.
    #[inline(always)]
    pub(super) fn time(&self) -> u32 {
        START + CYCLE * self.steps.len() as u32
    }

    /// Whether the next cycle might make a table too high.
    #[inline(always)]
    pub(super) fn full(&self) -> bool {
        let [poseidon2, sha256, keccak] = self.rows;
        // Each leaf and each node is hashed before and after.
        2 * self.tree.nodes.len() as u32 + poseidon2 > self.height - MARGIN
            || sha256 > self.height - SHA256_ROWS
            || keccak > self.height - KECCAK_ROWS
    }

    /// An access that leaves `new` in `word`, whose last access was at `last`.
    #[inline(always)]
    pub(super) fn access(
        &mut self,
        address: u32,
        time: u32,
        (word, last): (&mut u32, &mut u32),
        new: u32,
    ) -> Access {
        let old = *word;
        let mut previous = *last;
        if previous == 0 {
            previous = time - 1;
            self.firsts.push((address, old, previous));
            self.tree.touch(address / BLOCK as u32);
        }
        *word = new;
        *last = time;
        Access { address, time, previous, old, new }
    }

    /// An access to a register, whose word is `word`.
    #[inline(always)]
    pub(super) fn register(&mut self, number: u8, time: u32, word: &mut u32, new: u32) -> Access {
        let mut last = self.times[usize::from(number)];
        let access = self.access(REGISTER_BASE + u32::from(number), time, (word, &mut last), new);
        self.times[usize::from(number)] = last;
        access
    }

    /// A word read from the input.
    pub(super) fn read(&mut self, time: u32, value: u32) {
        self.inputs.push(Word { time, value });
        self.rows[0] += 1;
    }

    /// A word written to the output.
    pub(super) fn write(&mut self, time: u32, value: u32) {
        self.outputs.push(Word { time, value });
        self.rows[0] += 1;
    }

    /// A call of a precompile.
    pub(super) fn call(&mut self, call: Call) {
        let [poseidon2, sha256, keccak] = &mut self.rows;
        match call.service {
            service::SHA256 => *sha256 += SHA256_ROWS,
            service::KECCAK => *keccak += KECCAK_ROWS,
            _ => *poseidon2 += 1,
        }
        self.calls.push(call);
    }

    /// The blocks touched, ascending.
    pub(super) fn blocks(&mut self, memory: &Memory, registers: &[u32; REGISTERS as usize]) -> Vec<Block> {
        let now = |address: u32| match address.checked_sub(REGISTER_BASE) {
            None => (memory.word(address), memory.time(address)),
            Some(number @ 0..REGISTERS) => (registers[number as usize], self.times[number as usize]),
            Some(_) => (0, 0),
        };
        self.firsts.sort_unstable_by_key(|(address, _, _)| *address);
        let firsts = self.firsts.chunk_by(|a, b| a.0 / BLOCK as u32 == b.0 / BLOCK as u32);
        firsts
            .map(|words| {
                let index = words[0].0 / BLOCK as u32;
                let last = std::array::from_fn(|i| now(index * BLOCK as u32 + i as u32));
                let mut initial = last;
                for &(address, word, time) in words {
                    initial[address as usize % BLOCK] = (word, time);
                }
                Block { index, initial, last }
            })
            .collect()
    }
}

/// Leaves of the memory's tree that are touched, and the nodes above them.
#[derive(Default)]
struct Touched {
    /// 2^level + index.
    nodes: HashSet<u32, BuildHasherDefault<Scatter>>,
    /// The last one asked for.
    last: u32,
}

impl Touched {
    fn touch(&mut self, block: u32) {
        let mut node = 1 << LEVELS | block;
        if node == self.last {
            return;
        }
        self.last = node;
        while node != 0 && self.nodes.insert(node) {
            node /= 2;
        }
    }
}

/// A hash of numbers for tables of them: what must be spread are the high bits. Who chooses the numbers runs his own program.
#[derive(Default)]
struct Scatter(u64);

impl Hasher for Scatter {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|&byte| self.write_u32(u32::from(byte)));
    }

    fn write_u32(&mut self, value: u32) {
        let mixed = (self.0 ^ u64::from(value)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.0 = mixed ^ mixed >> 32;
    }
}
