//! Takes commands from the queues, has them decoded, hands them to the engines, and returns their status.
//!
//! One decoder serves all queues round robin. A valid command then waits, in its queue's slot, for its semaphore
//! (`go`) and for its engine; each engine chooses round robin among the slots that want it. So commands of different
//! queues run on different engines at the same time. `cancel` (level) empties all slots. Reset: all slots empty.
//!
//! `stop` (level, one-hot) ends the command of a queue, once it is decoded:
//! ```text
//! decoding ─► slot ─ engine takes it ─► engine ─ done ─► its own status
//!              │ stop                     │ stop: `<engine>_stop` until the engine is not busy
//!              └────────────┬─────────────┘
//!                           └─► ABORTED, `stopped` (pulse)
//! ```
//! `<engine>_stop` is a `cancel` of that engine alone. It gets no command meanwhile; those that wait for it stay in their
//! slots. A command that ends in spite of `stop` has its own status.

use super::{
    abi::contract,
    bus::BEAT_BITS,
    decode::{decode, routes},
    engines::{present, Engine},
    round_robin::{index_bits, round_robin},
    text::{select, vector},
};
use crate::{config::CardConfig, hdl::Module};
use std::{fmt::Write as _, sync::Arc};

/// The dispatcher for the queues and engines of `config`.
///
/// Queue ports `q{i}_`: `cmd_valid`, `cmd_data`, `cmd_take`, `go`, `st_valid`, `st_status`, `st_info`, `st_addr` (see the
/// queue). Engine ports `<engine>_` and `adm_`: `cmd_valid`/`cmd_ready` with the command's words, and
/// `done_valid`, `done_status`, `done_info`, `done_addr`; of engines also `busy` and `stop`. An engine gets no command before
/// it has answered the last or was stopped.
pub fn dispatch(config: &CardConfig) -> Arc<Module> {
    let n = config.io_queues + 1;
    let engines = present(config);
    let mut m = Module::new("card_dispatch")
        .doc("Command dispatcher: decode, route, return status.")
        .clocked()
        .input("cancel", 1)
        .input("stop", n)
        .output("stopped", 1)
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
    for name in engines.iter().map(|engine| engine.name).chain(["adm"]) {
        m = m
            .output(format!("{name}_cmd_valid"), 1)
            .input(format!("{name}_cmd_ready"), 1)
            .input(format!("{name}_done_valid"), 1)
            .input(format!("{name}_done_status"), 8)
            .input(format!("{name}_done_info"), 32)
            .input(format!("{name}_done_addr"), 64);
    }
    for engine in &engines {
        for (word, bits, _) in engine.words {
            m = m.output(format!("{}_{word}", engine.name), *bits);
        }
        m = m.input(format!("{}_busy", engine.name), 1).output(format!("{}_stop", engine.name), 1);
        m = m.child(format!("{}_rr", engine.name), &round_robin(n));
    }
    // Queues whose command may start.
    let go = format!("wire [N-1:0] go = {};", vector(n, |i| format!("q{i}_go")));
    let decoded = select(n, "chooser$index", |i| format!("cmd <= q{i}_cmd_data;"));
    let decoded = format!("always @(posedge clk) if (take) begin\n{decoded}end\n");
    let slots: String = engines.iter().map(|engine| engine_slots(engine, n)).collect();
    m = m
        .output("adm_cmd_data", BEAT_BITS)
        .child("chooser", &round_robin(n))
        .child("decoder", &decode(config))
        .body(routes(&engines))
        .body(format!("localparam N = {n};\nlocalparam IW = {};", index_bits(n)))
        .body(contract(&[go, SLOTS.into(), decoded, slots, stops(&engines), statuses(&engines, n)].concat()));
    for name in engines.iter().map(|engine| engine.name) {
        let rr = format!("{name}_rr");
        m = m.connect(&rr, "req", format!("{name}_want & go & ~stop")).connect(
            &rr,
            "take",
            format!("{name}_take"),
        );
    }
    m.connect_all("chooser", &[("req", &vector(n, |i| format!("q{i}_cmd_valid"))), ("take", "take")])
        .connect_all(
            "decoder",
            &[("in_valid", "picked"), ("admin", "slot == 0"), ("cmd", "cmd"), ("dram_bytes", "dram_bytes")],
        )
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

// Slots of commands that no engine is needed for.
reg [N-1:0] want_nop;
reg want_admin, admin_active;
wire [N-1:0] nop_done = want_nop & go & ~stop;
wire admin_take = adm_cmd_valid && adm_cmd_ready;
always @(*) adm_cmd_valid = want_admin && go[0] && !admin_active && !cancel;
always @(*) adm_cmd_data = q0_cmd_data;

always @(posedge clk) begin
  picked <= take;
  want_nop <= want_nop & ~nop_done & ~stop;
  if (take) begin
    decoding <= 1'b1;
    slot <= chooser$index;
  end
  if (decided) begin
    decoding <= 1'b0;
    want_nop[slot] <= decoder$route == TO_NOP;
    if (decoder$route == TO_ADMIN) want_admin <= 1'b1;
  end
  if (admin_take) begin
    admin_active <= 1'b1;
    want_admin <= 1'b0;
  end
  if (adm_done_valid) admin_active <= 1'b0;
  if (rst || cancel) begin
    decoding <= 1'b0;
    picked <= 1'b0;
    want_nop <= 0;
    want_admin <= 1'b0;
    admin_active <= 1'b0;
  end
end
";

/// The slots whose commands wait for `engine`, whom it serves, and the words it is given.
fn engine_slots(engine: &Engine, n: usize) -> String {
    let chosen = select(n, "ENGINE_rr$index", |i| format!("ENGINE_cmd = q{i}_cmd_data;"));
    let mut text = format!("{ENGINE_SLOTS}reg [511:0] ENGINE_cmd;\nalways @(*) begin\n{chosen}end\n")
        .replace("ENGINE", engine.name)
        .replace("ROUTE", &engine.route());
    for (word, _, value) in engine.words {
        let value = value.replace("cmd$", &format!("{}_cmd$", engine.name));
        writeln!(text, "always @(*) {}_{word} = {value};", engine.name).expect("String");
    }
    text
}

const ENGINE_SLOTS: &str = r"
reg [N-1:0] ENGINE_want;
reg ENGINE_active;
reg [IW-1:0] ENGINE_owner;
wire ENGINE_take = ENGINE_cmd_valid && ENGINE_cmd_ready;
// An engine that ends its command tells so while it is busy, or when it ceases to be.
wire ENGINE_stopped = ENGINE_stop && !ENGINE_busy && !ENGINE_done_valid;
always @(*) ENGINE_stop = ENGINE_active && stop[ENGINE_owner];
always @(*) ENGINE_cmd_valid = ENGINE_rr$any && !ENGINE_active && !cancel;
always @(posedge clk) begin
  ENGINE_want <= ENGINE_want & ~stop;
  if (decided) ENGINE_want[slot] <= decoder$route == ROUTE;
  if (ENGINE_take) begin
    ENGINE_active <= 1'b1;
    ENGINE_owner <= ENGINE_rr$index;
    ENGINE_want[ENGINE_rr$index] <= 1'b0;
  end
  if (ENGINE_done_valid || ENGINE_stopped) ENGINE_active <= 1'b0;
  if (rst || cancel) begin
    ENGINE_want <= 0;
    ENGINE_active <= 1'b0;
  end
end
";

/// What `stop` has ended: commands in their slots, and those that an engine has given up.
fn stops(engines: &[&Engine]) -> String {
    let wants: Vec<String> = engines.iter().map(|engine| format!("{}_want", engine.name)).collect();
    let given_up: Vec<String> = engines.iter().map(|engine| format!("{}_stopped", engine.name)).collect();
    format!(
        "wire [N-1:0] pulled = stop & ((want_nop | {}) | {{N{{{}}}}});\n\
         always @(*) stopped = pulled != 0;\n",
        wants.join(" | "),
        given_up.join(" || ")
    )
}

/// What each queue is told: at most one of these happens to a queue at a time, for it has one command in hand.
fn statuses(engines: &[&Engine], n: usize) -> String {
    let mut s = String::new();
    for i in 0..n {
        let mut sources = vec![(format!("(refused && slot == {i})"), "decoder$".to_string())];
        for name in engines.iter().map(|engine| engine.name) {
            let when = format!("({name}_done_valid && {name}_active && {name}_owner == {i})");
            sources.push((when, format!("{name}_done_")));
        }
        if i == 0 {
            sources.push(("adm_done_valid".into(), "adm_done_".into()));
        }
        let valid: Vec<&str> = sources.iter().map(|(when, _)| &**when).collect();
        write!(
            s,
            "always @(*) begin\n  \
               q{i}_cmd_take = take && chooser$grant[{i}];\n  \
               q{i}_st_valid = nop_done[{i}] || pulled[{i}] || {};\n  \
               q{i}_st_status = pulled[{i}] ? ST_ABORTED[7:0] : ST_SUCCESS[7:0];\n  \
               q{i}_st_info = 0;\n  \
               q{i}_st_addr = 0;\n",
            valid.join(" || ")
        )
        .expect("String");
        for (when, from) in &sources {
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
