//! Stream writer: jobs and elements in, card memory written.
//!
//! - A job writes its own bytes only: strobes leave the other half of a beat as it is.
//! - A burst is asked for when all of its data are held. At most [`BURSTS`] of them are not answered.
//! - `err`, sticky until a flush, with `err_addr`: a write of the burst at this address failed. The writer goes on.
//! - `flush` is held until `busy` falls: no job and no element is taken and no burst begun, what is held is dropped.
//! - `busy`: a job is taken and not all of it written and answered, or (under `flush`) something is outstanding.

use super::bursts::{bursts_of, Shape};
use crate::card::{
    bus::{Bus, End},
    fifo::{count_bits, fifo},
};
use crate::field::FIELD_BITS;
use crate::hdl::Module;
use std::sync::Arc;

/// Beats held at most.
const DEPTH: usize = 64;
/// Bursts not answered at most.
pub const BURSTS: usize = 64;

/// The module `stream_writer`.
pub fn writer() -> Arc<Module> {
    writer_of(DEPTH, BURSTS, Shape::CARD)
}

/// [`writer`] with `depth` beats held, a power of two above a burst and 3, `unanswered` bursts not answered at most, a power of
/// two, and other widths.
pub fn writer_of(depth: usize, unanswered: usize, shape: Shape) -> Arc<Module> {
    let Shape { address, count, burst } = shape;
    let name = match (depth, unanswered) {
        (DEPTH, BURSTS) => shape.name("stream_writer"),
        _ => format!("{}_{depth}_{unanswered}", shape.name("stream_writer")),
    };
    let m = Module::new(name)
        .doc("Elements to card memory. See rtl/src/stream/writer.rs.")
        .clocked()
        .input("job_valid", 1)
        .output("job_ready", 1)
        .input("job_addr", address + 6)
        .input("job_count", count)
        .input("in_valid", 1)
        .output("in_ready", 1)
        .input("in_data", FIELD_BITS)
        .input("flush", 1)
        .output("busy", 1)
        .output("err", 1)
        .output("err_addr", 64);
    Bus::Write
        .ports(m, End::Client, "")
        .child("cut", &bursts_of(shape))
        .connect_all(
            "cut",
            &[
                ("clear", "flush"),
                ("job_valid", "job_valid"),
                ("job_addr", "job_addr"),
                ("job_count", "job_count"),
                ("out_ready", "beat_done && last"),
            ],
        )
        .child("store", &fifo(2 * FIELD_BITS + 2, depth))
        .connect_all(
            "store",
            &[
                ("clear", "drop"),
                ("in_data", "{strobe, pair}"),
                ("in_valid", "pair_valid && !flush"),
                ("out_ready", "sent"),
            ],
        )
        .child("complete", &fifo(address + burst, depth))
        .connect_all(
            "complete",
            &[
                ("clear", "flush"),
                ("in_data", "{pair_addr, pair_beats}"),
                ("in_valid", "pair_valid && pair_last"),
                ("out_ready", "ask"),
            ],
        )
        .child("unanswered", &fifo(address, unanswered))
        .connect_all(
            "unanswered",
            &[
                ("clear", "1'b0"),
                ("in_data", "addr"),
                ("in_valid", "ask && complete$out_valid"),
                ("out_ready", "wack_valid"),
            ],
        )
        .body(format!(
            r"
// Elements to beats: the one at hand goes to a half of a pair, a complete pair to the store.
reg [{bl}:0] place;
reg upper, room;
wire last = place == cut$out_beats;
wire half = upper || (cut$out_skip_first && place == 0);
wire load = in_valid && in_ready;
wire beat_done = load && (half || (cut$out_skip_last && last));
reg [{pl}:0] pair;
reg [1:0] strobe;
reg pair_valid, pair_last;
reg [{al}:0] pair_addr;
reg [{bl}:0] pair_beats;
always @(*) in_ready = cut$out_valid && room && !flush;
always @(posedge clk) begin
  // One beat is on its way when this is seen.
  room <= store$count < {dc}'d{limit};
  pair_valid <= beat_done;
  pair_last <= last;
  pair_addr <= cut$out_addr;
  pair_beats <= cut$out_beats;
  if (load) begin
    if (half) pair[{f}+:{f}] <= in_data;
    else pair[0+:{f}] <= in_data;
    strobe <= {{half, !half || upper}};
    upper <= !beat_done;
  end
  if (beat_done) place <= last ? {b}'d0 : place + {b}'d1;
  if (rst || flush) begin
    pair_valid <= 1'b0;
    upper <= 1'b0;
    place <= 0;
  end
  if (rst) room <= 1'b0;
end

// Complete bursts: asked for, then their beats. `owed` beats have been announced; under flush those still go out, and what the
// store holds beyond them is dropped.
reg [{ol}:0] owed;
wire [{al}:0] addr;
wire [{bl}:0] beats;
assign {{addr, beats}} = complete$out_data;
wire ask = (!wr_valid || wr_ready) && unanswered$in_ready && !flush;
wire sent = wdat_valid && wdat_ready;
wire drop = flush && owed == 0;
always @(*) begin
  job_ready = cut$job_ready;
  wdat_valid = store$out_valid && owed != 0;
  wdat_data = {{2'd0, store$out_data[{f}+:{f}], 2'd0, store$out_data[0+:{f}]}};
  wdat_strb = {{{{32{{store$out_data[{s1}]}}}}, {{32{{store$out_data[{s0}]}}}}}};
  busy = cut$out_valid || pair_valid || store$out_valid || complete$out_valid || unanswered$out_valid;
end
always @(posedge clk) begin
  // A request, once shown, stays until it is taken, also under flush.
  if (wr_ready) wr_valid <= 1'b0;
  if (ask && complete$out_valid) begin
    wr_valid <= 1'b1;
    wr_addr <= {{addr, 6'd0}};
    wr_beats <= {{{bz}'d0, beats}};
  end
  owed <= owed + (ask && complete$out_valid ? {{{oz}'d0, beats}} + {o}'d1 : {o}'d0) - {{{ol}'d0, sent}};
  if (wack_valid && wack_err && !err) begin
    err <= 1'b1;
    err_addr <= {{unanswered$out_data, 6'd0}};
  end
  if (flush) err <= 1'b0;
  if (rst) begin
    wr_valid <= 1'b0;
    owed <= 0;
    err <= 1'b0;
  end
end
",
            f = FIELD_BITS,
            pl = 2 * FIELD_BITS - 1,
            s0 = 2 * FIELD_BITS,
            s1 = 2 * FIELD_BITS + 1,
            b = burst,
            bl = burst - 1,
            bz = 8 - burst,
            al = address - 1,
            dc = count_bits(depth),
            limit = depth - 3,
            o = count_bits(depth),
            ol = count_bits(depth) - 1,
            oz = count_bits(depth) - burst,
        ))
        .build()
}
