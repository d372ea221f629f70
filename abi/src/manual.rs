//! The manual's reading: `docs/abi.md`.

use crate::define::{Access, Field, Register, Value};
use crate::{command, completion, constants, format, msm, ntt, registers, status, vector};
use std::fmt::Write;

/// The contract as markdown, the exact text of `docs/abi.md`.
pub fn manual() -> String {
    let mut out = String::new();
    out.push_str(INTRODUCTION);
    heading(&mut out, "Registers", "Access is 32 bits wide; a 64-bit register has its low half at the offset given and its high half 4 bytes on. Writes to `ro` registers are ignored. Registers and bits not listed read 0.");
    registers(&mut out, registers::REGISTERS);
    heading(&mut out, "Counters", "64 bits each, cleared by a controller reset, counting up; software takes differences. Read the high half, the low half, and the high half again until both high halves agree.");
    registers(&mut out, registers::COUNTERS);
    heading(&mut out, "Doorbells", DOORBELLS);
    heading(&mut out, "Constants", "");
    values(&mut out, constants::CONSTANTS);
    values(&mut out, msm::MSM_LIMITS);
    values(&mut out, ntt::NTT_LIMITS);
    values(&mut out, vector::VECTOR_LIMITS);
    heading(&mut out, "Queues", QUEUES);
    heading(&mut out, "Commands", COMMANDS);
    fields(&mut out, command::Command::FIELDS);
    out.push_str("Opcodes:\n\n");
    values(&mut out, command::Opcode::TABLE);
    out.push_str("Flags:\n\n");
    values(&mut out, constants::COMMAND_FLAGS);
    for (opcode, body) in command::BODIES {
        let _ = write!(out, "### {}\n\n{}\n\n", opcode.name(), opcode.text());
        fields(&mut out, body);
        match opcode {
            command::Opcode::Copy => {
                out.push_str("`kind`:\n\n");
                values(&mut out, command::CopyKind::TABLE);
                out.push_str(
                    "Scatter–gather entry. The lengths of a list must sum to the command's `length`, or the command ends with LIST_MISMATCH; a malformed entry ends it with BAD_ADDRESS or BAD_FIELD and the byte offset of `list`:\n\n",
                );
                fields(&mut out, command::SgEntry::FIELDS);
            }
            command::Opcode::Msm => {
                out.push_str("`group`:\n\n");
                values(&mut out, command::Group::TABLE);
                out.push_str("`format`:\n\n");
                values(&mut out, constants::MSM_FORMATS);
            }
            command::Opcode::Ntt => {
                out.push_str("`order`:\n\n");
                values(&mut out, ntt::NTT_ORDERS);
                out.push_str("Parameters, elements in Montgomery form:\n\n");
                fields(&mut out, ntt::NttParameters::FIELDS);
                let _ = write!(out, "{}\n\n", ntt::MEANING);
            }
            command::Opcode::Vector => {
                out.push_str("`operation`:\n\n");
                values(&mut out, vector::VectorOperation::TABLE);
                out.push_str("`flags`:\n\n");
                values(&mut out, vector::VECTOR_FLAGS);
                out.push_str("`kinds`, by their lowest bits:\n\n");
                values(&mut out, vector::VECTOR_KINDS);
                values(&mut out, vector::VectorKind::TABLE);
                out.push_str("Parameters; strides are distances in elements, at least 1 where they are used, ignored otherwise:\n\n");
                fields(&mut out, vector::VectorParameters::FIELDS);
                let _ = write!(out, "{}\n\n", vector::MEANING);
            }
            _ => {}
        }
    }
    heading(&mut out, "Completions", "16 bytes, written as one 16-byte aligned write. An entry is new when its phase bit has the value of the current pass over the ring.");
    fields(&mut out, completion::Completion::FIELDS);
    out.push_str("Status codes:\n\n");
    values(&mut out, status::Status::TABLE);
    heading(&mut out, "Data in card memory", FORMATS);
    for (name, table) in [
        ("Affine point of G1, 64 bytes; the identity is all zero", format::AffinePoint::FIELDS),
        ("Affine point of G2, 128 bytes; the identity is all zero", format::AffinePointG2::FIELDS),
        ("Element of a transform or a vector, 32 bytes", format::Element::FIELDS),
        ("Scalar, 32 bytes", format::Scalar::FIELDS),
    ] {
        let _ = write!(out, "{name}:\n\n");
        fields(&mut out, table);
    }
    while out.ends_with("\n\n") {
        out.pop();
    }
    out
}

const INTRODUCTION: &str = "\
# Host–card contract

Generated from the crate `permafrost-abi`; regenerate with `UPDATE_DOCS=1 cargo test -p permafrost-abi`.

BAR0 is 64 KiB of 32-bit little-endian registers. No register may legitimately read `0xffffffff`: all ones means that
the card is gone. Where a value (an address, a counter) has a word of all ones, the card gives one less.

To bring a card up: check MAGIC and VERSION; write CC.ENABLE = 0 and wait for CSTS.READY = 0; set ADMIN_SQ, ADMIN_CQ and
ADMIN_SIZE over zeroed rings; write CC.ENABLE = 1 and wait for CSTS.READY = 1; create I/O queues. Each wait is at most
CAP_DEADLINE.
";

const DOORBELLS: &str = "\
Queue q (0 = admin) has the 4 KiB page at `DOORBELL_BASE + q · DOORBELL_STRIDE`: SQ_TAIL at +0x0 and CQ_HEAD at +0x8, both
write only. The value is a ring index, 0 to entries - 1. A doorbell of a queue that does not exist, or with an index
outside the ring, is ignored and recorded in the error registers: BAD_QUEUE with command id 0xffff.";

const QUEUES: &str = "\
Every queue is a pair of rings in host memory: commands go into the submission ring, completions come back in the
completion ring. Software writes commands, then SQ_TAIL; the card fetches them in order. The card writes completions;
software reads them while the phase bit is that of the current pass, then writes CQ_HEAD. The phase starts at 1 and
inverts at each wrap; the completion ring must be zero at the start. A ring of n entries holds at most n - 1. The card
does not write into a full completion ring; it waits for CQ_HEAD. All ring indices are 0 after a reset and after
CREATE_QUEUE.

The commands of one queue run in order, one at a time; queues run concurrently. Vector 0 belongs to the admin queue
and to CSTS.FATAL; each I/O queue raises the vector given at its creation. Interrupts may be merged.

When a command cannot be fetched or a completion cannot be written, the queue stops and CSTS.FATAL rises. It rises as
well, instead of CSTS.READY, when the card is enabled with unaligned admin rings or ring sizes out of range.";

const COMMANDS: &str = "\
64 bytes. Semaphores are 0 after a reset. A command with WAIT starts once its semaphore has reached the value; one with
SIGNAL raises its semaphore before its completion is posted, and only on success. A malformed command is refused
before it touches memory; the entries of a scatter–gather list are checked as they are read, the parameters of NTT and
VECTOR once they have been read. Checked first is the opcode, then flags and reserved bytes, then the other fields.";

const FORMATS: &str = "\
A BN254 element is four 64-bit little-endian limbs, least significant first, always fully reduced; Montgomery form has
R = 2^256. These are the bytes that arkworks and halo2curves hold in memory.";

fn heading(out: &mut String, title: &str, text: &str) {
    while out.ends_with("\n\n") {
        out.pop();
    }
    let _ = write!(out, "\n## {title}\n\n");
    if !text.is_empty() {
        let _ = write!(out, "{text}\n\n");
    }
}

fn registers(out: &mut String, table: &[Register]) {
    out.push_str("| Offset | Access | Bits | Name | |\n|---|---|---|---|---|\n");
    for r in table {
        let access = match r.access {
            Access::Ro => "ro",
            Access::Rw => "rw",
        };
        let _ =
            writeln!(out, "| 0x{:03X} | {access} | {} | {} | {} |", r.offset, r.bits, r.name, r.doc.trim());
        for f in r.fields {
            let bits = if f.msb == f.lsb { f.lsb.to_string() } else { format!("{}:{}", f.msb, f.lsb) };
            let _ = writeln!(out, "| | | [{bits}] | {} | {} |", f.name.to_uppercase(), f.doc.trim());
        }
    }
    out.push('\n');
}

fn fields(out: &mut String, table: &[Field]) {
    out.push_str("| Byte | Type | Name | |\n|---|---|---|---|\n");
    for f in table {
        let name = if f.reserved { "reserved" } else { f.name };
        let _ = writeln!(out, "| {} | {} | {name} | {} |", f.offset, f.ty, f.doc.trim());
    }
    out.push('\n');
}

fn values(out: &mut String, table: &[Value]) {
    out.push_str("| Value | Name | |\n|---|---|---|\n");
    for v in table {
        let value = if v.value < 1000 { v.value.to_string() } else { format!("{:#x}", v.value) };
        let _ = writeln!(out, "| {value} | {} | {} |", v.name, v.doc.trim());
    }
    out.push('\n');
}
