//! Bit-exact evaluation: the golden model of a datapath.

use super::{mask, Graph, Op};
use num_bigint::BigUint;
use num_traits::{One, Zero};

impl Graph {
    /// Evaluates the outputs for one set of input values.
    ///
    /// # Panics
    /// When an input exceeds its declared range, or a node leaves the range that the graph claims for it: either is a bug
    /// in a generator, and this is where it shows.
    pub fn eval(&self, inputs: &[BigUint]) -> Vec<BigUint> {
        assert_eq!(inputs.len(), self.inputs.len(), "{}: number of inputs", self.name);
        let mut calls: Vec<Option<Vec<BigUint>>> = vec![None; self.instances.len()];
        let mut v: Vec<BigUint> = Vec::with_capacity(self.nodes.len());
        for (at, node) in self.nodes.iter().enumerate() {
            let x = match &node.op {
                Op::Input(i) => inputs[*i].clone(),
                Op::Const(c) => c.clone(),
                Op::Mul(a, b) => &v[a.at()] * &v[b.at()],
                Op::Chain { a, b, top, at } => &v[a.at()] * &v[b.at()] + (&v[top.at()] << *at),
                Op::Add(terms) => terms.iter().map(|t| &v[t.at()]).sum(),
                Op::Sub(a, b) => {
                    assert!(v[a.at()] >= v[b.at()], "{}: node {at} borrows", self.name);
                    &v[a.at()] - &v[b.at()]
                }
                Op::SubMod(a, b, w) => {
                    let m = mask(*w) + 1u32;
                    ((&v[a.at()] % &m) + &m - (&v[b.at()] % &m)) % &m
                }
                Op::Slice { src, lo, width } => (&v[src.at()] >> *lo) & mask(*width),
                Op::Concat(parts) => {
                    let mut at = 0;
                    parts.iter().fold(BigUint::zero(), |acc, (s, bits)| {
                        let shifted = &v[s.at()] << at;
                        at += bits;
                        acc + shifted
                    })
                }
                Op::Shl(src, by) => &v[src.at()] << *by,
                Op::Select { cond, a, b } => {
                    if v[cond.at()].is_zero() {
                        v[b.at()].clone()
                    } else {
                        v[a.at()].clone()
                    }
                }
                Op::IsZero(a) => {
                    if v[a.at()].is_zero() {
                        BigUint::one()
                    } else {
                        BigUint::zero()
                    }
                }
                Op::Table { index, entries } => {
                    let i = usize::try_from(&v[index.at()]).expect("range checked when built");
                    entries[i].clone()
                }
                Op::Narrow { src, .. } => v[src.at()].clone(),
                Op::Output { instance, output } => {
                    let call = &self.instances[*instance];
                    let out = calls[*instance].get_or_insert_with(|| {
                        let args: Vec<_> = call.args.iter().map(|a| v[a.at()].clone()).collect();
                        call.pipeline.graph.eval(&args)
                    });
                    out[*output].clone()
                }
            };
            assert!(x <= node.max, "{}: node {at} {:?} is {x:#x}, over {:#x}", self.name, node.op, node.max);
            v.push(x);
        }
        self.outputs.iter().map(|o| v[o.sig.at()].clone()).collect()
    }
}
