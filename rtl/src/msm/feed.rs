//! The feed: points and scalars from card memory become digits, one item a clock.
//!
//! Scalars leave Montgomery form on the way where the command says so. The slicer recodes a scalar into signed digits of c
//! bits, least significant first: with d the next c bits plus carry, d > 2^(c-1) becomes d - 2^c with a carry. A digit
//! +-j, j != 0, is the item (window, j mod 2^(c-1)) with the point +-P. The slicer stops at the last nonzero digit, so
//! that scalars of few bits cost few clocks; a zero scalar or an identity costs one clock. A scalar whose digits do not end
//! within the windows is reported: `range_err` with its index.
//!
//! `start` (one clock, while `done`) begins; `done` is high when all points have been consumed and the last item taken.
//! Points are affine Montgomery, 64 bytes, x low, identity all zero; scalars are 32 bytes, two a beat.

use super::reader;
use crate::card::{
    bus::{Bus, End},
    fifo::{count_bits, fifo},
};
use crate::field::{units, Field, FIELD_BITS};
use crate::hdl::Module;
use crate::point::g1_adder::POINT_BITS;
use crate::target::Target;
use std::sync::Arc;

/// The feed for slot addresses of `address_bits` and window widths up to `max_window`.
pub fn feed(target: Target, address_bits: usize, min_window: usize, max_window: usize) -> Arc<Module> {
    let (a, al) = (address_bits, address_bits - 1);
    let demont = units::demont(&Field::fr(), target);
    let latency = demont.latency;
    // Scalars on their way through the conversion all have a place in the queue behind it.
    let depth = (latency + 4).next_power_of_two();
    let queue = fifo(256, depth);
    let credit_bits = count_bits(depth);
    let fetch = reader::reader();
    let fq = Field::fq();
    let m = Module::new("msm_feed")
        .doc("Points and scalars to digits, one item a clock. See rtl/src/msm/feed.rs.")
        .clocked()
        .input("start", 1)
        .input("flush", 1)
        .input("bases", 64)
        .input("scalars", 64)
        .input("count", 32)
        .input("window_bits", 5)
        .input("windows", 8)
        .input("montgomery", 1)
        .output("done", 1)
        .output("busy", 1)
        .output("read_err", 1)
        .output("read_err_addr", 64)
        .output("range_err", 1)
        .output("range_err_index", 32)
        .output("item_valid", 1)
        .input("item_ready", 1)
        .output("item_addr", a)
        .output("item_value", POINT_BITS)
        .output("ev_point", 1);
    let m = Bus::Read.ports(m, End::Client, "pt_");
    let m = Bus::Read.ports(m, End::Client, "sc_");
    let m = m
        .child("points", &fetch)
        .connect_all(
            "points",
            &[
                ("start", "start"),
                ("addr", "bases"),
                ("beats", "count"),
                ("flush", "flush"),
                ("out_ready", "load"),
            ],
        )
        .child("words", &fetch)
        .connect_all(
            "words",
            &[
                ("start", "start"),
                ("addr", "scalars"),
                ("beats", "(count >> 1) + {31'd0, count[0]}"),
                ("flush", "flush"),
                ("out_ready", "word_done"),
            ],
        )
        .child("convert", &demont.module())
        .connect("convert", "a", "scalar_in")
        .child("queue", &queue)
        .connect_all(
            "queue",
            &[
                ("clear", "flush || start"),
                ("in_data", "montgomery ? {2'd0, convert$y} : scalar_in"),
                ("in_valid", "montgomery ? flying[LATENCY-1] : scalar_go"),
                ("out_ready", "load"),
            ],
        );
    let m = Bus::Read.export(m, End::Client, ("points", ""), "pt_");
    let m = Bus::Read.export(m, End::Client, ("words", ""), "sc_");
    m.body(format!(
        r"
localparam LATENCY = {latency};
localparam [{cl}:0] CREDITS = {depth};
localparam [{fl}:0] PRIME = {fb}'h{prime:x};
localparam [{fl}:0] ONE = {fb}'h{one:x};

// F1 holds a digit, F2 the point with its sign, ready for the unit.
reg f1_valid, f1_negative, f2_valid;
reg [{al}:0] f1_addr;
reg [{fl}:0] f1_x, f1_y;
wire f2_moves = !f2_valid || item_ready;
wire f1_moves = !f1_valid || f2_moves;

// Scalars, two a word, through the conversion into the queue.
wire load;
reg half;
reg [31:0] scalars_left;
reg [{cl}:0] credits;
reg [LATENCY-1:0] flying;
wire [255:0] scalar_in = half ? words$out_data[511:256] : words$out_data[255:0];
wire scalar_go = words$out_valid && credits != 0 && scalars_left != 0;
wire word_done = scalar_go && (half || scalars_left == 32'd1);
always @(posedge clk) begin
  flying <= {{flying[LATENCY-2:0], scalar_go && montgomery}};
  if (scalar_go) begin
    half <= !half && scalars_left != 32'd1;
    scalars_left <= scalars_left - 32'd1;
  end
  credits <= credits + {{{cl}'d0, load}} - {{{cl}'d0, scalar_go}};
  if (start) begin
    half <= 1'b0;
    scalars_left <= count;
  end
  if (rst || flush || start) begin
    credits <= CREDITS;
    flying <= {{LATENCY{{1'b0}}}};
  end
end

// The slicer holds one point and what is left of its scalar.
reg active;
reg [255:0] rest;
reg carry;
reg [7:0] window;
reg [{al}:0] base;
reg [{fl}:0] x, y;
reg [31:0] points_left, index;
wire [16:0] digit_mask = (17'd1 << window_bits) - 17'd1;
wire [16:0] half_digit = 17'd1 << (window_bits - 5'd1);
wire [16:0] digit = ({{1'b0, rest[15:0]}} & digit_mask) + {{16'd0, carry}};
wire negative = digit > half_digit;
wire [16:0] magnitude = negative ? (17'd1 << window_bits) - digit : digit;
wire [16:0] bucket = magnitude & (half_digit - 17'd1);
reg [255:0] shifted;
always @(*) begin
  case (window_bits)
{shifts}    default: shifted = rest >> {max_window};
  endcase
end
wire ends = shifted == 256'd0 && !negative;
wire last_window = window == windows - 8'd1;
wire overflow = active && last_window && !ends;
wire emits = active && magnitude != 17'd0 && !overflow;
wire slice = active && (!emits || f1_moves);
wire finish = slice && (ends || last_window);
assign load = points$out_valid && queue$out_valid && points_left != 0 && (!active || finish) && !flush;
wire identity = points$out_data == 512'd0;
always @(*) ev_point = load;
always @(posedge clk) begin
  if (slice) begin
    rest <= shifted;
    carry <= negative;
    window <= window + 8'd1;
    base <= base + ({a}'d1 << (window_bits - 5'd1));
  end
  if (finish) active <= 1'b0;
  if (load) begin
    active <= 1'b1;
    rest <= identity ? 256'd0 : queue$out_data;
    carry <= 1'b0;
    window <= 8'd0;
    base <= 0;
    x <= points$out_data[{fl}:0];
    y <= points$out_data[{ytop}:256];
    points_left <= points_left - 32'd1;
    index <= index + 32'd1;
  end
  if (overflow && slice && !range_err) begin
    range_err <= 1'b1;
    range_err_index <= index - 32'd1;
  end
  if (start) begin
    points_left <= count;
    index <= 32'd0;
    range_err <= 1'b0;
  end
  if (rst || flush) begin
    active <= 1'b0;
    points_left <= 32'd0;
  end
  if (rst) range_err <= 1'b0;
end

always @(posedge clk) begin
  if (f1_moves) begin
    f1_valid <= emits && slice;
    if (emits) begin
      f1_negative <= negative;
      f1_addr <= base | {bucket};
      f1_x <= x;
      f1_y <= y;
    end
  end
  if (f2_moves) begin
    f2_valid <= f1_valid;
    if (f1_valid) begin
      item_addr <= f1_addr;
      item_value <= {{ONE, f1_negative ? PRIME - f1_y : f1_y, f1_x}};
    end
  end
  if (rst || flush) begin
    f1_valid <= 1'b0;
    f2_valid <= 1'b0;
  end
end
always @(*) begin
  item_valid = f2_valid;
  done = points_left == 0 && !active && !f1_valid && !f2_valid;
  busy = points$busy || words$busy;
  read_err = points$err || words$err;
  read_err_addr = points$err ? points$err_addr : words$err_addr;
end
",
        cl = credit_bits - 1,
        fl = FIELD_BITS - 1,
        fb = FIELD_BITS,
        ytop = 256 + FIELD_BITS - 1,
        prime = fq.p,
        one = fq.one(),
        shifts = (min_window..max_window)
            .map(|c| format!("    5'd{c}: shifted = rest >> {c};\n"))
            .collect::<String>(),
        bucket = if a >= 17 { format!("{{{}bucket}}", zeros(a - 17)) } else { format!("bucket[{al}:0]") },
    ))
    .build()
}

fn zeros(n: usize) -> String {
    if n == 0 {
        String::new()
    } else {
        format!("{n}'d0, ")
    }
}
