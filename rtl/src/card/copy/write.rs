//! The write side of COPY and FILL: bursts and a stream of beats in, memory writes out.

use super::{burst::BEAT_ADDRESS, read::BUFFER};
use crate::{
    card::{
        bus::{Bus, End, BEAT_BITS},
        fifo::{count_bits, fifo},
    },
    hdl::Module,
};
use std::sync::Arc;

/// Write bursts in flight.
const BURSTS: usize = 64;

/// Writes bursts from a buffer of beats, or with a constant pattern.
///
/// - `in_*`: bursts (valid/ready); `stop` (level) takes no more of them.
/// - `data_*`: the beats; `count` of them are at hand. A burst is requested only when all its beats are, so a burst
///   once begun always ends. With `fill` the beats are `pattern` repeated, and `data_*` is not used.
/// - `busy`: a burst is unfinished or unanswered. `err` holds from the first failed burst, `err_addr` is its first
///   beat address, until `clear`, which is allowed only when not `busy`.
pub fn write_side() -> Arc<Module> {
    let m = Module::new("copy_write")
        .doc("Write side of COPY and FILL: requests bursts whose beats are at hand, follows their answers.")
        .clocked()
        .input("clear", 1)
        .input("stop", 1)
        .input("fill", 1)
        .input("pattern", 64)
        .input("in_addr", BEAT_ADDRESS)
        .input("in_beats", 7)
        .input("in_valid", 1)
        .output("in_ready", 1)
        .input("data", BEAT_BITS)
        .input("data_valid", 1)
        .output("data_ready", 1)
        .input("count", count_bits(BUFFER + 1))
        .output("busy", 1)
        .output("err", 1)
        .output("err_addr", BEAT_ADDRESS);
    Bus::Write
        .ports(m, End::Client, "")
        .child("asked", &fifo(BEAT_ADDRESS, BURSTS))
        .body(
            r"
// Beats of requested bursts that have not been handed over.
reg [12:0] committed;
wire at_hand = fill ? !committed[12] : committed + {6'd0, in_beats} <= {3'd0, count};
wire ask = wr_valid && wr_ready;
wire give = wdat_valid && wdat_ready;
always @(*) wr_valid = in_valid && at_hand && asked$in_ready && !stop;
always @(*) wr_addr = {in_addr, 6'd0};
always @(*) wr_beats = {1'b0, in_beats} - 1'b1;
always @(*) in_ready = wr_ready && at_hand && asked$in_ready && !stop;
always @(*) begin
  wdat_data = data;
  if (fill) wdat_data = {8{pattern}};
end
always @(*) wdat_strb = 64'hffff_ffff_ffff_ffff;
always @(*) wdat_valid = committed != 0 && (fill || data_valid);
always @(*) data_ready = committed != 0 && !fill && wdat_ready;
always @(*) busy = asked$out_valid;
always @(posedge clk) begin
  committed <= committed + (ask ? {6'd0, in_beats} : 13'd0) - {12'd0, give};
  if (wack_valid && wack_err && !err) begin
    err <= 1'b1;
    err_addr <= asked$out_data;
  end
  if (rst || clear) begin
    committed <= 0;
    err <= 1'b0;
  end
end
",
        )
        .connect_all(
            "asked",
            &[("clear", "clear"), ("in_data", "in_addr"), ("in_valid", "ask"), ("out_ready", "wack_valid")],
        )
        .build()
}
