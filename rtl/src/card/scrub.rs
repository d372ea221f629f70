//! Zeroes what has been written of card memory, so that no owner of the card finds what the one before left.
//!
//! Card memory is divided into at most [`REGIONS`] equal regions of 4 KiB or more, a power of two. A map says which of
//! them have been written; it survives `rst`, and is set by `power_on` alone: to nothing when `clean`, to everything
//! otherwise. Every address that leaves on the memory port marks its region (`mark_valid` with `mark_addr`; a burst is
//! within 4 KiB, hence within one region).
//!
//! ```text
//! WALK ─ region is dirty ─► ASK ─ taken ─► WAIT ─ zeroed: its mark goes ─► WALK
//!  ▲ next region                            └─ failed: `failed`, its mark stays ─► WALK
//! ```
//! It works while `run`, one clock a clean region and a FILL of the copy engine a dirty one: about a clock for each 64
//! bytes of dirty regions. What is beyond the end of memory is not touched.

use super::abi::contract;
use crate::hdl::Module;
use std::sync::Arc;

/// Most regions.
pub const REGIONS: u64 = 64;

/// The map of dirty regions and what empties it.
///
/// - `power_on` is high with `rst`, for three clocks or more. `dram_bytes` is constant after reset.
/// - `dirty`: number of regions that have been written, `log2_bytes`: size of one.
/// - `cmd_valid`/`cmd_ready` with `cmd_addr`, `cmd_length`: a range to be zeroed; `done_valid` with `done_status` answers.
/// - `failed` (pulse): a range could not be zeroed. `run` falls then, at the latest with the next clock.
pub fn scrub() -> Arc<Module> {
    Module::new("card_scrub")
        .doc("Map of written regions of card memory, and their zeroing between owners.")
        .clocked()
        .input("power_on", 1)
        .input("clean", 1)
        .input("dram_bytes", 64)
        .input("mark_valid", 1)
        .input("mark_addr", 64)
        .input("run", 1)
        .output("dirty", 7)
        .output("log2_bytes", 6)
        .output("failed", 1)
        .output("cmd_valid", 1)
        .input("cmd_ready", 1)
        .output("cmd_addr", 64)
        .output("cmd_length", 64)
        .input("done_valid", 1)
        .input("done_status", 8)
        .body(contract(BODY))
        .build()
}

const BODY: &str = r"
localparam [1:0] WALK = 0, ASK = 1, WAIT = 2;
reg [1:0] state;
reg [63:0] map;
// Region at hand.
reg [5:0] at;

// Size of a region, and number of the last one.
reg [5:0] log2_size;
reg [5:0] last;
integer i;
always @(*) begin
  log2_size = 12;
  for (i = 12; i < 58; i = i + 1) if (dram_bytes > 64'd64 << i) log2_size = i[5:0] + 6'd1;
end
wire [63:0] end_region = (dram_bytes - 1'b1) >> log2_bytes;
always @(posedge clk) begin
  log2_bytes <= log2_size;
  last <= end_region[5:0];
end

wire [63:0] mark_region = mark_addr >> log2_bytes;
wire [5:0] marked = mark_region[5:0];
wire adds = mark_valid && !map[marked];
wire finished = state == WAIT && done_valid;
wire zeroed = finished && done_status == ST_SUCCESS[7:0];
wire [63:0] left = dram_bytes - cmd_addr;
wire [63:0] size = 64'd1 << log2_bytes;
// Accesses stay within card memory, so the region's number has six bits.
wire unused = &{1'b0, end_region[63:6], mark_region[63:6]};
always @(*) cmd_valid = state == ASK;
always @(*) cmd_addr = {58'd0, at} << log2_bytes;
always @(*) cmd_length = left < size ? left : size;
always @(*) failed = finished && !zeroed;

always @(posedge clk) begin
  case (state)
    WALK: if (run && dirty != 0) begin
      if (map[at]) state <= ASK;
      else at <= at + 1'b1;
    end else at <= 0;
    ASK: if (cmd_ready) state <= WAIT;
    default: if (done_valid) state <= WALK;
  endcase
  if (rst) begin
    state <= WALK;
    at <= 0;
  end
end

// A region is never marked and unmarked at once: all writes of its zeroing have been answered, and there are no others.
always @(posedge clk) begin
  if (adds) begin
    map[marked] <= 1'b1;
    dirty <= dirty + 1'b1;
  end
  if (zeroed && !rst) begin
    map[at] <= 1'b0;
    dirty <= dirty - 1'b1;
  end
  if (power_on) begin
    map <= clean ? 0 : ~(64'hffff_ffff_ffff_fffe << last);
    dirty <= clean ? 0 : {1'b0, last} + 1'b1;
  end
end
";
