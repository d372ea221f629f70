//! Word-level cells of a Verilog text, as yosys reads it.
//!
//! Beside [`crate::netlist::rtlil`], which reads what the front end writes: that refuses memories and leaves processes as they
//! are, and a run clock by clock wants a flat design with memories, registers and multiplexers as cells, so yosys' passes that
//! make them are trusted here too.

use crate::{tools::Tools, Error};
use num_bigint::BigUint;
use serde_json::Value;
use std::collections::{BTreeMap, HashMap};
use std::path::Path;

/// Where some bits of a wire come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// Bits of the output of a cell or of an input, by its number in [`Netlist::cells`].
    Of { cell: usize, lo: usize, width: usize },
    /// Constant bits.
    Const { value: BigUint, width: usize },
    /// Bits without a value.
    Unknown { width: usize },
}

/// A cell with one output, or an input of the design (kind `input`).
#[derive(Clone, Debug)]
pub struct Cell {
    pub name: String,
    pub kind: String,
    /// Parameters that are numbers.
    pub parameters: BTreeMap<String, u64>,
    pub inputs: BTreeMap<String, Vec<Piece>>,
    /// Bits of the output.
    pub width: usize,
}

/// A flat design.
#[derive(Clone, Debug)]
pub struct Netlist {
    pub cells: Vec<Cell>,
    /// All named wires.
    pub wires: HashMap<String, Vec<Piece>>,
}

/// Outputs that cells of yosys' own have.
const OUTPUTS: [&str; 3] = ["Y", "Q", "RD_DATA"];

fn said(what: impl Into<String>) -> Error {
    Error::Tool { tool: "yosys", said: what.into() }
}

impl Netlist {
    /// Reads `text` and flattens module `top`; in `folder`, which has to exist. Modules that are declared `(* blackbox *)` stay
    /// cells, of one output.
    ///
    /// # Errors
    /// When yosys does not take the text, or it has something that is not supported here.
    pub fn read(tools: &Tools, folder: &Path, text: &str, top: &str) -> Result<Netlist, Error> {
        let io = |source| Error::Io { path: folder.display().to_string(), source };
        std::fs::write(folder.join("design.v"), text).map_err(io)?;
        let script = format!(
            "read_verilog -sv design.v; hierarchy -check -top {top}; proc -norom; flatten; opt_clean; \
             memory_collect; check -assert; write_json design.json"
        );
        let out = tools.run(folder, "yosys", &["-q", "-p", &script], None, 120)?;
        if !out.success {
            return Err(said(out.text));
        }
        let json = std::fs::read(folder.join("design.json")).map_err(io)?;
        let json: Value = serde_json::from_slice(&json).map_err(|e| said(e.to_string()))?;
        Netlist::parse(&json["modules"][top])
    }

    fn parse(module: &Value) -> Result<Netlist, Error> {
        let entries = |value: &Value| -> Vec<(String, Value)> {
            value
                .as_object()
                .map(|o| o.iter().map(|(k, v)| (k.clone(), v.clone())).collect())
                .unwrap_or_default()
        };
        let bits = |value: &Value| value.as_array().cloned().unwrap_or_default();
        let mut cells = vec![];
        let mut drivers: HashMap<u64, (usize, usize)> = HashMap::new();
        let mut drive = |cell: usize, bits: &[Value]| -> Result<(), Error> {
            for (at, bit) in bits.iter().enumerate() {
                let Some(bit) = bit.as_u64() else { continue };
                if drivers.insert(bit, (cell, at)).is_some() {
                    return Err(said(format!("wire {bit} has two drivers")));
                }
            }
            Ok(())
        };
        for (name, port) in entries(&module["ports"]) {
            if port["direction"] == "input" {
                let bits = bits(&port["bits"]);
                drive(cells.len(), &bits)?;
                let (parameters, inputs) = Default::default();
                cells.push(Cell { name, kind: "input".into(), parameters, inputs, width: bits.len() });
            }
        }
        let mut wired = vec![];
        for (name, cell) in entries(&module["cells"]) {
            let kind = cell["type"].as_str().unwrap_or_default().to_string();
            let mut parameters = BTreeMap::new();
            for (key, value) in entries(&cell["parameters"]) {
                if let Some(number) = value.as_str().and_then(|digits| u64::from_str_radix(digits, 2).ok()) {
                    parameters.insert(key, number);
                }
            }
            let directions = &cell["port_directions"];
            let (mut inputs, mut outputs) = (vec![], vec![]);
            for (port, wires) in entries(&cell["connections"]) {
                let known = OUTPUTS.contains(&port.as_str()) && kind.starts_with('$');
                if directions[&port] == "output" || known {
                    outputs.push(bits(&wires));
                } else {
                    inputs.push((port, bits(&wires)));
                }
            }
            let [output] = &outputs[..] else {
                return Err(said(format!("{name}: {kind} with {} outputs", outputs.len())));
            };
            drive(cells.len(), output)?;
            wired.push((cells.len(), inputs));
            cells.push(Cell { name, kind, parameters, inputs: BTreeMap::new(), width: output.len() });
        }
        let pieces = |bits: &[Value]| -> Vec<Piece> {
            let mut out: Vec<Piece> = vec![];
            for bit in bits {
                let next = match (bit.as_u64().and_then(|bit| drivers.get(&bit)), bit.as_str()) {
                    (Some((cell, lo)), _) => Piece::Of { cell: *cell, lo: *lo, width: 1 },
                    (_, Some("0")) => Piece::Const { value: 0u32.into(), width: 1 },
                    (_, Some("1")) => Piece::Const { value: 1u32.into(), width: 1 },
                    _ => Piece::Unknown { width: 1 },
                };
                match (out.last_mut(), next.clone()) {
                    (Some(Piece::Of { cell, lo, width }), Piece::Of { cell: c, lo: l, .. })
                        if *cell == c && *lo + *width == l =>
                    {
                        *width += 1
                    }
                    (Some(Piece::Const { value, width }), Piece::Const { value: v, .. }) => {
                        value.set_bit(*width as u64, v.bit(0));
                        *width += 1;
                    }
                    (Some(Piece::Unknown { width }), Piece::Unknown { .. }) => *width += 1,
                    _ => out.push(next),
                }
            }
            out
        };
        for (cell, inputs) in wired {
            cells[cell].inputs = inputs.into_iter().map(|(port, bits)| (port, pieces(&bits))).collect();
        }
        let wires = entries(&module["netnames"])
            .into_iter()
            .map(|(name, wire)| (name, pieces(&bits(&wire["bits"]))))
            .collect();
        Ok(Netlist { cells, wires })
    }

    /// Numbers of the cells of `kind`.
    pub fn of_kind<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = usize> + 'a {
        self.cells.iter().enumerate().filter(move |(_, c)| c.kind == kind).map(|(at, _)| at)
    }
}
