//! What a memory has done.

use super::preset::BURST_BYTES;
use std::ops::Add;

/// Counters since the memory was made; bursts of [`BURST_BYTES`], and memory clocks summed over the channels.
///
/// Each burst that reached the devices is one of `row_hits` (its row was open), `row_misses` (its bank was closed) and
/// `row_conflicts` (another row had to be closed).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Clocks that have passed.
    pub clocks: u64,
    /// Clocks in which the data bus moved data.
    pub data_clocks: u64,
    pub reads: u64,
    pub writes: u64,
    /// Reads that were answered from a write that still waited.
    pub forwarded: u64,
    pub row_hits: u64,
    pub row_misses: u64,
    pub row_conflicts: u64,
    /// Refreshes of all banks.
    pub refreshes: u64,
}

impl Stats {
    /// Bytes moved over the data bus.
    pub fn bytes(&self) -> u64 {
        (self.reads + self.writes) * BURST_BYTES
    }
}

impl Add for Stats {
    type Output = Stats;

    fn add(self, o: Stats) -> Stats {
        Stats {
            clocks: self.clocks + o.clocks,
            data_clocks: self.data_clocks + o.data_clocks,
            reads: self.reads + o.reads,
            writes: self.writes + o.writes,
            forwarded: self.forwarded + o.forwarded,
            row_hits: self.row_hits + o.row_hits,
            row_misses: self.row_misses + o.row_misses,
            row_conflicts: self.row_conflicts + o.row_conflicts,
            refreshes: self.refreshes + o.refreshes,
        }
    }
}
