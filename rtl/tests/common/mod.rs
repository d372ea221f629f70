//! Stand-ins for the engines, for tests of the card around them.
#![allow(dead_code)] // every test file uses its part

mod msm_stub;
mod stub;

use permafrost_rtl::{
    card::{
        bus::{Bus, End},
        engines::Engines,
    },
    config::CardConfig,
    hdl::Module,
    ntt,
};
use std::sync::Arc;

/// Stand-ins for the engines of `config`.
pub fn stubs(config: &CardConfig) -> Engines {
    Engines {
        msm: msm_stub::msm_stub(),
        ntt: (config.ntt_lanes > 0).then(ntt_stub),
        vector: (config.vector_lanes > 0).then(vector_stub),
    }
}

fn vector_interface(m: Module) -> Module {
    let mut m = m
        .clocked()
        .input("cmd_valid", 1)
        .output("cmd_ready", 1)
        .input("cmd_a", 64)
        .input("cmd_b", 64)
        .input("cmd_c", 64)
        .input("cmd_d", 64)
        .input("cmd_params", 64)
        .input("cmd_n", 32)
        .input("cmd_operation", 8)
        .input("cmd_flags", 8)
        .input("cmd_kinds", 8)
        .input("dram_bytes", 64)
        .output("done_valid", 1)
        .output("done_status", 8)
        .output("done_addr", 64)
        .output("done_info", 32)
        .input("cancel", 1)
        .output("busy", 1)
        .output("ev_element", 1);
    for port in ["a_", "b_", "c_", "ix_"] {
        m = Bus::Read.ports(m, End::Client, port);
    }
    Bus::Write.ports(m, End::Client, "d_")
}

/// Works for `batch` clocks, with three butterflies in each. What it writes to the destination is the first beat of the
/// source and, in the upper words, the rest of the command.
fn ntt_stub() -> Arc<Module> {
    let m = ntt::engine::interface(Module::new("ntt_engine").doc("Test stand-in for the NTT engine."));
    stub::engine(
        m,
        &[("in_", "cmd_source")],
        ("out_", "cmd_destination"),
        "cmd_batch",
        "{cmd_params, cmd_stride, cmd_before, cmd_len, cmd_after, 6'd0, cmd_reversed_out, cmd_reversed_in, 352'd0}",
    )
    .body(
        "always @(*) ev_butterflies = working ? 8'd3 : 8'd0;\n\
         always @(*) ev_stall_in = working;\n\
         always @(*) ev_stall_out = 1'b0;",
    )
    .build()
}

/// Works for `n` clocks, with an element in each. What it writes to d is the exclusive or of the first beats of the parameters
/// and the operands and, in the upper words, the rest of the command and the size of memory.
fn vector_stub() -> Arc<Module> {
    let m = vector_interface(Module::new("vector_engine").doc("Test stand-in for the VECTOR engine."));
    stub::engine(
        m,
        &[("a_", "cmd_a"), ("b_", "cmd_b"), ("c_", "cmd_c"), ("ix_", "cmd_params")],
        ("d_", "cmd_d"),
        "cmd_n",
        "{dram_bytes, cmd_operation, cmd_flags, cmd_kinds, 424'd0}",
    )
    .body("always @(*) ev_element = working;")
    .build()
}
