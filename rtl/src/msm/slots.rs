//! Bucket slots: one point a slot, and whether the slot holds one.
//!
//! A slot is full or empty; every update of a slot flips that. Two streams update slots in the same clock (new items and
//! results of the adder), so fullness is the exclusive or of two bits, each written by one stream only: two memories
//! with one write port instead of one memory with two.
//!
//! All reads are synchronous: data one clock after `*_ren`, held until the next read; a read in the clock of a write sees
//! the old contents. Values: one read and one write port. Contents start as zero bits (all slots empty) and are
//! not reset; `clr_*` empties one slot a clock.

use crate::hdl::Module;
use std::sync::Arc;

/// Slots of `2^log2_slots` values of `value_bits` bits.
pub fn slots(log2_slots: usize, value_bits: usize) -> Arc<Module> {
    let (al, vl, dl) = (log2_slots - 1, value_bits - 1, (1usize << log2_slots) - 1);
    Module::new(format!("msm_slots_{log2_slots}"))
        .doc(format!(
            "{} bucket slots: values (1 read, 1 write port) and two fullness bits (2 read ports, 1 write port each).",
            1usize << log2_slots
        ))
        .input("clk", 1)
        .input("n_ren", 1)
        .input("n_raddr", log2_slots)
        .output("n_new_bit", 1)
        .output("n_res_bit", 1)
        .input("r_ren", 1)
        .input("r_raddr", log2_slots)
        .output("r_new_bit", 1)
        .output("r_res_bit", 1)
        .input("n_we", 1)
        .input("n_waddr", log2_slots)
        .input("n_wbit", 1)
        .input("r_we", 1)
        .input("r_waddr", log2_slots)
        .input("r_wbit", 1)
        .input("clr_we", 1)
        .input("clr_addr", log2_slots)
        .input("v_ren", 1)
        .input("v_raddr", log2_slots)
        .output("v_rdata", value_bits)
        .input("v_we", 1)
        .input("v_waddr", log2_slots)
        .input("v_wdata", value_bits)
        .body(format!(
            r"
reg new_bits [0:{dl}];
reg res_bits [0:{dl}];
reg [{vl}:0] values [0:{dl}];
initial begin : init_empty
  integer i;
  for (i = 0; i <= {dl}; i = i + 1) begin
    new_bits[i] = 1'b0;
    res_bits[i] = 1'b0;
  end
end
wire new_we = n_we || clr_we;
wire [{al}:0] new_addr = clr_we ? clr_addr : n_waddr;
wire res_we = r_we || clr_we;
wire [{al}:0] res_addr = clr_we ? clr_addr : r_waddr;
always @(posedge clk) begin
  if (n_ren) n_new_bit <= new_bits[n_raddr];
  if (n_ren) n_res_bit <= res_bits[n_raddr];
  if (r_ren) r_new_bit <= new_bits[r_raddr];
  if (r_ren) r_res_bit <= res_bits[r_raddr];
  if (new_we) new_bits[new_addr] <= n_wbit && !clr_we;
  if (res_we) res_bits[res_addr] <= r_wbit && !clr_we;
  if (v_ren) v_rdata <= values[v_raddr];
  if (v_we) values[v_waddr] <= v_wdata;
end
"
        ))
        .build()
}
