//! Slots of a lane: one point a slot, and whether the slot holds one.
//!
//! A slot is full or empty; most updates of a slot flip that. Two streams update slots in the same tick (new items and
//! results of the adder), so fullness is the exclusive or of two bits, each written by one stream only: two memories
//! with one write port instead of one memory with two.
//!
//! All reads are synchronous: data after the tick of `*_ren`, held until the next read; a read in the tick of a write sees
//! the old contents. Contents start as zero bits (all slots empty) and are not reset; `clr_*` empties one slot a tick.
//! Nothing but writes of values happens in clocks without `tick`.
//!
//! A point is {y.c1, y.c0, x.c1, x.c0}. In [`Layout::Banks`] there are `2^log2_slots` G1 slots of {y.c0, x.c0} in two
//! banks, address bit 0 being the bank, or half as many G2 slots, {y.c1, x.c1} in bank 1. Each bank has a write
//! port; in G2 mode both do the same. [`Layout::Wide`] has `2^log2_slots` slots for either, and one write port.

use crate::hdl::Module;
use std::sync::Arc;

/// How values lie in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    Banks,
    Wide,
}

/// Slots at addresses of `log2_slots` bits (2 or more), for fields of `field_bits`.
pub fn slots(log2_slots: usize, layout: Layout, field_bits: usize) -> Arc<Module> {
    assert!(log2_slots >= 2, "slots({log2_slots})");
    let (name, values) = match layout {
        Layout::Banks => ("banks", banks(log2_slots, field_bits)),
        Layout::Wide => ("wide", wide(log2_slots, 4 * field_bits)),
    };
    let depth = (1usize << log2_slots) - 1;
    let m = Module::new(format!("msm_slots_{name}_{log2_slots}"))
        .doc(format!(
            "{} slots: values, and two fullness bits (2 read ports, 1 write port each).\n\
             See rtl/src/msm/lane/slots.rs.",
            depth + 1
        ))
        .input("clk", 1);
    let m = if layout == Layout::Banks { m.input("g2", 1) } else { m };
    let suffixes: &[&str] = if layout == Layout::Banks { &["0", "1"] } else { &[""] };
    let m = suffixes.iter().fold(m, |m, k| {
        m.input(format!("v_we{k}"), 1)
            .input(format!("v_waddr{k}"), log2_slots)
            .input(format!("v_wdata{k}"), 4 * field_bits)
    });
    m.input("tick", 1)
        .input("n_ren", 1)
        .input("n_raddr", log2_slots)
        .output("n_new_bit", 1)
        .output("n_res_bit", 1)
        .input("r_ren", 1)
        .input("r_raddr", log2_slots)
        .output("r_new_bit", 1)
        .output("r_res_bit", 1)
        .input("n_we", 1)
        .input("n_waddr", log2_slots)
        .input("n_wbit", 1)
        .input("r_we", 1)
        .input("r_waddr", log2_slots)
        .input("r_wbit", 1)
        .input("clr_we", 1)
        .input("clr_addr", log2_slots)
        .input("v_ren", 1)
        .input("v_raddr", log2_slots)
        .output("v_rdata", 4 * field_bits)
        .body(format!(
            r"
reg new_bits [0:{depth}];
reg res_bits [0:{depth}];
initial begin : init_empty
  integer i;
  for (i = 0; i <= {depth}; i = i + 1) begin
    new_bits[i] = 1'b0;
    res_bits[i] = 1'b0;
  end
end
wire new_we = tick && (n_we || clr_we);
wire [{al}:0] new_addr = clr_we ? clr_addr : n_waddr;
wire res_we = tick && (r_we || clr_we);
wire [{al}:0] res_addr = clr_we ? clr_addr : r_waddr;
always @(posedge clk) begin
  if (tick && n_ren) n_new_bit <= new_bits[n_raddr];
  if (tick && n_ren) n_res_bit <= res_bits[n_raddr];
  if (tick && r_ren) r_new_bit <= new_bits[r_raddr];
  if (tick && r_ren) r_res_bit <= res_bits[r_raddr];
  if (new_we) new_bits[new_addr] <= n_wbit && !clr_we;
  if (res_we) res_bits[res_addr] <= r_wbit && !clr_we;
end
",
            al = log2_slots - 1,
        ))
        .body(values)
        .build()
}

fn wide(log2_slots: usize, point_bits: usize) -> String {
    format!(
        r"
reg [{vl}:0] values [0:{depth}];
always @(posedge clk) begin
  if (tick && v_ren) v_rdata <= values[v_raddr];
  if (v_we) values[v_waddr] <= v_wdata;
end
",
        vl = point_bits - 1,
        depth = (1usize << log2_slots) - 1,
    )
}

fn banks(log2_slots: usize, f: usize) -> String {
    let mut out = format!(
        r"
wire [{bl}:0] bank_raddr = g2 ? v_raddr[{bl}:0] : v_raddr[{al}:1];
reg bank;
always @(posedge clk) if (tick && v_ren) bank <= v_raddr[0];
",
        al = log2_slots - 1,
        bl = log2_slots - 2,
    );
    for k in 0..2 {
        // {y.c0, x.c0}, and {y.c1, x.c1}.
        let base = format!("{{v_wdata{k}[{}+:{f}], v_wdata{k}[0+:{f}]}}", 2 * f);
        let extension = format!("{{v_wdata{k}[{}+:{f}], v_wdata{k}[{f}+:{f}]}}", 3 * f);
        let data = if k == 0 { base } else { format!("g2 ? {extension} : {base}") };
        out += &format!(
            r"
reg [{wl}:0] values{k} [0:{depth}];
reg [{wl}:0] word{k};
always @(posedge clk) begin
  if (tick && v_ren && (g2 || v_raddr[0] == 1'b{k})) word{k} <= values{k}[bank_raddr];
  if (v_we{k}) values{k}[g2 ? v_waddr{k}[{bl}:0] : v_waddr{k}[{al}:1]] <= {data};
end
",
            wl = 2 * f - 1,
            depth = (1usize << (log2_slots - 1)) - 1,
            al = log2_slots - 1,
            bl = log2_slots - 2,
        );
    }
    out + &format!(
        r"
wire [{wl}:0] word = !g2 && bank ? word1 : word0;
wire [{wl}:0] upper = g2 ? word1 : {w}'d0;
always @(*) v_rdata = {{upper[{f}+:{f}], word[{f}+:{f}], upper[0+:{f}], word[0+:{f}]}};
",
        wl = 2 * f - 1,
        w = 2 * f,
    )
}
