//! Decodes and validates a command before anything of it touches memory.
//!
//! Checks, in this order; the first that fails is the answer:
//! 1. the opcode: known, of this kind of queue, of an engine of this card (BAD_OPCODE);
//! 2. flags, semaphore numbers (zero without their flag) and reserved bytes (BAD_FLAGS);
//! 3. the body's fields (BAD_FIELD, BAD_ADDRESS with the field's byte offset as `info` and, for addresses and
//!    lengths, the field as `addr`), in the order in which the file of that command lists them.

mod admin;
mod checker;
mod copy;
mod msm;
mod ntt;
mod vector;

use super::{
    abi::contract,
    bus::BEAT_BITS,
    engines::{present, Engine},
};
use crate::{config::CardConfig, hdl::Module};
use std::{fmt::Write as _, sync::Arc};

/// What is to be done with a decoded command: `TO_NONE` (it is refused), `TO_NOP`, `TO_ADMIN`, or one route an engine.
pub fn routes(engines: &[&Engine]) -> String {
    let mut text = String::from("localparam [2:0] TO_NONE = 0, TO_NOP = 1, TO_ADMIN = 2");
    for (i, engine) in engines.iter().enumerate() {
        write!(text, ", {} = {}", engine.route(), i + 3).expect("String");
    }
    text + ";"
}

/// The decoder. `cmd` and `admin` (it came from the admin queue) are given with the pulse `in_valid` and held for three
/// more clocks; `out_*` are valid with the pulse `out_valid` three clocks later.
pub fn decode(config: &CardConfig) -> Arc<Module> {
    let engines = present(config);
    let mut m = Module::new("card_decode")
        .doc("Command decoder and validator.")
        .clocked()
        .input("in_valid", 1)
        .input("admin", 1)
        .input("cmd", BEAT_BITS)
        .input("dram_bytes", 64)
        .output("out_valid", 1)
        .output("route", 3)
        .output("status", 8)
        .output("info", 32)
        .output("addr", 64)
        .body(routes(&engines));
    let mut arms =
        arm("OP_CREATE_QUEUE, OP_DELETE_QUEUE, OP_SEMAPHORE_SET, OP_ABORT", "admin", "adm", "TO_ADMIN");
    m = m.child("adm", &admin::admin(config));
    for engine in &engines {
        let (opcodes, module) = match engine.name {
            "copy" => ("OP_COPY, OP_FILL", copy::copy()),
            "msm" => ("OP_MSM", msm::msm(config)),
            "ntt" => ("OP_NTT", ntt::ntt(config)),
            _ => ("OP_VECTOR", vector::vector()),
        };
        m = m.child(engine.name, &module);
        arms.push_str(&arm(opcodes, "!admin", engine.name, &engine.route()));
    }
    m = m.body(contract(&VERDICT.replace("ARMS", &arms)));
    for inst in ["adm"].into_iter().chain(engines.iter().map(|engine| engine.name)) {
        m = m.connect_all(inst, &[("cmd", "cmd"), ("dram_bytes", "dram_bytes")]);
    }
    m.build()
}

/// The arm of the verdict for `opcodes`, which `inst` has checked and which are allowed where `here` holds.
fn arm(opcodes: &str, here: &str, inst: &str, route: &str) -> String {
    format!(
        "    {opcodes}: begin\n      \
           if ({here}) to = {inst}$nothing ? TO_NOP : {route};\n      \
           reserved = {inst}$reserved;\n      \
           verdict = {inst}$status;\n      \
           field = {inst}$field;\n      \
           value = {inst}$value;\n    \
         end\n"
    )
}

const VERDICT: &str = r"
wire [7:0] opcode = cmd$[CMD_OPCODE];
wire [7:0] flags = cmd$[CMD_FLAGS];
wire [7:0] wait_sem = cmd$[CMD_WAIT_SEM];
wire [7:0] signal_sem = cmd$[CMD_SIGNAL_SEM];
// The first two clocks belong to the blocks that check bodies.
reg sized, checked, bad_flags, nop_reserved;
always @(posedge clk) begin
  sized <= in_valid && !rst;
  checked <= sized && !rst;
  bad_flags <= (flags & ~(FLAG_WAIT | FLAG_SIGNAL)) != 0
    || wait_sem >= ABI_SEMAPHORES[7:0] || signal_sem >= ABI_SEMAPHORES[7:0]
    || ((flags & FLAG_WAIT) == 0 && wait_sem != 0)
    || ((flags & FLAG_SIGNAL) == 0 && signal_sem != 0)
    || cmd$[CMD_RESERVED] != 0;
  nop_reserved <= cmd$[CMD_NOP_RESERVED] != 0;
end

// Third clock: the verdict.
reg reserved;
reg [2:0] to;
reg [14:0] verdict;
reg [31:0] field;
reg [63:0] value;
always @(*) begin
  to = TO_NONE;
  reserved = nop_reserved;
  verdict = ST_SUCCESS;
  field = 0;
  value = 0;
  case (opcode)
    OP_NOP: to = TO_NOP;
ARMS
    default: ;
  endcase
  if (bad_flags || reserved) begin
    verdict = ST_BAD_FLAGS;
    field = 0;
    value = 0;
  end
  if (to == TO_NONE) begin
    verdict = ST_BAD_OPCODE;
    field = 0;
    value = 0;
  end
end
always @(posedge clk) begin
  out_valid <= checked && !rst;
  route <= verdict == ST_SUCCESS ? to : TO_NONE;
  status <= verdict[7:0];
  info <= field;
  addr <= value;
end
";
