//! What the engine needs of a card. The driver-backed card ([`super::card`]) is the only implementation outside
//! tests; a double in the tests injects the failures a healthy card does not show.

use permafrost_driver::Request;

use super::report::Counters;
use super::window::{MsmLimits, WindowPlan};
use crate::error::Result;

/// A block of card memory, freed when dropped.
pub(crate) trait Buffer: Send + Sync {
    /// Card address of the first byte.
    fn address(&self) -> u64;
    /// Whether its data is still there: a reset of the card loses it.
    fn is_valid(&self) -> bool;
    /// Copies host bytes to the start of the block.
    fn write(&self, bytes: &[u8]) -> Result<()>;
    /// Copies the start of the block to the host.
    fn read(&self, bytes: &mut [u8]) -> Result<()>;
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

/// Parameters of one MSM; all data is in card memory.
pub(crate) struct MsmJob<'a> {
    pub bases: &'a dyn Buffer,
    /// Bytes from the start of `bases` to the first point.
    pub bases_offset: u64,
    pub scalars: &'a dyn Buffer,
    pub result: &'a dyn Buffer,
    pub n: u32,
    pub plan: WindowPlan,
    pub montgomery: bool,
}

/// What an MSM took.
pub(crate) struct MsmRun {
    /// Clocks from the command becoming runnable to its completion.
    pub cycles: u64,
    pub counters: Counters,
}

/// A card with a G1 MSM engine.
pub(crate) trait Device: Send + Sync {
    /// Name for messages.
    fn name(&self) -> &str;
    /// Limits of the MSM engine.
    fn limits(&self) -> MsmLimits;
    /// Card memory.
    fn memory(&self) -> MemInfo;
    /// Allocates card memory for `what`.
    ///
    /// # Errors
    /// `Error::OutOfCardMemory` when no block is large enough.
    fn alloc(&self, bytes: u64, what: &str) -> Result<Box<dyn Buffer>>;
    /// Runs an MSM to its end.
    fn msm(&self, job: &MsmJob<'_>) -> Result<MsmRun>;
}
