//! Takes commands from the queues, has them decoded, hands them to the engines, and returns their status.
//!
//! One decoder serves all queues round robin. A valid command then waits, in its queue's slot, for its semaphore
//! (`go`) and for its engine; each engine chooses round robin among the slots that want it. So commands of different
//! queues run on different engines at the same time. `cancel` (level) empties all slots. Reset: all slots empty.

use super::{
    abi::contract,
    bus::BEAT_BITS,
    decode::{decode, ROUTES},
    round_robin::{index_bits, round_robin},
    text::{select, vector},
};
use crate::{config::CardConfig, hdl::Module};
use std::{fmt::Write as _, sync::Arc};

/// What an engine takes of a command, as (port, bits, expression of `copy_cmd` or `msm_cmd`).
type Words = &'static [(&'static str, usize, &'static str)];

const COPY_WORDS: Words = &[
    ("fill", 1, "is_fill"),
    ("card_addr", 64, "is_fill ? copy_cmd$[CMD_FILL_CARD_ADDR] : copy_cmd$[CMD_COPY_CARD_ADDR]"),
    ("list", 64, "copy_cmd$[CMD_COPY_LIST]"),
    ("length", 64, "is_fill ? copy_cmd$[CMD_FILL_LENGTH] : copy_cmd$[CMD_COPY_LENGTH]"),
    ("entries", 32, "copy_cmd$[CMD_COPY_ENTRIES]"),
    ("kind", 8, "copy_cmd$[CMD_COPY_KIND]"),
    ("pattern", 64, "copy_cmd$[CMD_FILL_PATTERN]"),
];

const MSM_WORDS: Words = &[
    ("bases", 64, "msm_cmd$[CMD_MSM_BASES]"),
    ("scalars", 64, "msm_cmd$[CMD_MSM_SCALARS]"),
    ("result", 64, "msm_cmd$[CMD_MSM_RESULT]"),
    ("n", 32, "msm_cmd$[CMD_MSM_N]"),
    ("window_bits", 8, "msm_cmd$[CMD_MSM_WINDOW_BITS]"),
    ("windows", 8, "msm_cmd$[CMD_MSM_WINDOWS]"),
    ("group", 1, "msm_cmd$[CMD_MSM_GROUP] == GROUP_G2"),
    ("more", 16, "msm_cmd$[CMD_MSM_MORE]"),
    ("stride", 64, "msm_cmd$[CMD_MSM_SCALAR_STRIDE]"),
    ("montgomery", 1, "(msm_format & MSM_FORMAT_MONTGOMERY) != 0"),
];

/// The dispatcher for the queues of `config`.
///
/// Queue ports `q{i}_`: `cmd_valid`, `cmd_data`, `cmd_take`, `go`, `st_valid`, `st_status`, `st_info`, `st_addr` (see the
/// queue). Engine ports `copy_`, `msm_`, `adm_`: `cmd_valid`/`cmd_ready` with the command's words, and
/// `done_valid`, `done_status`, `done_info`, `done_addr`. An engine gets no command before it has answered the last.
pub fn dispatch(config: &CardConfig) -> Arc<Module> {
    let n = config.io_queues + 1;
    let mut m = Module::new("card_dispatch")
        .doc("Command dispatcher: decode, route, return status.")
        .clocked()
        .input("cancel", 1)
        .input("dram_bytes", 64);
    for i in 0..n {
        m = m
            .input(format!("q{i}_cmd_valid"), 1)
            .input(format!("q{i}_cmd_data"), BEAT_BITS)
            .output(format!("q{i}_cmd_take"), 1)
            .input(format!("q{i}_go"), 1)
            .output(format!("q{i}_st_valid"), 1)
            .output(format!("q{i}_st_status"), 8)
            .output(format!("q{i}_st_info"), 32)
            .output(format!("q{i}_st_addr"), 64);
    }
    for engine in ["copy", "msm", "adm"] {
        m = m
            .output(format!("{engine}_cmd_valid"), 1)
            .input(format!("{engine}_cmd_ready"), 1)
            .input(format!("{engine}_done_valid"), 1)
            .input(format!("{engine}_done_status"), 8)
            .input(format!("{engine}_done_info"), 32)
            .input(format!("{engine}_done_addr"), 64);
    }
    for (engine, words) in [("copy", COPY_WORDS), ("msm", MSM_WORDS)] {
        for (word, bits, _) in words {
            m = m.output(format!("{engine}_cmd_{word}"), *bits);
        }
    }
    // Queues whose command may start.
    let go = format!("wire [N-1:0] go = {};", vector(n, |i| format!("q{i}_go")));
    m = m
        .output("adm_cmd_data", BEAT_BITS)
        .child("chooser", &round_robin(n))
        .child("decoder", &decode(config))
        .child("copy_rr", &round_robin(n))
        .child("msm_rr", &round_robin(n))
        .body(ROUTES)
        .body(format!("localparam N = {n};\nlocalparam IW = {};", index_bits(n)))
        .body(contract(&[go, SLOTS.into(), engine_words(n), statuses(n)].concat()));
    m.connect_all("chooser", &[("req", &vector(n, |i| format!("q{i}_cmd_valid"))), ("take", "take")])
        .connect_all(
            "decoder",
            &[("in_valid", "picked"), ("admin", "slot == 0"), ("cmd", "cmd"), ("dram_bytes", "dram_bytes")],
        )
        .connect_all("copy_rr", &[("req", "want_copy & go"), ("take", "copy_take")])
        .connect_all("msm_rr", &[("req", "want_msm & go"), ("take", "msm_take")])
        .build()
}

const SLOTS: &str = r"
// Decoding, one command at a time: picked, decoded, put into its queue's slot.
reg decoding, picked;
reg [IW-1:0] slot;
reg [511:0] cmd;
wire take = chooser$any && !decoding && !cancel;
wire decided = decoder$out_valid && !cancel;
wire refused = decided && decoder$route == TO_NONE;

// The slots: what each queue's command waits for.
reg [N-1:0] want_nop, want_copy, want_msm;
reg want_admin;
wire [N-1:0] nop_done = want_nop & go;

// The engines and whom they serve.
reg copy_active, msm_active, admin_active;
reg [IW-1:0] copy_owner, msm_owner;
wire copy_take = copy_cmd_valid && copy_cmd_ready;
wire msm_take = msm_cmd_valid && msm_cmd_ready;
wire admin_take = adm_cmd_valid && adm_cmd_ready;
always @(*) copy_cmd_valid = copy_rr$any && !copy_active && !cancel;
always @(*) msm_cmd_valid = msm_rr$any && !msm_active && !cancel;
always @(*) adm_cmd_valid = want_admin && go[0] && !admin_active && !cancel;
always @(*) adm_cmd_data = q0_cmd_data;

always @(posedge clk) begin
  picked <= take;
  want_nop <= want_nop & ~nop_done;
  if (take) begin
    decoding <= 1'b1;
    slot <= chooser$index;
  end
  if (decided) begin
    decoding <= 1'b0;
    want_nop[slot] <= decoder$route == TO_NOP;
    want_copy[slot] <= decoder$route == TO_COPY;
    want_msm[slot] <= decoder$route == TO_MSM;
    if (decoder$route == TO_ADMIN) want_admin <= 1'b1;
  end
  if (copy_take) begin
    copy_active <= 1'b1;
    copy_owner <= copy_rr$index;
    want_copy[copy_rr$index] <= 1'b0;
  end
  if (msm_take) begin
    msm_active <= 1'b1;
    msm_owner <= msm_rr$index;
    want_msm[msm_rr$index] <= 1'b0;
  end
  if (admin_take) begin
    admin_active <= 1'b1;
    want_admin <= 1'b0;
  end
  if (copy_done_valid) copy_active <= 1'b0;
  if (msm_done_valid) msm_active <= 1'b0;
  if (adm_done_valid) admin_active <= 1'b0;
  if (rst || cancel) begin
    decoding <= 1'b0;
    picked <= 1'b0;
    want_nop <= 0;
    want_copy <= 0;
    want_msm <= 0;
    want_admin <= 1'b0;
    copy_active <= 1'b0;
    msm_active <= 1'b0;
    admin_active <= 1'b0;
  end
end
";

/// The multiplexers that take commands to the decoder and their words to the engines.
fn engine_words(n: usize) -> String {
    let decoded = select(n, "chooser$index", |i| format!("cmd <= q{i}_cmd_data;"));
    let mut s = format!("always @(posedge clk) if (take) begin\n{decoded}end\n");
    for engine in ["copy", "msm"] {
        let chosen = select(n, &format!("{engine}_rr$index"), |i| format!("{engine}_cmd = q{i}_cmd_data;"));
        write!(s, "reg [511:0] {engine}_cmd;\nalways @(*) begin\n{chosen}end\n").expect("String");
    }
    s.push_str(
        "wire is_fill = copy_cmd$[CMD_OPCODE] == OP_FILL;\n\
         wire [7:0] msm_format = msm_cmd$[CMD_MSM_FORMAT];\n",
    );
    for (engine, words) in [("copy", COPY_WORDS), ("msm", MSM_WORDS)] {
        for (word, _, value) in words {
            writeln!(s, "always @(*) {engine}_cmd_{word} = {value};").expect("String");
        }
    }
    s
}

/// What each queue is told: at most one of these happens to a queue at a time, for it has one command in hand.
fn statuses(n: usize) -> String {
    let mut s = String::new();
    for i in 0..n {
        let admin = if i == 0 { " || adm_done_valid" } else { "" };
        write!(
            s,
            "wire q{i}_copy_done = copy_done_valid && copy_active && copy_owner == {i};\n\
             wire q{i}_msm_done = msm_done_valid && msm_active && msm_owner == {i};\n\
             wire q{i}_refused = refused && slot == {i};\n\
             always @(*) begin\n  \
               q{i}_cmd_take = take && chooser$grant[{i}];\n  \
               q{i}_st_valid = q{i}_copy_done || q{i}_msm_done || q{i}_refused || nop_done[{i}]{admin};\n  \
               q{i}_st_status = ST_SUCCESS[7:0];\n  \
               q{i}_st_info = 0;\n  \
               q{i}_st_addr = 0;\n"
        )
        .expect("String");
        let mut sources = vec![
            (format!("q{i}_copy_done"), "copy_done_"),
            (format!("q{i}_msm_done"), "msm_done_"),
            (format!("q{i}_refused"), "decoder$"),
        ];
        if i == 0 {
            sources.push(("adm_done_valid".into(), "adm_done_"));
        }
        for (when, from) in sources {
            writeln!(
                s,
                "  if ({when}) begin q{i}_st_status = {from}status; q{i}_st_info = {from}info; \
                 q{i}_st_addr = {from}addr; end"
            )
            .expect("String");
        }
        s.push_str("end\n");
    }
    s
}
