//! The record of a list of commands as a whole.

use serde::Serialize;

use super::device::ListRun;
use super::report::Counters;

/// What one list of commands took that made a whole proof: differences of the card's counters from before the first
/// command to after the last.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Whole {
    /// Clocks.
    pub cycles: u64,
    /// Of these, clocks in which transfers and an engine were busy.
    pub copy_overlap: u64,
    /// Of these, clocks in which at least two of the MSM, NTT and VECTOR engines were busy.
    pub engine_overlap: u64,
    /// Bytes that the card read from the host.
    pub host_to_card: Traffic,
    /// Bytes that it wrote to the host.
    pub card_to_host: Traffic,
    /// Bytes sent once for the key, before.
    pub key: u64,
    /// Performance counters over the list.
    pub counters: Counters,
}

/// Bytes in one direction between host and card, by what they were.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Traffic {
    /// All, as the card counts them.
    pub bytes: u64,
    /// The witness.
    pub witness: u64,
    /// Window sums.
    pub window_sums: u64,
    /// Everything else: commands and their completions, padding to the 64 bytes that are the unit of transfers.
    pub commands: u64,
}

impl Whole {
    /// Of a list whose uploads were a witness and whose downloads were window sums.
    pub(crate) fn new(run: &ListRun, key: u64) -> Self {
        let counters = run.counters;
        let up = counters.host_read_bytes;
        let down = counters.host_write_bytes;
        Whole {
            cycles: counters.cycles,
            copy_overlap: counters.copy_overlap,
            engine_overlap: counters.engine_overlap,
            host_to_card: Traffic {
                bytes: up,
                witness: run.bytes_up,
                commands: up.saturating_sub(run.bytes_up),
                ..Traffic::default()
            },
            card_to_host: Traffic {
                bytes: down,
                window_sums: run.bytes_down,
                commands: down.saturating_sub(run.bytes_down),
                ..Traffic::default()
            },
            key,
            counters,
        }
    }
}
