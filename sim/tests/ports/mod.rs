//! Card memory behind the internal memory ports of a module under test, with random latency and stalls; it checks the
//! client's duties (rtl/src/card/bus.rs) as it goes.
//!
//! In a clock: set inputs, [`ReadPort::drive`] and [`WritePort::drive`], `eval`, `sample`, `tick`.

use permafrost_sim::verilated::{Model, PortId};
use rand::Rng;
use rand_chacha::ChaCha8Rng;
use std::collections::VecDeque;

/// How memory behaves: clocks of latency, and the chance (of 256) that a side stalls in a clock.
#[derive(Clone, Copy, Debug)]
pub struct Memory {
    pub latency: u64,
    pub jitter: u64,
    pub stall: u8,
    /// Reads of the beat at this address answer with an error.
    pub bad_read: Option<u64>,
    /// Bursts with a write of this beat answer with an error.
    pub bad_write: Option<u64>,
}

impl Memory {
    pub const fn latency(latency: u64) -> Memory {
        Memory { latency, jitter: 0, stall: 0, bad_read: None, bad_write: None }
    }

    pub const ROUGH: Memory = Memory { latency: 5, jitter: 90, stall: 100, bad_read: None, bad_write: None };

    fn due(&self, clock: u64, rng: &mut ChaCha8Rng) -> u64 {
        clock + self.latency + if self.jitter > 0 { rng.gen_range(0..self.jitter) } else { 0 }
    }
}

fn ports<const N: usize>(model: &Model, prefix: &str, names: [&str; N]) -> [PortId; N] {
    names.map(|name| model.port(&format!("{prefix}{name}")).expect("port"))
}

/// What a client shows stays until it is taken.
#[derive(Default)]
struct Stable(Option<(u64, u64)>);

impl Stable {
    fn check(&mut self, valid: bool, ready: bool, shown: (u64, u64)) {
        if let Some(before) = self.0 {
            assert!(valid && shown == before, "a request {before:x?} is withdrawn: {valid} {shown:x?}");
        }
        self.0 = (valid && !ready).then_some(shown);
    }
}

fn check_burst(at: u64, beats: u64, bytes: usize) {
    assert_eq!(at % 64, 0, "{at:#x} is not a beat");
    assert_eq!(at / 4096, (at + 64 * beats - 1) / 4096, "burst {at:#x}+{beats} crosses 4 KiB");
    assert!(at + 64 * beats <= bytes as u64, "burst {at:#x}+{beats} leaves memory");
}

pub struct ReadPort {
    ids: [PortId; 9],
    /// Beats under way: (clock when ready, address, last).
    queue: VecDeque<(u64, u64, bool)>,
    ready: bool,
    showing: bool,
    request: Stable,
    pub bursts: u64,
    pub beats: u64,
}

impl ReadPort {
    pub fn new(model: &Model, prefix: &str) -> ReadPort {
        let names = ["rd_addr", "rd_beats", "rd_valid", "rd_ready", "rdat_data", "rdat_last", "rdat_err"];
        let [a, b, c, d, e, f, g] = ports(model, prefix, names);
        let [h, i] = ports(model, prefix, ["rdat_valid", "rdat_ready"]);
        ReadPort {
            ids: [a, b, c, d, e, f, g, h, i],
            queue: VecDeque::new(),
            ready: false,
            showing: false,
            request: Stable::default(),
            bursts: 0,
            beats: 0,
        }
    }

    pub fn drive(&mut self, model: &mut Model, memory: &[u8], m: &Memory, rng: &mut ChaCha8Rng) {
        let [_, _, _, rd_ready, data, last, err, valid, _] = self.ids;
        self.ready = rng.gen::<u8>() >= m.stall;
        model.set(rd_ready, u64::from(self.ready));
        // Once shown, a beat stays until it is taken.
        let due = self.queue.front().is_some_and(|q| q.0 <= model.clocks());
        self.showing = due && (self.showing || rng.gen::<u8>() >= m.stall);
        model.set(valid, u64::from(self.showing));
        if self.showing {
            let (_, at, is_last) = self.queue[0];
            model.set_bytes(data, &memory[at as usize..at as usize + 64]);
            model.set(last, u64::from(is_last));
            model.set(err, u64::from(m.bad_read == Some(at)));
        }
    }

    pub fn sample(&mut self, model: &Model, memory: &[u8], m: &Memory, rng: &mut ChaCha8Rng) {
        let [addr, beats, valid, _, _, _, _, _, dat_ready] = self.ids;
        if self.showing && model.get(dat_ready) == 1 {
            self.queue.pop_front();
            self.showing = false;
        }
        let (shown, valid) = ((model.get(addr), model.get(beats)), model.get(valid) == 1);
        self.request.check(valid, self.ready, shown);
        if self.ready && valid {
            let (at, n) = (shown.0, shown.1 + 1);
            check_burst(at, n, memory.len());
            let due = m.due(model.clocks(), rng);
            self.queue.extend((0..n).map(|i| (due + i, at + 64 * i, i + 1 == n)));
            self.bursts += 1;
            self.beats += n;
        }
    }

    pub fn is_idle(&self) -> bool {
        self.queue.is_empty() && self.request.0.is_none()
    }
}

pub struct WritePort {
    ids: [PortId; 10],
    /// Bursts that want data: next address, beats left, address, whether a beat was bad.
    bursts_open: VecDeque<(u64, u64, bool)>,
    /// Answers under way: clock, whether with an error.
    answers: VecDeque<(u64, bool)>,
    ready: bool,
    data_ready: bool,
    request: Stable,
    pub bursts: u64,
    pub beats: u64,
}

impl WritePort {
    pub fn new(model: &Model, prefix: &str) -> WritePort {
        let names = ["wr_addr", "wr_beats", "wr_valid", "wr_ready", "wdat_data", "wdat_strb", "wdat_valid"];
        let [a, b, c, d, e, f, g] = ports(model, prefix, names);
        let [h, i, j] = ports(model, prefix, ["wdat_ready", "wack_valid", "wack_err"]);
        WritePort {
            ids: [a, b, c, d, e, f, g, h, i, j],
            bursts_open: VecDeque::new(),
            answers: VecDeque::new(),
            ready: false,
            data_ready: false,
            request: Stable::default(),
            bursts: 0,
            beats: 0,
        }
    }

    pub fn drive(&mut self, model: &mut Model, m: &Memory, rng: &mut ChaCha8Rng) {
        let [_, _, _, wr_ready, _, _, _, dat_ready, ack, err] = self.ids;
        self.ready = rng.gen::<u8>() >= m.stall;
        self.data_ready = !self.bursts_open.is_empty() && rng.gen::<u8>() >= m.stall;
        model.set(wr_ready, u64::from(self.ready));
        model.set(dat_ready, u64::from(self.data_ready));
        let due = self.answers.front().is_some_and(|a| a.0 <= model.clocks());
        let answer = due && rng.gen::<u8>() >= m.stall;
        model.set(ack, u64::from(answer));
        if answer {
            let (_, bad) = self.answers.pop_front().expect("checked");
            model.set(err, u64::from(bad));
        }
    }

    pub fn sample(&mut self, model: &Model, memory: &mut [u8], m: &Memory, rng: &mut ChaCha8Rng) {
        let [addr, beats, valid, _, data, strobe, dat_valid, ..] = self.ids;
        if let Some((at, left, bad)) = self.bursts_open.front_mut() {
            // Nobody else's data moves while a client that has announced a burst makes memory wait.
            assert_eq!(model.get(dat_valid), 1, "{at:#x} is announced and its data are not there");
            if self.data_ready {
                let (mut beat, mut bytes) = ([0; 64], [0; 8]);
                model.get_bytes(data, &mut beat);
                model.get_bytes(strobe, &mut bytes);
                let strobe = u64::from_le_bytes(bytes);
                assert_ne!(strobe, 0, "nothing is written at {at:#x}");
                for (i, byte) in beat.into_iter().enumerate() {
                    if strobe >> i & 1 == 1 {
                        memory[*at as usize + i] = byte;
                    }
                }
                *bad |= m.bad_write == Some(*at);
                (*at, *left) = (*at + 64, *left - 1);
                self.beats += 1;
                if *left == 0 {
                    self.answers.push_back((m.due(model.clocks(), rng), *bad));
                    self.bursts_open.pop_front();
                }
            }
        }
        let (shown, valid) = ((model.get(addr), model.get(beats)), model.get(valid) == 1);
        self.request.check(valid, self.ready, shown);
        if self.ready && valid {
            let (at, n) = (shown.0, shown.1 + 1);
            check_burst(at, n, memory.len());
            self.bursts_open.push_back((at, n, false));
            self.bursts += 1;
        }
    }

    pub fn is_idle(&self) -> bool {
        self.bursts_open.is_empty() && self.answers.is_empty() && self.request.0.is_none()
    }
}
