//! Checks of MSM: the fields that size its ranges first. A batch's last scalar vector and last result are within card
//! memory whatever n, `more` and the stride are.

use super::checker::{bad_address, bad_field, checker};
use crate::{config::CardConfig, hdl::Module};
use std::sync::Arc;

pub fn msm(config: &CardConfig) -> Arc<Module> {
    let limits = format!(
        "localparam [7:0] MIN_WINDOW = {};\n\
         localparam [7:0] MAX_WINDOW = {};\n\
         localparam [31:0] G1_SLOTS = {};\n\
         localparam [31:0] G2_SLOTS = {};\n\
         localparam [2:0] ADDERS = {};\n\
         localparam HAS_G2 = {};\n",
        config.min_window,
        config.max_window,
        1u64 << config.log2_slots,
        1u64 << (config.log2_slots - 1),
        config.adders,
        config.cap_engines().msm_g2() as u8,
    );
    checker(
        "msm",
        &(limits + BODY),
        &[
            bad_field("window_bits < MIN_WINDOW || window_bits > MAX_WINDOW", "MSM_WINDOW_BITS"),
            bad_field("bad_windows", "MSM_WINDOWS"),
            bad_field("group != GROUP_G1 && !(HAS_G2 && group == GROUP_G2)", "MSM_GROUP"),
            bad_field("(cmd$[CMD_MSM_FORMAT] & ~MSM_FORMAT_MONTGOMERY) != 0", "MSM_FORMAT"),
            bad_field("more == 0 && stride != 0", "MSM_SCALAR_STRIDE"),
            bad_address("stride[5:0] != 0", "MSM_SCALAR_STRIDE", "stride"),
            bad_address("bases_bad", "MSM_BASES", "bases"),
            bad_address("scalars_bad", "MSM_SCALARS", "scalars"),
            bad_address("result_bad", "MSM_RESULT", "result"),
        ],
    )
}

const BODY: &str = r"
wire [63:0] bases = cmd$[CMD_MSM_BASES];
wire [63:0] scalars = cmd$[CMD_MSM_SCALARS];
wire [63:0] result = cmd$[CMD_MSM_RESULT];
wire [31:0] n = cmd$[CMD_MSM_N];
wire [7:0] window_bits = cmd$[CMD_MSM_WINDOW_BITS];
wire [7:0] windows = cmd$[CMD_MSM_WINDOWS];
wire [7:0] group = cmd$[CMD_MSM_GROUP];
wire is_g2 = group == GROUP_G2;
wire [15:0] more = cmd$[CMD_MSM_MORE];
wire [63:0] stride = cmd$[CMD_MSM_SCALAR_STRIDE];

// First clock: the products that size an MSM. Every one has room for its largest value.
reg [79:0] stride_bytes;
reg [7:0] entries;
reg [15:0] span;
reg [9:0] sums;
reg [33:0] result_count;
wire [7:0] adders = {5'd0, ADDERS};
wire [7:0] entries_now = windows % adders + windows / adders;
always @(*) sums = {2'd0, entries} * {7'd0, ADDERS};
always @(*) result_count = {24'd0, sums} * {17'd0, {1'b0, more} + 17'd1};
always @(posedge clk) begin
  stride_bytes <= {64'd0, more} * {16'd0, stride};
  entries <= entries_now;
  span <= {8'd0, windows} * {8'd0, window_bits};
end

// Second clock: the ranges, and what is slow to compare.
wire [80:0] bases_bytes = is_g2 ? {42'd0, n, 7'd0} : {43'd0, n, 6'd0};
wire [80:0] scalars_bytes = {1'b0, stride_bytes} + {43'd0, {1'b0, n[31:1]} + {31'd0, n[0]}, 6'd0};
wire [80:0] result_bytes = is_g2 ? {40'd0, result_count, 7'd0} : {41'd0, result_count, 6'd0};
wire [22:0] slots = {15'd0, entries} << (window_bits[3:0] - 4'd1);
reg bases_bad, scalars_bad, result_bad, bad_windows;
always @(posedge clk) begin
  bases_bad <= bases[5:0] != 0 || {17'd0, bases} + bases_bytes > {17'd0, dram_bytes};
  scalars_bad <= scalars[5:0] != 0 || {17'd0, scalars} + scalars_bytes > {17'd0, dram_bytes};
  result_bad <= result[5:0] != 0 || {17'd0, result} + result_bytes > {17'd0, dram_bytes};
  bad_windows <= windows == 0 || {9'd0, slots} > (is_g2 ? G2_SLOTS : G1_SLOTS) || {16'd0, span} > MSM_MAX_SPAN;
  reserved <= cmd$[CMD_MSM_RESERVED] != 0;
end
// Without points the results are identities, which are written.
always @(*) nothing = 1'b0;
";
