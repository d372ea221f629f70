//! Synchronous first-word-fall-through FIFO.
//!
//! Protocol: `in_*` and `out_*` are valid/ready streams; `out_data` is stable from `out_valid` until it is taken.
//! `count` is the number of words held, after the last clock edge. `clear` (synchronous) forgets all words.
//! Latency from `in` to `out`: 1 clock for [`SHALLOW`] words or fewer (distributed RAM), 2 clocks above (block RAM
//! with its output register). Throughput: one word per clock at any depth. Reset: empty; the storage is not reset.

use crate::hdl::Module;
use std::sync::Arc;

/// Largest depth kept in distributed RAM.
pub const SHALLOW: usize = 64;

/// Bits needed to count from 0 to `n` inclusive.
pub fn count_bits(n: usize) -> usize {
    (usize::BITS - n.leading_zeros()) as usize
}

/// Where a FIFO keeps its words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Storage {
    /// Distributed RAM, read without a clock.
    Distributed,
    /// Block RAM with an output register, which holds one word more.
    Block,
}

impl Storage {
    /// What [`fifo`] takes for `depth` words.
    pub fn of(depth: usize) -> Storage {
        if depth <= SHALLOW {
            Storage::Distributed
        } else {
            Storage::Block
        }
    }
}

/// Clocks from `in` to `out` of a FIFO of `depth` words.
pub fn latency(depth: usize) -> usize {
    match Storage::of(depth) {
        Storage::Distributed => 1,
        Storage::Block => 2,
    }
}

/// A FIFO of at least `depth` words of `bits` bits. `depth` is a power of two, 2 or more; a block RAM FIFO holds one
/// word more, in its output register.
pub fn fifo(bits: usize, depth: usize) -> Arc<Module> {
    fifo_in(Storage::of(depth), bits, depth)
}

/// [`fifo`] with its storage chosen, whatever the depth.
pub fn fifo_in(storage: Storage, bits: usize, depth: usize) -> Arc<Module> {
    assert!(bits > 0 && depth >= 2 && depth.is_power_of_two(), "fifo({bits}, {depth})");
    let shallow = storage == Storage::Distributed;
    let unusual = match storage {
        _ if storage == Storage::of(depth) => "",
        Storage::Distributed => "_distributed",
        Storage::Block => "_block",
    };
    let capacity = if shallow { depth } else { depth + 1 };
    let address = count_bits(depth - 1);
    let count = count_bits(capacity);
    let words = format!(
        "localparam [{cl}:0] DEPTH = {depth};\n\
         reg [{wl}:0] mem [0:{dl}];\n\
         reg [{al}:0] head, tail;\n\
         reg [{cl}:0] used;",
        wl = bits - 1,
        dl = depth - 1,
        al = address - 1,
        cl = count - 1,
    );
    Module::new(format!("fifo_{bits}x{depth}{unusual}"))
        .doc(format!(
            "First-word-fall-through FIFO, {depth} words of {bits} bits, {} clock(s) from in to out.",
            if shallow { 1 } else { 2 }
        ))
        .clocked()
        .input("clear", 1)
        .input("in_data", bits)
        .input("in_valid", 1)
        .output("in_ready", 1)
        .output("out_data", bits)
        .output("out_valid", 1)
        .input("out_ready", 1)
        .output("count", count)
        .body(words)
        .body(if shallow { SHALLOW_BODY } else { DEEP_BODY })
        .build()
}

const SHALLOW_BODY: &str = r"
wire push = in_valid && in_ready;
wire pop = out_valid && out_ready;
always @(*) in_ready = used != DEPTH;
always @(*) out_valid = used != 0;
always @(*) out_data = mem[head];
always @(*) count = used;
always @(posedge clk) begin
  if (push) mem[tail] <= in_data;
  if (push) tail <= tail + 1'b1;
  if (pop) head <= head + 1'b1;
  if (push && !pop) used <= used + 1'b1;
  if (pop && !push) used <= used - 1'b1;
  if (rst || clear) begin
    head <= 0;
    tail <= 0;
    used <= 0;
  end
end
";

// `used` counts the RAM only; the word in the output register comes on top.
const DEEP_BODY: &str = r"
wire push = in_valid && in_ready;
wire load = used != 0 && (!out_valid || out_ready);
always @(*) in_ready = used != DEPTH;
always @(*) count = out_valid ? used + 1'b1 : used;
always @(posedge clk) begin
  if (push) mem[tail] <= in_data;
  if (push) tail <= tail + 1'b1;
  if (load) out_data <= mem[head];
  if (load) head <= head + 1'b1;
  if (load) out_valid <= 1'b1;
  else if (out_ready) out_valid <= 1'b0;
  if (push && !load) used <= used + 1'b1;
  if (load && !push) used <= used - 1'b1;
  if (rst || clear) begin
    head <= 0;
    tail <= 0;
    used <= 0;
    out_valid <= 1'b0;
  end
end
";
