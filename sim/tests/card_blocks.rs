//! Small blocks of the card by themselves, against models of a few lines.

mod card_common;

use card_common::Random;
use permafrost_rtl::{
    card::{copy::burst::burst_split, fifo::fifo, round_robin::round_robin},
    hdl::{Design, Module},
};
use permafrost_sim::verilated::Model;
use std::{collections::VecDeque, sync::Arc};

struct Block(Model);

impl Block {
    fn new(module: &Arc<Module>) -> Block {
        let mut block = Block(Model::new(&Design::elaborate(module).unwrap()).unwrap());
        block.set("rst", 1);
        block.clock();
        block.set("rst", 0);
        block.0.eval().unwrap();
        block
    }

    fn set(&mut self, port: &str, value: u64) {
        let port = self.0.port(port).unwrap();
        self.0.set(port, value);
    }

    fn get(&self, port: &str) -> u64 {
        self.0.get(self.0.port(port).unwrap())
    }

    fn clock(&mut self) {
        self.0.rise().unwrap();
        self.0.fall().unwrap();
    }
}

#[test]
fn fifos_keep_order_and_count() {
    for (bits, depth) in [(1, 2), (33, 8), (64, 64), (50, 128), (64, 512)] {
        let mut rng = Random::new(depth as u64);
        let mut b = Block::new(&fifo(bits, depth));
        let mut model = VecDeque::new();
        let mut full = false;
        for phase in 0..20 {
            // Phases that fill, drain and mix.
            let (push, pop) = [(256, 20), (20, 256), (256, 256), (128, 128)][phase % 4];
            for _ in 0..depth * 4 {
                let value = rng.next() >> (64 - bits);
                let (valid, ready) = (rng.within(0..=255) < push, rng.within(0..=255) < pop);
                let clear = rng.within(0..=4000) == 0;
                b.set("in_data", value);
                b.set("in_valid", valid.into());
                b.set("out_ready", ready.into());
                b.set("clear", clear.into());
                b.0.eval().unwrap();
                assert_eq!(b.get("count"), model.len() as u64);
                assert!(b.get("in_ready") == 1 || model.len() >= depth);
                full |= b.get("in_ready") == 0;
                if b.get("out_valid") == 1 {
                    assert_eq!(Some(&b.get("out_data")), model.front());
                }
                if b.get("out_valid") == 1 && ready {
                    model.pop_front();
                }
                if b.get("in_ready") == 1 && valid {
                    model.push_back(value);
                }
                if clear {
                    model.clear();
                }
                b.clock();
            }
            // What is in comes out: within two clocks there is a word to see.
            b.set("in_valid", 0);
            b.set("out_ready", 0);
            b.set("clear", 0);
            b.clock();
            b.clock();
            assert_eq!(b.get("out_valid") == 1, !model.is_empty());
        }
        assert!(full, "the test never filled the FIFO");
    }
}

#[test]
fn round_robin_is_fair() {
    for n in [1, 2, 3, 5, 16] {
        let mut rng = Random::new(n);
        let mut b = Block::new(&round_robin(n as usize));
        let mut first = 0;
        for _ in 0..2000 {
            let (req, take) = (rng.next() & ((1 << n) - 1), rng.within(0..=1));
            b.set("req", req);
            b.set("take", take);
            b.0.eval().unwrap();
            let winner = (0..n).map(|i| (first + i) % n).find(|i| req >> i & 1 == 1);
            assert_eq!(b.get("any") == 1, winner.is_some());
            assert_eq!(b.get("grant"), winner.map_or(0, |w| 1 << w));
            if let Some(winner) = winner {
                assert_eq!(b.get("index"), winner);
                if take == 1 {
                    first = (winner + 1) % n;
                }
            }
            b.clock();
        }
    }
}

#[test]
fn bursts_cover_ranges_within_pages() {
    let mut rng = Random::new(3);
    let mut b = Block::new(&burst_split());
    for _ in 0..300 {
        let beats = match rng.within(0..=3) {
            0 => rng.within(0..=3),
            1 => 64 * rng.within(0..=3),
            _ => rng.within(0..=300),
        };
        let start = rng.next() >> 7;
        b.set("in_addr", start);
        b.set("in_beats", beats);
        b.set("in_valid", 1);
        b.0.eval().unwrap();
        assert_eq!(b.get("in_ready"), 1);
        b.clock();
        b.set("in_valid", 0);
        let (mut at, mut bursts) = (start, 0);
        while at < start + beats {
            let ready = rng.within(0..=2) > 0;
            b.set("out_ready", ready.into());
            b.0.eval().unwrap();
            let n = b.get("out_beats");
            assert_eq!((b.get("out_valid"), b.get("out_addr")), (1, at));
            assert!((1..=64).contains(&n) && at / 64 == (at + n - 1) / 64, "{n} beats at {at:#x}");
            let last = at + n == start + beats;
            assert_eq!(b.get("in_ready") == 1, last && ready);
            if ready {
                at += n;
                bursts += 1;
            }
            b.clock();
        }
        assert_eq!(at, start + beats);
        assert_eq!(b.get("out_valid"), 0);
        let pages = if beats == 0 { 0 } else { (at - 1) / 64 - start / 64 + 1 };
        assert_eq!(bursts, pages, "as few bursts as possible");
    }
    // `clear` drops the range in hand.
    b.set("in_beats", 1 << 40);
    b.set("in_valid", 1);
    b.clock();
    b.set("in_valid", 0);
    b.set("clear", 1);
    b.clock();
    assert_eq!(b.get("out_valid"), 0);
}
