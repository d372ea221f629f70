//! The whole card with stand-ins for its engines, and the least of a driver: rings, doorbells, completions.
#![allow(dead_code)] // every test file uses its part

#[path = "../../../rtl/tests/common/mod.rs"]
mod common;
pub mod refusals;

use permafrost_abi::{
    command::{AbortCommand, Command, CommandBody, CreateQueueCommand},
    counter, cq_doorbell, reg,
    registers::{AdminSize, Cc, Csts},
    sq_doorbell, Completion, DmaRegion, Status, Transport,
};
use permafrost_rtl::{card::generate_with, config::CardConfig, hdl::Design};
use permafrost_sim::{axi::Timing, SimCard, SimOptions};
use std::time::{Duration, Instant};

/// How long a test waits for anything; far above what the slowest of them needs.
pub const PATIENCE: Duration = Duration::from_secs(240);

/// A small deterministic generator, so that a failing seed is all that is needed.
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        println!("seed {seed}");
        Random(seed)
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Uniform in `range`.
    pub fn within(&mut self, range: std::ops::RangeInclusive<u64>) -> u64 {
        range.start() + self.next() % (range.end() - range.start() + 1)
    }

    pub fn bytes(&mut self, n: usize) -> Vec<u8> {
        (0..n.div_ceil(8)).flat_map(|_| self.next().to_le_bytes()).take(n).collect()
    }
}

/// A ring pair in host memory with the driver's side of its state.
pub struct Rings {
    pub id: u16,
    pub sq: DmaRegion,
    pub cq: DmaRegion,
    pub sq_entries: u16,
    pub cq_entries: u16,
    pub tail: u16,
    pub head: u16,
    phase: bool,
    pub next_cid: u16,
    /// Completions are taken without telling the card.
    pub hold_head: bool,
}

impl Rings {
    pub fn new(sim: &SimCard, id: u16, sq_entries: u16, cq_entries: u16) -> Self {
        Rings {
            id,
            sq: sim.dma_alloc(sq_entries as usize * 64).unwrap(),
            cq: sim.dma_alloc(cq_entries as usize * 16).unwrap(),
            sq_entries,
            cq_entries,
            tail: 0,
            head: 0,
            phase: true,
            next_cid: 0x100 * id,
            hold_head: false,
        }
    }

    /// Puts a command into the ring; the doorbell is not rung.
    pub fn put(&mut self, mut command: Command) -> u16 {
        command.cid = self.next_cid;
        self.next_cid = self.next_cid.wrapping_add(1);
        self.sq.write(self.tail as usize * 64, bytemuck::bytes_of(&command));
        self.tail = (self.tail + 1) % self.sq_entries;
        command.cid
    }

    pub fn ring(&self, sim: &SimCard) {
        sim.write32(sq_doorbell(self.id), self.tail.into()).unwrap();
    }

    /// The next completion if it is there.
    pub fn poll(&mut self, sim: &SimCard) -> Option<Completion> {
        let at = self.head as usize * 16;
        let last = self.cq.load_acquire(at + 12);
        if (last >> 16 & 1 != 0) != self.phase {
            return None;
        }
        let mut bytes = [0; 16];
        self.cq.read(at, &mut bytes);
        self.head = (self.head + 1) % self.cq_entries;
        self.phase ^= self.head == 0;
        if !self.hold_head {
            sim.write32(cq_doorbell(self.id), self.head.into()).unwrap();
        }
        let completion: Completion = bytemuck::pod_read_unaligned(&bytes);
        assert_eq!(completion.sq_id, self.id);
        assert!(completion.sq_head < self.sq_entries);
        Some(completion)
    }

    pub fn wait(&mut self, sim: &SimCard) -> Completion {
        let start = Instant::now();
        loop {
            if let Some(completion) = self.poll(sim) {
                return completion;
            }
            let raised = sim.wait_irq(self.id, Duration::from_millis(200)).unwrap();
            assert!(raised || start.elapsed() < PATIENCE, "queue {}: no completion", self.id);
        }
    }
}

pub struct Card {
    pub sim: SimCard,
    io_queues: u16,
    pub admin: Rings,
    pub io: Vec<Rings>,
}

/// The card with stand-ins for its engines.
pub fn design(config: &CardConfig) -> Design {
    generate_with(config, &common::stubs(config)).unwrap()
}

pub const CALM: Timing = Timing { read_latency: 20, write_latency: 10, jitter: 0, stall: 0, outstanding: 64 };

pub fn options() -> SimOptions {
    let mut options = SimOptions::new(CardConfig::sim());
    options.dram_bytes = Some(16 << 20);
    (options.host, options.dram) = (CALM, CALM);
    options
}

/// Memories that hold everything up at random.
pub fn rough(rng: &mut Random) -> SimOptions {
    let mut timing = || Timing {
        read_latency: rng.within(0..=120) as u32,
        write_latency: rng.within(0..=60) as u32,
        jitter: rng.within(0..=40) as u32,
        stall: rng.within(0..=200) as u8,
        outstanding: rng.within(1..=40) as usize,
    };
    let (host, dram) = (timing(), timing());
    println!("host {host:?}, dram {dram:?}");
    SimOptions { host, dram, seed: rng.next(), ..options() }
}

impl Card {
    /// Powers up a card and creates its I/O queues with rings of the given entries.
    pub fn open(options: SimOptions, entries: u16) -> Card {
        Self::open_design(&design(&options.config), options, entries)
    }

    pub fn open_design(design: &Design, options: SimOptions, entries: u16) -> Card {
        let io_queues = options.config.io_queues as u16;
        let sim = SimCard::open_design(design, options).unwrap();
        sim.enable_irqs(io_queues + 1).unwrap();
        let mut card = Card { admin: Rings::new(&sim, 0, 16, 16), io: vec![], io_queues, sim };
        card.start(entries);
        card
    }

    /// Enables the controller and creates the I/O queues, on fresh rings.
    pub fn start(&mut self, entries: u16) {
        self.admin = Rings::new(&self.sim, 0, 16, 16);
        self.write64(reg::ADMIN_SQ, self.admin.sq.iova());
        self.write64(reg::ADMIN_CQ, self.admin.cq.iova());
        self.write32(reg::ADMIN_SIZE, AdminSize::from_fields(16, 16).0);
        self.write32(reg::CC, Cc::from_fields(true).0);
        self.until(|card| card.status().ready());
        self.io.clear();
        for id in 1..=self.io_queues {
            let rings = Rings::new(&self.sim, id, entries, entries);
            let command = create(&rings);
            self.io.push(rings);
            self.admin_ok(command);
        }
    }

    /// Controller reset.
    pub fn stop(&mut self) {
        self.write32(reg::CC, Cc::from_fields(false).0);
        self.until(|card| !card.status().ready());
    }

    /// Controller reset, after which the card does no DMA while it runs on: register reads let clocks pass. Then waits until
    /// card memory is zero.
    pub fn stop_in_silence(&mut self) {
        self.stop();
        let still = self.sim.stats();
        for _ in 0..50 {
            assert_eq!(self.read32(reg::CSTS) & 3, 0);
        }
        assert_eq!(still.host, self.sim.stats().host, "DMA after READY = 0");
        self.until(|card| !card.status().scrubbing());
    }

    pub fn until(&self, done: impl Fn(&Card) -> bool) {
        let start = Instant::now();
        while !done(self) {
            assert!(start.elapsed() < PATIENCE);
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    pub fn status(&self) -> Csts {
        Csts(self.read32(reg::CSTS))
    }

    pub fn read32(&self, offset: u64) -> u32 {
        self.sim.read32(offset).unwrap()
    }

    pub fn write32(&self, offset: u64, value: u32) {
        self.sim.write32(offset, value).unwrap()
    }

    pub fn read64(&self, offset: u64) -> u64 {
        u64::from(self.read32(offset)) | u64::from(self.read32(offset + 4)) << 32
    }

    pub fn write64(&self, offset: u64, value: u64) {
        self.write32(offset, value as u32);
        self.write32(offset + 4, (value >> 32) as u32);
    }

    pub fn cycles(&self) -> u64 {
        self.read64(counter::CYCLES)
    }

    /// Runs one command on queue `q` (0 = admin) to its end.
    pub fn run(&mut self, q: usize, command: Command) -> Completion {
        let rings = if q == 0 { &mut self.admin } else { &mut self.io[q - 1] };
        let cid = rings.put(command);
        rings.ring(&self.sim);
        let completion = rings.wait(&self.sim);
        assert_eq!(completion.cid, cid);
        completion
    }

    pub fn admin_ok<B: CommandBody>(&mut self, body: B) {
        let completion = self.run(0, Command::new(&body));
        assert_eq!(completion.status(), Ok(Status::Success), "{completion:?}");
    }

    pub fn ok(&mut self, q: usize, command: Command) -> Completion {
        let completion = self.run(q, command);
        assert_eq!(completion.status(), Ok(Status::Success), "{completion:?}");
        assert_eq!(completion.info, 0);
        completion
    }

    /// Stops command `cid` of queue `queue`; whether it was stopped, rather than ended by itself.
    pub fn abort(&mut self, queue: u16, cid: u16) -> bool {
        let completion = self.run(0, Command::new(&AbortCommand { queue, cid, ..Default::default() }));
        assert_eq!(completion.status(), Ok(Status::Success), "{completion:?}");
        assert!(completion.info <= 1, "{completion:?}");
        completion.info == 1
    }

    /// The next completion of queue `queue` is that of `cid`: ABORTED when it was `stopped`, otherwise SUCCESS.
    pub fn ends(&mut self, queue: u16, cid: u16, stopped: bool) {
        let completion = self.io[queue as usize - 1].wait(&self.sim);
        let status = if stopped { Status::Aborted } else { Status::Success };
        assert_eq!((completion.cid, completion.status()), (cid, Ok(status)), "{completion:?}");
        assert_eq!(completion.info, 0);
    }

    /// Runs `command` on queue 1 and stops it at a random moment among the first `clocks` clocks; whether it was
    /// stopped rather than ended by itself.
    pub fn aborted(&mut self, rng: &mut Random, command: Command, clocks: u64) -> bool {
        let cid = self.io[0].put(command);
        self.io[0].ring(&self.sim);
        let (start, moment) = (self.cycles(), rng.within(0..=clocks));
        // A register read takes a few clocks.
        while self.cycles() - start < moment {}
        let stopped = self.abort(1, cid);
        self.ends(1, cid, stopped);
        stopped
    }

    /// Runs a command that is to fail, and returns (info, address of the syndrome). Frees the syndrome.
    pub fn refused(&mut self, q: usize, command: Command, status: Status) -> (u32, u64) {
        let completion = self.run(q, command);
        assert_eq!(completion.status(), Ok(status), "{command:?}: {completion:?}");
        let held = self.read32(reg::ERR_STATUS);
        assert_eq!(held, 1 << 31 | status as u32, "syndrome of {command:?}");
        assert_eq!(self.read32(reg::ERR_SOURCE), (q as u32) << 16 | u32::from(completion.cid));
        let address = self.read64(reg::ERR_ADDR);
        self.write32(reg::ERR_STATUS, 1 << 31);
        assert_eq!(self.read32(reg::ERR_STATUS) >> 31, 0);
        (completion.info, address)
    }
}

pub fn create(rings: &Rings) -> CreateQueueCommand {
    CreateQueueCommand {
        sq_iova: rings.sq.iova(),
        cq_iova: rings.cq.iova(),
        queue: rings.id,
        sq_entries: rings.sq_entries,
        cq_entries: rings.cq_entries,
        irq_vector: rings.id,
        ..Default::default()
    }
}

pub fn bytes_of(region: &DmaRegion, at: usize, n: usize) -> Vec<u8> {
    let mut out = vec![0; n];
    region.read(at, &mut out);
    out
}
