//! The order in which the elements of a tile enter or leave.
//!
//! Contract
//! - A tile has 2^tile transforms t of 2^len elements, or, contiguous only, the first of them up to number `last`.
//! - `interleaved`: one l of all transforms after the other; else, contiguous, one transform after the other.
//! - `reversed`: the p-th l that comes is rev(p), else p.
//! - `number` is l of the element that is next, and `place` where it lies: l 2^tile + t; on the way out rev(l) 2^tile + t, as the
//!   butterflies leave it. `step` moves on to the element after it, after the tile's last to the first. `inner_ends`: it is
//!   the last of its transform (contiguous) or of its l (interleaved); `ends`: of the tile.
//! - The parameters are constant from `start` to the next one. `start`: the first element is next.

use super::block::Shape;
use crate::hdl::Module;
use std::sync::Arc;

/// Which way the elements go.
pub enum Way {
    In,
    Out,
}

pub fn walk(shape: &Shape, way: Way) -> Arc<Module> {
    let (m, k) = (shape.max_log, shape.log_bits());
    let mirror: Vec<_> = (0..m).map(|bit| format!("p_next[{bit}]")).collect();
    let (name, lies) = match way {
        Way::In => ("in", "number"),
        Way::Out => ("out", "reversed ? p : mirrored"),
    };
    Module::new(format!("ntt_walk_{name}_{m}"))
        .doc(format!("Order of a tile's elements on the way {name}. See rtl/src/ntt/walk.rs."))
        .clocked()
        .input("start", 1)
        .input("len", k)
        .input("tile", k)
        .input("last", m)
        .input("interleaved", 1)
        .input("reversed", 1)
        .input("step", 1)
        .output("number", m)
        .output("place", m)
        .output("inner_ends", 1)
        .output("ends", 1)
        .body(format!(
            r"
// The p-th l comes next; rev(p).
reg [{ml}:0] p, mirrored, t;
wire p_ends = p == ({m}'d1 << len) - {m}'d1;
wire t_ends = t == last;
wire p_steps = step && (t_ends || !interleaved);
wire t_steps = step && (p_ends || interleaved);
wire [{ml}:0] p_next = !p_steps ? p : p_ends ? {m}'d0 : p + {m}'d1;
wire [{ml}:0] mirror = {{{mirror}}};
wire [{ml}:0] lies = {lies};
always @(*) number = reversed ? mirrored : p;
always @(*) place = lies << tile | t;
always @(*) inner_ends = interleaved ? t_ends : p_ends;
always @(*) ends = p_ends && t_ends;
always @(posedge clk) begin
  p <= p_next;
  mirrored <= mirror >> ({k}'d{m} - len);
  if (t_steps) t <= t_ends ? {m}'d0 : t + {m}'d1;
  if (rst || start) begin
    p <= 0;
    mirrored <= 0;
    t <= 0;
  end
end
",
            ml = m - 1,
            mirror = mirror.join(", "),
        ))
        .build()
}
