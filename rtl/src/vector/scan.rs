//! Prefix products of a stream: close to one element a clock, although each depends on the one before it through a multiplier.
//!
//! # Algorithm
//! Elements are kept in a ring of two blocks. A block is E segments of E elements, E near the time from a product to the next
//! one that needs it. Three things happen side by side, each a block behind the one before:
//! - *fill*: elements arrive in order;
//! - *chain*: every segment's own prefix products take the elements' places. The E segments take turns on one multiplier:
//!   first each one's first element, then each one's second, so that a segment's product is there when its next element is;
//! - *apply*: in order, each prefix product of segment s is multiplied by the product c of everything before s, on a second
//!   multiplier. c times the segment's last prefix product is the next segment's c; it goes first, and is there when the segment's
//!   E elements are through.
//!
//! So a block of E^2 elements takes about E (E + 1) clocks, or a little more where E is below the multiplier's latency, and two
//! products an element. Rejected: prefix sums by doubling, log2(latency) multipliers and more; and one multiplier for both
//! passes, half the rate.
//!
//! A block in the ring has one writer and one reader at a time: *fill* enters a block again only behind *apply*, which is a block
//! behind *chain*.
//!
//! # Contract
//! - `n`, at most 2^31, and `exclusive` are stable from `start` until `done`. `start` is high for one clock, while `done` is high; `done` falls in
//!   the next clock, and rises when the last result was taken; with n = 0 it does not fall.
//! - `a_valid`, `a_ready`, `a_data`: exactly n canonical elements in; `valid` may come and go.
//! - `d_valid`, `d_ready`, `d_data`: n results: d_i is the product of elements 0 to i, or, with `exclusive`, of 0 to i - 1, with
//!   d_0 = 1 (R mod p). `d_data` is stable from `d_valid` until it is taken.
//! - `result` is the product of all n elements (1 of none), from `done` until the next `start`.
//! - `rst` ends a command and forgets what it has taken; `done` is high after it.
//! - Clocks from `start` to `done`, no stream waiting: at most [`Scan::clocks`]. A vector shorter than a block pays for the whole
//!   of it once.

use super::lane::LENGTH_BITS;
use crate::{
    card::fifo::{count_bits, fifo, latency as fifo_latency},
    field::{units, Field, FIELD_BITS},
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
    /// Clocks from an element's last product until its result is taken, at most.
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
    let mul = units::mul(&field, target);
    // From a product's start until one that needs it starts: a word is read, registered before the multiplier, and written.
    let round = mul.latency + 3;
    // The power of two above, unless the one below is much nearer: the ring grows with its square.
    let above = round.next_power_of_two();
    let side = if 10 * round < 7 * above { above / 2 } else { above };
    let log2 = side.trailing_zeros() as usize;
    let block = side * side;
    let gap = round.saturating_sub(side);
    let depth = (mul.latency + 6).next_power_of_two();
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
        .output("result", FIELD_BITS)
        .child("chain", &mul.module())
        .connect_all("chain", &[("a", "chain_a"), ("b", "chain_b")])
        .child("apply", &mul.module())
        .connect_all("apply", &[("a", "apply_a"), ("b", "apply_b")])
        .child("results", &fifo(FIELD_BITS, depth))
        .connect_all("results", &[("clear", "1'b0"), ("in_valid", "out_arrives")])
        .connect("results", "in_data", "exclusive ? result : apply$y")
        .connect("results", "out_ready", "d_ready")
        .body(format!(
            "localparam [253:0] ONE = 254'h{:x};\nlocalparam [{}:0] ROOM = {depth};\nlocalparam [{}:0] GAP = {gap};\n",
            field.one(),
            count_bits(depth) - 1,
            count_bits(gap).max(1) - 1,
        ))
        .body(text(log2, mul.latency + 2, count_bits(depth), count_bits(gap).max(1)))
        .build();
    let chain_clocks = side * side.max(round) + round + 2;
    let block_clocks = chain_clocks.max(side * round.max(side + 1));
    Scan { module, block, block_clocks, tail: mul.latency + 2 + fifo_latency(depth) + 2 }
}

/// The body; `flight` clocks from the choice of a product to its result.
fn text(log2: usize, flight: usize, room_bits: usize, gap_bits: usize) -> String {
    let bits = 2 * log2;
    format!(
        r"
// Elements that have arrived; those whose last product has begun; results yet to be taken. Blocks that are chained.
reg [31:0] filled, applied, to_finish;
reg [{kl}:0] chained;
reg [253:0] block_0 [0:{last}];
reg [253:0] block_1 [0:{last}];
reg [253:0] word_0, word_1;
reg [{fl}:0] chain_flight, carry_flight, out_flight;

// Fill: the ring holds two blocks.
reg [{bits1}:0] held;
wire a_taken = a_valid && a_ready;
always @(*) a_ready = filled != n && !held[{bits1}] && !done;

// Chain: counts {{element of its segment, segment}}, when read and when written.
reg chaining, draining;
reg [{bl}:0] chain_read, chain_write;
reg [{gl}:0] gap;
reg [253:0] heads [0:{el}];
reg [253:0] head, chain_a, chain_b;
// Apply has left the block before the last. With a whole block there it has anyway: that much does not fit otherwise.
wire apply_near = applied[31:{bits}] + 1'b1 >= chained;
wire block_there = filled[31:{bits}] > chained
    || (filled[31:{bits}] == chained && filled == n && filled[{bl}:0] != 0 && apply_near);
wire chain_go = chaining && gap == 0;
wire chain_arrives = chain_flight[{fl}];
wire [{bl}:0] chain_from = {{chain_read[{ll}:0], chain_read[{bl}:{log2}]}};
wire [{bl}:0] chain_to = {{chain_write[{ll}:0], chain_write[{bl}:{log2}]}};

// Apply: the next segment's carry first, then the segment's elements.
reg carry_asked, next_known;
reg [253:0] carry, next_carry, apply_a, apply_b;
reg apply_bank;
reg [{rl}:0] room;
wire apply_there = !done && applied != n && applied[31:{bits}] != chained;
wire segment_begins = applied[{ll}:0] == 0 && !carry_asked;
wire ask = apply_there && segment_begins && next_known;
wire go = apply_there && !segment_begins && room != 0;
wire carry_arrives = carry_flight[{fl}];
wire out_arrives = out_flight[{fl}];
wire [{bl}:0] apply_from = {{applied[{bl}:{log2}], applied[{ll}:0] | {{{log2}{{ask}}}}}};
wire taken = d_valid && d_ready;

// Chain and apply are in different blocks, and so are chain and fill.
wire [{bl}:0] from_0 = chaining && !chained[0] ? chain_from : apply_from;
wire [{bl}:0] from_1 = chaining && chained[0] ? chain_from : apply_from;
wire chain_writes_0 = chain_arrives && !chained[0];
wire chain_writes_1 = chain_arrives && chained[0];
always @(posedge clk) begin
  if (chain_writes_0 || (a_taken && !filled[{bits}]))
    block_0[chain_writes_0 ? chain_to : filled[{bl}:0]] <= chain_writes_0 ? chain$y : a_data;
  if (chain_writes_1 || (a_taken && filled[{bits}]))
    block_1[chain_writes_1 ? chain_to : filled[{bl}:0]] <= chain_writes_1 ? chain$y : a_data;
  if (chain_arrives) heads[chain_write[{ll}:0]] <= chain$y;
  word_0 <= block_0[from_0];
  word_1 <= block_1[from_1];
  head <= chain_read[{bl}:{log2}] == 0 ? ONE : heads[chain_read[{ll}:0]];
  apply_bank <= applied[{bits}];
  chain_a <= chained[0] ? word_1 : word_0;
  chain_b <= head;
  apply_a <= apply_bank ? word_1 : word_0;
  apply_b <= carry;
end

always @(*) d_valid = results$out_valid;
always @(*) d_data = results$out_data;
always @(*) done = to_finish == 0;
always @(posedge clk) begin
  chain_flight <= {{chain_flight[{fm}:0], chain_go}};
  carry_flight <= {{carry_flight[{fm}:0], ask}};
  out_flight <= {{out_flight[{fm}:0], go}};

  if (a_taken) filled <= filled + 1'b1;
  if (a_taken && !go) held <= held + 1'b1;
  if (go && !a_taken) held <= held - 1'b1;

  if (!chaining && !draining && block_there) chaining <= 1'b1;
  if (gap != 0) gap <= gap - 1'b1;
  if (chain_go) begin
    chain_read <= chain_read + 1'b1;
    if (&chain_read[{ll}:0]) gap <= GAP;
    if (&chain_read) begin
      chaining <= 1'b0;
      draining <= 1'b1;
    end
  end
  if (chain_arrives) begin
    chain_write <= chain_write + 1'b1;
    if (&chain_write) begin
      draining <= 1'b0;
      chained <= chained + 1'b1;
    end
  end

  if (carry_arrives) begin
    next_carry <= apply$y;
    next_known <= 1'b1;
  end
  if (ask) begin
    carry <= next_carry;
    next_known <= 1'b0;
    carry_asked <= 1'b1;
  end
  if (go) begin
    applied <= applied + 1'b1;
    carry_asked <= 1'b0;
  end
  if (out_arrives) result <= apply$y;
  if (taken) to_finish <= to_finish - 1'b1;
  if (go && !taken) room <= room - 1'b1;
  if (taken && !go) room <= room + 1'b1;

  if (start) begin
    to_finish <= n;
    result <= ONE;
    next_carry <= ONE;
  end
  if (start || rst) begin
    filled <= 0;
    held <= 0;
    applied <= 0;
    chained <= 0;
    next_known <= 1'b1;
    carry_asked <= 1'b0;
  end
  if (rst) begin
    to_finish <= 0;
    room <= ROOM;
    chaining <= 1'b0;
    draining <= 1'b0;
    gap <= 0;
    chain_read <= 0;
    chain_write <= 0;
    chain_flight <= 0;
    carry_flight <= 0;
    out_flight <= 0;
  end
end
",
        bl = bits - 1,
        bits1 = bits + 1,
        kl = 31 - bits,
        ll = log2 - 1,
        el = (1 << log2) - 1,
        last = (1usize << bits) - 1,
        fl = flight - 1,
        fm = flight - 2,
        rl = room_bits - 1,
        gl = gap_bits - 1,
    )
}
