//! Stream reader: jobs in, their elements out.
//!
//! - At most [`DEPTH`] beats are asked for or held at a time, so that every beat asked for has a place.
//! - `err`, sticky until a flush, with `err_addr`: the beat at this address could not be read. The elements before it go out, it
//!   and what follows does not.
//! - `out_top`: the two bits of the element that have no place in `out_data`, for those who must refuse what is not canonical.
//! - `flush` is held until `busy` falls: no job is taken and no burst begun, what arrives or is held is dropped.
//! - `busy`: a job is taken and not at its end, or (under `flush`) something is outstanding.

use super::bursts::{bursts_of, Shape};
use crate::card::{
    bus::{Bus, End, BEAT_BITS},
    fifo::{count_bits, fifo},
};
use crate::field::FIELD_BITS;
use crate::hdl::Module;
use std::sync::Arc;

/// Beats asked for or held at most: the latency of memory in clocks, for jobs of one element, with some to spare.
pub const DEPTH: usize = 128;

/// The module `stream_reader`.
pub fn reader() -> Arc<Module> {
    reader_of(DEPTH, Shape::CARD)
}

/// [`reader`] with `depth` beats in place of [`DEPTH`], a power of two and at least two bursts, and other widths.
pub fn reader_of(depth: usize, shape: Shape) -> Arc<Module> {
    let Shape { address, count, burst } = shape;
    let name = match depth {
        DEPTH => shape.name("stream_reader"),
        _ => format!("{}_{depth}", shape.name("stream_reader")),
    };
    let m = Module::new(name)
        .doc("Elements from card memory, fetched ahead. See rtl/src/stream/reader.rs.")
        .clocked()
        .input("job_valid", 1)
        .output("job_ready", 1)
        .input("job_addr", address + 6)
        .input("job_count", count)
        .input("flush", 1)
        .output("busy", 1)
        .output("err", 1)
        .output("err_addr", 64)
        .output("out_valid", 1)
        .input("out_ready", 1)
        .output("out_data", FIELD_BITS)
        .output("out_top", 2);
    // A burst under way: its address, beats - 1, halves to skip.
    let burst_bits = address + burst + 2;
    Bus::Read
        .ports(m, End::Client, "")
        .child("cut", &bursts_of(shape))
        .connect_all(
            "cut",
            &[
                ("clear", "flush"),
                ("job_valid", "job_valid"),
                ("job_addr", "job_addr"),
                ("job_count", "job_count"),
                ("out_ready", "ask"),
            ],
        )
        .child("asked", &fifo(burst_bits, depth))
        .connect_all(
            "asked",
            &[
                ("clear", "flush"),
                ("in_data", "{cut$out_addr, cut$out_beats, cut$out_skip_first, cut$out_skip_last}"),
                ("in_valid", "ask && cut$out_valid"),
                ("out_ready", "beat_done && last"),
            ],
        )
        .child("store", &fifo(BEAT_BITS + 1, depth))
        .connect_all(
            "store",
            &[
                ("clear", "flush"),
                ("in_data", "{rdat_err, rdat_data}"),
                ("in_valid", "rdat_valid && !flush"),
                ("out_ready", "beat_done"),
            ],
        )
        .body(format!(
            r"
// Beats asked for or held; asked for and not here. A burst is asked for when the longest one has room.
reg [{cl}:0] reserved, outstanding;
wire ask = (!rd_valid || rd_ready) && reserved <= {c}'d{limit} && !flush;
wire [{cl}:0] asked_now = ask && cut$out_valid ? {{{cz}'d0, cut$out_beats}} + {c}'d1 : {c}'d0;
always @(posedge clk) begin
  // A request, once shown, stays until it is taken, also under flush.
  if (rd_ready) rd_valid <= 1'b0;
  if (ask && cut$out_valid) begin
    rd_valid <= 1'b1;
    rd_addr <= {{cut$out_addr, 6'd0}};
    rd_beats <= {{{bz}'d0, cut$out_beats}};
  end
  outstanding <= outstanding + asked_now - {{{ct}'d0, rdat_valid}};
  reserved <= flush ? {c}'d0 : reserved + asked_now - {{{ct}'d0, beat_done}};
  if (rst) begin
    rd_valid <= 1'b0;
    outstanding <= 0;
    reserved <= 0;
  end
end

// The beat at hand, its place in its burst and the half that goes out next.
wire [{al}:0] addr;
wire [{bl}:0] beats;
wire skip_first, skip_last;
assign {{addr, beats, skip_first, skip_last}} = asked$out_data;
reg [{bl}:0] place;
reg upper, held;
wire last = place == beats;
wire half = upper || (skip_first && place == 0);
wire here = asked$out_valid && store$out_valid;
wire bad = store$out_data[{beat_bits}];
wire load = here && !bad && (!held || out_ready);
wire beat_done = load && (half || (skip_last && last));
always @(*) begin
  job_ready = cut$job_ready;
  rdat_ready = 1'b1;
  out_valid = held && !flush;
  busy = cut$out_valid || reserved != 0 || outstanding != 0 || held;
end
always @(posedge clk) begin
  if (out_ready) held <= 1'b0;
  if (load) begin
    held <= 1'b1;
    {{out_top, out_data}} <= half ? store$out_data[{hi}+:{hi}] : store$out_data[0+:{hi}];
    upper <= !beat_done;
  end
  if (beat_done) place <= last ? {b}'d0 : place + {b}'d1;
  if (here && bad && !err) begin
    err <= 1'b1;
    err_addr <= {{addr + {{{az}'d0, place}}, 6'd0}};
  end
  if (rst || flush) begin
    held <= 1'b0;
    upper <= 1'b0;
    place <= 0;
    err <= 1'b0;
  end
end
",
            c = count_bits(depth),
            cl = count_bits(depth) - 1,
            ct = count_bits(depth) - 1,
            cz = count_bits(depth) - burst,
            limit = depth - (1 << burst),
            b = burst,
            bl = burst - 1,
            bz = 8 - burst,
            al = address - 1,
            az = address - burst,
            beat_bits = BEAT_BITS,
            hi = BEAT_BITS / 2,
        ))
        .build()
}
