//! A delay of many clocks as a memory, the Verilog of it.

use std::fmt::Write as _;

/// Width of `now`, the count of ticks that addresses the rings, that can tell `span` ticks apart.
pub fn bits_for(span: usize) -> usize {
    (span + 1).next_power_of_two().trailing_zeros() as usize
}

/// A memory of the last words of a stream, addressed by time: a word goes in a tick, and is read `age` ticks later.
///
/// Reads are synchronous. `now` is the tick counter; the ring has the next power of two above the largest age.
pub struct Ring {
    name: String,
    bits: usize,
    log2: usize,
    text: String,
}

impl Ring {
    /// Writes `value` in every tick.
    pub fn new(name: &str, bits: usize, max_age: usize, value: &str) -> Ring {
        let log2 = bits_for(max_age);
        let at = log2 - 1;
        let text = format!(
            "reg [{}:0] {name} [0:{}];\nalways @(posedge clk) if (tick) {name}[now[{at}:0]] <= {value};\n",
            bits - 1,
            (1usize << log2) - 1
        );
        Ring { name: name.into(), bits, log2, text }
    }

    /// Register `register` takes the word that went in `age` ticks ago; `age` is an expression as wide as [`Ring::log2`].
    pub fn read(mut self, register: &str, age: &str) -> Ring {
        let (name, log2) = (&self.name, self.log2);
        write!(
            self.text,
            "wire [{at}:0] {register}_at = now[{at}:0] - {age};\nreg [{w}:0] {register};\n\
             always @(posedge clk) if (tick) {register} <= {name}[{register}_at];\n",
            at = log2 - 1,
            w = self.bits - 1
        )
        .expect("String");
        self
    }

    /// Bits of an age.
    pub fn log2(&self) -> usize {
        self.log2
    }

    pub fn text(self) -> String {
        self.text
    }
}
