//! Round-robin choice among `n` requesters.
//!
//! Combinational: `grant` is one-hot (zero when nobody asks), `index` its number, `any` says whether somebody asks.
//! With `take` the granted requester becomes the last in line at the next clock edge. Reset: requester 0 is first.

use super::fifo::count_bits;
use crate::hdl::Module;
use std::{fmt::Write as _, sync::Arc};

/// Bits of the index of one of `n` requesters.
pub fn index_bits(n: usize) -> usize {
    count_bits(n.saturating_sub(1)).max(1)
}

/// A round-robin picker for `n` requesters, 1 or more.
pub fn round_robin(n: usize) -> Arc<Module> {
    assert!(n > 0);
    let mut index = String::from("always @(*) begin\n  index = 0;\n");
    for i in 1..n {
        writeln!(index, "  if (grant[{i}]) index = {i};").expect("String");
    }
    index.push_str("end");
    let body = match n {
        1 => "wire unused = &{1'b0, clk, rst, take};\nalways @(*) grant = req;".to_string(),
        // Subtracting the one-hot `first` from the doubled requests borrows up to the first request at or after it.
        _ => format!(
            "reg [{l}:0] first;\n\
             wire [{dl}:0] twice = {{req, req}};\n\
             wire [{dl}:0] pick = twice & ~(twice - {{{n}'d0, first}});\n\
             always @(*) grant = pick[{dl}:{n}] | pick[{l}:0];\n\
             always @(posedge clk)\n  \
               if (rst) first <= 1;\n  \
               else if (take && any) first <= {{grant[{ll}:0], grant[{l}]}};",
            l = n - 1,
            dl = 2 * n - 1,
            ll = n - 2,
        ),
    };
    Module::new(format!("round_robin_{n}"))
        .doc(format!("Round-robin choice among {n}; combinational grant, the order moves on `take`."))
        .clocked()
        .input("req", n)
        .input("take", 1)
        .output("grant", n)
        .output("index", index_bits(n))
        .output("any", 1)
        .body("always @(*) any = |req;")
        .body(body)
        .body(index)
        .build()
}
