//! The NTT engine: a command in, one pass of a batch of transforms through memory.
//!
//! A command is what an NTT command of the ABI says ([`permafrost_abi::ntt`]), its fields checked: `cmd_batch` is 1 or more.
//! The parameters are read and checked first, while the source is already being fetched; an element that is not canonical, or a
//! root of another order, is BAD_PARAMETER with the byte offset in `done_info`, and nothing is written.
//!
//! The pass goes through the tile core ([`super::block`]) in tiles of 2^`tile` transforms side by side: columns of one row, or of the
//! last pass its rows, or whole transforms of the batch; as many as fit on the chip, or fewer in a short command. So runs in
//! memory are 2^`tile` elements or a transform's 2^`cmd_len` long. What comes when is [`super::jobs`]'s; reads run ahead of the
//! core, writes behind it.
//!
//! With source and destination the same, which is for first passes only, every tile has the same elements in both: it is written
//! when it has been read, and no other tile needs what is there. Tiles do not even share beats: two columns, or the
//! bytes of `cmd_stride`, fill one. So reads and writes need no order between them.
//!
//! A read error, a write error, a bad parameter or `cancel` ends the command early: requests stop, outstanding ones are
//! drained, the core is reset, then the completion is given (not after `cancel`).

use super::{
    block::{block, Shape, COUNT_BITS},
    factors::ROW_LOG_BITS,
    jobs::{jobs, LOG_BITS},
};
use crate::card::{
    abi::contract,
    bus::{Bus, End},
};
use crate::field::{Field, FIELD_BITS};
use crate::hdl::Module;
use crate::stream;
use std::sync::Arc;

/// While the first tile enters and while the last one leaves, the butterflies wait. So a short command has at least
/// 2^[`SHARE_LOG`] tiles, unless they would be of less than 2^[`TILE_LOG`] elements, or runs in memory of less than
/// 2^[`RUN_LOG`].
const SHARE_LOG: usize = 5;
const TILE_LOG: usize = 10;
const RUN_LOG: usize = 3;

/// Elements of the parameters, in the order in which they lie in memory.
const PARAMETERS: [&str; 6] =
    ["omega", "in_first", "in_first_step", "in_ratio", "in_ratio_step", "out_ratio"];

/// Adds the ports that every NTT engine has towards the card: command, completion, events, a memory reader (`in_`) and a writer
/// (`out_`). `cancel` is a level: no new memory requests, outstanding ones are drained before `busy` falls. Each `ev_*` of one
/// bit counts one a clock while high, the others count their value.
pub fn interface(m: Module) -> Module {
    let m = m
        .clocked()
        .input("cmd_valid", 1)
        .output("cmd_ready", 1)
        .input("cmd_source", 64)
        .input("cmd_destination", 64)
        .input("cmd_params", 64)
        .input("cmd_stride", 64)
        .input("cmd_batch", 32)
        .input("cmd_before", 8)
        .input("cmd_len", 8)
        .input("cmd_after", 8)
        .input("cmd_reversed_in", 1)
        .input("cmd_reversed_out", 1)
        .output("done_valid", 1)
        .output("done_status", 8)
        .output("done_addr", 64)
        .output("done_info", 32)
        .input("cancel", 1)
        .output("busy", 1)
        .output("ev_butterflies", COUNT_BITS)
        .output("ev_stall_in", 1)
        .output("ev_stall_out", 1);
    let m = Bus::Read.ports(m, End::Client, "in_");
    Bus::Write.ports(m, End::Client, "out_")
}

/// The engine `ntt_engine` with a tile core of `shape`.
pub fn engine(shape: &Shape) -> Arc<Module> {
    let mut m = interface(
        Module::new("ntt_engine")
            .doc("NTT engine: passes of transforms over card memory. See rtl/src/ntt/engine.rs."),
    )
    .child_reset_by("core", &block(shape), "rst || fail")
    .connect_all(
        "core",
        &[
            ("set_valid", "state == SET"),
            ("set_len", &format!("len[{}:0]", shape.log_bits() - 1)),
            ("set_tile", &format!("tile[{}:0]", shape.log_bits() - 1)),
            ("set_before", "rows"),
            ("set_repeat", "repeat_log"),
            ("set_tiles", "tiles"),
            ("set_last", "last_tile"),
            ("set_row_mode", "row_mode"),
            ("set_in_interleaved", "in_interleaved"),
            ("set_in_reversed", "reversed_in"),
            ("set_out_interleaved", "out_interleaved"),
            ("set_out_reversed", "reversed_out"),
            ("in_valid", "state == RUN && reader$out_valid"),
            ("in_data", "reader$out_data"),
            ("out_ready", "writer$in_ready"),
        ],
    );
    for (k, name) in PARAMETERS.iter().enumerate() {
        m = m.connect("core", &format!("set_{name}"), format!("parameter{k}"));
    }
    m = m
        .child("reader", &stream::reader())
        .connect_all(
            "reader",
            &[
                ("job_valid", "fetch || from$job_valid"),
                ("job_addr", "fetch ? params : from$job_addr"),
                ("job_count", "fetch ? PARAMETERS : from$job_count"),
                ("out_ready", "missing != 0 || (state == RUN && core$in_ready)"),
                ("flush", "fail"),
            ],
        )
        .child("writer", &stream::writer())
        .connect_all(
            "writer",
            &[
                ("job_valid", "to$job_valid"),
                ("job_addr", "to$job_addr"),
                ("job_count", "to$job_count"),
                ("in_valid", "core$out_valid"),
                ("in_data", "core$out_data"),
                ("flush", "fail"),
            ],
        );
    for (side, [base, interleaved, rows, apart, run, ready]) in [
        ("from", ["source", "in_interleaved", "rows", "columns", "in_run", "reader$job_ready && !fetch"]),
        ("to", ["destination", "out_interleaved", "5'd0", "outside", "len", "writer$job_ready"]),
    ] {
        m = m.child(side, &jobs()).connect_all(
            side,
            &[
                ("start", "begin_jobs"),
                ("clear", "fail"),
                ("interleaved", interleaved),
                ("base", base),
                ("stride", "stride"),
                ("batch", "batch"),
                ("rows", rows),
                ("apart", apart),
                ("len", "len"),
                ("tile", "tile"),
                ("run", run),
                ("job_ready", ready),
            ],
        );
    }
    let m = Bus::Read.export(m, End::Client, ("reader", ""), "in_");
    let m = Bus::Write.export(m, End::Client, ("writer", ""), "out_");
    m.body(command(shape)).body(parameters()).body(contract(CONTROL)).build()
}

/// The command's words, and what follows from them: registers in a chain, valid some clocks after the command.
fn command(shape: &Shape) -> String {
    const _: () = assert!(LOG_BITS == 5 && ROW_LOG_BITS == 5);
    format!(
        r"
localparam [4:0] MAX_LOG = 5'd{m};
localparam [5:0] SHARE = 6'd{SHARE_LOG}, RUN_LOG = 6'd{RUN_LOG}, TILE_LOG = 6'd{tile_log};
reg [63:0] source, destination, params, stride;
reg [31:0] batch;
reg [4:0] rows, len, columns;
reg reversed_in, reversed_out;
// The dispatcher has checked the logs: they sum to 28 at most.
wire unused = &{{1'b0, cmd_before[7:5], cmd_len[7:5], cmd_after[7:5]}};

// log2 of the least power of two that is not below the batch.
reg [5:0] batch_log;
wire [31:0] others = batch - 32'd1;
integer i;
always @(posedge clk) begin
  batch_log <= 6'd0;
  for (i = 0; i < 32; i = i + 1) if (others[i]) batch_log <= i[5:0] + 6'd1;
end
reg [4:0] room, tile, outside, repeat_log, in_run;
reg [5:0] wanted, total, most;
wire [5:0] shared = total > SHARE ? total - SHARE : 6'd0;
wire [5:0] run_least = outside != 0 ? RUN_LOG : 6'd0;
wire [5:0] least = {{1'b0, len}} + run_least < TILE_LOG ? TILE_LOG - {{1'b0, len}} : run_least;
reg [39:0] tiles;
reg [31:0] full_tiles;
reg [{m}:0] left_over, last_tile;
reg in_interleaved, out_interleaved;
reg [1:0] row_mode;
always @(posedge clk) begin
  room <= MAX_LOG - len;
  wanted <= columns != 0 ? {{1'b0, columns}} : rows != 0 ? {{1'b0, rows}} : batch_log;
  total <= {{1'b0, outside}} + batch_log;
  most <= shared > least ? shared : least;
  tile <= wanted < {{1'b0, room}} && wanted < most ? wanted[4:0] : most < {{1'b0, room}} ? most[4:0] : room;
  outside <= rows + columns;
  repeat_log <= columns - tile;
  in_run <= rows + len;
  in_interleaved <= columns != 0 && !reversed_in;
  out_interleaved <= outside != 0 && !reversed_out;
  row_mode <= rows == 0 ? 2'd0 : columns == 0 ? 2'd1 : 2'd2;
  // Whole transforms: the last tile may be of fewer.
  full_tiles <= others >> tile;
  left_over <= others[{m}:0] & ~({{{m1}{{1'b1}}}} << tile);
  if (outside != 0) begin
    tiles <= {{8'd0, batch}} << (outside - tile);
    last_tile <= {{{m}'d0, 1'b1}} << tile;
  end else begin
    tiles <= {{8'd0, full_tiles}} + 40'd1;
    last_tile <= left_over + {{{m}'d0, 1'b1}};
  end
end
",
        m = shape.max_log,
        m1 = shape.max_log + 1,
        tile_log = TILE_LOG.min(shape.max_log - 2),
    )
}

/// The parameters from memory, checked one clock after they came.
fn parameters() -> String {
    let count = PARAMETERS.len();
    let mut s = format!(
        r"
localparam [32:0] PARAMETERS = 33'd{count};
localparam [{fl}:0] P = {FIELD_BITS}'h{p:x};
reg fetch, arrived, bad_top, bad;
reg [2:0] missing, checked, bad_index;
wire arrives = missing != 0 && reader$out_valid;
wire checking_bad = bad_top || parameter{last} >= P;
reg [{fl}:0] {names};
always @(posedge clk) begin
  arrived <= arrives;
  if (fetch && reader$job_ready) fetch <= 1'b0;
  if (arrives) begin
    missing <= missing - 3'd1;
    bad_top <= reader$out_top != 0;
    parameter{last} <= reader$out_data;
",
        fl = FIELD_BITS - 1,
        p = Field::fr().p,
        last = count - 1,
        names = (0..count).map(|k| format!("parameter{k}")).collect::<Vec<_>>().join(", "),
    );
    for k in 1..count {
        s += &format!("    parameter{} <= parameter{k};\n", k - 1);
    }
    s + &format!(
        r"  end
  if (arrived) begin
    checked <= checked + 3'd1;
    if (checking_bad && !bad) begin
      bad <= 1'b1;
      bad_index <= checked;
    end
  end
  if (accept) begin
    fetch <= 1'b1;
    missing <= 3'd{count};
    checked <= 3'd0;
    bad <= 1'b0;
  end
  if (rst || fail) begin
    fetch <= 1'b0;
    missing <= 3'd0;
    arrived <= 1'b0;
  end
end
wire complete = checked == 3'd{count};
"
    )
}

const CONTROL: &str = r"
localparam [2:0] IDLE = 0, PREPARE = 1, SET = 2, RUN = 3, FAIL = 4;
// Clocks until the registers derived from the command are valid, with those of the jobs.
localparam [3:0] SETUP_CLOCKS = 4'd10;
reg [2:0] state;
reg [3:0] waited;
reg begin_jobs, aborted, begun;
wire accept = cmd_valid && cmd_ready;
wire fail = state == FAIL;
wire active = state == PREPARE || state == SET || state == RUN;
wire bad_root = state == RUN && core$done && core$bad_root;
wire failed = bad || bad_root || reader$err || writer$err;
wire finished = core$done && !from$busy && !to$busy && !writer$busy;
always @(*) begin
  cmd_ready = state == IDLE && !cancel;
  busy = state != IDLE;
  ev_butterflies = core$ev_butterflies;
  ev_stall_in = core$ev_stall_in;
  ev_stall_out = core$ev_stall_out;
end
always @(posedge clk) begin
  begin_jobs <= 1'b0;
  done_valid <= 1'b0;
  if (cancel && busy) aborted <= 1'b1;
  case (state)
    IDLE: if (accept) begin
      source <= cmd_source;
      destination <= cmd_destination;
      params <= cmd_params;
      stride <= cmd_stride;
      batch <= cmd_batch;
      rows <= cmd_before[4:0];
      len <= cmd_len[4:0];
      columns <= cmd_after[4:0];
      reversed_in <= cmd_reversed_in;
      reversed_out <= cmd_reversed_out;
      done_status <= ST_SUCCESS[7:0];
      done_addr <= 64'd0;
      done_info <= 32'd0;
      aborted <= 1'b0;
      begun <= 1'b0;
      waited <= 4'd0;
      state <= PREPARE;
    end
    PREPARE: begin
      if (waited == SETUP_CLOCKS) begin
        begin_jobs <= !begun;
        begun <= 1'b1;
        if (complete) state <= SET;
      end else waited <= waited + 4'd1;
    end
    SET: if (core$set_ready) state <= RUN;
    RUN: if (finished) begin
      done_valid <= 1'b1;
      state <= IDLE;
    end
    default: if (!reader$busy && !writer$busy) begin
      done_valid <= !aborted && !cancel;
      state <= IDLE;
    end
  endcase
  if (active && (failed || aborted || cancel)) begin
    done_valid <= 1'b0;
    begin_jobs <= 1'b0;
    state <= FAIL;
    if (bad || bad_root) begin
      done_status <= ST_BAD_PARAMETER[7:0];
      done_info <= bad ? {24'd0, bad_index, 5'd0} : 32'd0;
    end else if (reader$err || writer$err) begin
      done_status <= reader$err ? ST_DRAM_READ_ERROR[7:0] : ST_DRAM_WRITE_ERROR[7:0];
      done_addr <= reader$err ? reader$err_addr : writer$err_addr;
    end
  end
  if (rst) begin
    state <= IDLE;
    begin_jobs <= 1'b0;
    done_valid <= 1'b0;
    aborted <= 1'b0;
  end
end
";
