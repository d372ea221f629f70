//! Executes the admin queue's commands: CREATE_QUEUE, DELETE_QUEUE, SEMAPHORE_SET, ABORT.
//!
//! A command is taken when idle and answered two clocks later; an ABORT that stops something when that is done, and a CREATE
//! when the last interrupt of the queue that had the id before has been taken, for that keeps its vector. Fields have been
//! checked by the decoder; here it is checked that the queue id is one of this card's and not yet (CREATE) or already
//! (DELETE, ABORT) in use, and for DELETE that the queue is not busy. Reset: idle.
//!
//! ```text
//! IDLE ─► create (until not busy) │ delete │ set ─► IDLE
//!   └───► find ─ not in hand (info 0) ─► IDLE
//!           └─ in hand ─► stopping ─ `stopped` (info 1), or it has ended by itself (info 0) ─► IDLE
//! ```

use super::{abi::contract, bus::BEAT_BITS};
use crate::{config::CardConfig, hdl::Module};
use std::sync::Arc;

/// The admin engine. `enabled`, `queue_busy`, `holds` and `stop` have a bit per queue, bit 0 the admin queue. `load` and
/// `drop` are one-clock pulses to the queues, with the parameters of the new queue in `cfg_*`. `stop` (level, one-hot) asks
/// the dispatcher to end the command of a queue that `holds` the command `stop_cid`, until it says `stopped` or the queue
/// holds it no more.
pub fn admin(config: &CardConfig) -> Arc<Module> {
    let n = config.io_queues + 1;
    Module::new("card_admin")
        .doc("Admin commands.")
        .clocked()
        .input("cmd_valid", 1)
        .output("cmd_ready", 1)
        .input("cmd_data", BEAT_BITS)
        .input("cancel", 1)
        .output("done_valid", 1)
        .output("done_status", 8)
        .output("done_info", 32)
        .output("done_addr", 64)
        .output("busy", 1)
        .input("enabled", n)
        .input("queue_busy", n)
        .output("load", n)
        .output("drop", n)
        .output("cfg_sq", 64)
        .output("cfg_cq", 64)
        .output("cfg_sq_entries", 16)
        .output("cfg_cq_entries", 16)
        .output("cfg_vector", 8)
        .output("cfg_irq_count", 16)
        .output("cfg_irq_clocks", 32)
        .output("stop", n)
        .output("stop_cid", 16)
        .input("stopped", 1)
        .input("holds", n)
        .output("set_valid", 1)
        .output("set_index", 6)
        .output("set_value", 32)
        .body(format!("localparam N = {n};"))
        .body(contract(BODY))
        .build()
}

const BODY: &str = r"
wire [7:0] opcode = cmd_data$[CMD_OPCODE];
wire [15:0] create_id = cmd_data$[CMD_CREATE_QUEUE_QUEUE];
wire [15:0] delete_id = cmd_data$[CMD_DELETE_QUEUE_QUEUE];
wire [15:0] vector = cmd_data$[CMD_CREATE_QUEUE_IRQ_VECTOR];
wire [7:0] sem = cmd_data$[CMD_SEMAPHORE_SET_SEM];
wire creates = opcode == OP_CREATE_QUEUE;
wire deletes = opcode == OP_DELETE_QUEUE;
wire aborts = opcode == OP_ABORT;
wire [15:0] id = creates ? create_id : deletes ? delete_id : cmd_data$[CMD_ABORT_QUEUE];
// One-hot, zero when the id is not an I/O queue of this card.
reg [N-1:0] which;
reg create, delete, set, find, stopping;
wire exists = (which & enabled) != 0;
wire held = (which & holds) != 0;
wire gone = stopping && (stopped || !held);
wire running = (which & queue_busy) != 0;
wire waits = create && which != 0 && !exists && running;
// The decoder has refused semaphores above 63 and vectors above the number of queues.
wire unused = &{1'b0, sem[7:6], vector[15:8]};

always @(*) cmd_ready = !busy && !cancel;
always @(*) busy = create || delete || set || find || stopping;
always @(*) load = create && which != 0 && !exists && !running && !cancel ? which : 0;
always @(*) drop = delete && exists && !running && !cancel ? which : 0;
always @(*) set_valid = set && !cancel;
always @(*) stop = stopping ? which : 0;
always @(*) done_addr = 0;

always @(posedge clk) begin
  done_valid <= (create && !waits || delete || set || find && !(exists && held) || gone) && !cancel;
  done_info <= gone && stopped ? 1 : 0;
  done_status <= ST_SUCCESS[7:0];
  if (create && (which == 0 || exists)) done_status <= ST_BAD_QUEUE[7:0];
  if (delete && running) done_status <= ST_BUSY[7:0];
  if ((delete || find) && !exists) done_status <= ST_BAD_QUEUE[7:0];
  create <= waits && !cancel;
  delete <= 1'b0;
  set <= 1'b0;
  find <= 1'b0;
  if (find && exists && held) stopping <= 1'b1;
  if (gone || cancel) stopping <= 1'b0;
  if (cmd_valid && cmd_ready) begin
    create <= creates;
    delete <= deletes;
    find <= aborts;
    set <= !creates && !deletes && !aborts;
    which <= id != 0 && id < N ? {{N-1{1'b0}}, 1'b1} << id : 0;
    cfg_sq <= cmd_data$[CMD_CREATE_QUEUE_SQ_IOVA];
    cfg_cq <= cmd_data$[CMD_CREATE_QUEUE_CQ_IOVA];
    cfg_sq_entries <= cmd_data$[CMD_CREATE_QUEUE_SQ_ENTRIES];
    cfg_cq_entries <= cmd_data$[CMD_CREATE_QUEUE_CQ_ENTRIES];
    cfg_vector <= vector[7:0];
    cfg_irq_count <= cmd_data$[CMD_CREATE_QUEUE_IRQ_COUNT];
    cfg_irq_clocks <= cmd_data$[CMD_CREATE_QUEUE_IRQ_CLOCKS];
    stop_cid <= cmd_data$[CMD_ABORT_CID];
    set_index <= sem[5:0];
    set_value <= cmd_data$[CMD_SEMAPHORE_SET_VALUE];
  end
  if (rst) begin
    create <= 1'b0;
    delete <= 1'b0;
    set <= 1'b0;
    find <= 1'b0;
    stopping <= 1'b0;
    done_valid <= 1'b0;
  end
end
";
