//! The Verilog reading: `localparam`s that the card's modules include in their bodies.

use crate::define::{Field, Register, Value};
use crate::{command, completion, constants, format, msm, ntt, registers, status, vector};
use std::fmt::Write;

/// The contract as Verilog-2005 `localparam`s, to be placed inside a module body.
///
/// | Names | What | Form |
/// |---|---|---|
/// | `ABI_*` | fixed numbers | 32 bits |
/// | `REG_<REGISTER>`, `..._HI` | byte offset; high half of a 64-bit register | 16 bits |
/// | `REG_<REGISTER>_<FIELD>_LSB`, `_W` | bit range in the register | integer |
/// | `CNT_<COUNTER>`, `..._HI` | byte offset of a counter | 16 bits |
/// | `OP_*`, `ST_*` | opcodes, status codes | 8 and 15 bits |
/// | `FLAG_*`, `MSM_FORMAT_*`, `NTT_REVERSED_*`, `VECTOR_NEGATE_*`, `VECTOR_EXCLUSIVE` | flag masks | 8 bits |
/// | `COPY_*`, `GROUP_*`, `VECTOR_<OPERATION>` | field values | 8 bits |
/// | `VECTOR_<KIND>` | values of an operand's kind | 2 bits |
/// | `VECTOR_KIND_<OPERAND>_LSB`, `_W` | bit range of its kind in `kinds` | integer |
/// | `CMD_<FIELD>_LSB`, `_W` | bit range in the 512-bit command, header | integer |
/// | `CMD_<OP>_<FIELD>_LSB`, `_W` | the same, body of that opcode; reserved ranges as well | integer |
/// | `CMD_<OP>_<FIELD>_BYTE` | byte offset, which is the `info` of BAD_FIELD and BAD_ADDRESS | 32 bits |
/// | `CPL_<FIELD>_LSB`, `_W` | bit range in the 128-bit completion; also `CPL_PHASE`, `CPL_STATUS` | integer |
/// | `NTT_PARAMS_<FIELD>_LSB`, `_W`, `_BYTE` | bit range in the parameters of an NTT; byte offset, which is the `info` of BAD_PARAMETER | integer; 32 bits |
/// | `VECTOR_PARAMS_<FIELD>_...` | the same for VECTOR | |
/// | `SG_<FIELD>_LSB`, `_W` | bit range in the 128-bit scatter–gather entry | integer |
/// | `POINT_<FIELD>_LSB`, `SUM_<FIELD>_LSB`, ... | bit ranges of points and window sums | integer |
///
/// A module uses few of them, so the text switches Verilator's unused-parameter warning off for its own lines.
pub fn verilog_params() -> String {
    let mut out = String::from("// Host-card contract, generated from the crate permafrost-abi.\n");
    out.push_str("/* verilator lint_off UNUSEDPARAM */\n");
    for (name, bits, value) in params() {
        // Writing to a String cannot fail.
        let _ = match bits {
            None => writeln!(out, "localparam integer {name} = {value};"),
            Some(bits) => writeln!(out, "localparam [{}:0] {name} = {bits}'h{value:x};", bits - 1),
        };
    }
    out.push_str("/* verilator lint_on UNUSEDPARAM */\n");
    out
}

/// Every parameter: name, width (`None` = integer), value.
fn params() -> Vec<(String, Option<u32>, u64)> {
    let mut out = Vec::new();
    values(&mut out, "ABI_", constants::CONSTANTS);
    for limits in [msm::MSM_LIMITS, ntt::NTT_LIMITS, vector::VECTOR_LIMITS] {
        values(&mut out, "", limits);
    }
    registers(&mut out, "REG", registers::REGISTERS);
    registers(&mut out, "CNT", registers::COUNTERS);
    values(&mut out, "OP_", command::Opcode::TABLE);
    values(&mut out, "ST_", status::Status::TABLE);
    for flags in [constants::COMMAND_FLAGS, constants::MSM_FORMATS, ntt::NTT_ORDERS, vector::VECTOR_FLAGS] {
        values(&mut out, "", flags);
    }
    for kind in vector::VECTOR_KINDS {
        out.push((format!("{}_LSB", kind.name), None, kind.value));
        out.push((format!("{}_W", kind.name), None, 2));
    }
    values(&mut out, "COPY_", command::CopyKind::TABLE);
    values(&mut out, "GROUP_", command::Group::TABLE);
    values(&mut out, "VECTOR_", vector::VectorOperation::TABLE);
    values(&mut out, "VECTOR_", vector::VectorKind::TABLE);
    fields(&mut out, "CMD", command::Command::FIELDS);
    for (opcode, body) in command::BODIES {
        let prefix = format!("CMD_{}", opcode.name());
        fields(&mut out, &prefix, body);
        offsets(&mut out, &prefix, body);
    }
    let cpl = completion::Completion::FIELDS;
    fields(&mut out, "CPL", cpl);
    for field in cpl.iter().filter(|f| f.name == "status_phase") {
        let lsb = field.offset as u64 * 8;
        for (name, lsb, width) in [("PHASE", lsb, 1), ("STATUS", lsb + 1, field.bytes as u64 * 8 - 1)] {
            out.push((format!("CPL_{name}_LSB"), None, lsb));
            out.push((format!("CPL_{name}_W"), None, width));
        }
    }
    for (prefix, params) in
        [("NTT_PARAMS", ntt::NttParameters::FIELDS), ("VECTOR_PARAMS", vector::VectorParameters::FIELDS)]
    {
        fields(&mut out, prefix, params);
        offsets(&mut out, prefix, params);
    }
    fields(&mut out, "SG", command::SgEntry::FIELDS);
    fields(&mut out, "POINT", format::AffinePoint::FIELDS);
    fields(&mut out, "ELEMENT", format::Element::FIELDS);
    fields(&mut out, "SCALAR", format::Scalar::FIELDS);
    fields(&mut out, "POINT_G2", format::AffinePointG2::FIELDS);
    out
}

fn values(out: &mut Vec<(String, Option<u32>, u64)>, prefix: &str, table: &[Value]) {
    for v in table {
        let name = v.name.strip_prefix(prefix).unwrap_or(v.name);
        out.push((format!("{prefix}{name}"), Some(v.bits), v.value));
    }
}

fn registers(out: &mut Vec<(String, Option<u32>, u64)>, prefix: &str, table: &[Register]) {
    for r in table {
        out.push((format!("{prefix}_{}", r.name), Some(16), r.offset));
        if r.bits == 64 {
            out.push((format!("{prefix}_{}_HI", r.name), Some(16), r.offset + 4));
        }
        for f in r.fields {
            let name = format!("{prefix}_{}_{}", r.name, f.name.to_uppercase());
            out.push((format!("{name}_LSB"), None, f.lsb as u64));
            out.push((format!("{name}_W"), None, (f.msb - f.lsb + 1) as u64));
        }
    }
}

fn fields(out: &mut Vec<(String, Option<u32>, u64)>, prefix: &str, table: &[Field]) {
    for f in table {
        let name = format!("{prefix}_{}", f.name.to_uppercase());
        out.push((format!("{name}_LSB"), None, f.offset as u64 * 8));
        out.push((format!("{name}_W"), None, f.bytes as u64 * 8));
    }
}

/// Byte offsets, as they are given in a completion's `info`.
fn offsets(out: &mut Vec<(String, Option<u32>, u64)>, prefix: &str, table: &[Field]) {
    for f in table {
        out.push((format!("{prefix}_{}_BYTE", f.name.to_uppercase()), Some(32), f.offset as u64));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn names_are_unique_and_values_fit() {
        let mut seen = BTreeSet::new();
        for (name, bits, value) in params() {
            assert!(seen.insert(name.clone()), "{name} is stated twice");
            assert!(
                bits.is_none_or(|b| b == 64 || value >> b == 0),
                "{name} = {value} does not fit {bits:?} bits"
            );
        }
    }

    #[test]
    fn some_known_values() {
        let text = verilog_params();
        for line in [
            "localparam [31:0] ABI_MAGIC = 32'h5a524650;",
            "localparam [15:0] REG_DRAM_SIZE_HI = 16'h1c;",
            "localparam integer REG_CAP_MSM_LOG2_SLOTS_LSB = 24;",
            "localparam [15:0] CNT_MSM_STALL_SLOT = 16'h168;",
            "localparam [7:0] OP_MSM = 8'h20;",
            "localparam [14:0] ST_BAD_FLAGS = 15'hd;",
            "localparam integer CMD_WAIT_VALUE_LSB = 64;",
            "localparam integer CMD_COPY_ENTRIES_LSB = 320;",
            "localparam integer CMD_COPY_ENTRIES_W = 32;",
            "localparam [31:0] CMD_MSM_FORMAT_BYTE = 32'h2f;",
            "localparam [7:0] NTT_REVERSED_OUT = 8'h2;",
            "localparam [7:0] VECTOR_PREFIX_PRODUCT = 8'h2;",
            "localparam [1:0] VECTOR_GATHER = 2'h3;",
            "localparam integer CMD_NTT_LOG_LEN_LSB = 424;",
            "localparam [31:0] NTT_PARAMS_OUT_RATIO_BYTE = 32'ha0;",
            "localparam integer VECTOR_PARAMS_INDICES_LSB = 896;",
            "localparam integer CPL_PHASE_LSB = 112;",
            "localparam integer CPL_STATUS_W = 15;",
            "localparam integer POINT_G2_Y_LSB = 512;",
        ] {
            assert!(text.lines().any(|l| l == line), "missing: {line}");
        }
    }
}
