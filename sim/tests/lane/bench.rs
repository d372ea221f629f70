//! A bench around `msm_lane`: jobs in, window sums out, with random gaps and stalls.

use crate::adder::{self, Point};
use permafrost_rtl::{
    hdl::Design,
    msm::lane::{self, LaneShape},
};
use permafrost_sim::verilated::{build, BuildOptions, Model, PortId};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Bucket items of one job: `entries` windows of `c` bits.
#[derive(Clone)]
pub struct Job {
    pub c: u32,
    pub entries: usize,
    pub items: Vec<(usize, Point)>,
}

/// Chances, of 256 a tick, that no item is offered and that an output is not taken.
#[derive(Clone, Copy, Debug, Default)]
pub struct Rough {
    pub gap: u8,
    pub stall: u8,
}

/// What a run showed, in ticks.
#[derive(Clone, Copy, Debug, Default)]
pub struct Outcome {
    pub ticks: u64,
    pub additions: u64,
    /// Ticks while open with an item offered, and those of them in which one waited for a port.
    pub bucket: u64,
    pub bucket_waits: u64,
    pub waits: u64,
    pub halves: u64,
    pub tail: u64,
    /// From the last close to the last output.
    pub after_close: u64,
    /// Additions while a tail ran beside an open front.
    pub overlap: u64,
}

struct Ports {
    rst: PortId,
    g2: PortId,
    tick: PortId,
    window_bits: PortId,
    entries: PortId,
    item_valid: PortId,
    item_ready: PortId,
    item_addr: PortId,
    item_value: PortId,
    open: PortId,
    close: PortId,
    clear: PortId,
    clean: PortId,
    out_valid: PortId,
    out_ready: PortId,
    out_value: PortId,
    ev_add: PortId,
    ev_wait: PortId,
    ev_halves: PortId,
    ev_tail: PortId,
    ev_queued: PortId,
}

pub struct Bench {
    model: Model,
    p: Ports,
    pub g2: bool,
    pub rng: ChaCha8Rng,
    /// Feed: job, item, and whether the item is being offered; outputs so far; ticks of the run.
    job: usize,
    item: usize,
    offered: bool,
    value_of: Option<(usize, usize)>,
    out: Vec<Point>,
    taking: bool,
    o: Outcome,
    closed_at: u64,
}

impl Bench {
    pub fn new(shape: &LaneShape, latency: usize, seed: u64) -> Bench {
        let adder = adder::adder(latency, lane::tag_bits(shape));
        let design = Design::elaborate(&lane::lane(shape, &adder)).expect("design");
        let model = build(&design, &BuildOptions::default()).expect("build").instantiate().expect("model");
        let port = |name: &str| model.port(name).expect("port");
        let p = Ports {
            rst: port("rst"),
            g2: port("g2"),
            tick: port("tick"),
            window_bits: port("window_bits"),
            entries: port("entries"),
            item_valid: port("item_valid"),
            item_ready: port("item_ready"),
            item_addr: port("item_addr"),
            item_value: port("item_value"),
            open: port("open"),
            close: port("close"),
            clear: port("clear"),
            clean: port("clean"),
            out_valid: port("out_valid"),
            out_ready: port("out_ready"),
            out_value: port("out_value"),
            ev_add: port("ev_add"),
            ev_wait: port("ev_wait"),
            ev_halves: port("ev_halves"),
            ev_tail: port("ev_tail"),
            ev_queued: port("ev_queued"),
        };
        let mut b = Bench {
            model,
            p,
            g2: false,
            rng: ChaCha8Rng::seed_from_u64(seed),
            job: 0,
            item: 0,
            offered: false,
            value_of: None,
            out: vec![],
            taking: false,
            o: Outcome::default(),
            closed_at: 0,
        };
        b.reset();
        assert!(b.clean(), "slots power up empty");
        b
    }

    fn get(&self, p: PortId) -> bool {
        self.model.get(p) != 0
    }

    pub fn clean(&self) -> bool {
        self.get(self.p.clean)
    }

    pub fn reset(&mut self) {
        self.model.set(self.p.item_valid, 0);
        self.model.set(self.p.close, 0);
        self.model.set(self.p.rst, 1);
        self.model.tick(1 + self.rng.gen_range(0..3)).expect("tick");
        self.model.set(self.p.rst, 0);
        self.model.eval().expect("eval");
        (self.offered, self.taking) = (false, false);
    }

    /// The clocks of a tick: in G2 mode two without `tick` first, with the same inputs.
    fn clocks(&mut self) {
        self.model.set(self.p.tick, 1);
        self.model.tick(1).expect("tick");
        if self.g2 {
            self.model.set(self.p.tick, 0);
            self.model.tick(2).expect("tick");
        }
        self.o.ticks += 1;
    }

    /// One tick of feeding `jobs` and taking outputs.
    fn step(&mut self, jobs: &[Job], rough: Rough) {
        let p = &self.p;
        let m = &mut self.model;
        let job = jobs.get(self.job);
        m.set(p.tick, 1);
        m.set(p.g2, u64::from(self.g2));
        let stalled = self.rng.gen::<u8>() < rough.stall;
        self.taking = !stalled;
        m.set(p.out_ready, u64::from(self.taking));
        m.set(p.close, 0);
        // Items are offered whether or not the lane is open; once offered they stay.
        let more = job.is_some_and(|j| self.item < j.items.len());
        self.offered = more && (self.offered || self.rng.gen::<u8>() >= rough.gap);
        m.set(p.item_valid, u64::from(self.offered));
        if let Some(j) = job {
            m.set(p.window_bits, j.c.into());
            m.set(p.entries, j.entries as u64);
            if self.offered && self.value_of != Some((self.job, self.item)) {
                let (addr, value) = &j.items[self.item];
                m.set(p.item_addr, *addr as u64);
                m.set_bytes(p.item_value, &value.bytes());
                self.value_of = Some((self.job, self.item));
            }
        }
        m.eval().expect("eval");
        let open = m.get(p.open) != 0;
        let fire = self.offered && m.get(p.item_ready) != 0;
        let last = job.is_some_and(|j| self.item + usize::from(fire) == j.items.len());
        // The close comes with the last item or later.
        let close = open && last && (!fire || self.rng.gen());
        if close {
            m.set(p.close, 1);
            m.eval().expect("eval");
        }
        let o = &mut self.o;
        let add = m.get(p.ev_add);
        let wait = m.get(p.ev_wait);
        let tail = m.get(p.ev_tail);
        o.additions += add;
        o.waits += wait;
        o.tail += tail;
        o.halves += m.get(p.ev_halves);
        if open && self.offered {
            o.bucket += 1;
            o.bucket_waits += wait;
            o.overlap += tail & add;
        }
        assert!(m.get(p.ev_queued) <= 32);
        if m.get(p.out_valid) != 0 && self.taking {
            let mut bytes = [0u8; 128];
            m.get_bytes(p.out_value, &mut bytes);
            let mut point = Point::ZERO;
            for bit in 0..1016 {
                let c = &mut point.0[bit / 254];
                let at = bit % 254;
                c[at / 64] |= u64::from(bytes[bit / 8] >> (bit % 8) & 1) << (at % 64);
            }
            self.out.push(point);
            o.after_close = o.ticks - self.closed_at;
        }
        if fire {
            self.item += 1;
            self.offered = false;
        }
        if close {
            self.job += 1;
            self.item = 0;
            self.closed_at = o.ticks;
        }
        self.clocks();
    }

    fn begin(&mut self) {
        (self.job, self.item, self.offered, self.value_of) = (0, 0, false, None);
        self.out.clear();
        self.o = Outcome::default();
        self.closed_at = 0;
    }

    /// Runs `jobs` one behind the other, and gives their window sums in order. The lane is clean afterwards.
    pub fn run(&mut self, jobs: &[Job], rough: Rough) -> (Vec<Point>, Outcome) {
        self.begin();
        let sums: usize = jobs.iter().map(|j| j.entries).sum();
        let items: usize = jobs.iter().map(|j| j.items.len()).sum();
        let slots: usize = jobs.iter().map(|j| j.entries << j.c).sum();
        let limit = 100_000 + 100 * (items + 4 * slots) as u64;
        while self.out.len() < sums {
            self.step(jobs, rough);
            assert!(self.o.ticks < limit, "hangs at job {} item {}: {:?}", self.job, self.item, self.o);
        }
        let mut rest = 0;
        while !self.clean() {
            self.step(&[], rough);
            rest += 1;
            assert!(rest < 100, "not clean after the last output");
        }
        assert_eq!(self.out.len(), sums);
        (self.out.clone(), self.o)
    }

    /// Runs `jobs` for `ticks` ticks and leaves them there.
    pub fn run_part(&mut self, jobs: &[Job], rough: Rough, ticks: u64) {
        self.begin();
        for _ in 0..ticks {
            self.step(jobs, rough);
        }
    }

    /// Clears (with items still offered, now and then) until clean.
    pub fn clear(&mut self, jobs: &[Job]) {
        self.model.set(self.p.clear, 1);
        let mut ticks = 0;
        loop {
            let outs = self.out.len();
            let at = (self.job, self.item);
            self.step(jobs, Rough::default());
            ticks += 1;
            assert!(!self.get(self.p.open) && at == (self.job, self.item), "nothing is taken");
            assert!(ticks < 2 || self.out.len() == outs, "nothing is put out");
            assert!(ticks < 1_000_000, "clear ends");
            if self.clean() && self.rng.gen() {
                break;
            }
        }
        self.model.set(self.p.clear, 0);
        self.offered = false;
        self.model.set(self.p.item_valid, 0);
        self.model.eval().expect("eval");
    }
}
