//! A lane of the MSM engine: one adder with its buckets, from bucket items to window sums.
//!
//! A job goes through the lane in two classes that run side by side, so that the tail of one job is hidden behind the
//! items of the next:
//! - front: items go to their buckets (memory 0); after `close`, when all have landed and the back is idle, HALVES empties
//!   memory 0 into memory 1. Then the front is open for the next job.
//! - back: BITS (memory 1 to 2), WEIGH (2 to 3) and OUT, each when what it reads has landed. Items of the aggregation
//!   go before items of the front.
//!
//! | memory | slots | index within a window |
//! |---|---|---|
//! | 0 | buckets, `2^log2_slots` of G1 or half as many of G2 | j mod 2^(c-1) |
//! | 1 | sums over half of j's bits | field, value; 2^(h+1), h = ceil((c-1)/2) |
//! | 2 | sums over one bit of j | k; 16 |
//! | 3 | window sums | 1 |
//!
//! Ports. Everything is in the tick domain: registers advance in clocks with `tick`, a handshake is valid && ready && tick.
//! `g2` changes only while `clean`.
//! - `item_*`: bucket items, taken while `open`; address e 2^(c-1) | (j mod 2^(c-1)) for window e of the lane. `window_bits`
//!   (c) and `entries` (E, 1 or more) are stable from a job's first item to its `close`.
//! - `close`: one tick, while `open`, with or after the job's last item: the job's items are complete.
//! - `out_*`: the E window sums of the oldest closed job, e = 0 first, the identity as zero.
//! - `clear`: a level: abandon everything; it is held until `clean`: no job, nothing under way, all slots empty. `clean` is
//!   also reached when all jobs have been put out. A reset in mid-job empties the slots before the lane opens.
//! - events, in ticks: `ev_add` addition, `ev_wait` an item waited for a port, `ev_halves` front closed (landing and
//!   HALVES), `ev_tail` back busy, `ev_queued` entries of the store queue.
//!
//! The adder: `clk`, `rst`, `g2`, `tick`, `in_valid`, `p`, `q`, `tag`, `early_valid`, `early_tag` (one tick before the
//! result), `out_valid`, `out_tag`, `r`. One addition a tick, in order, constant latency of 4 ticks or more.

mod queues;
pub mod scan;
pub mod slots;
pub mod unit;

use crate::field::FIELD_BITS;
use crate::hdl::Module;
use permafrost_abi::msm::MSM_MAX_SPAN;
use slots::Layout;
use std::sync::Arc;

/// Bits of a coordinate: an element of Fq2, {c1, c0}; c1 is 0 in G1.
pub const COORD_BITS: usize = 2 * FIELD_BITS;
/// Bits of a point, {y, x}; the identity is 0.
pub const POINT_BITS: usize = 2 * COORD_BITS;
/// Slot memories of a lane.
pub const MEMORIES: usize = 4;

/// Sizes of a lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LaneShape {
    /// log2 of the G1 buckets, 3 or more.
    pub log2_slots: usize,
    /// Range of the window widths c, 2 to 16.
    pub min_window: usize,
    pub max_window: usize,
    /// Bits of a base field element; a point has four times as many.
    pub field_bits: usize,
    /// Entries of the store queue and of the add queue, a power of two, 2 to 32.
    pub store_queue: usize,
    pub add_queue: usize,
}

impl LaneShape {
    /// A lane of a card. Others, with narrower points and shorter queues, are for proofs.
    pub const fn of_card(log2_slots: usize, min_window: usize, max_window: usize) -> LaneShape {
        LaneShape {
            log2_slots,
            min_window,
            max_window,
            field_bits: FIELD_BITS,
            store_queue: queues::STORE_QUEUE,
            add_queue: queues::ADD_QUEUE,
        }
    }

    /// Bits of a point.
    pub fn point_bits(&self) -> usize {
        4 * self.field_bits
    }

    /// Most windows of `c` bits in the lane.
    pub fn max_entries(&self, c: usize) -> usize {
        (MSM_MAX_SPAN as usize / c).min((1 << self.log2_slots) >> (c - 1))
    }

    /// log2 of the slots that `per_window(c)` slots a window need, for every c.
    fn log2_for(&self, per_window: impl Fn(usize) -> usize) -> usize {
        let most = (self.min_window..=self.max_window).map(|c| self.max_entries(c) * per_window(c)).max();
        most.unwrap_or(1).max(4).next_power_of_two().ilog2() as usize
    }

    /// The memories: log2 of the slots, and how values lie in them.
    pub fn memories(&self) -> [(usize, Layout); MEMORIES] {
        [
            (self.log2_slots, Layout::Banks),
            (self.log2_for(|c| 2 << (c - 1).div_ceil(2)), Layout::Wide),
            (self.log2_for(|_| 1 << scan::BIT_STRIDE), Layout::Wide),
            (self.log2_for(|_| 1), Layout::Wide),
        ]
    }

    /// Bits of a slot address, for the largest memory.
    pub fn address_bits(&self) -> usize {
        self.memories().iter().map(|m| m.0).max().unwrap_or(0)
    }
}

/// Bits of the adder's tag: {doubling count (4), memory (2), address}.
pub fn tag_bits(shape: &LaneShape) -> usize {
    4 + 2 + shape.address_bits()
}

/// The lane `msm_lane` around `adder`.
pub fn lane(shape: &LaneShape, adder: &Arc<Module>) -> Arc<Module> {
    assert!(
        shape.log2_slots >= 3 && (2..=shape.max_window).contains(&shape.min_window) && shape.max_window <= 16
    );
    let a = shape.address_bits();
    Module::new("msm_lane")
        .doc("MSM lane: bucket items in, window sums out. See rtl/src/msm/lane/mod.rs.")
        .clocked()
        .input("g2", 1)
        .input("tick", 1)
        .input("window_bits", 5)
        .input("entries", 8)
        .input("item_valid", 1)
        .output("item_ready", 1)
        .input("item_addr", shape.log2_slots)
        .input("item_value", shape.point_bits())
        .output("open", 1)
        .input("close", 1)
        .input("clear", 1)
        .output("clean", 1)
        .output("out_valid", 1)
        .input("out_ready", 1)
        .output("out_value", shape.point_bits())
        .output("ev_add", 1)
        .output("ev_wait", 1)
        .output("ev_halves", 1)
        .output("ev_tail", 1)
        .output("ev_queued", 6)
        .child("scan", &scan::scan(a, shape.point_bits()))
        .connect_all(
            "scan",
            &[
                ("tick", "tick"),
                ("clear", "mode == FLUSH"),
                ("start", "start"),
                ("phase", "phase"),
                ("window_bits", "back_bits"),
                ("entries", "back_entries"),
                ("src_full", "unit$src_full"),
                ("src_value", "unit$src_value"),
                ("item_ready", "unit$item_ready"),
                ("out_ready", "mode == RUN && out_ready"),
            ],
        )
        .child("unit", &unit::unit(shape, adder))
        .connect_all(
            "unit",
            &[
                ("g2", "g2"),
                ("tick", "tick"),
                ("flush", "mode == FLUSH"),
                ("item_valid", "scan$item_valid || (open && item_valid)"),
                ("item_m", "scan$item_valid ? scan$item_m : 4'd0"),
                ("item_mem", "scan$item_valid ? phase + 2'd1 : 2'd0"),
                ("item_addr", "scan$item_valid ? scan$item_addr : bucket"),
                ("item_value", "scan$item_valid ? scan$item_value : item_value"),
                ("src_on", "scanning"),
                ("src_mem", "phase"),
                ("src_ren", "scan$src_ren"),
                ("src_raddr", "scan$src_raddr"),
                ("src_take", "scan$src_take"),
                ("src_taddr", "scan$src_taddr"),
                ("clr_we", "mode == WALK"),
                ("clr_addr", "clear_addr"),
            ],
        )
        .body(control(shape, a))
        .build()
}

/// Front, back, and emptying.
fn control(shape: &LaneShape, a: usize) -> String {
    format!(
        r"
localparam [1:0] RUN = 0, FLUSH = 1, WALK = 2;
localparam [1:0] OPEN = 0, LANDING = 1, SPLIT = 2;
localparam [1:0] HALVES = {halves}, OUT = {out};
// `phase` is the scan's current phase while `scanning`, else its next one. The back is idle while that is HALVES.
reg [1:0] mode, front, phase;
reg scanning, some, dirty;
reg [4:0] front_bits, back_bits;
reg [7:0] front_entries, back_entries;
reg [{al}:0] clear_addr;
// Slots power up empty. `dirty`, that they may not be, survives a reset.
initial dirty = 1'b0;

wire [{al}:0] bucket = {bucket};
wire item_fire = item_valid && item_ready;
wire close_fire = close && open;
wire ready = phase != HALVES ? unit$idle[phase] : front == LANDING && unit$idle[0];
wire start = mode == RUN && !scanning && ready;
wire over = mode == RUN && scanning && scan$done;

always @(*) begin
  open = mode == RUN && front == OPEN && !clear;
  item_ready = open && unit$item_ready && !scan$item_valid;
  clean = mode == RUN && !dirty;
  out_valid = mode == RUN && scan$out_valid;
  out_value = scan$out_value;
  ev_add = unit$ev_add;
  ev_wait = unit$ev_wait;
  ev_halves = front != OPEN;
  ev_tail = phase != HALVES;
  ev_queued = unit$ev_queued;
end

always @(posedge clk) begin
  if (tick) begin
    if (start) begin
      scanning <= 1'b1;
      if (phase == HALVES) begin
        back_bits <= front_bits;
        back_entries <= front_entries;
        front <= SPLIT;
        // A job without items has nothing to aggregate.
        if (!some) begin
          phase <= OUT;
          front <= OPEN;
        end
      end
    end
    if (over) begin
      scanning <= 1'b0;
      phase <= phase + 2'd1;
      if (phase == HALVES) begin
        front <= OPEN;
        some <= 1'b0;
      end
      if (phase == OUT && front == OPEN && !some) dirty <= 1'b0;
    end
    if (item_fire) some <= 1'b1;
    if (close_fire) begin
      front <= LANDING;
      front_bits <= window_bits;
      front_entries <= entries;
    end
    if (item_fire || close_fire) dirty <= 1'b1;
    case (mode)
      RUN: if (clear && dirty) mode <= FLUSH;
      FLUSH: begin
        front <= OPEN;
        phase <= HALVES;
        scanning <= 1'b0;
        some <= 1'b0;
        clear_addr <= 0;
        if (unit$landed) mode <= WALK;
      end
      default: begin
        clear_addr <= clear_addr + 1'b1;
        if (&clear_addr) begin
          mode <= RUN;
          dirty <= 1'b0;
        end
      end
    endcase
  end
  if (rst) begin
    mode <= dirty ? WALK : RUN;
    front <= OPEN;
    phase <= HALVES;
    scanning <= 1'b0;
    some <= 1'b0;
    clear_addr <= 0;
  end
end
",
        halves = scan::HALVES,
        out = scan::OUT,
        al = a - 1,
        bucket = match a - shape.log2_slots {
            0 => "item_addr".to_string(),
            pad => format!("{{{pad}'d0, item_addr}}"),
        },
    )
}
