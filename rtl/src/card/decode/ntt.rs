//! Checks of NTT: the fields that size its ranges first, then the ranges of the whole batch, whatever its stride is. What the
//! parameters are is checked by the engine once it has read them.

use super::checker::{bad_address, bad_field, checker, Check};
use crate::{config::CardConfig, hdl::Module};
use std::sync::Arc;

pub fn ntt(config: &CardConfig) -> Arc<Module> {
    let limits = format!("localparam [7:0] LOG2_BLOCK = {};\n", config.ntt_log2_block);
    checker(
        "ntt",
        &(limits + BODY),
        &[
            bad_field("bad_len", "NTT_LOG_LEN"),
            bad_field("{22'd0, log_sum} > NTT_MAX_LOG", "NTT_LOG_BEFORE"),
            bad_field("bad_order", "NTT_ORDER"),
            bad_field("!many && stride != 0", "NTT_STRIDE"),
            bad_address("many && stride[5:0] != 0", "NTT_STRIDE", "stride"),
            bad_field("many && stride < {30'd0, one}", "NTT_STRIDE"),
            bad_address("source_bad", "NTT_SOURCE", "source"),
            bad_address("destination_bad", "NTT_DESTINATION", "destination"),
            bad_address("params_bad", "NTT_PARAMS", "params"),
            Check {
                when: "overlap",
                status: "BAD_FIELD",
                field: Some("NTT_DESTINATION"),
                value: "destination",
            },
        ],
    )
}

const BODY: &str = r"
wire [63:0] source = cmd$[CMD_NTT_SOURCE];
wire [63:0] destination = cmd$[CMD_NTT_DESTINATION];
wire [63:0] params = cmd$[CMD_NTT_PARAMS];
wire [63:0] stride = cmd$[CMD_NTT_STRIDE];
wire [31:0] batch = cmd$[CMD_NTT_BATCH];
wire [7:0] log_before = cmd$[CMD_NTT_LOG_BEFORE];
wire [7:0] log_len = cmd$[CMD_NTT_LOG_LEN];
wire [7:0] log_after = cmd$[CMD_NTT_LOG_AFTER];
wire [7:0] order = cmd$[CMD_NTT_ORDER];
wire many = batch > 1;
wire part = log_before != 0 || log_after != 0;
wire [9:0] log_sum = {2'd0, log_before} + {2'd0, log_len} + {2'd0, log_after};
wire bad_len = log_len > LOG2_BLOCK || part && (log_len == 0 || log_len == LOG2_BLOCK);
wire bad_order = (order & ~(NTT_REVERSED_IN | NTT_REVERSED_OUT)) != 0
  || (order & NTT_REVERSED_IN) != 0 && log_before != 0 || (order & NTT_REVERSED_OUT) != 0 && log_after != 0;
// A pass that reads and writes the same elements at a time.
wire in_place = source == destination && log_before == 0 && (log_after == 0 || (order & NTT_REVERSED_IN) == 0);

// First clock: bytes of one transform (a sum of logs that is too large has been refused by then), and from the first to
// the last, in two products of 16 bits of the batch.
reg [33:0] one;
reg [79:0] low, high;
wire [31:0] others = many ? batch - 1 : 0;
always @(posedge clk) begin
  one <= log_sum == 0 ? 34'd64 : 34'd32 << log_sum[4:0];
  low <= {64'd0, others[15:0]} * {16'd0, stride};
  high <= {64'd0, others[31:16]} * {16'd0, stride};
end

// Second clock: the ranges.
wire [97:0] bytes = batch == 0 ? 0 : {18'd0, low} + {2'd0, high, 16'd0} + {64'd0, one};
wire [97:0] source_end = {34'd0, source} + bytes;
wire [97:0] destination_end = {34'd0, destination} + bytes;
wire [64:0] params_end = {1'b0, params} + {33'd0, NTT_PARAMS_BYTES};
reg source_bad, destination_bad, params_bad, overlap;
always @(posedge clk) begin
  source_bad <= source[5:0] != 0 || source_end > {34'd0, dram_bytes};
  destination_bad <= destination[5:0] != 0 || destination_end > {34'd0, dram_bytes};
  params_bad <= params[5:0] != 0 || params_end > {1'b0, dram_bytes};
  overlap <= !in_place && source_end > {34'd0, destination} && destination_end > {34'd0, source};
  reserved <= cmd$[CMD_NTT_RESERVED] != 0;
  nothing <= batch == 0;
end
";
