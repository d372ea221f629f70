//! The performance counters: 64 bits each, read at the offsets of the contract.

use super::abi::contract;
use crate::hdl::Module;
use crate::msm::engine::STALL_BITS;
use crate::ntt::block::COUNT_BITS;
use permafrost_abi::registers::COUNTERS;
use std::{fmt::Write as _, sync::Arc};

/// Bits of the amount by which a counter can grow in one clock.
fn step_bits(name: &str) -> usize {
    match name {
        "HOST_READ_BYTES" | "HOST_WRITE_BYTES" | "DRAM_READ_BYTES" | "DRAM_WRITE_BYTES" => 7,
        "COMMANDS" => 4,
        "MSM_ADDITIONS" | "MSM_QUEUED" => 8,
        "MSM_STALL_SLOT" => STALL_BITS,
        "NTT_BUTTERFLIES" => COUNT_BITS,
        _ => 1,
    }
}

/// One counter per entry of the contract's table. Input `add_<name>` is what counter `<name>` grows by in this
/// clock; `value` is the word at `raddr` (combinational), 0 at an offset without a counter. `clear` (pulse) and reset
/// set all to 0. The two halves are read live: software reads high, low, high and repeats when high has changed.
pub fn counters() -> Arc<Module> {
    let mut m = Module::new("card_counters")
        .doc("Performance counters.")
        .clocked()
        .input("clear", 1)
        .input("raddr", 16)
        .output("value", 32);
    let (mut state, mut step, mut read) = (String::new(), String::new(), String::new());
    let mut zero = String::new();
    for counter in COUNTERS {
        let (name, bits) = (counter.name.to_lowercase(), step_bits(counter.name));
        m = m.input(format!("add_{name}"), bits);
        writeln!(state, "reg [63:0] {name};").expect("String");
        writeln!(step, "  if (add_{name} != 0) {name} <= {name} + {{{}'d0, add_{name}}};", 64 - bits)
            .expect("String");
        writeln!(zero, "    {name} <= 0;").expect("String");
        let upper = counter.name;
        writeln!(read, "    CNT_{upper}: value = {name}[31:0];\n    CNT_{upper}_HI: value = {name}[63:32];")
            .expect("String");
    }
    m.body(contract(&format!(
        "{state}always @(*) begin\n  case (raddr)\n{read}    default: value = 0;\n  endcase\nend\n\
         always @(posedge clk) begin\n{step}  if (rst || clear) begin\n{zero}  end\nend"
    )))
    .build()
}
