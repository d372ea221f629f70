//! Decodes and validates a command before anything of it touches memory.
//!
//! Checks, in this order; the first that fails is the answer:
//! 1. the opcode: known, of this kind of queue (BAD_OPCODE);
//! 2. flags, semaphore numbers (zero without their flag) and reserved bytes (BAD_FLAGS);
//! 3. the body's fields (BAD_FIELD, BAD_ADDRESS with the field's byte offset as `info` and, for addresses and
//!    lengths, the field as `addr`); for COPY the kind comes first, for MSM the fields that size its ranges. A batch's
//!    last scalar vector and last result are within card memory whatever n, `more` and the stride are.
//!
//! What depends on the state of the card (does the queue exist, does it run a command) is checked when the command
//! is executed. A COPY's scatter-gather list is checked entry by entry as it is read.

use super::{abi::contract, bus::BEAT_BITS};
use crate::{config::CardConfig, hdl::Module};
use std::sync::Arc;

/// What is to be done with a decoded command.
pub const ROUTES: &str = "localparam [2:0] TO_NONE = 0, TO_NOP = 1, TO_COPY = 2, TO_MSM = 3, TO_ADMIN = 4;";

/// The decoder. `cmd` and `admin` (it came from the admin queue) are given with the pulse `in_valid` and held for three
/// more clocks; `out_*` are valid with the pulse `out_valid` three clocks later. `route` TO_NONE means refused.
pub fn decode(config: &CardConfig) -> Arc<Module> {
    let limits = format!(
        "localparam [15:0] MAX_ENTRIES = {};\n\
         localparam [15:0] QUEUES = {};\n\
         localparam [7:0] MIN_WINDOW = {};\n\
         localparam [7:0] MAX_WINDOW = {};\n\
         localparam [31:0] G1_SLOTS = {};\n\
         localparam [31:0] G2_SLOTS = {};\n\
         localparam [2:0] ADDERS = {};\n\
         localparam HAS_G2 = {};",
        1u32 << config.log2_queue_entries,
        config.io_queues,
        config.min_window,
        config.max_window,
        1u64 << config.log2_slots,
        1u64 << (config.log2_slots - 1),
        config.adders,
        config.cap_engines().msm_g2() as u8,
    );
    Module::new("card_decode")
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
        .body(ROUTES)
        .body(limits)
        .body(contract(&(RANGES.to_string() + CHECKS)))
        .build()
}

const RANGES: &str = r"
wire [7:0] opcode = cmd$[CMD_OPCODE];
wire [7:0] flags = cmd$[CMD_FLAGS];
wire [7:0] wait_sem = cmd$[CMD_WAIT_SEM];
wire [7:0] signal_sem = cmd$[CMD_SIGNAL_SEM];
wire is_copy = opcode == OP_COPY;
wire is_fill = opcode == OP_FILL;
wire [7:0] kind = cmd$[CMD_COPY_KIND];
wire on_card = kind == COPY_CARD_TO_CARD;
wire [63:0] copy_length = cmd$[CMD_COPY_LENGTH];
wire [63:0] fill_length = cmd$[CMD_FILL_LENGTH];
wire [31:0] n = cmd$[CMD_MSM_N];
wire [7:0] window_bits = cmd$[CMD_MSM_WINDOW_BITS];
wire [7:0] windows = cmd$[CMD_MSM_WINDOWS];
wire [7:0] group = cmd$[CMD_MSM_GROUP];
wire is_g2 = group == GROUP_G2;
wire [15:0] more = cmd$[CMD_MSM_MORE];
wire [63:0] stride = cmd$[CMD_MSM_SCALAR_STRIDE];

// First clock: the products that size an MSM. Every one has room for its largest value.
reg sized;
reg [79:0] stride_bytes;
reg [7:0] entries;
reg [15:0] span;
reg [9:0] sums;
reg [33:0] result_bytes;
wire [7:0] adders = {5'd0, ADDERS};
wire [7:0] entries_now = windows % adders + windows / adders;
always @(*) sums = {2'd0, entries} * {7'd0, ADDERS};
always @(*) result_bytes = {24'd0, sums} * {17'd0, {1'b0, more} + 17'd1};
always @(posedge clk) begin
  sized <= in_valid && !rst;
  stride_bytes <= {64'd0, more} * {16'd0, stride};
  entries <= entries_now;
  span <= {8'd0, windows} * {8'd0, window_bits};
end

// Second clock: the ranges in card memory that the command names, and what is slow to compare.
reg [63:0] a, b, c;
reg [80:0] a_bytes, b_bytes, c_bytes, a_end, b_end, c_end;
always @(*) begin
  a = cmd$[CMD_MSM_BASES];
  a_bytes = is_g2 ? {42'd0, n, 7'd0} : {43'd0, n, 6'd0};
  b = cmd$[CMD_MSM_SCALARS];
  b_bytes = {1'b0, stride_bytes} + {43'd0, {1'b0, n[31:1]} + {31'd0, n[0]}, 6'd0};
  c = cmd$[CMD_MSM_RESULT];
  c_bytes = is_g2 ? {40'd0, result_bytes, 7'd0} : {41'd0, result_bytes, 6'd0};
  if (is_copy) begin
    a = cmd$[CMD_COPY_CARD_ADDR];
    a_bytes = {17'd0, copy_length};
    b = cmd$[CMD_COPY_LIST];
    b_bytes = on_card ? {17'd0, copy_length} : 0;
  end
  if (is_fill) begin
    a = cmd$[CMD_FILL_CARD_ADDR];
    a_bytes = {17'd0, fill_length};
  end
  a_end = {17'd0, a} + a_bytes;
  b_end = {17'd0, b} + b_bytes;
  c_end = {17'd0, c} + c_bytes;
end
reg checked, a_bad, b_bad, c_bad, overlap, bad_flags, reserved, bad_windows;
wire [22:0] slots = {15'd0, entries} << (window_bits[3:0] - 4'd1);
always @(posedge clk) begin
  checked <= sized && !rst;
  a_bad <= a[5:0] != 0 || a_end > {17'd0, dram_bytes};
  // The host side of a copy is only checked for alignment: its range is the IOMMU's business.
  b_bad <= b[5:0] != 0 || ((!is_copy || on_card) && b_end > {17'd0, dram_bytes});
  c_bad <= c[5:0] != 0 || c_end > {17'd0, dram_bytes};
  overlap <= is_copy && on_card && a_end > {17'd0, b} && b_end > {17'd0, a} && copy_length != 0;
  bad_flags <= (flags & ~(FLAG_WAIT | FLAG_SIGNAL)) != 0
    || wait_sem >= ABI_SEMAPHORES[7:0] || signal_sem >= ABI_SEMAPHORES[7:0]
    || ((flags & FLAG_WAIT) == 0 && wait_sem != 0)
    || ((flags & FLAG_SIGNAL) == 0 && signal_sem != 0)
    || cmd$[CMD_RESERVED] != 0;
  case (opcode)
    OP_NOP: reserved <= cmd$[CMD_NOP_RESERVED] != 0;
    OP_CREATE_QUEUE: reserved <= cmd$[CMD_CREATE_QUEUE_RESERVED] != 0;
    OP_DELETE_QUEUE: reserved <= cmd$[CMD_DELETE_QUEUE_RESERVED] != 0;
    OP_SEMAPHORE_SET: reserved <= cmd$[CMD_SEMAPHORE_SET_RESERVED0] != 0 || cmd$[CMD_SEMAPHORE_SET_RESERVED1] != 0;
    OP_COPY: reserved <= cmd$[CMD_COPY_RESERVED] != 0;
    OP_FILL: reserved <= cmd$[CMD_FILL_RESERVED] != 0;
    default: reserved <= cmd$[CMD_MSM_RESERVED] != 0;
  endcase
  bad_windows <= windows == 0 || {9'd0, slots} > (is_g2 ? G2_SLOTS : G1_SLOTS) || {16'd0, span} > MSM_MAX_SPAN;
end
";

const CHECKS: &str = r"
// Third clock: the verdict.
wire [63:0] sq_iova = cmd$[CMD_CREATE_QUEUE_SQ_IOVA];
wire [63:0] cq_iova = cmd$[CMD_CREATE_QUEUE_CQ_IOVA];
wire [15:0] sq_entries = cmd$[CMD_CREATE_QUEUE_SQ_ENTRIES];
wire [15:0] cq_entries = cmd$[CMD_CREATE_QUEUE_CQ_ENTRIES];
wire [7:0] set_sem = cmd$[CMD_SEMAPHORE_SET_SEM];
reg [2:0] to;
reg [14:0] verdict;
reg [31:0] field;
reg [63:0] value;
always @(*) begin
  to = TO_NONE;
  verdict = ST_SUCCESS;
  field = 0;
  value = 0;
  // Within each opcode the last assignment wins, so the checks stand in reverse order.
  case (opcode)
    OP_NOP: to = TO_NOP;
    OP_CREATE_QUEUE: begin
      if (admin) to = TO_ADMIN;
      if (cmd$[CMD_CREATE_QUEUE_IRQ_VECTOR] > QUEUES) begin
        verdict = ST_BAD_FIELD;
        field = CMD_CREATE_QUEUE_IRQ_VECTOR_BYTE;
      end
      if (cq_entries < 2 || cq_entries > MAX_ENTRIES) begin
        verdict = ST_BAD_FIELD;
        field = CMD_CREATE_QUEUE_CQ_ENTRIES_BYTE;
      end
      if (sq_entries < 2 || sq_entries > MAX_ENTRIES) begin
        verdict = ST_BAD_FIELD;
        field = CMD_CREATE_QUEUE_SQ_ENTRIES_BYTE;
      end
      if ((cq_iova & {32'd0, ABI_RING_ALIGN - 1}) != 0) begin
        verdict = ST_BAD_ADDRESS;
        field = CMD_CREATE_QUEUE_CQ_IOVA_BYTE;
        value = cq_iova;
      end
      if ((sq_iova & {32'd0, ABI_RING_ALIGN - 1}) != 0) begin
        verdict = ST_BAD_ADDRESS;
        field = CMD_CREATE_QUEUE_SQ_IOVA_BYTE;
        value = sq_iova;
      end
    end
    OP_DELETE_QUEUE: if (admin) to = TO_ADMIN;
    OP_SEMAPHORE_SET: begin
      if (admin) to = TO_ADMIN;
      if (set_sem >= ABI_SEMAPHORES[7:0]) verdict = ST_BAD_FLAGS;
    end
    OP_COPY: begin
      if (!admin) to = copy_length == 0 ? TO_NOP : TO_COPY;
      if (overlap) begin
        verdict = ST_BAD_FIELD;
        field = CMD_COPY_LIST_BYTE;
        value = b;
      end
      if (b_bad) begin
        verdict = ST_BAD_ADDRESS;
        field = CMD_COPY_LIST_BYTE;
        value = b;
      end
      if (a_bad) begin
        verdict = ST_BAD_ADDRESS;
        field = CMD_COPY_CARD_ADDR_BYTE;
        value = a;
      end
      if (copy_length[5:0] != 0) begin
        verdict = ST_BAD_ADDRESS;
        field = CMD_COPY_LENGTH_BYTE;
        value = copy_length;
      end
      if (on_card && cmd$[CMD_COPY_ENTRIES] != 0) begin
        verdict = ST_BAD_FIELD;
        field = CMD_COPY_ENTRIES_BYTE;
      end
      if (kind != COPY_HOST_TO_CARD && kind != COPY_CARD_TO_HOST && !on_card) begin
        verdict = ST_BAD_FIELD;
        field = CMD_COPY_KIND_BYTE;
      end
    end
    OP_FILL: begin
      if (!admin) to = fill_length == 0 ? TO_NOP : TO_COPY;
      if (a_bad) begin
        verdict = ST_BAD_ADDRESS;
        field = CMD_FILL_CARD_ADDR_BYTE;
        value = a;
      end
      if (fill_length[5:0] != 0) begin
        verdict = ST_BAD_ADDRESS;
        field = CMD_FILL_LENGTH_BYTE;
        value = fill_length;
      end
    end
    OP_MSM: begin
      if (!admin) to = TO_MSM;
      if (c_bad) begin
        verdict = ST_BAD_ADDRESS;
        field = CMD_MSM_RESULT_BYTE;
        value = c;
      end
      if (b_bad) begin
        verdict = ST_BAD_ADDRESS;
        field = CMD_MSM_SCALARS_BYTE;
        value = b;
      end
      if (a_bad) begin
        verdict = ST_BAD_ADDRESS;
        field = CMD_MSM_BASES_BYTE;
        value = a;
      end
      if (stride[5:0] != 0) begin
        verdict = ST_BAD_ADDRESS;
        field = CMD_MSM_SCALAR_STRIDE_BYTE;
        value = stride;
      end
      if (more == 0 && stride != 0) begin
        verdict = ST_BAD_FIELD;
        field = CMD_MSM_SCALAR_STRIDE_BYTE;
        value = 0;
      end
      if ((cmd$[CMD_MSM_FORMAT] & ~MSM_FORMAT_MONTGOMERY) != 0) begin
        verdict = ST_BAD_FIELD;
        field = CMD_MSM_FORMAT_BYTE;
      end
      if (group != GROUP_G1 && !(HAS_G2 && group == GROUP_G2)) begin
        verdict = ST_BAD_FIELD;
        field = CMD_MSM_GROUP_BYTE;
      end
      if (bad_windows) begin
        verdict = ST_BAD_FIELD;
        field = CMD_MSM_WINDOWS_BYTE;
      end
      if (window_bits < MIN_WINDOW || window_bits > MAX_WINDOW) begin
        verdict = ST_BAD_FIELD;
        field = CMD_MSM_WINDOW_BITS_BYTE;
      end
    end
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
