//! Verilog that the parts of the core have in common: delays, bank numbers, selections.

use super::block::Shape;
use crate::field::FIELD_BITS;
use std::fmt::Write as _;

/// Number of an element's top bit.
pub const FIELD_TOP: usize = FIELD_BITS - 1;

/// A delay line `name` of `clocks` (1 or more) words of `bits` bits, from expression `from` to the wire `to`; all words become
/// 0 while `clear` is high.
pub fn delay(name: &str, bits: usize, clocks: usize, from: &str, to: &str, clear: &str) -> String {
    let all = bits * clocks;
    let next =
        if clocks == 1 { from.to_string() } else { format!("{{{name}[{}:0], {from}}}", all - bits - 1) };
    format!(
        "reg [{top}:0] {name};\nassign {to} = {name}[{top}:{low}];\n\
         always @(posedge clk) {name} <= {clear} ? {all}'d0 : {next};\n",
        top = all - 1,
        low = all - bits,
    )
}

/// Exclusive or of the digits of `index` (`max_log` bits) as an expression of `bank_bits` bits.
pub fn fold(shape: &Shape, index: &str) -> String {
    let b = shape.bank_bits();
    let bits = (0..b).rev().map(|k| {
        let of_digit: Vec<_> = (k..shape.max_log).step_by(b).map(|e| format!("{index}[{e}]")).collect();
        of_digit.join(" ^ ")
    });
    format!("{{{}}}", bits.collect::<Vec<_>>().join(", "))
}

/// A selection by `index` (`bits` bits) of a word of 254 bits out of as many as the index can tell apart.
pub fn pick_function(name: &str, bits: usize) -> String {
    let words = 1usize << bits;
    let mut out = format!(
        "function [{fl}:0] {name}(input [{all}:0] words, input [{il}:0] index);\n  case (index)\n",
        fl = FIELD_BITS - 1,
        all = words * FIELD_BITS - 1,
        il = bits - 1,
    );
    for k in 1..words {
        writeln!(out, "    {bits}'d{k}: {name} = words[{}:{}];", (k + 1) * FIELD_BITS - 1, k * FIELD_BITS)
            .expect("String");
    }
    out += &format!("    default: {name} = words[{}:0];\n  endcase\nendfunction\n", FIELD_BITS - 1);
    out
}
