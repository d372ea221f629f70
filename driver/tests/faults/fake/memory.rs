//! The fake card's memory: which regions were written, and their zeroing.

use std::ops::Range;
use std::time::{Duration, Instant};

/// Regions of which is known whether they were written.
const REGIONS: usize = 64;
/// How long zeroing takes.
const SCRUB: Duration = Duration::from_millis(1);

/// Card memory.
pub struct Memory {
    pub bytes: Vec<u8>,
    dirty: [bool; REGIONS],
    /// While it is being zeroed: when that ends, if it ever does.
    scrub: Option<Option<Instant>>,
}

impl Memory {
    pub fn new(bytes: usize) -> Self {
        Self { bytes: vec![0; bytes], dirty: [false; REGIONS], scrub: None }
    }

    pub fn log2_region(&self) -> u32 {
        self.bytes.len().div_ceil(REGIONS).next_power_of_two().trailing_zeros()
    }

    pub fn regions(&self) -> u32 {
        self.dirty.iter().filter(|d| **d).count() as u32
    }

    fn clean(&self) -> bool {
        self.regions() == 0
    }

    pub fn scrubbing(&self) -> bool {
        self.scrub.is_some()
    }

    /// `range`, to be written.
    pub fn write(&mut self, range: Range<usize>) -> &mut [u8] {
        let log2 = self.log2_region();
        if !range.is_empty() {
            self.dirty[range.start >> log2..=(range.end - 1) >> log2].fill(true);
        }
        &mut self.bytes[range]
    }

    /// Starts zeroing, which `ends` or goes on for ever.
    pub fn scrub(&mut self, ends: bool) {
        self.scrub = (!self.clean()).then(|| ends.then(|| Instant::now() + SCRUB));
    }

    /// Whether zeroing has just ended.
    pub fn step(&mut self) -> bool {
        let ended = self.scrub.flatten().is_some_and(|end| end <= Instant::now());
        if ended {
            self.scrub = None;
        }
        ended
    }

    /// Zeroes what was written.
    pub fn zero(&mut self) {
        self.bytes.fill(0);
        self.dirty = [false; REGIONS];
    }

    /// After power-up: anything, and all of it counts as written.
    pub fn scramble(&mut self) {
        self.bytes.fill(0xa5);
        self.dirty = [true; REGIONS];
    }
}
