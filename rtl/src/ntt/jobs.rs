//! Where a pass has its elements in memory: the runs of one side, its source or its destination, in the order of the tiles.
//!
//! Contract
//! - For each transform of a batch, `batch` of them `stride` bytes apart from `base` on, the jobs of a
//!   [`crate::stream`] on `job_*`. Numbers are powers of two and given as their log2; places are counted in elements.
//! - `interleaved`: for each row r of 2^`rows` and each group g of 2^(`apart` - `tile`): a run of 2^`tile` elements at
//!   ((r 2^`len` + l) 2^`apart` + g 2^`tile`), for each l of 2^`len`.
//! - else: for each i of 2^`apart`: a run of 2^`run` elements at rev(i) 2^`len`, rev in `apart` bits.
//! - `start` begins; the parameters are constant from three clocks before it to the end. `busy`: jobs are left. `clear` ends early.
//! - One job a clock.
//!
//! As the numbers are powers of two, r, g and l are bit fields of the offset; each counts in its place.

use crate::hdl::Module;
use std::sync::Arc;

/// Bits of the log2 of a number of elements.
pub const LOG_BITS: usize = 5;

/// The module `ntt_jobs`.
pub fn jobs() -> Arc<Module> {
    let mut m = Module::new("ntt_jobs")
        .doc("The runs of elements of a pass in memory. See rtl/src/ntt/jobs.rs.")
        .clocked()
        .input("start", 1)
        .input("clear", 1)
        .input("interleaved", 1)
        .input("base", 64)
        .input("stride", 64)
        .input("batch", 32)
        .output("busy", 1)
        .output("job_valid", 1)
        .input("job_ready", 1)
        .output("job_addr", 64)
        .output("job_count", 33);
    for log in ["rows", "apart", "len", "tile", "run"] {
        m = m.input(log, LOG_BITS);
    }
    m.body(functions()).body(BODY).build()
}

/// Offsets within a transform of up to 2^28 elements have 34 bits, with one for the end.
fn functions() -> String {
    let reversed: Vec<_> = (0..34).map(|bit| format!("x[{bit}]")).collect();
    format!(
        "function [33:0] reverse(input [33:0] x);\n  reverse = {{{}}};\nendfunction\n",
        reversed.join(", ")
    )
}

const BODY: &str = r"
// log2 of bytes, then bytes: a field counts in steps from 0 and ends when it reaches its end, where it has no bit.
wire [5:0] apart_at = {1'b0, apart} + 6'd5;
wire [5:0] len_at = {1'b0, len} + 6'd5;
reg [5:0] row_at, end_at;
reg [33:0] step0, step1, step2, end0, end1, end2;
always @(posedge clk) begin
  row_at <= apart_at + {1'b0, len};
  end_at <= row_at + {1'b0, rows};
  step0 <= interleaved ? 34'd1 << apart_at : 34'd1;
  end0 <= interleaved ? 34'd1 << row_at : 34'd1;
  // Not interleaved: counts from its top bit down, and has ended when the carry leaves at the bottom.
  step1 <= interleaved ? 34'd1 << ({1'b0, tile} + 6'd5) : 34'd1 << (row_at - 6'd1);
  end1 <= interleaved ? 34'd1 << apart_at : 34'd1 << (len_at - 6'd1);
  step2 <= interleaved ? 34'd1 << row_at : 34'd1;
  end2 <= interleaved ? 34'd1 << end_at : 34'd1;
  job_count <= 33'd1 << (interleaved ? tile : run);
end

reg running;
reg [31:0] members;
reg [63:0] member;
reg [33:0] place, group, row;
wire [33:0] next_place = place + step0;
wire [33:0] next_group = interleaved ? group + step1 : reverse(reverse(group) + reverse(step1));
wire [33:0] next_row = row + step2;
wire place_ends = (next_place & end0) != 0;
wire group_ends = place_ends && (next_group & end1) != 0;
wire row_ends = group_ends && (next_row & end2) != 0;
wire step = running && (!job_valid || job_ready);
always @(*) busy = running || job_valid;
always @(posedge clk) begin
  if (job_ready) job_valid <= 1'b0;
  if (step) begin
    job_valid <= 1'b1;
    job_addr <= member + {30'd0, row | group | place};
    place <= place_ends ? 34'd0 : next_place;
    if (place_ends) group <= group_ends ? 34'd0 : next_group;
    if (group_ends) row <= row_ends ? 34'd0 : next_row;
    if (row_ends) begin
      member <= member + stride;
      members <= members - 32'd1;
      running <= members != 32'd1;
    end
  end
  if (start) begin
    running <= 1'b1;
    members <= batch;
    member <= base;
    place <= 34'd0;
    group <= 34'd0;
    row <= 34'd0;
  end
  if (rst || clear) begin
    running <= 1'b0;
    job_valid <= 1'b0;
  end
end
";
