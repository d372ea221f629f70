//! The cost reading: what a pipeline is made of, before any synthesis tool has seen it.

use super::{Op, Pipeline};

/// Building blocks of a pipeline, sub-pipelines included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Cost {
    /// Products (of non-constants on targets with tiles: one DSP each, a chain's tiles one each).
    pub tiles: usize,
    /// Bits of two-operand adders, subtractors and comparators.
    pub adder_bits: usize,
    /// Bits of two-way multiplexers.
    pub select_bits: usize,
    /// Output bits of tables.
    pub table_bits: usize,
    /// Pipeline and balancing registers.
    pub register_bits: usize,
}

impl std::ops::AddAssign for Cost {
    fn add_assign(&mut self, o: Cost) {
        self.tiles += o.tiles;
        self.adder_bits += o.adder_bits;
        self.select_bits += o.select_bits;
        self.table_bits += o.table_bits;
        self.register_bits += o.register_bits;
    }
}

impl Pipeline {
    pub fn cost(&self) -> Cost {
        let g = &self.graph;
        let last = self.last_use();
        let mut c = Cost::default();
        for (at, node) in g.nodes.iter().enumerate() {
            let Some(last) = last[at] else { continue };
            let w = node.width();
            match &node.op {
                Op::Mul(..) => c.tiles += 1,
                Op::Chain { b, .. } => c.tiles += self.target.chain_length(g.width(*b)),
                Op::Add(terms) => c.adder_bits += w * (terms.len() - 1),
                Op::Sub(..) | Op::SubMod(..) => c.adder_bits += w,
                Op::IsZero(a) => c.adder_bits += g.width(*a),
                Op::Select { .. } => c.select_bits += w,
                Op::Table { .. } => c.table_bits += w,
                _ => {}
            }
            c.register_bits += w * last.saturating_sub(self.stage[at]);
        }
        for call in &g.instances {
            c += call.pipeline.cost();
        }
        c
    }
}
