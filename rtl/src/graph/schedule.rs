//! Schedule: every node gets a pipeline stage; registers and balancing delays follow from it.
//!
//! As-soon-as-possible list scheduling with chaining: combinational delays of a target add up within a stage until its
//! clock budget is spent, then a register is taken. Multiplier tiles with their own registers, and sub-pipelines, take a
//! whole number of stages; a sub-pipeline starts at a register, a tile begins with one. Logic that shares the LUTs of an
//! addition ([`Target::fuses`]) is in that addition's stage. All inputs arrive in stage 0; all outputs leave in the last
//! stage.

use super::{Graph, Op};
use crate::target::Target;

/// A scheduled graph: a module with `latency` clocks from inputs to outputs and one result a clock.
#[derive(Clone, Debug)]
pub struct Pipeline {
    pub graph: Graph,
    pub target: Target,
    /// Stage in which a node's value is computed (its combinational output), by node.
    pub stage: Vec<usize>,
    /// Clocks from inputs to outputs.
    pub latency: usize,
}

/// A node that another waits for.
struct Operand {
    src: usize,
    /// Clocks after the reader's first operand.
    offset: usize,
    /// Delay of the fused nodes on the way, in picoseconds.
    logic: u32,
}

impl Graph {
    /// Schedules for `target` and registers the outputs.
    pub fn schedule(self, target: Target) -> Pipeline {
        let mut stage = vec![0usize; self.nodes.len()];
        let mut time = vec![0u32; self.nodes.len()];
        let budget = target.clock_budget();
        let fused = self.fused(target);
        for (at, node) in self.nodes.iter().enumerate() {
            if matches!(node.op, Op::Const(_) | Op::Input(_)) || fused[at] {
                continue;
            }
            let operands = self.operands(target, at, &fused);
            let (mut s, mut t, mut in_front) = (0, 0, 0);
            for &Operand { src, offset, logic } in &operands {
                let from = stage[src].saturating_sub(offset);
                match from.cmp(&s) {
                    std::cmp::Ordering::Greater => (s, t) = (from, time[src] + logic),
                    std::cmp::Ordering::Equal => t = t.max(time[src] + logic),
                    std::cmp::Ordering::Less => {}
                }
                in_front = logic.max(in_front);
            }
            t = t.max(in_front);
            if let Some(latency) = self.own_latency(target, &node.op) {
                // A tile's operand register is the register behind the logic in front of it; a sub-pipeline has none.
                let register = matches!(node.op, Op::Output { .. }) && t > 0;
                s += usize::from(register) + latency;
                t = 0;
            } else {
                let d = target.delay(&self, &node.op);
                if t + d > budget && t > in_front {
                    (s, t) = (s + 1, in_front);
                }
                t += d;
            }
            (stage[at], time[at]) = (s, t);
            self.place_fused(at, s, &fused, &mut stage);
        }
        let last = self.outputs.iter().map(|o| (stage[o.sig.at()], time[o.sig.at()])).max();
        let latency = last.map_or(0, |(s, t)| s + usize::from(t > 0));
        Pipeline { graph: self, target, stage, latency }
    }

    /// Nodes that share the LUTs of the addition behind them: no register may come between the two, so that they are
    /// computed in the addition's stage, whenever their own operands are there.
    fn fused(&self, target: Target) -> Vec<bool> {
        let mut readers = vec![0usize; self.nodes.len()];
        let mut into_sum = vec![false; self.nodes.len()];
        self.outputs.iter().for_each(|o| readers[o.sig.at()] += 1);
        for at in (0..self.nodes.len()).rev() {
            let op = &self.nodes[at].op;
            let lut = target.fuses() && matches!(op, Op::Table { .. } | Op::Select { .. });
            into_sum[at] &= lut && readers[at] == 1;
            for src in self.sources(op) {
                readers[src.at()] += 1;
                into_sum[src.at()] = matches!(op, Op::Add(_)) || into_sum[at];
            }
        }
        into_sum
    }

    /// What node `at` waits for; through fused nodes, what these wait for.
    fn operands(&self, target: Target, at: usize, fused: &[bool]) -> Vec<Operand> {
        let op = &self.nodes[at].op;
        let mut out = vec![];
        for (src, offset) in self.sources(op).into_iter().zip(self.read_offsets(target, op)) {
            let src = src.at();
            if fused[src] {
                let delay = target.delay(self, &self.nodes[src].op);
                let inner = self.operands(target, src, fused).into_iter();
                out.extend(inner.map(|o| Operand { logic: o.logic + delay, ..o }));
            } else if !matches!(self.nodes[src].op, Op::Const(_)) {
                out.push(Operand { src, offset, logic: 0 });
            }
        }
        out
    }

    /// Puts the nodes fused with `at` into its stage.
    fn place_fused(&self, at: usize, s: usize, fused: &[bool], stage: &mut [usize]) {
        for src in self.sources(&self.nodes[at].op) {
            if fused[src.at()] {
                stage[src.at()] = s;
                self.place_fused(src.at(), s, fused, stage);
            }
        }
    }

    /// Clocks through an operator with registers of its own.
    fn own_latency(&self, target: Target, op: &Op) -> Option<usize> {
        match op {
            Op::Output { instance, .. } => Some(self.instances[*instance].pipeline.latency),
            Op::Mul(a, b) => target.tile_latency(self.width(*a), self.width(*b)),
            Op::Chain { b, .. } => Some(target.chain_latency(self.width(*b))),
            _ => None,
        }
    }

    /// How many clocks after its first operand an operator reads each of its sources.
    fn read_offsets(&self, target: Target, op: &Op) -> Vec<usize> {
        match op {
            // The last tile's adder comes two clocks before the end: its addend has one register.
            Op::Chain { b, .. } => vec![0, 0, target.chain_latency(self.width(*b)) - 2],
            _ => vec![0; self.sources(op).len()],
        }
    }
}

impl Pipeline {
    /// Stage from which `node` is needed by its latest reader (the outputs are read in stage `latency`).
    /// `None` for constants and for nodes nobody reads.
    pub fn last_use(&self) -> Vec<Option<usize>> {
        let g = &self.graph;
        let mut last = vec![None; g.nodes.len()];
        for (at, node) in g.nodes.iter().enumerate() {
            let read_at = self.read_stage(at);
            for (src, offset) in g.sources(&node.op).into_iter().zip(g.read_offsets(self.target, &node.op)) {
                let l: &mut Option<usize> = &mut last[src.at()];
                *l = (*l).max(Some(read_at + offset));
            }
        }
        for o in &g.outputs {
            last[o.sig.at()] = last[o.sig.at()].max(Some(self.latency));
        }
        for (at, node) in g.nodes.iter().enumerate() {
            if matches!(node.op, Op::Const(_)) {
                last[at] = None;
            }
        }
        last
    }

    /// Stage in which node `at` reads its operands (of a chain: the factors).
    pub fn read_stage(&self, at: usize) -> usize {
        self.stage[at] - self.graph.own_latency(self.target, &self.graph.nodes[at].op).unwrap_or(0)
    }
}
