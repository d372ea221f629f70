//! Products in Fq or Fq2 = Fq(u), u^2 = -1, on one Fq multiplier.
//!
//! An element is {c1, c0}, c0 low, canonical Montgomery. With `g2` low (Fq, c1 = 0 everywhere) a tick is a clock and takes one
//! product. With `g2` high a tick is three clocks, `tick` high in the last one, and the multiplier takes Karatsuba's
//! a0 b0, a1 b1 and (a0 + a1)(b0 + b1) in turn.
//!
//! Operands that are stable during tick t give `y` in the last clock (that with `tick`) of tick t + latency. In Fq2 `y` is
//! only right in that clock: register it there. Nothing needs a reset; the third tick after a change of `g2` counts.

use super::{functions::functions, units, Field, FIELD_BITS};
use crate::{hdl::Module, target::Target};
use std::sync::Arc;

/// Bits of an element of Fq2.
pub const COORD_BITS: usize = 2 * FIELD_BITS;

/// Clocks of a tick, for Fq and Fq2.
pub const TICK_CLOCKS: [usize; 2] = [1, 3];

/// The multiplier: ports `clk`, `g2`, `tick`, `a`, `b`, `y`.
pub struct ExtMul {
    pub module: Arc<Module>,
    /// In ticks, for Fq and Fq2.
    pub latency: [usize; 2],
}

pub fn ext_mul(target: Target) -> ExtMul {
    let mul = units::mul(&Field::fq(), target);
    // A tile's operand register follows no further logic; the simulation target has the time.
    let registered = target == Target::Xcup;
    let product = mul.latency + usize::from(registered);
    // Clock 0 is the first one of the operands' tick; a0 b0 is there in clock `product`, c0 and c1 four clocks later.
    let latency = [product, (product + 4 - 2).div_ceil(3)];
    let p = Field::fq().p;
    let operands = if registered {
        "reg [253:0] a_q, b_q;\nalways @(posedge clk) begin\n  a_q <= a_now;\n  b_q <= b_now;\nend\n"
    } else {
        "wire [253:0] a_q = a_now;\nwire [253:0] b_q = b_now;\n"
    };
    let module = Module::new("fq2_mul")
        .doc(format!(
            "Product in Fq (a tick is a clock) or Fq2 (three clocks, Karatsuba) on one Fq multiplier; {} or {} ticks.",
            latency[0], latency[1]
        ))
        .input("clk", 1)
        .input("g2", 1)
        .input("tick", 1)
        .input("a", COORD_BITS)
        .input("b", COORD_BITS)
        .output("y", COORD_BITS)
        .child("mul", &mul.module())
        .connect_all("mul", &[("a", "a_q"), ("b", "b_q")])
        .body(functions(&["fq_sub"]))
        .body(format!(
            r"
localparam [253:0] P = 254'h{p:x};
reg [1:0] phase;
reg [254:0] a_sum, b_sum;
reg [253:0] a_cross, b_cross;
wire [254:0] a_less = a_sum - {{1'b0, P}};
wire [254:0] b_less = b_sum - {{1'b0, P}};
wire [253:0] a_now = phase == 2'd0 ? a[253:0] : phase == 2'd1 ? a[507:254] : a_cross;
wire [253:0] b_now = phase == 2'd0 ? b[253:0] : phase == 2'd1 ? b[507:254] : b_cross;
{operands}
always @(posedge clk) begin
  phase <= tick ? 2'd0 : phase + 2'd1;
  if (g2) begin
    a_sum <= {{1'b0, a[253:0]}} + {{1'b0, a[507:254]}};
    b_sum <= {{1'b0, b[253:0]}} + {{1'b0, b[507:254]}};
    a_cross <= a_less[254] ? a_sum[253:0] : a_less[253:0];
    b_cross <= b_less[254] ? b_sum[253:0] : b_less[253:0];
  end
end

// c0 = a0 b0 - a1 b1, c1 = cross - (a0 b0 + a1 b1): one step a product.
reg [253:0] first, second;
reg [254:0] sum;
reg [255:0] rest;
reg [253:0] c0, c1;
reg [253:0] c0_next;
wire [255:0] rest_p = rest + {{2'd0, P}};
wire [255:0] rest_2p = rest + {{1'b0, P, 1'b0}};
always @(posedge clk) if (g2) begin
  if (phase == 2'd{at0}) first <= mul$y;
  if (phase == 2'd{at1}) begin
    second <= mul$y;
    sum <= {{1'b0, first}} + {{1'b0, mul$y}};
  end
  if (phase == 2'd{at2}) begin
    c0_next <= fq_sub(first, second);
    rest <= {{2'd0, mul$y}} - {{1'b0, sum}};
  end
  if (phase == 2'd{at0}) begin
    c0 <= c0_next;
    c1 <= !rest[255] ? rest[253:0] : !rest_p[255] ? rest_p[253:0] : rest_2p[253:0];
  end
end
always @(*) y = g2 ? {{c1, c0}} : {{254'd0, mul$y}};
",
            at0 = product % 3,
            at1 = (product + 1) % 3,
            at2 = (product + 2) % 3,
        ))
        .build();
    ExtMul { module, latency }
}
