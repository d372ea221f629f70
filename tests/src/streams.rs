//! Streams of memory requests, and their bandwidth in a memory model.

use permafrost_sim::dram::{DramModel, Request, BURST_BYTES};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Requests of a measurement.
pub const REQUESTS: usize = 40_000;
/// Requests a memory is offered in one of its clocks, at most.
const OFFERED: usize = 4;
/// Random addresses are below this.
const SPAN: u64 = 256 << 20;
/// Clocks after which a memory that still has not served everything has lost something.
const PATIENCE: u64 = 20_000_000;

/// A stream of bursts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    SequentialReads,
    SequentialWrites,
    /// Runs of 4 KiB: read from one place, written to another.
    Copy,
    /// Reads of two regions by turns, a burst each.
    TwoReaders,
    /// Reads this many bytes apart.
    Stride(u64),
    RandomReads,
    RandomWrites,
    /// Random; of so many in a hundred, writes.
    RandomMix(u32),
}

impl Stream {
    pub const ALL: [Stream; 11] = [
        Stream::SequentialReads,
        Stream::SequentialWrites,
        Stream::Copy,
        Stream::TwoReaders,
        Stream::Stride(256),
        Stream::Stride(8 << 10),
        Stream::Stride(128 << 10),
        Stream::RandomReads,
        Stream::RandomWrites,
        Stream::RandomMix(25),
        Stream::RandomMix(50),
    ];

    pub fn name(self) -> String {
        match self {
            Stream::SequentialReads => "sequential reads".into(),
            Stream::SequentialWrites => "sequential writes".into(),
            Stream::Copy => "copy, 4 KiB runs".into(),
            Stream::TwoReaders => "two sequential readers".into(),
            Stream::Stride(bytes) if bytes < 1024 => format!("reads {bytes} B apart"),
            Stream::Stride(bytes) => format!("reads {} KiB apart", bytes >> 10),
            Stream::RandomReads => "random reads".into(),
            Stream::RandomWrites => "random writes".into(),
            Stream::RandomMix(writes) => format!("random, {writes} % writes"),
        }
    }

    /// The first `n` requests; the same each time.
    pub fn requests(self, n: usize) -> Vec<Request> {
        let mut rng = ChaCha8Rng::seed_from_u64(7);
        let mut random = move |percent: u32| Request {
            address: rng.gen_range(0..SPAN / BURST_BYTES) * BURST_BYTES,
            write: rng.gen_ratio(percent, 100),
        };
        let linear = |i: u64, write| Request { address: i * BURST_BYTES, write };
        let request = |i: u64| match self {
            Stream::SequentialReads => linear(i, false),
            Stream::SequentialWrites => linear(i, true),
            Stream::Copy => {
                let (run, at, write) = (i / 128, i % 64, i / 64 % 2 == 1);
                Request {
                    address: linear(run * 64 + at, write).address + u64::from(write) * (SPAN / 2),
                    write,
                }
            }
            Stream::TwoReaders => {
                Request { address: linear(i / 2, false).address + i % 2 * (SPAN / 2), write: false }
            }
            Stream::Stride(bytes) => Request { address: i * bytes % SPAN, write: false },
            Stream::RandomReads => random(0),
            Stream::RandomWrites => random(100),
            Stream::RandomMix(percent) => random(percent),
        };
        (0..n as u64).map(request).collect()
    }
}

/// A memory that is given requests in order, each as soon as it takes it.
pub trait Memory {
    /// Hands a request over if there is room.
    fn offer(&mut self, request: Request) -> bool;

    /// One memory clock; returns the reads that were served.
    fn clock(&mut self) -> usize;
}

impl Memory for DramModel {
    fn offer(&mut self, request: Request) -> bool {
        self.submit(self.now(), request).is_ok()
    }

    fn clock(&mut self) -> usize {
        self.tick();
        std::iter::from_fn(|| self.completion()).count()
    }
}

/// Bytes a memory clock, from the first request until all are taken and all reads served.
///
/// # Panics
/// When requests stay unserved.
pub fn bandwidth(memory: &mut impl Memory, requests: &[Request]) -> f64 {
    let mut reads = requests.iter().filter(|r| !r.write).count();
    let mut rest = requests.iter().copied().peekable();
    let mut clocks = 0;
    while reads > 0 || rest.peek().is_some() {
        for _ in 0..OFFERED {
            let Some(request) = rest.peek() else { break };
            if !memory.offer(*request) {
                break;
            }
            rest.next();
        }
        reads -= memory.clock();
        clocks += 1;
        assert!(clocks < PATIENCE, "{reads} reads are unserved after {clocks} clocks");
    }
    requests.len() as f64 * BURST_BYTES as f64 / clocks as f64
}
