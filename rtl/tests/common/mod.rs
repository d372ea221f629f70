//! Stand-ins for the engines, for tests of the card around them.
#![allow(dead_code)] // every test file uses its part

mod msm_stub;
mod stub;

use permafrost_rtl::{card::engines::Engines, config::CardConfig, hdl::Module, ntt, vector};
use std::sync::Arc;

/// Stand-ins for the engines of `config`.
pub fn stubs(config: &CardConfig) -> Engines {
    Engines {
        msm: msm_stub::msm_stub(),
        ntt: (config.ntt_lanes > 0).then(ntt_stub),
        vector: (config.vector_lanes > 0).then(vector_stub),
    }
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
    let m =
        vector::engine::interface(Module::new("vector_engine").doc("Test stand-in for the VECTOR engine."));
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
