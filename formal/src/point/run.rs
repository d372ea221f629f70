//! The adder's text clock by clock.

use crate::field::functions;
use crate::symbolic::{Machine, Netlist, Term, Terms};
use crate::tools::Tools;
use crate::Error;
use num_bigint::BigUint;
use permafrost_rtl::field::ext_mul::{COORD_BITS, TICK_CLOCKS};
use permafrost_rtl::field::FIELD_BITS;
use permafrost_rtl::hdl::Design;
use permafrost_rtl::point::affine::{adder, Shape};
use permafrost_rtl::target::Target;
use std::collections::{BTreeMap, HashMap};

/// Bits of the tags in the runs.
const TAG_BITS: usize = 8;

const STUBS: &str = "
(* blackbox *) module fq2_mul(input wire clk, input wire g2, input wire tick, input wire [507:0] a, input wire [507:0] b,
  output wire [507:0] y); endmodule
(* blackbox *) module fq_inverse(input wire clk, input wire rst, input wire start, input wire [253:0] a,
  output wire [253:0] y); endmodule
";

/// The emitted modules, and what the generator says of their timing.
pub struct Unit {
    pub text: String,
    pub top: String,
    pub shape: Shape,
}

impl Unit {
    /// The adder for `target`.
    ///
    /// # Errors
    /// When the design does not elaborate.
    pub fn new(target: Target) -> Result<Unit, Error> {
        let module = adder(target, TAG_BITS).module;
        let design = Design::elaborate(&module).map_err(|e| Error::Manifest(e.to_string()))?;
        let mine = design.files.iter().filter(|(name, _)| name.starts_with("affine_"));
        let text = mine.map(|(_, text)| text.as_str()).collect::<Vec<_>>().join("\n");
        Ok(Unit { text, top: module.name().to_string(), shape: Shape::new(target) })
    }

    /// The cells of the text.
    ///
    /// # Errors
    /// When yosys or [`functions::cut`] refuses it.
    pub fn netlist(&self, tools: &Tools) -> Result<Netlist, Error> {
        let text = functions::cut(&self.text).map_err(Error::Manifest)?;
        let folder = crate::tools::folder()?;
        Netlist::read(tools, folder.path(), &format!("{STUBS}{text}"), &self.top)
    }
}

/// How a run begins.
#[derive(Clone, Debug)]
pub enum Start {
    /// Any state, `rst` in this clock of a tick.
    Reset(usize),
    /// Any state in which the group was the other one, its change in this clock of a tick.
    Switch(usize),
    /// The first clock of a tick, with these registers.
    From(BTreeMap<usize, BigUint>),
}

/// What was at some wires in one tick.
#[derive(Clone, Debug)]
pub struct Tick {
    /// Inputs: p and q as x1, y1, x2, y2; with them.
    pub coordinates: [Term; 4],
    pub valid: Term,
    pub tag: Term,
    /// Of the front: the case, and the denominator.
    pub kind: Term,
    pub d: Term,
    /// The denominators' inverses.
    pub inverse: Term,
    /// Outputs.
    pub early_valid: Term,
    pub early_tag: Term,
    pub out_valid: Term,
    pub out_tag: Term,
    pub r: Term,
}

/// A run.
pub struct Trace {
    pub terms: Terms,
    pub ticks: Vec<Tick>,
    /// Results of inverters: of what, and the condition under which the inversion was started.
    pub inverses: HashMap<Term, (Term, Term)>,
    /// Constant registers after the ticks that were asked for.
    pub constants: BTreeMap<usize, BTreeMap<usize, BigUint>>,
}

/// A multiplier that is cut out: its products tick by tick.
struct Multiplier {
    cell: usize,
    /// Operands in the clocks of this tick.
    now: Vec<[Term; 2]>,
    products: Vec<Term>,
}

/// An inverter that is cut out.
struct Inverter {
    cell: usize,
    /// The inversion under way: the clock in which its result is there, its condition, its operand.
    pending: Option<(usize, Term, Term)>,
    result: Option<Term>,
}

/// Runs `netlist` for `ticks` ticks; the inner error is a rule that the design broke on the way.
///
/// # Errors
/// What is not supported of the design.
pub fn run(
    unit: &Unit,
    netlist: &Netlist,
    group: usize,
    start: &Start,
    ticks: usize,
    keep: &[usize],
) -> Result<Result<Trace, String>, Error> {
    let mut m = Machine::new(netlist, Terms::default())?;
    let clocks = TICK_CLOCKS[group];
    let latency = unit.shape.mul.latency[group];
    let mut multipliers: Vec<Multiplier> =
        netlist.of_kind("fq2_mul").map(|cell| Multiplier { cell, now: vec![], products: vec![] }).collect();
    let mut inverters: Vec<Inverter> =
        netlist.of_kind("fq_inverse").map(|cell| Inverter { cell, pending: None, result: None }).collect();
    let bits = [false, true].map(|bit| m.terms.bit(bit));
    m.set_wire("g2", bits[group])?;
    m.set_wire("rst", bits[0])?;
    let (mut phase, trusted) = match start {
        Start::Reset(at) | Start::Switch(at) => {
            match start {
                Start::Reset(_) => m.set_wire("rst", bits[1])?,
                _ => m.set_wire("g2_q", bits[1 - group])?,
            }
            m.set_wire("tick", bits[usize::from(*at == clocks - 1)])?;
            m.eval()?;
            m.clock()?;
            m.set_wire("rst", bits[0])?;
            // The multiplier's contract: the third tick after a change of the group counts.
            ((at + 1) % clocks, 2)
        }
        Start::From(registers) => {
            for (at, value) in registers {
                let value = m.terms.constant(value.clone(), netlist.cells[*at].width);
                m.set(*at, value);
            }
            (0, 0)
        }
    };
    let mut out: Vec<Tick> = vec![];
    let (mut inverses, mut constants) = (HashMap::new(), BTreeMap::new());
    let mut held: Vec<Term> = vec![];
    for clock in 0.. {
        let now = out.len();
        if now == ticks {
            break;
        }
        let last = phase == clocks - 1;
        m.set_wire("tick", bits[usize::from(last)])?;
        let at = if last { format!("{now}") } else { format!("?{clock}") };
        let coordinates =
            ["x1", "y1", "x2", "y2"].map(|name| m.terms.var(format!("{name}.{at}"), COORD_BITS));
        let [valid, tag] =
            [("valid", 1), ("tag", TAG_BITS)].map(|(name, bits)| m.terms.var(format!("{name}.{at}"), bits));
        let p = m.terms.concat(&coordinates[..2]);
        let q = m.terms.concat(&coordinates[2..]);
        for (name, value) in [("p", p), ("q", q), ("in_valid", valid), ("tag", tag)] {
            m.set_wire(name, value)?;
        }
        for unit in &mut multipliers {
            let known = now.checked_sub(latency).filter(|from| last && *from >= trusted);
            let y = known.map(|from| unit.products[from]);
            let y = y.unwrap_or_else(|| m.terms.var("?product", COORD_BITS));
            m.set(unit.cell, y);
        }
        for inverter in &mut inverters {
            if let Some((ready, condition, of)) = inverter.pending {
                if clock == ready {
                    let result = m.terms.var(format!("inverse.{clock}"), FIELD_BITS);
                    inverses.insert(result, (of, condition));
                    (inverter.result, inverter.pending) = (Some(result), None);
                }
            }
            // What was under way at the beginning may end at any time.
            let known = inverter.result.filter(|_| clock >= unit.shape.inverter.latency);
            let y = known.unwrap_or_else(|| m.terms.var("?inverse", FIELD_BITS));
            m.set(inverter.cell, y);
        }
        m.eval()?;
        for unit in &mut multipliers {
            let operands = ["a", "b"].map(|side| m.operand(unit.cell, side));
            unit.now.push(operands);
            if last {
                let stable = unit.now.len() == clocks && unit.now.iter().all(|o| *o == operands);
                let product = if stable {
                    m.terms.call("product", &operands, COORD_BITS)
                } else {
                    m.terms.var("?product", COORD_BITS)
                };
                unit.products.push(product);
                unit.now.clear();
            }
        }
        for inverter in &mut inverters {
            let (begin, of) = (m.operand(inverter.cell, "start"), m.operand(inverter.cell, "a"));
            if m.terms.number(begin) == Some(0) {
                continue;
            }
            if inverter.pending.is_some() {
                return Ok(Err(format!("tick {now}: an inverter is started while it is at work")));
            }
            inverter.pending = Some((clock + unit.shape.inverter.latency, begin, of));
        }
        let mut outputs = vec![];
        for name in ["early_valid", "early_tag", "out_valid", "out_tag", "r"] {
            outputs.push(m.wire(name)?);
        }
        if !held.is_empty() && held != outputs {
            return Ok(Err(format!("tick {now}: an output is not stable")));
        }
        held = outputs;
        if last {
            let wires = ["front.kind", "front.d", "tail.dinv"].map(|name| m.wire(name));
            let [kind, d, inverse] = wires;
            let [early_valid, early_tag, out_valid, out_tag, r] = held[..] else {
                unreachable!("five names")
            };
            let (kind, d, inverse) = (kind?, d?, inverse?);
            out.push(Tick {
                coordinates,
                valid,
                tag,
                kind,
                d,
                inverse,
                early_valid,
                early_tag,
                out_valid,
                out_tag,
                r,
            });
            held = vec![];
        }
        m.clock()?;
        phase = (phase + 1) % clocks;
        if last && keep.contains(&out.len()) {
            let registers = m.constants().into_iter();
            let values = registers.filter_map(|(at, value)| Some((at, m.terms.as_const(value)?.clone())));
            constants.insert(out.len(), values.collect());
        }
    }
    Ok(Ok(Trace { terms: m.terms, ticks: out, inverses, constants }))
}
