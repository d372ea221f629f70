//! A bench around `vector_engine` alone: card memory behind its five ports, each with its own random latency and stalls.

use crate::{
    case::Case,
    common::assert_same,
    ports::{Memory, ReadPort, WritePort},
};
use permafrost_abi::Status;
use permafrost_rtl::{
    hdl::Design,
    target::Target,
    vector::{engine, model::Model as Golden},
};
use permafrost_sim::verilated::Model;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

pub const FAST: Memory = Memory::latency(20);

/// Card memory; not a power of two, and what is behind it must not be touched.
pub const BYTES: usize = (2 << 20) - 192;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcome {
    pub status: u64,
    pub addr: u64,
    pub info: u64,
}

impl Outcome {
    pub const SUCCESS: Outcome = Outcome { status: Status::Success as u64, addr: 0, info: 0 };

    pub fn refused(status: Status, info: usize) -> Outcome {
        Outcome { status: status as u64, addr: 0, info: info as u64 }
    }

    pub fn failed(status: Status, addr: u64) -> Outcome {
        Outcome { status: status as u64, addr, info: 0 }
    }
}

/// Sets the command's ports, but not `cmd_valid`.
pub fn show(model: &mut Model, case: &Case) {
    let [a, b, c, d] = case.addresses;
    for (name, value) in [
        ("a", a),
        ("b", b),
        ("c", c),
        ("d", d),
        ("params", case.params),
        ("n", case.n as u64),
        ("operation", case.operation as u64),
        ("flags", case.flags.into()),
        ("kinds", case.kinds_byte().into()),
    ] {
        let port = model.port(&format!("cmd_{name}")).expect("port");
        model.set(port, value);
    }
}

pub struct Bench {
    model: Model,
    reads: [ReadPort; 4],
    write: WritePort,
    pub memory: Vec<u8>,
    pub golden: Golden,
    pub rng: ChaCha8Rng,
    /// Clocks of the last command, and elements that entered.
    pub clocks: u64,
    pub elements: u64,
}

impl Bench {
    pub fn new(target: Target, seed: u64) -> Bench {
        let mut model = Model::new(&Design::elaborate(&engine::engine(target)).unwrap()).unwrap();
        let reads = ["a_", "b_", "c_", "ix_"].map(|prefix| ReadPort::new(&model, prefix));
        let write = WritePort::new(&model, "d_");
        let rst = model.port("rst").unwrap();
        model.set(rst, 1);
        model.tick(2).unwrap();
        model.set(rst, 0);
        let dram_bytes = model.port("dram_bytes").unwrap();
        model.set(dram_bytes, BYTES as u64);
        let rng = ChaCha8Rng::seed_from_u64(seed);
        Bench { model, reads, write, memory: vec![], golden: Golden::new(), rng, clocks: 0, elements: 0 }
    }

    fn set(&mut self, name: &str, value: u64) {
        let port = self.model.port(name).unwrap();
        self.model.set(port, value);
    }

    pub fn get(&self, name: &str) -> u64 {
        self.model.get(self.model.port(name).unwrap())
    }

    /// One clock up to its rising edge, so that outputs can be read.
    fn settle(&mut self, m: &Memory) {
        for read in &mut self.reads {
            read.drive(&mut self.model, &self.memory, m, &mut self.rng);
        }
        self.write.drive(&mut self.model, m, &mut self.rng);
        self.model.eval().unwrap();
    }

    fn finish_clock(&mut self, m: &Memory) {
        for read in &mut self.reads {
            read.sample(&self.model, &self.memory, m, &mut self.rng);
        }
        self.write.sample(&self.model, &mut self.memory, m, &mut self.rng);
        self.model.tick(1).unwrap();
    }

    pub fn step(&mut self, m: &Memory) {
        self.settle(m);
        self.finish_clock(m);
    }

    fn assert_drained(&self) {
        assert!(self.write.is_idle() && self.reads.iter().all(ReadPort::is_idle), "something is outstanding");
    }

    /// Hands over `case` with memory as it is; returns when the engine has taken it.
    pub fn begin(&mut self, case: &Case, m: &Memory) {
        show(&mut self.model, case);
        self.set("cmd_valid", 1);
        for _ in 0..100 {
            self.settle(m);
            let taken = self.get("cmd_ready") == 1;
            self.finish_clock(m);
            if taken {
                self.set("cmd_valid", 0);
                return;
            }
        }
        panic!("the engine does not take a command");
    }

    /// Runs `case` to its end, with memory as it is.
    pub fn run(&mut self, case: &Case, m: &Memory) -> Outcome {
        self.begin(case, m);
        let done = self.model.port("done_valid").unwrap();
        let element = self.model.port("ev_element").unwrap();
        (self.clocks, self.elements) = (0, 0);
        while self.model.get(done) == 0 {
            self.settle(m);
            self.elements += self.model.get(element);
            self.finish_clock(m);
            self.clocks += 1;
            assert!(self.clocks < 50_000 + 100 * case.n as u64, "the engine hangs: {case:?}");
        }
        self.assert_drained();
        let outcome = Outcome {
            status: self.get("done_status"),
            addr: self.get("done_addr"),
            info: self.get("done_info"),
        };
        self.step(m);
        assert_eq!(self.get("done_valid"), 0, "one completion");
        outcome
    }

    /// Runs `case` on fresh memory and compares all of memory with what the model says.
    pub fn check(&mut self, case: &Case, m: &Memory) {
        assert!(case.end() <= BYTES, "the case does not fit");
        self.memory = case.memory(BYTES);
        let expected = case.after(&self.golden, self.memory.clone());
        let outcome = self.run(case, m);
        let what = format!(
            "{:?} {:?} flags {} n {} strides {:?} addresses {:x?}",
            case.operation, case.kinds, case.flags, case.n, case.strides, case.addresses
        );
        assert_eq!(outcome, Outcome::SUCCESS, "{what}");
        assert_same(&self.memory, &expected, &what);
        assert_eq!(self.elements, case.n as u64, "{what}: elements");
    }

    /// Runs `case` on fresh memory that `spoil` has changed: it must end as `expected`, nothing written.
    pub fn refuse(&mut self, case: &Case, spoil: impl Fn(&mut [u8]), expected: Outcome, what: &str) {
        self.memory = case.memory(BYTES);
        spoil(&mut self.memory);
        let before = self.memory.clone();
        let m = if self.rng.gen() { FAST } else { Memory::ROUGH };
        assert_eq!(self.run(case, &m), expected, "{what}");
        assert_same(&self.memory, &before, what);
    }

    /// Raises `cancel` until the engine has drained; no completion.
    pub fn abort(&mut self, m: &Memory) {
        self.set("cancel", 1);
        for _ in 0..10_000 {
            self.step(m);
            assert_eq!(self.get("done_valid"), 0, "no completion after a cancellation");
            if self.get("busy") == 0 {
                self.assert_drained();
                self.set("cancel", 0);
                self.step(m);
                return;
            }
        }
        panic!("the engine does not drain");
    }
}
