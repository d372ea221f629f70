//! What a run shows of each addition.

use super::law::{Line, I, X1, X2, Y1, Y2};
use super::run::{Trace, Unit};
use crate::arithmetic::Poly;
use crate::symbolic::{Op, Term};
use permafrost_rtl::field::ext_mul::COORD_BITS;
use permafrost_rtl::field::{Field, FIELD_BITS};
use permafrost_rtl::point::affine::schedule::FRONT;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::ops::Range;
use std::rc::Rc;

/// What is shown, or what is not.
pub type Shown = Result<(), String>;

/// A product of elements, with exponents.
type Factors = Rc<BTreeMap<Term, usize>>;

/// The cases of an addition whose operands are valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Case {
    /// Neither is the identity.
    NoneBoth,
    NoneP,
    NoneQ,
    /// Different x.
    Chord,
    /// The same x, other y: on one curve, q = -p.
    Opposite,
    /// The same point, y = 0: q = -p, too.
    Flat,
    /// The same point, y not 0.
    Tangent,
}

/// A run, looked at.
pub struct Verifier<'a> {
    trace: Trace,
    unit: &'a Unit,
    group: usize,
    factors: HashMap<Term, Option<Factors>>,
    denominators: HashSet<Term>,
    leaves: HashMap<Term, Rc<HashSet<Term>>>,
    /// The symbols of an addition that stands for all: coordinates, valid, the denominator's inverse.
    names: ([Term; 4], Term, Term),
    judged: HashMap<(Case, Addition), Shown>,
}

/// What an addition makes of the symbols in `Verifier::names`: the same for nearly all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Addition {
    kind: Term,
    d: Term,
    r: Term,
}

impl<'a> Verifier<'a> {
    pub fn new(mut trace: Trace, unit: &'a Unit, group: usize) -> Self {
        let denominators = trace.ticks.iter().map(|tick| tick.d).collect();
        let (factors, leaves, judged) = Default::default();
        let t = &mut trace.terms;
        let coordinates = ["x1", "y1", "x2", "y2"].map(|name| t.var(name, COORD_BITS));
        let names = (coordinates, t.var("valid", 1), t.var("I", COORD_BITS));
        Verifier { trace, unit, group, factors, denominators, leaves, names, judged }
    }

    pub fn constants(&self, tick: usize) -> Option<&BTreeMap<usize, num_bigint::BigUint>> {
        self.trace.constants.get(&tick)
    }

    fn latency(&self) -> usize {
        self.unit.shape.latency()[self.group]
    }

    /// Additions enter in these ticks: valid and tag come out, announced a tick before, at the latency.
    pub fn order(&self, ticks: Range<usize>) -> Shown {
        let latency = self.latency();
        for t in ticks {
            let (inside, out) = (&self.trace.ticks[t], &self.trace.ticks[t + latency]);
            let early = &self.trace.ticks[t + latency - 1];
            if (out.out_valid, out.out_tag) != (inside.valid, inside.tag) {
                return Err(format!("tick {t}: another addition comes out, or none"));
            }
            if (early.early_valid, early.early_tag) != (inside.valid, inside.tag) {
                return Err(format!("tick {t}: another addition is announced, or none"));
            }
        }
        Ok(())
    }

    /// After a restart nothing comes out before the first addition can.
    pub fn silence(&self) -> Shown {
        let silent = |t: Term| self.trace.terms.number(t) == Some(0);
        let ticks = self.trace.ticks[..self.latency()].iter().enumerate();
        for (at, tick) in ticks {
            if !silent(tick.out_valid) || at + 1 < self.latency() && !silent(tick.early_valid) {
                return Err(format!("tick {at}: something comes out"));
            }
        }
        Ok(())
    }

    fn inverse_of(&self, t: usize) -> Term {
        self.trace.ticks[t + self.unit.shape.plans[self.group].leaf + 1].inverse
    }

    /// The inverse of the denominator of the addition of each tick is at the tail in its tick, times the denominator 1: it is
    /// the product of the frame's other denominators, the conjugate of the product of all, and the inverse of the norm of the
    /// product of all; and the inversion has been started if this addition needs it.
    pub fn inversion(&mut self, ticks: Range<usize>) -> Shown {
        for t in ticks {
            self.inverts(t).map_err(|what| format!("tick {t}: {what}"))?;
        }
        Ok(())
    }

    fn inverts(&mut self, t: usize) -> Shown {
        let (dinv, d) = (self.inverse_of(t), self.trace.ticks[t + FRONT].d);
        let Some(factors) = self.factors_of(dinv) else { return Err("the inverse is no product".into()) };
        let mut product = (*factors).clone();
        *product.entry(d).or_default() += 1;
        let mut taken = vec![];
        product.retain(|term, n| {
            let other = !self.denominators.contains(term);
            if other {
                taken.extend(vec![*term; *n]);
            }
            !other
        });
        let [one, other] = taken[..] else { return Err("not one conjugate and one inverse".into()) };
        let (conjugate, inverse) = if self.conjugate_of(one).is_some() { (one, other) } else { (other, one) };
        let root = self.conjugate_of(conjugate).ok_or("no conjugate")?;
        let (of, condition) = self.inverted(inverse).ok_or("no inverse")?;
        let all = self.factors_of(root).ok_or("the root is no product")?;
        if *all != product {
            return Err("not the product of the other denominators".into());
        }
        let terms = &mut self.trace.terms;
        let norms = [[root, conjugate], [conjugate, root]].map(|pair| {
            let norm = terms.call("product", &pair, COORD_BITS);
            terms.slice(norm, 0, FIELD_BITS)
        });
        if !norms.contains(&of) {
            return Err("what is inverted is not the norm".into());
        }
        let kind = self.trace.ticks[t + FRONT - 1].kind;
        let busy = self.trace.terms.slice(kind, 1, 1);
        if !self.leaves_of(condition).contains(&busy) {
            return Err("the inverter is not started for it".into());
        }
        Ok(())
    }

    /// The element of which `t` is the conjugate: c0 as it is, c1 subtracted from 0.
    fn conjugate_of(&mut self, t: Term) -> Option<Term> {
        let terms = &mut self.trace.terms;
        let (low, high) = (terms.slice(t, 0, FIELD_BITS), terms.slice(t, FIELD_BITS, FIELD_BITS));
        let node = terms.node(high).clone();
        let (Op::Call("sub"), [zero, c1]) = (&node.op, &node.args[..]) else { return None };
        (terms.number(*zero) == Some(0)).then_some(())?;
        let whole = terms.concat(&[low, *c1]);
        (terms.width(whole) == COORD_BITS && matches!(terms.node(whole).op, Op::Call("product")))
            .then_some(whole)
    }

    /// Of what, and under which condition, `t`, with c1 = 0, is an inverter's result.
    fn inverted(&mut self, t: Term) -> Option<(Term, Term)> {
        let terms = &mut self.trace.terms;
        let (low, high) = (terms.slice(t, 0, FIELD_BITS), terms.slice(t, FIELD_BITS, FIELD_BITS));
        (terms.number(high) == Some(0)).then_some(())?;
        self.trace.inverses.get(&low).copied()
    }

    /// `t` as a product of denominators, conjugates and inverses.
    fn factors_of(&mut self, t: Term) -> Option<Factors> {
        if let Some(known) = self.factors.get(&t) {
            return known.clone();
        }
        let node = self.trace.terms.node(t).clone();
        let single = || Some(Rc::new(BTreeMap::from([(t, 1)])));
        let out = if self.denominators.contains(&t) {
            single()
        } else if node.op == Op::Call("product") {
            match (self.factors_of(node.args[0]), self.factors_of(node.args[1])) {
                (Some(a), Some(b)) => {
                    let mut both = (*a).clone();
                    b.iter().for_each(|(term, n)| *both.entry(*term).or_default() += n);
                    Some(Rc::new(both))
                }
                _ => None,
            }
        } else if self.conjugate_of(t).is_some() || self.inverted(t).is_some() {
            single()
        } else {
            None
        };
        self.factors.insert(t, out.clone());
        out
    }

    /// Conditions each of which alone makes the bit `t` 1.
    fn leaves_of(&mut self, t: Term) -> Rc<HashSet<Term>> {
        if let Some(known) = self.leaves.get(&t) {
            return known.clone();
        }
        let (mut out, mut stack) = (HashSet::new(), vec![t]);
        while let Some(term) = stack.pop() {
            let node = self.trace.terms.node(term);
            if node.op == Op::Or {
                stack.extend(&node.args);
            } else {
                out.insert(term);
            }
        }
        let out = Rc::new(out);
        self.leaves.insert(t, out.clone());
        out
    }

    /// In every case but those of a line: the sum, and denominator 1.
    pub fn cases(&mut self, ticks: Range<usize>) -> Shown {
        let cases = [Case::NoneBoth, Case::NoneP, Case::NoneQ, Case::Opposite, Case::Flat];
        self.judge(ticks, &cases)
    }

    /// With different x, or with the same point: the sum by the group law, and the denominator of the line.
    pub fn line(&mut self, ticks: Range<usize>, line: Line) -> Shown {
        self.judge(ticks, &[if line == Line::Chord { Case::Chord } else { Case::Tangent }])
    }

    fn judge(&mut self, ticks: Range<usize>, cases: &[Case]) -> Shown {
        for t in ticks {
            let addition = self.addition(t);
            for case in cases {
                if !self.judged.contains_key(&(*case, addition)) {
                    let shown = self.is_sum(addition, *case);
                    self.judged.insert((*case, addition), shown);
                }
                self.judged[&(*case, addition)]
                    .clone()
                    .map_err(|what| format!("tick {t}: {case:?}: {what}"))?;
            }
        }
        Ok(())
    }

    /// The addition of tick `t`, in the symbols that stand for all.
    fn addition(&mut self, t: usize) -> Addition {
        let tick = &self.trace.ticks[t];
        let (coordinates, valid, inverse) = self.names;
        let mut map = HashMap::from([(self.inverse_of(t), inverse), (tick.valid, valid)]);
        map.extend(tick.coordinates.into_iter().zip(coordinates));
        let kind = self.trace.ticks[t + FRONT - 1].kind;
        let (d, r) = (self.trace.ticks[t + FRONT].d, self.trace.ticks[t + self.latency()].r);
        let [kind, d, r] = [kind, d, r].map(|term| self.trace.terms.replaced(term, &mut map));
        Addition { kind, d, r }
    }

    fn is_sum(&mut self, addition: Addition, case: Case) -> Shown {
        let (busy, d, x, y) = self.under(addition, case);
        let (Some(x), Some(y)) = (x, y) else { return Err("no formula".into()) };
        let line = match case {
            Case::Chord => Some(Line::Chord),
            Case::Tangent => Some(Line::Tangent),
            _ => None,
        };
        if d != Some(line.map_or(Poly::constant(1), Line::denominator)) {
            return Err("another denominator".into());
        }
        if line.is_some() && busy != Some(1) {
            return Err("it does not ask for an inversion".into());
        }
        let right = match case {
            Case::Chord => Line::Chord.sums_to(&x, &y),
            Case::Tangent => Line::Tangent.sums_to(&x, &y),
            Case::NoneP => (x, y) == (Poly::atom(X2), Poly::atom(Y2)),
            Case::NoneQ => (x, y) == (Poly::atom(X1), Poly::atom(Y1)),
            Case::NoneBoth | Case::Opposite | Case::Flat => x.is_zero() && y.is_zero(),
        };
        right.then_some(()).ok_or("another sum".into())
    }

    /// Replacements that make an addition one of `case`.
    fn replacements(&mut self, case: Case) -> (HashMap<Term, Term>, HashMap<Term, Term>) {
        let (coordinates, valid, _) = self.names;
        let terms = &mut self.trace.terms;
        let zero = terms.constant(0u32, COORD_BITS);
        let [x1, y1, x2, y2] = coordinates;
        let now = match case {
            Case::NoneBoth => [zero; 4],
            Case::NoneP => [zero, zero, x2, y2],
            Case::NoneQ => [x1, y1, zero, zero],
            Case::Chord => [x1, y1, x2, y2],
            Case::Opposite => [x1, y1, x1, y2],
            Case::Flat => [x1, zero, x1, zero],
            Case::Tangent => [x1, y1, x1, y1],
        };
        let [no, yes] = [false, true].map(|bit| terms.bit(bit));
        let mut first = HashMap::from([(valid, yes)]);
        first.extend(coordinates.into_iter().zip(now));
        // What is not so in this case; the other comparisons are decided by the operands.
        let mut not = vec![];
        let [x1, y1, x2, y2] = now;
        let all = terms.constant(0u32, 2 * COORD_BITS);
        if !matches!(case, Case::NoneBoth | Case::NoneP) {
            let point = terms.concat(&[x1, y1]);
            not.push(terms.eq(point, all));
        }
        if !matches!(case, Case::NoneBoth | Case::NoneQ) {
            let point = terms.concat(&[x2, y2]);
            not.push(terms.eq(point, all));
        }
        match case {
            Case::Chord => not.push(terms.eq(x1, x2)),
            Case::Opposite => not.push(terms.eq(y1, y2)),
            Case::Tangent => not.push(terms.eq(y1, zero)),
            _ => {}
        }
        (first, not.into_iter().map(|eq| (eq, no)).collect())
    }

    /// Whether an inversion is asked for, denominator, x and y of the sum in `case`, in the atoms of [`super::law`].
    fn under(
        &mut self,
        addition: Addition,
        case: Case,
    ) -> (Option<u64>, Option<Poly>, Option<Poly>, Option<Poly>) {
        let (mut first, mut second) = self.replacements(case);
        let Addition { kind, d, r } = addition;
        let terms = &mut self.trace.terms;
        let busy = terms.slice(kind, 1, 1);
        let (x, y) = (terms.slice(r, 0, COORD_BITS), terms.slice(r, COORD_BITS, COORD_BITS));
        let [busy, d, x, y] = [busy, d, x, y].map(|term| {
            let term = terms.replaced(term, &mut first);
            terms.replaced(term, &mut second)
        });
        let busy = terms.number(busy);
        let (coordinates, _, inverse) = self.names;
        let known = coordinates.into_iter().zip([X1, Y1, X2, Y2]).chain([(inverse, I)]);
        let mut known: HashMap<Term, Option<Poly>> =
            known.map(|(term, atom)| (term, Some(Poly::atom(atom)))).collect();
        let [d, x, y] = [d, x, y].map(|term| self.element(term, &mut known));
        (busy, d, x, y)
    }

    /// The element at `t` as a polynomial in those that are known.
    fn element(&mut self, t: Term, known: &mut HashMap<Term, Option<Poly>>) -> Option<Poly> {
        if let Some(poly) = known.get(&t) {
            return poly.clone();
        }
        let terms = &mut self.trace.terms;
        let node = terms.node(t).clone();
        let out = match &node.op {
            Op::Const(c) if *c == Field::fq().one() => Some(Poly::constant(1)),
            Op::Const(c) if c.bits() == 0 => Some(Poly::zero()),
            Op::Call("product") => {
                let [a, b] = [0, 1].map(|i| self.element(node.args[i], known));
                a.zip(b).map(|(a, b)| &a * &b)
            }
            _ if node.width == COORD_BITS => {
                // The same function on c0 and on c1.
                let halves = [0, FIELD_BITS].map(|lo| terms.slice(t, lo, FIELD_BITS));
                let [low, high] = halves.map(|half| terms.node(half).clone());
                if low.op != high.op || low.args.len() != high.args.len() {
                    return None;
                }
                let pairs: Vec<Term> = match low.op {
                    Op::Call(_) => {
                        low.args.iter().zip(&high.args).map(|(l, h)| terms.concat(&[*l, *h])).collect()
                    }
                    _ => return None,
                };
                let args: Vec<Poly> =
                    pairs.into_iter().map(|pair| self.element(pair, known)).collect::<Option<_>>()?;
                match (&low.op, &args[..]) {
                    (Op::Call("add"), [a, b]) => Some(a + b),
                    (Op::Call("sub"), [a, b]) => Some(a - b),
                    (Op::Call("triple"), [a]) => Some(a.times(&3.into())),
                    _ => None,
                }
            }
            _ => None,
        };
        known.insert(t, out.clone());
        out
    }
}
