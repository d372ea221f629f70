//! The read side of COPY: bursts in, a stream of beats out.

use super::burst::BEAT_ADDRESS;
use crate::{
    card::{
        bus::{Bus, End, BEAT_BITS},
        fifo::{count_bits, fifo},
    },
    hdl::Module,
};
use std::sync::Arc;

/// Beats buffered between the two sides: eight bursts of 4 KiB, so that a memory latency of up to 448 clocks costs no
/// throughput.
pub const BUFFER: usize = 512;
/// Read bursts in flight.
const BURSTS: usize = 64;

/// Reads bursts into a FIFO of [`BUFFER`] beats.
///
/// - `in_*`: bursts (valid/ready); `stop` (level) takes no more of them.
/// - A burst is requested only when the FIFO has room for all of it, so read data are always accepted.
/// - `out_*`: the beats, in order; `count` beats are held.
/// - `busy`: a read is outstanding. `err` holds from the first failed beat, `err_addr` is its beat address, until
///   `clear`, which is allowed only when not `busy` and also empties the FIFO.
pub fn read_side() -> Arc<Module> {
    let m = Module::new("copy_read")
        .doc("Read side of COPY: requests bursts for which there is room, buffers their beats.")
        .clocked()
        .input("clear", 1)
        .input("stop", 1)
        .input("in_addr", BEAT_ADDRESS)
        .input("in_beats", 7)
        .input("in_valid", 1)
        .output("in_ready", 1)
        .output("out_data", BEAT_BITS)
        .output("out_valid", 1)
        .input("out_ready", 1)
        .output("count", count_bits(BUFFER + 1))
        .output("busy", 1)
        .output("err", 1)
        .output("err_addr", BEAT_ADDRESS);
    Bus::Read
        .ports(m, End::Client, "")
        .child("beats", &fifo(BEAT_BITS, BUFFER))
        .child("asked", &fifo(BEAT_ADDRESS, BURSTS))
        .body(
            r"
// Beats in the FIFO or on their way to it.
reg [9:0] reserved;
reg [5:0] beat;
wire room = reserved + {3'b0, in_beats} <= BUFFER;
wire ask = rd_valid && rd_ready;
wire arrive = rdat_valid && rdat_ready;
wire pop = out_valid && out_ready;
always @(*) rd_valid = in_valid && room && asked$in_ready && !stop;
always @(*) rd_addr = {in_addr, 6'd0};
always @(*) rd_beats = {1'b0, in_beats} - 1'b1;
always @(*) in_ready = rd_ready && room && asked$in_ready && !stop;
always @(*) rdat_ready = 1'b1;
always @(*) out_data = beats$out_data;
always @(*) out_valid = beats$out_valid;
always @(*) count = beats$count;
always @(*) busy = asked$out_valid;
always @(posedge clk) begin
  reserved <= reserved + (ask ? {3'b0, in_beats} : 10'd0) - {9'd0, pop};
  if (arrive) beat <= rdat_last ? 0 : beat + 1'b1;
  if (arrive && rdat_err && !err) begin
    err <= 1'b1;
    err_addr <= asked$out_data + {52'd0, beat};
  end
  if (rst || clear) begin
    reserved <= 0;
    beat <= 0;
    err <= 1'b0;
  end
end
"
            .replace("BUFFER", &BUFFER.to_string()),
        )
        .connect_all(
            "beats",
            &[
                ("clear", "clear"),
                ("in_data", "rdat_data"),
                ("in_valid", "arrive"),
                ("out_ready", "out_ready"),
            ],
        )
        .connect_all(
            "asked",
            &[
                ("clear", "clear"),
                ("in_data", "in_addr"),
                ("in_valid", "ask"),
                ("out_ready", "arrive && rdat_last"),
            ],
        )
        .build()
}
