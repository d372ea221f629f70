//! Walks the host side of a COPY: one contiguous buffer, or a scatter–gather list in host memory.

use super::burst::BEAT_ADDRESS;
use crate::{
    card::{
        abi::contract,
        bus::{Bus, End, BEAT_BITS},
        fifo::fifo,
    },
    hdl::Module,
};
use std::sync::Arc;

/// Beats of list (four entries each) fetched ahead.
const AHEAD: usize = 32;

/// Turns `list`, `entries` and `beats` (total length) into ranges.
///
/// - `start` (pulse, when not `busy`) begins; `entries` = 0 makes one range of it.
/// - `out_*`: ranges in beats (valid/ready), one per clock, in list order. Every entry is checked before its range
///   is given out: alignment, reserved bytes, and that it does not exceed what is left of the total.
/// - `stop` (level) fetches no more and gives no more out.
/// - `done`: all ranges have been given out. `busy`: a list read is outstanding.
/// - `err` holds from the first bad entry until `clear` (allowed only when not `busy`) with `err_status`, `err_info`
///   and `err_addr` (byte address of the entry). The list is fetched by bursts of up to 8 beats.
pub fn list_walker() -> Arc<Module> {
    let m = Module::new("copy_list")
        .doc("Walks a scatter-gather list: fetches it ahead, checks every entry, gives out its ranges.")
        .clocked()
        .input("clear", 1)
        .input("stop", 1)
        .input("start", 1)
        .input("list", 64)
        .input("entries", 32)
        .input("beats", BEAT_ADDRESS)
        .output("out_addr", BEAT_ADDRESS)
        .output("out_beats", BEAT_ADDRESS)
        .output("out_valid", 1)
        .input("out_ready", 1)
        .output("done", 1)
        .output("busy", 1)
        .output("err", 1)
        .output("err_status", 8)
        .output("err_info", 32)
        .output("err_addr", 64);
    Bus::Read
        .ports(m, End::Client, "")
        .child("ahead", &fifo(BEAT_BITS + 1, AHEAD))
        .child("asked", &fifo(4, 16))
        .body(contract(&BODY.replace("AHEAD", &AHEAD.to_string())))
        .connect_all(
            "ahead",
            &[
                ("clear", "clear"),
                ("in_data", "{rdat_err, rdat_data}"),
                ("in_valid", "arrive"),
                ("out_ready", "next_beat"),
            ],
        )
        .connect_all(
            "asked",
            &[
                ("clear", "clear"),
                ("in_data", "burst"),
                ("in_valid", "ask"),
                ("out_ready", "arrive && rdat_last"),
            ],
        )
        .build()
}

const BODY: &str = r"
// Fetching, in beats of four entries.
reg [57:0] fetch_addr;
reg [30:0] fetch_left;
reg [5:0] reserved;
// Bursts end at multiples of 8 beats, hence never cross 4 KiB.
wire [3:0] to_edge = 4'd8 - {1'b0, fetch_addr[2:0]};
wire [3:0] burst = fetch_left < {27'd0, to_edge} ? fetch_left[3:0] : to_edge;
wire ask = rd_valid && rd_ready;
wire arrive = rdat_valid && rdat_ready;
always @(*) rd_valid = fetch_left != 0 && reserved + {2'b0, burst} <= AHEAD && asked$in_ready && !stop;
always @(*) rd_addr = {fetch_addr, 6'd0};
always @(*) rd_beats = {4'd0, burst} - 1'b1;
always @(*) rdat_ready = 1'b1;
always @(*) busy = asked$out_valid;

// Taking entries out of the beat at the head.
reg [127:0] pick;
reg [1:0] lane;
reg [31:0] index;
reg [31:0] count;
wire more = index != count;
wire take = more && ahead$out_valid && !stop && (!entry_valid || entry_ready);
// A last beat that is not full stays until `clear`.
wire next_beat = take && lane == 3;
always @(*) case (lane)
  0: pick = ahead$out_data[127:0];
  1: pick = ahead$out_data[255:128];
  2: pick = ahead$out_data[383:256];
  default: pick = ahead$out_data[511:384];
endcase

// Checking the entry.
reg entry_valid;
reg entry_failed;
reg [127:0] entry;
reg [31:0] entry_index;
reg [63:0] entry_addr;
reg [57:0] left;
wire [63:0] iova = entry$[SG_IOVA];
wire [31:0] length = entry$[SG_LENGTH];
wire [57:0] entry_beats = {32'd0, length[31:6]};
wire reserved_set = entry$[SG_RESERVED] != 0;
wire unaligned = iova[5:0] != 0 || length[5:0] != 0;
wire too_long = entry_beats > left;
wire bad = entry_failed || reserved_set || unaligned || too_long;
wire entry_ready = !out_valid || out_ready;
wire check = entry_valid && entry_ready && !stop && !err;

reg contiguous;
always @(*) done = !contiguous && !more && !entry_valid && !out_valid;

always @(posedge clk) begin
  reserved <= reserved + (ask ? {2'b0, burst} : 6'd0) - {5'd0, next_beat};
  if (ask) begin
    fetch_addr <= fetch_addr + {54'd0, burst};
    fetch_left <= fetch_left - {27'd0, burst};
  end
  if (entry_ready) entry_valid <= 1'b0;
  if (take) begin
    entry <= pick;
    entry_failed <= ahead$out_data[512];
    entry_valid <= 1'b1;
    entry_index <= index;
    entry_addr <= list + {28'd0, index, 4'd0};
    index <= index + 1'b1;
    lane <= lane + 1'b1;
  end
  if (out_ready) out_valid <= 1'b0;
  if (contiguous && (!out_valid || out_ready)) begin
    contiguous <= 1'b0;
    out_valid <= 1'b1;
    out_addr <= list[63:6];
    out_beats <= left;
  end
  if (check && !bad) begin
    out_valid <= 1'b1;
    out_addr <= iova[63:6];
    out_beats <= entry_beats;
    left <= left - entry_beats;
  end
  // The last entry must bring the total to zero.
  if (check && (bad || (entry_index + 1'b1 == count && entry_beats != left))) begin
    err <= 1'b1;
    err_addr <= entry_addr;
    err_info <= entry_index;
    err_status <= ST_LIST_MISMATCH[7:0];
    if (reserved_set || unaligned) err_info <= CMD_COPY_LIST_BYTE;
    if (reserved_set) err_status <= ST_BAD_FIELD[7:0];
    if (unaligned) err_status <= ST_BAD_ADDRESS[7:0];
    if (entry_failed) begin
      err_info <= 0;
      err_status <= ST_HOST_READ_ERROR[7:0];
    end
  end
  if (start) begin
    contiguous <= entries == 0;
    fetch_addr <= list[63:6];
    fetch_left <= {1'b0, entries[31:2]} + {30'd0, entries[1:0] != 0};
    count <= entries;
    index <= 0;
    lane <= 0;
    left <= beats;
  end
  if (rst || clear) begin
    contiguous <= 1'b0;
    fetch_left <= 0;
    reserved <= 0;
    count <= 0;
    index <= 0;
    entry_valid <= 1'b0;
    out_valid <= 1'b0;
    err <= 1'b0;
  end
end
";
