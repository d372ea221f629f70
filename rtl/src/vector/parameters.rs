//! The parameters of a VECTOR command: read from card memory and checked one by one.
//!
//! - `start` (one clock, while not `busy`) reads the parameters at `addr`. `valid` rises when all of them are there and
//!   stays until the next `start`, and so do the parameters; before it nothing of the outputs is of meaning.
//! - What the command uses is said by the `use_` inputs, stable meanwhile: scalars of a, b, c; strides of a, b, c, d; `use_indices`.
//! - `bad` with `bad_at`, the byte offset: a scalar that is used is not below p, or one that is not is not zero; a stride that is
//!   used is zero; indices are used and not 64-byte aligned, or they or their number are not used and not zero; what is reserved is
//!   not zero. The first one by its offset.
//! - `err`, `err_addr`: the beat at this address could not be read; `valid` does not rise.
//! - While `flush` is high no request begins; `busy` falls when nothing is outstanding.
//!
//! The three beats are asked for one by one: 192 bytes may cross a 4 KiB boundary.

use crate::{
    card::bus::{Bus, End, BEAT_BYTES},
    field::{Field, FIELD_BITS},
    hdl::Module,
};
use permafrost_abi::{vector::VECTOR_PARAMS_BYTES, VectorParameters};
use std::{mem::offset_of, sync::Arc};

const BEATS: usize = VECTOR_PARAMS_BYTES as usize / BEAT_BYTES;

/// Scalar k is half a beat: beat k / 2, half k % 2.
const SCALARS: [(&str, usize); 3] = [
    ("a_scalar", offset_of!(VectorParameters, a_scalar)),
    ("b_scalar", offset_of!(VectorParameters, b_scalar)),
    ("c_scalar", offset_of!(VectorParameters, c_scalar)),
];

const STRIDES: [(&str, usize); 4] = [
    ("a_stride", offset_of!(VectorParameters, a_stride)),
    ("b_stride", offset_of!(VectorParameters, b_stride)),
    ("c_stride", offset_of!(VectorParameters, c_stride)),
    ("d_stride", offset_of!(VectorParameters, d_stride)),
];

const INDICES: usize = offset_of!(VectorParameters, indices);
const B_LEN: usize = offset_of!(VectorParameters, b_len);
const RESERVED: usize = offset_of!(VectorParameters, reserved);

/// The module `vector_parameters`.
pub fn parameters() -> Arc<Module> {
    let mut m = Module::new("vector_parameters")
        .doc("Parameters of a VECTOR command, read and checked. See rtl/src/vector/parameters.rs.")
        .clocked()
        .input("start", 1)
        .input("addr", 64)
        .input("flush", 1)
        .input("use_indices", 1);
    for (name, _) in SCALARS {
        m = m.input(format!("use_{name}"), 1).output(name, FIELD_BITS);
    }
    for (name, _) in STRIDES {
        m = m.input(format!("use_{name}"), 1).output(name, 32);
    }
    let m = m
        .output("indices", 64)
        .output("b_len", 32)
        .output("valid", 1)
        .output("busy", 1)
        .output("bad", 1)
        .output("bad_at", 8)
        .output("err", 1)
        .output("err_addr", 64);
    Bus::Read.ports(m, End::Client, "").body(text()).build()
}

/// Bits of the second beat that hold the parameter at byte `offset`.
fn second_beat(offset: usize, bits: usize) -> String {
    format!("beat[{}+:{bits}]", 8 * (offset - BEAT_BYTES))
}

fn text() -> String {
    let p = &Field::fr().p;
    let mut checks = vec![vec![]; BEATS];
    let mut fields = vec![String::new(); BEATS];
    for (name, offset) in SCALARS {
        let (beat, low) = (offset / BEAT_BYTES, 8 * (offset % BEAT_BYTES));
        let unfit = format!("use_{name} ? beat[{low}+:256] >= 256'h{p:x} : beat[{low}+:256] != 256'd0");
        checks[beat].push((unfit, offset));
        fields[beat] += &format!("      {name} <= beat[{low}+:{FIELD_BITS}];\n");
    }
    for (name, offset) in STRIDES {
        let word = second_beat(offset, 32);
        checks[1].push((format!("use_{name} && {word} == 32'd0"), offset));
        fields[1] += &format!("      {name} <= {word};\n");
    }
    let (indices, low) = (second_beat(INDICES, 64), second_beat(INDICES, 6));
    let b_len = second_beat(B_LEN, 32);
    checks[1].push((format!("use_indices ? {low} != 6'd0 : {indices} != 64'd0"), INDICES));
    checks[1].push((format!("!use_indices && {b_len} != 32'd0"), B_LEN));
    fields[1] += &format!("      indices <= {indices};\n      b_len <= {b_len};\n");
    checks[1].push((format!("{} != 32'd0", second_beat(RESERVED, 32)), RESERVED));
    checks[2].push(("beat != 512'd0".into(), RESERVED));

    let mut out = format!(
        r"
// Beats asked for, that have arrived, that have been looked at.
reg [1:0] asked, came, seen;
reg [63:0] from;
reg asking;
reg [511:0] beat;
wire here = came != seen;
wire unused = &{{1'b0, rdat_last}};
always @(*) begin
  rd_addr = from + {{56'd0, asked, 6'd0}};
  rd_beats = 8'd0;
  rd_valid = asking;
  rdat_ready = 1'b1;
  busy = asking || asked != came;
  valid = seen == 2'd{BEATS};
end
// The first parameter of the beat that is unfit.
reg unfit;
reg [7:0] unfit_at;
always @(*) begin
  unfit = 1'b0;
  unfit_at = 8'd0;
  case (seen)
"
    );
    for (k, checks) in checks.iter().enumerate() {
        out += &format!("  2'd{k}: begin\n");
        // The last assignment counts.
        for (condition, offset) in checks.iter().rev() {
            out += &format!(
                "    if ({condition}) begin\n      unfit = 1'b1;\n      unfit_at = 8'd{offset};\n    end\n"
            );
        }
        out += "  end\n";
    }
    out += &format!(
        r"  default: ;
  endcase
end
always @(posedge clk) begin
  if (rd_valid && rd_ready) begin
    asked <= asked + 2'd1;
    asking <= asked != 2'd{last} && !flush;
  end
  if (rdat_valid) begin
    came <= came + 2'd1;
    beat <= rdat_data;
    if (rdat_err && !err) begin
      err <= 1'b1;
      err_addr <= from + {{56'd0, came, 6'd0}};
    end
  end
  if (here && !err) begin
    seen <= seen + 2'd1;
    if (unfit && !bad) begin
      bad <= 1'b1;
      bad_at <= unfit_at;
    end
    case (seen)
",
        last = BEATS - 1
    );
    for (k, fields) in fields.iter().enumerate().filter(|(_, fields)| !fields.is_empty()) {
        out += &format!("    2'd{k}: begin\n{fields}    end\n");
    }
    out + r"    default: ;
    endcase
  end
  if (start) begin
    from <= addr;
    asked <= 2'd0;
    came <= 2'd0;
    seen <= 2'd0;
    asking <= 1'b1;
    bad <= 1'b0;
    err <= 1'b0;
  end
  if (rst) begin
    asked <= 2'd0;
    came <= 2'd0;
    seen <= 2'd0;
    asking <= 1'b0;
    bad <= 1'b0;
    err <= 1'b0;
  end
end
"
}
