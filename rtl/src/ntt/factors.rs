//! The factors of a set of tiles: on the way in, between the butterflies (twiddles), on the way out.
//!
//! Contract
//! - `start` takes the parameters of a set; what was made for the set before is forgotten.
//! - `good` or `bad` after it: omega has order 2^len, or not. It takes len - 1 squarings.
//! - Twiddles omega^j, j < 2^len / 2, are written by `tw_write` to place `tw_at` = j 2^(max_log - len); after the last
//!   `twiddles_ready`.
//! - In: `in_ready` if the factor of place `in_number` is there; `in_take`, which needs it, makes `in_factor` that factor two
//!   clocks later. `in_inner_ends` and `in_ends` are those of the tile's [`super::walk`].
//!   - `row_mode` 0: in_first in_ratio^l, from a table that is made once; every place as soon as it is in there.
//!   - 1: every transform, 2: every 2^`log_repeat` tiles are the next row K = 0, 1, .., 2^`log_before` - 1, 0, ...; its factors are
//!     in_first in_first_step^K (in_ratio in_ratio_step^K)^l, one after the other from a generator.
//! - Out: out_ratio^l'; `out_ready` if that of place `out_number` is there, and `out_factor` is it two clocks later.
//!
//! Factors that are all 1 are not made. There are two generators (see [`super::powers`]). Generator 0 makes the twiddles, then
//! the table out; generator 1 the table in. For rows they take turns, row 0 in generator 1: one starts while the other's
//! factors are used, so that a row costs the longer of its elements and half of (elements + a start + 2); a short row also
//! no less than the two products that lead to its A and rho. Generator 0 joins when its tables are made.

use super::{
    block::Shape,
    memory::ram,
    powers::powers,
    text::{delay, FIELD_TOP},
};
use crate::field::{units, Field, FIELD_BITS};
use crate::hdl::Module;
use std::sync::Arc;

/// log2 of the most rows, and of the most tiles of a row.
pub const MAX_LOG_ROWS: usize = 28;
/// Bits of such a log2.
pub const ROW_LOG_BITS: usize = 5;

pub fn factors(shape: &Shape) -> Arc<Module> {
    let field = Field::fr();
    let (m_bits, k) = (shape.max_log, shape.log_bits());
    let powers = powers(&field, shape.target).module;
    let mul = units::mul(&field, shape.target);
    let table = ram(m_bits);
    let m = Module::new(format!("ntt_factors_{m_bits}"))
        .doc("Factors of a set of tiles: in, twiddles, out. See rtl/src/ntt/factors.rs.")
        .clocked()
        .input("start", 1)
        .input("set_len", k)
        .input("set_row_mode", 2)
        .input("set_before", ROW_LOG_BITS)
        .input("set_repeat", ROW_LOG_BITS)
        .input("set_omega", FIELD_BITS)
        .input("set_in_first", FIELD_BITS)
        .input("set_in_first_step", FIELD_BITS)
        .input("set_in_ratio", FIELD_BITS)
        .input("set_in_ratio_step", FIELD_BITS)
        .input("set_out_ratio", FIELD_BITS)
        .output("good", 1)
        .output("bad", 1)
        .output("tw_write", 1)
        .output("tw_at", m_bits)
        .output("tw_data", FIELD_BITS)
        .output("twiddles_ready", 1)
        .input("in_number", m_bits)
        .output("in_ready", 1)
        .input("in_take", 1)
        .input("in_inner_ends", 1)
        .input("in_ends", 1)
        .output("in_factor", FIELD_BITS)
        .input("out_number", m_bits)
        .output("out_ready", 1)
        .output("out_factor", FIELD_BITS)
        .child("gen0", &powers)
        .child("gen1", &powers)
        .child("mul", &mul.module())
        .child("in_table", &table)
        .child("out_table", &table)
        .connect_all("gen0", &[("start", "start || out_starts || row_starts && !next_gen")])
        .connect_all("gen0", &[("first", "row_starts ? a : ONE")])
        .connect_all("gen0", &[("ratio", "start ? set_omega : out_starts ? out_ratio : rho")])
        .connect_all("gen0", &[("take", "fill0 || term_ends && !used_gen")])
        .connect_all("gen1", &[("start", "start || row_starts && next_gen")])
        .connect_all(
            "gen1",
            &[("first", "start ? set_in_first : a"), ("ratio", "start ? set_in_ratio : rho")],
        )
        .connect_all("gen1", &[("take", "fill1 || term_ends && used_gen")])
        .connect_all("in_table", &[("raddr", "in_number"), ("we", "in_write"), ("waddr", "in_at")])
        .connect_all("in_table", &[("wdata", "in_data")])
        .connect_all("out_table", &[("raddr", "out_number"), ("we", "out_write"), ("waddr", "out_at")])
        .connect_all("out_table", &[("wdata", "tw_data")])
        .connect_all("mul", &[("a", "mul_a"), ("b", "mul_b")]);
    let m = m.body(format!(
        r"
localparam [{FIELD_TOP}:0] ONE = 254'h{one:x};
localparam [{FIELD_TOP}:0] MINUS_ONE = 254'h{minus_one:x};
reg [{kl}:0] len;
reg [{FIELD_TOP}:0] out_ratio;
wire [{il}:0] last_number = ({m}'d1 << len) - {m}'d1;
wire [2:0] landed;
",
        one = field.one(),
        minus_one = &field.p - field.one(),
        kl = k - 1,
        il = m_bits - 1,
        m = m_bits,
    ));
    m.body(root_text(k)).body(rows_text()).body(tables_text(shape)).body(products_text(mul.latency)).build()
}

/// Whether omega has order 2^len: its power 2^(len - 1) is -1; without stages, omega is 1.
fn root_text(k: usize) -> String {
    format!(
        r"
// The root.
reg [{FIELD_TOP}:0] root;
reg checking, square_due;
reg [{kl}:0] squares;
always @(posedge clk) begin
  if (square_due) square_due <= 1'b0;
  if (landed[0]) begin
    root <= mul$y;
    squares <= squares - 1'b1;
    square_due <= squares != {k}'d1;
  end
  if (checking && squares == 0) begin
    checking <= 1'b0;
    good <= root == (len == 0 ? ONE : MINUS_ONE);
    bad <= root != (len == 0 ? ONE : MINUS_ONE);
  end
  if (start) begin
    root <= set_omega;
    squares <= set_len > {k}'d1 ? set_len - 1'b1 : {k}'d0;
    square_due <= set_len > {k}'d1;
    checking <= 1'b1;
  end
  if (rst || start) begin
    good <= 1'b0;
    bad <= 1'b0;
  end
  if (rst) begin
    checking <= 1'b0;
    square_due <= 1'b0;
  end
end
",
        kl = k - 1,
    )
}

/// The sequence of rows, and which generator has one.
fn rows_text() -> String {
    format!(
        r"
// Rows: parameters; A and rho of the row that is given next, if they are there; the generators that have a row.
reg live, of_tiles;
reg [{wl}:0] row, last_row, tile, last_tile;
reg [{FIELD_TOP}:0] in_first, in_first_step, in_ratio, in_ratio_step, a, rho;
reg have, a_due, rho_due, next_gen, used_gen;
reg [1:0] given;
wire gen0_busy = making_twiddles || out_wanted || making_out;
wire row_starts = live && have && !given[next_gen] && (next_gen || !gen0_busy);
wire row_over = !of_tiles || tile == last_tile;
wire term_ends = live && in_take && (!of_tiles || in_inner_ends);
wire row_ends = live && in_take && (of_tiles ? in_ends : in_inner_ends);
always @(posedge clk) begin
  if (row_starts) begin
    given[next_gen] <= 1'b1;
    next_gen <= !next_gen;
    tile <= row_over ? {w}'d0 : tile + 1'b1;
    if (row_over) begin
      row <= row == last_row ? {w}'d0 : row + 1'b1;
      if (row == last_row) begin
        a <= in_first;
        rho <= in_ratio;
      end else begin
        have <= 1'b0;
        a_due <= 1'b1;
        rho_due <= 1'b1;
      end
    end
  end
  if (send_a) a_due <= 1'b0;
  if (send_rho) rho_due <= 1'b0;
  if (landed[1]) a <= mul$y;
  if (landed[2]) begin
    rho <= mul$y;
    have <= 1'b1;
  end
  if (row_ends) begin
    given[used_gen] <= 1'b0;
    used_gen <= !used_gen;
  end
  if (start) begin
    live <= set_row_mode != 2'd0;
    of_tiles <= set_row_mode == 2'd2;
    last_row <= ({w}'d1 << set_before) - {w}'d1;
    last_tile <= ({w}'d1 << set_repeat) - {w}'d1;
    in_first <= set_in_first;
    in_first_step <= set_in_first_step;
    in_ratio <= set_in_ratio;
    in_ratio_step <= set_in_ratio_step;
    a <= set_in_first;
    rho <= set_in_ratio;
    row <= 0;
    tile <= 0;
    have <= 1'b1;
    next_gen <= 1'b1;
    used_gen <= 1'b1;
  end
  if (rst || start) begin
    given <= 2'd0;
    a_due <= 1'b0;
    rho_due <= 1'b0;
  end
  if (rst) live <= 1'b0;
end
",
        w = MAX_LOG_ROWS,
        wl = MAX_LOG_ROWS - 1,
    )
}

/// What the generators make for the tables, and the factors from them.
fn tables_text(shape: &Shape) -> String {
    let (m, k) = (shape.max_log, shape.log_bits());
    format!(
        r"
// Tables: what is being made, at which number; how many factors are in there.
reg making_twiddles, out_wanted, making_out, making_in, in_plain, out_plain;
reg [{il}:0] at0, at1, in_at, out_at;
reg tw_last, in_write, out_write;
reg [{FIELD_TOP}:0] in_data, live_factor;
reg [{m}:0] in_known, out_known;
wire out_starts = out_wanted && !making_twiddles;
wire fill0 = (making_twiddles || making_out) && gen0$ready;
wire fill1 = making_in && gen1$ready;
wire fill0_last = fill0 && at0 == (making_twiddles ? last_number >> 1 : last_number);
always @(*) in_ready = live ? given[used_gen] && (used_gen ? gen1$ready : gen0$ready)
                            : in_plain || {{1'b0, in_number}} < in_known;
always @(*) out_ready = out_plain || {{1'b0, out_number}} < out_known;
always @(posedge clk) begin
  tw_write <= fill0 && making_twiddles;
  tw_last <= fill0_last && making_twiddles;
  tw_at <= at0 << ({k}'d{m} - len);
  tw_data <= gen0$factor;
  out_write <= fill0 && making_out;
  out_at <= at0;
  in_write <= fill1;
  in_at <= at1;
  in_data <= gen1$factor;
  if (tw_last) twiddles_ready <= 1'b1;
  if (out_write) out_known <= {{1'b0, out_at}} + 1'b1;
  if (in_write) in_known <= {{1'b0, in_at}} + 1'b1;
  if (fill0) at0 <= at0 + 1'b1;
  if (fill1) at1 <= at1 + 1'b1;
  if (fill0_last) begin
    making_twiddles <= 1'b0;
    making_out <= 1'b0;
  end
  if (out_starts) begin
    out_wanted <= 1'b0;
    making_out <= 1'b1;
    at0 <= 0;
  end
  if (fill1 && at1 == last_number) making_in <= 1'b0;
  live_factor <= used_gen ? gen1$factor : gen0$factor;
  in_factor <= live ? live_factor : in_plain ? ONE : in_table$rdata;
  out_factor <= out_plain ? ONE : out_table$rdata;
  if (start) begin
    len <= set_len;
    out_ratio <= set_out_ratio;
    making_twiddles <= set_len != 0;
    out_wanted <= set_len != 0 && set_out_ratio != ONE;
    out_plain <= set_len == 0 || set_out_ratio == ONE;
    making_in <= set_row_mode == 2'd0 && (set_in_first != ONE || set_in_ratio != ONE);
    in_plain <= set_in_first == ONE && set_in_ratio == ONE;
    at0 <= 0;
    at1 <= 0;
    in_known <= 0;
    out_known <= 0;
    twiddles_ready <= set_len == 0;
    making_out <= 1'b0;
  end
  if (rst || start) begin
    tw_write <= 1'b0;
    tw_last <= 1'b0;
    in_write <= 1'b0;
    out_write <= 1'b0;
  end
  if (rst) begin
    making_twiddles <= 1'b0;
    making_out <= 1'b0;
    out_wanted <= 1'b0;
    making_in <= 1'b0;
  end
end
",
        il = m - 1,
    )
}

/// The multiplier of squares and steps.
fn products_text(latency: usize) -> String {
    let text = format!(
        r"
// Products: rho's step, A's step, a square.
reg [{FIELD_TOP}:0] mul_a, mul_b;
reg [2:0] sent;
wire send_a = a_due && !square_due;
wire send_rho = rho_due && !a_due && !square_due;
always @(posedge clk) begin
  mul_a <= square_due ? root : send_a ? a : rho;
  mul_b <= square_due ? root : send_a ? in_first_step : in_ratio_step;
  sent <= rst || start ? 3'd0 : {{send_rho, send_a, square_due}};
end
"
    );
    text + &delay("in_flight", 3, latency, "sent", "landed", "rst || start")
}
