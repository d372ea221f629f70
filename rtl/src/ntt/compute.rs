//! The stages of a tile in place: order of the butterflies, banks, twiddles.
//!
//! A tile is 2^tile transforms of 2^len elements side by side: element l of transform t is number l 2^tile + t. So its stages
//! are those of one transform of 2^(tile + len) elements, bits tile + len - 1 down to tile; the low `tile` bits of an
//! element's number have no part in its twiddle.
//!
//! Element i lies in bank fold(i), the exclusive or of its digits of b bits (2^b banks, two a lane), in row i >> b. In a clock
//! the elements that differ in a window of b successive bits, the stage's own among them, are read, paired and, a
//! butterfly later, written back; successive bits are of different digit places, so the banks are all different.
//! The window starts at the stage's bit where that leaves it inside the number, else it is the topmost one. In tiles smaller
//! than a row of banks it goes beyond the number: the butterflies on what is there are of no consequence.
//!
//! Next to its window a number counts up. A stage then reads nothing that the stage before has read in the last half of its
//! clocks or, in shorter tiles, waits: see [`gaps`].
//!
//! In all windows but the topmost the lanes share a twiddle: they differ in bits above the stage's. In the topmost they differ
//! in the upper bits of its place in the table, so that a table cut into one bank a lane by these bits gives every lane its
//! own, all from one row.

use super::{
    block::{Shape, BUFFERS, COUNT_BITS},
    butterfly::butterfly,
    text::{delay, fold, pick_function},
};
use crate::card::fifo::count_bits;
use crate::field::{Field, FIELD_BITS};
use crate::hdl::Module;
use std::{fmt::Write as _, sync::Arc};

/// Clocks from a butterfly's issue, its own latency not counted, to the first in which its results can be read.
const AROUND: usize = 4;

/// Clocks to wait between two stages of a tile of 2^size elements, for size = 0..=max_log.
///
/// Butterfly c of a stage needs results of butterflies c' <= c + h of the one before, h being half the clocks of a stage.
pub fn gaps(shape: &Shape, latency: usize) -> Vec<usize> {
    let clocks = |size: usize| 1usize << size.saturating_sub(shape.bank_bits());
    (0..=shape.max_log).map(|size| (latency + AROUND).saturating_sub(clocks(size) / 2)).collect()
}

/// `case (bit)` over the places of the stage's bit in a bank number: `value(bit)`, `width` bits wide.
fn by_bit(shape: &Shape, bit: &str, value: impl Fn(usize) -> String) -> String {
    let b = shape.bank_bits();
    let last = value(b - 1);
    (0..b - 1)
        .rev()
        .fold(last, |rest, u| format!("({bit} == {}'d{u} ? {} : {rest})", shape.place_bits(), value(u)))
}

/// Number of lane `lane`'s first operand in the window: a 0 put in at place `u`.
fn first_of(lane: usize, u: usize) -> usize {
    (lane >> u) << (u + 1) | lane & ((1 << u) - 1)
}

/// The lanes: ports `clk`, `rst`; `len`, `tile`, constant while there is a tile; `ready` for each buffer, answered by `taken`
/// and, in the clock of a tile's last write, `done`; `issued`: butterflies of this clock; reads `rd_rows`, `rd_valid`,
/// `rd_buffer` to `rd_data0..2` (a clock later), `tw_row` to `tw_data`; writes `wr_valid`, `wr_buffer`, `wr_rows`, `wr_data`.
/// The buffers are taken in turn.
pub fn compute(shape: &Shape) -> Arc<Module> {
    let unit = butterfly(&Field::fr(), shape.target);
    let (m_bits, b, r, lanes, banks) =
        (shape.max_log, shape.bank_bits(), shape.row_bits(), shape.lanes, shape.banks());
    let (k, ub) = (shape.log_bits(), shape.place_bits());
    let gaps = gaps(shape, unit.latency);
    let gap_bits = count_bits(unit.latency + AROUND);
    let gap_cases: String = gaps
        .iter()
        .enumerate()
        .skip(1)
        .map(|(size, gap)| format!("  {k}'d{size}: gap_of_stage = {gap_bits}'d{gap};\n"))
        .collect();
    // valid, last, buffer; place of the stage's bit; start of the window; index
    let meta = 4 + ub + k + m_bits;
    let fields = |name: &str, wanted: &[&str]| -> String {
        let (kw, uw) = (m_bits + k, m_bits + k + ub);
        let all = [
            ("index", m_bits, format!("{name}[{}:0]", m_bits - 1)),
            ("window", k, format!("{name}[{}:{m_bits}]", kw - 1)),
            ("bit", ub, format!("{name}[{}:{kw}]", uw - 1)),
            ("buffer", 2, format!("{name}[{}:{uw}]", uw + 1)),
            ("last", 1, format!("{name}[{}]", uw + 2)),
            ("valid", 1, format!("{name}[{}]", uw + 3)),
            ("fold", b, fold(shape, &format!("{name}_index"))),
            ("mask", m_bits, format!("{m_bits}'d{} << {name}_window", banks - 1)),
        ];
        let chosen = all.iter().filter(|(field, ..)| wanted.contains(field));
        chosen
            .map(|(field, bits, value)| format!("wire [{}:0] {name}_{field} = {value};\n", bits - 1))
            .collect()
    };
    let spread = |bits: usize| match (bits / b, bits % b) {
        (0, rest) => format!("number[{}:0]", rest - 1),
        (whole, 0) => format!("{{{whole}{{number}}}}"),
        (whole, rest) => format!("{{number[{}:0], {{{whole}{{number}}}}}}", rest - 1),
    };
    let mut m = Module::new(format!("ntt_compute_{m_bits}_{lanes}"))
        .doc(format!(
            "Butterflies of tiles of up to 2^{m_bits} elements, {lanes} a clock. See rtl/src/ntt/compute.rs."
        ))
        .clocked()
        .input("len", k)
        .input("tile", k)
        .input("ready", BUFFERS)
        .output("taken", BUFFERS)
        .output("done", BUFFERS)
        .output("issued", COUNT_BITS)
        .output("rd_valid", 1)
        .output("rd_buffer", 2)
        .output("rd_rows", banks * r)
        .input("rd_data0", banks * FIELD_BITS)
        .input("rd_data1", banks * FIELD_BITS)
        .input("rd_data2", banks * FIELD_BITS)
        .output("tw_row", r)
        .input("tw_data", lanes * FIELD_BITS)
        .output("wr_valid", 1)
        .output("wr_buffer", 2)
        .output("wr_rows", banks * r)
        .output("wr_data", banks * FIELD_BITS);
    for lane in 0..lanes {
        let inst = format!("lane{lane}");
        m = m
            .child(&inst, &unit.module())
            .connect_all(&inst, &[("a", &format!("a{lane}")), ("b", &format!("b{lane}"))])
            .connect(&inst, "w", format!("w{lane}"));
    }
    m = m.body(pick_function("pick_bank", b));
    if lanes > 1 {
        m = m.body(pick_function("pick_lane", b - 1));
    }
    m = m.body(format!(
        r"
function [{rl}:0] row_of(input [{rl}:0] base, input [{rl}:0] mask, input [{bl}:0] number);
  row_of = base | ({spread_row} & mask);
endfunction
function [{il}:0] index_of(input [{il}:0] base, input [{il}:0] mask, input [{bl}:0] number);
  index_of = base | ({spread_index} & mask);
endfunction

// The sequence: buffer, stage, index outside the window.
reg running;
reg [1:0] buffer;
reg [{kl}:0] stage;
reg [{il}:0] index;
reg [{gl}:0] gap, gap_of_stage;
wire [{kl}:0] size = len + tile;
always @(*) case (size)
{gap_cases}  default: gap_of_stage = {gap_bits}'d{gap0};
endcase
wire [{kl}:0] topmost = size > {k}'d{b} ? size - {k}'d{b} : {k}'d0;
wire [{kl}:0] window = stage < topmost ? stage : topmost;
wire [{il}:0] mask = {m}'d{win} << window;
wire [{il}:0] filled = index | mask;
wire [{il}:0] last_index = ({m}'d1 << size) - {m}'d1;
wire issue = running && gap == 0;
wire stage_ends = issue && (&(filled | ~last_index));
wire tile_ends = stage_ends && stage == tile;
wire begins = !running && ready[buffer];
wire empty = begins && len == 0;
wire [1:0] next_buffer = buffer == 2'd2 ? 2'd0 : buffer + 2'd1;
wire [{kl}:0] place = stage % {k}'d{b};
// The part of an element's number that its twiddle depends on.
wire [{il}:0] in_transform = {{{m}{{1'b1}}}} << tile;
always @(*) taken = begins ? 3'd1 << buffer : 3'd0;
always @(*) issued = !issue ? 8'd0 : size > {k}'d{b} ? 8'd{lanes} : 8'd1 << (size - {k}'d1);

reg [{xl}:0] m1, m2, m3;
reg [{kl}:0] m1_stage;
wire [{xl}:0] mw;
always @(posedge clk) begin
  m1 <= {{issue, tile_ends || empty, buffer, place[{ul}:0], window, index}};
  m1_stage <= stage;
  m2 <= m1;
  m3 <= m2;
  if (gap != 0) gap <= gap - 1'b1;
  if (begins && !empty) begin
    running <= 1'b1;
    stage <= size - {k}'d1;
    index <= 0;
    gap <= 0;
  end
  if (issue) index <= (filled + 1'b1) & ~mask;
  if (stage_ends) begin
    index <= 0;
    stage <= stage - 1'b1;
    gap <= gap_of_stage;
  end
  if (tile_ends) running <= 1'b0;
  if (tile_ends || empty) buffer <= next_buffer;
  if (rst) begin
    running <= 1'b0;
    buffer <= 2'd0;
    m1 <= 0;
    m2 <= 0;
    m3 <= 0;
  end
end
{f1}{f2}{fw}
always @(*) rd_valid = m1_valid;
always @(*) rd_buffer = m1_buffer;
wire [{all}:0] data = m2_buffer == 2'd2 ? rd_data2 : m2_buffer == 2'd1 ? rd_data1 : rd_data0;
",
        rl = r - 1,
        bl = b - 1,
        il = m_bits - 1,
        kl = k - 1,
        gl = gap_bits - 1,
        ul = ub - 1,
        xl = meta - 1,
        m = m_bits,
        win = banks - 1,
        all = banks * FIELD_BITS - 1,
        gap0 = gaps[0],
        spread_row = spread(r),
        spread_index = spread(m_bits),
        f1 = fields("m1", &["index", "window", "bit", "buffer", "valid", "fold", "mask"]),
        f2 = fields("m2", &["index", "bit", "buffer", "fold"]),
        fw = fields("mw", &["index", "window", "bit", "buffer", "last", "valid", "fold", "mask"]),
    ));
    m = m.body(delay("in_flight", meta, unit.latency, "m3", "mw", "rst"));
    for bank in 0..banks {
        let (lo, hi) = (bank * r, bank * r + r - 1);
        m = m.body(format!(
            "always @(*) rd_rows[{hi}:{lo}] = \
             row_of(m1_index[{it}:{b}], m1_mask[{it}:{b}], {b}'d{bank} ^ m1_fold);",
            it = m_bits - 1
        ));
    }
    for lane in 0..lanes {
        m = m.body(lane_text(shape, lane));
    }
    m = m.body(write_text(shape));
    m.build()
}

/// Operands and twiddle of a lane.
fn lane_text(shape: &Shape, lane: usize) -> String {
    let (m, b, r, k) = (shape.max_log, shape.bank_bits(), shape.row_bits(), shape.log_bits());
    let number = |bit: &str| by_bit(shape, bit, |u| format!("{b}'d{}", first_of(lane, u)));
    let other = by_bit(shape, "m2_bit", |u| format!("{b}'d{}", 1 << u));
    let mut out = format!(
        "reg [{fl}:0] a{lane}, b{lane}, w{lane};\n\
         wire [{bl}:0] number{lane} = {m1};\n\
         wire [{il}:0] index{lane} = index_of(m1_index, m1_mask, number{lane});\n\
         wire [{il}:0] twiddle{lane} = (index{lane} & in_transform) << ({k}'d{m} - m1_stage);\n\
         wire [{bl}:0] bank{lane} = m2_fold ^ {m2};\n",
        fl = FIELD_BITS - 1,
        bl = b - 1,
        il = m - 1,
        m1 = number("m1_bit"),
        m2 = number("m2_bit"),
    );
    if lane == 0 {
        writeln!(out, "always @(*) tw_row = twiddle0[{r}:1];").expect("String");
    }
    let twiddle = if shape.lanes == 1 {
        "tw_data".to_string()
    } else {
        writeln!(
            out,
            "reg [{tl}:0] tw_bank{lane};\nalways @(posedge clk) tw_bank{lane} <= twiddle{lane}[{hi}:{lo}];",
            tl = b - 2,
            hi = m - 1,
            lo = m - (b - 1)
        )
        .expect("String");
        format!("pick_lane(tw_data, tw_bank{lane})")
    };
    out += &format!(
        "always @(posedge clk) begin\n  a{lane} <= pick_bank(data, bank{lane});\n  \
         b{lane} <= pick_bank(data, bank{lane} ^ {other});\n  w{lane} <= {twiddle};\nend\n"
    );
    out
}

/// Results to their banks.
fn write_text(shape: &Shape) -> String {
    let (m, b, r, banks) = (shape.max_log, shape.bank_bits(), shape.row_bits(), shape.banks());
    let side = |port: &str| {
        let words: Vec<_> = (0..shape.lanes).rev().map(|lane| format!("lane{lane}${port}")).collect();
        format!("{{{}}}", words.join(", "))
    };
    let all = shape.lanes * FIELD_BITS - 1;
    let mut out = format!("wire [{all}:0] xs = {};\nwire [{all}:0] ys = {};\n", side("x"), side("y"));
    let mut clocked = String::from(
        "  wr_valid <= mw_valid;\n  wr_buffer <= mw_buffer;\n  \
         done <= mw_last ? 3'd1 << mw_buffer : 3'd0;\n",
    );
    for bank in 0..banks {
        let number = format!("to{bank}");
        writeln!(out, "wire [{}:0] {number} = {b}'d{bank} ^ mw_fold;", b - 1).expect("String");
        let second = by_bit(shape, "mw_bit", |u| format!("{number}[{u}]"));
        let value = if shape.lanes == 1 {
            format!("{second} ? ys : xs")
        } else {
            // The number without the stage's bit.
            let lane = by_bit(shape, "mw_bit", |u| {
                let bits: Vec<_> =
                    (0..b).rev().filter(|&e| e != u).map(|e| format!("{number}[{e}]")).collect();
                format!("{{{}}}", bits.join(", "))
            });
            format!("pick_lane({second} ? ys : xs, {lane})")
        };
        writeln!(
            clocked,
            "  wr_data[{}:{}] <= {value};\n  wr_rows[{}:{}] <= \
             row_of(mw_index[{it}:{b}], mw_mask[{it}:{b}], {number});",
            (bank + 1) * FIELD_BITS - 1,
            bank * FIELD_BITS,
            (bank + 1) * r - 1,
            bank * r,
            it = m - 1,
        )
        .expect("String");
    }
    out += &format!(
        "always @(posedge clk) begin\n{clocked}  if (rst) begin\n    wr_valid <= 1'b0;\n    done <= 3'd0;\n  end\nend\n"
    );
    out
}
