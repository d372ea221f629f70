//! Identity and control registers, doorbells, and the controller: enable, reset, fatal state.
//!
//! ```text
//! OFF ──ENABLE=1──► RUN ──ENABLE=0──► DRAIN ──quiet──► OFF      (READY in RUN and DRAIN)
//!  ├─ENABLE=1 with bad ADMIN registers─► FAULT ──ENABLE=0──► OFF   (FATAL)
//!  └─card memory is dirty─► SCRUB ──all zeroed──► OFF              (SCRUBBING)
//!                             └──a write failed──► FAULT ──ENABLE=0 written──► OFF
//! ```
//! From OFF, after a controller reset or `rst`, SCRUB comes before RUN: an ENABLE written meanwhile waits. Counters stand at
//! zero in it (`scrubbing`). A scrub that has failed is tried again after FAULT, with what is still dirty.
//!
//! DRAIN holds `cancel` until nothing is outstanding anywhere (`quiet`), then `clear` pulses and READY falls: queues
//! deleted, semaphores and counters zero. It lasts at least `DRAIN_CLOCKS`, for commands on their way through the decoder.

use super::abi::contract;
use crate::{config::CardConfig, hdl::Module};
use permafrost_abi::{cq_doorbell, queue_depth, sq_doorbell, MAX_IO_QUEUES};
use std::{fmt::Write as _, sync::Arc};

/// Fewest clocks of a controller reset; above the depth of the decoder.
const DRAIN_CLOCKS: u32 = 16;
/// Register CAP_DEADLINE, in units of 1024 clocks: memory ends every burst that can be outstanding, with 64 beats each, at
/// several microseconds of latency. Engines end at once what is not a memory transaction.
const DEADLINE: u32 = 64;

/// Registers and controller for the queues of `config`.
///
/// - `write`, `waddr`, `wdata`, `raddr`, `value`: the plain register interface; `value` is 0 at unknown offsets.
/// - `db_sq`, `db_cq` (pulse per queue) with `db_value`: doorbells. `depth`: 16 bits per queue, queue 0 lowest.
/// - `load` (pulse): the admin queue comes into being with `admin_*`.
/// - `cancel`, `clear`: controller reset, see above. `halted`: a queue has failed for good.
/// - `err_*`: the syndrome to be read; `err_acknowledge` (pulse) frees it; `bad_valid`/`bad_ready` with `bad_queue`,
///   `bad_status`, `bad_addr` reports bad ADMIN registers and doorbells of queues that this card does not have.
/// - `irq_valid`/`irq_ready`: the card has become FATAL (vector 0).
/// - `scrubbing` (level): dirty regions of card memory are to be zeroed, `dirty` of them, of 2^`region_log2` bytes each;
///   `scrub_failed` (pulse) with `scrub_addr`: that cannot be done.
/// - `settled`: neither a register change, a controller reset nor a scrub is under way.
pub fn regs(config: &CardConfig) -> Arc<Module> {
    let n = config.io_queues + 1;
    let identity = format!(
        "localparam [15:0] MAX_ENTRIES = {};\n\
         localparam [31:0] ENGINES = {};\n\
         localparam [31:0] QUEUES = {};\n\
         localparam [31:0] MSM = {};\n\
         localparam [31:0] NTT = {};\n\
         localparam [31:0] VECTOR = {};\n\
         localparam [31:0] CLOCK = {};\n\
         localparam [31:0] BUILD = {};\n\
         localparam [31:0] DEADLINE = {DEADLINE};\n\
         localparam [4:0] DRAIN_CLOCKS = {DRAIN_CLOCKS};",
        1u32 << config.log2_queue_entries,
        config.cap_engines().0,
        config.cap_queues().0,
        config.cap_msm().0,
        config.cap_ntt().0,
        config.cap_vector().0,
        config.clock_khz,
        config.build_id(),
    );
    let mut doorbells = String::from(
        "always @(posedge clk) begin\n  db_sq <= 0;\n  db_cq <= 0;\n  if (write) case (waddr)\n",
    );
    for q in 0..n {
        let (sq, cq) = (sq_doorbell(q as u16), cq_doorbell(q as u16));
        writeln!(doorbells, "    16'h{sq:x}: db_sq[{q}] <= 1'b1;\n    16'h{cq:x}: db_cq[{q}] <= 1'b1;")
            .expect("String");
    }
    doorbells.push_str(
        "    default: ;\n  endcase\n  if (write) db_value <= wdata;\n  \
         if (rst) begin\n    db_sq <= 0;\n    db_cq <= 0;\n  end\nend\n\
         always @(*) begin\n  absent = 0;\n  case (waddr)\n",
    );
    let mut depths = String::new();
    for q in 0..n {
        writeln!(depths, "    16'h{:x}: value = {{16'd0, depth[{} +: 16]}};", queue_depth(q as u16), 16 * q)
            .expect("String");
    }
    for q in n as u16..=MAX_IO_QUEUES as u16 {
        let (sq, cq) = (sq_doorbell(q), cq_doorbell(q));
        writeln!(doorbells, "    16'h{sq:x}, 16'h{cq:x}: absent = {q};").expect("String");
    }
    doorbells.push_str("    default: ;\n  endcase\nend");
    Module::new("card_regs")
        .doc("Identity and control registers, doorbells, controller.")
        .clocked()
        .input("dram_bytes", 64)
        .input("write", 1)
        .input("waddr", 16)
        .input("wdata", 32)
        .input("raddr", 16)
        .output("value", 32)
        .output("db_sq", n)
        .output("db_cq", n)
        .output("db_value", 32)
        .input("depth", 16 * n)
        .output("load", 1)
        .output("admin_sq", 64)
        .output("admin_cq", 64)
        .output("admin_sq_entries", 16)
        .output("admin_cq_entries", 16)
        .output("cancel", 1)
        .output("clear", 1)
        .input("quiet", 1)
        .input("idle", 1)
        .input("halted", 1)
        .output("scrubbing", 1)
        .input("dirty", 7)
        .input("region_log2", 6)
        .input("scrub_failed", 1)
        .input("scrub_addr", 64)
        .output("settled", 1)
        .output("err_acknowledge", 1)
        .input("err_held", 1)
        .input("err_status", 8)
        .input("err_queue", 16)
        .input("err_cid", 16)
        .input("err_addr", 64)
        .input("err_count", 31)
        .output("bad_valid", 1)
        .output("bad_queue", 16)
        .output("bad_status", 8)
        .output("bad_addr", 64)
        .input("bad_ready", 1)
        .output("irq_valid", 1)
        .input("irq_ready", 1)
        .body(identity)
        .body(contract(&[CONTROLLER, &REGISTERS.replace("DEPTHS", &depths)].concat()))
        .body(doorbells)
        .build()
}

const CONTROLLER: &str = r"
// Queue whose doorbell is written, when this card does not have it.
reg [15:0] absent;
localparam [2:0] OFF = 0, RUN = 1, DRAIN = 2, FAULT = 3, SCRUB = 4;
reg [2:0] state;
// `unscrubbed`: it is for a scrub that the state is FAULT.
reg enable, fatal, unscrubbed;
reg [4:0] drained;
reg [31:0] admin_size;
wire bad_sq = (admin_sq & {32'd0, ABI_RING_ALIGN - 1}) != 0;
wire bad_cq = (admin_cq & {32'd0, ABI_RING_ALIGN - 1}) != 0;
wire bad_size = admin_sq_entries < 2 || admin_sq_entries > MAX_ENTRIES
  || admin_cq_entries < 2 || admin_cq_entries > MAX_ENTRIES;
wire bad = bad_sq || bad_cq || bad_size;
wire drain_done = state == DRAIN && drained == DRAIN_CLOCKS && quiet;
always @(*) admin_sq_entries = admin_size$[REG_ADMIN_SIZE_SQ_ENTRIES];
always @(*) admin_cq_entries = admin_size$[REG_ADMIN_SIZE_CQ_ENTRIES];
wire disables = write && waddr == REG_CC && !wdata[REG_CC_ENABLE_LSB];
always @(*) load = state == OFF && enable && dirty == 0 && !bad && !clear;
// Nothing begins in the clock of `clear` either: the queues are still enabled in it.
always @(*) cancel = state == DRAIN || clear;
always @(*) scrubbing = state == SCRUB;
wire steady = state == OFF ? !enable && dirty == 0 : state == RUN ? enable : state == FAULT && (enable || unscrubbed);
always @(*) settled = steady && !clear && db_sq == 0 && db_cq == 0 && !irq_valid && !bad_valid;
always @(posedge clk) begin
  clear <= drain_done;
  drained <= state != DRAIN ? 0 : drained == DRAIN_CLOCKS ? drained : drained + 1'b1;
  if (irq_ready) irq_valid <= 1'b0;
  if (bad_ready) bad_valid <= 1'b0;
  if (write && absent != 0 && !bad_valid) begin
    bad_valid <= 1'b1;
    bad_queue <= absent;
    bad_status <= ST_BAD_QUEUE[7:0];
    bad_addr <= 0;
  end
  if (halted && state == RUN && !fatal) begin
    fatal <= 1'b1;
    irq_valid <= 1'b1;
  end
  case (state)
    OFF: if (clear) ;
    else if (dirty != 0) state <= SCRUB;
    else if (enable) begin
      state <= bad ? FAULT : RUN;
      if (bad) begin
        fatal <= 1'b1;
        irq_valid <= 1'b1;
        bad_valid <= 1'b1;
        bad_queue <= 0;
        bad_status <= bad_size ? ST_BAD_FIELD[7:0] : ST_BAD_ADDRESS[7:0];
        bad_addr <= bad_size ? 0 : bad_sq ? admin_sq : admin_cq;
      end
    end
    RUN: if (!enable) state <= DRAIN;
    DRAIN: if (drain_done) begin
      state <= OFF;
      fatal <= 1'b0;
    end
    FAULT: if (unscrubbed ? disables : !enable) begin
      state <= OFF;
      fatal <= 1'b0;
      unscrubbed <= 1'b0;
    end
    default: if (scrub_failed) begin
      state <= FAULT;
      fatal <= 1'b1;
      unscrubbed <= 1'b1;
      irq_valid <= 1'b1;
      bad_valid <= 1'b1;
      bad_queue <= 0;
      bad_status <= ST_DRAM_WRITE_ERROR[7:0];
      bad_addr <= scrub_addr;
    end else if (dirty == 0) state <= OFF;
  endcase
  if (rst) begin
    state <= OFF;
    fatal <= 1'b0;
    unscrubbed <= 1'b0;
    irq_valid <= 1'b0;
    bad_valid <= 1'b0;
  end
end
";

const REGISTERS: &str = r"
always @(*) begin
  value = 0;
  case (raddr)
    REG_MAGIC: value = ABI_MAGIC;
    REG_VERSION: value = ABI_VERSION;
    REG_CAP_ENGINES: value = ENGINES;
    REG_CAP_QUEUES: value = QUEUES;
    REG_CAP_MSM: value = MSM;
    REG_CAP_NTT: value = NTT;
    REG_CAP_VECTOR: value = VECTOR;
    REG_CAP_DEADLINE: value = DEADLINE;
    REG_DRAM_SIZE: value = dram_bytes[31:0];
    REG_DRAM_SIZE_HI: value = dram_bytes[63:32];
    REG_CLOCK_KHZ: value = CLOCK;
    REG_BUILD_ID: value = BUILD;
    REG_DRAM_DIRTY: begin
      value$[REG_DRAM_DIRTY_REGIONS] = dirty;
      value$[REG_DRAM_DIRTY_LOG2_BYTES] = region_log2;
    end
    REG_CC: value$[REG_CC_ENABLE] = enable;
    REG_CSTS: begin
      value$[REG_CSTS_READY] = state == RUN || state == DRAIN;
      value$[REG_CSTS_FATAL] = fatal;
      value$[REG_CSTS_SCRUBBING] = scrubbing || state == OFF && dirty != 0;
      value$[REG_CSTS_IDLE] = idle && !value$[REG_CSTS_SCRUBBING];
    end
    REG_ADMIN_SQ: value = admin_sq[31:0];
    REG_ADMIN_SQ_HI: value = admin_sq[63:32];
    REG_ADMIN_CQ: value = admin_cq[31:0];
    REG_ADMIN_CQ_HI: value = admin_cq[63:32];
    REG_ADMIN_SIZE: value = admin_size;
    REG_ERR_STATUS: begin
      value$[REG_ERR_STATUS_VALID] = err_held;
      value$[REG_ERR_STATUS_CODE] = err_held ? {8'd0, err_status} : 0;
    end
    REG_ERR_SOURCE: begin
      value$[REG_ERR_SOURCE_QUEUE] = err_queue;
      value$[REG_ERR_SOURCE_CID] = err_cid;
    end
    REG_ERR_ADDR: value = err_addr[31:0];
    REG_ERR_ADDR_HI: value = err_addr[63:32];
    REG_ERR_COUNT: value = {1'b0, err_count};
DEPTHS    default: ;
  endcase
end
always @(*) err_acknowledge = write && waddr == REG_ERR_STATUS && wdata[REG_ERR_STATUS_VALID_LSB];
always @(posedge clk) begin
  if (write) case (waddr)
    REG_CC: enable <= wdata[REG_CC_ENABLE_LSB];
    REG_ADMIN_SQ: admin_sq[31:0] <= wdata;
    REG_ADMIN_SQ_HI: admin_sq[63:32] <= wdata;
    REG_ADMIN_CQ: admin_cq[31:0] <= wdata;
    REG_ADMIN_CQ_HI: admin_cq[63:32] <= wdata;
    REG_ADMIN_SIZE: admin_size <= wdata;
    default: ;
  endcase
  if (rst) begin
    enable <= 1'b0;
    admin_sq <= 0;
    admin_cq <= 0;
    admin_size <= 0;
  end
end
";
