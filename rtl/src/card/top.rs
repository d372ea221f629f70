//! The card: everything inside the AXI seam, wired.

use super::{
    admin::admin,
    arbiter::{rd_arbiter, wr_arbiter},
    axil::axil_slave,
    bus::{Bus, End},
    counters::counters,
    dispatch::dispatch,
    engines::{Engine, Engines, ALL, COPY},
    errors::errors,
    gate::clock_gate,
    irq::irq_arbiter,
    queue::queue,
    regs::regs,
    scrub::scrub,
    semaphore::semaphores,
    text::vector,
};
use crate::{config::CardConfig, hdl::Module};
use std::sync::Arc;

/// Name of the card's top module.
pub const TOP: &str = "permafrost_card";

/// `permafrost_card` with `engines`, which are those of `config`.
///
/// Ports: `clk`, `rst`; `cfg_dram_bytes` (strapped by the shell: size of the memory behind `m_dram_`, a multiple of
/// 4 KiB, constant after reset); `s_axil_` (BAR0); AXI4 masters `m_host_` and `m_dram_` (ID 0, INCR, 64-byte beats,
/// never across 4 KiB); `power_on`, high with `rst` at power-up (three clocks or more) and never otherwise, with
/// `dram_clean`: card memory is zero then; `dram_corrected`: the memory's controller has corrected an error (one a clock);
/// `irq_valid`/`irq_ready` with `irq_vector`; `idle`: nothing runs, no transaction is outstanding, and only CYCLES
/// changes, so clocks may be skipped until the next register access.
pub fn top(config: &CardConfig, engines: &Engines) -> Arc<Module> {
    let n = config.io_queues + 1;
    let modules = engines.modules();
    let engines: Vec<&Engine> = modules.iter().map(|(engine, _)| *engine).collect();
    let mut m = Module::new(TOP)
        .doc("Permafrost card: queues, dispatcher, engines, registers; everything inside the AXI seam.")
        .clocked()
        .input("cfg_dram_bytes", 64)
        .input("power_on", 1)
        .input("dram_clean", 1)
        .input("dram_corrected", 1)
        .output("irq_valid", 1)
        .output("irq_vector", 8)
        .input("irq_ready", 1)
        .output("idle", 1);
    m = Bus::AxiLite.ports(m, End::Server, "s_axil_");
    for port in ["m_host_", "m_dram_"] {
        m = Bus::AxiRead.ports(m, End::Client, port);
        m = Bus::AxiWrite.ports(m, End::Client, port);
    }
    let queue = queue();
    for i in 0..n {
        m = m.child(format!("q{i}"), &queue);
    }
    m = m
        .child("axil", &axil_slave())
        .child("regs", &regs(config))
        .child("perf", &counters())
        .child("scrub", &scrub())
        .child("errs", &errors(n + 1))
        .child("sems", &semaphores(n))
        .child("dispatch", &dispatch(config))
        .child("adm", &admin(config))
        .child("irqs", &irq_arbiter(n + 1))
        .child("host_rd", &rd_arbiter(n + 2))
        .child("host_wr", &wr_arbiter(n + 1))
        .child("dram_rd", &rd_arbiter(engines.iter().map(|engine| engine.reads.len()).sum()))
        .child("dram_wr", &wr_arbiter(engines.iter().map(|engine| engine.writes.len()).sum()));
    for (engine, module) in &modules {
        let (name, gate) = (engine.name, format!("{}_clk", engine.name));
        let scrubs = if name == COPY.name { " || scrub$cmd_valid" } else { "" };
        let wanted = format!("{name}$busy || dispatch${name}_cmd_valid || regs$cancel{scrubs}");
        m = m.child(&gate, &clock_gate(config.target)).connect(&gate, "wanted", wanted).child_clocked_by(
            name,
            module,
            &format!("{gate}$gated"),
        );
    }
    m = state(m, n, &engines);
    m = registers(m, n, &engines);
    for i in 0..n {
        m = queue_wires(m, n, i);
    }
    m = commands(m, &engines);
    memory(m, n, &engines)
        .body("always @(*) irq_valid = irqs$irq_valid;\nalways @(*) irq_vector = irqs$irq_vector;")
        .connect("irqs", "irq_ready", "irq_ready")
        .build()
}

/// Summary state: who is busy.
fn state(m: Module, n: usize, engines: &[&Engine]) -> Module {
    let all = |port: &str| vector(n, |i| format!("q{i}${port}"));
    m.body(format!(
        "wire [{l}:0] queue_active = {};\n\
         wire [{l}:0] queue_busy = {};\n\
         wire [{l}:0] queue_enabled = {};\n\
         wire [{l}:0] queue_fatal = {};\n\
         wire [{l}:0] queue_done = {};\n\
         wire [{l}:0] queue_holds = {};\n\
         wire [{l}:0] queue_gathering = {};",
        all("active"),
        all("busy"),
        all("enabled"),
        all("fatal"),
        all("ev_command"),
        all("holds"),
        all("gathering"),
        l = n - 1
    ))
    .body(format!(
        "reg [3:0] commands;\ninteger i;\nalways @(*) begin\n  commands = 0;\n  \
         for (i = 0; i < {n}; i = i + 1) commands = commands + {{3'd0, queue_done[i]}};\nend"
    ))
    // The copy engine is the first of the engines.
    .body(format!(
        "wire [{}:0] computing = {};",
        engines.len() - 2,
        vector(engines.len() - 1, |i| format!("{}$busy", engines[i + 1].name))
    ))
    .body(
        r"
wire engines_busy = adm$busy || copy$busy || computing != 0;
wire memory_busy = host_rd$busy || host_wr$busy || dram_rd$busy || dram_wr$busy;
wire quiet = queue_active == 0 && !engines_busy && !memory_busy && !irq_valid;
wire at_rest = quiet && queue_busy == 0 && queue_gathering == 0;
always @(*) idle = at_rest && regs$settled && !axil$busy;
",
    )
}

/// BAR0: AXI4-Lite slave, registers, counters, syndrome.
fn registers(mut m: Module, n: usize, engines: &[&Engine]) -> Module {
    for engine in ALL {
        let there = engines.iter().any(|e| e.name == engine.name);
        for (counter, port) in engine.counters {
            let amount = if there { format!("{}${port}", engine.name) } else { "0".into() };
            m = m.connect("perf", &format!("add_{counter}"), amount);
        }
    }
    let m = Bus::AxiLite.export(m, End::Server, ("axil", "s_"), "s_axil_");
    m.connect("axil", "value", "regs$value | perf$value")
        .connect_all(
            "regs",
            &[
                ("dram_bytes", "cfg_dram_bytes"),
                ("write", "axil$write"),
                ("waddr", "axil$waddr"),
                ("wdata", "axil$wdata"),
                ("raddr", "axil$raddr"),
                ("quiet", "quiet"),
                ("idle", "at_rest"),
                ("depth", &vector(n, |i| format!("q{i}$depth"))),
                ("halted", "queue_fatal != 0"),
                ("err_held", "errs$held"),
                ("err_status", "errs$status"),
                ("err_queue", "errs$queue"),
                ("err_cid", "errs$cid"),
                ("err_addr", "errs$addr"),
                ("err_count", "errs$count"),
            ],
        )
        .connect_all(
            "regs",
            &[
                ("dirty", "scrub$dirty"),
                ("region_log2", "scrub$log2_bytes"),
                ("scrub_failed", "scrub$failed"),
                ("scrub_addr", "copy$done_addr"),
            ],
        )
        .connect_all("errs", &[("clear", "regs$clear"), ("acknowledge", "regs$err_acknowledge")])
        .connect_all(
            "perf",
            &[
                ("clear", "regs$clear || regs$scrubbing"),
                ("raddr", "axil$raddr"),
                ("add_cycles", "1'b1"),
                ("add_host_read_bytes", "{host_rd$ev_beat, 6'd0}"),
                ("add_host_write_bytes", "{host_wr$ev_lanes, 4'd0}"),
                ("add_dram_read_bytes", "{dram_rd$ev_beat, 6'd0}"),
                ("add_dram_write_bytes", "{dram_wr$ev_lanes, 4'd0}"),
                ("add_commands", "commands"),
                ("add_copy_overlap", "copy$busy && computing != 0"),
                ("add_dram_corrected", "dram_corrected"),
                ("add_interrupts", "irq_valid && irq_ready"),
                ("add_engine_overlap", "(computing & (computing - 1'b1)) != 0"),
            ],
        )
}

/// Connects `to` of one child with `from` of another, for equal names `names`: `to.1{name} = from.0${from.1}{name}`.
fn wires(mut m: Module, to: (&str, &str), from: (&str, &str), names: &[&str]) -> Module {
    for name in names {
        m = m.connect(to.0, &format!("{}{name}", to.1), format!("{}${}{name}", from.0, from.1));
    }
    m
}

fn queue_wires(m: Module, n: usize, i: usize) -> Module {
    let (q, e, p, x) = (format!("q{i}"), format!("e{i}_"), format!("q{i}_"), format!("i{i}_"));
    let admin = i == 0;
    let own = |name: &str| if admin { format!("regs$admin_{name}") } else { format!("adm$cfg_{name}") };
    let m = m.connect_all(
        &q,
        &[
            ("id", &format!("{i}")),
            ("clear", "regs$clear"),
            ("cancel", "regs$cancel"),
            ("load", &if admin { "regs$load".into() } else { format!("adm$load[{i}]") }),
            ("drop", &format!("adm$drop[{i}]")),
            ("cfg_sq", &own("sq")),
            ("cfg_cq", &own("cq")),
            ("cfg_sq_entries", &own("sq_entries")),
            ("cfg_cq_entries", &own("cq_entries")),
            ("cfg_vector", if admin { "0" } else { "adm$cfg_vector" }),
            ("cfg_irq_count", if admin { "0" } else { "adm$cfg_irq_count" }),
            ("cfg_irq_clocks", if admin { "0" } else { "adm$cfg_irq_clocks" }),
            ("stop_cid", "adm$stop_cid"),
            ("db_sq", &format!("regs$db_sq[{i}]")),
            ("db_cq", &format!("regs$db_cq[{i}]")),
            ("db_value", "regs$db_value"),
            ("sem_value", &format!("sems${p}value")),
            ("sig_ready", &format!("sems${p}sig_ready")),
        ],
    );
    let m = m.connect("sems", &format!("{p}index"), format!("{q}$sem_index"));
    let m = wires(m, ("sems", &p), (&q, ""), &["sig_valid", "sig_index", "sig_value"]);
    let m = wires(m, ("dispatch", &p), (&q, ""), &["cmd_valid", "cmd_data", "go"]);
    let m =
        wires(m, (&q, ""), ("dispatch", &p), &["cmd_take", "st_valid", "st_status", "st_info", "st_addr"]);
    let m = m.connect(&q, "err_ready", format!("errs${e}ready"));
    let m = m.connect(&q, "irq_ready", format!("irqs${x}ready"));
    let m = m.connect_all(
        "errs",
        &[
            (&format!("{e}valid"), &format!("{q}$err_valid")),
            (&format!("{e}status"), &format!("{q}$err_status")),
            (&format!("{e}queue"), &format!("{i}")),
            (&format!("{e}cid"), &format!("{q}$err_cid")),
            (&format!("{e}addr"), &format!("{q}$err_addr")),
        ],
    );
    let m = m.connect_all(
        "irqs",
        &[
            (&format!("{x}valid"), &format!("{q}$irq_valid")),
            (&format!("{x}vector"), &format!("{q}$irq_vector")),
        ],
    );
    if !admin {
        return m;
    }
    // The controller is the last source of errors and interrupts: bad admin registers, doorbells of queues this card
    // does not have, and FATAL on vector 0.
    m.connect_all(
        "errs",
        &[
            (&format!("e{n}_valid"), "regs$bad_valid"),
            (&format!("e{n}_status"), "regs$bad_status"),
            (&format!("e{n}_queue"), "regs$bad_queue"),
            (&format!("e{n}_cid"), "16'hffff"),
            (&format!("e{n}_addr"), "regs$bad_addr"),
        ],
    )
    .connect("regs", "bad_ready", format!("errs$e{n}_ready"))
    .connect_all("irqs", &[(&format!("i{n}_valid"), "regs$irq_valid"), (&format!("i{n}_vector"), "0")])
    .connect("regs", "irq_ready", format!("irqs$i{n}_ready"))
}

/// What the copy engine is told to zero a range. It has no other commands then.
const SCRUBS: [(&str, &str); 4] = [
    ("cmd_fill", "1'b1"),
    ("cmd_card_addr", "scrub$cmd_addr"),
    ("cmd_length", "scrub$cmd_length"),
    ("cmd_pattern", "64'd0"),
];

/// Dispatcher to engines and back.
fn commands(mut m: Module, engines: &[&Engine]) -> Module {
    const DONE: &[&str] = &["done_valid", "done_status", "done_info", "done_addr"];
    m = m.connect_all("dispatch", &[("cancel", "regs$cancel"), ("dram_bytes", "cfg_dram_bytes")]);
    for inst in engines.iter().map(|engine| engine.name).chain(["adm"]) {
        let prefix = format!("{inst}_");
        m = wires(m, ("dispatch", &prefix), (inst, ""), DONE);
        m = m.connect("dispatch", &format!("{prefix}cmd_ready"), format!("{inst}$cmd_ready"));
        let valid = format!("dispatch${prefix}cmd_valid");
        m = m.connect(
            inst,
            "cmd_valid",
            if inst == COPY.name { valid + " || scrub$cmd_valid" } else { valid },
        );
    }
    m = m.connect("adm", "cancel", "regs$cancel");
    for engine in engines {
        let name = engine.name;
        m = m.connect(name, "cancel", format!("regs$cancel || dispatch${name}_stop"));
        m = m.connect("dispatch", &format!("{name}_busy"), format!("{name}$busy"));
        for (word, ..) in engine.words {
            let own = format!("dispatch${name}_{word}");
            let scrubs = SCRUBS.iter().find(|(w, _)| name == COPY.name && w == word);
            let value = scrubs.map_or(own.clone(), |(_, zero)| format!("scrub$cmd_valid ? {zero} : {own}"));
            m = m.connect(name, word, value);
        }
        m = m.connect_all(name, engine.levels);
    }
    m = wires(m, ("scrub", ""), ("copy", ""), &["cmd_ready", "done_valid", "done_status"]);
    m = m.connect_all(
        "scrub",
        &[
            ("power_on", "power_on"),
            ("clean", "dram_clean"),
            ("dram_bytes", "cfg_dram_bytes"),
            ("mark_valid", "dram_wr$m_awvalid"),
            ("mark_addr", "dram_wr$m_awaddr"),
            ("run", "regs$scrubbing"),
        ],
    );
    m = wires(m, ("adm", ""), ("dispatch", "adm_"), &["cmd_data"]);
    m = m.connect_all("dispatch", &[("stop", "adm$stop")]).connect_all(
        "adm",
        &[
            ("enabled", "queue_enabled"),
            ("queue_busy", "queue_busy"),
            ("holds", "queue_holds"),
            ("stopped", "dispatch$stopped"),
        ],
    );
    m.connect_all(
        "sems",
        &[
            ("clear", "regs$clear"),
            ("set_valid", "adm$set_valid"),
            ("set_index", "adm$set_index"),
            ("set_value", "adm$set_value"),
        ],
    )
}

/// Memory clients to arbiters, arbiters to the AXI masters.
fn memory(mut m: Module, n: usize, engines: &[&Engine]) -> Module {
    for i in 0..n {
        let (q, c) = (format!("q{i}"), format!("c{i}_"));
        m = Bus::Read.link(m, (&q, "f_"), ("host_rd", &c));
        m = Bus::Write.link(m, (&q, "c_"), ("host_wr", &c));
    }
    m = Bus::Read.link(m, ("copy", "hl_"), ("host_rd", &format!("c{n}_")));
    m = Bus::Read.link(m, ("copy", "hr_"), ("host_rd", &format!("c{}_", n + 1)));
    m = Bus::Write.link(m, ("copy", "hw_"), ("host_wr", &format!("c{n}_")));
    let reads = engines.iter().flat_map(|engine| engine.reads.iter().map(|port| (engine.name, *port)));
    for (i, client) in reads.enumerate() {
        m = Bus::Read.link(m, client, ("dram_rd", &format!("c{i}_")));
    }
    let writes = engines.iter().flat_map(|engine| engine.writes.iter().map(|port| (engine.name, *port)));
    for (i, client) in writes.enumerate() {
        m = Bus::Write.link(m, client, ("dram_wr", &format!("c{i}_")));
    }
    for (arbiter, port) in [("host_rd", "m_host_"), ("dram_rd", "m_dram_")] {
        m = Bus::AxiRead.export(m, End::Client, (arbiter, "m_"), port);
    }
    for (arbiter, port) in [("host_wr", "m_host_"), ("dram_wr", "m_dram_")] {
        m = Bus::AxiWrite.export(m, End::Client, (arbiter, "m_"), port);
    }
    m
}
