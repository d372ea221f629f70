//! Arrival: which case an addition is, its denominator, and what its end needs.
//!
//! p = (x1, y1) and q = (x2, y2) are at the ports in tick t, at the outputs `x1` to `square` in tick t + 2, `d` in tick t + 3.
//!
//! | kind | case | denominator | result |
//! |---|---|---|---|
//! | [`ZERO`] | q = -p (same x, other y, or y = 0), nothing there | 1 | 0 |
//! | [`PASS`] | p or q is the identity | 1 | (x1, y1), where q stands when p is the identity |
//! | [`ADD`] | different x | x2 - x1 | by the chord |
//! | [`DOUBLE`] | p = q | 2 y1 | by the tangent |

use crate::field::{ext_mul::COORD_BITS, functions::functions, Field};
use crate::hdl::Module;
use std::sync::Arc;

pub const ZERO: usize = 0;
pub const PASS: usize = 1;
pub const ADD: usize = 2;
pub const DOUBLE: usize = 3;

pub fn front() -> Arc<Module> {
    let one = Field::fq().one();
    Module::new("affine_front")
        .doc("Cases and denominators of affine additions. See rtl/src/point/affine/front.rs.")
        .input("clk", 1)
        .input("restart", 1)
        .input("tick", 1)
        .input("in_valid", 1)
        .input("p", 2 * COORD_BITS)
        .input("q", 2 * COORD_BITS)
        .output("kind", 2)
        .output("x1", COORD_BITS)
        .output("y1", COORD_BITS)
        .output("x_sum", COORD_BITS)
        .output("dy", COORD_BITS)
        .output("square", COORD_BITS)
        .output("d", COORD_BITS)
        .body(functions(&["fq_add", "fq_sub"]))
        .body(format!(
            r"
reg valid1, valid2;
reg [1015:0] p1, q1;
wire [507:0] px = p1[507:0];
wire [507:0] py = p1[1015:508];
wire [507:0] qx = q1[507:0];
wire [507:0] qy = q1[1015:508];
reg [507:0] px2, py2, dx2, dy2, twice2, sum2;
reg same_x, same_y, no_y, no_p, no_q;
always @(posedge clk) begin
  if (tick) begin
    valid1 <= in_valid;
    p1 <= p;
    q1 <= q;
    valid2 <= valid1;
    px2 <= px;
    py2 <= py;
    dx2 <= {{fq_sub(qx[507:254], px[507:254]), fq_sub(qx[253:0], px[253:0])}};
    dy2 <= {{fq_sub(qy[507:254], py[507:254]), fq_sub(qy[253:0], py[253:0])}};
    sum2 <= {{fq_add(qx[507:254], px[507:254]), fq_add(qx[253:0], px[253:0])}};
    twice2 <= {{fq_add(py[507:254], py[507:254]), fq_add(py[253:0], py[253:0])}};
    same_x <= px == qx;
    same_y <= py == qy;
    no_y <= py == 508'd0;
    no_p <= p1 == 1016'd0;
    no_q <= q1 == 1016'd0;
  end
  if (restart) begin
    valid1 <= 1'b0;
    valid2 <= 1'b0;
  end
end
always @(*) begin
  if (!valid2) kind = 2'd{ZERO};
  else if (no_p || no_q) kind = 2'd{PASS};
  else if (!same_x) kind = 2'd{ADD};
  else if (same_y && !no_y) kind = 2'd{DOUBLE};
  else kind = 2'd{ZERO};
end
// The difference to the identity, all zero, is q itself.
always @(*) x1 = no_p ? dx2 : px2;
always @(*) y1 = no_p ? dy2 : py2;
always @(*) x_sum = sum2;
always @(*) dy = dy2;
always @(*) square = px2;
always @(posedge clk) if (tick) d <= !kind[1] ? 508'h{one:x} : kind[0] ? twice2 : dx2;
"
        ))
        .build()
}
