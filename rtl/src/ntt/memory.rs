//! The core's memories: three buffers of a bank for each operand of a lane, and the table of twiddles, a bank a lane.
//!
//! A bank of a buffer is read by the butterflies, else by the tile that leaves, and written by the butterflies, else by the
//! tile that enters; the core never lets both at one buffer. The table is written once a set and read by the butterflies.

use super::{
    block::{Shape, BUFFERS},
    text::fold,
};
use crate::field::FIELD_BITS;
use crate::hdl::Module;
use std::{fmt::Write as _, sync::Arc};

/// A memory with one read port (a clock) and one write port: ports `clk`, `raddr`, `rdata`, `we`, `waddr`, `wdata`.
pub fn ram(row_bits: usize) -> Arc<Module> {
    Module::new(format!("ntt_ram_{row_bits}"))
        .doc(format!("2^{row_bits} elements; a read sees what was written in the clocks before its own."))
        .input("clk", 1)
        .input("raddr", row_bits)
        .output("rdata", FIELD_BITS)
        .input("we", 1)
        .input("waddr", row_bits)
        .input("wdata", FIELD_BITS)
        .body(format!(
            "reg [{}:0] mem [0:{}];\nalways @(posedge clk) begin\n  rdata <= mem[raddr];\n  \
             if (we) mem[waddr] <= wdata;\nend",
            FIELD_BITS - 1,
            (1usize << row_bits) - 1
        ))
        .build()
}

/// The buffers and the table: instances and their ports.
///
/// Entries come as `entered` {valid, buffer (2)}, `entered_at` and `in_mul$y`, twiddles as `factors$tw_*`; a tile that leaves reads at
/// `u1_at`. The wires `data0..2` and `twiddles` have what was read.
pub fn memories(shape: &Shape, mut m: Module) -> Module {
    let (m_bits, b, r) = (shape.max_log, shape.bank_bits(), shape.row_bits());
    let ram = ram(r);
    let wide = FIELD_BITS * shape.banks() - 1;
    let mut body = format!(
        "wire [{wide}:0] data0, data1, data2;\nwire [{}:0] twiddles;\nwire [{}:0] entered_bank = {};\n",
        FIELD_BITS * shape.lanes - 1,
        b - 1,
        fold(shape, "entered_at"),
    );
    let slice = |bank: usize, width: usize| format!("{}:{}", (bank + 1) * width - 1, bank * width);
    for buffer in 0..BUFFERS {
        let number = format!("2'd{buffer}");
        for bank in 0..shape.banks() {
            let inst = format!("bank{buffer}_{bank}");
            let rows = slice(bank, r);
            let by_compute = format!("compute$wr_valid && compute$wr_buffer == {number}");
            let by_entry = format!("entered == {{1'b1, {number}}} && entered_bank == {b}'d{bank}");
            let is_read = format!("compute$rd_valid && compute$rd_buffer == {number}");
            let top = m_bits - 1;
            m = m
                .child(&inst, &ram)
                .connect(&inst, "raddr", format!("{is_read} ? compute$rd_rows[{rows}] : u1_at[{top}:{b}]"))
                .connect(&inst, "we", format!("{by_compute} || {by_entry}"))
                .connect(
                    &inst,
                    "waddr",
                    format!("{by_compute} ? compute$wr_rows[{rows}] : entered_at[{top}:{b}]"),
                )
                .connect(
                    &inst,
                    "wdata",
                    format!("{by_compute} ? compute$wr_data[{}] : in_mul$y", slice(bank, FIELD_BITS)),
                );
            writeln!(body, "assign data{buffer}[{}] = {inst}$rdata;", slice(bank, FIELD_BITS))
                .expect("String");
        }
    }
    // Bit m_bits - 1 of a place in the table is 0; the bits below it choose the bank, then the row.
    let lane_bits = b - 1;
    for lane in 0..shape.lanes {
        let inst = format!("table{lane}");
        let mine = match lane_bits {
            0 => String::new(),
            bits => format!(" && factors$tw_at[{}:{r}] == {bits}'d{lane}", m_bits - 2),
        };
        m = m
            .child(&inst, &ram)
            .connect(&inst, "raddr", "compute$tw_row")
            .connect(&inst, "we", format!("factors$tw_write{mine}"))
            .connect(&inst, "waddr", format!("factors$tw_at[{}:0]", r - 1))
            .connect(&inst, "wdata", "factors$tw_data");
        writeln!(body, "assign twiddles[{}] = {inst}$rdata;", slice(lane, FIELD_BITS)).expect("String");
    }
    m.body(body)
}
