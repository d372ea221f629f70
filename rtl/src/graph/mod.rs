//! The arithmetic graph: one description of a datapath, read many ways.
//!
//! Contract: a node is an unsigned integer with an exact range `0..=max`; a node is as wide as its `max`. Builders
//! refuse (panic with the node and its range, a generator bug) whatever could wrap: a subtraction must be shown not to borrow
//! by the intervals, or be taken modulo 2^w explicitly. So every reading computes the same integers:
//!
//! | reading | file | gives |
//! |---|---|---|
//! | bit-exact evaluation | `eval` | the golden model of the datapath |
//! | schedule | `schedule` | pipeline stages, balancing delays, latency |
//! | Verilog | `verilog`, `tile` | the module; the multiplier tiles it uses |
//! | cost | `cost` | multiplier tiles, adder bits, register bits |
//! | obligations | `check` | interval and identity facts, as data |
//!
//! Sub-pipelines enter as instances, so that a multiplier is emitted once and shared.

mod check;
mod cost;
mod eval;
mod schedule;
mod tile;
mod verilog;

pub use check::Obligation;
pub use cost::Cost;
pub use schedule::Pipeline;

use num_bigint::BigUint;
use num_traits::{One, Zero};
use std::{collections::HashMap, sync::Arc};

/// A node of one graph. Only meaningful together with the graph that made it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Sig(pub(crate) u32);

impl Sig {
    pub(crate) fn at(self) -> usize {
        self.0 as usize
    }

    /// Place of the node in [`Graph::nodes`].
    pub fn index(self) -> usize {
        self.at()
    }

    /// The node at this place of [`Graph::nodes`].
    pub fn from_index(at: usize) -> Sig {
        Sig(at as u32)
    }
}

/// What a node computes. Shifts and slices are wiring.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Op {
    /// External input number `.0` of the graph.
    Input(usize),
    Const(BigUint),
    /// A multiplier tile: both operands within the target's tile.
    Mul(Sig, Sig),
    /// `a * b + (top << at)` in a chain of multiplier tiles: `b` is cut over as many tiles as it takes, each adds what the
    /// tile before it carries over, the last one also adds `top`. `at` is where the last tile's piece of `b` starts.
    Chain {
        a: Sig,
        b: Sig,
        top: Sig,
        at: usize,
    },
    /// Sum of two or more nodes.
    Add(Vec<Sig>),
    /// `a - b`, shown not to borrow.
    Sub(Sig, Sig),
    /// `(a - b) mod 2^width`.
    SubMod(Sig, Sig, usize),
    /// `(src >> lo) mod 2^width`.
    Slice {
        src: Sig,
        lo: usize,
        width: usize,
    },
    /// Bit concatenation, least significant part first; each part `(node, bits)`.
    Concat(Vec<(Sig, usize)>),
    /// `src << by`.
    Shl(Sig, usize),
    /// `if cond != 0 { a } else { b }`, cond one bit.
    Select {
        cond: Sig,
        a: Sig,
        b: Sig,
    },
    /// One bit: `a == 0`.
    IsZero(Sig),
    /// `entries[index]`; an index past the end cannot occur by its range.
    Table {
        index: Sig,
        entries: Vec<BigUint>,
    },
    /// `src`, known from an argument about the whole number (not from intervals) to be at most the node's `max`.
    Narrow {
        src: Sig,
        why: &'static str,
        within: Option<Within>,
    },
    /// Output number `output` of sub-pipeline call `instance`.
    Output {
        instance: usize,
        output: usize,
    },
}

/// A number that a datapath passes through: the sum of its parts, each shifted. Whatever comes after depends on the parts only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waypoint {
    pub parts: Vec<(Sig, usize)>,
    /// Low bits that the reduction has made zero.
    pub cleared: usize,
}

/// The whole that a node is the top part of: `src << at` plus the other parts, each at its place.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Within {
    pub at: usize,
    pub rest: Vec<(Sig, usize)>,
}

#[derive(Clone, Debug)]
pub struct Node {
    pub op: Op,
    /// Largest value the node can take.
    pub max: BigUint,
}

impl Node {
    /// Width in bits; a node that is always zero is one bit wide.
    pub fn width(&self) -> usize {
        (self.max.bits() as usize).max(1)
    }
}

/// A call of a sub-pipeline.
#[derive(Clone, Debug)]
pub struct Instance {
    pub pipeline: Arc<Pipeline>,
    pub args: Vec<Sig>,
}

/// A named input or output of a graph.
#[derive(Clone, Debug)]
pub struct Pin {
    pub name: String,
    pub sig: Sig,
}

/// A datapath under construction, or finished (see [`Graph::schedule`]).
#[derive(Clone, Debug, Default)]
pub struct Graph {
    pub name: String,
    pub doc: String,
    pub nodes: Vec<Node>,
    pub inputs: Vec<Pin>,
    pub outputs: Vec<Pin>,
    pub instances: Vec<Instance>,
    /// What the generator knows of a node: it is this sum of products. For those who prove bounds.
    pub products: HashMap<Sig, Vec<(Sig, Sig)>>,
    /// Numbers on the way through a reduction, in order. For those who prove a datapath piece by piece.
    pub waypoints: Vec<Waypoint>,
    known: HashMap<Op, Sig>,
}

impl Graph {
    pub fn new(name: impl Into<String>, doc: impl Into<String>) -> Self {
        Graph { name: name.into(), doc: doc.into(), ..Default::default() }
    }

    pub fn node(&self, s: Sig) -> &Node {
        &self.nodes[s.at()]
    }

    pub fn max(&self, s: Sig) -> &BigUint {
        &self.node(s).max
    }

    pub fn width(&self, s: Sig) -> usize {
        self.node(s).width()
    }

    fn push(&mut self, op: Op, max: BigUint) -> Sig {
        if let Some(s) = self.known.get(&op) {
            return *s;
        }
        let s = Sig(self.nodes.len() as u32);
        self.known.insert(op.clone(), s);
        self.nodes.push(Node { op, max });
        s
    }

    /// Declares an input whose values are `0..=max`.
    pub fn input(&mut self, name: impl Into<String>, max: BigUint) -> Sig {
        let sig = self.push(Op::Input(self.inputs.len()), max);
        self.inputs.push(Pin { name: name.into(), sig });
        sig
    }

    /// Declares an input of `width` bits.
    pub fn input_bits(&mut self, name: impl Into<String>, width: usize) -> Sig {
        self.input(name, mask(width))
    }

    pub fn output(&mut self, name: impl Into<String>, sig: Sig) {
        self.outputs.push(Pin { name: name.into(), sig });
    }

    pub fn constant(&mut self, value: impl Into<BigUint>) -> Sig {
        let value = value.into();
        self.push(Op::Const(value.clone()), value)
    }

    fn as_const(&self, s: Sig) -> Option<&BigUint> {
        match &self.node(s).op {
            Op::Const(c) => Some(c),
            _ => None,
        }
    }

    pub fn mul(&mut self, a: Sig, b: Sig) -> Sig {
        let max = self.max(a) * self.max(b);
        match (self.as_const(a), self.as_const(b)) {
            _ if max.is_zero() => self.constant(0u32),
            (Some(x), Some(y)) => {
                let v = x * y;
                self.constant(v)
            }
            (Some(x), _) if x.is_one() => b,
            (_, Some(y)) if y.is_one() => a,
            _ => self.push(Op::Mul(a, b), max),
        }
    }

    /// States that `node` is the sum of the products of `pairs`, however it was made.
    pub fn is_products(&mut self, node: Sig, pairs: &[(Sig, Sig)]) {
        self.products.insert(node, pairs.to_vec());
    }

    /// States that the datapath passes through the sum of `parts`; constants that are zero are left out.
    pub fn passes(&mut self, parts: impl IntoIterator<Item = (Sig, usize)>, cleared: usize) {
        let parts = parts.into_iter().filter(|(s, _)| !self.max(*s).is_zero()).collect();
        self.waypoints.push(Waypoint { parts, cleared });
    }

    /// States that the datapath passes through `node`: through the parts of which it is put together, as these are read too.
    pub fn passes_through(&mut self, node: Sig) {
        let whole = match &self.node(node).op {
            Op::Narrow { src, .. } => *src,
            _ => node,
        };
        let mut parts = vec![(node, 0)];
        if let Op::Concat(pieces) = &self.node(whole).op {
            let starts = pieces.iter().scan(0, |at, (_, bits)| Some(std::mem::replace(at, *at + bits)));
            parts = pieces.iter().map(|(s, _)| *s).zip(starts).collect();
        }
        self.passes(parts, 0);
    }

    /// `a * b + (top << at)` in one chain of multiplier tiles, see [`Op::Chain`].
    pub fn chain(&mut self, a: Sig, b: Sig, top: Sig, at: usize) -> Sig {
        let max = self.max(a) * self.max(b) + (self.max(top) << at);
        self.push(Op::Chain { a, b, top, at }, max)
    }

    /// Sum of any number of nodes; zero constants vanish.
    pub fn sum(&mut self, terms: &[Sig]) -> Sig {
        let mut rest: Vec<Sig> = terms.iter().copied().filter(|&t| !self.max(t).is_zero()).collect();
        rest.sort();
        match rest.len() {
            0 => self.constant(0u32),
            1 => rest[0],
            _ => {
                let max = rest.iter().map(|&t| self.max(t)).sum();
                self.push(Op::Add(rest), max)
            }
        }
    }

    pub fn add(&mut self, a: Sig, b: Sig) -> Sig {
        self.sum(&[a, b])
    }

    /// `a - b` where `a` has a known floor: `floor <= a` must hold for every input and is recorded as an obligation;
    /// `floor >= max(b)` is required here.
    pub fn sub_above(&mut self, a: Sig, floor: &BigUint, b: Sig) -> Sig {
        assert!(
            floor >= self.max(b),
            "{}: subtraction may borrow: {floor:#x} - {:#x}",
            self.name,
            self.max(b)
        );
        let max = self.max(a).clone();
        self.push(Op::Sub(a, b), max)
    }

    /// `a + k - b` for a constant `k >= max(b)`.
    pub fn sub_biased(&mut self, a: Sig, k: &BigUint, b: Sig) -> Sig {
        let kc = self.constant(k.clone());
        let biased = self.add(a, kc);
        self.sub_above(biased, k, b)
    }

    /// `(a - b) mod 2^width`.
    pub fn sub_mod(&mut self, a: Sig, b: Sig, width: usize) -> Sig {
        self.push(Op::SubMod(a, b, width), mask(width))
    }

    /// `(src >> lo) mod 2^width`.
    pub fn slice(&mut self, src: Sig, lo: usize, width: usize) -> Sig {
        let shifted = self.max(src) >> lo;
        let m = mask(width);
        let max = if shifted < m { shifted } else { m };
        if max.is_zero() {
            return self.constant(0u32);
        }
        if lo == 0 && *self.max(src) == max {
            return src;
        }
        if let Some(c) = self.as_const(src) {
            let v = (c >> lo) & mask(width);
            return self.constant(v);
        }
        self.whole_parts(src, lo, width)
            .unwrap_or_else(|| self.push(Op::Slice { src, lo, width: max.bits() as usize }, max))
    }

    /// Bits `lo..lo + width` of a concatenation when they are whole parts of it: these need not wait for the others.
    fn whole_parts(&mut self, src: Sig, lo: usize, width: usize) -> Option<Sig> {
        let src = match &self.node(src).op {
            // A bound on the whole says nothing about a part that all of its bits fit.
            Op::Narrow { src: wide, .. } if self.max(src) >> lo >= mask(width) => *wide,
            _ => src,
        };
        let Op::Concat(parts) = &self.node(src).op else { return None };
        let (mut at, mut inside) = (0, vec![]);
        for &(s, bits) in parts {
            if at >= lo && at + bits <= lo + width {
                inside.push((s, bits));
            }
            at += bits;
        }
        let covered: usize = inside.iter().map(|p| p.1).sum();
        let starts_here =
            parts.iter().scan(0, |at, p| Some(std::mem::replace(at, *at + p.1))).any(|at| at == lo);
        (starts_here && covered == width && inside.len() < parts.len()).then(|| self.concat(&inside))
    }

    /// `src >> lo`.
    pub fn shr(&mut self, src: Sig, lo: usize) -> Sig {
        let width = self.width(src).saturating_sub(lo).max(1);
        self.slice(src, lo, width)
    }

    pub fn shl(&mut self, src: Sig, by: usize) -> Sig {
        if by == 0 {
            return src;
        }
        if let Some(c) = self.as_const(src) {
            let v = c << by;
            return self.constant(v);
        }
        let max = self.max(src) << by;
        self.push(Op::Shl(src, by), max)
    }

    /// Bit concatenation, least significant part first: part `i` occupies exactly `bits` positions and must fit them.
    pub fn concat(&mut self, parts: &[(Sig, usize)]) -> Sig {
        let (mut max, mut at) = (BigUint::zero(), 0);
        for &(s, bits) in parts {
            assert!(self.width(s) <= bits, "{}: {} bits into {bits}", self.name, self.width(s));
            max += self.max(s) << at;
            at += bits;
        }
        if parts.len() == 1 {
            return parts[0].0;
        }
        self.push(Op::Concat(parts.to_vec()), max)
    }

    pub fn select(&mut self, cond: Sig, a: Sig, b: Sig) -> Sig {
        assert_eq!(self.width(cond), 1, "{}: condition is one bit", self.name);
        let max = self.max(a).max(self.max(b)).clone();
        self.push(Op::Select { cond, a, b }, max)
    }

    pub fn is_zero(&mut self, a: Sig) -> Sig {
        self.push(Op::IsZero(a), BigUint::one())
    }

    /// `entries[index]`, with an entry for every value of `index`.
    pub fn table(&mut self, index: Sig, entries: Vec<BigUint>) -> Sig {
        assert!(
            *self.max(index) < BigUint::from(entries.len()),
            "{}: table of {} entries, index up to {}",
            self.name,
            entries.len(),
            self.max(index)
        );
        let max = entries.iter().max().cloned().unwrap_or_default();
        if max.is_zero() {
            return self.constant(0u32);
        }
        self.push(Op::Table { index, entries }, max)
    }

    /// States that `src <= max` for a reason that intervals cannot see. Recorded as an obligation, asserted by `eval`.
    pub fn narrow(&mut self, src: Sig, max: BigUint, why: &'static str) -> Sig {
        self.narrow_within(src, max, why, None)
    }

    /// [`Graph::narrow`] of the top part of a whole, which the reason is about.
    pub fn narrow_within(
        &mut self,
        src: Sig,
        max: BigUint,
        why: &'static str,
        within: Option<Within>,
    ) -> Sig {
        if *self.max(src) <= max {
            return src;
        }
        if max.is_zero() {
            return self.constant(0u32);
        }
        self.push(Op::Narrow { src, why, within }, max)
    }

    /// Calls a pipeline; arguments must fit its inputs. Returns its outputs.
    pub fn call(&mut self, pipeline: &Arc<Pipeline>, args: &[Sig]) -> Vec<Sig> {
        let callee = &pipeline.graph;
        assert_eq!(args.len(), callee.inputs.len(), "{} calls {}", self.name, callee.name);
        for (pin, &arg) in callee.inputs.iter().zip(args) {
            assert!(
                self.max(arg) <= callee.max(pin.sig),
                "{} calls {}: input {} takes at most {:#x}, given {:#x}",
                self.name,
                callee.name,
                pin.name,
                callee.max(pin.sig),
                self.max(arg)
            );
        }
        let instance = self.instances.len();
        self.instances.push(Instance { pipeline: pipeline.clone(), args: args.to_vec() });
        (0..callee.outputs.len())
            .map(|output| {
                let max = callee.max(callee.outputs[output].sig).clone();
                self.push(Op::Output { instance, output }, max)
            })
            .collect()
    }

    /// The nodes that `op` reads.
    pub fn sources(&self, op: &Op) -> Vec<Sig> {
        match op {
            Op::Input(_) | Op::Const(_) => vec![],
            Op::Mul(a, b) | Op::Sub(a, b) | Op::SubMod(a, b, _) => vec![*a, *b],
            Op::Chain { a, b, top, .. } => vec![*a, *b, *top],
            Op::Add(terms) => terms.clone(),
            Op::Slice { src, .. } | Op::Shl(src, _) | Op::IsZero(src) | Op::Narrow { src, .. } => vec![*src],
            Op::Concat(parts) => parts.iter().map(|p| p.0).collect(),
            Op::Select { cond, a, b } => vec![*cond, *a, *b],
            Op::Table { index, .. } => vec![*index],
            Op::Output { instance, .. } => self.instances[*instance].args.clone(),
        }
    }
}

/// `2^width - 1`.
pub fn mask(width: usize) -> BigUint {
    (BigUint::one() << width) - 1u32
}
