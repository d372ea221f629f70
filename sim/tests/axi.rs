//! The AXI models against a master that the test plays itself: the design only passes its signals through.

use permafrost_rtl::{
    card::bus::{Bus, End},
    hdl::{Design, Dir, Module, Port},
};
use permafrost_sim::{
    axi::{Access, Dram, Fault, LiteMaster, LiteOp, Memory, Response, Slave, Timing},
    verilated::Model,
    SimError,
};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha20Rng;
use std::collections::VecDeque;

/// Test inputs `t_x` drive the master's outputs `m_x`; the master's inputs `m_y` are test outputs `t_y`.
fn wires() -> Design {
    let mut top = Module::new("axi_wires").clocked();
    let master = Bus::AxiRead.ports(Module::new("master"), End::Client, "");
    let master = Bus::AxiWrite.ports(master, End::Client, "");
    for Port { name, bits, dir } in master.ports() {
        let (from, to) = match dir {
            Dir::Out => ("t", "m"),
            Dir::In => ("m", "t"),
        };
        top = top.input(format!("{from}_{name}"), *bits).output(format!("{to}_{name}"), *bits);
        top = top.body(format!("always @(*) {to}_{name} = {from}_{name};"));
    }
    Design::elaborate(&top.build()).unwrap()
}

struct Bench {
    model: Model,
    slave: Slave<Dram>,
}

impl Bench {
    fn new(timing: Timing, seed: u64) -> Self {
        let mut model = Model::new(&wires()).unwrap();
        let slave = Slave::new(&model, "m", Dram::new(1 << 20), timing, seed).unwrap();
        for (name, value) in [("awsize", 6), ("arsize", 6), ("awburst", 1), ("arburst", 1)] {
            let port = model.port(&format!("t_{name}")).unwrap();
            model.set(port, value);
        }
        model.eval().unwrap();
        Bench { model, slave }
    }

    fn set(&mut self, name: &str, value: u64) {
        let port = self.model.port(&format!("t_{name}")).unwrap();
        self.model.set(port, value);
    }

    fn get(&self, name: &str) -> u64 {
        self.model.get(self.model.port(&format!("t_{name}")).unwrap())
    }

    /// One clock; `master` sets the master's signals for the next one.
    fn clock(&mut self, master: impl FnOnce(&mut Self)) -> Result<(), SimError> {
        self.slave.sample(&self.model)?;
        self.model.rise()?;
        self.slave.drive(&mut self.model);
        master(self);
        self.model.fall()
    }

    /// Runs clocks until a rule is broken, and returns it.
    fn broken_rule(&mut self) -> String {
        for _ in 0..50 {
            if let Err(e) = self.clock(|_| ()) {
                assert!(matches!(&e, SimError::Protocol { interface, .. } if interface == "m"), "{e}");
                return e.to_string();
            }
        }
        panic!("no rule was broken");
    }

    fn channel(&mut self, name: &str, address: u64, beats: u64) {
        self.set(&format!("{name}addr"), address);
        self.set(&format!("{name}len"), beats - 1);
        self.set(&format!("{name}valid"), 1);
    }
}

const FAST: Timing = Timing { read_latency: 1, write_latency: 1, jitter: 0, stall: 0, outstanding: 8 };

/// Random bursts with random stalls on both sides; contents, order, ids and responses are checked.
fn random_traffic(timing: Timing, hold: u32, seed: u64) -> u64 {
    let mut rng = ChaCha20Rng::seed_from_u64(seed);
    let mut b = Bench::new(timing, seed);
    let mut expected = vec![0u8; 1 << 20];
    // One write round, then one read round over the same random bursts.
    let bursts: Vec<(u64, u64)> = (0..40)
        .map(|_| {
            let page = rng.gen_range(0..256u64) << 12;
            let (from, to) = (rng.gen_range(0..64u64), rng.gen_range(0..64u64));
            (page + from.min(to) * 64, from.max(to) - from.min(to) + 1)
        })
        .collect();

    let mut beats: VecDeque<([u8; 64], u64, bool)> = VecDeque::new();
    for (address, n) in &bursts {
        for i in 0..*n {
            let mut data = [0; 64];
            rng.fill(&mut data[..]);
            let strobe = if rng.gen_bool(0.5) { u64::MAX } else { rng.gen() };
            for (lane, byte) in data.iter().enumerate().filter(|(lane, _)| strobe >> lane & 1 == 1) {
                expected[(address + i * 64) as usize + lane] = *byte;
            }
            beats.push_back((data, strobe, i + 1 == *n));
        }
    }
    let (mut next, mut answered) = (0, 0);
    let wdata = b.model.port("t_wdata").unwrap();
    while answered < bursts.len() {
        // What the edge will hand over, seen before it.
        let aw_taken = b.get("awvalid") & b.get("awready") == 1;
        let w_taken = b.get("wvalid") & b.get("wready") == 1;
        if b.get("bvalid") & b.get("bready") == 1 {
            assert_eq!((b.get("bid"), b.get("bresp")), (answered as u64 & 15, 0), "seed {seed}");
            answered += 1;
        }
        let (aw_free, w_free) = (aw_taken || b.get("awvalid") == 0, w_taken || b.get("wvalid") == 0);
        let go = |rng: &mut ChaCha20Rng| rng.gen_range(0..256) >= hold;
        let (aw, w, ready) = (go(&mut rng), go(&mut rng), go(&mut rng));
        b.clock(|b| {
            if aw_free {
                b.set("awvalid", 0);
                if aw && next < bursts.len() {
                    b.set("awid", next as u64);
                    b.channel("aw", bursts[next].0, bursts[next].1);
                    next += 1;
                }
            }
            if w_free {
                b.set("wvalid", 0);
                if w {
                    if let Some((data, strobe, last)) = beats.pop_front() {
                        b.model.set_bytes(wdata, &data);
                        b.set("wstrb", strobe);
                        b.set("wlast", u64::from(last));
                        b.set("wvalid", 1);
                    }
                }
            }
            b.set("bready", u64::from(ready));
        })
        .unwrap();
        assert!(b.model.clocks() < 100_000, "writes hang, seed {seed}");
    }

    let mut next = 0;
    let mut waiting: VecDeque<(u64, u64, u64, u64)> = VecDeque::new();
    let rdata = b.model.port("t_rdata").unwrap();
    while next < bursts.len() || !waiting.is_empty() || b.get("arvalid") == 1 {
        let ar_taken = b.get("arvalid") & b.get("arready") == 1;
        if ar_taken {
            let (address, n) = bursts[next - 1];
            waiting.push_back((next as u64 - 1, address, 0, n));
        }
        if b.get("rvalid") & b.get("rready") == 1 {
            let (id, address, done, n) = waiting.front_mut().expect("data without a request");
            let at = (*address + *done * 64) as usize;
            let mut seen = [0; 64];
            b.model.get_bytes(rdata, &mut seen);
            assert_eq!(seen[..], expected[at..at + 64], "address {at:#x}, seed {seed}");
            *done += 1;
            assert_eq!((b.get("rid"), b.get("rresp")), (*id & 15, 0), "seed {seed}");
            assert_eq!(b.get("rlast"), u64::from(*done == *n), "seed {seed}");
            if *done == *n {
                waiting.pop_front();
            }
        }
        let free = ar_taken || b.get("arvalid") == 0;
        let (ar, ready) = (rng.gen_range(0..256) >= hold, rng.gen_range(0..256) >= hold);
        b.clock(|b| {
            if free {
                b.set("arvalid", 0);
                if ar && next < bursts.len() {
                    b.set("arid", next as u64);
                    b.channel("ar", bursts[next].0, bursts[next].1);
                    next += 1;
                }
            }
            b.set("rready", u64::from(ready));
        })
        .unwrap();
        assert!(b.model.clocks() < 200_000, "reads hang, seed {seed}");
    }
    assert!(b.slave.is_idle());
    let total: u64 = bursts.iter().map(|(_, n)| n).sum();
    let traffic = b.slave.traffic();
    assert_eq!((traffic.read_beats, traffic.write_beats), (total, total));
    assert_eq!((traffic.read_bursts, traffic.write_bursts), (40, 40));
    b.model.clocks()
}

#[test]
fn random_bursts_with_random_stalls() {
    let seed = rand::random::<u64>();
    println!("seed {seed}");
    for (i, stall) in [0, 30, 128, 230].into_iter().enumerate() {
        let timing = Timing { read_latency: 20, write_latency: 9, jitter: 12, stall, outstanding: 4 };
        random_traffic(timing, u32::from(stall), seed.wrapping_add(i as u64));
    }
}

#[test]
fn same_seed_same_clocks_and_full_bandwidth() {
    let timing = Timing { read_latency: 20, write_latency: 9, jitter: 12, stall: 60, outstanding: 4 };
    assert_eq!(random_traffic(timing, 60, 5), random_traffic(timing, 60, 5));
    // Without stalls data moves in nearly every clock: the latencies of outstanding bursts overlap.
    let clocks = random_traffic(Timing { stall: 0, outstanding: 16, ..timing }, 0, 5);
    let slow = random_traffic(Timing { stall: 0, outstanding: 1, ..timing }, 0, 5);
    assert!(slow > clocks + 40 * 20, "{slow} {clocks}");
}

#[test]
fn latency_is_what_was_asked_for() {
    for latency in [1u32, 10, 100] {
        let mut b = Bench::new(Timing { read_latency: latency, ..FAST }, 0);
        b.clock(|b| b.channel("ar", 0, 1)).unwrap();
        let asked = b.model.clocks();
        b.set("rready", 1);
        while b.get("rvalid") == 0 {
            let taken = b.get("arready") == 1;
            b.clock(|b| {
                if taken {
                    b.set("arvalid", 0);
                }
            })
            .unwrap();
        }
        let took = b.model.clocks() - asked;
        assert!((u64::from(latency)..=u64::from(latency) + 2).contains(&took), "{latency}: {took}");
    }
}

#[test]
fn broken_rules_are_found() {
    type Breach = fn(&mut Bench);
    let cases: [(&str, Breach); 8] = [
        ("crosses 4 KiB", |b| b.channel("ar", 4096 - 64, 2)),
        ("crosses 4 KiB", |b| b.channel("aw", 4096 - 128, 3)),
        ("burst type is 2", |b| {
            b.set("arburst", 2);
            b.channel("ar", 0, 1);
        }),
        ("size is 5", |b| {
            b.set("awsize", 5);
            b.channel("aw", 0, 1);
        }),
        ("not a multiple of 64", |b| b.channel("ar", 16, 1)),
        ("WLAST is 1 in beat 1 of the burst of 2", |b| {
            b.channel("aw", 0, 2);
            b.set("wlast", 1);
            b.set("wvalid", 1);
        }),
        ("WLAST is 0 in beat 1 of the burst of 1", |b| {
            b.channel("aw", 0, 1);
            b.set("wvalid", 1);
        }),
        ("below the address 0x10", |b| {
            b.channel("aw", 16, 1);
            b.set("wlast", 1);
            b.set("wstrb", 0xffff_ffff);
            b.set("wvalid", 1);
        }),
    ];
    for (rule, act) in cases {
        let mut b = Bench::new(FAST, 1);
        b.clock(act).unwrap();
        let seen = b.broken_rule();
        assert!(seen.contains(rule), "expected `{rule}`, saw `{seen}`");
    }
}

/// A slave that never becomes ready, so that requests wait.
fn waiting() -> Bench {
    Bench::new(Timing { outstanding: 0, ..FAST }, 1)
}

#[test]
fn requests_must_wait_unchanged() {
    let mut b = waiting();
    b.clock(|b| b.channel("ar", 0, 1)).unwrap();
    b.clock(|_| ()).unwrap();
    b.clock(|b| b.set("araddr", 64)).unwrap();
    assert!(b.broken_rule().contains("AR payload changed"));

    let mut b = waiting();
    b.clock(|b| b.channel("aw", 0, 1)).unwrap();
    b.clock(|b| b.set("awvalid", 0)).unwrap();
    assert!(b.broken_rule().contains("AWVALID fell before AWREADY"));

    let mut b = Bench::new(Timing { stall: 255, ..FAST }, 1);
    b.clock(|b| b.set("wvalid", 1)).unwrap();
    while b.get("wready") == 1 {
        b.clock(|_| ()).unwrap();
    }
    b.clock(|b| b.set("wdata", 1)).unwrap();
    assert!(b.broken_rule().contains("W payload changed"));
}

/// Reads one beat; the response.
fn read(b: &mut Bench, address: u64) -> u64 {
    b.set("rready", 1);
    b.clock(|b| b.channel("ar", address, 1)).unwrap();
    loop {
        let taken = b.get("arready") == 1;
        if b.get("rvalid") == 1 {
            let response = b.get("rresp");
            b.clock(|_| ()).unwrap();
            return response;
        }
        b.clock(|b| {
            if taken {
                b.set("arvalid", 0);
            }
        })
        .unwrap();
    }
}

#[test]
fn errors_are_answered_and_can_be_injected() {
    let mut b = Bench::new(FAST, 1);
    assert_eq!(read(&mut b, (1 << 20) - 64), 0);
    assert_eq!(read(&mut b, 1 << 20), Response::DecodeError as u64);
    b.slave.inject(Fault {
        access: Access::Read,
        range: 0x1000..0x2000,
        response: Response::SlaveError,
        times: 2,
    });
    assert_eq!(read(&mut b, 0x2000), 0);
    assert_eq!(read(&mut b, 0x1fc0), Response::SlaveError as u64);
    assert_eq!(read(&mut b, 0x1000), Response::SlaveError as u64);
    assert_eq!(read(&mut b, 0x1000), 0);

    // A write that fails in one beat of two answers with the error, and the other beat is written.
    b.slave.inject(Fault { access: Access::Write, range: 0..64, response: Response::SlaveError, times: 1 });
    b.clock(|b| {
        b.channel("aw", 0, 2);
        b.set("wdata", 0x55);
        b.set("wstrb", 0xff);
        b.set("wvalid", 1);
        b.set("bready", 1);
    })
    .unwrap();
    b.clock(|b| {
        b.set("awvalid", 0);
        b.set("wlast", 1);
    })
    .unwrap();
    b.clock(|b| b.set("wvalid", 0)).unwrap();
    while b.get("bvalid") == 0 {
        b.clock(|_| ()).unwrap();
    }
    assert_eq!(b.get("bresp"), Response::SlaveError as u64);
    let mut beat = [1; 64];
    b.slave.memory().read(0, &mut beat);
    assert_eq!(beat, [0; 64]);
    b.slave.memory().read(64, &mut beat);
    assert_eq!(beat[0], 0x55);
}

/// Four 32-bit registers behind AXI4-Lite, with a busy clock after each access; register 3 answers with an error.
fn registers() -> Design {
    let top = Module::new("axil_registers")
        .clocked()
        .input("s_awaddr", 4)
        .input("s_awvalid", 1)
        .output("s_awready", 1)
        .input("s_wdata", 32)
        .input("s_wstrb", 4)
        .input("s_wvalid", 1)
        .output("s_wready", 1)
        .output("s_bvalid", 1)
        .input("s_bready", 1)
        .input("s_araddr", 4)
        .input("s_arvalid", 1)
        .output("s_arready", 1)
        .output("s_rdata", 32)
        .output("s_rresp", 2)
        .output("s_rvalid", 1)
        .input("s_rready", 1)
        .body(
            "reg [31:0] r [0:3];\n\
             reg [3:0] at;\n\
             reg have;\n\
             always @(*) begin s_awready = !have && !s_bvalid; s_wready = have && !s_bvalid; s_arready = !s_rvalid; end\n\
             always @(posedge clk) begin\n\
             if (s_awvalid && s_awready) begin at <= s_awaddr; have <= 1; end\n\
             if (s_wvalid && s_wready) begin if (&s_wstrb) r[at[3:2]] <= s_wdata; have <= 0; s_bvalid <= 1; end\n\
             if (s_bvalid && s_bready) s_bvalid <= 0;\n\
             if (s_arvalid && s_arready) begin s_rdata <= r[s_araddr[3:2]]; s_rvalid <= 1;\n\
             s_rresp <= s_araddr[3:2] == 3 ? 2 : 0; end\n\
             if (s_rvalid && s_rready) s_rvalid <= 0;\n\
             if (rst) begin have <= 0; s_bvalid <= 0; s_rvalid <= 0; end\n\
             end",
        )
        .build();
    Design::elaborate(&top).unwrap()
}

#[test]
fn lite_master_reads_and_writes() {
    let mut model = Model::new(&registers()).unwrap();
    let mut lite = LiteMaster::new(&model, "s").unwrap();
    let mut access = |op| {
        lite.start(&mut model, op);
        model.eval().unwrap();
        for _ in 0..20 {
            let ended = lite.sample(&model);
            model.rise().unwrap();
            lite.drive(&mut model);
            model.fall().unwrap();
            if let Some(value) = ended {
                assert!(lite.is_idle());
                return value;
            }
        }
        panic!("{op:?} hangs");
    };
    for i in 0..3 {
        assert_eq!(access(LiteOp::Write(4 * i, 0xdead_0000 + i)), 0);
    }
    for i in 0..3 {
        assert_eq!(access(LiteOp::Read(4 * i)), 0xdead_0000 + i);
    }
    assert_eq!(access(LiteOp::Read(12)), u32::MAX);
}
