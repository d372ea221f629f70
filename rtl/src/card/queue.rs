//! One queue pair: fetches commands, follows each to its end, posts its completion, raises the interrupt.
//!
//! Commands run strictly in order, one at a time; up to [`PREFETCH`] are fetched ahead, so that the next one starts
//! without a fetch gap. The way of a command:
//! ```text
//! IDLE → DECODE → RUN → (SIGNAL on success | REPORT on error) → POST → DATA → IDLE
//! ```
//! - DECODE: `cmd_valid` until the dispatcher takes it with `cmd_take`; `cmd_data` is stable until the command ends.
//! - RUN: `go` tells the dispatcher that the semaphore waited for has been reached; ends with the pulse `st_valid`.
//! - DECODE, RUN: `holds` says that the command in hand is `stop_cid`, so that it can be stopped.
//! - POST waits while the completion ring is full; DATA hands over the completion. The interrupt follows when the
//!   write of the completion has been answered; interrupts may be merged. With `cfg_irq_count` above 1 that many
//!   completions are gathered, but none waits for longer than `cfg_irq_clocks`; `gathering` is high while one waits.
//! - A failed fetch, or a failed completion write, halts the queue: `fatal` until `clear`.
//! - A doorbell of a queue that is not enabled, or with an index outside the ring, is ignored and reported.
//!
//! `cancel` (level) drops the command in hand and lets transactions end: `active` falls when nothing is outstanding. It
//! lasts until `clear` (pulse, the clock after the queue was not `active`), which disables the queue, as does `drop` (pulse,
//! only when not `busy`), which announces what is gathered. `busy` is `active`, or commands waiting, or a failure that is
//! not reported yet; `depth` is how many commands are not completed.
//!
//! `load` (pulse, only when disabled and not `busy`) enables it, with rings of two entries or more, aligned to 4 KiB.
//! Reset: disabled.

use super::{
    abi::contract,
    bus::{Bus, End, BEAT_BITS},
    fifo::fifo,
};
use crate::hdl::Module;
use std::sync::Arc;

/// Commands fetched ahead, the running one included.
pub const PREFETCH: usize = 4;

/// A queue pair. Memory ports: `f_` fetches commands, `c_` writes completions.
pub fn queue() -> Arc<Module> {
    let m = Module::new("card_queue")
        .doc("Queue pair: command fetch, completion, interrupt.")
        .clocked()
        .input("id", 16)
        .input("clear", 1)
        .input("cancel", 1)
        .input("load", 1)
        .input("cfg_sq", 64)
        .input("cfg_cq", 64)
        .input("cfg_sq_entries", 16)
        .input("cfg_cq_entries", 16)
        .input("cfg_vector", 8)
        .input("cfg_irq_count", 16)
        .input("cfg_irq_clocks", 32)
        .input("drop", 1)
        .output("enabled", 1)
        .input("db_sq", 1)
        .input("db_cq", 1)
        .input("db_value", 32)
        .output("cmd_valid", 1)
        .output("cmd_data", BEAT_BITS)
        .input("cmd_take", 1)
        .output("go", 1)
        .input("stop_cid", 16)
        .output("holds", 1)
        .input("st_valid", 1)
        .input("st_status", 8)
        .input("st_info", 32)
        .input("st_addr", 64)
        .output("sem_index", 6)
        .input("sem_value", 32)
        .output("sig_valid", 1)
        .output("sig_index", 6)
        .output("sig_value", 32)
        .input("sig_ready", 1)
        .output("err_valid", 1)
        .output("err_status", 8)
        .output("err_cid", 16)
        .output("err_addr", 64)
        .input("err_ready", 1)
        .output("irq_valid", 1)
        .output("irq_vector", 8)
        .input("irq_ready", 1)
        .output("ev_command", 1)
        .output("depth", 16)
        .output("gathering", 1)
        .output("active", 1)
        .output("busy", 1)
        .output("fatal", 1);
    let m = Bus::Read.ports(m, End::Client, "f_");
    let m = Bus::Write.ports(m, End::Client, "c_");
    m.child("commands", &fifo(BEAT_BITS + 1, PREFETCH))
        .body(contract(&(RINGS.replace("PREFETCH", &PREFETCH.to_string()) + COMMAND + COMPLETION)))
        .connect_all(
            "commands",
            &[
                ("clear", "cancel || clear || drop"),
                ("in_data", "{f_rdat_err, f_rdat_data}"),
                ("in_valid", "f_rdat_valid && !cancel"),
                ("out_ready", "finish"),
            ],
        )
        .build()
}

const RINGS: &str = r"
localparam [2:0] IDLE = 0, DECODE = 1, RUN = 2, SIGNAL = 3, REPORT = 4, POST = 5, DATA = 6, HALT = 7;
reg [2:0] state;
wire finish = state == DATA && c_wdat_ready;
// A completion could not be written; `cq_answered` stays at the first such.
reg write_failed;

// The rings.
reg [63:0] sq, cq;
reg [15:0] sq_entries, cq_entries, sq_head, sq_tail, sq_fetch, cq_head, cq_tail, cq_answered;
reg phase;
wire [15:0] next_head = sq_head + 1'b1 == sq_entries ? 0 : sq_head + 1'b1;
wire [15:0] next_fetch = sq_fetch + 1'b1 == sq_entries ? 0 : sq_fetch + 1'b1;
wire [15:0] next_cq = cq_tail + 1'b1 == cq_entries ? 0 : cq_tail + 1'b1;
wire [15:0] next_answered = cq_answered + 1'b1 == cq_entries ? 0 : cq_answered + 1'b1;
wire good_sq = enabled && db_value < {16'd0, sq_entries};
wire good_cq = enabled && db_value < {16'd0, cq_entries};
reg bad_doorbell;
always @(*) depth = sq_tail - sq_head + (sq_tail < sq_head ? sq_entries : 16'd0);
always @(posedge clk) begin
  if (db_sq && good_sq) sq_tail <= db_value[15:0];
  if (db_cq && good_cq) cq_head <= db_value[15:0];
  if (err_ready && state != REPORT) bad_doorbell <= 1'b0;
  if ((db_sq && !good_sq) || (db_cq && !good_cq)) bad_doorbell <= 1'b1;
  if (finish) begin
    sq_head <= next_head;
    cq_tail <= next_cq;
    if (next_cq == 0) phase <= !phase;
  end
  if (f_rd_valid && f_rd_ready) sq_fetch <= next_fetch;
  if (c_wack_valid && !write_failed) cq_answered <= c_wack_err ? cq_answered : next_answered;
  if (load) begin
    enabled <= 1'b1;
    sq <= cfg_sq;
    cq <= cfg_cq;
    sq_entries <= cfg_sq_entries;
    cq_entries <= cfg_cq_entries;
    irq_vector <= cfg_vector;
    irq_count <= cfg_irq_count;
    irq_clocks <= cfg_irq_clocks;
    phase <= 1'b1;
  end
  if (rst || clear || drop) begin
    enabled <= 1'b0;
    sq_head <= 0;
    sq_tail <= 0;
    sq_fetch <= 0;
    cq_head <= 0;
    cq_tail <= 0;
    cq_answered <= 0;
  end
  if (rst || clear) bad_doorbell <= 1'b0;
end

// Fetching: an entry is a beat of its own; room for it is reserved first.
reg [2:0] fetching;
wire asked = f_rd_valid && f_rd_ready;
// A fetch is one beat.
wire unused = &{1'b0, f_rdat_last};
always @(*) f_rd_valid = enabled && !cancel && state != HALT && sq_fetch != sq_tail
  && {1'b0, fetching} + {1'b0, commands$count} < PREFETCH;
always @(*) f_rd_addr = sq + {42'd0, sq_fetch, 6'd0};
always @(*) f_rd_beats = 0;
always @(*) f_rdat_ready = 1'b1;
always @(posedge clk)
  if (rst) fetching <= 0;
  else fetching <= fetching + {2'd0, asked} - {2'd0, f_rdat_valid};
";

const COMMAND: &str = r"
// The command in hand is the head of the FIFO of fetched commands.
wire fetch_failed = commands$out_data[512];
wire [7:0] flags = cmd_data$[CMD_FLAGS];
wire waits = (flags & FLAG_WAIT) != 0;
wire signals = (flags & FLAG_SIGNAL) != 0;
wire [7:0] wait_sem = cmd_data$[CMD_WAIT_SEM];
wire [7:0] signal_sem = cmd_data$[CMD_SIGNAL_SEM];
reg [7:0] status;
reg [31:0] info, cycles, cycles_taken;
reg [15:0] cid;
reg [63:0] addr;
reg halting;
// The decoder refuses semaphores above 63.
wire unused_sem = &{1'b0, wait_sem[7:6], signal_sem[7:6]};
always @(*) cmd_data = commands$out_data[511:0];
always @(*) cmd_valid = state == DECODE;
always @(*) holds = (state == DECODE || state == RUN) && cid == stop_cid;
always @(*) sem_index = wait_sem[5:0];
always @(*) sig_valid = state == SIGNAL;
always @(*) sig_index = signal_sem[5:0];
always @(*) sig_value = cmd_data$[CMD_SIGNAL_VALUE];
always @(*) ev_command = finish;
always @(*) fatal = state == HALT;
always @(*) begin
  err_valid = state == REPORT || bad_doorbell;
  err_status = ST_BAD_QUEUE[7:0];
  err_cid = 16'hffff;
  err_addr = 0;
  if (state == REPORT) begin
    err_status = status;
    err_cid = cid;
    err_addr = addr;
  end
end

always @(posedge clk) begin
  go <= state == RUN && (!waits || sem_value >= cmd_data$[CMD_WAIT_VALUE]);
  // Runnable from the doorbell, or from the end of the command before.
  cycles <= finish || sq_head == sq_tail ? 0 : cycles == 32'hffff_ffff ? cycles : cycles + 1'b1;
  case (state)
    IDLE: if (write_failed) begin
      state <= REPORT;
      halting <= 1'b1;
      status <= ST_HOST_WRITE_ERROR[7:0];
      cid <= 16'hffff;
      addr <= cq + {44'd0, cq_answered, 4'd0};
    end else if (commands$out_valid && enabled) begin
      state <= DECODE;
      cid <= cmd_data$[CMD_CID];
      if (fetch_failed) begin
        state <= REPORT;
        halting <= 1'b1;
        status <= ST_HOST_READ_ERROR[7:0];
        cid <= 16'hffff;
        addr <= sq + {42'd0, sq_head, 6'd0};
      end
    end
    DECODE: if (cmd_take) state <= RUN;
    RUN: if (st_valid) begin
      state <= st_status != ST_SUCCESS[7:0] ? REPORT : signals ? SIGNAL : POST;
      status <= st_status;
      info <= st_info;
      addr <= st_addr;
      cycles_taken <= cycles;
    end
    SIGNAL: if (sig_ready) state <= POST;
    REPORT: if (err_ready) state <= halting ? HALT : POST;
    POST: if (c_wr_valid && c_wr_ready) state <= DATA;
    DATA: if (c_wdat_ready) state <= IDLE;
    HALT: ;
  endcase
  // A completion write that has been announced is carried out.
  if (cancel && !(state == POST && c_wr_valid && c_wr_ready) && state != DATA && state != HALT) state <= IDLE;
  if (rst || clear) begin
    state <= IDLE;
    halting <= 1'b0;
  end
end
";

const COMPLETION: &str = r"
// Completions. The ring is full when one more would make the tail meet the head.
reg [127:0] completion;
reg [5:0] unanswered;
wire full = next_cq == cq_head;
always @(*) begin
  completion = 0;
  completion$[CPL_CYCLES] = cycles_taken;
  completion$[CPL_INFO] = info;
  completion$[CPL_SQ_HEAD] = next_head;
  completion$[CPL_SQ_ID] = id;
  completion$[CPL_CID] = cid;
  completion$[CPL_STATUS] = {7'd0, status};
  completion$[CPL_PHASE] = phase;
end
always @(*) c_wr_valid = state == POST && !full && !unanswered[5];
always @(*) c_wr_addr = cq + {44'd0, cq_tail, 4'd0};
always @(*) c_wr_beats = 0;
always @(*) c_wdat_data = {4{completion}};
always @(*) case (cq_tail[1:0])
  0: c_wdat_strb = 64'h0000_0000_0000_ffff;
  1: c_wdat_strb = 64'h0000_0000_ffff_0000;
  2: c_wdat_strb = 64'h0000_ffff_0000_0000;
  default: c_wdat_strb = 64'hffff_0000_0000_0000;
endcase
always @(*) c_wdat_valid = state == DATA;
// Completions written and not announced, and for how long the oldest of them has waited.
reg [15:0] irq_count, gathered;
reg [31:0] irq_clocks, waited;
wire written = c_wack_valid && !c_wack_err;
wire enough = written && {1'b0, gathered} + 17'd1 >= {1'b0, irq_count};
wire late = gathering && (waited == irq_clocks || drop);
always @(*) gathering = gathered != 0;
always @(*) active = (state != IDLE && state != HALT) || fetching != 0 || unanswered != 0 || irq_valid || bad_doorbell;
// By what is fetched, not by the head: a host that rings for more than the ring holds can make head and tail meet.
always @(*) busy = active || (state != HALT && (sq_fetch != sq_tail || commands$out_valid || write_failed));
always @(posedge clk) begin
  unanswered <= unanswered + {5'd0, finish} - {5'd0, c_wack_valid};
  if (irq_ready) irq_valid <= 1'b0;
  waited <= gathering ? waited + 1'b1 : 1;
  if (written) gathered <= gathered + 1'b1;
  if (enough || late) begin
    irq_valid <= 1'b1;
    gathered <= 0;
  end
  if (c_wack_valid && c_wack_err) write_failed <= 1'b1;
  if (rst || clear) begin
    unanswered <= 0;
    irq_valid <= 1'b0;
    gathered <= 0;
    write_failed <= 1'b0;
  end
end
";
