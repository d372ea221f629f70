//! The obligations reading: the facts a graph rests on, as data for the formal tools.

use super::{Graph, Op, Sig};
use num_bigint::BigUint;

/// One fact that must hold for every input within range.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Obligation {
    /// `b <= a`: the subtraction at `node` does not borrow.
    NoBorrow { node: Sig, a: Sig, b: Sig },
    /// The value of `src` is at most `max`, because of `why`; `node` drops the bits above.
    Bound { node: Sig, src: Sig, max: BigUint, why: &'static str },
}

impl Graph {
    /// Everything that interval analysis alone does not settle. Ranges of all other nodes follow from their operands'.
    pub fn obligations(&self) -> Vec<Obligation> {
        self.nodes
            .iter()
            .enumerate()
            .filter_map(|(at, node)| {
                let here = Sig(at as u32);
                match &node.op {
                    Op::Sub(a, b) => Some(Obligation::NoBorrow { node: here, a: *a, b: *b }),
                    Op::Narrow { src, why, .. } => {
                        Some(Obligation::Bound { node: here, src: *src, max: node.max.clone(), why })
                    }
                    _ => None,
                }
            })
            .collect()
    }
}
