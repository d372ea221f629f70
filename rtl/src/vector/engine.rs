//! The vector engine: a command in, its result in card memory.
//!
//! ```text
//! parameters ─► bounds ─► walks, gather ─► readers a, b, c ─► lane | scan | inverse ─► writer d
//!                                                               multipliers
//! ```
//! A command's parameters are read and checked, then the ranges of its operands; nothing else of memory is touched before. Then
//! the unit of its operation runs, with the engine's multipliers. Operands that lie one after another are read and written in
//! bursts, others element by element, one a clock either way as far as memory goes along. The command is complete when every
//! write is acknowledged.
//!
//! | ends early with | address | info |
//! |---|---|---|
//! | DRAM_READ_ERROR, DRAM_WRITE_ERROR | of the beat or burst | 0 |
//! | BAD_PARAMETER | 0 | byte offset in the parameters; `indices` also where these leave memory |
//! | BAD_ADDRESS | of the operand that leaves memory | its byte offset in the command |
//! | BAD_FIELD | of `d`, which overlaps an operand | its byte offset in the command |
//!
//! These, and `cancel`, stop requests; outstanding ones are drained, then the completion is given (after `cancel` there is none). An index that
//! is too large is found when it is its turn: d may be partly written then.

use super::{
    bounds,
    control::{command, CONTROL},
    gather::gather,
    inverse::inverse,
    lane::{self, Factor},
    multipliers::{self, POOL},
    parameters::parameters,
    scan::scan,
    walk::walk,
};
use crate::{
    card::bus::{Bus, End},
    field::{units, Field},
    hdl::Module,
    stream,
    target::Target,
};
use permafrost_abi::{VECTOR_EXCLUSIVE, VECTOR_NEGATE_ADDEND, VECTOR_NEGATE_PRODUCT};
use std::sync::Arc;

/// What resets units and walks: a failed command leaves nothing in them.
const RESET: &str = "rst || flush";

/// Adds the ports that every vector engine has towards the card: command, completion, memory readers (`a_` operand a and
/// parameters, `b_`, `c_`, `ix_` indices) and a writer (`d_`). The fields of a command are the ABI's, checked as far as they can be
/// without parameters. `dram_bytes`, the size of card memory, and `cancel` are levels: while `cancel` is high there are no new
/// memory requests, outstanding ones are drained before `busy` falls. `ev_element` is high for each element that enters.
pub fn interface(m: Module) -> Module {
    let mut m = m.clocked().input("cmd_valid", 1).output("cmd_ready", 1);
    for x in ["a", "b", "c", "d", "params"] {
        m = m.input(format!("cmd_{x}"), 64);
    }
    m = m
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
    for prefix in ["a_", "b_", "c_", "ix_"] {
        m = Bus::Read.ports(m, End::Client, prefix);
    }
    Bus::Write.ports(m, End::Client, "d_")
}

/// The engine `vector_engine`.
pub fn engine(target: Target) -> Arc<Module> {
    let m = interface(Module::new("vector_engine").doc(
        "Vector engine: element by element, sums, prefix products, inverses. See rtl/src/vector/engine.rs.",
    ));
    let m = preparation(m);
    let m = memory(m);
    let m = arithmetic(m, target);
    m.body(command()).body(CONTROL).build()
}

/// Parameters and bounds.
fn preparation(m: Module) -> Module {
    let mut m = m.child("params", &parameters()).connect_all(
        "params",
        &[
            ("start", "params_start"),
            ("addr", "params_addr"),
            ("flush", "flush"),
            ("use_a_scalar", "a_scalar_on"),
            ("use_b_scalar", "b_scalar_on || b_powers"),
            ("use_c_scalar", "c_scalar_on"),
            ("use_a_stride", "a_stream"),
            ("use_b_stride", "b_stream || b_gather"),
            ("use_c_stride", "c_stream"),
            ("use_d_stride", "!reduce"),
            ("use_indices", "b_gather"),
            // The parameters are read on the port of a, before a is.
            ("rd_ready", "a_rd_ready"),
            ("rdat_data", "a_rdat_data"),
            ("rdat_last", "a_rdat_last"),
            ("rdat_err", "a_rdat_err"),
            ("rdat_valid", "a_rdat_valid && params$busy"),
        ],
    );
    m = m.child("bounds", &bounds::bounds()).connect_all(
        "bounds",
        &[
            ("start", "bounds_start"),
            ("dram_bytes", "dram_bytes"),
            ("gathered", "b_gather"),
            ("indices", "params$indices"),
            ("n", "n"),
            ("d_single", "reduce"),
            ("a_on", "a_stream && n != 0"),
            ("b_on", "(b_stream && n != 0) || (b_gather && params$b_len != 0)"),
            ("c_on", "c_stream && n != 0"),
            ("d_on", "reduce || n != 0"),
            ("a_count", "n"),
            ("b_count", "b_gather ? params$b_len : n"),
            ("c_count", "n"),
            ("d_count", "d_count"),
        ],
    );
    for x in ["a", "b", "c", "d"] {
        m = m.connect("bounds", &format!("{x}_addr"), format!("{x}_addr"));
        m = m.connect("bounds", &format!("{x}_stride"), format!("params${x}_stride"));
    }
    m
}

/// Readers and writer, and who gives them their jobs.
fn memory(mut m: Module) -> Module {
    for (x, on, count) in
        [("a", "a_stream", "n"), ("b", "b_stream", "n"), ("c", "c_stream", "n"), ("d", "1'b1", "d_count")]
    {
        let (w, port) = (format!("walk_{x}"), format!("port_{x}"));
        let stride =
            if x == "d" { "reduce ? 32'd1 : params$d_stride".into() } else { format!("params${x}_stride") };
        m = m
            .child_reset_by(&w, &walk(), RESET)
            .connect(&w, "start", format!("start && {on}"))
            .connect(&w, "addr", format!("{x}_addr"))
            .connect(&w, "stride", stride)
            .connect(&w, "count", count)
            .connect(
                &w,
                "job_ready",
                format!("{port}$job_ready{}", if x == "b" { " && !b_gather" } else { "" }),
            );
        m = m.child(&port, &if x == "d" { stream::writer() } else { stream::reader() });
        m = m.connect(&port, "flush", "flush");
        let job = |field: &str| match x {
            "b" => format!("b_gather ? gather${field} : {w}${field}"),
            _ => format!("{w}${field}"),
        };
        m = m
            .connect(&port, "job_valid", job("job_valid"))
            .connect(&port, "job_addr", job("job_addr"))
            .connect(
                &port,
                "job_count",
                if x == "b" { format!("b_gather ? 33'd1 : {w}$job_count") } else { job("job_count") },
            );
    }
    m = m.child("gather", &gather()).connect_all(
        "gather",
        &[
            ("start", "start && b_gather && n != 0"),
            ("indices", "params$indices"),
            ("n", "n"),
            ("base", "b_addr"),
            ("stride", "params$b_stride"),
            ("len", "params$b_len"),
            ("flush", "flush"),
            ("job_ready", "port_b$job_ready && b_gather"),
        ],
    );
    m = Bus::Read.export(m, End::Client, ("port_b", ""), "b_");
    m = Bus::Read.export(m, End::Client, ("port_c", ""), "c_");
    m = Bus::Read.export(m, End::Client, ("gather", ""), "ix_");
    m = Bus::Write.export(m, End::Client, ("port_d", ""), "d_");
    m.connect_all(
        "port_a",
        &[
            ("rd_ready", "a_rd_ready && !params$busy"),
            ("rdat_data", "a_rdat_data"),
            ("rdat_last", "a_rdat_last"),
            ("rdat_err", "a_rdat_err"),
            ("rdat_valid", "a_rdat_valid && !params$busy"),
            ("out_ready", "a_taken_if_there"),
        ],
    )
    .connect("port_b", "out_ready", "lane$b_ready")
    .connect("port_c", "out_ready", "lane$c_ready")
    .connect(
        "port_d",
        "in_valid",
        "state == SUM || (mapped ? lane$d_valid : prefix ? scan$d_valid : inverse$d_valid)",
    )
    .connect(
        "port_d",
        "in_data",
        "state == SUM ? lane$result : mapped ? lane$d_data : prefix ? scan$d_data : inverse$d_data",
    )
    .body(
        "always @(*) begin
  a_rd_addr = params$busy ? params$rd_addr : port_a$rd_addr;
  a_rd_beats = params$busy ? params$rd_beats : port_a$rd_beats;
  a_rd_valid = params$busy ? params$rd_valid : port_a$rd_valid;
  a_rdat_ready = params$busy ? params$rdat_ready : port_a$rdat_ready;
end",
    )
}

/// The units and their multipliers.
fn arithmetic(m: Module, target: Target) -> Module {
    let units = [
        ("lane", "mapped", lane::lane(target).module),
        ("scan", "prefix", scan(target).module),
        ("inverse", "!mapped && !prefix", inverse(target).module),
    ];
    let mut m = m;
    for (name, selected, unit) in &units {
        m = m
            .child_reset_by(*name, unit, RESET)
            .connect(name, "start", format!("start && {selected}"))
            .connect(name, "n", "n")
            .connect(name, "a_valid", format!("port_a$out_valid && {selected}"))
            .connect(name, "a_data", "port_a$out_data")
            .connect(name, "d_ready", format!("port_d$in_ready && {selected}"));
        for k in 0..multipliers::borrowed(unit) {
            m = m.connect(name, &format!("mul{k}_y"), format!("mul{k}$y"));
        }
    }
    m = m.connect("scan", "exclusive", format!("flags[{}]", VECTOR_EXCLUSIVE.trailing_zeros())).connect_all(
        "lane",
        &[
            ("a_scalar_on", "a_scalar_on"),
            (
                "b_from",
                &format!(
                    "b_powers ? 2'd{} : b_scalar_on ? 2'd{} : 2'd{}",
                    Factor::Powers as u8,
                    Factor::Scalar as u8,
                    Factor::Stream as u8
                ),
            ),
            ("c_scalar_on", "c_scalar_on"),
            ("negate_product", &format!("flags[{}]", VECTOR_NEGATE_PRODUCT.trailing_zeros())),
            ("negate_addend", &format!("flags[{}]", VECTOR_NEGATE_ADDEND.trailing_zeros())),
            ("emit", "!reduce"),
            ("a_scalar", "params$a_scalar"),
            ("b_scalar", "params$b_scalar"),
            ("c_scalar", "params$c_scalar"),
            ("b_valid", "port_b$out_valid"),
            ("b_data", "port_b$out_data"),
            ("c_valid", "port_c$out_valid"),
            ("c_data", "port_c$out_data"),
        ],
    );
    let mul = units::mul(&Field::fr(), target).module();
    for k in 0..POOL {
        let inst = format!("mul{k}");
        m = m.child(&inst, &mul);
        for side in ["a", "b"] {
            // The last unit has all of them.
            let operand = units.iter().filter(|(_, _, unit)| k < multipliers::borrowed(unit));
            let operand: Vec<_> =
                operand.map(|(name, selected, _)| (format!("{name}$mul{k}_{side}"), selected)).collect();
            let (last, others) = operand.split_last().expect("a unit borrows it");
            let choice: String = others.iter().map(|(x, selected)| format!("{selected} ? {x} : ")).collect();
            m = m.connect(&inst, side, choice + &last.0);
        }
    }
    m
}
