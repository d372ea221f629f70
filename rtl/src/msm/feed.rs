//! The feed: points and scalars from card memory, joined, one point a clock.
//!
//! Points without any digit (zero scalars, identities) end here, so that they cost a clock and memory bandwidth and nothing
//! in the lanes. The others are broadcast to the slicers: `out_f` (see [`super::recode`]), `out_point` and `out_turn`, the
//! point's index modulo the number of lanes.
//!
//! `start` (one clock, while nothing runs) begins a command, `begin_member` (one clock, while `done`) its next batch member:
//! `count` points from `bases`, with the next vector of scalars. `done`: every point of the member has gone out. Reads of the
//! next member begin as soon as those of the last have arrived, whether or not it has begun.
//! Points are affine Montgomery, identity all zero: 64 bytes x, y for G1, 128 bytes x.c0, x.c1, y.c0, y.c1 for G2.
//! `range_err` (until `start`): scalar `range_err_index` of the member, not of an identity, does not fit its windows.

use super::{
    reader,
    recode::{self, SPAN_BITS},
    POINT_BITS,
};
use crate::card::bus::{Bus, End};
use crate::hdl::Module;
use crate::target::Target;
use std::sync::Arc;

/// The module `msm_feed` for `lanes` lanes and windows of `min_window` to `max_window` bits.
pub fn feed(target: Target, lanes: usize, min_window: usize, max_window: usize) -> Arc<Module> {
    let m = Module::new("msm_feed")
        .doc("Points and recoded scalars, joined. See rtl/src/msm/feed.rs.")
        .clocked()
        .input("start", 1)
        .input("begin_member", 1)
        .input("flush", 1)
        .input("g2", 1)
        .input("bases", 64)
        .input("scalars", 64)
        .input("stride", 64)
        .input("count", 32)
        .input("more", 16)
        .input("window_bits", 5)
        .input("windows", 8)
        .input("montgomery", 1)
        .output("done", 1)
        .output("busy", 1)
        .output("read_err", 1)
        .output("read_err_addr", 64)
        .output("range_err", 1)
        .output("range_err_index", 32)
        .output("out_valid", 1)
        .input("out_ready", 1)
        .output("out_f", SPAN_BITS)
        .output("out_point", POINT_BITS)
        .output("out_turn", 2)
        .output("ev_point", 1);
    let m = Bus::Read.ports(m, End::Client, "pt_");
    let m = Bus::Read.ports(m, End::Client, "sc_");
    let mut m = m
        .child("points", &reader::reader())
        .connect_all(
            "points",
            &[
                ("start", "fetch"),
                ("addr", "bases"),
                ("beats", "g2 ? {count, 1'b0} : {1'b0, count}"),
                ("flush", "flush"),
                ("out_ready", "load || first"),
            ],
        )
        .child("digits", &recode::scalars(target, min_window, max_window))
        .connect("digits", "out_ready", "load");
    for port in
        ["start", "flush", "scalars", "stride", "count", "more", "window_bits", "windows", "montgomery"]
    {
        m = m.connect("digits", port, port);
    }
    let m = Bus::Read.export(m, End::Client, ("points", ""), "pt_");
    let m = Bus::Read.export(m, End::Client, ("digits", ""), "sc_");
    m.body(format!(
        r"
localparam [1:0] LAST_TURN = 2'd{last_turn};

// Reads of a member that have not begun.
reg [16:0] fetches;
wire fetch = points$ready && fetches != 0 && !points$err && !flush;
always @(posedge clk) begin
  if (fetch) fetches <= fetches - 17'd1;
  if (start) fetches <= {{1'b0, more}} + 17'd1;
  if (rst || flush) fetches <= 17'd0;
end

// A G2 point takes two beats: `x` is from the one before.
reg second, x_zero;
reg [507:0] x;
reg [31:0] points_left, index;
reg [1:0] turn;
wire [511:0] beat = points$out_data;
wire identity = beat == 512'd0 && (!g2 || x_zero);
wire first = g2 && !second && points$out_valid && points_left != 0;
wire load = points$out_valid && (!g2 || second) && digits$out_valid && points_left != 0 && (!out_valid || out_ready);
wire bad = digits$out_bad && !identity;
always @(posedge clk) begin
  if (first) begin
    x <= {{beat[509:256], beat[253:0]}};
    x_zero <= beat == 512'd0;
    second <= 1'b1;
  end
  if (load) begin
    second <= 1'b0;
    out_f <= digits$out_f;
    out_point <= g2 ? {{beat[509:256], beat[253:0], x}}
                    : {{254'd0, beat[509:256], 254'd0, beat[253:0]}};
    out_turn <= turn;
    points_left <= points_left - 32'd1;
    index <= index + 32'd1;
    turn <= turn == LAST_TURN ? 2'd0 : turn + 2'd1;
    if (bad && !range_err) begin
      range_err <= 1'b1;
      range_err_index <= index;
    end
  end
  if (load) out_valid <= !identity && !digits$out_zero && !digits$out_bad;
  else if (out_ready) out_valid <= 1'b0;
  if (begin_member) begin
    points_left <= count;
    index <= 32'd0;
    turn <= 2'd0;
  end
  if (start) range_err <= 1'b0;
  if (rst || flush) begin
    second <= 1'b0;
    out_valid <= 1'b0;
    points_left <= 32'd0;
  end
  if (rst) range_err <= 1'b0;
end
always @(*) begin
  ev_point = load;
  done = points_left == 0 && !out_valid;
  busy = points$busy || digits$busy;
  read_err = points$err || digits$err;
  read_err_addr = points$err ? points$err_addr : digits$err_addr;
end
",
        last_turn = lanes - 1,
    ))
    .build()
}
