//! The tile core: transforms of tiles that fit on the chip.
//!
//! Contract
//! - A set of tiles is taken with `set_valid` and `set_ready`, the parameters `set_*` in that clock. `done` is high when no set
//!   is under way: none was taken, or all of its tiles have left.
//! - A tile is T = 2^`set_tile` transforms t of L = 2^`set_len` elements, `set_len` + `set_tile` <= max_log. There are `set_tiles`
//!   (1 or more); the last has the first `set_last` (1..=T) transforms only. Fewer than T need both sides contiguous.
//! - Of row K, `x[l]` becomes `Y[l'] = out_ratio^l' * sum over l of in_first in_first_step^K (in_ratio in_ratio_step^K)^l x[l] omega^(l l')`,
//!   all canonical Montgomery residues of BN254 Fr, 254 bits. `set_row_mode` 0: K = 0. 1 (in contiguous): each transform is the
//!   next row. 2 (in interleaved): 2^`set_repeat` tiles after another are of one row. K goes from 0 to 2^`set_before` - 1
//!   and starts again.
//! - Elements come on `in_*` and leave on `out_*` (valid/ready), tile after tile: on an interleaved side l outer and t inner, on a
//!   contiguous one t outer and l inner; reversed (contiguous only): the p-th of a transform is number rev(p).
//! - If omega has another order than L, nothing is taken or given: `done` comes, with `bad_root`, which is valid while `done`.
//! - `ev_butterflies`: butterflies issued in this clock; `ev_stall_in`: an element would be taken, none is there; `ev_stall_out`: one
//!   is there, it is not taken.
//! - `rst` forgets everything.
//!
//! Three buffers in turn: a tile enters one, the butterflies work in another, the third leaves. So many tiles take the
//! longest of the butterflies' T L/2 log2(L) / lanes + 1 clocks, the elements' T L, and what the rows' factors cost: see
//! [`super::factors`]. A tile enters as soon as the root is checked and its factors are made, one a clock.

use super::{
    compute::compute,
    factors::{factors, ROW_LOG_BITS},
    memory::memories,
    text::{delay, fold, pick_function, FIELD_TOP},
    walk::{walk, Way},
};
use crate::card::fifo::{count_bits, fifo};
use crate::field::{units, Field, FIELD_BITS};
use crate::hdl::Module;
use crate::target::Target;
use std::sync::Arc;

/// Buffers of the size of a tile.
pub const BUFFERS: usize = 3;
/// Bits of a number of butterflies in a clock.
pub const COUNT_BITS: usize = 8;
/// Bits of a number of tiles.
const TILES_BITS: usize = 40;

/// Size of a core.
#[derive(Clone, Debug)]
pub struct Shape {
    pub target: Target,
    /// log2 of the elements of the largest tile; at least `bank_bits() + 1`.
    pub max_log: usize,
    /// Butterflies a clock, a power of two.
    pub lanes: usize,
}

impl Shape {
    /// # Panics
    /// If `lanes` is not a power of two, or the largest tile has fewer than two rows of banks.
    pub fn new(target: Target, max_log: usize, lanes: usize) -> Shape {
        assert!(lanes.is_power_of_two(), "{lanes} lanes: not a power of two");
        let shape = Shape { target, max_log, lanes };
        assert!(max_log > shape.bank_bits(), "2^{max_log} elements are too few for {lanes} lanes");
        shape
    }

    /// log2 of the banks of a buffer: two a lane.
    pub fn bank_bits(&self) -> usize {
        self.lanes.ilog2() as usize + 1
    }

    pub fn banks(&self) -> usize {
        2 * self.lanes
    }

    /// log2 of the rows of a bank, in a buffer and in the table of twiddles.
    pub fn row_bits(&self) -> usize {
        self.max_log - self.bank_bits()
    }

    /// Bits of a tile's log2.
    pub fn log_bits(&self) -> usize {
        count_bits(self.max_log)
    }

    /// Bits of a place in a bank number.
    pub fn place_bits(&self) -> usize {
        count_bits(self.bank_bits() - 1).max(1)
    }
}

/// The core: ports `clk`, `rst`, `set_*`, `done`, `bad_root`, `in_*`, `out_*`, `ev_*`.
pub fn block(shape: &Shape) -> Arc<Module> {
    let (m_bits, b, k) = (shape.max_log, shape.bank_bits(), shape.log_bits());
    let mul = units::mul(&Field::fr(), shape.target);
    // An element on its way out: issue, read, operands, product.
    let depth = (mul.latency + 8).next_power_of_two();
    let fifo = fifo(FIELD_BITS, depth);
    let credit = count_bits(depth);
    let land = m_bits + 4;
    let mut m = Module::new(format!("ntt_block_{m_bits}_{}", shape.lanes))
        .doc(format!(
            "Tiles of transforms of up to 2^{m_bits} elements of BN254 Fr, {} butterflies a clock. See rtl/src/ntt/block.rs.",
            shape.lanes
        ))
        .clocked();
    let flags = ["in_interleaved", "in_reversed", "out_interleaved", "out_reversed"].map(|name| (name, 1));
    let elements = ["omega", "in_first", "in_first_step", "in_ratio", "in_ratio_step", "out_ratio"];
    let logs = [("len", k), ("tile", k), ("before", ROW_LOG_BITS), ("repeat", ROW_LOG_BITS)];
    let rest = [("tiles", TILES_BITS), ("last", m_bits + 1), ("row_mode", 2)];
    for (name, bits) in [("valid", 1)].into_iter().chain(logs).chain(rest).chain(flags) {
        m = m.input(format!("set_{name}"), bits);
    }
    for name in elements {
        m = m.input(format!("set_{name}"), FIELD_BITS);
    }
    m = m
        .output("set_ready", 1)
        .output("done", 1)
        .output("bad_root", 1)
        .input("in_valid", 1)
        .output("in_ready", 1)
        .input("in_data", FIELD_BITS)
        .output("out_valid", 1)
        .input("out_ready", 1)
        .output("out_data", FIELD_BITS)
        .output("ev_butterflies", COUNT_BITS)
        .output("ev_stall_in", 1)
        .output("ev_stall_out", 1)
        .child("factors", &factors(shape))
        .child("in_walk", &walk(shape, Way::In))
        .child("out_walk", &walk(shape, Way::Out))
        .child("in_mul", &mul.module())
        .child("out_mul", &mul.module())
        .child("fifo", &fifo)
        .child("compute", &compute(shape));
    for name in ["len", "row_mode", "before", "repeat"].into_iter().chain(elements) {
        m = m.connect("factors", &format!("set_{name}"), format!("set_{name}"));
    }
    for side in ["in", "out"] {
        let walk = format!("{side}_walk");
        for (port, wire) in [("len", "len"), ("tile", "tile"), ("start", "take_set")] {
            m = m.connect(&walk, port, wire);
        }
        for port in ["last", "interleaved", "reversed"] {
            m = m.connect(&walk, port, format!("{side}_{port}"));
        }
        m = m.connect("factors", &format!("{side}_number"), format!("{walk}$number"));
    }
    m = m
        .connect_all("in_walk", &[("step", "enter")])
        .connect_all("out_walk", &[("step", "leave")])
        .connect_all("factors", &[("start", "take_set"), ("in_take", "enter")])
        .connect_all("factors", &[("in_inner_ends", "in_walk$inner_ends"), ("in_ends", "in_walk$ends")])
        .connect_all("in_mul", &[("a", "enter2"), ("b", "factors$in_factor")])
        .connect_all("out_mul", &[("a", "leave_data"), ("b", "leave_factor")])
        .connect_all("fifo", &[("clear", "1'b0"), ("in_data", "out_mul$y"), ("in_valid", "left")])
        .connect_all("fifo", &[("out_ready", "out_ready")])
        .connect_all("compute", &[("len", "len"), ("tile", "tile")])
        .connect_all(
            "compute",
            &[("ready", "factors$twiddles_ready ? ready : 3'd0"), ("tw_data", "twiddles")],
        )
        .connect_all("compute", &[("rd_data0", "data0"), ("rd_data1", "data1"), ("rd_data2", "data2")]);
    m = memories(shape, m);
    m = m.body(pick_function("pick_bank", b)).body(format!(
        r"
function [1:0] next(input [1:0] buffer);
  next = buffer == 2'd2 ? 2'd0 : buffer + 2'd1;
endfunction

// The set.
reg active, loading, all_left;
reg [{kl}:0] len, tile;
reg [{tl}:0] tiles;
reg [{il}:0] short;
reg in_interleaved, in_reversed, out_interleaved, out_reversed;
wire take_set = set_valid && set_ready;
wire [{il}:0] full = ({m}'d1 << tile) - {m}'d1;
always @(*) set_ready = !active;
always @(*) done = !active;
always @(*) bad_root = factors$bad;
always @(posedge clk) begin
  if (enter_last) tiles <= tiles - 1'b1;
  if (enter_last && tiles == {tb}'d1) loading <= 1'b0;
  if (leave_last && closing[leave_buffer]) all_left <= 1'b1;
  if (factors$bad || all_left && outstanding == 0) active <= 1'b0;
  if (take_set) begin
    active <= 1'b1;
    loading <= 1'b1;
    all_left <= 1'b0;
    len <= set_len;
    tile <= set_tile;
    tiles <= set_tiles;
    short <= set_last[{il}:0] - 1'b1;
    in_interleaved <= set_in_interleaved;
    in_reversed <= set_in_reversed;
    out_interleaved <= set_out_interleaved;
    out_reversed <= set_out_reversed;
  end
  if (rst) begin
    active <= 1'b0;
    loading <= 1'b0;
    all_left <= 1'b0;
  end
end

// What each buffer is doing: taken by a tile until it has left; complete; results to give away; the set's last tile.
reg [2:0] held, ready, owed, closing;
reg [1:0] enter_buffer, leave_buffer;

// Entering.
wire [{il}:0] in_last = tiles == {tb}'d1 ? short : full;
wire may_enter = loading && factors$good && factors$in_ready && !held[enter_buffer];
wire enter = may_enter && in_valid;
wire enter_last = enter && in_walk$ends;
always @(*) in_ready = may_enter;
always @(*) ev_stall_in = may_enter && !in_valid;
reg [{fl}:0] enter1, enter2;
// valid, buffer, last, place
reg [{ll}:0] entering;
wire [{ll}:0] landed;
wire [2:0] entered = landed[{ll}:{lb}];
wire [{il}:0] entered_at = landed[{il}:0];
always @(posedge clk) begin
  enter1 <= in_data;
  enter2 <= enter1;
  entering <= {{enter, enter_buffer, enter_last, in_walk$place}};
  if (enter_last) begin
    enter_buffer <= next(enter_buffer);
    held[enter_buffer] <= 1'b1;
    closing[enter_buffer] <= tiles == {tb}'d1;
  end
  if (leave_last) begin
    leave_buffer <= next(leave_buffer);
    held[leave_buffer] <= 1'b0;
  end
  ready <= (ready & ~compute$taken) | (entered[2] && landed[{m}] ? 3'd1 << entered[1:0] : 3'd0);
  owed <= (owed | compute$done) & ~(leave_last ? 3'd1 << leave_buffer : 3'd0);
  if (rst) begin
    enter_buffer <= 2'd0;
    leave_buffer <= 2'd0;
    entering <= 0;
    held <= 0;
    ready <= 0;
    owed <= 0;
  end
end
always @(*) ev_butterflies = compute$issued;

// Leaving.
reg [{cl}:0] outstanding;
wire [{il}:0] out_last = closing[leave_buffer] ? short : full;
wire leave = owed[leave_buffer] && factors$out_ready && outstanding != {credit}'d{depth};
wire leave_last = leave && out_walk$ends;
wire gone = out_valid && out_ready;
// valid; with the read's place; with its data
reg u1, u2, u3;
reg [1:0] u1_buffer, u2_buffer;
reg [{il}:0] u1_at;
reg [{bl}:0] u2_bank;
reg [{fl}:0] leave_factor, leave_data;
wire left;
always @(posedge clk) begin
  u1 <= leave;
  u2 <= u1;
  u3 <= u2;
  u1_buffer <= leave_buffer;
  u2_buffer <= u1_buffer;
  u1_at <= out_walk$place;
  u2_bank <= {u1_fold};
  leave_factor <= factors$out_factor;
  leave_data <= pick_bank(u2_buffer == 2'd2 ? data2 : u2_buffer == 2'd1 ? data1 : data0, u2_bank);
  if (leave && !gone) outstanding <= outstanding + 1'b1;
  if (gone && !leave) outstanding <= outstanding - 1'b1;
  if (rst) begin
    outstanding <= 0;
    u1 <= 1'b0;
    u2 <= 1'b0;
    u3 <= 1'b0;
  end
end
always @(*) out_valid = fifo$out_valid;
always @(*) out_data = fifo$out_data;
always @(*) ev_stall_out = out_valid && !out_ready;
",
        fl = FIELD_TOP,
        kl = k - 1,
        il = m_bits - 1,
        bl = b - 1,
        m = m_bits,
        tb = TILES_BITS,
        tl = TILES_BITS - 1,
        ll = land - 1,
        lb = land - 3,
        cl = credit - 1,
        u1_fold = fold(shape, "u1_at"),
    ));
    // An element waits a clock for its factor.
    m = m.body(delay("entry", land, mul.latency + 1, "entering", "landed", "rst"));
    m.body(delay("exit", 1, mul.latency, "u3", "left", "rst")).build()
}
