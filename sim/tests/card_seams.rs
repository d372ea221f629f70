//! The card's pins, clock by clock: AXI4-Lite channels in every order, interrupts held up, and what `idle` promises.

mod card_common;

use card_common::*;
use permafrost_abi::{
    command::{Command, CopyCommand, CopyKind, CreateQueueCommand, NopCommand},
    counter, cq_doorbell, reg,
    registers::AdminSize,
    sq_doorbell, Completion, Status,
};
use permafrost_sim::{
    axi::{Dram, Memory, Slave},
    verilated::{Model, PortId},
};

const MEMORY: u64 = 1 << 20;
const BRESP_SLVERR: u64 = 2;

struct Pins {
    rst: PortId,
    idle: PortId,
    irq: [PortId; 3],
    host_b: [PortId; 2],
    aw: [PortId; 3],
    w: [PortId; 4],
    b: [PortId; 3],
    ar: [PortId; 3],
    r: [PortId; 3],
    requests: [PortId; 6],
}

/// The model with memories around it. Host memory starts at address 0.
struct Bench {
    model: Model,
    pins: Pins,
    host: Slave<Dram>,
    dram: Slave<Dram>,
    rng: Random,
    irq_stall: u64,
    /// Host writes answered, less interrupts raised.
    answered: u64,
    /// Vectors taken, in order.
    irqs: Vec<u64>,
    pending_irq: Option<u64>,
    was_idle: bool,
}

impl Bench {
    fn new(seed: u64) -> Bench {
        let mut rng = Random::new(seed);
        let options = rough(&mut rng);
        let mut model = Model::new(&design(&options.config)).unwrap();
        let port = |name: &str| model.port(name).unwrap();
        let axil = |names: [&str; 3]| names.map(|n| port(&format!("s_axil_{n}")));
        let pins = Pins {
            rst: port("rst"),
            idle: port("idle"),
            irq: ["irq_valid", "irq_vector", "irq_ready"].map(port),
            host_b: ["m_host_bvalid", "m_host_bready"].map(port),
            aw: axil(["awvalid", "awready", "awaddr"]),
            w: ["wvalid", "wready", "wdata", "wstrb"].map(|n| port(&format!("s_axil_{n}"))),
            b: axil(["bvalid", "bready", "bresp"]),
            ar: axil(["arvalid", "arready", "araddr"]),
            r: axil(["rvalid", "rready", "rdata"]),
            requests: [
                "m_host_arvalid",
                "m_host_awvalid",
                "m_host_wvalid",
                "m_dram_arvalid",
                "m_dram_awvalid",
                "m_dram_wvalid",
            ]
            .map(port),
        };
        let [strap, power_on, clean] = ["cfg_dram_bytes", "power_on", "dram_clean"].map(port);
        model.set(strap, MEMORY);
        model.set(power_on, 1);
        model.set(clean, 1);
        let host = Slave::new(&model, "m_host", Dram::new(MEMORY), options.host, 1).unwrap();
        let dram = Slave::new(&model, "m_dram", Dram::new(MEMORY), options.dram, 2).unwrap();
        let irq_stall = rng.within(0..=250);
        let mut bench = Bench {
            model,
            pins,
            host,
            dram,
            rng,
            irq_stall,
            answered: 0,
            irqs: vec![],
            pending_irq: None,
            was_idle: false,
        };
        bench.model.set(bench.pins.rst, 1);
        for _ in 0..4 {
            bench.model.rise().unwrap();
            bench.host.reset(&mut bench.model);
            bench.dram.reset(&mut bench.model);
            bench.model.fall().unwrap();
        }
        bench.model.set(bench.pins.rst, 0);
        bench.model.set(power_on, 0);
        bench.model.eval().unwrap();
        bench
    }

    fn get(&self, port: PortId) -> u64 {
        self.model.get(port)
    }

    /// One clock; `drive` sets pins after the rising edge.
    fn clock(&mut self, drive: impl FnOnce(&mut Model)) {
        self.host.sample(&self.model).unwrap();
        self.dram.sample(&self.model).unwrap();
        let irq = self.pins.irq.map(|p| self.get(p));
        match self.pending_irq {
            Some(vector) => assert_eq!((irq[0], irq[1]), (1, vector), "an interrupt changed while it waited"),
            None if irq[0] == 1 => {
                assert!(self.answered > 0, "an interrupt before the completion's write was answered");
                self.answered -= 1;
                self.pending_irq = Some(irq[1]);
            }
            None => (),
        }
        self.answered += u64::from(self.pins.host_b.iter().all(|&p| self.get(p) == 1));
        if irq[0] == 1 && irq[2] == 1 {
            self.irqs.push(irq[1]);
            self.pending_irq = None;
        }
        let mmio = [self.pins.aw[0], self.pins.w[0], self.pins.ar[0]].iter().any(|&p| self.get(p) != 0);
        if self.was_idle && !mmio {
            assert!(self.pins.requests.iter().all(|&p| self.get(p) == 0), "a request out of idleness");
            assert_eq!(irq[0], 0, "an interrupt out of idleness");
            assert_eq!(self.get(self.pins.idle), 1, "idleness ended by itself");
        }
        self.was_idle = self.get(self.pins.idle) == 1;
        if self.was_idle {
            assert!(!mmio && self.host.is_idle() && self.dram.is_idle(), "idle with work in hand");
        }
        self.model.rise().unwrap();
        self.host.drive(&mut self.model);
        self.dram.drive(&mut self.model);
        let ready = self.rng.within(0..=255) >= self.irq_stall;
        self.model.set(self.pins.irq[2], u64::from(ready));
        drive(&mut self.model);
        self.model.fall().unwrap();
    }

    /// A register write with AW, W and B at random distances; returns BRESP.
    fn write_strobed(&mut self, offset: u64, value: u32, strobe: u64) -> u64 {
        let mut delay = [self.rng.within(0..=5), self.rng.within(0..=5), self.rng.within(0..=8)];
        let (mut aw_done, mut w_done, mut answer) = (false, false, None);
        loop {
            let [aw, w] = [delay[0] == 0 && !aw_done, delay[1] == 0 && !w_done];
            let b = delay[2] == 0;
            let (pa, pw, pb) = (self.pins.aw, self.pins.w, self.pins.b);
            self.clock(|m| {
                m.set(pa[0], u64::from(aw));
                m.set(pa[2], if aw { offset } else { 0x5a5a });
                m.set(pw[0], u64::from(w));
                m.set(pw[2], if w { value.into() } else { 0xdead_beef });
                m.set(pw[3], if w { strobe } else { 0 });
                m.set(pb[1], u64::from(b));
            });
            // Handshakes of the clock that has just begun.
            let seen = (self.get(pb[0]) == 1).then(|| self.get(pb[2]));
            if let Some(before) = answer {
                assert_eq!(seen, Some(before), "B changed while it waited");
            }
            if seen.is_some() {
                assert!(aw_done && w_done, "an answer before the request");
                answer = seen;
            }
            aw_done |= aw && self.get(pa[1]) == 1;
            w_done |= w && self.get(pw[1]) == 1;
            for d in &mut delay {
                *d = d.saturating_sub(1);
            }
            if let (Some(resp), true) = (answer, b) {
                self.clock(|m| {
                    for port in [pa[0], pw[0], pb[1]] {
                        m.set(port, 0);
                    }
                });
                assert_eq!(self.get(pb[0]), 0);
                return resp;
            }
        }
    }

    fn write(&mut self, offset: u64, value: u32) {
        assert_eq!(self.write_strobed(offset, value, 0xf), 0);
    }

    fn write64(&mut self, offset: u64, value: u64) {
        self.write(offset, value as u32);
        self.write(offset + 4, (value >> 32) as u32);
    }

    fn read(&mut self, offset: u64) -> u32 {
        let mut hold = self.rng.within(0..=6);
        let (pa, pr) = (self.pins.ar, self.pins.r);
        let (mut asked, mut value) = (false, None);
        loop {
            let (ar, r) = (!asked, hold == 0);
            self.clock(|m| {
                m.set(pa[0], u64::from(ar));
                m.set(pa[2], if ar { offset } else { 0xffff });
                m.set(pr[1], u64::from(r));
            });
            let seen = (self.get(pr[0]) == 1).then(|| self.get(pr[2]) as u32);
            if value.is_some() {
                assert_eq!(seen, value, "R changed while it waited");
            }
            value = seen;
            asked |= self.get(pa[1]) == 1;
            hold = hold.saturating_sub(1);
            if let (Some(value), true) = (value, r) {
                self.clock(|m| {
                    m.set(pa[0], 0);
                    m.set(pr[1], 0);
                });
                return value;
            }
        }
    }

    fn read64(&mut self, offset: u64) -> u64 {
        u64::from(self.read(offset)) | u64::from(self.read(offset + 4)) << 32
    }

    fn put(&mut self, at: u64, command: &Command) {
        let beat = bytemuck::bytes_of(command).try_into().unwrap();
        self.host.memory().write(at, &beat, u64::MAX);
    }

    fn completion(&mut self, ring: u64, slot: u64) -> Completion {
        let mut beat = [0; 64];
        let at = ring + slot * 16;
        self.host.memory().read(at & !63, &mut beat);
        bytemuck::pod_read_unaligned(&beat[(at % 64) as usize..][..16])
    }

    fn until(&mut self, mut done: impl FnMut(&mut Bench) -> bool) {
        for _ in 0..200_000 {
            if done(self) {
                return;
            }
            self.clock(|_| ());
        }
        panic!("waited for 200000 clocks");
    }
}

#[test]
fn register_accesses_in_every_order() {
    for seed in 0..8 {
        let mut b = Bench::new(100 + seed);
        let registers = [reg::ADMIN_SQ, reg::ADMIN_SQ + 4, reg::ADMIN_CQ, reg::ADMIN_CQ + 4, reg::ADMIN_SIZE];
        let mut model = [0u32; 5];
        for _ in 0..100 {
            let i = b.rng.within(0..=4) as usize;
            match b.rng.within(0..=3) {
                0 => {
                    let value = b.rng.next() as u32;
                    b.write(registers[i], value);
                    model[i] = value;
                }
                1 => {
                    // A partial write is refused and changes nothing.
                    let (value, strobe) = (b.rng.next() as u32, b.rng.within(0..=14));
                    assert_eq!(b.write_strobed(registers[i], value, strobe), BRESP_SLVERR);
                }
                _ => assert_eq!(b.read(registers[i]), model[i]),
            }
        }
        // All ones are never read.
        b.write(reg::ADMIN_SQ, u32::MAX);
        assert_eq!(b.read(reg::ADMIN_SQ), u32::MAX - 1);
        for offset in (0..0x10000).step_by(0x124) {
            assert_ne!(b.read(offset & !3), u32::MAX);
        }
    }
}

#[test]
fn interrupts_wait_and_idle_keeps_its_word() {
    const ENTRIES: u64 = 16;
    for seed in 0..10 {
        let mut b = Bench::new(200 + seed);
        let (sq, cq) = (|q: u64| 0x1000 + 0x2000 * q, |q: u64| 0x2000 + 0x2000 * q);
        b.write64(reg::ADMIN_SQ, sq(0));
        b.write64(reg::ADMIN_CQ, cq(0));
        b.write(reg::ADMIN_SIZE, AdminSize::from_fields(ENTRIES as u32, ENTRIES as u32).0);
        assert_eq!(b.read64(reg::ADMIN_CQ), cq(0));
        b.write(reg::CC, 1);
        let mut done = [0u64; 3];
        for q in 1..=2u64 {
            let body = CreateQueueCommand {
                sq_iova: sq(q),
                cq_iova: cq(q),
                queue: q as u16,
                sq_entries: ENTRIES as u16,
                cq_entries: ENTRIES as u16,
                irq_vector: q as u16,
                ..Default::default()
            };
            b.put(sq(0) + (q - 1) * 64, &Command::new(&body));
            b.write(sq_doorbell(0), q as u32);
            b.until(|b| b.irqs.iter().filter(|v| **v == 0).count() as u64 == q);
            assert_eq!(b.completion(cq(0), q - 1).status(), Ok(Status::Success));
            b.write(cq_doorbell(0), q as u32);
        }
        for round in 0..30u16 {
            let mut batch = [0, b.rng.within(0..=ENTRIES - 1), b.rng.within(1..=ENTRIES - 1)];
            if b.rng.within(0..=1) == 0 {
                batch.swap(1, 2);
            }
            for q in 1..=2u64 {
                for i in 0..batch[q as usize] {
                    let mut command = match b.rng.within(0..=1) {
                        0 => Command::new(&NopCommand::default()),
                        _ => {
                            let (card, len) = (64 * b.rng.within(0..=500), 64 * b.rng.within(0..=40));
                            Command::new(&CopyCommand::contiguous(CopyKind::HostToCard, card, 0x10000, len))
                        }
                    };
                    command.cid = round;
                    b.put(sq(q) + (done[q as usize] + i) % ENTRIES * 64, &command);
                }
            }
            // Let it fall idle before some of the doorbells.
            for _ in 0..b.rng.within(0..=300) {
                b.clock(|_| ());
            }
            b.irqs.clear();
            for q in 1..=2u64 {
                done[q as usize] += batch[q as usize];
                b.write(sq_doorbell(q as u16), (done[q as usize] % ENTRIES) as u32);
            }
            b.until(|b| {
                (1..=2u64).filter(|q| batch[*q as usize] > 0).all(|q| {
                    let last = done[q as usize] - 1;
                    let completion = b.completion(cq(q), last % ENTRIES);
                    completion.phase() == ((last / ENTRIES) % 2 == 0) && completion.cid == round
                })
            });
            // The interrupts for the last completions follow them.
            b.until(|b| b.model.get(b.pins.idle) == 1);
            for q in 1..=2u64 {
                let seen = b.irqs.iter().filter(|v| **v == q).count() as u64;
                let completions = batch[q as usize];
                assert!(seen <= completions && (seen > 0) == (completions > 0), "{:?} {batch:?}", b.irqs);
                b.write(cq_doorbell(q as u16), (done[q as usize] % ENTRIES) as u32);
            }
        }
        assert_eq!(b.read64(counter::COMMANDS), 2 + done.iter().sum::<u64>());
        assert_eq!(b.read(reg::ERR_COUNT), 0);
    }
}
