//! Card memory between owners: what has been written is zeroed after a controller reset and a function level reset, and
//! nothing else. The map of what has been written, by itself and in the card; corrected errors of the memory.

mod card_common;

use card_common::*;
use permafrost_abi::{
    command::{Command, CopyCommand, CopyKind, FillCommand, NopCommand},
    counter, reg,
    registers::{Cc, DramDirty},
    DmaRegion, Status, Transport,
};
use permafrost_rtl::{card::scrub::scrub, hdl::Design};
use permafrost_sim::{
    axi::{Access, Fault, Response},
    verilated::{Model, PortId},
    Side, SimOptions,
};
use std::time::Duration;

const MIB: u64 = 1 << 20;
/// Card memory, and the size of its 64 regions.
const MEMORY: u64 = MIB;
const REGION: u64 = MEMORY / 64;

/// With a smaller memory, whose zeroing takes less time.
fn small(options: SimOptions) -> SimOptions {
    SimOptions { dram_bytes: Some(MEMORY), ..options }
}

fn fill(card_addr: u64, length: u64) -> Command {
    Command::new(&FillCommand { card_addr, length, pattern: u64::MAX, ..Default::default() })
}

fn dirty(card: &Card) -> u32 {
    DramDirty(card.read32(reg::DRAM_DIRTY)).regions()
}

/// Waits for the end of the zeroing, and says how many beats were written to card memory since `before`.
fn scrubbed(card: &Card, before: u64) -> u64 {
    card.until(|card| !card.status().scrubbing());
    assert!(!card.status().fatal());
    assert_eq!(dirty(card), 0);
    // Figures are brought up to date now and then.
    card.until(|card| card.status().idle());
    card.read32(reg::CSTS);
    card.sim.stats().dram.write_beats - before
}

/// The bytes of card memory at `range`.
fn read(card: &mut Card, at: u64, length: u64) -> (DmaRegion, Vec<u8>) {
    let host = card.sim.dma_alloc(length as usize).unwrap();
    host.fill_ones();
    card.ok(1, Command::new(&CopyCommand::contiguous(CopyKind::CardToHost, at, host.iova(), length)));
    let bytes = bytes_of(&host, 0, length as usize);
    (host, bytes)
}

trait FillOnes {
    fn fill_ones(&self);
}

impl FillOnes for DmaRegion {
    /// So that bytes that a copy leaves out are not zero.
    fn fill_ones(&self) {
        self.write(0, &vec![0xff; self.len()]);
    }
}

/// Both resets that hand the card on.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Reset {
    Controller,
    Function,
}

fn reset(card: &mut Card, reset: Reset) {
    match reset {
        Reset::Controller => card.stop(),
        Reset::Function => card.sim.reset().unwrap(),
    }
}

#[test]
fn nothing_is_left_after_a_reset() {
    for (seed, kind) in [(1, Reset::Controller), (2, Reset::Function)] {
        let mut rng = Random::new(seed);
        let mut card = Card::open(small(rough(&mut rng)), 16);
        assert_eq!(DramDirty(card.read32(reg::DRAM_DIRTY)).log2_bytes(), 14);
        assert_eq!(dirty(&card), 0, "memory is zero at power-up");
        for _ in 0..2 {
            // The first and the last beat, one that ends a region, a run over the edge of two, odd ones in between.
            let mut regions = vec![0, 7, 20, 21, 63];
            card.ok(1, fill(0, 64));
            card.ok(2, fill(8 * REGION - 64, 64));
            card.ok(1, fill(MEMORY - 64, 64));
            let host = card.sim.dma_alloc(8192).unwrap();
            host.fill_ones();
            let edge = CopyCommand::contiguous(CopyKind::HostToCard, 21 * REGION - 4096, host.iova(), 8192);
            card.ok(2, Command::new(&edge));
            for _ in 0..4 {
                let region = rng.within(30..=50);
                card.ok(1, fill(region * REGION + 64 * rng.within(0..=250), 64));
                regions.push(region);
            }
            regions.sort();
            regions.dedup();
            assert_eq!(dirty(&card) as usize, regions.len());
            // Reading does not make dirty.
            read(&mut card, 10 * REGION, 4096);
            assert_eq!(dirty(&card) as usize, regions.len());
            card.until(|card| card.status().idle());
            card.read32(reg::CSTS);
            let before = card.sim.stats();
            reset(&mut card, kind);
            let wrote = scrubbed(&card, before.dram.write_beats);
            assert_eq!(wrote, regions.len() as u64 * REGION / 64, "{kind:?}: only what was dirty is written");
            assert_eq!(card.sim.stats().host, before.host, "no DMA");
            for (name, at) in [
                ("DRAM_WRITE_BYTES", counter::DRAM_WRITE_BYTES),
                ("COPY_BUSY", counter::COPY_BUSY),
                ("COMMANDS", counter::COMMANDS),
            ] {
                assert_eq!(card.read64(at), 0, "{name} after {kind:?}");
            }
            card.start(16);
            let (_host, bytes) = read(&mut card, 0, MEMORY);
            let left = bytes.iter().position(|byte| *byte != 0);
            assert_eq!(left, None, "a byte is left at this address after {kind:?}");
        }
    }
}

/// About a clock for 64 bytes of dirty regions, and none for clean ones.
#[test]
fn clocks_of_zeroing() {
    let mut card = Card::open(small(options()), 8);
    for regions in [1, 3, 64] {
        for region in 0..regions {
            card.ok(1, fill(region * REGION, 64));
        }
        card.until(|card| card.status().idle());
        card.read32(reg::CSTS);
        let before = card.sim.stats();
        card.stop();
        scrubbed(&card, before.dram.write_beats);
        let clocks = card.sim.stats().clocks - before.clocks;
        let bound = regions * REGION / 64;
        println!("{regions} regions of {REGION} bytes: {clocks} clocks, {bound} beats");
        // A region's start and end cost a memory latency or two; the rest is the host's reset.
        assert!((bound..bound + bound / 100 + 100 * regions + 3000).contains(&clocks));
        card.start(8);
    }
    card.stop();
    let before = card.sim.stats().dram;
    card.start(8);
    card.stop();
    assert_eq!(scrubbed(&card, before.write_beats), 0, "nothing was written");
}

/// Memories whose size is no power of two, with a last region that is cut short, down to the smallest.
#[test]
fn odd_sizes() {
    for (bytes, log2) in [(20 * MIB + 4096, 19), (4096, 12), (64 * 4096, 12), (65 * 4096, 13)] {
        let mut card = Card::open(SimOptions { dram_bytes: Some(bytes), ..options() }, 8);
        card.ok(1, fill(bytes - 64, 64));
        card.ok(2, fill(0, 64));
        let state = DramDirty(card.read32(reg::DRAM_DIRTY));
        assert_eq!(u64::from(state.regions()), bytes.div_ceil(1 << log2).min(2), "{bytes}");
        assert_eq!(state.log2_bytes(), log2, "{bytes}");
        card.stop();
        scrubbed(&card, 0);
        assert_eq!(card.read32(reg::ERR_STATUS), 0, "no access beyond the end");
        card.start(8);
        for at in [0, bytes - 4096] {
            assert!(read(&mut card, at, 4096).1.iter().all(|byte| *byte == 0), "{bytes}: at {at:#x}");
        }
    }
}

/// ENABLE written while the card zeroes its memory takes effect afterwards; a reset while it does starts again.
#[test]
fn enable_and_resets_meanwhile() {
    for seed in 10..13 {
        let mut rng = Random::new(seed);
        let mut card = Card::open(small(rough(&mut rng)), 16);
        for round in 0..4 {
            let host = card.sim.dma_alloc(1 << 17).unwrap();
            host.fill_ones();
            for queue in 0..2u64 {
                let at = rng.within(0..=40) * REGION;
                let up = CopyCommand::contiguous(CopyKind::HostToCard, at, host.iova(), 1 << 17);
                card.io[queue as usize].put(Command::new(&up));
                card.io[queue as usize].ring(&card.sim);
            }
            let wait = |card: &Card, rng: &mut Random| {
                for _ in 0..rng.within(0..=200) {
                    card.read32(reg::CSTS);
                }
            };
            wait(&card, &mut rng);
            // From a running copy into the first reset, from its zeroing into the next ones.
            for _ in 0..rng.within(1..=3) {
                match rng.within(0..=2) {
                    0 => card.sim.reset().unwrap(),
                    _ => card.write32(reg::CC, Cc::from_fields(false).0),
                }
                wait(&card, &mut rng);
                if rng.within(0..=1) == 0 && !card.status().ready() {
                    // Toggled in the middle; without ring registers this would end in FATAL.
                    card.write64(reg::ADMIN_SQ, card.admin.sq.iova());
                    card.write64(reg::ADMIN_CQ, card.admin.cq.iova());
                    card.write32(reg::ADMIN_SIZE, 16 << 16 | 16);
                    card.write32(reg::CC, Cc::from_fields(true).0);
                    wait(&card, &mut rng);
                }
            }
            card.write32(reg::CC, Cc::from_fields(false).0);
            card.until(|card| !card.status().ready());
            let early = card.status().scrubbing();
            card.start(16); // waits for READY, which waits for the end of the zeroing
            assert!(!card.status().scrubbing());
            assert_eq!(dirty(&card), 0, "round {round}, early {early}");
            let (_host, bytes) = read(&mut card, 0, MEMORY);
            assert!(bytes.iter().all(|byte| *byte == 0), "round {round}");
            card.ok(2, fill(0, 64));
        }
    }
}

/// Memory that cannot be written ends the zeroing in FATAL, and the card does not come up until that is done.
#[test]
fn memory_that_cannot_be_zeroed() {
    let mut card = Card::open(small(options()), 8);
    for (round, heal) in [Reset::Controller, Reset::Function].into_iter().enumerate() {
        for region in [2, 5, 9] {
            card.ok(1, fill(region * REGION, 64));
        }
        let at = 5 * REGION + 4096 * 3 + 128;
        card.write32(reg::ERR_STATUS, 1 << 31);
        card.until(|card| card.status().idle());
        while card.sim.wait_irq(0, Duration::ZERO).unwrap() {}
        let fault =
            Fault { access: Access::Write, range: at..at + 64, response: Response::SlaveError, times: 2 };
        card.sim.inject(Side::Dram, fault);
        card.stop();
        card.until(|card| card.status().fatal());
        assert!(card.sim.wait_irq(0, PATIENCE).unwrap(), "vector 0 tells of a fatal error");
        assert!(!card.status().ready() && !card.status().scrubbing());
        assert_eq!(card.read32(reg::ERR_STATUS), 1 << 31 | Status::DramWriteError as u32);
        assert_eq!(card.read32(reg::ERR_SOURCE), 0xffff);
        assert_eq!(card.read64(reg::ERR_ADDR), at & !4095, "the burst that failed");
        assert_eq!(dirty(&card), 2, "the region that failed, and the one after it");
        card.write32(reg::ERR_STATUS, 1 << 31);
        // It stays so, enabled or not.
        card.until(|card| card.status().idle());
        card.write32(reg::CC, Cc::from_fields(true).0);
        for _ in 0..50 {
            assert!(card.status().fatal() && !card.status().ready());
        }
        // The next attempt fails too, the one after it does not.
        for fails in [true, false] {
            match heal {
                Reset::Controller => card.write32(reg::CC, Cc::from_fields(false).0),
                Reset::Function => card.sim.reset().unwrap(),
            }
            card.until(|card| !card.status().scrubbing() && card.status().idle());
            assert_eq!(card.status().fatal(), fails, "round {round}");
        }
        assert_eq!(dirty(&card), 0);
        card.write32(reg::ERR_STATUS, 1 << 31);
        card.start(8);
        assert!(read(&mut card, 0, MEMORY).1.iter().all(|byte| *byte == 0));
    }
}

/// Errors that the memory's controller corrects are counted; those that it cannot correct end the command, with the
/// address of the beat.
#[test]
fn errors_of_card_memory() {
    let mut card = Card::open(small(options()), 8);
    assert_eq!(card.read64(counter::DRAM_CORRECTED), 0);
    card.sim.correct_dram(3);
    card.until(|card| card.read64(counter::DRAM_CORRECTED) == 3);
    card.sim.correct_dram(1);
    card.ok(1, Command::new(&NopCommand::default()));
    card.until(|card| card.status().idle());
    assert_eq!(card.read64(counter::DRAM_CORRECTED), 4);
    assert_eq!(card.read32(reg::ERR_STATUS), 0, "a corrected error is none");
    let host = card.sim.dma_alloc(8192).unwrap();
    let down = Command::new(&CopyCommand::contiguous(CopyKind::CardToHost, 0x4000, host.iova(), 8192));
    for at in [0x4000, 0x4fc0, 0x5a40] {
        let fault =
            Fault { access: Access::Read, range: at..at + 64, response: Response::SlaveError, times: 1 };
        card.sim.inject(Side::Dram, fault);
        assert_eq!(card.refused(1, down, Status::DramReadError), (0, at));
        card.ok(1, down);
    }
    card.stop();
    assert_eq!(card.read64(counter::DRAM_CORRECTED), 0);
}

/// The map and the zeroing by themselves.
struct Block {
    model: Model,
    bytes: u64,
}

impl Block {
    fn port(&self, name: &str) -> PortId {
        self.model.port(name).unwrap()
    }

    fn set(&mut self, name: &str, value: u64) {
        let port = self.port(name);
        self.model.set(port, value);
    }

    fn get(&self, name: &str) -> u64 {
        self.model.get(self.port(name))
    }

    fn clock(&mut self) {
        self.model.tick(1).unwrap();
    }

    /// In reset, with the power just on, or not.
    fn reset(&mut self, power_on: bool, clean: bool) {
        self.set("rst", 1);
        self.set("power_on", power_on.into());
        self.set("clean", clean.into());
        (0..4).for_each(|_| self.clock());
        self.set("rst", 0);
        self.set("power_on", 0);
        self.set("clean", 0);
        self.model.eval().unwrap();
    }

    /// Lets it zero what is dirty; the ranges, in order.
    fn zero(&mut self, rng: &mut Random) -> Vec<(u64, u64)> {
        let mut ranges = vec![];
        self.set("run", 1);
        self.model.eval().unwrap();
        let mut clocks = 0;
        while self.get("dirty") != 0 {
            if self.get("cmd_valid") == 1 && rng.within(0..=1) == 0 {
                self.set("cmd_ready", 1);
                self.model.eval().unwrap();
                ranges.push((self.get("cmd_addr"), self.get("cmd_length")));
                self.clock();
                self.set("cmd_ready", 0);
                (0..rng.within(0..=5)).for_each(|_| self.clock());
                self.set("done_valid", 1);
                self.clock();
                self.set("done_valid", 0);
            }
            self.clock();
            clocks += 1;
            assert!(clocks < 10_000, "it does not end");
        }
        self.set("run", 0);
        self.clock();
        ranges
    }
}

#[test]
fn the_map_names_what_was_written() {
    let design = Design::elaborate(&scrub()).unwrap();
    for bytes in [4096, 8192, 3 * 4096, MIB, MIB + 4096, 16 * MIB, 3 << 30, (16 << 30) - 4096, 1 << 48] {
        let mut rng = Random::new(bytes);
        let mut b = Block { model: Model::new(&design).unwrap(), bytes };
        b.set("dram_bytes", bytes);
        // Power-up with memory as it comes: all of it is zeroed, once.
        b.reset(true, false);
        let log2 = b.get("log2_bytes");
        let size = 1u64 << log2;
        let regions = bytes.div_ceil(size);
        assert!(log2 >= 12 && regions <= 64 && (log2 == 12 || regions > 32), "{bytes}: 2^{log2}");
        assert_eq!(b.get("dirty"), regions);
        let range = |region: u64| (region * size, size.min(bytes - region * size));
        assert_eq!(b.zero(&mut rng), (0..regions).map(range).collect::<Vec<_>>());
        for round in 0..6 {
            let mut written = std::collections::BTreeSet::new();
            for _ in 0..rng.within(1..=40) {
                let at = 64 * rng.within(0..=b.bytes / 64 - 1);
                b.set("mark_addr", at);
                b.set("mark_valid", 1);
                b.clock();
                b.set("mark_valid", 0);
                b.clock();
                written.insert(at / size);
            }
            assert_eq!(b.get("dirty"), written.len() as u64);
            if round % 2 == 1 {
                b.reset(false, true);
                assert_eq!(b.get("dirty"), written.len() as u64, "a reset forgets nothing");
            }
            let mut zeroed = b.zero(&mut rng);
            zeroed.sort();
            assert_eq!(zeroed, written.into_iter().map(range).collect::<Vec<_>>());
        }
        // Power-up with memory that is zero.
        b.set("mark_valid", 1);
        b.clock();
        b.set("mark_valid", 0);
        b.reset(true, true);
        assert_eq!(b.get("dirty"), 0);
    }
}
