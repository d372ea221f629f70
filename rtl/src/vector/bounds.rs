//! Whether the operands of a VECTOR command lie in card memory, and d apart from what is read.
//!
//! - `start` (one clock) begins; the inputs are stable until `valid`, [`CLOCKS`] clocks later at most, which stays until the next
//!   `start`.
//! - For x of a, b, c, d: `x_on`, the operand is in memory (not so for what is not there, or has no elements), `x_addr`,
//!   `x_stride`, `x_count` (1 or more). `gathered`: b is, and `indices` are `n` words. `d_single`: d is one element, its
//!   stride does not matter.
//! - `outside` with `outside_which` (0 to 3: a to d, 4: the indices): the first one that leaves the `dram_bytes` of card memory.
//! - `overlap`: the span of d, first byte to last, meets another one. With a stream it may, if both have the same stride and their
//!   addresses are less than one stride apart: in place, or interleaved.
//!
//! Products are made a bit a clock: a command has the time, a multiplier of this size is not for free.

use crate::{hdl::Module, stream::ELEMENT_BYTES};
use std::sync::Arc;

/// Clocks from `start` to `valid`.
pub const CLOCKS: usize = 32 + 4;

const _: () = assert!(ELEMENT_BYTES == 32, "spans are in units of 2^5 bytes");

const OPERANDS: [&str; 4] = ["a", "b", "c", "d"];

/// The module `vector_bounds`.
pub fn bounds() -> Arc<Module> {
    let mut m = Module::new("vector_bounds")
        .doc("Ranges and overlaps of a VECTOR command's operands. See rtl/src/vector/bounds.rs.")
        .clocked()
        .input("start", 1)
        .input("dram_bytes", 64)
        .input("gathered", 1)
        .input("indices", 64)
        .input("n", 32)
        .input("d_single", 1);
    for x in OPERANDS {
        m = m
            .input(format!("{x}_on"), 1)
            .input(format!("{x}_addr"), 64)
            .input(format!("{x}_stride"), 32)
            .input(format!("{x}_count"), 32);
    }
    m.output("valid", 1)
        .output("outside", 1)
        .output("outside_which", 3)
        .output("overlap", 1)
        .body(text())
        .build()
}

fn text() -> String {
    let mut out = format!(
        r"
localparam [5:0] LAST = 6'd{last};
// Steps to go: 32 bits of the products, ends, comparisons, verdicts.
reg [5:0] step;
reg running;
reg [67:0] indices_end;
reg indices_outside, indices_meet;
always @(*) valid = !running;
",
        last = CLOCKS - 1
    );
    for x in OPERANDS {
        out += &format!(
            "// (count - 1) stride, most significant bit first; the first byte behind the last element.\n\
             reg [63:0] {x}_product;\nreg [31:0] {x}_bits;\nreg [69:0] {x}_end;\nreg {x}_outside;\n"
        );
    }
    for x in ["a", "b", "c"] {
        out += &format!("reg {x}_meets, {x}_near;\nwire [63:0] {x}_apart = {x}_addr > d_addr ? {x}_addr - d_addr : d_addr - {x}_addr;\n");
    }
    out += "always @(posedge clk) begin\n  if (running) step <= step + 6'd1;\n  if (step == LAST) running <= 1'b0;\n";
    for x in OPERANDS {
        out += &format!(
            r"  if (step < 6'd32) begin
    {x}_product <= {{{x}_product[62:0], 1'b0}} + ({x}_bits[31] ? {{32'd0, {x}_stride}} : 64'd0);
    {x}_bits <= {{{x}_bits[30:0], 1'b0}};
  end
  {x}_end <= {{6'd0, {x}_addr}} + {{1'b0, {x}_product, 5'd0}} + 70'd{ELEMENT_BYTES};
  {x}_outside <= {x}_on && {x}_end > {{6'd0, dram_bytes}};
"
        );
    }
    for x in ["a", "b", "c"] {
        let gathered = if x == "b" { "!gathered && " } else { "" };
        out += &format!(
            r"  {x}_meets <= {x}_on && d_on && {{6'd0, {x}_addr}} < d_end && {{6'd0, d_addr}} < {x}_end;
  {x}_near <= {gathered}!d_single && {x}_stride == d_stride && {x}_apart < {{27'd0, d_stride, 5'd0}};
"
        );
    }
    out + r"  indices_end <= {4'd0, indices} + {34'd0, n, 2'd0};
  indices_outside <= gathered && indices_end > {4'd0, dram_bytes};
  indices_meet <= gathered && d_on && n != 32'd0 && {6'd0, indices} < d_end && {6'd0, d_addr} < {2'd0, indices_end};
  outside <= a_outside || b_outside || c_outside || d_outside || indices_outside;
  outside_which <= a_outside ? 3'd0 : b_outside ? 3'd1 : c_outside ? 3'd2 : d_outside ? 3'd3 : 3'd4;
  overlap <= (a_meets && !a_near) || (b_meets && !b_near) || (c_meets && !c_near) || indices_meet;
  if (start) begin
    step <= 6'd0;
    running <= 1'b1;
    a_product <= 64'd0;
    b_product <= 64'd0;
    c_product <= 64'd0;
    d_product <= 64'd0;
    a_bits <= a_count - 32'd1;
    b_bits <= b_count - 32'd1;
    c_bits <= c_count - 32'd1;
    d_bits <= d_count - 32'd1;
  end
  if (rst) running <= 1'b0;
end
"
}
