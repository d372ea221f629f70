//! Targets: what an operator costs and how long it takes.
//!
//! Delays are in picoseconds and coarse: they place registers, they do not promise timing closure.

use crate::field::Field;
use crate::graph::{Graph, Op};

/// Where the hardware goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Target {
    /// No vendor: products of up to 64 bits are written `*`, signals stay within 64 bits, which is what Verilator
    /// simulates fastest. Stages are long: a target for simulation and for reading.
    Generic,
    /// Xilinx UltraScale+: 26x17-bit unsigned tiles in DSP48E2, reductions in LUTs.
    Xcup,
    /// What `Generic` does, with limbs of `radix` bits: units of small primes then have several, and can be proved whole. For
    /// proofs, not for hardware.
    Limbs { radix: usize },
    /// What `Xcup` does, with tiles of `a` x `b` bits, in plain Verilog only: as above.
    Tiles { a: usize, b: usize },
}

/// How wide integers are laid out in nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LimbForm {
    /// Bits a limb; numbers are sums of limb_i 2^(radix i).
    pub radix: usize,
    /// Limbs a field element.
    pub count: usize,
}

impl Target {
    /// Those that hardware is made for.
    pub const ALL: [Target; 2] = [Target::Generic, Target::Xcup];

    pub fn name(self) -> &'static str {
        match self {
            Target::Generic => "generic",
            Target::Xcup => "xcup",
            Target::Limbs { .. } => "limbs",
            Target::Tiles { .. } => "tiles",
        }
    }

    /// Whether products are made of multiplier tiles.
    pub fn tiled(self) -> bool {
        matches!(self, Target::Xcup | Target::Tiles { .. })
    }

    /// Generic: 28-bit limbs, so that sums of twenty products still fit 64 bits, and room for 24 bits above the prime. With
    /// tiles: one wide word, eight bits more than R.
    pub fn limb_form(self, field: &Field) -> LimbForm {
        match self {
            Target::Generic => LimbForm { radix: 28, count: (field.bits + 24).div_ceil(28) },
            Target::Limbs { radix } => LimbForm { radix, count: (field.bits + 1).div_ceil(radix) },
            Target::Xcup | Target::Tiles { .. } => LimbForm { radix: field.r_bits + 8, count: 1 },
        }
    }

    /// Largest operands of one multiplier tile, in bits.
    pub fn tile(self) -> (usize, usize) {
        match self {
            Target::Generic | Target::Limbs { .. } => (32, 32),
            Target::Xcup => (26, 17),
            Target::Tiles { a, b } => (a, b),
        }
    }

    /// Clocks through a multiplier tile with registers of its own; `None` when a product is combinational.
    pub fn tile_latency(self, a: usize, b: usize) -> Option<usize> {
        (self.tiled() && a.min(b) > 1).then_some(3)
    }

    /// Bits that the adder behind a tile gives, the sign left out.
    pub fn tile_sum_bits(self) -> usize {
        let (a, b) = self.tile();
        a + b + 4
    }

    /// Tiles in a chain whose cut factor has `b` bits.
    pub fn chain_length(self, b: usize) -> usize {
        b.div_ceil(self.tile().1)
    }

    /// Clocks through such a chain: one more with every tile.
    pub fn chain_latency(self, b: usize) -> usize {
        self.chain_length(b) + 2
    }

    /// Widest addition that fits the clock budget.
    pub fn widest_sum(self) -> usize {
        (self.clock_budget() - 500) as usize / 8
    }

    /// Whether a selection or a table shares the LUTs of the addition behind it: one LUT and one carry bit for both.
    pub fn fuses(self) -> bool {
        self.tiled()
    }

    /// Attribute of the registers of a delay of `clocks`: short delays stay flip-flops. Synthesis would make shift
    /// registers, which take LUTs, out of three clocks and more; every LUT has two flip-flops beside it anyway.
    pub fn keep_registers(self, clocks: usize) -> &'static str {
        match self {
            Target::Xcup | Target::Tiles { .. } if (3..=5).contains(&clocks) => "(* keep *) ",
            _ => "",
        }
    }

    /// Whether tables are written as nested selections instead of a `case`. Yosys makes a memory of a `case`, whose LUTs it
    /// does not merge with the adder behind it; Verilator makes a lookup of it, which is what simulates fastest.
    pub fn tables_as_select(self) -> bool {
        self.tiled()
    }

    /// Combinational delay that fits between two registers, in picoseconds.
    pub fn clock_budget(self) -> u32 {
        match self {
            Target::Generic => 8000,
            Target::Xcup => 3000,
            // As many stages, about, as the full widths have.
            Target::Limbs { .. } => 2500,
            Target::Tiles { a, .. } => 500 + 48 * a as u32,
        }
    }

    /// Combinational delay of one operator, in picoseconds.
    pub fn delay(self, g: &Graph, op: &Op) -> u32 {
        let width = |s: &crate::graph::Sig| g.width(*s) as u32;
        let carry = |w: u32| match self {
            Target::Generic | Target::Limbs { .. } => 400 + 8 * w,
            Target::Xcup | Target::Tiles { .. } => 500 + 8 * w,
        };
        match op {
            Op::Input(_) | Op::Const(_) | Op::Slice { .. } | Op::Concat(_) | Op::Shl(..) => 0,
            Op::Narrow { .. } | Op::Output { .. } => 0,
            Op::Chain { .. } => 0,
            Op::Mul(a, b) => 1200 + 30 * (width(a) + width(b)),
            Op::Add(terms) => {
                let w = terms.iter().map(width).max().unwrap_or(1);
                let levels = terms.len().next_power_of_two().ilog2();
                // Carry chains of a tree overlap: only the last one is seen whole.
                carry(w) + (levels.saturating_sub(1)) * 500
            }
            Op::Sub(a, b) | Op::SubMod(a, b, _) => carry(width(a).max(width(b))),
            Op::Select { .. } => 400,
            Op::IsZero(a) => 300 + 150 * width(a).next_power_of_two().ilog2(),
            Op::Table { index, .. } => 400 + 200 * width(index).saturating_sub(6),
        }
    }
}

impl std::str::FromStr for Target {
    type Err = String;
    fn from_str(s: &str) -> Result<Self, String> {
        Target::ALL
            .into_iter()
            .find(|t| t.name() == s)
            .ok_or_else(|| format!("unknown target `{s}`; known targets: generic, xcup"))
    }
}
