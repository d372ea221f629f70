//! Gathering: indices from card memory to jobs of one element each.
//!
//! - `start` (one clock, while not `busy`) takes `indices`, 64-byte aligned, and `n`, 1 or more. `base`, `stride` and `len` are stable
//!   until the end. For each index i a job goes out: `job_valid`, `job_ready`, `job_addr` = base + 32 stride i, one a clock.
//! - `bad`, sticky until `start` or a flush: an index is not below `len`. The jobs of those before it go out, it and those
//!   behind it do not.
//! - `err` with `err_addr`, sticky until a flush: indices could not be read; they, and those behind them, go nowhere.
//! - `flush` is held until `busy` falls: nothing is asked for, what arrives or is held is dropped.

use crate::{
    card::bus::{Bus, End, BEAT_BITS},
    hdl::Module,
    msm::reader,
};
use std::sync::Arc;

/// The module `vector_gather`.
pub fn gather() -> Arc<Module> {
    let m = Module::new("vector_gather")
        .doc("Indices from card memory to addresses of elements. See rtl/src/vector/gather.rs.")
        .clocked()
        .input("start", 1)
        .input("indices", 64)
        .input("n", 32)
        .input("base", 64)
        .input("stride", 32)
        .input("len", 32)
        .input("flush", 1)
        .output("busy", 1)
        .output("bad", 1)
        .output("err", 1)
        .output("err_addr", 64)
        .output("job_valid", 1)
        .input("job_ready", 1)
        .output("job_addr", 64);
    let m = Bus::Read.ports(m, End::Client, "").child("fetch", &reader::reader()).connect_all(
        "fetch",
        &[
            ("start", "start"),
            ("addr", "indices"),
            ("beats", "{5'd0, n[31:4]} + {32'd0, n[3:0] != 4'd0}"),
            ("flush", "flush"),
            ("out_ready", "take && (word == 4'd15 || left == 32'd1)"),
        ],
    );
    Bus::Read
        .export(m, End::Client, ("fetch", ""), "")
        .body(format!(
            r"
// Words to go, the next one's place in its beat.
reg [31:0] left;
reg [3:0] word;
// Index; its products with the halves of the stride, as far as an address within memory goes.
reg [31:0] index;
reg [47:0] low;
reg [42:0] high;
reg index_there, product_there;
wire advance = !job_valid || job_ready;
wire [{beat}:0] beat = fetch$out_data;
wire take = advance && fetch$out_valid && left != 0 && !fetch$err && !flush;
wire unfit = index >= len;
always @(*) begin
  busy = fetch$busy || left != 0 || index_there || product_there || job_valid;
  err = fetch$err;
  err_addr = fetch$err_addr;
end
always @(posedge clk) begin
  if (take) begin
    word <= word + 4'd1;
    left <= left - 32'd1;
  end
  if (advance) begin
    index <= beat[{{word, 5'd0}}+:32];
    index_there <= take;
    low <= {{16'd0, index}} * {{32'd0, stride[15:0]}};
    high <= {{11'd0, index}} * {{27'd0, stride[31:16]}};
    product_there <= index_there && !unfit && !bad;
    if (index_there && unfit) bad <= 1'b1;
    job_addr <= base + {{11'd0, low, 5'd0}} + {{high, 21'd0}};
    job_valid <= product_there;
  end
  if (start) begin
    left <= n;
    word <= 4'd0;
    bad <= 1'b0;
  end
  if (rst || flush) begin
    left <= 32'd0;
    index_there <= 1'b0;
    product_there <= 1'b0;
    job_valid <= 1'b0;
    bad <= 1'b0;
  end
end
",
            beat = BEAT_BITS - 1,
        ))
        .build()
}
