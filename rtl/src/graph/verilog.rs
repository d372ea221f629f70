//! The Verilog reading: one module a pipeline, shared by all its instances.
//!
//! Every node is a wire of its exact width, `n<i>`; its copies in later stages are `n<i>_<k>` (k clocks later). Operands
//! are extended explicitly, so that `-Wall` has nothing to say about widths.

use super::{tile, Op, Pipeline, Sig};
use crate::hdl::Module;
use num_bigint::BigUint;
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    sync::Arc,
};

impl Pipeline {
    /// The pipeline as a module: ports `clk`, the graph's inputs and outputs. Sub-pipelines come along.
    pub fn module(&self) -> Arc<Module> {
        let mut cache = BTreeMap::new();
        self.module_in(&mut cache)
    }

    fn module_in(&self, cache: &mut BTreeMap<String, Arc<Module>>) -> Arc<Module> {
        if let Some(m) = cache.get(&self.graph.name) {
            return m.clone();
        }
        let g = &self.graph;
        let mut m = Module::new(&g.name)
            .doc(format!(
                "{}\nTarget {}. Latency {} clocks, one result a clock, no reset and no enable.",
                g.doc,
                self.target.name(),
                self.latency
            ))
            .input("clk", 1);
        for pin in &g.inputs {
            m = m.input(&pin.name, g.width(pin.sig));
        }
        for pin in &g.outputs {
            m = m.output(&pin.name, g.width(pin.sig));
        }
        for inst in &g.instances {
            m = m.uses(&inst.pipeline.module_in(cache));
        }
        let chains = g.nodes.iter().enumerate().filter_map(|(at, n)| self.tiles_of(at, &n.op));
        for n in chains.collect::<BTreeSet<_>>() {
            if let Some(tile) = tile::module(self.target, n) {
                m = m.uses(&tile);
            }
        }
        let m = m.verbatim(Text::new(self).module()).build();
        cache.insert(g.name.clone(), m.clone());
        m
    }

    /// Tiles in the chain of node `at`, if it is one.
    fn tiles_of(&self, at: usize, op: &Op) -> Option<usize> {
        match op {
            Op::Mul(..) if self.stage[at] != self.read_stage(at) => Some(1),
            Op::Chain { b, .. } => Some(self.target.chain_length(self.graph.width(*b))),
            _ => None,
        }
    }
}

/// `[msb:0] ` or nothing for one bit.
fn range(width: usize) -> String {
    if width == 1 {
        String::new()
    } else {
        format!("[{}:0] ", width - 1)
    }
}

fn literal(width: usize, v: &BigUint) -> String {
    format!("{width}'h{v:x}")
}

/// `entries[index]` as nested selections on the bits of the index, `bit(i)` naming the i-th.
fn select_tree(entries: &[BigUint], width: usize, bit: &dyn Fn(usize) -> String) -> String {
    if entries.len() == 1 {
        return literal(width, &entries[0]);
    }
    let top = entries.len().next_power_of_two().ilog2() as usize - 1;
    let (low, high) = entries.split_at(1 << top);
    format!("({} ? {} : {})", bit(top), select_tree(high, width, bit), select_tree(low, width, bit))
}

struct Text<'a> {
    p: &'a Pipeline,
    last: Vec<Option<usize>>,
    out: String,
    clocked: String,
}

impl<'a> Text<'a> {
    fn new(p: &'a Pipeline) -> Self {
        Text { p, last: p.last_use(), out: String::new(), clocked: String::new() }
    }

    fn line(&mut self, text: impl AsRef<str>) {
        writeln!(self.out, "{}", text.as_ref()).expect("String");
    }

    /// Name of node `s` as seen in `stage`.
    fn name(&self, s: Sig, stage: usize) -> String {
        let g = &self.p.graph;
        if let Op::Const(c) = &g.node(s).op {
            return literal(g.width(s), c);
        }
        match stage - self.p.stage[s.at()] {
            0 => format!("n{}", s.0),
            k => format!("n{}_{k}", s.0),
        }
    }

    /// `s` in `stage`, zero-extended to `width`.
    fn ext(&self, s: Sig, stage: usize, width: usize) -> String {
        let g = &self.p.graph;
        if let Op::Const(c) = &g.node(s).op {
            return literal(width, c);
        }
        let (name, w) = (self.name(s, stage), g.width(s));
        match width.checked_sub(w) {
            Some(0) => name,
            Some(pad) => format!("{{{pad}'d0, {name}}}"),
            None if width == 1 => format!("{name}[0]"),
            None => format!("{name}[{}:0]", width - 1),
        }
    }

    fn module(mut self) -> String {
        let g = &self.p.graph;
        let mut ports: Vec<String> = vec!["  input wire clk".into()];
        for pin in &g.inputs {
            ports.push(format!("  input wire {}{}", range(g.width(pin.sig)), pin.name));
        }
        for pin in &g.outputs {
            ports.push(format!("  output wire {}{}", range(g.width(pin.sig)), pin.name));
        }
        self.line(format!("module {} (\n{}\n);", g.name, ports.join(",\n")));
        self.line("/*verilator no_inline_module*/");
        for (i, call) in g.instances.iter().enumerate() {
            self.instance(i, call);
        }
        for at in 0..g.nodes.len() {
            if self.last[at].is_some() {
                self.node(at);
            }
        }
        for pin in &g.outputs {
            let value = self.ext(pin.sig, self.p.latency, g.width(pin.sig));
            self.line(format!("assign {} = {value};", pin.name));
        }
        if !self.clocked.is_empty() {
            let body = std::mem::take(&mut self.clocked);
            self.line("always @(posedge clk) begin");
            self.out.push_str(&body);
            self.line("end");
        }
        self.line(format!("endmodule // {}", g.name));
        self.out
    }

    fn instance(&mut self, i: usize, call: &super::Instance) {
        let g = &self.p.graph;
        let callee = &call.pipeline.graph;
        let outputs: Vec<(usize, usize)> = g
            .nodes
            .iter()
            .enumerate()
            .filter_map(|(at, n)| match n.op {
                Op::Output { instance, output } if instance == i && self.last[at].is_some() => {
                    Some((at, output))
                }
                _ => None,
            })
            .collect();
        let Some(&(first, _)) = outputs.first() else { return };
        let stage = self.p.read_stage(first);
        let mut wires = vec![".clk(clk)".to_string()];
        for (pin, &arg) in callee.inputs.iter().zip(&call.args) {
            wires.push(format!(".{}({})", pin.name, self.ext(arg, stage, callee.width(pin.sig))));
        }
        for &(at, output) in &outputs {
            let pin = &callee.outputs[output];
            self.line(format!("wire {}n{at};", range(g.nodes[at].width())));
            wires.push(format!(".{}(n{at})", pin.name));
        }
        self.line(format!("{} u{i} (\n  {}\n);", callee.name, wires.join(",\n  ")));
    }

    fn node(&mut self, at: usize) {
        let g = &self.p.graph;
        let node = &g.nodes[at];
        let (w, stage) = (node.width(), self.p.read_stage(at));
        let r = range(w);
        let expr = match &node.op {
            Op::Const(_) => return,
            Op::Input(i) => Some(g.inputs[*i].name.clone()),
            Op::Output { .. } => None,
            Op::Mul(a, b) if self.p.stage[at] != stage => {
                let (a, b) = if g.width(*a) >= g.width(*b) { (*a, *b) } else { (*b, *a) };
                Some(self.chain(at, a, b, None))
            }
            Op::Chain { a, b, top, .. } => Some(self.chain(at, *a, *b, Some(*top))),
            Op::Mul(a, b) => Some(format!("{} * {}", self.ext(*a, stage, w), self.ext(*b, stage, w))),
            Op::Add(terms) => {
                Some(terms.iter().map(|t| self.ext(*t, stage, w)).collect::<Vec<_>>().join(" + "))
            }
            Op::Sub(a, b) => Some(format!("{} - {}", self.ext(*a, stage, w), self.ext(*b, stage, w))),
            Op::SubMod(a, b, _) => Some(format!("{} - {}", self.ext(*a, stage, w), self.ext(*b, stage, w))),
            Op::Slice { src, lo, width } => {
                let name = self.name(*src, stage);
                Some(if *width == 1 {
                    format!("{name}[{lo}]")
                } else {
                    format!("{name}[{}:{lo}]", lo + width - 1)
                })
            }
            Op::Concat(parts) => {
                let top = parts.len() - 1;
                let items: Vec<_> = parts
                    .iter()
                    .enumerate()
                    .rev()
                    .map(|(i, (s, bits))| {
                        let bits = if i == top { g.width(*s) } else { *bits };
                        self.ext(*s, stage, bits)
                    })
                    .collect();
                Some(format!("{{{}}}", items.join(", ")))
            }
            Op::Shl(src, by) => Some(format!("{{{}, {by}'d0}}", self.name(*src, stage))),
            Op::Select { cond, a, b } => Some(format!(
                "{} ? {} : {}",
                self.name(*cond, stage),
                self.ext(*a, stage, w),
                self.ext(*b, stage, w)
            )),
            Op::IsZero(a) => Some(format!("{} == {}'d0", self.name(*a, stage), g.width(*a))),
            Op::Narrow { src, .. } => Some(self.ext(*src, stage, w)),
            Op::Table { index, entries } if self.p.target.tables_as_select() => {
                let name = self.name(*index, stage);
                let one_bit = g.width(*index) == 1;
                Some(select_tree(entries, w, &|bit| {
                    if one_bit {
                        name.clone()
                    } else {
                        format!("{name}[{bit}]")
                    }
                }))
            }
            Op::Table { index, entries } => {
                let (name, iw) = (self.name(*index, stage), g.width(*index));
                self.line(format!("reg {r}n{at};\nalways @(*) case ({name})"));
                for (i, e) in entries.iter().enumerate().skip(1) {
                    self.line(format!("  {iw}'d{i}: n{at} = {};", literal(w, e)));
                }
                self.line(format!("  default: n{at} = {};\nendcase", literal(w, &entries[0])));
                None
            }
        };
        if let Some(expr) = expr {
            self.line(format!("wire {r}n{at} = {expr};"));
        }
        let last = self.last[at].expect("only live nodes are written");
        let mut previous = format!("n{at}");
        let clocks = last.saturating_sub(self.p.stage[at]);
        let keep = self.p.target.keep_registers(clocks);
        for k in 1..=clocks {
            let name = format!("n{at}_{k}");
            self.line(format!("{keep}reg {r}{name};"));
            writeln!(self.clocked, "  {name} <= {previous};").expect("String");
            previous = name;
        }
    }

    /// Instantiates the chain of tiles that computes node `at`; the expression of its result.
    fn chain(&mut self, at: usize, a: Sig, b: Sig, top: Option<Sig>) -> String {
        let (g, target) = (&self.p.graph, self.p.target);
        let (ta, tb) = target.tile();
        let (stage, w) = (self.p.read_stage(at), g.width(Sig(at as u32)));
        let n = target.chain_length(g.width(b));
        let full = tile::result_bits(target, n);
        assert!(g.width(a) <= ta && w <= full, "{}: node {at} over the tile", g.name);
        if let Op::Chain { at: shift, .. } = g.nodes[at].op {
            assert_eq!(shift, tb * (n - 1), "{}: node {at}: addend not at the last tile", g.name);
        }
        let (x, y) = (self.ext(a, stage, ta), self.ext(b, stage, tb * n));
        let c = match top {
            Some(top) => {
                assert!(
                    g.width(top) <= target.tile_sum_bits(),
                    "{}: node {at}: addend over the tile",
                    g.name
                );
                self.ext(top, stage + n, target.tile_sum_bits())
            }
            None => literal(target.tile_sum_bits(), &BigUint::ZERO),
        };
        self.line(format!("wire {}t{at};", range(full)));
        let tile = tile::name(target, n);
        self.line(format!("{tile} m{at} (.clk(clk), .a({x}), .b({y}), .c({c}), .p(t{at}));"));
        if w == full {
            format!("t{at}")
        } else {
            format!("t{at}[{}:0]", w - 1)
        }
    }
}
