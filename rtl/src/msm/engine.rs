//! The MSM engine: command in, window sums out.
//!
//! Phases of a command: accumulate (feed to memory 0), aggregate (the scan's phases, ping-pong between the memories),
//! output (one window sum of 128 bytes a window, as two single-beat writes), acknowledge. A phase ends when its source is
//! done and the unit idle.
//!
//! A read error, a scalar out of range or `cancel` ends the command early: requests stop, outstanding ones are drained, the
//! slots are emptied (one a clock; the engine takes no command meanwhile). The slots power up empty, and are left
//! empty by a command that ends well; `dirty` survives reset so that a reset in mid-command empties them too.

use super::{
    feed, scan,
    scan::{Phase, BIT_STRIDE},
    unit::{self, UnitShape},
};
use crate::card::bus::{Bus, End};
use crate::config::CardConfig;
use crate::field::{Field, FIELD_BITS};
use crate::hdl::Module;
use crate::point::g1_adder::{self, POINT_BITS};
use permafrost_abi::Status;
use std::sync::Arc;

/// Bits of a scalar that windows must cover unless the command says less.
const SCALAR_BITS: usize = 254;

/// Adds the ports that every MSM engine has towards the card: command, completion, events, two memory readers (`pt_` points,
/// `sc_` scalars) and a writer (`rs_` results). `cancel` is a level: no new memory requests, outstanding ones are drained
/// before `busy` falls. Each `ev_*` counts one a clock while high, `ev_additions` its value.
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
        .input("cmd_montgomery", 1)
        .output("done_valid", 1)
        .output("done_status", 8)
        .output("done_addr", 64)
        .output("done_info", 32)
        .input("cancel", 1)
        .output("busy", 1)
        .output("ev_accumulate", 1)
        .output("ev_aggregate", 1)
        .output("ev_stall_feed", 1)
        .output("ev_stall_slot", 1)
        .output("ev_point", 1)
        .output("ev_additions", 8);
    let m = Bus::Read.ports(m, End::Client, "pt_");
    let m = Bus::Read.ports(m, End::Client, "sc_");
    Bus::Write.ports(m, End::Client, "rs_")
}

/// The engine `msm_engine` of `config`.
pub fn engine(config: &CardConfig) -> Arc<Module> {
    let adder = g1_adder::pipeline(config.target);
    let (min_window, max_window) = (config.min_window as usize, config.max_window as usize);
    let memory1 = scan::memory1_slots(min_window, max_window, SCALAR_BITS + 8);
    let shape = UnitShape {
        log2_slots: [config.log2_slots as usize, memory1.next_power_of_two().ilog2() as usize],
        adder_latency: adder.latency,
    };
    let a = shape.address_bits();
    let one = Field::fq().one();
    let m = interface(
        Module::new("msm_engine")
            .doc("MSM engine: bucket method with signed windows, G1. See rtl/src/msm/engine.rs."),
    );
    let m = m
        .child("feed", &feed::feed(config.target, a, min_window, max_window))
        .connect_all(
            "feed",
            &[
                ("start", "feed_start"),
                ("flush", "flush"),
                ("bases", "bases"),
                ("scalars", "scalars"),
                ("count", "count"),
                ("window_bits", "window_bits"),
                ("windows", "windows"),
                ("montgomery", "montgomery"),
                ("item_ready", "accumulating && unit$item_ready"),
            ],
        )
        .child("scan", &scan::scan(a))
        .connect_all(
            "scan",
            &[
                ("clear", "flush"),
                ("start", "scan_start"),
                ("phase", "phase"),
                ("window_bits", "window_bits"),
                ("windows", "windows"),
                ("horner_k", "horner_k"),
                ("src_full", "unit$src_full"),
                ("src_value", "unit$src_value"),
                ("item_ready", "!accumulating && unit$item_ready"),
            ],
        )
        .child("unit", &unit::unit(shape, &adder.module()))
        .connect_all(
            "unit",
            &[
                ("dst", "dst"),
                ("item_valid", "accumulating ? feed$item_valid : scan$item_valid"),
                ("item_addr", "accumulating ? feed$item_addr : scan$item_addr"),
                ("item_value", "accumulating ? feed$item_value : scan$item_value"),
                ("src_ren", "out_read || scan$src_ren"),
                ("src_raddr", "out_read ? out_slot : scan$src_raddr"),
                ("src_take", "out_take || scan$src_take"),
                ("src_taddr", "out_take ? out_slot : scan$src_taddr"),
                ("clr_we", "state == CLEAR"),
                ("clr_addr", "clear_addr"),
            ],
        );
    let m = Bus::Read.export(m, End::Client, ("feed", "pt_"), "pt_");
    let m = Bus::Read.export(m, End::Client, ("feed", "sc_"), "sc_");
    m.body(format!(
        r"
localparam [2:0] IDLE = 0, FEED = 1, AGGREGATE = 2, OUT_READ = 3, OUT_WRITE = 4, ACKNOWLEDGE = 5, FAIL = 6, CLEAR = 7;
localparam [2:0] HALVES = {halves}, SPREAD = {spread}, HORNER = {horner};
localparam [{fl}:0] ONE = {fb}'h{one:x};
localparam [7:0] ST_SUCCESS = {success}, ST_READ = {read}, ST_WRITE = {write}, ST_RANGE = {range};

reg [2:0] state, phase;
reg [3:0] horner_k;
reg [63:0] bases, scalars, result;
reg [31:0] count;
reg [4:0] window_bits;
reg [7:0] windows, window;
reg montgomery, feed_start, scan_start, second, addr_sent, data_sent, aborted, dirty;
reg [8:0] unanswered;
reg [{al}:0] clear_addr;
initial dirty = 1'b0;

wire accumulating = state == FEED;
wire flush = state == FAIL;
// Phases alternate between the memories; odd bits of j are collected in memory 0, even ones in memory 1.
wire dst = state == AGGREGATE && (phase == HORNER ? horner_k[0] : phase[0]);
wire scan_over = !scan_start && scan$done && unit$idle;
wire out_read = state == OUT_READ;
wire [{al}:0] out_slot = {{{{{pad}{{1'b0}}}}, window, {stride}'d0}};
wire beat_sent = (addr_sent || rs_wr_ready) && (data_sent || rs_wdat_ready);
wire window_out = state == OUT_WRITE && beat_sent && second;
wire out_take = window_out && unit$src_full;
wire [{pl}:0] sum = unit$src_full ? unit$src_value : {{{fb}'d0, ONE, {fb}'d0}};

always @(*) begin
  cmd_ready = state == IDLE && !cancel;
  busy = state != IDLE && state != CLEAR;
  rs_wr_addr = result;
  rs_wr_beats = 8'd0;
  rs_wr_valid = state == OUT_WRITE && !addr_sent;
  rs_wdat_data = second ? {{258'd0, sum[{pl}:{z}]}} : {{2'd0, sum[{y_top}:{y}], 2'd0, sum[{fl}:0]}};
  rs_wdat_strb = {{64{{1'b1}}}};
  rs_wdat_valid = state == OUT_WRITE && !data_sent;
  ev_accumulate = accumulating;
  ev_aggregate = state == AGGREGATE;
  ev_stall_feed = accumulating && unit$item_ready && !feed$item_valid && !feed$done;
  ev_stall_slot = accumulating && unit$ev_wait;
  ev_point = feed$ev_point;
  ev_additions = {{7'd0, unit$ev_add}};
end

always @(posedge clk) begin
  feed_start <= 1'b0;
  scan_start <= 1'b0;
  done_valid <= 1'b0;
  unanswered <= unanswered + {{8'd0, rs_wr_valid && rs_wr_ready}} - {{8'd0, rs_wack_valid}};
  if (rs_wack_valid && rs_wack_err && done_status == ST_SUCCESS) begin
    done_status <= ST_WRITE;
    done_addr <= result;
  end
  if (cancel && state != IDLE && state != CLEAR) aborted <= 1'b1;
  case (state)
    IDLE: if (cmd_valid && !cancel) begin
      bases <= cmd_bases;
      scalars <= cmd_scalars;
      result <= cmd_result;
      count <= cmd_n;
      window_bits <= cmd_window_bits[4:0];
      windows <= cmd_windows;
      montgomery <= cmd_montgomery;
      window <= 8'd0;
      done_status <= ST_SUCCESS;
      done_addr <= 64'd0;
      done_info <= 32'd0;
      aborted <= 1'b0;
      dirty <= 1'b1;
      feed_start <= cmd_n != 32'd0;
      state <= cmd_n != 32'd0 ? FEED : cmd_windows != 8'd0 ? OUT_READ : ACKNOWLEDGE;
    end
    FEED: if (!feed_start) begin
      if (feed$read_err || feed$range_err || aborted) begin
        done_status <= feed$read_err ? ST_READ : ST_RANGE;
        done_addr <= feed$read_err ? feed$read_err_addr : 64'd0;
        done_info <= feed$read_err ? 32'd0 : feed$range_err_index;
        state <= FAIL;
      end else if (feed$done && unit$idle) begin
        phase <= HALVES;
        scan_start <= 1'b1;
        state <= AGGREGATE;
      end
    end
    AGGREGATE: if (aborted) state <= FAIL;
      else if (scan_over) begin
        scan_start <= 1'b1;
        if (phase == SPREAD) horner_k <= window_bits[3:0] - 4'd1;
        if (phase == HORNER) horner_k <= horner_k - 4'd1;
        if (phase != HORNER) phase <= phase + 3'd1;
        else if (horner_k == 4'd1) begin
          scan_start <= 1'b0;
          state <= OUT_READ;
        end
      end
    OUT_READ: begin
      second <= 1'b0;
      addr_sent <= 1'b0;
      data_sent <= 1'b0;
      state <= OUT_WRITE;
    end
    OUT_WRITE: begin
      if (rs_wr_ready) addr_sent <= 1'b1;
      if (rs_wdat_ready) data_sent <= 1'b1;
      if (beat_sent) begin
        second <= 1'b1;
        addr_sent <= 1'b0;
        data_sent <= 1'b0;
        result <= result + 64'd64;
        if (second) begin
          window <= window + 8'd1;
          state <= window + 8'd1 == windows || aborted ? ACKNOWLEDGE : OUT_READ;
        end
      end
    end
    ACKNOWLEDGE: if (unanswered == 9'd0) begin
      if (aborted) state <= FAIL;
      else begin
        dirty <= 1'b0;
        done_valid <= 1'b1;
        state <= IDLE;
      end
    end
    FAIL: if (!feed$busy && unit$idle) begin
      clear_addr <= 0;
      done_valid <= !aborted && !cancel;
      state <= CLEAR;
    end
    CLEAR: begin
      clear_addr <= clear_addr + 1'b1;
      if (&clear_addr) begin
        dirty <= 1'b0;
        state <= IDLE;
      end
    end
  endcase
  if (rst) begin
    feed_start <= 1'b0;
    scan_start <= 1'b0;
    done_valid <= 1'b0;
    unanswered <= 9'd0;
    aborted <= 1'b0;
    clear_addr <= 0;
    state <= dirty ? CLEAR : IDLE;
  end
end
",
        halves = Phase::Halves as u8,
        spread = Phase::Spread as u8,
        horner = Phase::Horner as u8,
        success = Status::Success as u16,
        read = Status::DramReadError as u16,
        write = Status::DramWriteError as u16,
        range = Status::ScalarRange as u16,
        al = a - 1,
        pad = a - 8 - BIT_STRIDE,
        stride = BIT_STRIDE,
        fl = FIELD_BITS - 1,
        fb = FIELD_BITS,
        pl = POINT_BITS - 1,
        y = FIELD_BITS,
        y_top = 2 * FIELD_BITS - 1,
        z = 2 * FIELD_BITS,
    ))
    .build()
}
