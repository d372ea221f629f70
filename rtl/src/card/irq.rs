//! Merges the interrupt requests of the queues, and the one of a fatal error, onto the card's interrupt port.

use super::{
    round_robin::round_robin,
    text::{select, vector},
};
use crate::hdl::Module;
use std::{fmt::Write as _, sync::Arc};

/// `n` requesters `i{i}_valid`/`i{i}_ready` with `i{i}_vector`, round robin, through a register: `irq_vector` is stable
/// while `irq_valid` waits for `irq_ready`. Reset: no interrupt.
pub fn irq_arbiter(n: usize) -> Arc<Module> {
    let mut m = Module::new(format!("irq_arbiter_{n}"))
        .doc(format!("{n} interrupt sources onto one port."))
        .clocked()
        .output("irq_valid", 1)
        .output("irq_vector", 8)
        .input("irq_ready", 1);
    let mut ready = String::new();
    for i in 0..n {
        m = m
            .input(format!("i{i}_valid"), 1)
            .input(format!("i{i}_vector"), 8)
            .output(format!("i{i}_ready"), 1);
        writeln!(ready, "always @(*) i{i}_ready = take && rr$grant[{i}];").expect("String");
    }
    let vector_of = select(n, "rr$index", |i| format!("irq_vector <= i{i}_vector;"));
    m.child("rr", &round_robin(n))
        .body("wire take = rr$any && (!irq_valid || irq_ready);")
        .connect("rr", "req", vector(n, |i| format!("i{i}_valid")))
        .connect("rr", "take", "take")
        .body(ready)
        .body(format!(
            "always @(posedge clk) begin\n  if (irq_ready) irq_valid <= 1'b0;\n  if (take) begin\n    \
             irq_valid <= 1'b1;\n    {vector_of}  end\n  \
             if (rst) irq_valid <= 1'b0;\nend"
        ))
        .build()
}
