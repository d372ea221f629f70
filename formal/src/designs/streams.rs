//! FIFOs, rings, arbiters and the memory streams.

use permafrost_rtl::{
    card::{
        arbiter::{rd_arbiter, rd_arbiter_of, wr_arbiter, wr_arbiter_of},
        fifo::{fifo, fifo_in, Storage},
        round_robin::round_robin,
    },
    hdl::{Dir, Module},
    msm,
    ring::Ring,
    stream::{
        self,
        bursts::{bursts, Shape},
        reader::reader_of,
        writer::writer_of,
    },
};
use std::{collections::BTreeMap, sync::Arc};

/// Widths at which a whole stream is proved.
const SMALL: Shape = Shape { address: 8, count: 5, burst: 1 };

pub fn design(name: &str) -> Option<Arc<Module>> {
    Some(match name {
        "fifo 3x4" => fifo(3, 4),
        "fifo 8x64" => fifo(8, 64),
        "fifo 3x4 in block RAM" => fifo_in(Storage::Block, 3, 4),
        "fifo 8x128" => fifo(8, 128),
        "ring of 12 ticks" => ring(12),
        "ring of 15 ticks" => ring(15),
        "ring of 16 ticks" => ring(16),
        "round robins" => all("round_robins", &[1, 2, 3, 4, 5, 8, 17].map(round_robin)),
        "rd_arbiter of 3, 4 bursts" => packed(&rd_arbiter_of(3, 4), 3),
        "rd_arbiter of 8" => packed(&rd_arbiter(8), 8),
        "wr_arbiter of 3, 4 bursts" => packed(&wr_arbiter_of(3, 4), 3),
        "wr_arbiter of 4" => packed(&wr_arbiter(4), 4),
        "stream bursts" => bursts(),
        "stream reader" => stream::reader(),
        "stream reader of 4" => reader_of(4, SMALL),
        "stream writer" => stream::writer(),
        "stream writer of 8" => writer_of(8, 4, SMALL),
        "msm reader" => msm::reader::reader(),
        _ => return None,
    })
}

/// A ring for ages up to `span`, any age asked for in any tick; `now` has a bit more than the ring needs.
fn ring(span: usize) -> Arc<Module> {
    let ring = Ring::new("words", 8, span, "value").read("word", "age");
    let log2 = ring.log2();
    Module::new(format!("ring_{span}"))
        .clocked()
        .input("tick", 1)
        .input("value", 8)
        .input("age", log2)
        .output("aged", 8)
        .body(format!(
            "localparam SPAN = {span};\nreg [{log2}:0] now;\n\
             always @(posedge clk) if (rst) now <= 0; else if (tick) now <= now + 1'b1;\n"
        ))
        .body(ring.text())
        .body("always @(*) aged = word;\n")
        .build()
}

/// Modules beside each other, every input free; instance `i0` is the first.
fn all(name: &str, modules: &[Arc<Module>]) -> Arc<Module> {
    let mut m = Module::new(name).clocked();
    for (i, module) in modules.iter().enumerate() {
        let inst = format!("i{i}");
        m = m.child(&inst, module);
        for port in module.ports() {
            let own = format!("{inst}_{}", port.name);
            m = match port.dir {
                _ if ["clk", "rst"].contains(&port.name.as_str()) => m,
                Dir::In => m.input(&own, port.bits).connect(&inst, &port.name, &own),
                Dir::Out => {
                    m.output(&own, port.bits).body(format!("always @(*) {own} = {inst}${};", port.name))
                }
            };
        }
    }
    m.build()
}

/// `module` as instance `dut` with its ports `c0_x`, `c1_x`, … of `n` clients as one port `c_x`, so that one text of properties
/// serves any number of them.
fn packed(module: &Arc<Module>, n: usize) -> Arc<Module> {
    let mut m = Module::new(format!("packed_{}", module.name())).clocked().child("dut", module);
    let mut widths: BTreeMap<String, (usize, Dir)> = BTreeMap::new();
    for port in module.ports() {
        if ["clk", "rst"].contains(&port.name.as_str()) {
            continue;
        }
        let client = (0..n).find_map(|i| Some((i, port.name.strip_prefix(&format!("c{i}_"))?)));
        let (own, slice) = match client {
            Some((i, name)) => (format!("c_{name}"), format!("[{}+:{}]", i * port.bits, port.bits)),
            None => (port.name.clone(), String::new()),
        };
        m = match port.dir {
            Dir::In => m.connect("dut", &port.name, format!("{own}{slice}")),
            Dir::Out => m.body(format!("always @(*) {own}{slice} = dut${};", port.name)),
        };
        widths.entry(own).or_insert((0, port.dir)).0 += port.bits;
    }
    for (name, (bits, dir)) in widths {
        m = match dir {
            Dir::In => m.input(name, bits),
            Dir::Out => m.output(name, bits),
        };
    }
    m.build()
}
