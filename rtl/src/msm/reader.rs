//! Stream reader: a contiguous range of card memory as a stream of beats, fetched ahead.
//!
//! Bursts of up to 16 beats, never across 4 KiB; at most [`DEPTH`] beats are asked for or held at a time, so that every
//! beat asked for has a place. `start` (one clock, while `ready`) takes `addr` (64-byte aligned) and `beats`; `ready` is
//! high when every beat of the last range has arrived, so the next range is fetched while that one is still held.
//! While `flush` is high no burst begins, and what arrives or is held is dropped; `busy` falls when nothing is
//! outstanding, held or to be fetched. `err` is sticky until a flush, with the address of the first bad beat.

use crate::card::{
    bus::{Bus, End, BEAT_BITS},
    fifo::fifo,
};
use crate::hdl::Module;
use std::sync::Arc;

/// Beats asked for or held at most.
pub const DEPTH: usize = 64;
const BURST: usize = 16;

/// The module `msm_reader`.
pub fn reader() -> Arc<Module> {
    sized(DEPTH, BURST)
}

/// The reader with a store of `depth` beats, a power of two, and bursts of up to `burst`; a card has [`DEPTH`] and 16.
pub fn sized(depth: usize, burst: usize) -> Arc<Module> {
    let store = fifo(BEAT_BITS + 1, depth);
    let m = Module::new("msm_reader")
        .doc("Fetches a contiguous range of card memory ahead, as a stream of beats. See rtl/src/msm/reader.rs.")
        .clocked()
        .input("start", 1)
        .input("addr", 64)
        .input("beats", 33)
        .input("flush", 1)
        .output("ready", 1)
        .output("busy", 1)
        .output("err", 1)
        .output("err_addr", 64)
        .output("out_valid", 1)
        .input("out_ready", 1)
        .output("out_data", BEAT_BITS);
    Bus::Read
        .ports(m, End::Client, "")
        .child("store", &store)
        .connect_all(
            "store",
            &[
                ("clear", "flush"),
                ("in_data", "{rdat_err, rdat_data}"),
                ("in_valid", "rdat_valid && !flush"),
                ("out_ready", "out_ready"),
            ],
        )
        .body(format!(
            r"
localparam [7:0] DEPTH = 8'd{depth};
localparam [32:0] BURST = 33'd{burst};
reg [32:0] todo;
reg [63:0] next, arriving;
reg [7:0] reserved, outstanding;
reg request;
// Beats to the end of the 4 KiB page.
wire [6:0] page_left = 7'd64 - {{1'b0, next[11:6]}};
wire [32:0] want = todo < BURST ? todo : BURST;
wire [7:0] length = want < {{26'd0, page_left}} ? want[7:0] : {{1'b0, page_left}};
wire sent = rd_valid && rd_ready;
wire came = rdat_valid && rdat_ready;
wire taken = out_valid && out_ready;
always @(*) begin
  rd_addr = next;
  rd_beats = length - 8'd1;
  rd_valid = request;
  rdat_ready = 1'b1;
  out_valid = store$out_valid && !flush;
  out_data = store$out_data[{data_top}:0];
  ready = todo == 0 && outstanding == 0;
  busy = todo != 0 || outstanding != 0 || reserved != 0;
end
always @(posedge clk) begin
  // A request, once shown, stays until it is taken, also under flush.
  if (sent) request <= 1'b0;
  else if (!request) request <= todo != 0 && reserved + length <= DEPTH && !flush;
  if (sent) begin
    todo <= flush ? 33'd0 : todo - {{25'd0, length}};
    next <= next + {{50'd0, length, 6'd0}};
  end else if (flush && !request) todo <= 33'd0;
  outstanding <= outstanding + (sent ? length : 8'd0) - {{7'd0, came}};
  reserved <= flush ? 8'd0 : reserved + (sent ? length : 8'd0) - {{7'd0, taken}};
  if (came) arriving <= arriving + 64'd64;
  if (came && rdat_err && !err) begin
    err <= 1'b1;
    err_addr <= arriving;
  end
  if (start) begin
    todo <= beats;
    next <= addr;
    arriving <= addr;
  end
  if (flush) err <= 1'b0;
  if (rst) begin
    todo <= 33'd0;
    request <= 1'b0;
    outstanding <= 8'd0;
    reserved <= 8'd0;
    err <= 1'b0;
  end
end
",
            data_top = BEAT_BITS - 1,
        ))
        .build()
}
