//! Splits a range of memory into bursts that do not cross a 4 KiB boundary.

use crate::hdl::Module;
use std::sync::Arc;

/// Bits of a 64-byte-beat address or count: a 64-bit byte address without its low six bits.
pub const BEAT_ADDRESS: usize = 58;

/// Ranges in, bursts out, both valid/ready; addresses and counts in beats of 64 bytes.
///
/// One burst per clock, the first one clock after its range was taken; the next range is taken in the clock of the
/// last burst. `out_beats` is the number of beats (1 to 64). A range of 0 beats gives no burst. `clear` drops the
/// range in hand. Reset: empty.
pub fn burst_split() -> Arc<Module> {
    Module::new("copy_burst")
        .doc("Splits ranges into bursts of up to 64 beats that do not cross a 4 KiB boundary.")
        .clocked()
        .input("clear", 1)
        .input("in_addr", BEAT_ADDRESS)
        .input("in_beats", BEAT_ADDRESS)
        .input("in_valid", 1)
        .output("in_ready", 1)
        .output("out_addr", BEAT_ADDRESS)
        .output("out_beats", 7)
        .output("out_valid", 1)
        .input("out_ready", 1)
        .body(
            r"
reg [57:0] left;
// Beats up to the next boundary.
wire [6:0] room = 7'd64 - {1'b0, out_addr[5:0]};
wire short = left[57:7] == 0 && left[6:0] <= room;
wire last = out_valid && out_ready && short;
always @(*) out_valid = left != 0;
always @(*) out_beats = short ? left[6:0] : room;
always @(*) in_ready = !out_valid || last;
always @(posedge clk) begin
  if (in_valid && in_ready) begin
    out_addr <= in_addr;
    left <= in_beats;
  end else if (out_valid && out_ready) begin
    out_addr <= out_addr + {51'd0, out_beats};
    left <= left - {51'd0, out_beats};
  end
  if (rst || clear) left <= 0;
end
",
        )
        .build()
}
