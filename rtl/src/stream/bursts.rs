//! A job to bursts: one burst a clock, so a job of one burst takes one clock.
//!
//! A burst ends where the job does, or at a multiple of [`BURST`] beats: so it is never longer, and never across 4 KiB.
//! `out_beats` is beats - 1. `out_skip_first`: the lower half of its first beat is not of the job, `out_skip_last`: nor is the
//! upper half of its last beat. While `clear` is high no job is taken, and the one at hand is forgotten.

use crate::hdl::Module;
use std::sync::Arc;

/// Beats of a burst at most, a power of two.
pub const BURST: usize = 16;
/// log2 of [`BURST`], bits of `out_beats`.
pub const BURST_BITS: usize = BURST.ilog2() as usize;
/// Bits of a beat's address: the bus is asked for whole beats.
pub const BEAT_ADDR_BITS: usize = 58;

/// Widths of a stream, in bits. Those of the card are [`Shape::CARD`]; proofs take smaller ones too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Address of a beat.
    pub address: usize,
    /// Elements of a job.
    pub count: usize,
    /// log2 of the beats of a burst at most.
    pub burst: usize,
}

impl Shape {
    pub const CARD: Shape = Shape { address: BEAT_ADDR_BITS, count: 33, burst: BURST_BITS };

    /// `name`, with the widths behind it where they are not the card's.
    pub(super) fn name(&self, name: &str) -> String {
        match *self {
            Shape::CARD => name.to_string(),
            Shape { address, count, burst } => format!("{name}_{address}_{count}_{burst}"),
        }
    }
}

/// The module `stream_bursts`.
pub fn bursts() -> Arc<Module> {
    bursts_of(Shape::CARD)
}

/// [`bursts`] of other widths.
pub fn bursts_of(shape: Shape) -> Arc<Module> {
    let Shape { address, count, burst } = shape;
    Module::new(shape.name("stream_bursts"))
        .doc("Cuts runs of elements into bursts. See rtl/src/stream/bursts.rs.")
        .clocked()
        .input("clear", 1)
        .input("job_valid", 1)
        .output("job_ready", 1)
        .input("job_addr", address + 6)
        .input("job_count", count)
        .output("out_valid", 1)
        .input("out_ready", 1)
        .output("out_addr", address)
        .output("out_beats", burst)
        .output("out_skip_first", 1)
        .output("out_skip_last", 1)
        .body(format!(
            r"
// The job at hand: beats left, the next one's address, halves that are not of it.
reg [{cl}:0] left;
reg [{al}:0] addr;
reg skip_first, skip_last;
wire [{bl}:0] room = ~addr[{bl}:0];
wire [{cl}:0] more = left - {count}'d1;
wire last = more <= {{{rest}'d0, room}};
wire advance = out_valid && out_ready;
wire take = job_valid && job_ready;
wire [{count}:0] halves = {{1'b0, job_count}} + {{{count}'d0, job_addr[5]}};
wire unused = &{{1'b0, job_addr[4:0]}};
always @(*) begin
  job_ready = !clear && (!out_valid || (out_ready && last));
  out_addr = addr;
  out_beats = last ? more[{bl}:0] : room;
  out_skip_first = skip_first;
  out_skip_last = skip_last && last;
end
always @(posedge clk) begin
  if (advance) begin
    out_valid <= !last;
    left <= more - {{{rest}'d0, room}};
    addr <= {{addr[{al}:{b}] + 1'b1, {b}'d0}};
    skip_first <= 1'b0;
  end
  if (take) begin
    out_valid <= 1'b1;
    left <= halves[{count}:1] + {{{cl}'d0, halves[0]}};
    addr <= job_addr[{top}:6];
    skip_first <= job_addr[5];
    skip_last <= halves[0];
  end
  if (rst || clear) out_valid <= 1'b0;
end
",
            al = address - 1,
            top = address + 5,
            b = burst,
            bl = burst - 1,
            cl = count - 1,
            rest = count - burst,
        ))
        .build()
}
