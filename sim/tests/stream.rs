//! The streams between card memory and an engine: jobs of every kind under stalls on all sides, errors, flushes, and the
//! clocks an element takes.

mod ports;

use permafrost_rtl::{
    hdl::Design,
    stream::{reader, writer, ELEMENT_BYTES},
};
use permafrost_sim::verilated::{Model, PortId};
use ports::{Memory, ReadPort, WritePort};
use rand::{Rng, RngCore, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::{collections::VecDeque, sync::Arc};

const BYTES: usize = 1 << 17;

type Element = [u8; ELEMENT_BYTES];

/// A run of elements: address, count.
type Job = (u64, u64);

fn rng() -> ChaCha8Rng {
    let seed = std::env::var("PERMAFROST_SEED").ok().and_then(|s| s.parse().ok()).unwrap_or(0x5eed_0021);
    println!("seed {seed} (set PERMAFROST_SEED to repeat)");
    ChaCha8Rng::seed_from_u64(seed)
}

/// What moves with the jobs of a run.
enum Side {
    Reader(ReadPort),
    Writer(WritePort),
}

struct Bench {
    model: Model,
    side: Side,
    memory: Vec<u8>,
    job: [PortId; 4],
    stream: [PortId; 3],
    /// The reader's top two bits of an element.
    top: Option<PortId>,
    flush: PortId,
    state: [PortId; 3],
    rng: ChaCha8Rng,
}

impl Bench {
    fn new(module: &Arc<permafrost_rtl::hdl::Module>, mut rng: ChaCha8Rng) -> Bench {
        let mut model = Model::new(&Design::elaborate(module).unwrap()).unwrap();
        let port = |name: &str| model.port(name).unwrap();
        let job = ["job_valid", "job_ready", "job_addr", "job_count"].map(port);
        let (flush, state) = (port("flush"), ["busy", "err", "err_addr"].map(port));
        let (side, stream) = match module.name() {
            "stream_reader" => {
                (Side::Reader(ReadPort::new(&model, "")), ["out_valid", "out_ready", "out_data"].map(port))
            }
            _ => (Side::Writer(WritePort::new(&model, "")), ["in_valid", "in_ready", "in_data"].map(port)),
        };
        let (rst, top) = (port("rst"), model.port("out_top").ok());
        model.set(rst, 1);
        model.tick(2).unwrap();
        model.set(rst, 0);
        let mut memory = vec![0; BYTES];
        rng.fill_bytes(&mut memory);
        Bench { model, side, memory, job, stream, top, flush, state, rng }
    }

    /// One clock; `offer` is what the writer's input shows. Returns the element that moved on the stream.
    fn clock(
        &mut self,
        m: &Memory,
        job: Option<Job>,
        offer: Option<Element>,
        go: bool,
    ) -> (bool, Option<Element>) {
        let [job_valid, job_ready, job_addr, job_count] = self.job;
        let [valid, ready, data] = self.stream;
        let model = &mut self.model;
        model.set(job_valid, u64::from(job.is_some()));
        if let Some((addr, count)) = job {
            model.set(job_addr, addr);
            model.set(job_count, count);
        }
        match &mut self.side {
            Side::Reader(port) => {
                model.set(ready, u64::from(go));
                port.drive(model, &self.memory, m, &mut self.rng);
            }
            Side::Writer(port) => {
                model.set(valid, u64::from(go && offer.is_some()));
                if let Some(element) = offer {
                    model.set_bytes(data, &element);
                }
                port.drive(model, m, &mut self.rng);
            }
        }
        model.eval().unwrap();
        match &mut self.side {
            Side::Reader(port) => port.sample(model, &self.memory, m, &mut self.rng),
            Side::Writer(port) => port.sample(model, &mut self.memory, m, &mut self.rng),
        }
        let moved = (model.get(valid) == 1 && model.get(ready) == 1).then(|| {
            let mut element = [0; ELEMENT_BYTES];
            model.get_bytes(data, &mut element);
            element[31] |= self.top.map_or(0, |top| model.get(top) as u8) << 6;
            element
        });
        let taken = job.is_some() && model.get(job_ready) == 1;
        model.tick(1).unwrap();
        (taken, moved)
    }

    /// What a writer is given: 254 bits.
    fn element(&mut self) -> Element {
        let mut element: Element = self.rng.gen();
        element[31] &= 0x3f;
        element
    }

    fn idle(&self) -> bool {
        match &self.side {
            Side::Reader(port) => port.is_idle(),
            Side::Writer(port) => port.is_idle(),
        }
    }

    fn state(&self) -> (bool, Option<u64>) {
        let [busy, err, addr] = self.state.map(|id| self.model.get(id));
        (busy == 1, (err == 1).then_some(addr))
    }

    /// Runs `jobs` until all is moved, or `clocks` have gone, or there is an error. `stall`: how often the element side
    /// waits. Returns the clocks taken and the elements moved.
    fn run(&mut self, jobs: &[Job], m: &Memory, stall: f64, clocks: u64) -> (u64, Vec<Element>) {
        let addresses = |jobs: &[Job]| -> Vec<u64> {
            jobs.iter().flat_map(|&(at, n)| (0..n).map(move |i| at + i * ELEMENT_BYTES as u64)).collect()
        };
        let addresses = addresses(jobs);
        let writing = matches!(self.side, Side::Writer(_));
        let mut source: VecDeque<Element> = match writing {
            true => addresses.iter().map(|_| self.element()).collect(),
            false => VecDeque::new(),
        };
        let before = self.memory.clone();
        let (mut jobs, mut moved) = (jobs.iter().copied().peekable(), vec![]);
        let (mut clock, mut quiet, mut seen) = (0, 0, false);
        loop {
            let go = seen || !self.rng.gen_bool(stall);
            let (took, element) = self.clock(m, jobs.peek().copied(), source.front().copied(), go);
            // What the writer is offered stays until it is taken.
            seen = writing && go && element.is_none() && !source.is_empty();
            if took {
                jobs.next();
            }
            quiet = if took || element.is_some() { 0 } else { quiet + 1 };
            if let Some(element) = element {
                if writing {
                    source.pop_front();
                } else {
                    let at = addresses[moved.len()] as usize;
                    assert_eq!(element, before[at..at + ELEMENT_BYTES], "element {}", moved.len());
                }
                moved.push(element);
            }
            clock += 1;
            let (busy, err) = self.state();
            let over = moved.len() == addresses.len() && jobs.peek().is_none() && !busy;
            if over || clock == clocks || err.is_some() {
                break;
            }
            assert!(quiet < 2000, "nothing moves: {} of {} elements", moved.len(), addresses.len());
        }
        if let (true, (false, None)) = (writing, self.state()) {
            let mut expected = before;
            for (&at, element) in addresses.iter().zip(&moved) {
                expected[at as usize..at as usize + ELEMENT_BYTES].copy_from_slice(element);
            }
            assert!(self.memory == expected, "memory differs");
        }
        (clock, moved)
    }

    /// Drops all there is, with an element on offer that must not be taken.
    fn flush(&mut self, m: &Memory) {
        self.model.set(self.flush, 1);
        let bursts = self.bursts();
        for clock in 0.. {
            let (took, moved) = self.clock(m, Some((0, 5)), Some([0; 32]), true);
            assert!(!took && moved.is_none(), "a flush lets something through");
            if !self.state().0 {
                break;
            }
            assert!(clock < 5000, "the flush does not end");
        }
        assert!(self.idle(), "something is outstanding after the flush");
        assert!(self.bursts() <= bursts + 1, "a burst begins under flush");
        self.model.set(self.flush, 0);
        assert_eq!(self.state(), (false, None));
    }

    fn bursts(&self) -> u64 {
        match &self.side {
            Side::Reader(port) => port.bursts,
            Side::Writer(port) => port.bursts,
        }
    }
}

/// Jobs of about `elements` together that do not overlap: single ones, short ones, some over several pages.
fn jobs(rng: &mut ChaCha8Rng, elements: u64) -> Vec<Job> {
    let room = BYTES as u64 / ELEMENT_BYTES as u64;
    let (mut jobs, mut at, mut total) = (vec![], rng.gen_range(0..8), 0);
    while total < elements {
        let count = match rng.gen_range(0..8) {
            0..=2 => 1,
            3..=5 => rng.gen_range(2..20),
            6 => rng.gen_range(20..80),
            _ => rng.gen_range(100..500),
        };
        if at + count > room {
            break;
        }
        jobs.push((at * ELEMENT_BYTES as u64, count));
        at += count + [0, 0, 1, 5][rng.gen_range(0..4)];
        total += count;
    }
    for i in (1..jobs.len()).rev() {
        jobs.swap(i, rng.gen_range(0..=i));
    }
    jobs
}

/// Everything at random, each time followed by a flush in the middle of other jobs.
fn random(module: &Arc<permafrost_rtl::hdl::Module>) {
    let mut rng = rng();
    let mut b = Bench::new(module, ChaCha8Rng::seed_from_u64(rng.gen()));
    let memories =
        [Memory::latency(1), Memory::latency(40), Memory::ROUGH, Memory { jitter: 3, ..Memory::ROUGH }];
    for round in 0..40 {
        let (m, stall) = (memories[round % 4], [0.0, 0.3, 0.8][round % 3]);
        b.run(&jobs(&mut rng, 1500), &m, stall, u64::MAX);
        assert!(b.idle() && b.state() == (false, None), "round {round}");
        let clocks = rng.gen_range(1..600);
        b.run(&jobs(&mut rng, 1500), &m, stall, clocks);
        b.flush(&m);
    }
}

/// One beat fails: it is named, and a flush makes the stream ready again.
fn errors(module: &Arc<permafrost_rtl::hdl::Module>) {
    let mut rng = rng();
    let mut b = Bench::new(module, ChaCha8Rng::seed_from_u64(rng.gen()));
    for round in 0..30 {
        let jobs = jobs(&mut rng, 800);
        let place = jobs[rng.gen_range(0..jobs.len())];
        let beat = (place.0 + rng.gen_range(0..place.1) * ELEMENT_BYTES as u64) / 64 * 64;
        let m = Memory {
            bad_read: Some(beat),
            bad_write: Some(beat),
            ..[Memory::latency(9), Memory::ROUGH][round % 2]
        };
        let (_, moved) = b.run(&jobs, &m, 0.2, u64::MAX);
        let (_, err) = b.state();
        match &b.side {
            Side::Reader(_) => {
                assert_eq!(err, Some(beat), "{place:?}");
                let all = jobs.iter().flat_map(|&(at, n)| (0..n).map(move |i| (at + 32 * i) / 64 * 64));
                let before = all.take_while(|at| *at != beat).count();
                assert!(moved.len() <= before, "{} elements, {before} are good", moved.len());
            }
            Side::Writer(_) => {
                let err = err.expect("an error");
                assert!(err <= beat && beat < err + 1024 && err % 64 == 0, "{err:#x} for {beat:#x}");
            }
        }
        b.flush(&Memory { bad_read: None, bad_write: None, ..m });
        b.run(&[(96, 7), (4064, 3)], &Memory::latency(3), 0.0, u64::MAX);
        assert_eq!(b.state(), (false, None));
    }
}

/// Elements a clock, counted from the first job to the last element or answer, less one latency.
fn rate(module: &Arc<permafrost_rtl::hdl::Module>) {
    let mut b = Bench::new(module, rng());
    let m = Memory::latency(40);
    let runs = |count: u64, stride: u64| -> Vec<Job> {
        (0..3200 / count).map(|i| (32 * (i * stride % 4001), count)).collect()
    };
    for (kind, jobs) in [
        ("one long job", vec![(32, 3200)]),
        ("single elements, stride 64", runs(1, 64)),
        ("pairs that share beats with others", runs(2, 65)),
        ("256 bytes", runs(8, 64)),
        ("rows of 33", runs(33, 65)),
    ] {
        let (clocks, moved) = b.run(&jobs, &m, 0.0, u64::MAX);
        let rate = moved.len() as f64 / (clocks - m.latency) as f64;
        println!("{}, {kind}: {} elements, {clocks} clocks, {rate:.3} a clock", module.name(), moved.len());
        assert!(rate >= 0.98, "{kind}");
    }
}

#[test]
fn reader_random() {
    random(&reader());
}

#[test]
fn writer_random() {
    random(&writer());
}

#[test]
fn reader_errors() {
    errors(&reader());
}

#[test]
fn writer_errors() {
    errors(&writer());
}

#[test]
fn reader_rate() {
    rate(&reader());
}

#[test]
fn writer_rate() {
    rate(&writer());
}
