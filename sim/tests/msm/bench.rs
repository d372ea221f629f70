//! A bench around `msm_engine` alone: card memory behind its three ports, with random latency and stalls.

use permafrost_abi::msm::entries;
use permafrost_rtl::{config::CardConfig, hdl::Design, msm};
use permafrost_sim::verilated::{build, BuildOptions, Model, PortId};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::collections::VecDeque;

/// How memory behaves: clocks of latency and the chance (of 256) that a side stalls in a clock.
#[derive(Clone, Copy, Debug)]
pub struct Memory {
    pub latency: u64,
    pub jitter: u64,
    pub stall: u8,
    /// Reads of this address answer with an error.
    pub bad_read: Option<u64>,
    /// Writes of this address answer with an error.
    pub bad_write: Option<u64>,
}

pub const FAST: Memory = Memory { latency: 20, jitter: 0, stall: 0, bad_read: None, bad_write: None };
pub const ROUGH: Memory = Memory { latency: 5, jitter: 90, stall: 100, bad_read: None, bad_write: None };

#[derive(Clone, Copy, Debug, Default)]
pub struct Command {
    pub bases: u64,
    pub scalars: u64,
    pub result: u64,
    pub n: u32,
    pub window_bits: u8,
    pub windows: u8,
    pub g2: bool,
    pub montgomery: bool,
    pub more: u16,
    pub stride: u64,
}

impl Command {
    pub fn point_bytes(&self) -> u64 {
        64 << u32::from(self.g2)
    }

    /// Address of entry `j` of lane `a` of `lanes`, batch member `k`.
    pub fn entry(&self, lanes: usize, k: usize, a: usize, j: usize) -> u64 {
        let per_lane = entries(self.windows.into(), lanes as u32) as usize;
        self.result + ((k * lanes + a) * per_lane + j) as u64 * self.point_bytes()
    }
}

/// What a command did, by the engine's own event outputs.
#[derive(Clone, Copy, Debug, Default)]
pub struct Outcome {
    pub status: u64,
    pub addr: u64,
    pub info: u64,
    pub cycles: u64,
    pub accumulate: u64,
    pub aggregate: u64,
    pub tail: u64,
    pub additions: u64,
    pub stall_feed: u64,
    pub stall_slot: u64,
    pub points: u64,
    pub queued: u64,
    /// Clocks from the first point joined to the last.
    pub feeding: u64,
}

struct ReadPort {
    ids: [PortId; 9],
    /// Beats under way: (clock when ready, address, last).
    queue: VecDeque<(u64, u64, bool)>,
    showing: bool,
}

pub struct Bench {
    model: Model,
    pub lanes: usize,
    pub memory: Vec<u8>,
    reads: [ReadPort; 2],
    write: [PortId; 9],
    writes: VecDeque<u64>,
    data: VecDeque<Vec<u8>>,
    /// Answers under way: clock, whether with an error.
    acks: VecDeque<(u64, bool)>,
    events: [PortId; 8],
    done: PortId,
    rng: ChaCha8Rng,
    pub clock: u64,
}

impl Bench {
    pub fn new(config: &CardConfig, bytes: usize, seed: u64) -> Bench {
        let design = Design::elaborate(&msm::engine(config)).expect("design");
        let compiled = build(&design, &BuildOptions::default()).expect("verilator build");
        let mut model = compiled.instantiate().expect("model");
        let read = |p: &str| {
            let names = ["rd_addr", "rd_beats", "rd_valid", "rd_ready", "rdat_data", "rdat_last", "rdat_err"];
            let mut ids = vec![];
            for n in names.iter().chain(&["rdat_valid", "rdat_ready"]) {
                ids.push(model.port(&format!("{p}{n}")).expect("port"));
            }
            ReadPort { ids: ids.try_into().expect("nine"), queue: VecDeque::new(), showing: false }
        };
        let reads = [read("pt_"), read("sc_")];
        let ports = |names: &[&str]| names.iter().map(|n| model.port(n).expect("port")).collect::<Vec<_>>();
        let write = ports(&[
            "rs_wr_addr",
            "rs_wr_beats",
            "rs_wr_valid",
            "rs_wr_ready",
            "rs_wdat_data",
            "rs_wdat_valid",
            "rs_wdat_ready",
            "rs_wack_valid",
            "rs_wack_err",
        ]);
        let events = ports(&[
            "ev_accumulate",
            "ev_aggregate",
            "ev_tail",
            "ev_additions",
            "ev_stall_feed",
            "ev_stall_slot",
            "ev_point",
            "ev_queued",
        ]);
        let done = model.port("done_valid").expect("port");
        let rst = model.port("rst").expect("rst");
        model.set(rst, 1);
        model.tick(2).expect("tick");
        model.set(rst, 0);
        Bench {
            model,
            lanes: config.adders,
            memory: vec![0; bytes],
            reads,
            write: write.try_into().expect("nine"),
            writes: VecDeque::new(),
            data: VecDeque::new(),
            acks: VecDeque::new(),
            events: events.try_into().expect("eight"),
            done,
            rng: ChaCha8Rng::seed_from_u64(seed),
            clock: 0,
        }
    }

    fn set(&mut self, name: &str, v: u64) {
        let p = self.model.port(name).expect("port");
        self.model.set(p, v);
    }

    pub fn get(&self, name: &str) -> u64 {
        self.model.get(self.model.port(name).expect("port"))
    }

    /// One clock with memory behaving as `m`; `o` gets what the engine's events say in it.
    fn clock(&mut self, m: Memory, o: &mut Outcome) {
        let rng = &mut self.rng;
        let mut go = || rng.gen::<u8>() >= m.stall;
        let mut ready = [false; 2];
        for (r, ready) in self.reads.iter_mut().zip(&mut ready) {
            let [.., rd_ready, data, last, err, valid, _] = r.ids;
            *ready = go();
            self.model.set(rd_ready, u64::from(*ready));
            // Once shown, a beat stays until it is taken.
            let due = r.queue.front().is_some_and(|q| q.0 <= self.clock);
            r.showing = due && (r.showing || go());
            self.model.set(valid, u64::from(r.showing));
            if r.showing {
                let (_, at, is_last) = r.queue[0];
                self.model.set_bytes(data, &self.memory[at as usize..at as usize + 64]);
                self.model.set(last, u64::from(is_last));
                self.model.set(err, u64::from(m.bad_read == Some(at)));
            }
        }
        let [wr_addr, wr_beats, wr_valid, wr_ready, wdat_data, wdat_valid, wdat_ready, wack, werr] =
            self.write;
        let (w_go, d_go) = (go(), go() && !self.writes.is_empty());
        self.model.set(wr_ready, u64::from(w_go));
        self.model.set(wdat_ready, u64::from(d_go));
        let ack = self.acks.front().is_some_and(|a| a.0 <= self.clock) && go();
        self.model.set(wack, u64::from(ack));
        if ack {
            let (_, bad) = self.acks.pop_front().expect("checked");
            self.model.set(werr, u64::from(bad));
        }
        self.model.eval().expect("eval");

        let [acc, agg, tail, add, feed, slot, point, queued] = self.events.map(|e| self.model.get(e));
        o.accumulate += acc;
        o.aggregate += agg;
        o.tail += tail;
        o.additions += add;
        o.stall_feed += feed;
        o.stall_slot += slot;
        o.queued += queued;
        o.points += point;
        o.cycles += 1;

        for (r, ready) in self.reads.iter_mut().zip(ready) {
            let [addr, beats, valid, .., dat_ready] = r.ids;
            if r.showing && self.model.get(dat_ready) == 1 {
                r.queue.pop_front();
                r.showing = false;
            }
            if ready && self.model.get(valid) == 1 {
                let (at, n) = (self.model.get(addr), self.model.get(beats) + 1);
                assert_eq!(at % 64, 0);
                assert_eq!(at / 4096, (at + 64 * n - 1) / 4096, "burst {at:#x}+{n} crosses 4 KiB");
                let jitter = if m.jitter > 0 { self.rng.gen_range(0..m.jitter) } else { 0 };
                let due = self.clock + m.latency + jitter;
                r.queue.extend((0..n).map(|i| (due + i, at + 64 * i, i + 1 == n)));
            }
        }
        if w_go && self.model.get(wr_valid) == 1 {
            assert_eq!(self.model.get(wr_beats), 0, "window sums are single beats");
            self.writes.push_back(self.model.get(wr_addr));
        }
        if d_go && self.model.get(wdat_valid) == 1 {
            let mut beat = vec![0; 64];
            self.model.get_bytes(wdat_data, &mut beat);
            self.data.push_back(beat);
        }
        while !self.writes.is_empty() && !self.data.is_empty() {
            let at = self.writes.pop_front().expect("checked");
            let data = self.data.pop_front().expect("checked");
            self.memory[at as usize..at as usize + 64].copy_from_slice(&data);
            self.acks.push_back((self.clock + m.latency, m.bad_write == Some(at)));
        }
        self.model.tick(1).expect("tick");
        self.clock += 1;
    }

    /// One clock.
    pub fn step(&mut self, m: Memory) {
        self.clock(m, &mut Outcome::default());
    }

    /// Hands over `cmd`; returns when the engine has taken it.
    pub fn begin(&mut self, cmd: &Command, m: Memory) {
        for (name, v) in [
            ("cmd_bases", cmd.bases),
            ("cmd_scalars", cmd.scalars),
            ("cmd_result", cmd.result),
            ("cmd_n", u64::from(cmd.n)),
            ("cmd_window_bits", u64::from(cmd.window_bits)),
            ("cmd_windows", u64::from(cmd.windows)),
            ("cmd_group", u64::from(cmd.g2)),
            ("cmd_montgomery", u64::from(cmd.montgomery)),
            ("cmd_more", u64::from(cmd.more)),
            ("cmd_stride", cmd.stride),
            ("cmd_valid", 1),
        ] {
            self.set(name, v);
        }
        for _ in 0..1 << 20 {
            self.model.eval().expect("eval");
            let taken = self.get("cmd_ready") == 1;
            self.step(m);
            if taken {
                self.set("cmd_valid", 0);
                return;
            }
        }
        panic!("the engine does not take a command");
    }

    /// Runs `cmd` to its end.
    pub fn run(&mut self, cmd: &Command, m: Memory) -> Outcome {
        self.begin(cmd, m);
        let mut o = Outcome::default();
        let members = u64::from(cmd.more) + 1;
        let items = members * (u64::from(cmd.n) * u64::from(cmd.windows) + (4 << cmd.window_bits) * 16);
        let deadline = 200_000 + members * 30_000 + 8 * items;
        let points = members * u64::from(cmd.n);
        while self.model.get(self.done) == 0 {
            let before = o.points;
            self.clock(m, &mut o);
            if o.points > 0 && before < points {
                o.feeding += 1;
            }
            assert!(o.cycles < deadline, "the engine hangs: {o:?}");
        }
        o.status = self.get("done_status");
        o.addr = self.get("done_addr");
        o.info = self.get("done_info");
        assert!(
            self.acks.is_empty() && self.reads.iter().all(|r| r.queue.is_empty()),
            "something is outstanding"
        );
        o
    }

    /// Raises `cancel` until the engine has drained.
    pub fn abort(&mut self, m: Memory) {
        self.set("cancel", 1);
        for _ in 0..10_000 {
            self.step(m);
            if self.get("busy") == 0 {
                assert!(self.acks.is_empty() && self.reads.iter().all(|r| r.queue.is_empty()), "outstanding");
                self.set("cancel", 0);
                self.step(m);
                return;
            }
        }
        panic!("the engine does not drain");
    }

    /// Resets the engine, memory having answered everything.
    pub fn reset(&mut self) {
        self.set("rst", 1);
        self.model.tick(1).expect("tick");
        self.set("rst", 0);
        for r in &mut self.reads {
            r.queue.clear();
            r.showing = false;
        }
        self.writes.clear();
        self.data.clear();
        self.acks.clear();
    }
}
