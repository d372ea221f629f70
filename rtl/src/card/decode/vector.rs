//! Checks of VECTOR, as far as the command shows them: strides and indices are parameters, so the engine checks what
//! follows from them.

use super::checker::{bad_address, bad_field, checker};
use crate::hdl::Module;
use std::sync::Arc;

pub fn vector() -> Arc<Module> {
    checker(
        "vector",
        BODY,
        &[
            bad_field("operation > VECTOR_INVERSE", "VECTOR_OPERATION"),
            bad_field("(flags & ~allowed) != 0", "VECTOR_FLAGS"),
            bad_field("bad_kinds", "VECTOR_KINDS"),
            bad_field("cmd$[CMD_VECTOR_N] > VECTOR_MAX_N", "VECTOR_N"),
            bad_field("!a_read && a != 0", "VECTOR_A"),
            bad_address("a[4:0] != 0", "VECTOR_A", "a"),
            bad_field("!b_read && b != 0", "VECTOR_B"),
            bad_address("b[4:0] != 0", "VECTOR_B", "b"),
            bad_field("!c_read && c != 0", "VECTOR_C"),
            bad_address("c[4:0] != 0", "VECTOR_C", "c"),
            bad_address("d[4:0] != 0", "VECTOR_D", "d"),
            bad_address("params_bad", "VECTOR_PARAMS", "params"),
        ],
    )
}

const BODY: &str = r"
wire [63:0] a = cmd$[CMD_VECTOR_A];
wire [63:0] b = cmd$[CMD_VECTOR_B];
wire [63:0] c = cmd$[CMD_VECTOR_C];
wire [63:0] d = cmd$[CMD_VECTOR_D];
wire [63:0] params = cmd$[CMD_VECTOR_PARAMS];
wire [7:0] operation = cmd$[CMD_VECTOR_OPERATION];
wire [7:0] flags = cmd$[CMD_VECTOR_FLAGS];
wire [7:0] kinds = cmd$[CMD_VECTOR_KINDS];
wire linear = operation == VECTOR_MAP || operation == VECTOR_REDUCE;
wire [7:0] allowed = linear ? VECTOR_NEGATE_PRODUCT | VECTOR_NEGATE_ADDEND
  : operation == VECTOR_PREFIX_PRODUCT ? VECTOR_EXCLUSIVE : 8'd0;
wire [1:0] kind_a = kinds$[VECTOR_KIND_A];
wire [1:0] kind_b = kinds$[VECTOR_KIND_B];
wire [1:0] kind_c = kinds$[VECTOR_KIND_C];
wire a_read = kind_a == VECTOR_STREAM;
wire b_read = linear && (kind_b == VECTOR_STREAM || kind_b == VECTOR_GATHER);
wire c_read = linear && kind_c == VECTOR_STREAM;
wire [64:0] params_end = {1'b0, params} + {33'd0, VECTOR_PARAMS_BYTES};
reg bad_kinds, params_bad;
always @(posedge clk) begin
  bad_kinds <= linear ? kinds[7:6] != 0 || kind_a > VECTOR_SCALAR || kind_c > VECTOR_SCALAR : kinds != 0;
  params_bad <= params[5:0] != 0 || params_end > {1'b0, dram_bytes};
  reserved <= cmd$[CMD_VECTOR_RESERVED] != 0;
end
// With no elements a sum is written still.
always @(*) nothing = 1'b0;
";
