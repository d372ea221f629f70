//! What decides when a slave's beats are served, beyond fixed latencies: nothing, or a DRAM model.

use super::BEAT_BYTES;
use crate::dram::{DramModel, Preset, Request, Stats, BURST_BYTES};
use std::collections::VecDeque;

const _: () = assert!(BURST_BYTES == BEAT_BYTES as u64);

/// Write beats that wait for room in the memory's queues before the slave takes no more.
const WAITING_WRITES: usize = 32;

/// The DRAM behind a slave; beats are served in order, each direction for itself.
#[derive(Debug)]
pub(super) struct Pace {
    memory: DramModel,
    /// The slave's clock in kHz.
    khz: u64,
    /// Clocks of the memory times `khz` that are yet to pass.
    owed: u64,
    /// Read beats that have not been shown, oldest first.
    reads: VecDeque<ReadBeat>,
    /// How many of them the memory has been asked for.
    asked: usize,
    /// Addresses of write beats that the memory has yet to take.
    writes: VecDeque<u64>,
    /// Write beats that the memory has taken.
    written: u64,
}

#[derive(Debug)]
struct ReadBeat {
    address: u64,
    /// The slave's clock in which it reaches the memory.
    from: u64,
    /// The memory's ticket; the largest number before it is asked.
    ticket: u64,
    done: bool,
}

impl Pace {
    pub fn new(preset: Preset, clock_khz: u32) -> Self {
        Pace {
            memory: DramModel::new(preset),
            khz: clock_khz.into(),
            owed: 0,
            reads: VecDeque::new(),
            asked: 0,
            writes: VecDeque::new(),
            written: 0,
        }
    }

    /// A read burst, which reaches the memory in clock `from`.
    pub fn read(&mut self, address: u64, beats: u32, from: u64) {
        let beat = |i| ReadBeat { address: address + i * BURST_BYTES, from, ticket: u64::MAX, done: false };
        self.reads.extend((0..beats.into()).map(beat));
    }

    /// Whether the next beat may be shown.
    pub fn readable(&self) -> bool {
        self.reads.front().is_some_and(|beat| beat.done)
    }

    /// The next beat has been taken.
    pub fn pop_read(&mut self) {
        self.reads.pop_front();
        self.asked -= 1;
    }

    /// A beat to be written; returns what [`Pace::written`] is once the memory has taken it.
    pub fn write(&mut self, address: u64) -> u64 {
        self.writes.push_back(address);
        self.written + self.writes.len() as u64
    }

    /// Whether another write beat may be taken.
    pub fn writable(&self) -> bool {
        self.writes.len() < WAITING_WRITES
    }

    /// Write beats that the memory has taken.
    pub fn written(&self) -> u64 {
        self.written
    }

    /// One clock of the slave, whose number is `clock`: hands over what the memory has room for, and lets the memory's
    /// clocks of this one pass.
    pub fn clock(&mut self, clock: u64) {
        while let Some(beat) = self.reads.get_mut(self.asked).filter(|beat| beat.from <= clock) {
            let request = Request { address: beat.address, write: false };
            let Ok(ticket) = self.memory.submit(self.memory.now(), request) else { break };
            beat.ticket = ticket;
            self.asked += 1;
        }
        while let Some(&address) = self.writes.front() {
            if self.memory.submit(self.memory.now(), Request { address, write: true }).is_err() {
                break;
            }
            self.writes.pop_front();
            self.written += 1;
        }
        self.pass();
        while let Some(done) = self.memory.completion() {
            if let Ok(i) = self.reads.binary_search_by_key(&done.ticket, |beat| beat.ticket) {
                self.reads[i].done = true;
            }
        }
    }

    /// One clock of the slave in reset: requests are forgotten, time passes.
    pub fn reset(&mut self) {
        self.memory.clear();
        self.reads.clear();
        self.writes.clear();
        self.asked = 0;
        self.written = 0;
        self.pass();
    }

    pub fn stats(&self) -> Stats {
        self.memory.stats()
    }

    /// The memory's clocks of one clock of the slave: the ratio of both, exactly, over time.
    fn pass(&mut self) {
        self.owed += u64::from(self.memory.preset().khz);
        self.memory.advance(self.memory.now() + self.owed / self.khz);
        self.owed %= self.khz;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clocks_keep_their_ratio() {
        let mut pace = Pace::new(Preset::DDR4_2400, 250_000);
        for clock in 1..=1_000_000 {
            pace.clock(clock);
        }
        assert_eq!(pace.stats().clocks, 4_800_000);
        // The first refresh is due after one tREFI.
        assert_eq!(pace.stats().refreshes, 4_800_000 / 9360);
    }

    #[test]
    fn reads_are_served_in_order_and_after_their_latency() {
        let mut pace = Pace::new(Preset::DDR4_2400, 1_200_000);
        pace.read(1 << 20, 1, 10);
        pace.read(0, 2, 10);
        let mut shown = vec![];
        for clock in 1..200 {
            pace.clock(clock);
            while pace.readable() {
                pace.pop_read();
                shown.push(clock);
            }
        }
        // tRCD, CL and the burst from clock 10 on. The second conflicts with the first in its bank, the third does not.
        assert_eq!(shown[0], 10 + 38 - 1);
        assert_eq!(shown.len(), 3);
        assert_eq!(shown[1], shown[2], "the third waits for the second");
    }

    #[test]
    fn writes_fill_the_queues_and_reset_forgets_them() {
        let mut pace = Pace::new(Preset::HBM2, 1_000_000);
        for i in 0..96 {
            pace.write(i << 20);
        }
        assert!(!pace.writable());
        pace.clock(1);
        assert_eq!(pace.written(), 64, "what the memory's queue holds");
        assert!(!pace.writable());
        pace.read(0, 64, 1);
        pace.reset();
        assert!(pace.writable() && !pace.readable() && pace.written() == 0);
        (2..10_000).for_each(|clock| pace.clock(clock));
        assert!(!pace.readable());
        pace.read(64, 1, 10_000);
        (10_000..10_100).for_each(|clock| pace.clock(clock));
        assert!(pace.readable());
    }
}
