//! d = ±a b ± c, one a clock, constant latency, no stalls.
//!
//! Operands and signs at the ports in clock t give `d`, canonical, in clock t + latency. The signs are those of the whole
//! stream: they must be stable while elements are inside. One multiplier is borrowed, see [`super::multipliers`]. `rst` sets the clock counter only; elements inside become undefined.

use super::multipliers;
use crate::{
    field::{functions::functions, FIELD_BITS},
    hdl::Module,
    ring::Ring,
    target::Target,
};
use std::sync::Arc;

/// The pipeline: ports `clk`, `rst`, `negate_product`, `negate_addend`, `a`, `b`, `c`, `d`, and those of the multiplier.
pub struct MulAdd {
    pub module: Arc<Module>,
    /// Clocks from operands to result: the multiplier's, one before it, two behind.
    pub latency: usize,
}

pub fn mul_add(target: Target) -> MulAdd {
    let latency = multipliers::latency(target);
    // The product is there one register and the multiplier after the operands, and so is c, which the ring registers itself.
    let addend = Ring::new("addends", FIELD_BITS, latency, "c").read("addend", "AGE");
    let clock_bits = addend.log2();
    let module = Module::new("vector_mul_add")
        .doc("d = ±a b ± c over BN254 Fr, one a clock. See rtl/src/vector/mul_add.rs.")
        .clocked()
        .input("negate_product", 1)
        .input("negate_addend", 1)
        .input("a", FIELD_BITS)
        .input("b", FIELD_BITS)
        .input("c", FIELD_BITS)
        .output("d", FIELD_BITS);
    let module = multipliers::ports(module, 1)
        .body(functions(&["fr_add", "fr_sub"]))
        .body(format!(
            r"
localparam [{l}:0] AGE = {clock_bits}'d{age};
wire tick = 1'b1;
reg [{l}:0] now;
{ring}
reg [253:0] signed_product, signed_addend;
always @(posedge clk) begin
  now <= rst ? {clock_bits}'d0 : now + 1'b1;
  mul0_a <= a;
  mul0_b <= b;
  signed_product <= negate_product ? fr_sub(254'd0, mul0_y) : mul0_y;
  signed_addend <= negate_addend ? fr_sub(254'd0, addend) : addend;
  d <= fr_add(signed_product, signed_addend);
end
",
            l = clock_bits - 1,
            age = latency,
            ring = addend.text(),
        ))
        .build();
    MulAdd { module, latency: latency + 3 }
}
