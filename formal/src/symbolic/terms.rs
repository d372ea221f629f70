//! Bit-vector terms in a normal form; equal terms are one term.
//!
//! Beside [`crate::netlist::term`], which only writes a net's function for the solver: a run of many clocks has to see at once which
//! values are known (what control does depends on them) and which are the same, so these are simplified as they are built.

use num_bigint::BigUint;
use num_traits::{One, Zero};
use permafrost_rtl::graph::mask;
use std::collections::HashMap;

/// A term of one [`Terms`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Term(u32);

/// What a term is made of; operands are in [`Node::args`]. Operands of bitwise and arithmetic operations are as wide as the term.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Op {
    /// An unknown, by number.
    Var(u32),
    Const(BigUint),
    /// Bits from the given one on.
    Slice(usize),
    /// Operands side by side, the lowest first.
    Concat,
    Not,
    And,
    Or,
    Xor,
    /// Modulo 2^width.
    Add,
    Sub,
    /// One bit: the operands are equal.
    Eq,
    /// One bit: the first is below the second, unsigned.
    Less,
    /// The second operand if the first, a bit, is 1; otherwise the third.
    Ite,
    /// A function that is not looked into: equal operands give equal values.
    Call(&'static str),
    /// A cell that is not looked into, by its kind and parameters.
    Cell(String),
}

/// A term's operation, operands and width.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Node {
    pub op: Op,
    pub args: Vec<Term>,
    pub width: usize,
}

/// All terms of a run.
#[derive(Default)]
pub struct Terms {
    nodes: Vec<Node>,
    known: HashMap<Node, Term>,
    names: Vec<String>,
}

impl Terms {
    fn push(&mut self, op: Op, args: Vec<Term>, width: usize) -> Term {
        let node = Node { op, args, width };
        if let Some(term) = self.known.get(&node) {
            return *term;
        }
        let term = Term(self.nodes.len() as u32);
        self.known.insert(node.clone(), term);
        self.nodes.push(node);
        term
    }

    pub fn node(&self, t: Term) -> &Node {
        &self.nodes[t.0 as usize]
    }

    pub fn width(&self, t: Term) -> usize {
        self.node(t).width
    }

    /// A new unknown.
    pub fn var(&mut self, name: impl Into<String>, width: usize) -> Term {
        let number = self.names.len() as u32;
        self.names.push(name.into());
        self.push(Op::Var(number), vec![], width)
    }

    /// The name that an unknown was given.
    pub fn name(&self, number: u32) -> &str {
        &self.names[number as usize]
    }

    pub fn constant(&mut self, value: impl Into<BigUint>, width: usize) -> Term {
        self.push(Op::Const(value.into() & mask(width)), vec![], width)
    }

    pub fn bit(&mut self, value: bool) -> Term {
        self.constant(u32::from(value), 1)
    }

    pub fn as_const(&self, t: Term) -> Option<&BigUint> {
        match &self.node(t).op {
            Op::Const(c) => Some(c),
            _ => None,
        }
    }

    /// The value of a constant that fits.
    pub fn number(&self, t: Term) -> Option<u64> {
        u64::try_from(self.as_const(t)?).ok()
    }

    pub fn slice(&mut self, t: Term, lo: usize, width: usize) -> Term {
        let node = self.node(t);
        if lo == 0 && width == node.width {
            return t;
        }
        match &node.op {
            Op::Const(c) => {
                let c = c >> lo;
                self.constant(c, width)
            }
            Op::Slice(from) => {
                let (src, from) = (node.args[0], *from);
                self.slice(src, from + lo, width)
            }
            Op::Concat => {
                let (mut at, mut inside) = (0, vec![]);
                for &part in &node.args {
                    let bits = self.width(part);
                    let (from, to) = (at.max(lo), (at + bits).min(lo + width));
                    if from < to {
                        inside.push((part, from - at, to - from));
                    }
                    at += bits;
                }
                let parts: Vec<Term> = inside.into_iter().map(|(p, lo, w)| self.slice(p, lo, w)).collect();
                self.concat(&parts)
            }
            // A choice of constants, such as the enable of a write.
            Op::Ite if node.args[1..].iter().all(|branch| self.as_const(*branch).is_some()) => {
                let [cond, a, b] = node.args[..] else { unreachable!("three operands") };
                let (a, b) = (self.slice(a, lo, width), self.slice(b, lo, width));
                self.ite(cond, a, b)
            }
            _ => self.push(Op::Slice(lo), vec![t], width),
        }
    }

    /// The parts side by side, the lowest first.
    pub fn concat(&mut self, parts: &[Term]) -> Term {
        if let [one] = parts {
            return *one;
        }
        let mut flat: Vec<Term> = vec![];
        for &part in parts {
            match &self.node(part).op {
                Op::Concat => flat.extend(self.node(part).args.clone()),
                _ => flat.push(part),
            }
        }
        let mut merged: Vec<Term> = vec![];
        for part in flat {
            match merged.last().and_then(|last| self.joined(*last, part)) {
                Some((node, lo, width)) => {
                    let whole = match node {
                        Ok(src) => self.slice(src, lo, width),
                        Err(c) => self.constant(c, width),
                    };
                    merged.pop();
                    merged.push(whole);
                }
                None => merged.push(part),
            }
        }
        if let [one] = merged[..] {
            return one;
        }
        let width = merged.iter().map(|p| self.width(*p)).sum();
        self.push(Op::Concat, merged, width)
    }

    /// `low` and `high` in one piece: a part of one term, or a constant.
    fn joined(&self, low: Term, high: Term) -> Option<(Result<Term, BigUint>, usize, usize)> {
        let (l, h) = (self.node(low), self.node(high));
        let width = l.width + h.width;
        match (&l.op, &h.op) {
            (Op::Const(a), Op::Const(b)) => Some((Err(a | (b << l.width)), 0, width)),
            (Op::Slice(a), Op::Slice(b)) if l.args == h.args && a + l.width == *b => {
                Some((Ok(l.args[0]), *a, width))
            }
            _ => None,
        }
    }

    pub fn extend(&mut self, t: Term, width: usize) -> Term {
        let own = self.width(t);
        if width <= own {
            return self.slice(t, 0, width);
        }
        let zero = self.constant(0u32, width - own);
        self.concat(&[t, zero])
    }

    fn is_zero(&self, t: Term) -> bool {
        self.as_const(t).is_some_and(Zero::is_zero)
    }

    fn is_ones(&self, t: Term) -> bool {
        self.as_const(t).is_some_and(|c| *c == mask(self.width(t)))
    }

    pub fn not(&mut self, t: Term) -> Term {
        let node = self.node(t).clone();
        match node.op {
            Op::Const(c) => {
                let c = c ^ mask(node.width);
                self.constant(c, node.width)
            }
            Op::Not => node.args[0],
            Op::Concat => {
                let parts: Vec<Term> = node.args.iter().map(|p| self.not(*p)).collect();
                self.concat(&parts)
            }
            _ => self.push(Op::Not, vec![t], node.width),
        }
    }

    /// `op`, one of and, or, xor, piece by piece where an operand has pieces.
    pub fn bitwise(&mut self, op: Op, a: Term, b: Term) -> Term {
        let cuts = |terms: &Terms, t: Term| -> Vec<usize> {
            let node = terms.node(t);
            match &node.op {
                Op::Concat => node
                    .args
                    .iter()
                    .scan(0, |at, p| {
                        *at += terms.width(*p);
                        Some(*at)
                    })
                    .collect(),
                Op::Const(c) if !c.is_zero() && *c != mask(node.width) => {
                    (1..node.width).filter(|i| c.bit(*i as u64) != c.bit(*i as u64 - 1)).collect()
                }
                _ => vec![],
            }
        };
        let width = self.width(a);
        let mut at: Vec<usize> = cuts(self, a).into_iter().chain(cuts(self, b)).chain([width]).collect();
        if self.as_const(a).is_some() && self.as_const(b).is_some() {
            at = vec![width];
        }
        at.sort_unstable();
        at.dedup();
        let (mut from, mut parts) = (0, vec![]);
        for to in at {
            let (x, y) = (self.slice(a, from, to - from), self.slice(b, from, to - from));
            parts.push(self.bitwise_piece(op.clone(), x, y));
            from = to;
        }
        self.concat(&parts)
    }

    fn bitwise_piece(&mut self, op: Op, a: Term, b: Term) -> Term {
        let (a, b) = (a.min(b), a.max(b));
        let width = self.width(a);
        if let (Some(x), Some(y)) = (self.as_const(a), self.as_const(b)) {
            let value = match op {
                Op::And => x & y,
                Op::Or => x | y,
                _ => x ^ y,
            };
            return self.constant(value, width);
        }
        for (x, y) in [(a, b), (b, a)] {
            match op {
                Op::And if self.is_zero(x) || self.is_ones(y) => return x,
                Op::Or if self.is_ones(x) || self.is_zero(y) => return x,
                Op::Xor if self.is_zero(x) => return y,
                Op::Xor if self.is_ones(x) => return self.not(y),
                _ => {}
            }
        }
        match op {
            Op::Xor if a == b => self.constant(0u32, width),
            _ if a == b => a,
            _ => self.push(op, vec![a, b], width),
        }
    }

    pub fn and(&mut self, a: Term, b: Term) -> Term {
        self.bitwise(Op::And, a, b)
    }

    pub fn or(&mut self, a: Term, b: Term) -> Term {
        self.bitwise(Op::Or, a, b)
    }

    /// `a + b` modulo 2^width.
    pub fn add(&mut self, a: Term, b: Term) -> Term {
        let (a, b) = (a.min(b), a.max(b));
        let width = self.width(a);
        match (self.as_const(a), self.as_const(b)) {
            (Some(x), Some(y)) => {
                let sum = x + y;
                self.constant(sum, width)
            }
            (Some(x), _) if x.is_zero() => b,
            (_, Some(y)) if y.is_zero() => a,
            _ => self.push(Op::Add, vec![a, b], width),
        }
    }

    /// `a - b` modulo 2^width.
    pub fn sub(&mut self, a: Term, b: Term) -> Term {
        let width = self.width(a);
        match (self.as_const(a), self.as_const(b)) {
            (Some(x), Some(y)) => {
                let difference = x + (BigUint::one() << width) - y;
                self.constant(difference, width)
            }
            (_, Some(y)) if y.is_zero() => a,
            _ => self.push(Op::Sub, vec![a, b], width),
        }
    }

    pub fn eq(&mut self, a: Term, b: Term) -> Term {
        let (a, b) = (a.min(b), a.max(b));
        if a == b {
            return self.bit(true);
        }
        match (self.as_const(a), self.as_const(b)) {
            (Some(_), Some(_)) => self.bit(false),
            (Some(c), None) | (None, Some(c)) if self.width(a) == 1 => {
                let one = c.is_one();
                let other = if self.as_const(a).is_some() { b } else { a };
                if one {
                    other
                } else {
                    self.not(other)
                }
            }
            _ => self.push(Op::Eq, vec![a, b], 1),
        }
    }

    pub fn less(&mut self, a: Term, b: Term) -> Term {
        if a == b {
            return self.bit(false);
        }
        match (self.as_const(a), self.as_const(b)) {
            (Some(x), Some(y)) => {
                let less = x < y;
                self.bit(less)
            }
            _ => self.push(Op::Less, vec![a, b], 1),
        }
    }

    /// `a` if the bit `cond` is 1, otherwise `b`.
    pub fn ite(&mut self, cond: Term, a: Term, b: Term) -> Term {
        if a == b || self.is_ones(cond) {
            return a;
        }
        if self.is_zero(cond) {
            return b;
        }
        if self.width(a) == 1 {
            match (self.number(a), self.number(b)) {
                (Some(1), Some(0)) => return cond,
                (Some(0), Some(1)) => return self.not(cond),
                (Some(1), _) => return self.or(cond, b),
                (_, Some(0)) => return self.and(cond, a),
                _ => {}
            }
        }
        let width = self.width(a);
        self.push(Op::Ite, vec![cond, a, b], width)
    }

    pub fn call(&mut self, name: &'static str, args: &[Term], width: usize) -> Term {
        self.push(Op::Call(name), args.to_vec(), width)
    }

    pub fn cell(&mut self, name: String, args: &[Term], width: usize) -> Term {
        self.push(Op::Cell(name), args.to_vec(), width)
    }

    /// The term of the same operation with other operands.
    pub fn again(&mut self, t: Term, args: &[Term]) -> Term {
        let Node { op, width, .. } = self.node(t).clone();
        match op {
            Op::Var(_) | Op::Const(_) => t,
            Op::Slice(lo) => self.slice(args[0], lo, width),
            Op::Concat => self.concat(args),
            Op::Not => self.not(args[0]),
            Op::And | Op::Or | Op::Xor => self.bitwise(op, args[0], args[1]),
            Op::Add => self.add(args[0], args[1]),
            Op::Sub => self.sub(args[0], args[1]),
            Op::Eq => self.eq(args[0], args[1]),
            Op::Less => self.less(args[0], args[1]),
            Op::Ite => self.ite(args[0], args[1], args[2]),
            Op::Call(name) => self.call(name, args, width),
            Op::Cell(name) => self.cell(name, args, width),
        }
    }

    /// `t` with terms replaced; the map also keeps what has been found, for the next term under the same replacements.
    pub fn replaced(&mut self, t: Term, map: &mut HashMap<Term, Term>) -> Term {
        if let Some(done) = map.get(&t) {
            return *done;
        }
        let node = self.node(t).clone();
        let args: Vec<Term> = match node.op {
            // The other branch of a decided choice may be large, and is not needed.
            Op::Ite => {
                let cond = self.replaced(node.args[0], map);
                let pick = match self.number(cond) {
                    Some(0) => Some(node.args[2]),
                    Some(_) => Some(node.args[1]),
                    None => None,
                };
                if let Some(pick) = pick {
                    let out = self.replaced(pick, map);
                    map.insert(t, out);
                    return out;
                }
                node.args.iter().map(|a| self.replaced(*a, map)).collect()
            }
            _ => node.args.iter().map(|a| self.replaced(*a, map)).collect(),
        };
        let out = self.again(t, &args);
        map.insert(t, out);
        out
    }

    /// What `t` is put together of, the lowest first; itself, if it is in one piece.
    pub fn parts(&self, t: Term) -> Vec<Term> {
        match self.node(t).op {
            Op::Concat => self.node(t).args.clone(),
            _ => vec![t],
        }
    }

    /// A short text of `t`, to be read by people.
    pub fn show(&self, t: Term, depth: usize) -> String {
        let node = self.node(t);
        match &node.op {
            Op::Var(n) => self.name(*n).to_string(),
            Op::Const(c) => format!("{}'h{c:x}", node.width),
            _ if depth == 0 => "..".into(),
            op => {
                let args: Vec<String> = node.args.iter().map(|a| self.show(*a, depth - 1)).collect();
                format!("{op:?}[{}]({})", node.width, args.join(", "))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_cut_apart_and_put_together_is_the_same_term() {
        let mut t = Terms::default();
        let (x, y) = (t.var("x", 8), t.var("y", 4));
        let word = t.concat(&[x, y]);
        let (low, high) = (t.slice(word, 0, 3), t.slice(word, 3, 9));
        assert_eq!(t.concat(&[low, high]), word);
        assert_eq!(t.slice(word, 8, 4), y);
        let mask = t.constant(0xf00u32, 12);
        let zero = t.constant(0u32, 8);
        let top = t.concat(&[zero, y]);
        assert_eq!(t.and(word, mask), top);
        let other = t.slice(word, 0, 8);
        let kept = t.extend(other, 12);
        assert_eq!(t.or(top, kept), word);
    }

    #[test]
    fn replacing_decides_choices() {
        let mut t = Terms::default();
        let (c, x, y) = (t.var("c", 1), t.var("x", 8), t.var("y", 8));
        let choice = t.ite(c, x, y);
        let sum = t.add(choice, x);
        let (one, zero) = (t.bit(true), t.constant(0u32, 8));
        let mut map = HashMap::from([(c, one), (x, zero)]);
        assert_eq!(t.replaced(sum, &mut map), zero);
    }
}
