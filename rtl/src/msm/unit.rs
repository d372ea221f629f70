//! The accumulation unit: an adder, two slot memories, and the rule that makes hazards vanish.
//!
//! Every item is a point with a slot address. A new item, or a result coming back from the adder, meets its slot:
//! - slot empty: the point is stored, the slot becomes full;
//! - slot full: the stored point and the arriving one enter the adder, the slot becomes empty; the sum comes back as an
//!   item for the same slot.
//!
//! So a slot never waits for an addition in flight: points that meet a bucket whose sum is under way are stored, and
//! paired with the next one. Nothing is compared with the pipeline's contents, nothing is queued, and k points cost k - 1
//! additions whatever the order. Results have precedence, as the adder cannot be held: an item waits while a result wants
//! the adder too or meets the same slot. When both want to store, the item goes to the store queue, a few entries beside
//! the memory that are written in clocks without a store (a store is a clock without an addition, so such a clock follows
//! one adder latency later); additions look for their stored point there first.
//!
//! Stages of an item: N0 (port; fullness looked up), N1 (decision), then the adder's operands are registered. Lookups
//! are synchronous, so decisions taken in the clock of a lookup are corrected for (`*_fix`).
//!
//! Items go to memory `dst`; the other memory is read by the `src_*` port: address in one clock, `src_full` and
//! `src_value` in the next; `src_take` empties the slot just read. Phases switch `dst` only while `idle`.

use super::slots;
use crate::card::fifo::count_bits;
use crate::hdl::Module;
use crate::point::g1_adder::POINT_BITS;
use std::sync::Arc;

/// Entries of the store queue. Its arrivals and its free write clocks balance, so that stalls fall with 1/(entries + 1).
const STORE_QUEUE: usize = 8;

/// Sizes of a unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnitShape {
    /// log2 of the slots of memory 0 (buckets) and 1 (partial sums of the aggregation).
    pub log2_slots: [usize; 2],
    /// Clocks through the adder.
    pub adder_latency: usize,
}

impl UnitShape {
    /// Bits of an item's slot address.
    pub fn address_bits(&self) -> usize {
        self.log2_slots[0].max(self.log2_slots[1])
    }
}

/// The unit around `adder` (ports `clk`, `p`, `q`, `r`).
pub fn unit(shape: UnitShape, adder: &Arc<Module>) -> Arc<Module> {
    let a = shape.address_bits();
    let (al, vl) = (a - 1, POINT_BITS - 1);
    let latency = shape.adder_latency;
    let mut m = Module::new("msm_unit")
        .doc("Accumulation unit: store to an empty slot, add to a full one. See rtl/src/msm/unit.rs.")
        .clocked()
        .input("dst", 1)
        .input("item_valid", 1)
        .output("item_ready", 1)
        .input("item_addr", a)
        .input("item_value", POINT_BITS)
        .input("src_ren", 1)
        .input("src_raddr", a)
        .output("src_full", 1)
        .output("src_value", POINT_BITS)
        .input("src_take", 1)
        .input("src_taddr", a)
        .input("clr_we", 1)
        .input("clr_addr", a)
        .output("idle", 1)
        .output("ev_add", 1)
        .output("ev_wait", 1)
        .child("add", adder)
        .connect_all(
            "add",
            &[("p", "operand"), ("q", "queue_hit_q ? queued_operand : dst ? mem1$v_rdata : mem0$v_rdata")],
        );
    for (k, &log2) in shape.log2_slots.iter().enumerate() {
        let (inst, at) = (format!("mem{k}"), format!("[{}:0]", log2 - 1));
        let here = if k == 1 { "dst" } else { "!dst" };
        m = m.child(&inst, &slots::slots(log2, POINT_BITS));
        for (port, expr) in [
            ("n_ren", format!("{here} ? n0_fire : src_ren")),
            ("n_raddr", format!("{here} ? item_addr{at} : src_raddr{at}")),
            ("r_ren", format!("{here} && early_valid")),
            ("r_raddr", format!("early_addr{at}")),
            ("n_we", format!("{here} ? new_fire : src_take")),
            ("n_waddr", format!("{here} ? n1_addr{at} : src_taddr{at}")),
            ("n_wbit", format!("{here} ? !n_new : !{inst}$n_new_bit")),
            ("r_we", format!("{here} && r_valid")),
            ("r_waddr", format!("r_addr{at}")),
            ("r_wbit", "!r_res".into()),
            ("clr_we", "clr_we".into()),
            ("clr_addr", format!("clr_addr{at}")),
            ("v_ren", format!("{here} ? issue : src_ren")),
            ("v_raddr", format!("{here} ? issue_addr{at} : src_raddr{at}")),
            ("v_we", format!("{here} && write")),
            ("v_waddr", format!("write_addr{at}")),
            ("v_wdata", "write_value".into()),
        ] {
            m = m.connect(&inst, port, expr);
        }
    }
    m.body(format!(
        r"
localparam LATENCY = {latency};
localparam [{tl}:0] LAST_TURN = LATENCY - 1;
reg n1_valid;
reg [{al}:0] n1_addr;
reg [{vl}:0] n1_value;
reg n_new_fix, n_res_fix, r_new_fix, r_res_fix;
// Additions in flight: one bit a stage, and their slots in a ring that turns once in the adder's latency.
reg [LATENCY-1:0] flying;
reg [{al}:0] tags [0:LATENCY-1];
reg [{tl}:0] turn;
reg r_valid;
reg [{al}:0] r_addr;
reg [{vl}:0] operand;
reg [15:0] in_flight;

// A result one clock before it leaves the adder; `r_*` is the result itself.
wire early_valid = flying[LATENCY-1];
wire [{al}:0] early_addr = tags[turn];

wire n_new = (dst ? mem1$n_new_bit : mem0$n_new_bit) ^ n_new_fix;
wire n_res = (dst ? mem1$n_res_bit : mem0$n_res_bit) ^ n_res_fix;
wire r_new = (dst ? mem1$r_new_bit : mem0$r_new_bit) ^ r_new_fix;
wire r_res = (dst ? mem1$r_res_bit : mem0$r_res_bit) ^ r_res_fix;
wire n_full = n_new ^ n_res;
wire r_full = r_new ^ r_res;

wire r_issue = r_valid && r_full;
wire r_store = r_valid && !r_full;
wire same = r_valid && r_addr == n1_addr;
wire new_fire = n1_valid && !same && (n_full ? !r_issue : !r_store || queue_free);
wire issue = r_issue || (new_fire && n_full);
wire [{al}:0] issue_addr = r_issue ? r_addr : n1_addr;
wire new_store = new_fire && !n_full;

// The store queue: entry `hit` holds the point that this addition needs, `put` is free, `get` may be written.
reg [{ql}:0] queued;
reg [{al}:0] queue_addr [0:{ql}];
reg [{vl}:0] queue_value [0:{ql}];
reg queue_hit, queue_hit_q;
reg [{il}:0] hit, put, get;
reg [{vl}:0] queued_operand;
wire queue_free = queued != {{{qn}{{1'b1}}}};
always @(*) begin : search
  integer i;
  queue_hit = 1'b0;
  hit = 0;
  put = 0;
  get = 0;
  for (i = {ql}; i >= 0; i = i - 1) begin
    if (queued[i] && queue_addr[i] == issue_addr) begin
      queue_hit = issue;
      hit = i[{il}:0];
    end
    if (queued[i]) get = i[{il}:0];
    else put = i[{il}:0];
  end
end
wire queue_put = new_store && r_store;
wire queue_get = !r_store && !new_store && queued != 0;
wire write = r_store || new_store || queue_get;
wire [{al}:0] write_addr = r_store ? r_addr : new_store ? n1_addr : queue_addr[get];
wire [{vl}:0] write_value = r_store ? add$r : new_store ? n1_value : queue_value[get];
always @(posedge clk) begin
  queue_hit_q <= queue_hit;
  if (queue_hit) begin
    queued_operand <= queue_value[hit];
    queued[hit] <= 1'b0;
  end
  if (queue_get) queued[get] <= 1'b0;
  if (queue_put) begin
    queued[put] <= 1'b1;
    queue_addr[put] <= n1_addr;
    queue_value[put] <= n1_value;
  end
  if (rst) queued <= 0;
end
wire n0_fire = item_valid && item_ready;

always @(*) item_ready = !n1_valid || new_fire;
always @(*) src_full = dst ? mem0$n_new_bit ^ mem0$n_res_bit : mem1$n_new_bit ^ mem1$n_res_bit;
always @(*) src_value = dst ? mem0$v_rdata : mem1$v_rdata;
always @(*) idle = !n1_valid && in_flight == 0 && queued == 0;
always @(*) ev_add = issue;
always @(*) ev_wait = n1_valid && !new_fire;

always @(posedge clk) begin
  flying <= {{flying[LATENCY-2:0], issue}};
  tags[turn] <= issue_addr;
  turn <= turn == LAST_TURN ? 0 : turn + 1'b1;
  r_valid <= early_valid;
  r_addr <= early_addr;
  if (rst) begin
    flying <= 0;
    turn <= 0;
    r_valid <= 1'b0;
  end
end
always @(posedge clk) begin
  if (issue) operand <= r_issue ? add$r : n1_value;
  if (item_ready) begin
    n1_valid <= item_valid;
    n_new_fix <= new_fire && n1_addr == item_addr;
    n_res_fix <= r_valid && r_addr == item_addr;
  end else begin
    n_res_fix <= n_res_fix ^ (r_valid && r_addr == n1_addr);
  end
  if (n0_fire) begin
    n1_addr <= item_addr;
    n1_value <= item_value;
  end
  r_new_fix <= new_fire && n1_addr == early_addr;
  r_res_fix <= r_valid && r_addr == early_addr;
  if (issue && !r_valid) in_flight <= in_flight + 1'b1;
  if (r_valid && !issue) in_flight <= in_flight - 1'b1;
  if (rst) begin
    n1_valid <= 1'b0;
    in_flight <= 0;
  end
end
",
        ql = STORE_QUEUE - 1,
        qn = STORE_QUEUE,
        tl = count_bits(latency - 1) - 1,
        il = STORE_QUEUE.ilog2() - 1,
    ))
    .build()
}
