//! Inverses of a stream, an element a clock, from one inverter and four multipliers: Montgomery's trick in parallel chains.
//!
//! # Algorithm
//! A block is M rows of C elements; column c is chain c. C is a power of two that is not below the time from a product to one
//! that needs it, so that the chains take turns on a multiplier. Zeros count as ones in every product. Four things happen side
//! by side, each on its own block:
//! - *forward*: elements arrive in order; each meets the product of those before it in its chain, which is kept beside it;
//! - *tree*: the C products of whole chains are multiplied in pairs, the pairs again, up to one; that is inverted; on the
//!   way down a node's inverse times one child is the inverse of the other child;
//! - *backward*: rows from the last to the first. With the inverse of its chain's product up to and with it, an element takes two
//!   products: times what was kept beside it is its own inverse, times the element itself is what the row before needs;
//! - *emit*: results, which are complete from the last row to the first, leave in order.
//!
//! What is kept beside a zero is zero, and so its result is zero without further ado.
//!
//! M is such that the tree is done within the time of a block. Elements, products and results are in rings of four blocks
//! each, with one writer and one reader. Rejected: one block at a time, three clocks and more an element; the tree on the forward
//! multiplier, a quarter of the multipliers less, but 3/M of the rate.
//!
//! # Contract
//! - `n`, at most 2^31, is stable from `start` until `done`. `start` is high for one clock, while `done` is high; `done` falls in
//!   the next clock, and rises when the last result was taken; with n = 0 it does not fall.
//! - `a_valid`, `a_ready`, `a_data`: exactly n canonical elements in; `valid` may come and go.
//! - `d_valid`, `d_ready`, `d_data`: n results, 1/a_i or, for a_i = 0, 0. `d_data` is stable from `d_valid` until it is taken.
//! - Four multipliers are borrowed, see [`super::multipliers`].
//! - `rst` ends a command and forgets what it has taken; `done` is high after it.
//! - Clocks from `start` to `done`, no stream waiting: at most [`Inverse::clocks`].

use super::{
    lane::LENGTH_BITS,
    multipliers::{self, ports},
};
use crate::{
    card::fifo::{count_bits, fifo, latency as fifo_latency},
    field::{inverse, Field, FIELD_BITS},
    hdl::Module,
    target::Target,
};
use std::sync::Arc;

/// Places for results that have left their ring.
const RESULTS: usize = 8;

/// A unit and its timing.
pub struct Inverse {
    pub module: Arc<Module>,
    /// Elements of a block, and of a row.
    pub block: usize,
    pub chains: usize,
    /// Clocks from a block's last product of a chain to its inverse.
    pub tree_clocks: usize,
    /// Clocks through the pipelines before and behind the tree.
    tail: usize,
}

impl Inverse {
    /// Clocks from an element's arrival to its result at `d_data` in a long stream, at most.
    pub fn latency(&self) -> usize {
        2 * self.block + self.tree_clocks + self.tail
    }

    /// Clocks from `start` to `done` of `n` elements, at most: the last block's way through the stages behind the first, or
    /// that of the whole block before it.
    pub fn clocks(&self, n: usize) -> usize {
        let block = self.block.min(n.next_multiple_of(self.chains));
        n.next_multiple_of(self.chains) + self.tree_clocks + 2 * block + self.tail
    }
}

pub fn inverse(target: Target) -> Inverse {
    let field = Field::fr();
    let latency = multipliers::latency(target);
    let inverter = inverse::inverter_of(&field, target);
    // From a product's start until one that needs it starts: a register before the multiplier, a memory behind it.
    let round = latency + 2;
    let chains = round.next_power_of_two();
    let log2_chains = chains.trailing_zeros() as usize;
    // A level takes its products and a round; two up the tree, one clock each to begin and to end the inversion.
    let tree_clocks = 3 * chains + 2 * log2_chains * round + inverter.latency + 4;
    // Beside the tree, a block's last row waits for the multiplier.
    let block = (tree_clocks + round + chains).next_power_of_two();
    let log2_rows = (block / chains).trailing_zeros() as usize;
    let module = Module::new("vector_inverse")
        .doc(format!(
            "Inverses over BN254 Fr, {chains} chains of {} at a time. See rtl/src/vector/inverse.rs.",
            block / chains
        ))
        .clocked()
        .input("start", 1)
        .input("n", LENGTH_BITS)
        .input("a_valid", 1)
        .output("a_ready", 1)
        .input("a_data", FIELD_BITS)
        .output("d_valid", 1)
        .input("d_ready", 1)
        .output("d_data", FIELD_BITS)
        .output("done", 1);
    let module = ports(module, 4)
        .child("inverter", &inverter.module)
        .connect_all("inverter", &[("start", "invert"), ("a", "mul3_y")])
        .child("leaving", &fifo(FIELD_BITS, RESULTS))
        .connect_all("leaving", &[("clear", "1'b0"), ("in_valid", "result_read"), ("in_data", "result")])
        .connect("leaving", "out_ready", "d_ready")
        .body(shape(&field, log2_chains, log2_rows, latency, inverter.latency))
        .body(FORWARD)
        .body(TREE)
        .body(BACKWARD)
        .body(EMIT)
        .build();
    // Two pipelines, the memories' registers, the results' fifo, the clocks of `start` and of the last result.
    let tail = 2 * round + 6 + fifo_latency(RESULTS);
    Inverse { module, block, chains, tree_clocks, tail }
}

/// What the text of the stages needs to know.
fn shape(field: &Field, log2_chains: usize, log2_rows: usize, latency: usize, inverter: usize) -> String {
    let waits = count_bits(inverter);
    format!(
        r"
localparam [253:0] ONE = 254'h{one:x};
localparam LC = {log2_chains}, LR = {log2_rows}, LB = LC + LR, CHAINS = 1 << LC, BLOCK = 1 << LB;
// Bits of a count of blocks.
localparam KB = 32 - LB;
localparam L = {latency};
localparam [{rl}:0] ROOM = {RESULTS};
localparam [{wl}:0] INVERSION = {inverter};
reg [{rl}:0] room;
reg [{wl}:0] inversion;
reg [253:0] elements [0:4*BLOCK-1];
reg [253:0] products [0:4*BLOCK-1];
reg [253:0] results [0:4*BLOCK-1];
// Blocks whose chains are inverted, whose backward products have begun, whose results are all there.
reg [KB-1:0] inverted, backed, written;
// Results that have left their ring, those yet to be taken.
reg [31:0] left, to_finish;
// The last row and the block that it is in.
wire [31-LC:0] last = n[31:LC] - {{{{(31-LC){{1'b0}}}}, n[LC-1:0] == 0}};
wire [KB-1:0] last_block = last[31-LC:LR];
",
        one = field.one(),
        rl = count_bits(RESULTS) - 1,
        wl = waits - 1,
    )
}

const FORWARD: &str = r"
// Forward. Places that elements, and the ones that fill up the last row, have taken; elements to come.
reg [31:0] place, to_come;
reg [253:0] heads [0:CHAINS-1];
reg entered, entered_leaf, entered_zero;
reg [LB+1:0] entered_at;
// Youngest first; with them, whether the product is that of a whole chain.
reg [L-1:0] head_flight, leaf_flight;
reg [LC-1:0] head_to;
// The tree has, or will get, a block's products that it has not inverted yet.
reg tree_taken;
wire leaf = &place[LB-1:LC] || place[31:LC] == last;
// Four blocks at most: this one, which does not end before the tree has let go of the one before it, and two that are inverted.
wire may_enter = !(leaf && tree_taken) && !done;
wire pad = to_come == 0 && place[LC-1:0] != 0;
wire enter = may_enter && (pad || (a_valid && to_come != 0));
wire zero = a_data == 254'd0;
wire head_arrives = head_flight[L-1];
wire leaf_arrives = leaf_flight[L-1];
always @(*) a_ready = may_enter && to_come != 0;
always @(posedge clk) begin
  entered <= enter;
  entered_leaf <= enter && leaf;
  entered_zero <= zero;
  entered_at <= place[LB+1:0];
  mul0_a <= pad || zero ? ONE : a_data;
  mul0_b <= place[LB-1:LC] == 0 ? ONE : heads[place[LC-1:0]];
  head_flight <= {head_flight[L-2:0], entered};
  leaf_flight <= {leaf_flight[L-2:0], entered_leaf};
  if (entered) begin
    elements[entered_at] <= mul0_a;
    products[entered_at] <= entered_zero ? 254'd0 : mul0_b;
  end
  if (enter) place <= place + 1'b1;
  if (enter && !pad) to_come <= to_come - 1'b1;
  if (head_arrives) begin
    heads[head_to] <= mul0_y;
    head_to <= head_to + 1'b1;
  end
  if (start) to_come <= n;
  if (start || rst) place <= 0;
  if (rst) begin
    to_come <= 0;
    entered <= 1'b0;
    entered_leaf <= 1'b0;
    head_flight <= 0;
    leaf_flight <= 0;
    head_to <= 0;
  end
end
";

const TREE: &str = r"
// Tree: node 1 is the root, the children of k are 2k and 2k + 1, chain c is node C + c. First products, then inverses, but those
// of the chains go to `starts`, where backward finds them a block later.
localparam [1:0] LEAVES = 0, UP = 1, INVERT = 2, DOWN = 3;
localparam [LC:0] CHAIN_0 = CHAINS;
reg [1:0] tree;
reg [253:0] nodes [0:2*CHAINS-1];
reg [253:0] starts [0:2*CHAINS-1];
// Node whose product begins next, 0 behind the last; node whose product arrives next.
reg [LC:0] node, node_to;
reg [L:0] node_flight;
wire up = tree == UP;
wire [LC:0] node_a = up ? {node[LC-1:0], 1'b0} : {1'b0, node[LC:1]};
wire [LC:0] node_b = up ? {node[LC-1:0], 1'b1} : {node[LC:1], !node[0]};
// The first node of a level needs the last one of the level before.
wire level_begins = up ? (node & (node + 1'b1)) == 0 : (node & (node - 1'b1)) == 0;
wire [KB-1:0] inverted_ahead = inverted - backed;
wire starts_free = !node[LC] || inverted_ahead < 2;
wire node_go = (up || (tree == DOWN && starts_free)) && node != 0 && (!level_begins || node_flight == 0);
wire node_arrives = node_flight[L];
wire node_is_start = tree == DOWN && node_to[LC];
wire invert = up && node_arrives && node_to == 1;
wire inversion_ends = tree == INVERT && inversion == INVERSION;
wire tree_ends = node_is_start && node_arrives && (&node_to);
always @(posedge clk) begin
  mul3_a <= nodes[node_a];
  mul3_b <= nodes[node_b];
  node_flight <= {node_flight[L-1:0], node_go};
  if (leaf_arrives || inversion_ends || (node_arrives && !node_is_start))
    nodes[leaf_arrives ? {1'b1, head_to} : inversion_ends ? {{LC{1'b0}}, 1'b1} : node_to]
      <= leaf_arrives ? mul0_y : inversion_ends ? inverter$y : mul3_y;
  if (node_arrives && node_is_start) starts[{inverted[0], node_to[LC-1:0]}] <= mul3_y;
  inversion <= inversion + 1'b1;
  if (node_go) node <= up ? node - 1'b1 : node + 1'b1;
  if (node_arrives) node_to <= up ? node_to - 1'b1 : node_to + 1'b1;
  if (enter && leaf && (&place[LC-1:0])) tree_taken <= 1'b1;
  if (leaf_arrives && (&head_to)) begin
    tree <= UP;
    node <= CHAIN_0 - 1'b1;
    node_to <= CHAIN_0 - 1'b1;
  end
  if (invert) begin
    tree <= INVERT;
    inversion <= 1;
  end
  if (inversion_ends) begin
    tree <= DOWN;
    node <= 2;
    node_to <= 2;
  end
  if (tree_ends) begin
    tree <= LEAVES;
    tree_taken <= 1'b0;
    inverted <= inverted + 1'b1;
  end
  if (start || rst) inverted <= 0;
  if (rst) begin
    tree <= LEAVES;
    tree_taken <= 1'b0;
    node_flight <= 0;
  end
end
";

const BACKWARD: &str = r"
// Backward: where it reads, and where it writes as many clocks later.
reg [LR-1:0] row, row_to;
reg [LC-1:0] chain, run_from, chain_to;
reg [253:0] runs [0:CHAINS-1];
reg [253:0] element, kept;
reg first_row, run_is_start, run_bank;
reg [L+1:0] run_flight;
wire [KB-1:0] unread = backed - left[31:LB];
wire go = !done && backed != inverted && unread < 4;
wire run_arrives = run_flight[L+1];
wire [KB-1:0] after_backed = backed + 1'b1;
wire [KB-1:0] after_written = written + 1'b1;
wire [LB+1:0] read_at = {backed[1:0], row, chain};
always @(posedge clk) begin
  element <= elements[read_at];
  kept <= products[read_at];
  run_from <= chain;
  run_is_start <= first_row;
  run_bank <= backed[0];
  mul1_a <= run_is_start ? starts[{run_bank, run_from}] : runs[run_from];
  mul1_b <= kept;
  mul2_a <= run_is_start ? starts[{run_bank, run_from}] : runs[run_from];
  mul2_b <= element;
  run_flight <= {run_flight[L:0], go};
  if (go) begin
    chain <= chain + 1'b1;
    if (&chain) begin
      row <= row - 1'b1;
      first_row <= 1'b0;
      if (row == 0) begin
        backed <= after_backed;
        row <= after_backed == last_block ? last[LR-1:0] : {LR{1'b1}};
        first_row <= 1'b1;
      end
    end
  end
  if (run_arrives) begin
    runs[chain_to] <= mul2_y;
    results[{written[1:0], row_to, chain_to}] <= mul1_y;
    chain_to <= chain_to + 1'b1;
    if (&chain_to) begin
      row_to <= row_to - 1'b1;
      if (row_to == 0) begin
        written <= after_written;
        row_to <= after_written == last_block ? last[LR-1:0] : {LR{1'b1}};
      end
    end
  end
  if (start) begin
    row <= last_block == 0 ? last[LR-1:0] : {LR{1'b1}};
    row_to <= last_block == 0 ? last[LR-1:0] : {LR{1'b1}};
  end
  if (start || rst) begin
    backed <= 0;
    written <= 0;
    chain <= 0;
    chain_to <= 0;
    first_row <= 1'b1;
  end
  if (rst) run_flight <= 0;
end
";

const EMIT: &str = r"
// Emit.
reg result_read;
reg [253:0] result;
wire leave = !done && left != n && left[31:LB] != written && room != 0;
wire taken = d_valid && d_ready;
always @(*) d_valid = leaving$out_valid;
always @(*) d_data = leaving$out_data;
always @(*) done = to_finish == 0;
always @(posedge clk) begin
  result <= results[left[LB+1:0]];
  result_read <= leave;
  if (leave) left <= left + 1'b1;
  if (taken) to_finish <= to_finish - 1'b1;
  if (leave && !taken) room <= room - 1'b1;
  if (taken && !leave) room <= room + 1'b1;
  if (start) to_finish <= n;
  if (start || rst) left <= 0;
  if (rst) begin
    to_finish <= 0;
    room <= ROOM;
    result_read <= 1'b0;
  end
end
";
