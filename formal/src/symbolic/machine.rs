//! A netlist clock by clock, on terms.

use super::netlist::{Netlist, Piece};
use super::terms::{Op, Term, Terms};
use crate::Error;
use std::collections::BTreeMap;

/// A memory: words whose content is known; whatever else is unknown, see [`Machine::havoc`].
#[derive(Clone, Default)]
struct Memory {
    words: BTreeMap<u64, Term>,
}

/// The state of a design and the values of its wires in the present clock.
pub struct Machine<'n> {
    netlist: &'n Netlist,
    pub terms: Terms,
    /// Of each cell's output.
    values: Vec<Term>,
    /// Cells whose operands have changed since they were computed.
    stale: Vec<bool>,
    /// Cells that read each cell.
    readers: Vec<Vec<usize>>,
    memories: BTreeMap<usize, Memory>,
    /// Combinational cells, each after those that it reads.
    order: Vec<usize>,
}

fn unsupported(what: String) -> Error {
    Error::Tool { tool: "yosys", said: what }
}

/// Kinds whose output is given: by the clock, or from outside.
fn is_source(kind: &str) -> bool {
    kind == "input" || kind == "$dff" || !kind.starts_with('$')
}

impl<'n> Machine<'n> {
    /// The design with nothing known of its state.
    ///
    /// # Errors
    /// Combinational loops.
    pub fn new(netlist: &'n Netlist, mut terms: Terms) -> Result<Machine<'n>, Error> {
        let cells = &netlist.cells;
        let clock = netlist.wires.get("clk");
        for cell in cells {
            let port = match cell.kind.as_str() {
                "$dff" => "CLK",
                "$mem_v2" => "WR_CLK",
                _ => continue,
            };
            if cell
                .inputs
                .get(port)
                .filter(|pieces| {
                    pieces.iter().all(|p| Some(std::slice::from_ref(p)) == clock.map(Vec::as_slice))
                })
                .is_none()
            {
                return Err(unsupported(format!("{}: another clock than clk", cell.name)));
            }
        }
        let values = cells.iter().map(|cell| terms.var(format!("?{}", cell.name), cell.width)).collect();
        let memories = netlist.of_kind("$mem_v2").map(|at| (at, Memory::default())).collect();
        let mut order = vec![];
        // 0: not seen, 1: its operands are being ordered, 2: ordered.
        let mut state = vec![0u8; cells.len()];
        for root in 0..cells.len() {
            let mut stack = vec![(root, false)];
            while let Some((at, done)) = stack.pop() {
                if done {
                    state[at] = 2;
                    order.push(at);
                    continue;
                }
                if state[at] == 2 || is_source(&cells[at].kind) {
                    continue;
                }
                if state[at] == 1 {
                    return Err(unsupported(format!("{}: a combinational loop", cells[at].name)));
                }
                state[at] = 1;
                stack.push((at, true));
                for (port, pieces) in &cells[at].inputs {
                    if cells[at].kind == "$mem_v2" && port != "RD_ADDR" {
                        continue;
                    }
                    for piece in pieces {
                        if let Piece::Of { cell, .. } = piece {
                            if state[*cell] != 2 {
                                stack.push((*cell, false));
                            }
                        }
                    }
                }
            }
        }
        let mut readers = vec![vec![]; cells.len()];
        for (at, cell) in cells.iter().enumerate() {
            for piece in cell.inputs.values().flatten() {
                if let Piece::Of { cell, .. } = piece {
                    readers[*cell].push(at);
                }
            }
        }
        readers.iter_mut().for_each(|r| r.dedup());
        let stale = vec![true; cells.len()];
        Ok(Machine { netlist, terms, values, stale, readers, memories, order })
    }

    /// The cell of this name.
    ///
    /// # Errors
    /// When there is none.
    pub fn cell(&self, name: &str) -> Result<usize, Error> {
        let found = self.netlist.cells.iter().position(|c| c.name == name);
        found.ok_or_else(|| unsupported(format!("no cell {name}")))
    }

    /// Gives the output of a cell that is not computed here: an input, a register, a unit that is cut out.
    pub fn set(&mut self, cell: usize, value: Term) {
        debug_assert_eq!(self.terms.width(value), self.netlist.cells[cell].width);
        if self.values[cell] != value {
            self.values[cell] = value;
            for reader in &self.readers[cell] {
                self.stale[*reader] = true;
            }
        }
    }

    /// Gives an input, or a register by the name of its wire.
    ///
    /// # Errors
    /// When there is no such wire, or it is not the whole of one cell.
    pub fn set_wire(&mut self, name: &str, value: Term) -> Result<(), Error> {
        match self.netlist.wires.get(name).map(Vec::as_slice) {
            Some([Piece::Of { cell, lo: 0, width }]) if *width == self.netlist.cells[*cell].width => {
                self.set(*cell, value);
                Ok(())
            }
            _ => Err(unsupported(format!("{name} is not one register"))),
        }
    }

    /// What is at an input of a cell in this clock; after [`eval`](Self::eval).
    pub fn operand(&mut self, cell: usize, port: &str) -> Term {
        match self.netlist.cells[cell].inputs.get(port) {
            Some(pieces) => self.gather(pieces),
            None => self.terms.var("?", 1),
        }
    }

    /// The value of a wire in this clock; after [`eval`](Self::eval).
    ///
    /// # Errors
    /// When there is no such wire.
    pub fn wire(&mut self, name: &str) -> Result<Term, Error> {
        let netlist = self.netlist;
        let pieces = netlist.wires.get(name).ok_or_else(|| unsupported(format!("no wire {name}")))?;
        Ok(self.gather(pieces))
    }

    fn gather(&mut self, pieces: &[Piece]) -> Term {
        let parts: Vec<Term> = pieces
            .iter()
            .map(|piece| match piece {
                Piece::Of { cell, lo, width } => self.terms.slice(self.values[*cell], *lo, *width),
                Piece::Const { value, width } => self.terms.constant(value.clone(), *width),
                // Another one each time: nothing follows from its being the same wire.
                Piece::Unknown { width } => self.terms.var("?", *width),
            })
            .collect();
        self.terms.concat(&parts)
    }

    /// Computes all wires from the state, the inputs and the outputs of units that are cut out.
    ///
    /// # Errors
    /// Cells of a kind or with parameters that are not supported.
    pub fn eval(&mut self) -> Result<(), Error> {
        let netlist = self.netlist;
        for i in 0..self.order.len() {
            let at = self.order[i];
            if !self.stale[at] {
                continue;
            }
            let cell = &netlist.cells[at];
            let value = if cell.kind == "$mem_v2" {
                self.read_memory(at)?
            } else {
                let operands: Vec<Term> = cell.inputs.values().map(|pieces| self.gather(pieces)).collect();
                self.compute(at, &operands)?
            };
            self.set(at, value);
            self.stale[at] = false;
        }
        Ok(())
    }

    /// `operands` are those of the ports in alphabetical order: A, B, S.
    fn compute(&mut self, at: usize, operands: &[Term]) -> Result<Term, Error> {
        let cell = &self.netlist.cells[at];
        let parameter = |name: &str| cell.parameters.get(name).copied().unwrap_or(0);
        let (width, kind) = (cell.width, cell.kind.as_str());
        let signed = parameter("A_SIGNED") == 1;
        let t = &mut self.terms;
        let (a, b) = (operands[0], operands.get(1).copied());
        let any = |t: &mut Terms, x: Term| {
            let zero = t.constant(0u32, t.width(x));
            let none = t.eq(x, zero);
            t.not(none)
        };
        let refuse = || Err(unsupported(format!("{}: {kind} {:?}", cell.name, cell.parameters)));
        let shifts = matches!(kind, "$shift" | "$shiftx" | "$shl" | "$shr");
        // Signs matter where operands are extended, and for a shift's distance.
        let needs = match kind {
            "$add" | "$sub" | "$and" | "$or" | "$xor" | "$not" | "$neg" | "$eq" | "$ne" => {
                signed && [a].iter().chain(&b).any(|x| t.width(*x) < width.max(t.width(a)))
            }
            _ => signed,
        };
        if needs {
            return refuse();
        }
        let both = |t: &mut Terms, b: Option<Term>| {
            let b = b.unwrap_or(a);
            let wide = t.width(a).max(t.width(b));
            (t.extend(a, wide), t.extend(b, wide))
        };
        let out = match kind {
            "$add" | "$sub" | "$and" | "$or" | "$xor" => {
                let b = b.unwrap_or(a);
                let (a, b) = (t.extend(a, width), t.extend(b, width));
                match kind {
                    "$add" => t.add(a, b),
                    "$sub" => t.sub(a, b),
                    "$and" => t.and(a, b),
                    "$or" => t.or(a, b),
                    _ => t.bitwise(Op::Xor, a, b),
                }
            }
            "$not" => {
                let a = t.extend(a, width);
                t.not(a)
            }
            "$neg" => {
                let a = t.extend(a, width);
                let zero = t.constant(0u32, width);
                t.sub(zero, a)
            }
            "$pos" => t.extend(a, width),
            "$eq" | "$ne" | "$lt" | "$le" | "$gt" | "$ge" => {
                let (a, b) = both(t, b);
                let bit = match kind {
                    "$eq" | "$ne" => t.eq(a, b),
                    "$lt" | "$ge" => t.less(a, b),
                    _ => t.less(b, a),
                };
                let bit = if matches!(kind, "$ne" | "$ge" | "$le") { t.not(bit) } else { bit };
                t.extend(bit, width)
            }
            "$logic_not" | "$reduce_or" | "$reduce_bool" | "$logic_and" | "$logic_or" => {
                let x = any(t, a);
                let bit = match kind {
                    "$logic_not" => t.not(x),
                    "$logic_and" | "$logic_or" => {
                        let y = any(t, b.unwrap_or(a));
                        t.bitwise(if kind == "$logic_and" { Op::And } else { Op::Or }, x, y)
                    }
                    _ => x,
                };
                t.extend(bit, width)
            }
            "$mux" => t.ite(operands[2], operands[1], a),
            "$pmux" => {
                let (b, s) = (operands[1], operands[2]);
                let mut out = a;
                let mut taken = 0;
                for i in (0..t.width(s)).rev() {
                    let bit = t.slice(s, i, 1);
                    if t.number(bit) == Some(0) {
                        continue;
                    }
                    taken += 1;
                    let value = t.slice(b, i * width, width);
                    out = t.ite(bit, value, out);
                }
                // Several at once have no defined result.
                if taken > 1 {
                    return Ok(t.var(format!("?{}", cell.name), width));
                }
                out
            }
            _ if shifts => {
                let b = b.unwrap_or(a);
                let Some(by) = t.as_const(b).cloned() else {
                    let name = format!("{kind} {:?}", cell.parameters);
                    return Ok(t.cell(name, &[a, b], width));
                };
                let bits = t.width(b);
                let negative = parameter("B_SIGNED") == 1 && by.bit(bits as u64 - 1);
                let distance = if negative { permafrost_rtl::graph::mask(bits) + 1u32 - by } else { by };
                let Ok(distance) = usize::try_from(&distance) else { return refuse() };
                let left = (kind == "$shl") != negative;
                let wide = width.max(t.width(a)) + distance;
                if left {
                    let zero = t.constant(0u32, distance.max(1));
                    let shifted = if distance == 0 { a } else { t.concat(&[zero, a]) };
                    t.extend(shifted, width)
                } else {
                    let a = t.extend(a, wide);
                    t.slice(a, distance, width)
                }
            }
            // Field functions whose bodies have been replaced by these operators, see `crate::field::functions`.
            "$mod" => t.call("sub", operands, width),
            "$div" => t.call("add", operands, width),
            "$mul" => t.call("triple", &operands[..1], width),
            _ => return refuse(),
        };
        if t.width(out) != width {
            return refuse();
        }
        Ok(out)
    }

    fn read_memory(&mut self, at: usize) -> Result<Term, Error> {
        let netlist = self.netlist;
        let cell = &netlist.cells[at];
        let number = |name: &str| cell.parameters.get(name).copied().unwrap_or(0);
        let (bits, abits) = (number("WIDTH") as usize, number("ABITS") as usize);
        if number("RD_CLK_ENABLE") != 0 {
            return Err(unsupported(format!("{}: a clocked read", cell.name)));
        }
        let address = self.gather(&cell.inputs["RD_ADDR"]);
        let mut out = vec![];
        for port in 0..cell.width / bits {
            let one = self.terms.slice(address, port * abits, abits);
            let word = match self.terms.number(one) {
                Some(place) => {
                    let words = &mut self.memories.get_mut(&at).expect("made in new").words;
                    *words.entry(place).or_insert_with(|| self.terms.var(format!("?{}", cell.name), bits))
                }
                None => self.terms.var(format!("?{}", cell.name), bits),
            };
            out.push(word);
        }
        Ok(self.terms.concat(&out))
    }

    /// The clock edge: registers and memories take what is at their inputs.
    ///
    /// # Errors
    /// Registers and memories of a kind that is not supported.
    pub fn clock(&mut self) -> Result<(), Error> {
        let netlist = self.netlist;
        let mut next = vec![];
        for at in netlist.of_kind("$dff") {
            let cell = &netlist.cells[at];
            if cell.parameters.get("CLK_POLARITY") != Some(&1) {
                return Err(unsupported(format!("{}: not a rising edge", cell.name)));
            }
            next.push((at, self.gather(&cell.inputs["D"])));
        }
        for at in netlist.of_kind("$mem_v2") {
            self.write_memory(at)?;
        }
        for (at, value) in next {
            self.set(at, value);
        }
        Ok(())
    }

    fn write_memory(&mut self, at: usize) -> Result<(), Error> {
        let netlist = self.netlist;
        let cell = &netlist.cells[at];
        let number = |name: &str| cell.parameters.get(name).copied().unwrap_or(0);
        let (bits, abits) = (number("WIDTH") as usize, number("ABITS") as usize);
        let [enable, address, data] =
            ["WR_EN", "WR_ADDR", "WR_DATA"].map(|port| self.gather(&cell.inputs[port]));
        if number("WR_CLK_ENABLE") + 1 != 1 << number("WR_PORTS") {
            return Err(unsupported(format!("{}: a write without a clock", cell.name)));
        }
        for port in 0..number("WR_PORTS") as usize {
            let t = &mut self.terms;
            let (first, all) = (t.slice(enable, port * bits, 1), t.slice(enable, port * bits, bits));
            let [none, every] = [0u32.into(), permafrost_rtl::graph::mask(bits)].map(|c| t.constant(c, bits));
            if all != t.ite(first, every, none) {
                return Err(unsupported(format!("{}: a write of some bits", cell.name)));
            }
            if t.number(first) == Some(0) {
                continue;
            }
            self.stale[at] = true;
            let (place, word) = (t.slice(address, port * abits, abits), t.slice(data, port * bits, bits));
            let memory = self.memories.get_mut(&at).expect("made in new");
            match (t.number(first), t.number(place)) {
                (Some(_), Some(place)) => {
                    memory.words.insert(place, word);
                }
                (None, Some(place)) => {
                    let old =
                        *memory.words.entry(place).or_insert_with(|| t.var(format!("?{}", cell.name), bits));
                    let new = t.ite(first, word, old);
                    memory.words.insert(place, new);
                }
                _ => memory.words.clear(),
            }
        }
        Ok(())
    }

    /// Registers that have a constant value, by their number.
    pub fn constants(&self) -> BTreeMap<usize, Term> {
        let registers = self.netlist.of_kind("$dff").map(|at| (at, self.values[at]));
        registers.filter(|(_, value)| self.terms.as_const(*value).is_some()).collect()
    }

    /// Forgets the state but for registers that have a constant value.
    pub fn forget(&mut self) {
        let kept = self.constants();
        for at in 0..self.netlist.cells.len() {
            let cell = &self.netlist.cells[at];
            if is_source(&cell.kind) && !kept.contains_key(&at) {
                let unknown = self.terms.var(format!("?{}", cell.name), cell.width);
                self.set(at, unknown);
            }
        }
        self.memories.values_mut().for_each(|m| m.words.clear());
        self.stale.fill(true);
    }
}
