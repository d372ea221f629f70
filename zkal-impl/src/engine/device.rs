//! What the engine needs of a card: memory, and lists of steps. The driver-backed card ([`super::card`]) is the only
//! implementation outside tests; a double in the tests injects the failures a healthy card does not show.

use permafrost_driver::Request;

use super::job::Step;
use super::report::Counters;
use super::window::MsmLimits;
use crate::error::Result;

/// A block of card memory, freed when dropped.
pub(crate) trait Buffer: Send + Sync {
    /// Card address of the first byte, a multiple of 64.
    fn address(&self) -> u64;
    /// Bytes, a multiple of 64 at least as large as was asked for.
    fn capacity(&self) -> u64;
    /// Whether its data is still there: a reset of the card loses it.
    fn is_valid(&self) -> bool;
    /// Overwrites the block with zeros.
    fn erase(&self) -> Result<()>;
    /// Ties the block to a command: it stays allocated until the command has ended, and the command is refused when
    /// the block's data is lost.
    fn attach(&self, request: Request) -> Request;
}

/// Card memory, bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemInfo {
    /// All of it.
    pub total: u64,
    /// In use.
    pub used: u64,
    /// Free in total.
    pub free: u64,
    /// Largest contiguous free block.
    pub largest: u64,
}

/// What a card's NTT engine can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NttLimits {
    /// Butterflies working in parallel.
    pub lanes: u32,
    /// log2 of the longest transform in one pass.
    pub log2_block: u32,
}

/// What a list took.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ListRun {
    /// Clocks of each step, in the order of the list: from the step becoming runnable to its completion; of a transfer,
    /// those of its copies together.
    pub cycles: Vec<u64>,
    /// Performance counters over the whole list; zero when no step of it computes.
    pub counters: Counters,
    /// Bytes sent to the card.
    pub bytes_up: u64,
    /// Bytes read back.
    pub bytes_down: u64,
}

/// A card with an MSM engine.
pub(crate) trait Device: Send + Sync {
    /// Name for messages.
    fn name(&self) -> &str;
    /// Limits of the MSM engine.
    fn limits(&self) -> MsmLimits;
    /// The NTT engine, if there is one.
    fn ntt(&self) -> Option<NttLimits>;
    /// Lanes of the VECTOR engine, if there is one.
    fn vector_lanes(&self) -> Option<u32>;
    /// Card memory.
    fn memory(&self) -> MemInfo;
    /// Allocates card memory for `what`; its contents are undefined.
    ///
    /// # Errors
    /// `Error::OutOfCardMemory` when no block is large enough.
    fn alloc(&self, bytes: u64, what: &str) -> Result<Box<dyn Buffer>>;
    /// Runs the steps of a list to their ends: the steps of a lane in order, the lanes beside each other except where a
    /// step waits for another. Lists of several threads and engines run one after the other.
    ///
    /// # Errors
    /// `Error::Schedule` for a step that waits for what no step before it signals, and then nothing has run. Otherwise
    /// the error of the first step, in the order of the list, that failed; steps after it may not have run, those that
    /// have begun have ended, and what they wrote is of no use.
    fn run(&self, list: Vec<Step<'_>>) -> Result<ListRun>;
}
