//! Multipliers of small primes, proved whole: the emitted text, every register and clock of it, for all inputs.
//!
//! Statement: for all a, b below p, `y` is below p and is a b / R modulo p, `latency` clocks later, whatever the registers held
//! and whatever enters before and after. In pieces, because solvers do not compare multipliers of more than ten bits:
//!
//! 1. *Product.* The parts of the first waypoint, T, are a b. In one of two ways, see [`Product`].
//! 2. *Digits.* From each waypoint V to the next, V': for all values of the parts of V within their ranges, V' = V + q p 2^c with
//!    q = (V / 2^c) (-p^-1) mod 2^d, c low bits being zero before and, which is shown too, c + d after. The text is cut there: the wires of V's parts
//!    are inputs. The parts of V' are within their ranges too, so that the next piece may rest on that.
//! 3. *Result.* From the last waypoint to `y`: the digits that are left, division by R, p subtracted if that fits.
//!
//! Each piece is one query of bit vectors to bitwuzla about yosys' model of the emitted text. The clock of every wire is in it.

use super::{unroll::Clocks, Poly, Walk};
use crate::{check::Report, tools::Tools, Error};
use num_bigint::BigUint;
use num_traits::One;
use permafrost_rtl::{
    field::{units, Field},
    graph::{mask, Graph, Op, Pipeline, Sig, Waypoint},
    hdl::Design,
    target::Target,
};
use std::{collections::BTreeMap, fmt::Write as _};

/// Seconds for one query.
const LIMIT: u64 = 300;

/// Mutants of the text that are tried, spread evenly over all that there are.
const MUTANTS: usize = 16;

/// The largest prime below 2^`bits`, R = 4 2^`bits`: two bits to spare, as BN254 has.
pub fn small_field(bits: usize) -> Field {
    let prime = |n: &u32| n % 2 == 1 && (3..).step_by(2).take_while(|d| d * d <= *n).all(|d| n % d != 0);
    let p = (0..1u32 << bits).rev().find(prime).expect("two bits or more");
    Field::new("small", "a small prime", p.into(), bits + 2)
}

/// How the product is proved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Product {
    /// T is a function f of a and b: f(a, 0) = 0, and f(a, b + 2^i) = f(a, b) + 2^i a where bit i of b is 0. So f(a, b) = a b, by
    /// induction on the bits of b. For eight bits or so.
    Bits,
    /// Node by node: for all values of the nodes that it reads, within their ranges, every wire on the way to T is what the
    /// graph's node says, the chains of tiles among them; and of the graph, T is the polynomial a b.
    Nodes,
}

/// A unit under proof, and what was found of its queries so far.
struct Proof<'a> {
    tools: &'a Tools,
    field: &'a Field,
    pipeline: &'a Pipeline,
    product: Product,
    /// Queries that were shown to have no counterexample.
    holds: BTreeMap<String, ()>,
}

/// Proves the multiplier of `field` for `target` as emitted, and refutes mutants of its text.
///
/// # Errors
/// A tool fails or takes too long.
pub fn whole(tools: &Tools, field: &Field, target: Target, product: Product) -> Result<Report, Error> {
    let pipeline = units::mul(field, target);
    let (p, r) = (&field.p, BigUint::one() << field.r_bits);
    // With it, and with the digits that the pieces prove: y is below p, and R y = a b modulo p.
    if (p - 1u32) * (p - 1u32) + (&r - 1u32) * p >= &r * p * 2u32 {
        return Err(Error::Manifest(format!("{}: (T + q p) / R may be 2 p or more", field.title)));
    }
    let text = emitted(&pipeline)?;
    let mut proof = Proof { tools, field, pipeline: &pipeline, product, holds: BTreeMap::new() };
    let proved = match proof.refuted(&text)? {
        None => Ok(()),
        Some(piece) => Err(format!("{piece} has a counterexample")),
    };
    let mut report = Report { proved, killed: 0, equivalent: vec![], alive: vec![] };
    if report.proved.is_err() {
        return Ok(report);
    }
    let all = mutants(&text);
    let count = MUTANTS.min(all.len());
    for at in 0..count {
        let (name, mutant) = &all[at * all.len() / count];
        match proof.refuted(mutant)? {
            Some(_) => report.killed += 1,
            None if proof.read(&text)? == proof.read(mutant)? => {
                report.equivalent.push(format!("{name}: it reaches no output, yosys leaves it out"));
            }
            None => report.alive.push(name.clone()),
        }
    }
    Ok(report)
}

fn emitted(pipeline: &Pipeline) -> Result<String, Error> {
    Ok(Design::elaborate(&pipeline.module()).map_err(|e| Error::Manifest(e.to_string()))?.text())
}

/// Unsigned numbers of this many bits hold every number of the proof.
fn room(field: &Field) -> usize {
    field.bits + field.r_bits + 4
}

impl Proof<'_> {
    fn graph(&self) -> &Graph {
        &self.pipeline.graph
    }

    /// The first piece that does not hold of `text`, if there is one.
    fn refuted(&mut self, text: &str) -> Result<Option<String>, Error> {
        let waypoints = self.graph().waypoints.clone();
        let [first, .., last] = &waypoints[..] else {
            return Err(Error::Manifest("a unit without waypoints".into()));
        };
        let steps = waypoints.windows(2).enumerate();
        for (i, pair) in steps {
            if !self.step(text, &pair[0], &pair[1])? {
                return Ok(Some(format!("digit {i}")));
            }
        }
        if !self.result(text, last)? {
            return Ok(Some("the result".into()));
        }
        match self.product {
            Product::Bits => self.bits(text, first),
            Product::Nodes => self.by_nodes(text, first),
        }
    }

    /// `text` with the wires of `cut` as inputs `cut_<node>` and those of `seen` as the only outputs, `see_<node>`; of a wire that
    /// is both, what it would be without the cut if `each` node is looked at.
    fn piece(
        &self,
        text: &str,
        cut: &[Sig],
        seen: &[Sig],
        result: bool,
        each: bool,
    ) -> Result<Clocks, Error> {
        let (g, top) = (self.graph(), &self.graph().name);
        let width = |s: &Sig| g.width(*s) - 1;
        let mut ports: String =
            cut.iter().map(|s| format!("  input wire [{}:0] cut_{},\n", width(s), s.index())).collect();
        ports.extend(seen.iter().map(|s| format!("  output wire [{}:0] see_{},\n", width(s), s.index())));
        let mut out = String::new();
        let mut left = cut.len();
        for line in text.lines() {
            let cut_here = cut.iter().find(|s| defines(line, s.index()));
            if let Some(s) = cut_here {
                let (declared, value) = line.split_once(" = ").expect("a definition");
                writeln!(out, "{declared} = cut_{};", s.index()).expect("String");
                if each && seen.contains(s) {
                    writeln!(out, "assign see_{} = {value}", s.index()).expect("String");
                }
                left -= 1;
            } else if line.starts_with(&format!("module {top} (")) {
                writeln!(out, "{line}\n{ports}").expect("String");
            } else if line.starts_with(&format!("endmodule // {top}")) {
                for s in seen.iter().filter(|s| !each || !cut.contains(s)) {
                    writeln!(out, "assign see_{0} = n{0};", s.index()).expect("String");
                }
                writeln!(out, "{line}").expect("String");
            } else if !result && line.starts_with("assign y = ") {
                // Without a reader what leads there is no part of the model.
            } else {
                writeln!(out, "{line}").expect("String");
            }
        }
        if left != 0 {
            return Err(Error::Manifest(format!("{top}: {left} wires were not found in the text")));
        }
        Clocks::read(top, &self.model(out, "opt_clean; write_smt2 -stbv -wires")?)
    }

    /// The functions and registers of `text` that lead to an output, names left out.
    fn read(&self, text: &str) -> Result<String, Error> {
        let model = self.model(text.into(), "setattr -unset keep */*; opt_clean -purge; write_smt2 -stbv")?;
        Ok(model
            .lines()
            .map(|l| l.split(" ; ").next().unwrap_or(""))
            .filter(|l| !l.starts_with(';'))
            .collect())
    }

    /// What yosys makes of `text` with these commands at the end.
    fn model(&self, text: String, commands: &str) -> Result<String, Error> {
        let top = &self.graph().name;
        let io = |source| Error::Io { path: "temporary folder".into(), source };
        let folder = tempfile::tempdir().map_err(io)?;
        std::fs::write(folder.path().join("piece.v"), text).map_err(io)?;
        let script =
            format!("read_verilog piece.v; hierarchy -top {top}; proc; flatten; {commands} piece.smt2");
        let said = self.tools.run(folder.path(), "yosys", &["-q", "-p", &script], None, LIMIT)?;
        if !said.success {
            return Err(Error::Tool { tool: "yosys", said: said.text });
        }
        std::fs::read_to_string(folder.path().join("piece.smt2")).map_err(io)
    }

    /// Asks for a counterexample.
    fn holds(&mut self, query: String) -> Result<bool, Error> {
        if self.holds.contains_key(&query) {
            return Ok(true);
        }
        let io = |source| Error::Io { path: "temporary folder".into(), source };
        let folder = tempfile::tempdir().map_err(io)?;
        std::fs::write(folder.path().join("query.smt2"), &query).map_err(io)?;
        let said = self.tools.run(folder.path(), "bitwuzla", &["query.smt2"], None, LIMIT)?;
        match said.text.trim() {
            "unsat" => {
                self.holds.insert(query, ());
                Ok(true)
            }
            "sat" => Ok(false),
            _ => Err(Error::Tool { tool: "bitwuzla", said: said.text }),
        }
    }

    fn number(&self, value: &BigUint) -> String {
        format!("(_ bv{value} {})", room(self.field))
    }

    /// The number that the wires `{kind}_<node>` of a waypoint's parts give, states named by `prefix`.
    fn value(&self, clocks: &Clocks, kind: &str, at: &Waypoint, prefix: &str) -> String {
        let room = room(self.field);
        at.parts.iter().fold(self.number(&BigUint::ZERO), |sum, (s, shift)| {
            let state = format!("{prefix}{}", self.pipeline.stage[s.index()]);
            let wire = clocks.wire(&format!("{kind}_{}", s.index()), self.graph().width(*s), &state, room);
            format!("(bvadd {sum} (bvshl {wire} (_ bv{shift} {room})))")
        })
    }

    /// Every part is within its node's range.
    fn ranges(&self, clocks: &Clocks, kind: &str, at: &Waypoint, prefix: &str) -> String {
        let room = room(self.field);
        let mut all = "(and true".to_string();
        for (s, _) in &at.parts {
            let state = format!("{prefix}{}", self.pipeline.stage[s.index()]);
            let wire = clocks.wire(&format!("{kind}_{}", s.index()), self.graph().width(*s), &state, room);
            write!(all, " (bvule {wire} {})", self.number(self.graph().max(*s))).expect("String");
        }
        all + ")"
    }

    /// What is known of a waypoint's number `v`: that its low bits are cleared, and its bound.
    fn known(&self, at: &Waypoint) -> String {
        let p = &self.field.p;
        let t_max = (p - 1u32) * (p - 1u32);
        let digits = (BigUint::one() << at.cleared) - 1u32;
        let bound = self.number(&(t_max + &digits * p));
        format!("(and (bvule v {bound}) {})", self.cleared("v", at.cleared))
    }

    /// The low `bits` of `number` are zero.
    fn cleared(&self, number: &str, bits: usize) -> String {
        format!("(= (bvand {number} {}) {})", self.number(&mask(bits)), self.number(&BigUint::ZERO))
    }

    /// Defines `{out}`, which is `{from}` with its low bits cleared from `cleared` to `to`.
    fn digit(&self, from: &str, out: &str, cleared: usize, to: usize) -> String {
        let (room, bits) = (room(self.field), to - cleared);
        let p = self.number(&self.field.p);
        let n_prime = format!("(_ bv{} {bits})", self.field.n_prime(bits));
        format!(
            "(define-fun q_{out} () (_ BitVec {bits}) (bvmul ((_ extract {} {cleared}) {from}) {n_prime}))\n\
             (define-fun {out} () (_ BitVec {room}) (bvadd {from} (bvshl (bvmul ((_ zero_extend {}) q_{out}) {p}) \
             (_ bv{cleared} {room}))))\n",
            to - 1,
            room - bits,
        )
    }

    fn nodes(at: &Waypoint) -> Vec<Sig> {
        let mut nodes: Vec<Sig> = at.parts.iter().map(|(s, _)| *s).collect();
        nodes.sort();
        nodes.dedup();
        nodes
    }

    fn start(&self, clocks: &Clocks) -> String {
        format!("(set-logic QF_BV)\n{}{}", clocks.functions, clocks.states("s", self.pipeline.latency))
    }

    /// The nodes that T is made of, inputs and constants apart.
    fn before(&self, first: &Waypoint) -> Vec<Sig> {
        let g = self.graph();
        let mut needed = vec![false; g.nodes.len()];
        first.parts.iter().for_each(|(s, _)| needed[s.index()] = true);
        for at in (0..g.nodes.len()).rev().filter(|at| !matches!(g.nodes[*at].op, Op::Const(_))) {
            if needed[at] {
                g.sources(&g.nodes[at].op).iter().for_each(|s| needed[s.index()] = true);
            }
        }
        let made = |s: &Sig| needed[s.index()] && !matches!(g.node(*s).op, Op::Const(_) | Op::Input(_));
        (0..g.nodes.len()).map(Sig::from_index).filter(made).collect()
    }

    fn by_nodes(&mut self, text: &str, first: &Waypoint) -> Result<Option<String>, Error> {
        let (g, nodes) = (self.graph(), self.before(first));
        if let Some(s) = nodes.iter().find(|s| g.width(**s) > room(self.field)) {
            return Err(Error::Manifest(format!("{}: {s:?} is wider than the proof's numbers", g.name)));
        }
        let walk = match Walk::new(g) {
            Ok(walk) => walk,
            Err(refuted) => return Ok(Some(refuted.to_string())),
        };
        let sum =
            first.parts.iter().fold(Poly::zero(), |sum, (s, at)| &sum + &walk.value(*s).shl(*at as u64));
        if sum != walk.value(g.inputs[0].sig) * walk.value(g.inputs[1].sig) {
            return Ok(Some("the first waypoint's polynomial".into()));
        }
        let clocks = self.piece(text, &nodes, &nodes, false, true)?;
        let wire = |kind: &str, s: Sig| {
            let (w, state) = (g.width(s), format!("s{}", self.pipeline.stage[s.index()]));
            match &g.node(s).op {
                Op::Const(c) => self.number(c),
                // An input's own wire is read in its stage like any other's.
                Op::Input(i) => clocks.wire(&g.inputs[*i].name, w, &state, room(self.field)),
                _ => clocks.wire(&format!("{kind}_{}", s.index()), w, &state, room(self.field)),
            }
        };
        let (mut known, mut same) = (String::new(), String::new());
        for s in (0..g.nodes.len()).map(Sig::from_index) {
            let read = nodes.contains(&s) || matches!(g.node(s).op, Op::Input(_));
            if read {
                writeln!(known, "(assert (bvule {} {}))", wire("cut", s), self.number(g.max(s)))
                    .expect("String");
            }
        }
        for s in &nodes {
            let op = &g.node(*s).op;
            let value = self
                .operation(op, &|s| wire("cut", s))
                .ok_or_else(|| Error::Manifest(format!("{}: {op:?} on the way to the product", g.name)))?;
            if let Op::Narrow { src, .. } = op {
                // Shown of the graph.
                let most = self.number(g.max(*s));
                writeln!(known, "(assert (bvule {} {most}))", wire("cut", *src)).expect("String");
            }
            write!(same, " (= {} {value})", wire("see", *s)).expect("String");
        }
        let query = format!("{}{known}(assert (not (and true{same})))\n(check-sat)\n", self.start(&clocks));
        Ok((!self.holds(query)?).then(|| "a node of the product".into()))
    }

    /// What a node computes, as the graph defines it.
    fn operation(&self, op: &Op, value: &dyn Fn(Sig) -> String) -> Option<String> {
        let room = room(self.field);
        let (v, shift) =
            (|s: &Sig| value(*s), |x: String, by: usize| format!("(bvshl {x} (_ bv{by} {room}))"));
        Some(match op {
            Op::Mul(a, b) => format!("(bvmul {} {})", v(a), v(b)),
            Op::Chain { a, b, top, at } => {
                format!("(bvadd (bvmul {} {}) {})", v(a), v(b), shift(v(top), *at))
            }
            Op::Add(terms) => terms.iter().map(v).reduce(|x, y| format!("(bvadd {x} {y})"))?,
            Op::SubMod(a, b, width) => {
                format!("(bvand (bvsub {} {}) {})", v(a), v(b), self.number(&mask(*width)))
            }
            Op::Slice { src, lo, width } => {
                format!("(bvand (bvlshr {} (_ bv{lo} {room})) {})", v(src), self.number(&mask(*width)))
            }
            Op::Concat(parts) => {
                let places =
                    parts.iter().scan(0, |at, (s, bits)| Some((std::mem::replace(at, *at + bits), s)));
                places.map(|(at, s)| shift(v(s), at)).reduce(|x, y| format!("(bvadd {x} {y})"))?
            }
            Op::Shl(src, by) => shift(v(src), *by),
            Op::Select { cond, a, b } => {
                format!("(ite (= {} {}) {} {})", v(cond), self.number(&BigUint::ZERO), v(b), v(a))
            }
            Op::Narrow { src, .. } => v(src),
            _ => return None,
        })
    }

    fn step(&mut self, text: &str, from: &Waypoint, to: &Waypoint) -> Result<bool, Error> {
        let clocks = self.piece(text, &Self::nodes(from), &Self::nodes(to), false, false)?;
        let room = room(self.field);
        let query = format!(
            "{}(define-fun v () (_ BitVec {room}) {})\n(assert {})\n(assert {})\n{}(assert (not (and (= next {}) {} {})))\n(check-sat)\n",
            self.start(&clocks),
            self.value(&clocks, "cut", from, "s"),
            self.ranges(&clocks, "cut", from, "s"),
            self.known(from),
            self.digit("v", "next", from.cleared, to.cleared),
            self.value(&clocks, "see", to, "s"),
            self.ranges(&clocks, "see", to, "s"),
            self.cleared("next", to.cleared),
        );
        self.holds(query)
    }

    fn result(&mut self, text: &str, last: &Waypoint) -> Result<bool, Error> {
        let clocks = self.piece(text, &Self::nodes(last), &[], true, false)?;
        let (room, r_bits) = (room(self.field), self.field.r_bits);
        let digit = if last.cleared < r_bits {
            self.digit("v", "all", last.cleared, r_bits)
        } else {
            format!("(define-fun all () (_ BitVec {room}) v)\n")
        };
        let p = self.number(&self.field.p);
        let y = clocks.wire("y", self.field.bits, &format!("s{}", self.pipeline.latency), room);
        let query = format!(
            "{}(define-fun v () (_ BitVec {room}) {})\n(assert {})\n(assert {})\n{digit}\
             (define-fun u () (_ BitVec {room}) (bvlshr all (_ bv{r_bits} {room})))\n\
             (assert (not (and (= {y} (ite (bvuge u {p}) (bvsub u {p}) u)) {})))\n(check-sat)\n",
            self.start(&clocks),
            self.value(&clocks, "cut", last, "s"),
            self.ranges(&clocks, "cut", last, "s"),
            self.known(last),
            self.cleared("all", r_bits),
        );
        self.holds(query)
    }

    fn bits(&mut self, text: &str, first: &Waypoint) -> Result<Option<String>, Error> {
        let clocks = self.piece(text, &[], &Self::nodes(first), false, false)?;
        let (room, bits) = (room(self.field), self.field.bits);
        let latency = self.pipeline.latency;
        let p = self.number(&self.field.p);
        let input = |name: &str, prefix: &str| clocks.wire(name, bits, &format!("{prefix}0"), room);
        let one = format!(
            "{}(define-fun a () (_ BitVec {room}) {})\n(define-fun b () (_ BitVec {room}) {})\n\
             (define-fun f () (_ BitVec {room}) {})\n(assert (bvult a {p}))\n",
            self.start(&clocks),
            input("a", "s"),
            input("b", "s"),
            self.value(&clocks, "see", first, "s"),
        );
        let zero = self.number(&BigUint::ZERO);
        let in_range = self.ranges(&clocks, "see", first, "s");
        let none = format!(
            "{one}(assert (= b {zero}))\n(assert (not (and (= f {zero}) {in_range})))\n(check-sat)\n"
        );
        if !self.holds(none)? {
            return Ok(Some("the product with zero".into()));
        }
        let two = format!(
            "{one}{}(define-fun more () (_ BitVec {room}) {})\n(assert (= a {}))\n(assert (bvult {} {p}))\n",
            clocks.states("z", latency),
            self.value(&clocks, "see", first, "z"),
            input("a", "z"),
            input("b", "z"),
        );
        let in_range = self.ranges(&clocks, "see", first, "z");
        for i in 0..bits {
            let power = self.number(&(BigUint::one() << i));
            let query = format!(
                "{two}(assert (= (bvand b {power}) {zero}))\n(assert (= {} (bvadd b {power})))\n\
                 (assert (not (and (= more (bvadd f (bvshl a (_ bv{i} {room})))) {in_range})))\n(check-sat)\n",
                input("b", "z"),
            );
            if !self.holds(query)? {
                return Ok(Some(format!("bit {i} of b in the product")));
            }
        }
        Ok(None)
    }
}

/// Whether `line` defines the wire of node `at`.
fn defines(line: &str, at: usize) -> bool {
    let name = line.strip_prefix("wire ").and_then(|l| l.split(" = ").next());
    let name = name.map(|l| l.rsplit(' ').next().unwrap_or(l));
    name == Some(format!("n{at}").as_str()) && line.contains(" = ")
}

/// Texts with one thing wrong: another operator, another bit, another constant, another clock.
fn mutants(text: &str) -> Vec<(String, String)> {
    let lines: Vec<&str> = text.lines().collect();
    let mut all = vec![];
    for (i, line) in lines.iter().enumerate() {
        let changed: Vec<String> = match line.split_once(" = ") {
            Some((left, right)) if line.starts_with("wire ") && !right.contains("cut_") => {
                let mut changed = vec![];
                if right.contains(" + ") {
                    changed.push(format!("{left} = {}", right.replacen(" + ", " - ", 1)));
                    changed.push(format!("{left} = {}", right.replacen(" + ", " | ", 1)));
                }
                if right.contains(" * ") {
                    changed.push(format!("{left} = {}", right.replacen(" * ", " + ", 1)));
                }
                if let Some((cond, rest)) = right.split_once(" ? ").filter(|(c, _)| !c.contains('(')) {
                    changed.push(format!("{left} = !{cond} ? {rest}"));
                }
                changed
            }
            _ => match line.trim().split_once(" <= ") {
                // A register passed by: its value comes a clock early.
                Some((to, from)) if to.starts_with('n') && from.starts_with('n') => {
                    let skips = lines
                        .iter()
                        .any(|l| l.trim().starts_with(&format!("{} <= ", from.trim_end_matches(';'))));
                    skips
                        .then(|| skipped(&lines, line, from.trim_end_matches(';')))
                        .flatten()
                        .into_iter()
                        .collect()
                }
                _ => vec![],
            },
        };
        for line_now in changed {
            let mut mutant = lines.clone();
            mutant[i] = &line_now;
            all.push((
                format!("line {}: `{}` as `{}`", i + 1, line.trim(), line_now.trim()),
                mutant.join("\n") + "\n",
            ));
        }
    }
    all
}

/// `line` with what register `from` takes in place of `from`.
fn skipped(lines: &[&str], line: &str, from: &str) -> Option<String> {
    let source = lines.iter().find_map(|l| l.trim().strip_prefix(&format!("{from} <= ")))?;
    let (to, _) = line.split_once(" <= ")?;
    Some(format!("{to} <= {source}"))
}
