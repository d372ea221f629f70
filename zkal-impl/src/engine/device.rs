//! What the engine needs of a card. The driver-backed card ([`super::card`]) is the only implementation outside
//! tests; a double in the tests injects the failures a healthy card does not show.

use permafrost_driver::Request;

use super::report::{Counters, Group};
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

/// Parameters of one MSM command; all data is in card memory.
pub(crate) struct MsmJob<'a> {
    pub group: Group,
    pub bases: &'a dyn Buffer,
    /// Bytes from the start of `bases` to the first point.
    pub bases_offset: u64,
    /// Scalar vectors, `scalar_stride` bytes from one to the next.
    pub scalars: &'a dyn Buffer,
    pub scalar_stride: u64,
    /// Results, one after the other.
    pub result: &'a dyn Buffer,
    /// Points, and scalars of each vector.
    pub n: u32,
    /// Scalar vectors, 1 to [`MAX_BATCH`].
    pub members: u32,
    pub plan: WindowPlan,
    pub montgomery: bool,
    /// Additions of each adder, for the deadline; an estimate from above.
    pub additions: u64,
}

/// Most scalar vectors of one command.
pub(crate) const MAX_BATCH: usize = 1 << 16;

/// What an MSM took.
pub(crate) struct MsmRun {
    /// Clocks from the command becoming runnable to its completion.
    pub cycles: u64,
    pub counters: Counters,
}

/// A card with an MSM engine.
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
    /// Runs an MSM command to its end.
    fn msm(&self, job: &MsmJob<'_>) -> Result<MsmRun>;
}
