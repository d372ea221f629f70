//! The error syndrome: which error came first, and how many there were.
//!
//! `n` sources `e{i}_valid`/`e{i}_ready` with `e{i}_queue`, `e{i}_cid`, `e{i}_status`, `e{i}_addr`, one taken per clock, round
//! robin. The first error is held in `status`, `queue`, `cid`, `addr` with `held` until `acknowledge` (pulse);
//! `count` counts all of them up to 0x7fff_ffff. `clear` (pulse) zeroes the count; the held error survives it, so that a
//! driver can reset the controller first and ask later. Reset: no error.

use super::{
    round_robin::round_robin,
    text::{select, vector},
};
use crate::hdl::Module;
use std::{fmt::Write as _, sync::Arc};

/// The syndrome registers for `n` sources.
pub fn errors(n: usize) -> Arc<Module> {
    let mut m = Module::new(format!("card_errors_{n}"))
        .doc("Error syndrome registers.")
        .clocked()
        .input("clear", 1)
        .input("acknowledge", 1)
        .output("held", 1)
        .output("status", 8)
        .output("queue", 16)
        .output("cid", 16)
        .output("addr", 64)
        .output("count", 31);
    let mut ready = String::new();
    for i in 0..n {
        m = m
            .input(format!("e{i}_valid"), 1)
            .input(format!("e{i}_status"), 8)
            .input(format!("e{i}_queue"), 16)
            .input(format!("e{i}_cid"), 16)
            .input(format!("e{i}_addr"), 64)
            .output(format!("e{i}_ready"), 1);
        writeln!(ready, "always @(*) e{i}_ready = rr$grant[{i}];").expect("String");
    }
    let take = select(n, "rr$index", |i| {
        format!("status <= e{i}_status; cid <= e{i}_cid; addr <= e{i}_addr; queue <= e{i}_queue;")
    });
    m.child("rr", &round_robin(n))
        .connect("rr", "req", vector(n, |i| format!("e{i}_valid")))
        .connect("rr", "take", "1'b1")
        .body(ready)
        .body(format!(
            "always @(posedge clk) begin\n  if (acknowledge) held <= 1'b0;\n  if (rr$any && (!held || acknowledge)) begin\n    \
             held <= 1'b1;\n    {take}  end\n  \
             if (rr$any && count != 31'h7fff_ffff) count <= count + 1'b1;\n  \
             if (clear) count <= 0;\n  \
             if (rst) begin\n    held <= 1'b0;\n    status <= 0;\n    queue <= 0;\n    cid <= 0;\n    addr <= 0;\n    \
             count <= 0;\n  end\nend"
        ))
        .build()
}
