//! The timeline semaphores: 64 counters of 32 bits that order work across queues.
//!
//! - `q{i}_index` → `q{i}_value`: combinational read, one port a queue.
//! - `q{i}_sig_valid`/`q{i}_sig_ready`: raises the semaphore to at least `q{i}_sig_value`, round robin among queues.
//! - `set_valid` (pulse): sets a semaphore to any value; goes before the others.
//! - `clear` (pulse) and reset: all semaphores are 0.
//!
//! A change is visible to readers one clock after its handshake.

use super::{
    round_robin::round_robin,
    text::{select, vector},
};
use crate::hdl::Module;
use permafrost_abi::SEMAPHORES;
use std::{fmt::Write as _, sync::Arc};

const _: () = assert!(SEMAPHORES == 64, "semaphore numbers have six bits");

/// Semaphores for `n` queues.
pub fn semaphores(n: usize) -> Arc<Module> {
    let mut m = Module::new(format!("card_semaphores_{n}"))
        .doc(format!("64 timeline semaphores, {n} queues."))
        .clocked()
        .input("clear", 1)
        .input("set_valid", 1)
        .input("set_index", 6)
        .input("set_value", 32);
    let mut ports = String::new();
    for i in 0..n {
        m = m
            .input(format!("q{i}_index"), 6)
            .output(format!("q{i}_value"), 32)
            .input(format!("q{i}_sig_valid"), 1)
            .input(format!("q{i}_sig_index"), 6)
            .input(format!("q{i}_sig_value"), 32)
            .output(format!("q{i}_sig_ready"), 1);
        write!(
            ports,
            "always @(*) q{i}_value = written[q{i}_index] ? value[q{i}_index] : 0;\n\
             always @(*) q{i}_sig_ready = !set_valid && rr$grant[{i}];\n"
        )
        .expect("String");
    }
    let chosen = select(n, "rr$index", |i| format!("index = q{i}_sig_index; signal = q{i}_sig_value;"));
    m.child("rr", &round_robin(n))
        .body(
            r"
reg [31:0] value [0:63];
// What has not been written since the last clear is 0.
reg [63:0] written;
reg [5:0] index;
reg [31:0] signal;
wire raise = rr$any && (!written[index] || signal > value[index]);
always @(posedge clk) begin
  if (set_valid) value[set_index] <= set_value;
  else if (raise) value[index] <= signal;
  if (set_valid) written[set_index] <= 1'b1;
  else if (raise) written[index] <= 1'b1;
  if (rst || clear) written <= 0;
end
",
        )
        .body(format!("always @(*) begin\n{chosen}end"))
        .connect("rr", "req", vector(n, |i| format!("q{i}_sig_valid")))
        .connect("rr", "take", "!set_valid")
        .body(ports)
        .build()
}
