//! What a net computes, as an SMT-LIB term over bit vectors.
//!
//! Beside [`crate::symbolic::terms`], which simplifies: these are text for the solver alone, written cell by cell as they are read, so
//! that no rewriting has to be trusted.

use super::net::{Bit, Net, Source};
use super::rtlil::{Cell, Spec};
use std::collections::HashMap;
use std::fmt::Write as _;

/// Terms of one query: definitions of the cells on the way, in order.
pub struct Terms<'n> {
    net: &'n Net,
    /// Names of the leaves, and of cells whose output is a leaf.
    leaves: HashMap<usize, String>,
    products: HashMap<usize, String>,
    pub definitions: String,
    cells: HashMap<usize, String>,
    decisions: HashMap<usize, String>,
}

impl<'n> Terms<'n> {
    /// Terms over `leaves`, by wire, and `products`, by cell: their names.
    pub fn new(net: &'n Net, leaves: HashMap<usize, String>, products: HashMap<usize, String>) -> Self {
        let definitions = String::new();
        Terms { net, leaves, products, definitions, cells: HashMap::new(), decisions: HashMap::new() }
    }

    /// The term of `bits`.
    ///
    /// # Errors
    /// A leaf that is none of those named, or a cell that is not known.
    pub fn term(&mut self, bits: &[Bit]) -> Result<String, String> {
        let mut parts = vec![];
        let mut at = 0;
        while at < bits.len() {
            let mut end = at + 1;
            while end < bits.len() && follows(bits[end - 1], bits[end]) {
                end += 1;
            }
            parts.push(self.run(&bits[at..end])?);
            at = end;
        }
        Ok(match parts.len() {
            0 => return Err("an expression of no bits".into()),
            1 => parts.remove(0),
            _ => {
                parts.reverse();
                // Concatenation takes two in the standard.
                let mut parts = parts.into_iter();
                let first = parts.next().unwrap_or_default();
                parts.fold(first, |high, low| format!("(concat {high} {low})"))
            }
        })
    }

    /// Consecutive bits of one thing.
    fn run(&mut self, bits: &[Bit]) -> Result<String, String> {
        let (low, count) = (bits[0], bits.len());
        let (name, width, low) = match low {
            Bit::Const(_) => {
                let digits: String =
                    bits.iter().rev().map(|b| if *b == Bit::Const(true) { '1' } else { '0' }).collect();
                return Ok(format!("#b{digits}"));
            }
            Bit::Unknown => return Err("a value that nothing drives".into()),
            Bit::Leaf(wire, low) => {
                let wires = &self.net.module.wires;
                let name = self.leaves.get(&wire).ok_or_else(|| format!("reads `{}`", wires[wire].name))?;
                (name.clone(), wires[wire].width, low)
            }
            Bit::Cell(cell, port, low) => {
                let width = self.net.module.cells[cell].ports[port].1.len();
                (self.cell(cell)?, width, low)
            }
            Bit::Decision(at, low) => {
                let name = self.decision(at)?;
                (name, self.decision_width(at), low)
            }
        };
        Ok(if low == 0 && count == width {
            name
        } else {
            format!("((_ extract {} {low}) {name})", low + count - 1)
        })
    }

    fn decision_width(&self, at: usize) -> usize {
        let arms = &self.net.decisions[at].arms;
        arms.iter()
            .map(|(_, source)| match source {
                Source::Spec(spec) => spec.len(),
                Source::Decision(at) => self.decision_width(*at),
                Source::Nothing => 0,
            })
            .max()
            .unwrap_or(0)
    }

    fn define(&mut self, prefix: &str, number: usize, width: usize, value: &str) -> String {
        let name = format!("{prefix}{number}");
        writeln!(self.definitions, "(define-fun {name} () (_ BitVec {width}) {value})").expect("String");
        name
    }

    fn decision(&mut self, at: usize) -> Result<String, String> {
        if let Some(name) = self.decisions.get(&at) {
            return Ok(name.clone());
        }
        let decision = &self.net.decisions[at];
        let width = self.decision_width(at);
        let selector = self.term(&self.net.bits(&decision.selector))?;
        let mut value = None;
        // An arm without patterns ends the choice.
        let end = decision.arms.iter().position(|(patterns, _)| patterns.is_empty());
        let end = end.ok_or("a case without a default")?;
        for (patterns, source) in decision.arms[..=end].iter().rev() {
            let taken = match source {
                Source::Spec(spec) => self.term(&self.net.bits(spec))?,
                Source::Decision(at) => self.decision(*at)?,
                Source::Nothing => return Err("a case that leaves its value open".into()),
            };
            value = Some(match value {
                None => taken,
                Some(rest) => {
                    let tests = patterns
                        .iter()
                        .map(|p| Ok(format!("(= {selector} {})", self.term(&self.net.bits(p))?)))
                        .collect::<Result<Vec<_>, String>>()?;
                    let test =
                        if tests.len() == 1 { tests[0].clone() } else { format!("(or {})", tests.join(" ")) };
                    format!("(ite {test} {taken} {rest})")
                }
            });
        }
        let name = self.define("d", self.decisions.len(), width, &value.unwrap_or_default());
        self.decisions.insert(at, name.clone());
        Ok(name)
    }

    fn cell(&mut self, at: usize) -> Result<String, String> {
        if let Some(name) = self.cells.get(&at).or_else(|| self.products.get(&at)) {
            return Ok(name.clone());
        }
        let cell = &self.net.module.cells[at];
        let width = cell.port("Y").map_or(0, Vec::len);
        let value = self.value(cell, width)?;
        let name = self.define("c", self.cells.len(), width, &value);
        self.cells.insert(at, name.clone());
        Ok(name)
    }

    fn port(&mut self, cell: &Cell, port: &str) -> Result<(String, usize), String> {
        let spec: &Spec = cell.port(port).ok_or_else(|| format!("{}: no {port}", cell.kind))?;
        Ok((self.term(&self.net.bits(spec))?, spec.len()))
    }

    /// Operand `port`, brought to `width` as the cell does.
    fn operand(&mut self, cell: &Cell, port: &str, width: usize, signed: bool) -> Result<String, String> {
        let (term, own) = self.port(cell, port)?;
        Ok(match own.cmp(&width) {
            std::cmp::Ordering::Less if signed => format!("((_ sign_extend {}) {term})", width - own),
            std::cmp::Ordering::Less => format!("((_ zero_extend {}) {term})", width - own),
            std::cmp::Ordering::Equal => term,
            std::cmp::Ordering::Greater => format!("((_ extract {} 0) {term})", width - 1),
        })
    }

    /// What a cell of yosys' word-level library computes, `width` bits of it.
    fn value(&mut self, cell: &Cell, width: usize) -> Result<String, String> {
        let flag = |name: &str| cell.parameters.get(name).is_some_and(|v| *v != 0);
        let signed = flag("A_SIGNED") && (cell.port("B").is_none() || flag("B_SIGNED"));
        let one = |test: String| {
            let bit = format!("(ite {test} #b1 #b0)");
            if width == 1 {
                bit
            } else {
                format!("((_ zero_extend {}) {bit})", width - 1)
            }
        };
        let zero = |bits: usize| format!("#b{}", "0".repeat(bits));
        Ok(match cell.kind.as_str() {
            "$add" | "$sub" | "$and" | "$or" | "$xor" => {
                let function = match cell.kind.as_str() {
                    "$add" => "bvadd",
                    "$sub" => "bvsub",
                    "$and" => "bvand",
                    "$or" => "bvor",
                    _ => "bvxor",
                };
                let (a, b) =
                    (self.operand(cell, "A", width, signed)?, self.operand(cell, "B", width, signed)?);
                format!("({function} {a} {b})")
            }
            "$not" => format!("(bvnot {})", self.operand(cell, "A", width, signed)?),
            "$neg" => format!("(bvneg {})", self.operand(cell, "A", width, signed)?),
            "$pos" => self.operand(cell, "A", width, signed)?,
            "$eq" | "$ne" => {
                let both = ["A", "B"].map(|p| cell.port(p).map_or(0, Vec::len));
                let common = both[0].max(both[1]);
                let (a, b) =
                    (self.operand(cell, "A", common, signed)?, self.operand(cell, "B", common, signed)?);
                let test = format!("(= {a} {b})");
                one(if cell.kind == "$eq" { test } else { format!("(not {test})") })
            }
            "$logic_not" => {
                let (a, bits) = self.port(cell, "A")?;
                one(format!("(= {a} {})", zero(bits)))
            }
            "$mux" => {
                let (s, _) = self.port(cell, "S")?;
                let (a, _) = self.port(cell, "A")?;
                let (b, _) = self.port(cell, "B")?;
                format!("(ite (= {s} #b1) {b} {a})")
            }
            other => return Err(format!("`{other}` is not expected here")),
        })
    }
}

/// Whether `b` is the bit above `a` of the same thing.
fn follows(a: Bit, b: Bit) -> bool {
    match (a, b) {
        (Bit::Const(_), Bit::Const(_)) => true,
        (Bit::Leaf(w, i), Bit::Leaf(v, j)) => w == v && i + 1 == j,
        (Bit::Cell(c, p, i), Bit::Cell(d, q, j)) => c == d && p == q && i + 1 == j,
        (Bit::Decision(d, i), Bit::Decision(e, j)) => d == e && i + 1 == j,
        _ => false,
    }
}
