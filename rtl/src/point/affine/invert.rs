//! The inverses of a frame of denominators from one inversion: a tree of products up, its root inverted, a tree down.
//!
//! ```text
//! up    n(h) = n(2h) n(2h+1)                                        multiplier U
//! root  i(1) = conj n(1) * (n(1) conj n(1))^-1                      U, an inverter of Fq, D0
//! down  i(2h) = i(h) n(2h+1),  i(2h+1) = i(h) n(2h)                 multipliers D0 and D1
//! ```
//!
//! The norm n(1) conj n(1) lies in Fq, so that Fq2 needs no inverter of its own. Frames follow each other without a gap;
//! inverters take turns. What starts when is [`super::schedule`]'s; the tables here say for every slot of a frame where
//! its operands come from: rings of the latest products, read at an age that is constant for each slot.
//!
//! `d` is the element that arrived [`FRONT`] ticks ago, `busy` (a tick earlier) that it has to be inverted: the inverter rests
//! in frames without one. The inverse of element i is at `y` in tick `leaf + i + 1`.

use super::{
    schedule::{Plan, FRONT},
    text::{by_group, Table},
    Shape,
};
use crate::field::{ext_mul::COORD_BITS, functions::functions, FIELD_BITS};
use crate::hdl::Module;
use crate::ring::{bits_for, Ring};
use std::{fmt::Write as _, sync::Arc};

/// log2 of the frames that can be between the up tree and the inverse of their root.
pub const LOG2_FRAMES: usize = 4;

/// Largest of `f` over both plans.
fn largest(shape: &Shape, f: impl Fn(&Plan) -> usize) -> usize {
    shape.plans.iter().map(f).max().expect("two plans")
}

/// The up tree's table and rings: `up_left` and `up_right` are the children's products a tick before the slot.
fn up(shape: &Shape) -> String {
    let batch = shape.batch();
    let age = |plan: &Plan, h: usize, child: usize| plan.up[h] - 1 - plan.product_written(child);
    let oldest = largest(shape, |plan| {
        (1..batch / 2)
            .map(|h| age(plan, h, 2 * h).max(age(plan, h, 2 * h + 1)))
            .max()
            .unwrap_or(1)
            .max(age(plan, 0, 1))
    });
    let ring = Ring::new("up_ring", COORD_BITS, oldest, "u$y");
    let log2 = ring.log2();
    let mut table = Table::new(
        "up_table",
        &[("up_left_age", log2), ("up_right_age", log2), ("up_leaf", 1), ("up_norm", 1)],
        batch,
    );
    for (group, plan) in shape.plans.iter().enumerate() {
        for h in 0..batch {
            let entry = match h {
                0 => [age(plan, 0, 1), 0, 0, 1],
                h if h >= batch / 2 => [0, 0, 1, 0],
                h => [age(plan, h, 2 * h), age(plan, h, 2 * h + 1), 0, 0],
            };
            table.set(group, plan.up[h] + batch - 1, &entry);
        }
    }
    table.text() + &ring.read("up_left", "up_left_age").read("up_right", "up_right_age").text()
}

/// The down tree's: a node's inverse in `even_inverse` or `odd_inverse`, its children's products in `down_*` or, where
/// they are elements, in `leaf_*`.
fn down(shape: &Shape) -> String {
    let batch = shape.batch();
    let inverse = |plan: &Plan, h: usize| plan.down[h] - 1 - plan.inverse_written(h);
    // Elements are in their ring from FRONT ticks after their arrival.
    let product = |plan: &Plan, h: usize, child: usize| {
        plan.down[h] - 1 - if child >= batch { child - batch + FRONT } else { plan.product_written(child) }
    };
    let result = |plan: &Plan, i: usize| plan.leaf + i - plan.inverse_written(batch + i);
    let oldest_inverse = largest(shape, |plan| {
        let nodes = (1..batch).map(|h| inverse(plan, h)).max();
        nodes.max((0..batch).map(|i| result(plan, i)).max()).expect("nodes")
    });
    let oldest = |from: usize, to: usize| {
        largest(shape, |plan| {
            let both = |h: usize| product(plan, h, 2 * h).max(product(plan, h, 2 * h + 1));
            (from..to).map(both).max().unwrap_or(1)
        })
    };
    let even = Ring::new("even_ring", COORD_BITS, oldest_inverse, "d0$y");
    let odd = Ring::new("odd_ring", COORD_BITS, oldest_inverse, "d1$y");
    let products = Ring::new("down_ring", COORD_BITS, oldest(1, batch / 2), "u$y");
    let leaves = Ring::new("leaf_ring", COORD_BITS, oldest(batch / 2, batch), "d");
    let (il, pl, ll) = (even.log2(), products.log2(), leaves.log2());
    let ages = pl.max(ll);
    let mut table = Table::new(
        "down_table",
        &[
            ("down_inverse_age", il),
            ("down_left_age", ages),
            ("down_right_age", ages),
            ("down_odd", 1),
            ("down_leaf", 1),
            ("down_root", 1),
        ],
        batch,
    );
    let mut results = Table::new("result_table", &[("result_age", il), ("result_odd", 1)], batch);
    for (group, plan) in shape.plans.iter().enumerate() {
        for h in 0..batch {
            let entry = match h {
                0 => [0, 0, 0, 0, 0, 1],
                h => {
                    let leaf = usize::from(h >= batch / 2);
                    // The root's inverse comes from D0 as those of even nodes.
                    let odd = usize::from(h > 1 && h % 2 == 1);
                    let [left, right] = [2 * h, 2 * h + 1].map(|child| product(plan, h, child));
                    [inverse(plan, h), left, right, odd, leaf, 0]
                }
            };
            table.set(group, plan.down[h] + batch - 1, &entry);
        }
        for i in 0..batch {
            results.set(group, plan.leaf + i, &[result(plan, i), i % 2]);
        }
    }
    let cut =
        |age: &str, bits: usize| if bits == ages { age.into() } else { format!("{age}[{}:0]", bits - 1) };
    let mut out = table.text() + &results.text();
    for (ring, name) in [(even, "even"), (odd, "odd")] {
        let ring = ring.read(&format!("{name}_inverse"), "down_inverse_age");
        out += &ring.read(&format!("{name}_result"), "result_age").text();
    }
    for (ring, name, bits) in [(products, "down", pl), (leaves, "leaf", ll)] {
        let ring = ring.read(&format!("{name}_left"), &cut("down_left_age", bits));
        out += &ring.read(&format!("{name}_right"), &cut("down_right_age", bits)).text();
    }
    out
}

fn turn_bits(shape: &Shape) -> usize {
    bits_for(shape.inverters - 1).max(1)
}

/// From the root to its inverse: conjugate, norm to the inverter whose turn it is, its result from the one before.
fn root(shape: &Shape) -> String {
    let (log2, batch, inverters) = (shape.plans[0].delays.log2_batch, shape.batch(), shape.inverters);
    let slot = |f: &dyn Fn(&Plan) -> usize| {
        let slots = shape.plans.each_ref().map(|plan| f(plan) % batch);
        format!("now[{}:0] == {}", log2 - 1, by_group(log2, slots))
    };
    // The frame whose time is `time` now.
    let frame = |name: &str, times: [usize; 2]| {
        let bits = log2 + LOG2_FRAMES;
        let modulus = 1 << bits;
        format!(
            "wire [{top}:0] {name}_since = now[{top}:0] - {};\nwire [{}:0] {name}_frame = {name}_since[{top}:{log2}];\n",
            by_group(bits, times.map(|t| t % modulus)),
            LOG2_FRAMES - 1,
            top = bits - 1,
        )
    };
    let turn_bits = turn_bits(shape);
    // Turns begin such that the first frame's is 0.
    let turn = |f: &dyn Fn(&Plan) -> usize| {
        let first = shape.plans.each_ref().map(|plan| (inverters - f(plan) / batch % inverters) % inverters);
        by_group(turn_bits, first)
    };
    let times = |f: &dyn Fn(&Plan) -> usize| shape.plans.each_ref().map(f);
    let mut out = frame("busy", [FRONT - 1; 2])
        + &frame("root", times(&|p| p.product_written(1) + 2))
        + &frame("norm", times(&|p| p.product_written(0)))
        + &frame("inverse", times(&|p| p.down[0] - 1));
    write!(
        out,
        r"
wire root_now = {root_slot};
wire norm_now = {norm_slot};
wire inverse_now = {inverse_slot};
reg root_1, root_2;
reg [507:0] root, conjugate;
reg [507:0] roots [0:{last_frame}];
reg [507:0] root_out;
reg [{last_frame}:0] frames_busy;
reg frame_busy;
reg [{tl}:0] turn_in, turn_out;
reg [253:0] inverse;
wire frame_ends = busy_since[{sl}:0] == {log2}'d{last_slot};
wire frame_begins = busy_since[{sl}:0] == {log2}'d0;
wire frame_busy_now = busy || (frame_busy && !frame_begins);
wire start = tick && norm_now && frames_busy[norm_frame];
always @(posedge clk) begin
  if (tick) begin
    root_1 <= root_now;
    root_2 <= root_1;
    if (root_now) root <= u$y;
    if (root_1) conjugate <= {{fq_sub(254'd0, root[507:254]), root[253:0]}};
    if (root_2) roots[root_frame] <= conjugate;
    root_out <= roots[inverse_frame];
    frame_busy <= frame_busy_now;
    if (frame_ends) frames_busy[busy_frame] <= frame_busy_now;
    if (norm_now) turn_in <= turn_in == {tw}'d{last_turn} ? {tw}'d0 : turn_in + {tw}'d1;
    if (inverse_now) begin
      turn_out <= turn_out == {tw}'d{last_turn} ? {tw}'d0 : turn_out + {tw}'d1;
      case (turn_out)
",
        root_slot = slot(&|p| p.product_written(1)),
        norm_slot = slot(&|p| p.product_written(0)),
        inverse_slot = slot(&|p| p.inverted()),
        last_frame = (1 << LOG2_FRAMES) - 1,
        tl = turn_bits - 1,
        tw = turn_bits,
        sl = log2 - 1,
        last_slot = batch - 1,
        last_turn = inverters - 1,
    )
    .expect("String");
    for n in 1..inverters {
        writeln!(out, "        {turn_bits}'d{n}: inverse <= inv{n}$y;").expect("String");
    }
    write!(
        out,
        "        default: inverse <= inv0$y;
      endcase
    end
  end
  if (restart) begin
    frames_busy <= 0;
    frame_busy <= 1'b0;
    turn_in <= {};
    turn_out <= {};
  end
end
",
        turn(&|p| p.product_written(0)),
        turn(&|p| p.inverted()),
    )
    .expect("String");
    out
}

/// The module; the first frame begins after `restart`, `now` counts from there.
pub fn invert(shape: &Shape) -> Arc<Module> {
    for plan in &shape.plans {
        let batch = plan.batch();
        assert!(plan.up[0] <= plan.product_written(1) + 1 + batch, "the conjugate is kept for a frame");
        assert!(plan.down[0] <= plan.inverted() + batch, "the inverted norm is kept for a frame");
        let frames = (plan.down[0] - plan.product_written(1)) / batch + 2;
        assert!(frames < 1 << LOG2_FRAMES, "{frames} frames between root and inverse");
    }
    let mut m = Module::new("affine_invert")
        .doc(format!(
            "Inverses of a stream of denominators, {} at a time by one inversion, {} inverters. See \
             rtl/src/point/affine/invert.rs.",
            shape.batch(),
            shape.inverters
        ))
        .clocked()
        .input("restart", 1)
        .input("g2", 1)
        .input("tick", 1)
        .input("now", shape.now_bits)
        .input("busy", 1)
        .input("d", COORD_BITS)
        .output("y", COORD_BITS);
    for (inst, a, b) in [
        ("u", "up_leaf_q ? d_before : up_left", "up_leaf_q ? d : up_norm_q ? conjugate : up_right"),
        ("d0", "down_operand", "down_root_q ? {254'd0, inverse} : down_leaf_q ? leaf_right : down_right"),
        ("d1", "down_operand", "down_leaf_q ? leaf_left : down_left"),
    ] {
        m = m
            .child(inst, &shape.mul.module)
            .connect_all(inst, &[("g2", "g2"), ("tick", "tick"), ("a", a), ("b", b)]);
    }
    let turn_bits = turn_bits(shape);
    for n in 0..shape.inverters {
        let inst = format!("inv{n}");
        m = m
            .child(&inst, &shape.inverter.module)
            .connect(&inst, "start", format!("start && turn_in == {turn_bits}'d{n}"))
            .connect(&inst, "a", format!("u$y[{}:0]", FIELD_BITS - 1));
    }
    m.body(functions(&["fq_sub"]))
        .body(up(shape))
        .body(down(shape))
        .body(root(shape))
        .body(
            r"
// Where a slot's operands come from, in the slot itself.
reg up_leaf_q, up_norm_q, down_odd_q, down_leaf_q, down_root_q, result_odd_q;
reg [507:0] d_before;
wire [507:0] down_operand = down_root_q ? root_out : down_odd_q ? odd_inverse : even_inverse;
always @(posedge clk) if (tick) begin
  up_leaf_q <= up_leaf;
  up_norm_q <= up_norm;
  down_odd_q <= down_odd;
  down_leaf_q <= down_leaf;
  down_root_q <= down_root;
  result_odd_q <= result_odd;
  d_before <= d;
end
always @(*) y = result_odd_q ? odd_result : even_result;
",
        )
        .build()
}
