//! The end of an addition: from the denominator's inverse to the sum.
//!
//! lambda = num / d, x3 = lambda^2 - (x1 + x2), y3 = lambda (x1 - x3) - y1, with num = y2 - y1 or, for a doubling, 3 x1^2.
//! Multipliers: Q (x1^2, while the denominator is inverted), LAM, SQ, Y. What an addition brings waits in rings.
//!
//! Arrival is tick 2 of an addition (see [`super::front`]); `dinv` comes in tick leaf + 1, the sum leaves in [`Times::out`].

use super::{front, schedule::FRONT, text::read_by_group, Shape};
use crate::field::{ext_mul::COORD_BITS, functions::functions};
use crate::hdl::Module;
use crate::ring::Ring;
use std::sync::Arc;

/// Tick in which the fields of an addition enter their rings.
const ARRIVAL: usize = FRONT - 1;

/// Ticks of one addition, from its arrival at the adder's ports.
#[derive(Clone, Copy, Debug)]
pub struct Times {
    /// Operands at LAM.
    pub lambda: usize,
    /// lambda registered: operands at SQ.
    pub square: usize,
    /// lambda^2 registered.
    pub squared: usize,
    /// Operands at Y; x3 has been registered a tick earlier.
    pub y: usize,
    /// The sum at the output.
    pub out: usize,
}

impl Times {
    pub fn new(leaf: usize, product: usize) -> Times {
        let lambda = leaf + 1;
        let square = lambda + product + 1;
        let squared = square + product + 1;
        let y = squared + 2;
        Times { lambda, square, squared, y, out: y + product + 2 }
    }
}

pub fn tail(shape: &Shape) -> Arc<Module> {
    let times = [0, 1].map(|g| Times::new(shape.plans[g].leaf, shape.mul.latency[g]));
    let product = shape.mul.latency;
    // A word that enters its ring in tick `from` and is in its register in tick `to` has this age when it is read.
    let ages = |from: &dyn Fn(usize) -> usize, to: &dyn Fn(&Times) -> usize| {
        [0, 1].map(|g| to(&times[g]) - 1 - from(g))
    };
    let ring = |name: &str, bits, value: &str, ages: [usize; 2], register: &str| {
        read_by_group(Ring::new(name, bits, ages[0].max(ages[1]), value), register, ages).text()
    };
    let arrival = |_| ARRIVAL;
    let squared_early = |g: usize| ARRIVAL + product[g] + 1;
    let rings = [
        ring("dy_ring", COORD_BITS + 1, "{kind[0], dy}", ages(&arrival, &|t| t.lambda), "dy_word"),
        ring("tangent_ring", COORD_BITS, "tangent_next", ages(&squared_early, &|t| t.lambda), "tangent"),
        ring("x_sum_ring", COORD_BITS, "x_sum", ages(&arrival, &|t| t.squared), "x_sum_late"),
        ring("x1_ring", COORD_BITS + 2, "{kind, x1}", ages(&arrival, &|t| t.squared + 1), "x1_word"),
        ring("lambda_ring", COORD_BITS, "lambda", ages(&|g| times[g].square, &|t| t.y), "lambda_late"),
        ring("x3_ring", COORD_BITS, "x_out", ages(&|g| times[g].squared + 1, &|t| t.out - 1), "x3_late"),
        ring("y1_ring", COORD_BITS + 2, "{kind, y1}", ages(&arrival, &|t| t.out - 1), "y1_word"),
    ];
    let mut m = Module::new("affine_tail")
        .doc("Sums of affine points from the inverses of their denominators. See rtl/src/point/affine/tail.rs.")
        .input("clk", 1)
        .input("g2", 1)
        .input("tick", 1)
        .input("now", shape.now_bits)
        .input("kind", 2)
        .input("x1", COORD_BITS)
        .input("y1", COORD_BITS)
        .input("x_sum", COORD_BITS)
        .input("dy", COORD_BITS)
        .input("square", COORD_BITS)
        .input("dinv", COORD_BITS)
        .output("r", 2 * COORD_BITS);
    for (inst, a, b) in [
        ("q", "square", "square"),
        ("lam", "dinv", "dy_word[508] ? tangent : dy_word[507:0]"),
        ("sq", "lambda", "lambda"),
        ("line", "lambda_late", "dx"),
    ] {
        m = m
            .child(inst, &shape.mul.module)
            .connect_all(inst, &[("g2", "g2"), ("tick", "tick"), ("a", a), ("b", b)]);
    }
    m.body(functions(&["fq_sub", "fq_triple"]))
        .body(
            r"
reg [507:0] x1_squared, lambda, lambda_squared, x3, dx, y_product;
wire [507:0] tangent_next = {fq_triple(x1_squared[507:254]), fq_triple(x1_squared[253:0])};
",
        )
        .body(rings.concat())
        .body(format!(
            r"
wire [1:0] x_kind = x1_word[509:508];
wire [507:0] x_out = x_kind[1] ? x3 : x_kind == 2'd{pass} ? x1_word[507:0] : 508'd0;
wire [1:0] y_kind = y1_word[509:508];
wire [507:0] y3 = {{fq_sub(y_product[507:254], y1_word[507:254]), fq_sub(y_product[253:0], y1_word[253:0])}};
always @(posedge clk) if (tick) begin
  x1_squared <= q$y;
  lambda <= lam$y;
  lambda_squared <= sq$y;
  x3 <= {{fq_sub(lambda_squared[507:254], x_sum_late[507:254]), fq_sub(lambda_squared[253:0], x_sum_late[253:0])}};
  dx <= {{fq_sub(x1_word[507:254], x3[507:254]), fq_sub(x1_word[253:0], x3[253:0])}};
  y_product <= line$y;
  r[507:0] <= x3_late;
  r[1015:508] <= y_kind[1] ? y3 : y_kind == 2'd{pass} ? y1_word[507:0] : 508'd0;
end
",
            pass = front::PASS
        ))
        .build()
}
