//! A timing model of DRAM: channels, bank groups, banks, rows, refresh, and a controller that keeps rows open.
//!
//! It says when, not what: data is kept elsewhere ([`crate::axi::Dram`]). A request is one burst of [`BURST_BYTES`]. All
//! times are clocks of the memory ([`Preset::khz`]), counted from the making of the model.
//!
//! Commands keep every distance of [`Cycles`]. Refresh is for all banks, each tREFI on average: when it is due, nothing else
//! is begun, rows are closed as soon as they may be, and the banks rest for tRFC. Not modelled: several ranks, refresh
//! by bank or postponed, power-down, DDR4's gear-down and write CRC, temperature.
//!
//! ```
//! use permafrost_sim::dram::{DramModel, Preset, Request};
//! let mut memory = DramModel::new(Preset::DDR4_2400);
//! let read = memory.submit(1000, Request { address: 0x40, write: false }).unwrap();
//! memory.advance(1100);
//! let done = memory.completion().unwrap();
//! assert_eq!((done.ticket, done.at), (read, 1000 + 17 + 17 + 4)); // tRCD, CL, half of BL8
//! ```

mod bank;
mod channel;
mod preset;
mod stats;

pub use preset::{CommandBus, Cycles, Preset, BURST_BYTES};
pub use stats::Stats;

use channel::Channel;
use std::{cmp::Reverse, collections::BinaryHeap};

/// One burst.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request {
    /// Any byte of the burst.
    pub address: u64,
    pub write: bool,
}

/// A read whose data is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Completion {
    /// What `submit` returned.
    pub ticket: u64,
    /// The clock from which on all of the data is there.
    pub at: u64,
}

/// The queue of the request's channel and direction has no room.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the queue of the memory's channel is full")]
pub struct Full;

/// A memory: controller and devices. See the module documentation.
#[derive(Debug)]
pub struct DramModel {
    preset: Preset,
    channels: Vec<Channel>,
    /// Reads by the clock and the ticket of their completion.
    done: BinaryHeap<Reverse<(u64, u64)>>,
    now: u64,
    tickets: u64,
}

impl DramModel {
    pub fn new(preset: Preset) -> Self {
        DramModel {
            preset,
            channels: (0..preset.channels).map(|_| Channel::new(&preset)).collect(),
            done: BinaryHeap::new(),
            now: 0,
            tickets: 0,
        }
    }

    pub fn preset(&self) -> &Preset {
        &self.preset
    }

    /// The clocks that have passed.
    pub fn now(&self) -> u64 {
        self.now
    }

    /// Lets clocks pass until `to`; a time in the past is now. Clocks in which nothing waits cost next to nothing, their
    /// refreshes take place.
    pub fn advance(&mut self, to: u64) {
        while self.now < to {
            if self.channels.iter().all(Channel::is_idle) {
                self.channels.iter_mut().for_each(|channel| channel.rest(self.now, to));
                self.now = to;
                return;
            }
            self.tick();
        }
    }

    /// One clock.
    pub fn tick(&mut self) {
        for channel in &mut self.channels {
            self.done.extend(channel.tick(self.now).map(|served| Reverse((served.at, served.ticket))));
        }
        self.now += 1;
    }

    /// Whether [`DramModel::submit`] would take `request` now.
    pub fn accepts(&self, request: Request) -> bool {
        self.channels[self.preset.place(request.address).0].accepts(request.write)
    }

    /// Hands over a request in clock `now`, up to which clocks pass first, and returns its ticket: a number that rises
    /// with each request. Reads are told of by [`DramModel::completion`]. A write is done once it is taken: later reads
    /// see it, whatever waits.
    ///
    /// # Errors
    /// [`Full`]: try again after some clocks.
    pub fn submit(&mut self, now: u64, request: Request) -> Result<u64, Full> {
        self.advance(now);
        let (channel, place) = self.preset.place(request.address);
        let channel = &mut self.channels[channel];
        if !channel.accepts(request.write) {
            return Err(Full);
        }
        let ticket = self.tickets;
        self.tickets += 1;
        let served = channel.submit(ticket, place, request.write, self.now);
        self.done.extend(served.map(|served| Reverse((served.at, served.ticket))));
        Ok(ticket)
    }

    /// The next read whose data is there by now, in the order of [`Completion::at`].
    pub fn completion(&mut self) -> Option<Completion> {
        let Reverse((at, ticket)) = *self.done.peek()?;
        (at <= self.now).then(|| {
            self.done.pop();
            Completion { ticket, at }
        })
    }

    /// Whether no request waits and no completion is due.
    pub fn is_idle(&self) -> bool {
        self.done.is_empty() && self.channels.iter().all(Channel::is_idle)
    }

    /// Forgets every request and completion, as a reset of the controller does. Time, rows and refresh go on.
    pub fn clear(&mut self) {
        self.channels.iter_mut().for_each(Channel::clear);
        self.done.clear();
    }

    /// Counters, summed over the channels.
    pub fn stats(&self) -> Stats {
        self.channels.iter().fold(Stats::default(), |sum, channel| sum + channel.stats())
    }
}
