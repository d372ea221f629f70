//! A transform engine for blocks that fit on the chip.
//!
//! Contract
//! - A command is taken with `cmd_valid` and `cmd_ready`: `cmd_table`, `cmd_dit`, `cmd_log`, `cmd_first`, `cmd_ratio`.
//! - With `cmd_table` the engine makes its twiddles from omega = `cmd_ratio`, an element of order 2^`cmd_log`
//!   (1..=max_log), with `cmd_first` = 1 (R mod p); blocks before it are finished first. Blocks after it have at most
//!   2^`cmd_log` elements, and the root of a block of 2^n is omega^(2^(cmd_log - n)).
//! - Else it transforms a block of 2^`cmd_log` elements (0..=max_log) that come on `in_*` (valid/ready), and gives the results
//!   on `out_*` (valid/ready, `out_last` with a block's last), in the order of the commands. DIF (`cmd_dit` = 0):
//!   natural in, bit-reversed out, element j multiplied by first * ratio^j before. DIT: bit-reversed in, natural
//!   out, element k multiplied by first * ratio^k after. See [`super::model::Residues::dif`] and `dit`.
//! - Elements and factors are canonical Montgomery residues of BN254 Fr, 254 bits.
//! - `rst` forgets the commands, blocks and twiddles.
//!
//! Two buffers: while the butterflies work in one, the block before leaves the other and the next one enters it,
//! each place as soon as it is free. So a stream of blocks takes the longest of the butterflies' n/2 log2(n) / lanes clocks
//! and, for entering and leaving, n plus the start of the factors.

use super::{
    compute::compute,
    memory::memories,
    powers::powers,
    text::{delay, fold, pick_function},
};
use crate::card::fifo::{count_bits, fifo};
use crate::field::{units, Field, FIELD_BITS};
use crate::hdl::Module;
use crate::target::Target;
use std::sync::Arc;

/// Size of an engine.
#[derive(Clone, Debug)]
pub struct Shape {
    pub target: Target,
    /// log2 of the largest block; at least `bank_bits() + 1`.
    pub max_log: usize,
    /// Butterflies a clock, a power of two.
    pub lanes: usize,
}

impl Shape {
    /// # Panics
    /// If `lanes` is not a power of two, or the largest block has fewer than two rows of banks.
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

    /// Bits of a block's log2.
    pub fn log_bits(&self) -> usize {
        count_bits(self.max_log)
    }

    /// Bits of a place in a bank number.
    pub fn place_bits(&self) -> usize {
        count_bits(self.bank_bits() - 1).max(1)
    }
}

/// The engine: ports `clk`, `rst`, `cmd_*`, `in_*`, `out_*`.
pub fn block(shape: &Shape) -> Arc<Module> {
    let field = Field::fr();
    let (m_bits, b, k) = (shape.max_log, shape.bank_bits(), shape.log_bits());
    let mul = units::mul(&field, shape.target);
    let powers = powers(&field, shape.target).module;
    // An element on its way out: issue, read, operands, product.
    let depth = (mul.latency + 8).next_power_of_two();
    let fifo = fifo(FIELD_BITS + 1, depth);
    let credit = count_bits(depth);
    let (land, leave) = (m_bits + 4, 2);
    let mut m = Module::new(format!("ntt_block_{m_bits}_{}", shape.lanes))
        .doc(format!(
            "Transforms of up to 2^{m_bits} elements of BN254 Fr, {} butterflies a clock. See rtl/src/ntt/block.rs.",
            shape.lanes
        ))
        .clocked()
        .input("cmd_valid", 1)
        .output("cmd_ready", 1)
        .input("cmd_table", 1)
        .input("cmd_dit", 1)
        .input("cmd_log", k)
        .input("cmd_first", FIELD_BITS)
        .input("cmd_ratio", FIELD_BITS)
        .input("in_valid", 1)
        .output("in_ready", 1)
        .input("in_data", FIELD_BITS)
        .output("out_valid", 1)
        .input("out_ready", 1)
        .output("out_data", FIELD_BITS)
        .output("out_last", 1)
        .child("in_powers", &powers)
        .child("out_powers", &powers)
        .child("in_mul", &mul.module())
        .child("out_mul", &mul.module())
        .child("fifo", &fifo)
        .child("compute", &compute(shape))
        .connect_all("in_powers", &[("start", "take_cmd"), ("first", "in_first"), ("ratio", "in_ratio")])
        .connect_all("in_powers", &[("take", "enter")])
        .connect_all("out_powers", &[("start", "leave_starts"), ("first", "out_first"), ("ratio", "out_ratio")])
        .connect_all("out_powers", &[("take", "leave")])
        .connect_all("in_mul", &[("a", "enter_data"), ("b", "enter_factor")])
        .connect_all("out_mul", &[("a", "leave_data"), ("b", "leave_factor2")])
        .connect_all("fifo", &[("clear", "1'b0"), ("in_data", "{left[0], out_mul$y}"), ("in_valid", "left[1]")])
        .connect_all("fifo", &[("out_ready", "out_ready")])
        .connect_all("compute", &[("ready", "ready & ~owed"), ("dit", "{dit1, dit0}"), ("log0", "log0"), ("log1", "log1")])
        .connect_all("compute", &[("rd_data0", "data0"), ("rd_data1", "data1"), ("tw_data", "twiddles")]);
    m = memories(shape, m);
    m = m.body(pick_function("pick_bank", b)).body(format!(
        r"
localparam [{fl}:0] ONE = {fb}'h{one:x};
// What each buffer is doing: taken by a block until its butterflies are through; complete; results to give away. A short block
// may be complete before a long one has left the places above it: then the butterflies wait for these.
reg [1:0] held, ready, owed;
reg dit0, dit1;
reg [{kl}:0] log0, log1;
reg [{fl}:0] first0, first1, ratio0, ratio1;

// Entering.
reg loading, load_buffer, load_table, load_dit;
reg [{kl}:0] load_log;
reg [{fl}:0] load_first, load_ratio;
reg [{il}:0] load_at;
wire [{il}:0] load_end = ({m}'d1 << (load_table ? load_log - {k}'d1 : load_log)) - {m}'d1;
always @(*) cmd_ready = !loading && !(cmd_table && held != 0);
wire take_cmd = cmd_valid && cmd_ready;
wire [{fl}:0] in_first = cmd_dit && !cmd_table ? ONE : cmd_first;
wire [{fl}:0] in_ratio = cmd_dit && !cmd_table ? ONE : cmd_ratio;
// Behind the block that leaves this buffer, which may still have to wait for one that leaves the other.
wire behind = leave_buffer == load_buffer && load_at < leave_at;
wire room = !held[load_buffer] && (!owed[load_buffer] || behind);
always @(*) in_ready = loading && !load_table && in_powers$ready && room;
wire enter = loading && in_powers$ready && (load_table || in_valid && room);
wire enter_last = enter && load_at == load_end;
// An entry's place in the table.
wire [{il}:0] table_at = load_at << ({k}'d{m} - load_log);
reg [{fl}:0] enter_data, enter_factor;
// valid, table, last, buffer, place
reg [{ll}:0] entering;
wire [{ll}:0] entered;
wire entered_block = entered[{ll}] && !entered[{lt}];
wire [{il}:0] entered_at = entered[{il}:0];
always @(posedge clk) begin
  enter_data <= load_table ? ONE : in_data;
  enter_factor <= in_powers$factor;
  entering <= {{enter, load_table, enter_last, load_buffer, load_table ? table_at : load_at}};
  if (take_cmd) begin
    loading <= 1'b1;
    load_table <= cmd_table;
    load_dit <= cmd_dit;
    load_log <= cmd_log;
    load_first <= cmd_dit ? cmd_first : ONE;
    load_ratio <= cmd_dit ? cmd_ratio : ONE;
    load_at <= 0;
  end
  if (enter) load_at <= load_at + 1'b1;
  if (enter_last) loading <= 1'b0;
  if (enter_last && !load_table) begin
    load_buffer <= !load_buffer;
    held[load_buffer] <= 1'b1;
    if (load_buffer) begin
      dit1 <= load_dit;
      log1 <= load_log;
      first1 <= load_first;
      ratio1 <= load_ratio;
    end else begin
      dit0 <= load_dit;
      log0 <= load_log;
      first0 <= load_first;
      ratio0 <= load_ratio;
    end
  end
  if (entered_block && entered[{le}]) ready[entered[{lb}]] <= 1'b1;
  if (compute$taken[0]) ready[0] <= 1'b0;
  if (compute$taken[1]) ready[1] <= 1'b0;
  if (compute$done[0]) {{held[0], owed[0]}} <= 2'b01;
  if (compute$done[1]) {{held[1], owed[1]}} <= 2'b01;
  if (leave_last) owed[leave_buffer] <= 1'b0;
  if (rst) begin
    loading <= 1'b0;
    load_buffer <= 1'b0;
    entering <= 0;
    held <= 0;
    ready <= 0;
    owed <= 0;
  end
end

// Leaving.
reg leaving, leave_buffer;
reg [{kl}:0] leave_log;
reg [{il}:0] leave_at;
reg [{cl}:0] outstanding;
wire leave_starts = !leaving && owed[leave_buffer];
wire [{fl}:0] out_first = leave_buffer ? first1 : first0;
wire [{fl}:0] out_ratio = leave_buffer ? ratio1 : ratio0;
wire leave = leaving && out_powers$ready && outstanding != {credit}'d{depth};
wire [{il}:0] leave_end = ({m}'d1 << leave_log) - {m}'d1;
wire leave_last = leave && leave_at == leave_end;
wire gone = out_valid && out_ready;
// valid, last; with the read's place; with its data
reg [1:0] u1, u2, u3;
reg u1_buffer, u2_buffer;
reg [{il}:0] u1_at;
reg [{bl}:0] u2_bank;
reg [{fl}:0] leave_factor0, leave_factor1, leave_factor2, leave_data;
wire [1:0] left;
always @(posedge clk) begin
  u1 <= {{leave, leave_last}};
  u2 <= u1;
  u3 <= u2;
  u1_buffer <= leave_buffer;
  u2_buffer <= u1_buffer;
  u1_at <= leave_at;
  u2_bank <= {u1_fold};
  leave_factor0 <= out_powers$factor;
  leave_factor1 <= leave_factor0;
  leave_factor2 <= leave_factor1;
  leave_data <= pick_bank(u2_buffer ? data1 : data0, u2_bank);
  if (leave_starts) begin
    leaving <= 1'b1;
    leave_log <= leave_buffer ? log1 : log0;
  end
  if (leave) leave_at <= leave_at + 1'b1;
  if (leave_last) begin
    leave_at <= 0;
    leaving <= 1'b0;
    leave_buffer <= !leave_buffer;
  end
  if (leave && !gone) outstanding <= outstanding + 1'b1;
  if (gone && !leave) outstanding <= outstanding - 1'b1;
  if (rst) begin
    leaving <= 1'b0;
    leave_buffer <= 1'b0;
    leave_at <= 0;
    outstanding <= 0;
    u1 <= 0;
    u2 <= 0;
    u3 <= 0;
  end
end
always @(*) out_valid = fifo$out_valid;
always @(*) {{out_last, out_data}} = fifo$out_data;
",
        fl = FIELD_BITS - 1,
        fb = FIELD_BITS,
        one = field.one(),
        kl = k - 1,
        il = m_bits - 1,
        bl = b - 1,
        m = m_bits,
        ll = land - 1,
        lt = land - 2,
        le = land - 3,
        lb = land - 4,
        cl = credit - 1,
        u1_fold = fold(shape, "u1_at"),
    ));
    m = m.body(delay("entry", land, mul.latency, "entering", "entered", "rst"));
    m.body(delay("exit", leave, mul.latency, "u3", "left", "rst")).build()
}
