//! Prefix products of a stream: an element a clock, although each depends on the one before it through a multiplier.
//!
//! # Algorithm
//! A block is E segments of E elements; E is a power of two near the time from a product to the next one that needs it. Three
//! things happen side by side:
//! - *fill*: elements arrive in order;
//! - *chain*: every segment's own prefix products. The E segments take turns on one multiplier: first each one's first element,
//!   then each one's second, so that a segment's product is there when its next element is;
//! - *apply*: in order, each prefix product of segment s is multiplied by the product c of everything before s, on a second
//!   multiplier. When segment s begins, c times its last prefix product, the next segment's c, begins on a third one.
//!
//! So a block of E^2 elements takes E^2 clocks, or a little more where E is below the multiplier's latency, and two products an
//! element. Rejected: prefix sums by doubling, log2(latency) multipliers and more; one multiplier for both passes, half the
//! rate; two multipliers, E + 1 clocks for E elements, when there is a third one idle.
//!
//! Elements are in a ring of two blocks, chained products in one of four: chain asks for element by element, but needs nearly the
//! whole block to advance, and apply has to wait for a block's chains to end.
//!
//! # Contract
//! - `n`, at most 2^31, and `exclusive` are stable from `start` until `done`. `start` is high for one clock, while `done` is
//!   high; `done` falls in the next clock, and rises when the last result was taken; with n = 0 it does not fall.
//! - `a_valid`, `a_ready`, `a_data`: exactly n canonical elements in; `valid` may come and go.
//! - `d_valid`, `d_ready`, `d_data`: n results: d_i is the product of elements 0 to i, or, with `exclusive`, of 0 to i - 1, with
//!   d_0 = 1 (R mod p). `d_data` is stable from `d_valid` until it is taken.
//! - `result` is the product of all n elements (1 of none), from `done` until the next `start`.
//! - Three multipliers are borrowed, see [`super::multipliers`].
//! - `rst` ends a command and forgets what it has taken; `done` is high after it.
//! - Clocks from `start` to `done`, no stream waiting: at most [`Scan::clocks`]. A vector shorter than a block pays for the whole
//!   of it once.

use super::{
    lane::LENGTH_BITS,
    multipliers::{self, ports},
};
use crate::{
    card::fifo::{count_bits, fifo, latency as fifo_latency},
    field::{Field, FIELD_BITS},
    hdl::Module,
    target::Target,
};
use std::sync::Arc;

/// A scan and its timing.
pub struct Scan {
    pub module: Arc<Module>,
    /// Elements of a block.
    pub block: usize,
    /// Clocks from one block to the next.
    pub block_clocks: usize,
    /// Clocks through both pipelines.
    tail: usize,
}

impl Scan {
    /// Clocks from an element's arrival to its result at `d_data` in a long stream, at most.
    pub fn latency(&self) -> usize {
        2 * self.block_clocks + self.tail
    }

    /// Clocks from `start` to `done` of `n` elements, at most: two blocks pass before the first result.
    pub fn clocks(&self, n: usize) -> usize {
        (n.div_ceil(self.block) + 2) * self.block_clocks + self.tail
    }
}

pub fn scan(target: Target) -> Scan {
    let field = Field::fr();
    let latency = multipliers::latency(target);
    // From a product's start until one that needs it starts: a register before the multiplier, one behind it.
    let round = latency + 2;
    // The power of two above, unless the one below is much nearer: the rings grow with its square.
    let above = round.next_power_of_two();
    let side = if 10 * round < 7 * above { above / 2 } else { above };
    let block = side * side;
    let depth = (latency + 6).next_power_of_two();
    let module = Module::new("vector_scan")
        .doc(format!(
            "Prefix products over BN254 Fr, {side} segments of {side} elements at a time. See rtl/src/vector/scan.rs."
        ))
        .clocked()
        .input("start", 1)
        .input("n", LENGTH_BITS)
        .input("exclusive", 1)
        .input("a_valid", 1)
        .output("a_ready", 1)
        .input("a_data", FIELD_BITS)
        .output("d_valid", 1)
        .input("d_ready", 1)
        .output("d_data", FIELD_BITS)
        .output("done", 1)
        .output("result", FIELD_BITS);
    let gap = round.saturating_sub(side);
    let (room_bits, gap_bits) = (count_bits(depth), count_bits(gap).max(1));
    let module = ports(module, 3)
        .child("results", &fifo(FIELD_BITS, depth))
        .connect_all("results", &[("clear", "1'b0"), ("in_valid", "out_arrives")])
        .connect("results", "in_data", "exclusive ? result : mul1_y")
        .connect("results", "out_ready", "d_ready")
        .body(format!(
            r"
localparam [253:0] ONE = 254'h{one:x};
localparam LE = {log2}, LB = 2 * LE, SIDE = 1 << LE, BLOCK = 1 << LB;
// Bits of a count of blocks.
localparam KB = 32 - LB;
localparam L = {latency};
localparam [{rl}:0] ROOM = {depth};
localparam [{gl}:0] GAP = {gap};
reg [{rl}:0] room;
reg [{gl}:0] gap;
",
            one = field.one(),
            log2 = side.trailing_zeros(),
            rl = room_bits - 1,
            gl = gap_bits - 1,
        ))
        .body(CHAIN)
        .body(APPLY)
        .build();
    let block_clocks = side * side.max(round);
    // Two pipelines with a memory before each, the results' fifo, the clocks of `start` and of the last result.
    Scan { module, block, block_clocks, tail: 2 * (latency + 3) + fifo_latency(depth) + 3 }
}

const CHAIN: &str = r"
// Fill: elements that have arrived. Apply: those whose last product has begun; results yet to be taken.
reg [31:0] filled, applied, to_finish;
reg [253:0] elements [0:2*BLOCK-1];
reg [253:0] prefixes [0:4*BLOCK-1];
// Blocks whose chains have begun whole; whose chains are there.
reg [KB-1:0] begun, chained;
wire [KB-1:0] filled_ahead = filled[31:LB] - begun;
wire a_taken = a_valid && a_ready;
always @(*) a_ready = filled != n && filled_ahead < 2 && !done;

// Chain: counts {element of its segment, segment}, when read and when written.
reg [LB-1:0] chain_read, chain_write;
reg [L+1:0] chain_flight;
reg [253:0] heads [0:SIDE-1];
// The last prefix product of each segment.
reg [253:0] lasts [0:4*SIDE-1];
reg [253:0] word;
reg [LE-1:0] word_segment;
reg word_first;
wire [KB-1:0] begun_ahead = begun - applied[31:LB];
wire [LB-1:0] chain_from = {chain_read[LE-1:0], chain_read[LB-1:LE]};
wire [LB-1:0] chain_to = {chain_write[LE-1:0], chain_write[LB-1:LE]};
// The rest of the last block is whatever is there: no result is made of it.
wire element_there = {begun, chain_from} < filled || (filled == n && {begun, {LB{1'b0}}} < n);
wire chain_go = !done && element_there && gap == 0 && begun_ahead < 4;
wire chain_arrives = chain_flight[L+1];
always @(posedge clk) begin
  if (a_taken) elements[filled[LB:0]] <= a_data;
  word <= elements[{begun[0], chain_from}];
  word_segment <= chain_read[LE-1:0];
  word_first <= chain_read[LB-1:LE] == 0;
  mul0_a <= word;
  mul0_b <= word_first ? ONE : heads[word_segment];
  chain_flight <= {chain_flight[L:0], chain_go};
  if (chain_arrives) begin
    heads[chain_write[LE-1:0]] <= mul0_y;
    prefixes[{chained[1:0], chain_to}] <= mul0_y;
    if (&chain_write[LB-1:LE]) lasts[{chained[1:0], chain_write[LE-1:0]}] <= mul0_y;
    chain_write <= chain_write + 1'b1;
    if (&chain_write) chained <= chained + 1'b1;
  end
  if (a_taken) filled <= filled + 1'b1;
  if (gap != 0) gap <= gap - 1'b1;
  if (chain_go) begin
    chain_read <= chain_read + 1'b1;
    if (&chain_read[LE-1:0]) gap <= GAP;
    if (&chain_read) begun <= begun + 1'b1;
  end
  if (start || rst) begin
    filled <= 0;
    begun <= 0;
    chained <= 0;
  end
  if (rst) begin
    gap <= 0;
    chain_read <= 0;
    chain_write <= 0;
    chain_flight <= 0;
  end
end
";

const APPLY: &str = r"
// Apply: a segment's first element takes the product of all segments before it along, and has the next one made.
reg [253:0] prefix, carry, next_carry;
reg next_known;
reg [L:0] carry_flight;
reg [L+1:0] out_flight;
wire segment_begins = applied[LE-1:0] == 0;
wire go = !done && applied != n && applied[31:LB] != chained && room != 0 && (!segment_begins || next_known);
wire carry_arrives = carry_flight[L];
wire out_arrives = out_flight[L+1];
wire taken = d_valid && d_ready;
always @(*) d_valid = results$out_valid;
always @(*) d_data = results$out_data;
always @(*) done = to_finish == 0;
always @(posedge clk) begin
  prefix <= prefixes[applied[LB+1:0]];
  mul1_a <= prefix;
  mul1_b <= carry;
  mul2_a <= lasts[applied[LB+1:LE]];
  mul2_b <= next_carry;
  carry_flight <= {carry_flight[L-1:0], go && segment_begins};
  out_flight <= {out_flight[L:0], go};
  if (go) applied <= applied + 1'b1;
  if (go && segment_begins) begin
    carry <= next_carry;
    next_known <= 1'b0;
  end
  if (carry_arrives) begin
    next_carry <= mul2_y;
    next_known <= 1'b1;
  end
  if (out_arrives) result <= mul1_y;
  if (taken) to_finish <= to_finish - 1'b1;
  if (go && !taken) room <= room - 1'b1;
  if (taken && !go) room <= room + 1'b1;
  if (start) begin
    to_finish <= n;
    result <= ONE;
    next_carry <= ONE;
  end
  if (start || rst) begin
    applied <= 0;
    next_known <= 1'b1;
  end
  if (rst) begin
    to_finish <= 0;
    room <= ROOM;
    carry_flight <= 0;
    out_flight <= 0;
  end
end
";
