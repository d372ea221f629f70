//! Checks of the admin queue's commands. What depends on the state of the card (does the queue exist, does it run a command)
//! is checked when the command is executed.

use super::checker::{bad_address, bad_field, checker, Check};
use crate::{config::CardConfig, hdl::Module};
use std::sync::Arc;

pub fn admin(config: &CardConfig) -> Arc<Module> {
    let limits = format!(
        "localparam [15:0] MAX_ENTRIES = {};\nlocalparam [15:0] QUEUES = {};\n",
        1u32 << config.log2_queue_entries,
        config.io_queues
    );
    checker(
        "admin",
        &(limits + BODY),
        &[
            Check {
                when: "set && cmd$[CMD_SEMAPHORE_SET_SEM] >= ABI_SEMAPHORES[7:0]",
                status: "BAD_FLAGS",
                field: None,
                value: "0",
            },
            bad_address("create && (sq & PAGE) != 0", "CREATE_QUEUE_SQ_IOVA", "sq"),
            bad_address("create && (cq & PAGE) != 0", "CREATE_QUEUE_CQ_IOVA", "cq"),
            bad_field("create && (sq_entries < 2 || sq_entries > MAX_ENTRIES)", "CREATE_QUEUE_SQ_ENTRIES"),
            bad_field("create && (cq_entries < 2 || cq_entries > MAX_ENTRIES)", "CREATE_QUEUE_CQ_ENTRIES"),
            bad_field("create && cmd$[CMD_CREATE_QUEUE_IRQ_VECTOR] > QUEUES", "CREATE_QUEUE_IRQ_VECTOR"),
            bad_field(
                "create && cmd$[CMD_CREATE_QUEUE_IRQ_COUNT] > 1 && cmd$[CMD_CREATE_QUEUE_IRQ_CLOCKS] == 0",
                "CREATE_QUEUE_IRQ_CLOCKS",
            ),
        ],
    )
}

const BODY: &str = r"
localparam [63:0] PAGE = {32'd0, ABI_RING_ALIGN - 1};
wire create = cmd$[CMD_OPCODE] == OP_CREATE_QUEUE;
wire set = cmd$[CMD_OPCODE] == OP_SEMAPHORE_SET;
wire aborts = cmd$[CMD_OPCODE] == OP_ABORT;
wire [63:0] sq = cmd$[CMD_CREATE_QUEUE_SQ_IOVA];
wire [63:0] cq = cmd$[CMD_CREATE_QUEUE_CQ_IOVA];
wire [15:0] sq_entries = cmd$[CMD_CREATE_QUEUE_SQ_ENTRIES];
wire [15:0] cq_entries = cmd$[CMD_CREATE_QUEUE_CQ_ENTRIES];
wire unused = &{1'b0, dram_bytes};
always @(posedge clk)
  if (create) reserved <= cmd$[CMD_CREATE_QUEUE_RESERVED0] != 0 || cmd$[CMD_CREATE_QUEUE_RESERVED1] != 0;
  else if (set) reserved <= cmd$[CMD_SEMAPHORE_SET_RESERVED0] != 0 || cmd$[CMD_SEMAPHORE_SET_RESERVED1] != 0;
  else if (aborts) reserved <= cmd$[CMD_ABORT_RESERVED] != 0;
  else reserved <= cmd$[CMD_DELETE_QUEUE_RESERVED] != 0;
always @(*) nothing = 1'b0;
";
