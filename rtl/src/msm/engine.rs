//! The MSM engine: command in, window sums out.
//!
//! A command is a batch of MSMs over the same bases. Each member is fed to all lanes; a lane is closed when it has taken its
//! last item of the member. It then sums its buckets, and while the short rest of that runs (the tail) it is open again and takes
//! items of the next member. Window sums come from the lanes in any order and go to their places lane-major: for each
//! member `adders` times `entries` affine points, 64 bytes for G1, 128 for G2. The command is complete when every write is
//! acknowledged.
//!
//! Lanes, slicers and adders advance with `tick`: every clock for G1, every third for G2. The group changes only between
//! commands.
//!
//! A read error, a write error, a scalar out of range or `cancel` ends the command early, all members of it: requests stop,
//! outstanding ones are drained, then the completion is given, and the lanes empty themselves (the engine is not `busy` then but
//! takes no command). The address of a scalar out of range is given as its index in `done_info` and its member in `done_addr`.

use super::{
    feed,
    lane::{self, LaneShape},
    slicer::{self, SHIFT_BITS},
    POINT_BITS,
};
use crate::card::{
    bus::{Bus, End},
    fifo::fifo,
};
use crate::config::CardConfig;
use crate::field::FIELD_BITS;
use crate::hdl::Module;
use crate::point::affine;
use permafrost_abi::Status;
use std::sync::Arc;

/// Writes of results that are not acknowledged, at most.
const WRITES: usize = 64;

/// Bits of `ev_stall_slot`: lanes in which a digit waited.
pub const STALL_BITS: usize = 3;

/// Adds the ports that every MSM engine has towards the card: command, completion, events, two memory readers (`pt_` points,
/// `sc_` scalars) and a writer (`rs_` results). `cancel` is a level: no new memory requests, outstanding ones are drained
/// before `busy` falls. Each `ev_*` of one bit counts one a clock while high, the others count their value.
pub fn interface(m: Module) -> Module {
    let m = m
        .clocked()
        .input("cmd_valid", 1)
        .output("cmd_ready", 1)
        .input("cmd_bases", 64)
        .input("cmd_scalars", 64)
        .input("cmd_result", 64)
        .input("cmd_n", 32)
        .input("cmd_window_bits", 8)
        .input("cmd_windows", 8)
        .input("cmd_group", 1)
        .input("cmd_montgomery", 1)
        .input("cmd_more", 16)
        .input("cmd_stride", 64)
        .output("done_valid", 1)
        .output("done_status", 8)
        .output("done_addr", 64)
        .output("done_info", 32)
        .input("cancel", 1)
        .output("busy", 1)
        .output("ev_accumulate", 1)
        .output("ev_aggregate", 1)
        .output("ev_tail", 1)
        .output("ev_stall_feed", 1)
        .output("ev_stall_slot", STALL_BITS)
        .output("ev_point", 1)
        .output("ev_additions", 8)
        .output("ev_queued", 8);
    let m = Bus::Read.ports(m, End::Client, "pt_");
    let m = Bus::Read.ports(m, End::Client, "sc_");
    Bus::Write.ports(m, End::Client, "rs_")
}

/// The lanes of `config`.
pub fn lane_shape(config: &CardConfig) -> LaneShape {
    LaneShape::of_card(config.log2_slots as usize, config.min_window as usize, config.max_window as usize)
}

/// The engine `msm_engine` of `config`.
pub fn engine(config: &CardConfig) -> Arc<Module> {
    let shape = lane_shape(config);
    let adder = affine::adder(config.target, lane::tag_bits(&shape));
    let lane = lane::lane(&shape, &adder.module);
    let slicer = slicer::slicer(config.log2_slots as usize);
    let (min_window, max_window) = (config.min_window as usize, config.max_window as usize);
    let mut m = interface(
        Module::new("msm_engine")
            .doc("MSM engine: bucket method with signed windows, G1 and G2. See rtl/src/msm/engine.rs."),
    )
    .child("feed", &feed::feed(config.target, config.adders, min_window, max_window))
    .connect_all(
        "feed",
        &[
            ("start", "feed_start"),
            ("begin_member", "begin_member"),
            ("flush", "flush"),
            ("g2", "g2"),
            ("bases", "bases"),
            ("scalars", "scalars"),
            ("stride", "stride"),
            ("count", "count"),
            ("more", "more"),
            ("window_bits", "window_bits"),
            ("windows", "windows"),
            ("montgomery", "montgomery"),
            ("out_ready", "&slicer_ready"),
        ],
    )
    .child("unanswered", &fifo(64, WRITES))
    .connect_all(
        "unanswered",
        &[
            ("clear", "1'b0"),
            ("in_data", "write_addr"),
            ("in_valid", "rs_wr_valid && rs_wr_ready"),
            ("out_ready", "rs_wack_valid"),
        ],
    );
    m = Bus::Read.export(m, End::Client, ("feed", "pt_"), "pt_");
    m = Bus::Read.export(m, End::Client, ("feed", "sc_"), "sc_");
    for k in 0..config.adders {
        let (lane_name, slicer_name) = (format!("lane{k}"), format!("slicer{k}"));
        m = m
            .child(&slicer_name, &slicer)
            .connect_all(
                &slicer_name,
                &[
                    ("flush", "flush"),
                    ("tick", "tick"),
                    ("window_bits", "window_bits"),
                    ("shared", "shared"),
                    ("entries", "entries"),
                    ("own_shift", &format!("own_shift{k}")),
                    ("jump_shift", &format!("jump_shift{k}")),
                    ("step_shift", "step_shift"),
                    ("in_valid", "feed$out_valid && &slicer_ready"),
                    ("in_shared", &format!("shared != 2'd0 && feed$out_turn == 2'd{k}")),
                    ("in_f", "feed$out_f"),
                    ("in_point", "feed$out_point"),
                    ("item_ready", &format!("{lane_name}$open && {lane_name}$item_ready")),
                ],
            )
            .child(&lane_name, &lane)
            .connect_all(
                &lane_name,
                &[
                    ("g2", "g2"),
                    ("tick", "tick"),
                    ("window_bits", "window_bits"),
                    ("entries", "entries"),
                    ("item_valid", &format!("{lane_name}$open && {slicer_name}$item_valid")),
                    ("item_addr", &format!("{slicer_name}$item_addr")),
                    ("item_value", &format!("{slicer_name}$item_value")),
                    ("close", &format!("close[{k}]")),
                    ("clear", "clear"),
                    ("out_ready", &format!("take[{k}]")),
                ],
            );
    }
    m.body(parameters(config.adders))
        .body(lanes(config.adders))
        .body(results(config.adders))
        .body(control())
        .build()
}

/// `a`, `b`, ... for every lane, the last one first: a vector whose bit k is lane k's.
fn each(lanes: usize, f: impl Fn(usize) -> String) -> String {
    format!("{{{}}}", (0..lanes).rev().map(f).collect::<Vec<_>>().join(", "))
}

/// Sum over the lanes of an expression of `bits` bits, as `total` bits.
fn total(lanes: usize, bits: usize, total: usize, f: impl Fn(usize) -> String) -> String {
    (0..lanes).map(|k| format!("{{{}'d0, {}}}", total - bits, f(k))).collect::<Vec<_>>().join(" + ")
}

/// The command's words, and what follows from them: registers in a chain, valid some clocks after the command.
fn parameters(lanes: usize) -> String {
    let share = match lanes {
        1 => "2'd0",
        2 => "{1'b0, windows[0]}",
        3 => "windows[1:0] - {part[0], 1'b0} - part[1:0]",
        _ => "windows[1:0]",
    };
    let mut s = format!(
        r"
reg [63:0] bases, scalars, result, stride;
reg [31:0] count;
reg [15:0] more;
reg [4:0] window_bits;
reg [7:0] windows;
reg g2, montgomery;
// Windows that all lanes share, entries of a lane.
reg [1:0] shared;
reg [7:0] entries, quotient;
reg [{sl}:0] step_shift;
wire [{sl}:0] width = {{{pad}'d0, window_bits}};
wire [7:0] part = windows / 8'd{lanes};
{lane_bytes}always @(posedge clk) begin
  quotient <= part;
  shared <= {share};
  entries <= quotient + {{6'd0, shared}};
  step_shift <= {step};
",
        sl = SHIFT_BITS - 1,
        pad = SHIFT_BITS - 5,
        lane_bytes = if lanes > 1 { LANE_BYTES } else { "" },
        step = times("width", lanes),
    );
    let mut declarations = String::new();
    for k in 0..lanes {
        declarations += &format!(
            "reg [{l}:0] own_shift{k}, jump_shift{k};\nreg [63:0] first_addr{k};\n",
            l = SHIFT_BITS - 1
        );
        s += &format!("  own_shift{k} <= ({{5'd0, shared}} + 7'd{k}) * width;\n");
        s += &format!("  jump_shift{k} <= {};\n", times("width", k + 1));
        s += &match k {
            0 => "  first_addr0 <= result;\n".into(),
            _ => format!("  first_addr{k} <= first_addr{} + {{49'd0, lane_bytes}};\n", k - 1),
        };
    }
    declarations + &s + "end\n"
}

const LANE_BYTES: &str = "reg [14:0] lane_bytes;
always @(posedge clk) lane_bytes <= g2 ? {entries, 7'd0} : {1'b0, entries, 6'd0};
";

/// `k` times `x`, k in 1..=4, without growing.
fn times(x: &str, k: usize) -> String {
    match k {
        1 => x.into(),
        2 => format!("{x} << 1"),
        3 => format!("({x} << 1) + {x}"),
        _ => format!("{x} << 2"),
    }
}

/// Tick, batch members to lanes, events.
fn lanes(lanes: usize) -> String {
    format!(
        r"
localparam LANES = {lanes};
// Ticks: every clock, or every third.
reg [1:0] third_of;
wire tick = !g2 || third_of == 2'd2;
always @(posedge clk) third_of <= rst || tick ? 2'd0 : third_of + 2'd1;

wire [LANES-1:0] slicer_ready = {ready};
wire [LANES-1:0] slicer_empty = {empty};
wire [LANES-1:0] lane_open = {open};
wire [LANES-1:0] lane_clean = {clean};
wire [LANES-1:0] hungry = {hungry};
wire halves = {halves};
wire tail = {tail};

// Members not yet begun; the present one: some lane has not been closed. Items of the next one may wait in front of a
// lane that is not open yet.
reg [16:0] members, member;
reg joining, begin_member;
reg [LANES-1:0] closed;
wire [LANES-1:0] close = {{LANES{{joining && !begin_member && feed$done}}}} & slicer_empty & lane_open & ~closed;
wire front = running && (joining || members != 0 || !(&lane_open));
always @(posedge clk) begin
  begin_member <= 1'b0;
  if (tick) closed <= closed | close;
  if (joining && (&closed)) joining <= 1'b0;
  if (running && !joining && members != 0) begin
    begin_member <= 1'b1;
    joining <= 1'b1;
    closed <= 0;
    member <= member + 17'd1;
    members <= members - 17'd1;
  end
  if (feed_start) begin
    member <= ~17'd0;
    members <= {{1'b0, more}} + 17'd1;
  end
  if (rst || flush) begin
    begin_member <= 1'b0;
    joining <= 1'b0;
    members <= 17'd0;
  end
end
always @(*) begin
  ev_accumulate = front && !halves;
  ev_tail = running && !front && tail;
  ev_aggregate = running && (halves || (!front && tail));
  ev_stall_feed = joining && !feed$done && hungry != 0;
  ev_stall_slot = {waits};
  ev_point = feed$ev_point;
  ev_additions = tick ? {adds} : 8'd0;
  ev_queued = {queued};
end
",
        ready = each(lanes, |k| format!("slicer{k}$in_ready")),
        empty = each(lanes, |k| format!("slicer{k}$empty")),
        open = each(lanes, |k| format!("lane{k}$open")),
        clean = each(lanes, |k| format!("lane{k}$clean")),
        hungry = each(lanes, |k| format!("lane{k}$open && lane{k}$item_ready && !slicer{k}$item_valid")),
        halves = (0..lanes).map(|k| format!("lane{k}$ev_halves")).collect::<Vec<_>>().join(" || "),
        tail = (0..lanes).map(|k| format!("lane{k}$ev_tail")).collect::<Vec<_>>().join(" || "),
        waits = total(lanes, 1, STALL_BITS, |k| format!("lane{k}$ev_wait")),
        adds = total(lanes, 1, 8, |k| format!("lane{k}$ev_add")),
        queued = total(lanes, 6, 8, |k| format!("lane{k}$ev_queued")),
    )
}

/// Window sums from the lanes to memory.
fn results(lanes: usize) -> String {
    let (c, p) = (FIELD_BITS, POINT_BITS - 1);
    let mut s = format!(
        r"
// The writer: one window sum, as one or two beats.
reg writing, second, addr_sent, data_sent;
reg [{p}:0] sum;
reg [63:0] write_addr;
wire beat_sent = (addr_sent || (rs_wr_valid && rs_wr_ready)) && (data_sent || rs_wdat_ready);
wire [LANES-1:0] offer = {offer};
wire [LANES-1:0] take = offer & (~offer + 1'b1) & {{LANES{{running && !writing}}}};
wire [{cl}:0] x0 = sum[{x0}+:{c}], x1 = sum[{x1}+:{c}], y0 = sum[{y0}+:{c}], y1 = sum[{y1}+:{c}];
wire [LANES-1:0] finished = {finished};
always @(*) begin
  rs_wr_addr = write_addr;
  rs_wr_beats = 8'd0;
  rs_wr_valid = writing && !addr_sent && unanswered$in_ready;
  rs_wdat_data = !g2 ? {{2'd0, y0, 2'd0, x0}} : second ? {{2'd0, y1, 2'd0, y0}} : {{2'd0, x1, 2'd0, x0}};
  rs_wdat_strb = {{64{{1'b1}}}};
  rs_wdat_valid = writing && !data_sent;
end
always @(posedge clk) begin
  if (rs_wr_valid && rs_wr_ready) addr_sent <= 1'b1;
  if (rs_wdat_valid && rs_wdat_ready) data_sent <= 1'b1;
  if (writing && beat_sent) begin
    addr_sent <= 1'b0;
    data_sent <= 1'b0;
    second <= 1'b1;
    write_addr <= write_addr + 64'd64;
    if (second || !g2) writing <= 1'b0;
  end
  if (tick && take != 0) begin
    writing <= 1'b1;
    second <= 1'b0;
  end
",
        offer = each(lanes, |k| format!("lane{k}$out_valid")),
        finished = each(lanes, |k| format!("jobs{k} == 0")),
        cl = c - 1,
        x0 = 0,
        x1 = c,
        y0 = 2 * c,
        y1 = 3 * c,
    );
    let mut declarations = String::new();
    // From a lane's place in one member's result to its place in the next: all the other lanes'.
    let skip = match lanes {
        1 => "64'd0".into(),
        _ => times("{49'd0, lane_bytes}", lanes - 1),
    };
    for k in 0..lanes {
        declarations += &format!("reg [16:0] jobs{k};\nreg [7:0] out_entry{k};\nreg [63:0] out_addr{k};\n");
        s += &format!(
            r"  if (tick && take[{k}]) begin
    sum <= lane{k}$out_value;
    write_addr <= out_addr{k};
    out_entry{k} <= out_entry{k} + 8'd1;
    out_addr{k} <= out_addr{k} + (g2 ? 64'd128 : 64'd64);
    if (out_entry{k} == entries - 8'd1) begin
      out_entry{k} <= 8'd0;
      out_addr{k} <= out_addr{k} + (g2 ? 64'd128 : 64'd64) + skip;
      jobs{k} <= jobs{k} - 17'd1;
    end
  end
  if (feed_start) begin
    jobs{k} <= {{1'b0, more}} + 17'd1;
    out_entry{k} <= 8'd0;
    out_addr{k} <= first_addr{k};
  end
"
        );
    }
    format!(
        "{declarations}wire [63:0] skip = {skip};\n{s}  if (rst) begin\n    writing <= 1'b0;\n    addr_sent <= 1'b0;\n    \
         data_sent <= 1'b0;\n  end\nend\n"
    )
}

/// The command's life.
fn control() -> String {
    format!(
        r"
localparam [2:0] IDLE = 0, SETUP = 1, RUN = 2, FAIL = 3, CLEAR = 4;
localparam [7:0] ST_SUCCESS = {success}, ST_READ = {read}, ST_WRITE = {write}, ST_RANGE = {range};
// Clocks until the registers derived from the command are valid.
localparam [3:0] SETUP_CLOCKS = 4'd8;
reg [2:0] state;
reg [3:0] waited;
reg feed_start, aborted;
wire running = state == RUN && !feed_start;
wire flush = state == FAIL;
wire clear = state == FAIL || state == CLEAR;
always @(*) begin
  cmd_ready = state == IDLE && (&lane_clean) && !cancel;
  busy = state != IDLE && state != CLEAR;
end
always @(posedge clk) begin
  feed_start <= 1'b0;
  done_valid <= 1'b0;
  waited <= waited + 4'd1;
  if (cancel && busy) aborted <= 1'b1;
  if (rs_wack_valid && rs_wack_err && done_status == ST_SUCCESS) begin
    done_status <= ST_WRITE;
    done_addr <= unanswered$out_data;
  end
  case (state)
    IDLE: if (cmd_valid && cmd_ready) begin
      bases <= cmd_bases;
      scalars <= cmd_scalars;
      result <= cmd_result;
      stride <= cmd_stride;
      count <= cmd_n;
      more <= cmd_more;
      window_bits <= cmd_window_bits[4:0];
      windows <= cmd_windows;
      g2 <= cmd_group;
      montgomery <= cmd_montgomery;
      done_status <= ST_SUCCESS;
      done_addr <= 64'd0;
      done_info <= 32'd0;
      aborted <= 1'b0;
      waited <= 4'd0;
      state <= SETUP;
    end
    SETUP: if (waited == SETUP_CLOCKS) begin
      feed_start <= 1'b1;
      state <= RUN;
    end
    RUN: if (!feed_start) begin
      if (aborted || done_status != ST_SUCCESS) state <= FAIL;
      else if (feed$read_err || feed$range_err) begin
        done_status <= feed$read_err ? ST_READ : ST_RANGE;
        done_addr <= feed$read_err ? feed$read_err_addr : {{47'd0, member}};
        done_info <= feed$read_err ? 32'd0 : feed$range_err_index;
        state <= FAIL;
      end else if ((&finished) && !writing && unanswered$count == 0) begin
        done_valid <= 1'b1;
        state <= IDLE;
      end
    end
    FAIL: if (!feed$busy && !writing && unanswered$count == 0) begin
      done_valid <= !aborted && !cancel;
      waited <= 4'd0;
      state <= CLEAR;
    end
    // A few clocks, so that every lane has seen `clear`.
    default: if ((&waited) && (&lane_clean)) state <= IDLE;
  endcase
  if (rst) begin
    feed_start <= 1'b0;
    done_valid <= 1'b0;
    aborted <= 1'b0;
    g2 <= 1'b0;
    waited <= 4'd0;
    state <= CLEAR;
  end
end
",
        success = Status::Success as u16,
        read = Status::DramReadError as u16,
        write = Status::DramWriteError as u16,
        range = Status::ScalarRange as u16,
    )
}
