//! Schedule: every node gets a pipeline stage; registers and balancing delays follow from it.
//!
//! As-soon-as-possible list scheduling with chaining: combinational delays of a target add up within a stage until its
//! clock budget is spent, then a register is taken. A multiplier tile with its own registers, and a sub-pipeline, start
//! at a register and take a whole number of stages. All inputs arrive in stage 0; all outputs leave in the last stage.

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

impl Graph {
    /// Schedules for `target` and registers the outputs.
    pub fn schedule(self, target: Target) -> Pipeline {
        let mut stage = vec![0usize; self.nodes.len()];
        let mut time = vec![0u32; self.nodes.len()];
        let budget = target.clock_budget();
        for (at, node) in self.nodes.iter().enumerate() {
            if matches!(node.op, Op::Const(_) | Op::Input(_)) {
                continue;
            }
            let (mut s, mut t) = (0, 0);
            for src in self.sources(&node.op) {
                let src = src.at();
                if matches!(self.nodes[src].op, Op::Const(_)) {
                    continue;
                }
                match stage[src].cmp(&s) {
                    std::cmp::Ordering::Greater => (s, t) = (stage[src], time[src]),
                    std::cmp::Ordering::Equal => t = t.max(time[src]),
                    std::cmp::Ordering::Less => {}
                }
            }
            let own_registers = match &node.op {
                Op::Output { instance, .. } => Some(self.instances[*instance].pipeline.latency),
                Op::Mul(a, b) => target.tile_latency(self.width(*a), self.width(*b)),
                _ => None,
            };
            if let Some(latency) = own_registers {
                s += usize::from(t > 0) + latency;
                t = 0;
            } else {
                let d = target.delay(&self, &node.op);
                if t + d > budget && t > 0 {
                    (s, t) = (s + 1, 0);
                }
                t += d;
            }
            (stage[at], time[at]) = (s, t);
        }
        let last = self.outputs.iter().map(|o| (stage[o.sig.at()], time[o.sig.at()])).max();
        let latency = last.map_or(0, |(s, t)| s + usize::from(t > 0));
        Pipeline { graph: self, target, stage, latency }
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
            for src in g.sources(&node.op) {
                let l: &mut Option<usize> = &mut last[src.at()];
                *l = (*l).max(Some(read_at));
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

    /// Stage in which node `at` reads its operands.
    pub fn read_stage(&self, at: usize) -> usize {
        let g = &self.graph;
        let own = match &g.nodes[at].op {
            Op::Output { instance, .. } => g.instances[*instance].pipeline.latency,
            Op::Mul(a, b) => self.target.tile_latency(g.width(*a), g.width(*b)).unwrap_or(0),
            _ => 0,
        };
        self.stage[at] - own
    }
}
