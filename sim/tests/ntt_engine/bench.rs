//! A bench around `ntt_engine` alone: card memory behind its two ports.

use super::ports::{Memory, ReadPort, WritePort};
use num_bigint::BigUint;
use permafrost_rtl::{
    hdl::Design,
    ntt::{
        block::Shape,
        engine,
        model::{Order, Pass},
    },
};
use permafrost_sim::verilated::{Model, PortId};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

/// A command, its parameters apart.
#[derive(Clone, Debug)]
pub struct Command {
    pub source: u64,
    pub destination: u64,
    pub params: u64,
    pub stride: u64,
    pub batch: u32,
    pub pass: Pass,
}

/// What a command did.
#[derive(Clone, Copy, Debug, Default)]
pub struct Outcome {
    pub status: u64,
    pub addr: u64,
    pub info: u64,
    pub clocks: u64,
    pub butterflies: u64,
    pub stall_in: u64,
    pub stall_out: u64,
    pub beats_read: u64,
    pub beats_written: u64,
}

pub struct Bench {
    pub model: Model,
    pub memory: Vec<u8>,
    pub read: ReadPort,
    pub write: WritePort,
    done: PortId,
    events: [PortId; 3],
    rng: ChaCha8Rng,
}

impl Bench {
    pub fn new(shape: &Shape, bytes: usize, seed: u64) -> Bench {
        let mut model = Model::new(&Design::elaborate(&engine(shape)).unwrap()).unwrap();
        let (read, write) = (ReadPort::new(&model, "in_"), WritePort::new(&model, "out_"));
        let port = |name: &str| model.port(name).unwrap();
        let (done, rst) = (port("done_valid"), port("rst"));
        let events = ["ev_butterflies", "ev_stall_in", "ev_stall_out"].map(port);
        model.set(rst, 1);
        model.tick(2).unwrap();
        model.set(rst, 0);
        let rng = ChaCha8Rng::seed_from_u64(seed);
        Bench { model, memory: vec![0; bytes], read, write, done, events, rng }
    }

    pub fn set(&mut self, name: &str, value: u64) {
        let port = self.model.port(name).unwrap();
        self.model.set(port, value);
    }

    pub fn get(&self, name: &str) -> u64 {
        self.model.get(self.model.port(name).unwrap())
    }

    pub fn put(&mut self, at: u64, x: &BigUint) {
        let (at, bytes) = (at as usize, x.to_bytes_le());
        self.memory[at..at + 32].fill(0);
        self.memory[at..at + bytes.len()].copy_from_slice(&bytes);
    }

    pub fn element(&self, at: u64) -> BigUint {
        BigUint::from_bytes_le(&self.memory[at as usize..at as usize + 32])
    }

    pub fn put_params(&mut self, at: u64, pass: &Pass) {
        let params = [&pass.omega, &pass.in_first, &pass.in_first_step, &pass.in_ratio, &pass.in_ratio_step];
        for (at, x) in (at..).step_by(32).zip(params.into_iter().chain([&pass.out_ratio])) {
            self.put(at, x);
        }
    }

    /// One clock.
    pub fn step(&mut self, m: &Memory) {
        self.read.drive(&mut self.model, &self.memory, m, &mut self.rng);
        self.write.drive(&mut self.model, m, &mut self.rng);
        self.model.eval().unwrap();
        self.read.sample(&self.model, &self.memory, m, &mut self.rng);
        self.write.sample(&self.model, &mut self.memory, m, &mut self.rng);
        self.model.tick(1).unwrap();
    }

    /// Hands over `cmd`; returns when the engine has taken it.
    pub fn begin(&mut self, cmd: &Command, m: &Memory) {
        let reversed = |order| u64::from(order == Order::BitReversed);
        for (name, value) in [
            ("source", cmd.source),
            ("destination", cmd.destination),
            ("params", cmd.params),
            ("stride", cmd.stride),
            ("batch", cmd.batch.into()),
            ("before", cmd.pass.log_before.into()),
            ("len", cmd.pass.log_len.into()),
            ("after", cmd.pass.log_after.into()),
            ("reversed_in", reversed(cmd.pass.input)),
            ("reversed_out", reversed(cmd.pass.output)),
            ("valid", 1),
        ] {
            self.set(&format!("cmd_{name}"), value);
        }
        for _ in 0..1000 {
            self.model.eval().unwrap();
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
    pub fn run(&mut self, cmd: &Command, m: &Memory) -> Outcome {
        let (clock, beats) = (self.model.clocks(), (self.read.beats, self.write.beats));
        self.begin(cmd, m);
        let mut o = Outcome::default();
        let elements = u64::from(cmd.batch) << (cmd.pass.log_before + cmd.pass.log_len + cmd.pass.log_after);
        let deadline = clock + 40_000 + 200 * elements;
        while self.model.get(self.done) == 0 {
            assert!(self.model.clocks() < deadline, "the engine hangs: {o:?} {cmd:?}");
            assert_eq!(self.get("busy"), 1);
            self.step(m);
            let [butterflies, stall_in, stall_out] = self.events.map(|id| self.model.get(id));
            o.butterflies += butterflies;
            o.stall_in += stall_in;
            o.stall_out += stall_out;
        }
        assert_eq!(self.get("busy"), 0, "busy with the completion");
        assert!(self.idle(), "something is outstanding");
        let (status, addr, info) = (self.get("done_status"), self.get("done_addr"), self.get("done_info"));
        let clocks = self.model.clocks() - clock;
        let (beats_read, beats_written) = (self.read.beats - beats.0, self.write.beats - beats.1);
        Outcome { status, addr, info, clocks, beats_read, beats_written, ..o }
    }

    /// Raises `cancel` until the engine has drained.
    pub fn cancel(&mut self, m: &Memory) {
        self.set("cancel", 1);
        let bursts = (self.read.bursts, self.write.bursts);
        for _ in 0..10_000 {
            self.model.eval().unwrap();
            if self.get("busy") == 0 {
                break;
            }
            self.step(m);
            assert_eq!(self.get("done_valid"), 0, "a completion after cancel");
        }
        assert!(self.get("busy") == 0 && self.idle(), "the engine does not drain");
        let begun = self.read.bursts + self.write.bursts - bursts.0 - bursts.1;
        assert!(begun <= 4, "{begun} bursts begin after cancel");
        self.set("cancel", 0);
    }

    pub fn idle(&self) -> bool {
        self.read.is_idle() && self.write.is_idle()
    }
}
