//! The engine's memories: two buffers of a bank for each operand of a lane, and the table of twiddles, a bank a lane.
//!
//! A bank of a buffer is read by the butterflies, else by the block that leaves, and written by the butterflies, else by the
//! block that enters; the engine never lets both at one buffer. The table is written by entries and read by the butterflies.

use super::{block::Shape, text::fold};
use crate::field::FIELD_BITS;
use crate::hdl::Module;
use std::{fmt::Write as _, sync::Arc};

/// A memory with one read port (a clock) and one write port: ports `clk`, `raddr`, `rdata`, `we`, `waddr`, `wdata`.
fn ram(row_bits: usize) -> Arc<Module> {
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

/// Both buffers and the table: instances and their ports.
pub fn memories(shape: &Shape, mut m: Module) -> Module {
    let (m_bits, b, r) = (shape.max_log, shape.bank_bits(), shape.row_bits());
    let ram = ram(r);
    let wide = FIELD_BITS * shape.banks() - 1;
    let mut body = format!(
        "wire [{wide}:0] data0, data1;\nwire [{}:0] twiddles;\nwire [{}:0] entered_bank = {};\n",
        FIELD_BITS * shape.lanes - 1,
        b - 1,
        fold(shape, "entered_at"),
    );
    let slice = |bank: usize, width: usize| format!("{}:{}", (bank + 1) * width - 1, bank * width);
    for buffer in 0..2 {
        let number = format!("1'b{buffer}");
        for bank in 0..shape.banks() {
            let inst = format!("bank{buffer}_{bank}");
            let rows = slice(bank, r);
            let by_compute = format!("compute$wr_valid && compute$wr_buffer == {number}");
            m = m
                .child(&inst, &ram)
                .connect(
                    &inst,
                    "raddr",
                    format!(
                        "compute$rd_valid && compute$rd_buffer == {number} ? compute$rd_rows[{rows}] : \
                         u1_at[{}:{b}]",
                        m_bits - 1
                    ),
                )
                .connect(
                    &inst,
                    "we",
                    format!(
                        "{by_compute} || entered_block && entered[{}] == {number} && entered_bank == {b}'d{bank}",
                        m_bits
                    ),
                )
                .connect(
                    &inst,
                    "waddr",
                    format!("{by_compute} ? compute$wr_rows[{rows}] : entered_at[{}:{b}]", m_bits - 1),
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
            bits => format!(" && entered_at[{}:{r}] == {bits}'d{lane}", m_bits - 2),
        };
        m = m
            .child(&inst, &ram)
            .connect(&inst, "raddr", "compute$tw_row")
            .connect(&inst, "we", format!("entered[{}] && entered[{}]{mine}", m_bits + 3, m_bits + 2))
            .connect(&inst, "waddr", format!("entered_at[{}:0]", r - 1))
            .connect(&inst, "wdata", "in_mul$y");
        writeln!(body, "assign twiddles[{}] = {inst}$rdata;", slice(lane, FIELD_BITS)).expect("String");
    }
    m.body(body)
}
