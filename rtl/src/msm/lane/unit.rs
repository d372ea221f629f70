//! The unit of a lane: an adder, four slot memories, and the rule that makes hazards vanish.
//!
//! Every item is a point with a slot (memory and address). A new item, or a result coming back from the adder, meets its
//! slot:
//! - slot empty: the point is stored, the slot becomes full;
//! - slot full: the stored point and the arriving one enter the adder, the slot becomes empty; the sum comes back as an
//!   item for the same slot.
//!
//! So a slot never waits for an addition in flight: points that meet a bucket whose sum is under way are stored, and
//! paired with the next one. Nothing is compared with the pipeline's contents, and k points cost k - 1 additions whatever
//! the order. An item and a result that meet the same slot in the same tick leave its fullness as it is: at an empty slot the
//! two are added, at a full one the result takes the stored point along and the item is stored.
//!
//! An item may carry a doubling count m > 0: then it enters the adder as value + value with m - 1, and so does its
//! result, without touching a slot, until m is 0.
//!
//! Results have precedence, as the adder cannot be held. What is left to conflict is ports:
//! - both want to store, through one write port (a bank of memory 0 has one, memories 1 to 3 share one): the item goes to the
//!   store queue, whose entries are written when their port is free, in G2 mode also in clocks without tick. An addition
//!   looks for its stored point there first.
//! - both want to add: the item goes to the add queue, which enters the adder in ticks without another addition.
//!   Its slot is empty from then on, but the stored point stays in memory until that addition takes it; a store to that
//!   slot makes the addition happen in the same tick (or waits until it can).
//!
//! So an item waits (`ev_wait`) only when a queue is full, for a slot whose old point is still needed, or, to be doubled, for a
//! tick without another addition.
//!
//! Stages of an item: N0 (port; fullness looked up), N1 (decision), then the adder's operands are registered. Lookups
//! are synchronous, so decisions taken in the tick of a lookup are corrected for (`*_fix`).
//!
//! While `src_on`, memory `src_mem` is read by the `src_*` port instead of items: address in one tick, `src_full` and
//! `src_value` in the next; `src_take` empties the slot just read. `idle[k]`: nothing is under way to memory k.
//! `flush` drops everything under way; `landed` is high when the adder is empty. All of it in the tick domain.

use super::{
    queues::{adds, stores},
    slots, LaneShape, MEMORIES,
};
use crate::hdl::Module;
use std::sync::Arc;

/// The unit around `adder`.
pub fn unit(shape: &LaneShape, adder: &Arc<Module>) -> Arc<Module> {
    let a = shape.address_bits();
    let mut m = Module::new("msm_lane_unit")
        .doc("Accumulation unit: store to an empty slot, add to a full one. See rtl/src/msm/lane/unit.rs.")
        .clocked()
        .input("g2", 1)
        .input("tick", 1)
        .input("flush", 1)
        .input("item_valid", 1)
        .output("item_ready", 1)
        .input("item_m", 4)
        .input("item_mem", 2)
        .input("item_addr", a)
        .input("item_value", shape.point_bits())
        .input("src_on", 1)
        .input("src_mem", 2)
        .input("src_ren", 1)
        .input("src_raddr", a)
        .output("src_full", 1)
        .output("src_value", shape.point_bits())
        .input("src_take", 1)
        .input("src_taddr", a)
        .input("clr_we", 1)
        .input("clr_addr", a)
        .output("idle", MEMORIES)
        .output("landed", 1)
        .output("ev_add", 1)
        .output("ev_wait", 1)
        .output("ev_queued", 6)
        .child("add", adder)
        .connect_all(
            "add",
            &[
                ("g2", "g2"),
                ("tick", "tick"),
                ("in_valid", "issued"),
                ("p", "operand"),
                ("q", "other_known ? other : stored"),
                ("tag", "issued_tag"),
            ],
        );
    for (k, &(log2, layout)) in shape.memories().iter().enumerate() {
        let (inst, at) = (format!("mem{k}"), format!("[{}:0]", log2 - 1));
        let src = format!("src_on && src_mem == 2'd{k}");
        let own = |signal: &str| format!("{signal}[{mem}] == 2'd{k}", mem = format_args!("{}:{a}", a + 1));
        m = m.child(&inst, &slots::slots(log2, layout, shape.field_bits));
        if layout == slots::Layout::Banks {
            m = m.connect(&inst, "g2", "g2");
            for (port, from) in [("we", "write{}"), ("waddr", "write{}_at"), ("wdata", "write{}_value")] {
                for bank in ["0", "1"] {
                    let at = if port == "waddr" { at.as_str() } else { "" };
                    m = m.connect(&inst, &format!("v_{port}{bank}"), from.replace("{}", bank) + at);
                }
            }
        } else {
            m = m.connect_all(
                &inst,
                &[
                    ("v_we", &format!("write2 && {}", own("write2_at"))),
                    ("v_waddr", &format!("write2_at{at}")),
                    ("v_wdata", "write2_value"),
                ],
            );
        }
        for (port, expr) in [
            ("tick", "tick".into()),
            ("n_ren", format!("{src} ? src_ren : n0_fire && item_mem == 2'd{k}")),
            ("n_raddr", format!("{src} ? src_raddr{at} : item_addr{at}")),
            ("r_ren", format!("add$early_valid && {}", own("early_at"))),
            ("r_raddr", format!("early_at{at}")),
            ("n_we", format!("{src} ? src_take : n_toggle && {}", own("n1_at"))),
            ("n_waddr", format!("{src} ? src_taddr{at} : n1_at{at}")),
            ("n_wbit", format!("{src} ? !{inst}$n_new_bit : !n_new")),
            ("r_we", format!("r_toggle && {}", own("r_at"))),
            ("r_waddr", format!("r_at{at}")),
            ("r_wbit", "!r_res".into()),
            ("clr_we", "clr_we".into()),
            ("clr_addr", format!("clr_addr{at}")),
            ("v_ren", format!("{src} ? src_ren : add_stored && {}", own("add_at"))),
            ("v_raddr", format!("{src} ? src_raddr{at} : add_at{at}")),
        ] {
            m = m.connect(&inst, port, expr);
        }
    }
    m.body(streams(shape)).body(adds(shape)).body(stores(shape)).body(state(shape)).build()
}

/// One of the memories' outputs `port`, by `select`.
pub(super) fn select(select: &str, port: &str) -> String {
    let pick = |k: usize| format!("mem{k}${port}");
    format!(
        "{select} == 2'd0 ? {} : {select} == 2'd1 ? {} : {select} == 2'd2 ? {} : {}",
        pick(0),
        pick(1),
        pick(2),
        pick(3)
    )
}

/// The two streams, and what they want.
fn streams(shape: &LaneShape) -> String {
    let a = shape.address_bits();
    format!(
        r"
// A slot is {{memory, address}}; a tag is {{doubling count, slot}}.
reg n1_valid;
reg [3:0] n1_m;
reg [{sl}:0] n1_at;
reg [{vl}:0] n1_value;
reg n_new_fix, n_res_fix, r_new_fix, r_res_fix;
wire [{sl}:0] early_at = add$early_tag[{sl}:0];
wire [{sl}:0] r_at = add$out_tag[{sl}:0];
wire [3:0] r_m = add$out_tag[{tl}:{sb}];
wire [{vl}:0] r_value = add$r;
wire [1:0] n1_mem = n1_at[{sl}:{a}];
wire [1:0] r_mem = r_at[{sl}:{a}];

wire n_new = ({n_new}) ^ n_new_fix;
wire n_res = ({n_res}) ^ n_res_fix;
wire r_new = ({r_new}) ^ r_new_fix;
wire r_res = ({r_res}) ^ r_res_fix;
wire r_full = r_new ^ r_res;
wire n_full = n_new ^ n_res;

wire r_valid = add$out_valid && !flush;
wire r_again = r_valid && r_m != 4'd0;
wire r_meet = r_valid && r_m == 4'd0;
wire n_again = n1_valid && n1_m != 4'd0;
wire n_meet = n1_valid && n1_m == 4'd0;
wire same = r_meet && n_meet && r_at == n1_at;
wire direct = same && !r_full;
wire r_add = r_meet && r_full;
wire r_store = r_meet && !r_full && !same;
wire r_toggle = r_meet && !same;
wire n_add = n_again || (n_meet && n_full && !same);
wire n_store = n_meet && !same && !n_full;
",
        vl = shape.point_bits() - 1,
        sl = a + 1,
        sb = a + 2,
        tl = a + 5,
        n_new = select("n1_mem", "n_new_bit"),
        n_res = select("n1_mem", "n_res_bit"),
        r_new = select("r_mem", "r_new_bit"),
        r_res = select("r_mem", "r_res_bit"),
    )
}

/// Ports, stage N1, corrections and counts.
fn state(shape: &LaneShape) -> String {
    let a = shape.address_bits();
    let mut out = format!(
        r"
wire n0_fire = item_valid && item_ready;
wire [{sl}:0] item_at = {{item_mem, item_addr}};
always @(*) item_ready = !flush && (!n1_valid || n_fire);
always @(*) src_full = ({src_new}) ^ ({src_res});
always @(*) src_value = {src_value};
always @(*) landed = !issued && flying0 == 0 && flying1 == 0 && flying2 == 0 && flying3 == 0;
always @(*) ev_add = issue;
always @(*) ev_wait = n1_valid && !n_fire;
always @(posedge clk) begin
  if (tick) begin
    if (item_ready) begin
      n1_valid <= item_valid;
      n_new_fix <= n_toggle && n1_at == item_at;
      n_res_fix <= r_toggle && r_at == item_at;
    end else begin
      n_res_fix <= n_res_fix ^ (r_toggle && r_at == n1_at);
    end
    if (n0_fire) begin
      n1_m <= item_m;
      n1_at <= item_at;
      n1_value <= item_value;
    end
    r_new_fix <= n_toggle && n1_at == early_at;
    r_res_fix <= r_toggle && r_at == early_at;
  end
  if (rst || (tick && flush)) n1_valid <= 1'b0;
end
",
        sl = a + 1,
        src_new = select("src_mem", "n_new_bit"),
        src_res = select("src_mem", "n_res_bit"),
        src_value = select("src_mem", "v_rdata"),
    );
    for k in 0..MEMORIES {
        out += &format!(
            r"
// Memory {k}: additions in flight, entries of the queues.
reg [11:0] flying{k};
reg waiting{k};
wire up{k} = issue && add_at[{sl}:{a}] == 2'd{k};
wire down{k} = add$out_valid && r_mem == 2'd{k};
always @(*) begin : count{k}
  integer i;
  waiting{k} = 1'b0;
  for (i = 0; i < {stores}; i = i + 1) if (queued[i] && queue_at[i][{sl}:{a}] == 2'd{k}) waiting{k} = 1'b1;
  for (i = 0; i < {adds}; i = i + 1) if (late[i] && late_at[i][{sl}:{a}] == 2'd{k}) waiting{k} = 1'b1;
  idle[{k}] = flying{k} == 0 && !waiting{k} && !(n1_valid && n1_mem == 2'd{k});
end
always @(posedge clk) begin
  if (tick && up{k} && !down{k}) flying{k} <= flying{k} + 12'd1;
  if (tick && down{k} && !up{k}) flying{k} <= flying{k} - 12'd1;
  if (rst) flying{k} <= 12'd0;
end
",
            stores = shape.store_queue,
            adds = shape.add_queue,
            sl = a + 1,
        );
    }
    out
}
