//! The jobs of an operand's reader or writer: one for a contiguous operand, one an element for a strided one.
//!
//! `start` (one clock, while nothing is left) takes `addr`, `stride` (1 or more) and `count` (may be 0). Jobs go out on `job_valid`,
//! `job_ready`, `job_addr`, `job_count`, one a clock. `rst` drops what is left. See [`crate::stream`] for jobs.

use crate::hdl::Module;
use std::sync::Arc;

/// The module `vector_walk`.
pub fn walk() -> Arc<Module> {
    Module::new("vector_walk")
        .doc("Jobs of a strided operand. See rtl/src/vector/walk.rs.")
        .clocked()
        .input("start", 1)
        .input("addr", 64)
        .input("stride", 32)
        .input("count", 32)
        .output("job_valid", 1)
        .input("job_ready", 1)
        .output("job_addr", 64)
        .output("job_count", 33)
        .body(
            r"
reg [31:0] left, step;
wire contiguous = step == 32'd1;
always @(*) begin
  job_valid = left != 0;
  job_count = contiguous ? {1'b0, left} : 33'd1;
end
always @(posedge clk) begin
  if (job_valid && job_ready) begin
    left <= contiguous ? 32'd0 : left - 32'd1;
    job_addr <= job_addr + {27'd0, step, 5'd0};
  end
  if (start) begin
    left <= count;
    step <= stride;
    job_addr <= addr;
  end
  if (rst) left <= 32'd0;
end
",
        )
        .build()
}
