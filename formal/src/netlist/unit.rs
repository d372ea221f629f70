//! A pipeline's emitted module against its graph, node by node.

use super::meaning::{constant, extended, meaning, operands};
use super::net::{Bit, Contract, Net};
use super::rtlil::{Module, Port};
use super::term::Terms;
use num_bigint::BigUint;
use permafrost_rtl::graph::{Graph, Op, Pipeline, Sig};
use std::collections::{HashMap, HashSet};
use std::fmt;

/// What is wrong, or not shown.
#[derive(Clone, Debug)]
pub struct Finding {
    /// The node it is about, when it is about one.
    pub node: Option<usize>,
    pub what: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self.node {
            Some(node) => write!(f, "node {node}: {}", self.what),
            None => write!(f, "{}", self.what),
        }
    }
}

/// What the structure of a module says, and what is left to the solver.
#[derive(Clone, Debug, Default)]
pub struct Examined {
    pub findings: Vec<Finding>,
    /// Negated statements, by node: each must have no model.
    pub queries: Vec<(usize, String)>,
    /// What the queries assume, by node: it must have a model.
    pub given: Vec<(usize, String)>,
    /// It could not be read at all.
    pub unreadable: bool,
    /// Nodes that need no solver.
    pub structural: usize,
}

impl Examined {
    fn found(&mut self, node: Option<usize>, what: impl Into<String>) {
        self.findings.push(Finding { node, what: what.into() });
    }
}

/// Ports of the chain of `n` tiles: proved of its bodies, see [`super::tile`].
pub fn tile_contract(n: usize) -> Contract {
    let port = |name: &str, at| (name.to_string(), at);
    Contract { inputs: vec![port("a", 0), port("b", 0), port("c", n)], outputs: vec![port("p", n + 2)] }
}

/// Bits of a tile's factors and of what its adder gives.
pub const TILE: (usize, usize, usize) = (26, 17, 47);

/// Lengths of the chains whose bodies are proved, see [`super::tile`]; no unit may use others.
pub const CHAINS: [usize; 3] = [1, 2, 4];

/// Name of the chain of `n` tiles.
pub fn tile_name(n: usize) -> String {
    let (a, b, _) = TILE;
    format!("pf_tile_{a}x{}", b * n)
}

/// Tiles in the chain that the module `name` is, if it is one that is proved.
fn tiles(name: &str) -> Option<usize> {
    CHAINS.into_iter().find(|n| tile_name(*n) == name)
}

/// Contracts of all that `module`, made from `pipeline`, instantiates.
fn contracts(pipeline: &Pipeline, module: &Module) -> HashMap<String, Contract> {
    let mut all = HashMap::new();
    for cell in &module.cells {
        if let Some(n) = tiles(&cell.kind) {
            all.insert(cell.kind.clone(), tile_contract(n));
        }
    }
    for call in &pipeline.graph.instances {
        let callee = &call.pipeline;
        let ports = |pins: &[permafrost_rtl::graph::Pin], at: usize| {
            pins.iter().map(|pin| (pin.name.clone(), at)).collect()
        };
        let contract = Contract {
            inputs: ports(&callee.graph.inputs, 0),
            outputs: ports(&callee.graph.outputs, callee.latency),
        };
        all.insert(callee.graph.name.clone(), contract);
    }
    all
}

/// The nodes that the outputs depend on, constants left out.
fn live(graph: &Graph) -> Vec<usize> {
    let mut seen = HashSet::new();
    let mut stack: Vec<Sig> = graph.outputs.iter().map(|pin| pin.sig).collect();
    while let Some(sig) = stack.pop() {
        if constant(graph, sig).is_none() && seen.insert(sig.index()) {
            stack.extend(operands(graph, &graph.node(sig).op));
        }
    }
    let mut live: Vec<usize> = seen.into_iter().collect();
    live.sort_unstable();
    live
}

/// Goes through `module`, read from the text emitted for `pipeline`. With `values`, what each node computes is looked at; the
/// times always are.
pub fn examine(pipeline: &Pipeline, module: Module, values: bool) -> Examined {
    let mut out = Examined::default();
    ports(pipeline, &module, &mut out);
    let contracts = contracts(pipeline, &module);
    let mut net = match Net::new(module, contracts) {
        Ok(net) => net,
        Err(what) => {
            out.found(None, what);
            return out;
        }
    };
    let live = live(&pipeline.graph);
    times(pipeline, &net, &live, &mut out);
    if !out.findings.is_empty() {
        return out;
    }
    for at in 0..pipeline.graph.nodes.len() {
        if let Some(wire) = net.module.wire(&format!("n{at}")) {
            net.cut(wire);
        }
    }
    copies(&net, &mut out);
    if values {
        for &at in &live {
            node(pipeline, &net, at, &mut out);
        }
        for pin in &pipeline.graph.outputs {
            let port = net.module.wire(&pin.name).map(|wire| net.drive_of(wire)).unwrap_or_default();
            if port != node_bits(pipeline, &net, pin.sig, pipeline.graph.width(pin.sig)) {
                out.found(None, format!("output {} is not node {}", pin.name, pin.sig.index()));
            }
        }
    }
    out
}

/// The module has the ports that its users connect.
fn ports(pipeline: &Pipeline, module: &Module, out: &mut Examined) {
    let g = &pipeline.graph;
    if module.name != g.name {
        out.found(None, format!("module `{}`, expected `{}`", module.name, g.name));
    }
    let mut expected = vec![("clk".to_string(), 1, Port::Input)];
    expected.extend(g.inputs.iter().map(|pin| (pin.name.clone(), g.width(pin.sig), Port::Input)));
    expected.extend(g.outputs.iter().map(|pin| (pin.name.clone(), g.width(pin.sig), Port::Output)));
    let mut actual: Vec<_> =
        module.wires.iter().filter_map(|w| Some((w.name.clone(), w.width, w.port?))).collect();
    expected.sort_by(|a, b| a.0.cmp(&b.0));
    actual.sort_by(|a, b| a.0.cmp(&b.0));
    if expected != actual {
        out.found(None, format!("ports {actual:?}, expected {expected:?}"));
    }
}

/// Every node has its value in its stage, its copies as many clocks later, the outputs in the last stage.
fn times(pipeline: &Pipeline, net: &Net, live: &[usize], out: &mut Examined) {
    let mut at_clock = |node: Option<usize>, name: &str, expected: usize| {
        let Some(wire) = net.module.wire(name) else {
            out.found(node, format!("no net `{name}`"));
            return;
        };
        match net.time(wire) {
            Ok(Some(time)) if time == expected => {}
            Ok(None) if node.is_some() => {}
            Ok(time) => out.found(node, format!("`{name}` has its value at {time:?}, expected {expected}")),
            Err(what) => out.found(node, what),
        }
    };
    for pin in &pipeline.graph.outputs {
        at_clock(None, &pin.name, pipeline.latency);
    }
    for &node in live {
        at_clock(Some(node), &format!("n{node}"), pipeline.stage[node]);
    }
    for wire in &net.module.wires {
        if let Some((node, clocks)) = copy(&wire.name) {
            if let Some(stage) = pipeline.stage.get(node) {
                at_clock(Some(node), &wire.name, stage + clocks);
            }
        }
    }
}

/// Node and clocks of the name of a node's copy.
fn copy(name: &str) -> Option<(usize, usize)> {
    let (node, clocks) = name.strip_prefix('n')?.split_once('_')?;
    Some((node.parse().ok()?, clocks.parse().ok()?))
}

/// Every copy is a copy.
fn copies(net: &Net, out: &mut Examined) {
    for (at, wire) in net.module.wires.iter().enumerate() {
        let Some((node, _)) = copy(&wire.name) else { continue };
        let original = net.module.wire(&format!("n{node}"));
        let same = original.is_some_and(|n| net.drive_of(at) == leaf(net, n));
        if !same {
            out.found(Some(node), format!("`{}` is not a later n{node}", wire.name));
        }
    }
}

/// All bits of `wire`, itself.
fn leaf(net: &Net, wire: usize) -> Vec<Bit> {
    (0..net.module.wires[wire].width).map(|bit| Bit::Leaf(wire, bit)).collect()
}

/// Node `sig` in `width` bits, as another net reads it.
fn node_bits(pipeline: &Pipeline, net: &Net, sig: Sig, width: usize) -> Vec<Bit> {
    let mut bits = match constant(&pipeline.graph, sig) {
        Some(c) => (0..width as u64).map(|bit| Bit::Const(c.bit(bit))).collect(),
        None => net.module.wire(&format!("n{}", sig.index())).map(|wire| leaf(net, wire)).unwrap_or_default(),
    };
    bits.resize(width, Bit::Const(false));
    bits
}

fn node(pipeline: &Pipeline, net: &Net, at: usize, out: &mut Examined) {
    let g = &pipeline.graph;
    let sig = Sig::from_index(at);
    // That it exists is known from its time.
    let Some(wire) = net.module.wire(&format!("n{at}")) else { return };
    let drive = net.drive_of(wire);
    if drive.len() != g.width(sig) {
        return out.found(Some(at), format!("{} bits, expected {}", drive.len(), g.width(sig)));
    }
    let op = &g.node(sig).op;
    let matched = match op {
        Op::Input(i) => {
            let port = net.module.wire(&g.inputs[*i].name).map(|wire| leaf(net, wire));
            (port == Some(drive)).then_some(()).ok_or(format!("is not input {i}"))
        }
        Op::Mul(a, b) => product(pipeline, net, sig, &drive, [*a, *b], None),
        Op::Chain { a, b, top, at } => product(pipeline, net, sig, &drive, [*a, *b], Some((*top, *at))),
        Op::Output { instance, output } => call(pipeline, net, &drive, *instance, *output),
        _ => {
            match query(g, net, sig, &drive) {
                Ok((given, query)) => {
                    out.given.push((at, given));
                    out.queries.push((at, query));
                }
                Err(what) => out.found(Some(at), what),
            }
            return;
        }
    };
    match matched {
        Ok(()) => out.structural += 1,
        Err(what) => out.found(Some(at), what),
    }
}

/// What is assumed, and with it that the node is anything but its meaning.
fn query(g: &Graph, net: &Net, sig: Sig, drive: &[Bit]) -> Result<(String, String), String> {
    let meaning = meaning(g, sig)?;
    let mut leaves = HashMap::new();
    for (place, operand) in meaning.variables.iter().enumerate() {
        let name = format!("n{}", operand.index());
        let wire = net.module.wire(&name).ok_or_else(|| format!("no net `{name}`"))?;
        if net.module.wires[wire].width != g.width(*operand) {
            return Err(format!("`{name}` has another width than its node"));
        }
        leaves.insert(wire, format!("v{place}"));
    }
    let mut terms = Terms::new(net, leaves, HashMap::new());
    let term = terms.term(drive)?;
    let common = meaning.width.max(drive.len());
    let (term, meant) =
        (extended(&term, drive.len(), common), extended(&meaning.term, meaning.width, common));
    let query = format!("{}{}(assert (distinct {term} {meant}))\n", meaning.given, terms.definitions);
    Ok((meaning.given, query))
}

/// The cell whose output `port` is `drive`, from its lowest bit.
fn output_of(drive: &[Bit]) -> Option<(usize, usize)> {
    let Bit::Cell(cell, port, 0) = drive.first()? else { return None };
    let all = drive.iter().enumerate().all(|(bit, b)| *b == Bit::Cell(*cell, *port, bit));
    all.then_some((*cell, *port))
}

/// The node is one product of its factors, by a multiplication or by a chain of tiles.
fn product(
    pipeline: &Pipeline,
    net: &Net,
    sig: Sig,
    drive: &[Bit],
    factors: [Sig; 2],
    addend: Option<(Sig, usize)>,
) -> Result<(), String> {
    let g = &pipeline.graph;
    let (cell, port) = output_of(drive).ok_or("is not the output of a multiplier")?;
    let cell = &net.module.cells[cell];
    let added = addend.map_or(BigUint::ZERO, |(top, at)| g.max(top) << at);
    let most = g.max(factors[0]) * g.max(factors[1]) + added;
    if most.bits() as usize > drive.len() {
        return Err(format!("a product of {} bits in {}", most.bits(), g.width(sig)));
    }
    let read = |name: &str| cell.port(name).map(|spec| net.bits(spec)).unwrap_or_default();
    let is = |bits: &[Bit], sig: Sig| {
        bits.len() >= g.width(sig) && *bits == node_bits(pipeline, net, sig, bits.len())
    };
    let factor = |name: &str, sig: Sig| is(&read(name), sig);
    let (first, second) = (factors[0], factors[1]);
    if cell.kind == "$mul" {
        let signed = ["A_SIGNED", "B_SIGNED"].iter().any(|p| cell.parameters.get(*p) != Some(&0));
        let same = factor("A", first) && factor("B", second) || factor("A", second) && factor("B", first);
        return match (addend, same, signed) {
            (None, true, false) => Ok(()),
            (Some(_), ..) => Err("a multiplication instead of a chain of tiles".into()),
            (_, _, true) => Err("a signed multiplication".into()),
            _ => Err("is not the product of its factors".into()),
        };
    }
    let n = tiles(&cell.kind).ok_or_else(|| format!("is driven by `{}`", cell.kind))?;
    if cell.ports[port].0 != "p" {
        return Err("is not the result of its tiles".into());
    }
    // What is connected fits the ports: nothing is cut off or extended silently.
    let (ta, tb, sum) = TILE;
    let widths = [("a", ta), ("b", tb * n), ("c", sum), ("p", tb * (n - 1) + sum)];
    if let Some((name, _)) = widths.iter().find(|(name, width)| cell.port(name).map(Vec::len) != Some(*width))
    {
        return Err(format!("port {name} of its tiles has another width"));
    }
    let same = factor("a", first) && factor("b", second)
        // Factors of a chain are not alike: the second is cut.
        || addend.is_none() && factor("a", second) && factor("b", first);
    if !same {
        return Err("its tiles have other factors".into());
    }
    let c = read("c");
    let ok = match addend {
        Some((top, at)) => at == tb * (n - 1) && is(&c, top),
        None => c.iter().all(|bit| *bit == Bit::Const(false)),
    };
    if ok {
        Ok(())
    } else {
        Err("its tiles add something else".into())
    }
}

/// The node is that output of a call with those arguments.
fn call(pipeline: &Pipeline, net: &Net, drive: &[Bit], instance: usize, output: usize) -> Result<(), String> {
    let call = &pipeline.graph.instances[instance];
    let callee = &call.pipeline.graph;
    let (cell, port) = output_of(drive).ok_or("is not the output of an instance")?;
    let cell = &net.module.cells[cell];
    let pin = &callee.outputs[output];
    if cell.kind != callee.name || cell.ports[port].0 != pin.name || drive.len() != callee.width(pin.sig) {
        return Err(format!(
            "is {}.{}, expected {}.{}",
            cell.kind, cell.ports[port].0, callee.name, pin.name
        ));
    }
    for (pin, arg) in callee.inputs.iter().zip(&call.args) {
        let read = cell.port(&pin.name).map(|spec| net.bits(spec)).unwrap_or_default();
        if read.len() != callee.width(pin.sig) || read != node_bits(pipeline, net, *arg, read.len()) {
            return Err(format!("argument {} is another", pin.name));
        }
    }
    Ok(())
}
