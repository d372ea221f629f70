//! Verilog that the parts of the adder have in common: choices by group and tables.

use crate::ring::Ring;
use std::fmt::Write as _;

/// Picks by group: `g2 ? b : a`, or the one number where both are equal.
pub fn by_group(bits: usize, [g1, g2]: [usize; 2]) -> String {
    if g1 == g2 {
        format!("{bits}'d{g1}")
    } else {
        format!("(g2 ? {bits}'d{g2} : {bits}'d{g1})")
    }
}

/// [`Ring::read`] at an age for each group.
pub fn read_by_group(ring: Ring, register: &str, ages: [usize; 2]) -> Ring {
    let age = by_group(ring.log2(), ages);
    ring.read(register, &age)
}

/// A register that follows a table of one entry a slot: in slot x of group g it takes `entries[g][x]`. Fields are given
/// with their widths, lowest first.
pub struct Table {
    name: String,
    fields: Vec<(String, usize)>,
    entries: [Vec<Vec<usize>>; 2],
}

impl Table {
    pub fn new(name: &str, fields: &[(&str, usize)], batch: usize) -> Table {
        let fields: Vec<_> = fields.iter().map(|(name, bits)| (name.to_string(), *bits)).collect();
        let entries = [(); 2].map(|_| vec![vec![0; fields.len()]; batch]);
        Table { name: name.into(), fields, entries }
    }

    /// The entry that the register holds in slot `time mod B`.
    pub fn set(&mut self, group: usize, time: usize, values: &[usize]) {
        let batch = self.entries[group].len();
        self.entries[group][(time + batch - 1) % batch] = values.to_vec();
    }

    pub fn text(&self) -> String {
        let bits: usize = self.fields.iter().map(|f| f.1).sum();
        let slot = self.entries[0].len().trailing_zeros() as usize;
        let mut out = format!("reg [{}:0] {};\n", bits - 1, self.name);
        let mut low = 0;
        for (name, width) in &self.fields {
            let range = if *width == 1 { format!("[{low}]") } else { format!("[{}:{low}]", low + width - 1) };
            let shape = if *width == 1 { String::new() } else { format!("[{}:0] ", width - 1) };
            writeln!(out, "wire {shape}{name} = {}{range};", self.name).expect("String");
            low += width;
        }
        writeln!(out, "always @(posedge clk) if (tick) case ({{g2, now[{}:0]}})", slot - 1).expect("String");
        for (group, entries) in self.entries.iter().enumerate() {
            for (x, values) in entries.iter().enumerate() {
                let parts: Vec<String> =
                    self.fields.iter().zip(values).rev().map(|((_, w), v)| format!("{w}'d{v}")).collect();
                let at = group << slot | x;
                writeln!(out, "  {}'d{at}: {} <= {{{}}};", slot + 1, self.name, parts.join(", "))
                    .expect("String");
            }
        }
        out += "endcase\n";
        out
    }
}
