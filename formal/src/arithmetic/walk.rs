//! One pass over a graph: the polynomial and the range of every node.

use super::atoms::{Atoms, Kind};
use super::poly::{eliminate, Poly};
use num_bigint::{BigInt, BigUint, Sign};
use num_integer::Integer;
use num_traits::{One, Signed, ToPrimitive, Zero};
use permafrost_rtl::graph::{mask, Graph, Op, Pin, Sig};
use std::collections::BTreeMap;

/// What could not be shown.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{graph}: {}{what}", node.map(|n| format!("node {n:?}: ")).unwrap_or_default())]
pub struct Refuted {
    /// The graph.
    pub graph: String,
    /// The node, if it is about one.
    pub node: Option<Sig>,
    /// What is not so, or not shown to be.
    pub what: String,
}

/// The values of a graph's nodes.
pub struct Walk<'g> {
    graph: &'g Graph,
    results: BTreeMap<String, BigUint>,
    atoms: Atoms,
    values: Vec<Poly>,
    /// The node is congruent to this modulo 2^bits, where that is simpler than its value.
    congruent: Vec<Option<(Poly, u64)>>,
    /// Proved: the node is in `0..=most`.
    most: Vec<BigUint>,
    /// See [`Walk::centred`].
    centred: bool,
}

/// Conditions of at most this many terms stay what they are.
const SHORT: usize = 5;

/// Limbs of this many bits hold whole numbers.
const WHOLE: u64 = 256;

fn int(x: &BigUint) -> BigInt {
    BigInt::from_biguint(Sign::Plus, x.clone())
}

fn power(bits: u64) -> BigInt {
    BigInt::one() << bits
}

/// `x` as a sum of few powers of two, each once, with their signs.
fn signed_digits(x: &BigInt) -> Vec<(u64, BigInt)> {
    let (mut rest, mut digits) = (x.clone(), vec![]);
    while let Some(at) = rest.trailing_zeros() {
        // 1 where the bits above are ...01, -1 where they are ...11, which carries.
        let digit = BigInt::from(2) - (&rest >> at).mod_floor(&BigInt::from(4));
        rest -= &digit << at;
        digits.push((at, digit));
    }
    digits
}

impl<'g> Walk<'g> {
    /// Goes through `graph`, proving every range on the way.
    ///
    /// # Errors
    /// The first node whose range does not follow.
    pub fn new(graph: &'g Graph) -> Result<Self, Refuted> {
        Self::with(graph, false, BTreeMap::new())
    }

    /// [`Walk::new`] for numbers of one word: what is left of a number about a power of two is written with the sign of the
    /// difference. Numbers of several limbs need their carries as they are.
    ///
    /// # Errors
    /// As there.
    pub fn centred(graph: &'g Graph) -> Result<Self, Refuted> {
        Self::with(graph, true, BTreeMap::new())
    }

    /// [`Walk::new`] of a graph that calls pipelines whose outputs are known to be at most `results`, by the pipeline's name;
    /// of others the range that the callee's graph claims is taken.
    ///
    /// # Errors
    /// As there.
    pub fn calling(graph: &'g Graph, results: BTreeMap<String, BigUint>) -> Result<Self, Refuted> {
        Self::with(graph, false, results)
    }

    fn with(graph: &'g Graph, centred: bool, results: BTreeMap<String, BigUint>) -> Result<Self, Refuted> {
        let atoms = Atoms::default();
        let mut walk =
            Walk { graph, results, atoms, values: vec![], congruent: vec![], most: vec![], centred };
        for at in 0..graph.nodes.len() {
            walk.step(Sig::from_index(at))?;
        }
        Ok(walk)
    }

    /// The node's value.
    pub fn value(&self, sig: Sig) -> &Poly {
        &self.values[sig.index()]
    }

    pub fn atoms(&self) -> &Atoms {
        &self.atoms
    }

    pub fn refuted(&self, node: Option<Sig>, what: String) -> Refuted {
        Refuted { graph: self.graph.name.clone(), node, what }
    }

    /// Whether `poly` is a multiple of `p`, in every case of the bits in it, with what is known in that case.
    pub fn vanishes_modulo(&self, poly: &Poly, p: &BigUint) -> bool {
        if poly.is_multiple_of(p) {
            return true;
        }
        let Some(bit) = self.atoms.bits(poly).first().copied() else {
            let cases = self.atoms.cases(poly);
            return !cases.is_empty() && cases.iter().all(|(case, _)| self.vanishes_modulo(case, p));
        };
        [0usize, 1].into_iter().all(|value| {
            let set = |p: &Poly| p.with(bit, &BigInt::from(value));
            let case = set(poly);
            let equations = self.atoms.facts(bit, value).iter().filter(|f| f.low == f.high);
            let zero = equations.map(|f| &set(&f.poly) - &Poly::constant(f.low.clone()));
            // A multiple of an equation that does away with one of its atoms.
            let mut with: Vec<Poly> = zero.filter_map(|zero| eliminate(&case, &zero)).collect();
            with.push(case);
            with.iter().any(|case| self.vanishes_modulo(case, p))
        })
    }

    fn step(&mut self, sig: Sig) -> Result<(), Refuted> {
        let node = self.graph.node(sig);
        let v = |walk: &Self, s: Sig| walk.values[s.index()].clone();
        let mut congruent = None;
        let value = match &node.op {
            Op::Input(_) => Poly::atom(self.atoms.fresh(Kind::Input(sig), node.max.clone())),
            Op::Const(c) => Poly::constant(int(c)),
            Op::Mul(a, b) => {
                congruent = self.product_congruence(*a, *b);
                &v(self, *a) * &v(self, *b)
            }
            Op::Chain { a, b, top, at } => &(&v(self, *a) * &v(self, *b)) + &v(self, *top).shl(*at as u64),
            Op::Add(terms) => {
                congruent = self.sum_congruence(terms);
                terms.iter().fold(Poly::zero(), |sum, t| &sum + self.value(*t))
            }
            Op::Sub(a, b) => &v(self, *a) - &v(self, *b),
            Op::SubMod(a, b, width) => {
                let difference = &v(self, *a) - &v(self, *b);
                let (mut low, mut high) = difference.interval(|a| self.atoms.max(a));
                if let Some(most) = self.sum_of_products(sig, &difference)? {
                    (low, high) = (low.max(BigInt::zero()), high.min(most));
                }
                if low.is_negative() || high >= power(*width as u64) {
                    return Err(self.refuted(Some(sig), "a difference modulo 2^w that wraps".into()));
                }
                let ((of_a, a_bits), (of_b, b_bits)) = (self.congruence(*a), self.congruence(*b));
                congruent = a_bits.into_iter().chain(b_bits).min().map(|bits| (&of_a - &of_b, bits));
                difference
            }
            Op::Slice { src, lo, width } => {
                let (lo, end) = (*lo as u64, (*lo + *width) as u64);
                // Of a product as such the remainder is an unknown of its own, which is as simple.
                let sum = matches!(self.graph.node(*src).op, Op::Add(_) | Op::Sub(..) | Op::SubMod(..));
                if lo == 0 && (sum || self.congruent[src.index()].is_some()) {
                    let (poly, bits) = self.congruence(*src);
                    congruent = Some((poly, bits.map_or(end, |bits| bits.min(end))));
                }
                let top = self.rest(*src, end)?;
                let low = self.rest(*src, lo)?;
                (&top - &low).shr(lo)
            }
            Op::Concat(parts) => {
                let mut at = 0;
                let (mut sum, mut simpler, mut known) = (Poly::zero(), Poly::zero(), None);
                for (part, bits) in parts {
                    if self.most[part.index()] > mask(*bits) {
                        return Err(self.refuted(Some(sig), "a part is wider than its place".into()));
                    }
                    // Only what is known of the last part reaches to the top.
                    simpler = sum.clone();
                    sum = &sum + &self.value(*part).shl(at);
                    known =
                        self.congruent[part.index()].as_ref().map(|(poly, bits)| (poly.shl(at), bits + at));
                    at += *bits as u64;
                }
                congruent = known.map(|(poly, bits)| (&simpler + &poly, bits));
                sum
            }
            Op::Shl(src, by) => {
                let (poly, bits) = self.congruence(*src);
                congruent = bits.map(|bits| (poly.shl(*by as u64), bits + *by as u64));
                v(self, *src).shl(*by as u64)
            }
            Op::Select { cond, a, b } => {
                let bit = self.condition(*cond)?;
                let (a, b) = (v(self, *a), v(self, *b));
                &b + &(&bit * &(&a - &b))
            }
            Op::IsZero(_) => Poly::atom(self.atoms.fresh(Kind::Bit, BigUint::one())),
            Op::Table { index, entries } => {
                if self.most[index.index()] >= BigUint::from(entries.len()) {
                    return Err(self.refuted(Some(sig), "an index without an entry".into()));
                }
                let (value, simpler) = self.table(sig, *index, entries);
                congruent = simpler;
                value
            }
            Op::Narrow { src, .. } => {
                congruent = self.congruent[src.index()].clone();
                v(self, *src)
            }
            Op::Output { instance, output } => self.call(sig, *instance, *output)?,
        };
        self.range(sig, &value)?;
        self.values.push(value);
        self.congruent.push(congruent);
        Ok(())
    }

    /// An unknown within the range of the called pipeline's output, which is proved of that pipeline; its arguments must be
    /// within the ranges that this was proved for.
    fn call(&mut self, sig: Sig, instance: usize, output: usize) -> Result<Poly, Refuted> {
        let call = &self.graph.instances[instance];
        let callee = &call.pipeline.graph;
        let fits = |pin: &Pin, arg: &Sig| self.most[arg.index()] <= *callee.max(pin.sig);
        if callee.inputs.len() != call.args.len()
            || !callee.inputs.iter().zip(&call.args).all(|(p, a)| fits(p, a))
        {
            return Err(
                self.refuted(Some(sig), format!("an argument of {} is out of its range", callee.name))
            );
        }
        let claimed = callee.max(callee.outputs[output].sig);
        let most = self.results.get(&callee.name).map_or(claimed, |known| known.min(claimed)).clone();
        Ok(Poly::atom(self.atoms.fresh(Kind::Output(sig), most)))
    }

    /// Shows that the node is within its range, and keeps the best bound known.
    fn range(&mut self, sig: Sig, value: &Poly) -> Result<(), Refuted> {
        let node = self.graph.node(sig);
        let (mut low, mut high) = value.interval(|a| self.atoms.max(a));
        let most = |s: &Sig| int(&self.most[s.index()]);
        // From the operation and its operands alone.
        let (own_low, own_high) = match &node.op {
            Op::Input(_) => (BigInt::zero(), int(&node.max)),
            Op::Const(c) => (int(c), int(c)),
            Op::Mul(a, b) => (BigInt::zero(), most(a) * most(b)),
            Op::Chain { a, b, top, at } => (BigInt::zero(), most(a) * most(b) + (most(top) << *at)),
            Op::Add(terms) => (BigInt::zero(), terms.iter().map(most).sum()),
            Op::Sub(a, b) => (self.least(*a) - most(b), most(a)),
            Op::SubMod(_, _, width) => (BigInt::zero(), int(&mask(*width))),
            Op::Slice { src, lo, width } => (BigInt::zero(), (most(src) >> *lo).min(int(&mask(*width)))),
            Op::Concat(parts) => {
                let mut at = 0;
                let mut sum = BigInt::zero();
                for (part, bits) in parts {
                    sum += most(part) << at;
                    at += bits;
                }
                (BigInt::zero(), sum)
            }
            Op::Shl(src, by) => (BigInt::zero(), most(src) << *by),
            Op::Select { a, b, .. } => (BigInt::zero(), most(a).max(most(b))),
            Op::IsZero(_) => (BigInt::zero(), BigInt::one()),
            Op::Table { entries, .. } => (BigInt::zero(), entries.iter().max().map_or(BigInt::zero(), int)),
            Op::Narrow { src, within, .. } => {
                if let Some(within) = within {
                    // The other parts are not negative, so that the bound on the whole is one on this part.
                    let parts = within.rest.iter().map(|(part, at)| self.value(*part).shl(*at as u64));
                    let whole = parts.fold(value.shl(within.at as u64), |sum, part| &sum + &part);
                    let (_, whole) = self.atoms.bounds(&whole);
                    high = high.min(whole >> within.at);
                }
                (BigInt::zero(), most(src))
            }
            // What is known of the callee is in its atom.
            Op::Output { .. } => (BigInt::zero(), high.clone()),
        };
        (low, high) = (low.max(own_low), high.min(own_high));
        if let Some(most) = self.sum_of_products(sig, value)? {
            (low, high) = (low.max(BigInt::zero()), high.min(most));
        }
        if low.is_negative() || high > int(&node.max) {
            let (l, h) = self.atoms.bounds(value);
            (low, high) = (low.max(l), high.min(h));
        }
        if low.is_negative() || high > int(&node.max) {
            let what = format!("{:?} is in {low:#x}..={high:#x}, claimed is 0..={:#x}", node.op, node.max);
            return Err(self.refuted(Some(sig), what));
        }
        self.most.push(high.magnitude().clone());
        Ok(())
    }

    /// The bound that follows where the generator says that `value`, the node's, is a sum of products; shown to be so.
    fn sum_of_products(&self, sig: Sig, value: &Poly) -> Result<Option<BigInt>, Refuted> {
        let Some(pairs) = self.graph.products.get(&sig) else { return Ok(None) };
        let sum = pairs.iter().fold(Poly::zero(), |sum, (a, b)| &sum + &(self.value(*a) * self.value(*b)));
        if sum != *value {
            return Err(self.refuted(Some(sig), "not the sum of products that it is said to be".into()));
        }
        let most = |s: &Sig| int(&self.most[s.index()]);
        Ok(Some(pairs.iter().map(|(a, b)| most(a) * most(b)).sum()))
    }

    /// A lower bound of the node: of a sum, its constants.
    fn least(&self, sig: Sig) -> BigInt {
        match &self.graph.node(sig).op {
            Op::Const(c) => int(c),
            Op::Add(terms) => terms.iter().map(|t| self.least(*t)).sum(),
            _ => BigInt::zero(),
        }
    }

    /// A polynomial that the node is congruent to, and modulo 2^what (`None`: equal).
    fn congruence(&self, sig: Sig) -> (Poly, Option<u64>) {
        match &self.congruent[sig.index()] {
            Some((poly, bits)) => (poly.clone(), Some(*bits)),
            None => (self.value(sig).clone(), None),
        }
    }

    fn sum_congruence(&self, terms: &[Sig]) -> Option<(Poly, u64)> {
        let each: Vec<_> = terms.iter().map(|t| self.congruence(*t)).collect();
        let bits = each.iter().filter_map(|(_, bits)| *bits).min()?;
        Some((each.iter().fold(Poly::zero(), |sum, (poly, _)| &sum + poly), bits))
    }

    fn product_congruence(&self, a: Sig, b: Sig) -> Option<(Poly, u64)> {
        let ((a, of_a), (b, of_b)) = (self.congruence(a), self.congruence(b));
        let bits = [of_a, of_b].into_iter().flatten().min()?;
        Some((&a * &b, bits))
    }

    /// The node modulo 2^bits.
    fn rest(&mut self, sig: Sig, bits: u64) -> Result<Poly, Refuted> {
        if bits == 0 {
            return Ok(Poly::zero());
        }
        if self.most[sig.index()] < (BigUint::one() << bits) {
            return Ok(self.value(sig).clone());
        }
        match &self.graph.node(sig).op {
            Op::Narrow { src, .. } => return self.rest(*src, bits),
            // Here `bits` is less than the slice's width, or its value would be below 2^bits.
            Op::Slice { src, lo, .. } => {
                let lo = *lo as u64;
                let (top, low) = (self.rest(*src, lo + bits)?, self.rest(*src, lo)?);
                return Ok((&top - &low).shr(lo));
            }
            Op::Shl(src, by) => {
                let by = *by as u64;
                return if bits <= by { Ok(Poly::zero()) } else { Ok(self.rest(*src, bits - by)?.shl(by)) };
            }
            Op::Concat(parts) => {
                let (mut at, mut sum) = (0, Poly::zero());
                for (part, width) in parts.clone() {
                    if at < bits {
                        sum = &sum + &self.rest(part, (bits - at).min(width as u64))?.shl(at);
                    }
                    at += width as u64;
                }
                return Ok(sum);
            }
            _ => {}
        }
        if let Op::Add(terms) = &self.graph.node(sig).op {
            if let Some(sum) = self.rest_of_sum(terms, bits)? {
                return Ok(sum);
            }
            if let Some(sum) = self.rest_by_index(sig, terms, bits) {
                return Ok(sum);
            }
        }
        if self.linear(sig, bits).values().all(|c| c.is_multiple_of(&power(bits))) {
            return Ok(Poly::zero());
        }
        let (congruent, known) = self.congruence(sig);
        let congruent =
            if known.is_none_or(|known| known >= bits) { congruent } else { self.value(sig).clone() };
        let left = self.low_part(&congruent, bits)?;
        let (low, high) = self.atoms.bounds(&left);
        if !low.is_negative() && high < power(bits) {
            return Ok(left);
        }
        // Of a number about 2^bits, what it differs from that: one bit more then says all.
        let down = if self.centred && low.is_positive() {
            high.div_floor(&power(bits)) << bits
        } else {
            BigInt::zero()
        };
        let (left, low, high) = (&left - &Poly::constant(down.clone()), low - &down, high - &down);
        if low >= -power(bits) && high < power(bits) {
            let sign = self.atoms.sign(&left, low, high);
            return Ok(&left + &Poly::atom(sign).shl(bits));
        }
        // A whole number in one limb that passes 2^bits or does not: as above, from there.
        let beyond = &left - &Poly::constant(power(bits));
        if bits >= WHOLE && low.is_positive() && high < power(bits + 1) {
            let sign = self.atoms.sign(&beyond, low - power(bits), high - power(bits));
            return Ok(&beyond + &Poly::atom(sign).shl(bits));
        }
        let most = mask(bits as usize).min(self.most[sig.index()].clone());
        Ok(Poly::atom(self.atoms.rest(sig, bits, most)))
    }

    /// `poly` modulo 2^bits, simplified: of an atom that is a remainder itself, times a power of two, only the lower bits count.
    fn low_part(&mut self, poly: &Poly, bits: u64) -> Result<Poly, Refuted> {
        let mut out = poly.modulo_power(bits);
        if out.scale() > 0 {
            return Ok(out);
        }
        for (monomial, factor) in out.clone().terms() {
            let [atom] = &monomial[..] else { continue };
            let Kind::Rest(sig, whole) = self.atoms.kind(*atom).clone() else { continue };
            let digits = signed_digits(factor);
            if digits.len() > SHORT {
                continue;
            }
            for (at, digit) in digits {
                if at < bits && bits - at < whole {
                    let less = &self.rest(sig, bits - at)? - &Poly::atom(*atom);
                    out = &out + &less.times(&(digit << at));
                }
            }
        }
        Ok(out.modulo_power(bits))
    }

    /// A sum modulo 2^bits from its terms' remainders, when these reach 2^bits at most by one: never, or only as 2^bits itself.
    fn rest_of_sum(&mut self, terms: &[Sig], bits: u64) -> Result<Option<Poly>, Refuted> {
        let ranges: Vec<_> = terms.iter().map(|t| self.rest_range(*t, bits)).collect();
        let (low, high) =
            ranges.iter().fold((BigInt::zero(), BigInt::zero()), |(l, h), (a, b)| (l + a, h + b));
        let whole = power(bits);
        let never = high < whole;
        if !never && (high > whole || low < &whole - 1) {
            return Ok(None);
        }
        let mut sum = Poly::zero();
        for term in terms {
            sum = &sum + &self.rest(*term, bits)?;
        }
        if never {
            return Ok(Some(sum));
        }
        // 2^bits - 1 stays, 2^bits becomes 0.
        Ok(Some((&Poly::constant(whole.clone()) - &sum).times(&(whole - 1))))
    }

    /// A sum modulo 2^bits when a table's index tells how often it reaches 2^bits.
    fn rest_by_index(&mut self, sig: Sig, terms: &[Sig], bits: u64) -> Option<Poly> {
        let values: Vec<Poly> = terms.iter().map(|t| self.value(*t).clone()).collect();
        let table = values.iter().find(|v| v.terms().count() == 1 && self.atoms.index(v).is_some())?;
        let index = self.atoms.index(table)?;
        let count = self.atoms.cases(table).len();
        let mut multiples = vec![];
        for case in 0..count {
            let (mut low, mut high) = (BigInt::zero(), BigInt::zero());
            for (value, term) in values.iter().zip(terms) {
                // A table with this index, or the index itself; any other term is within its range.
                let known = if *value == index {
                    Some(BigInt::from(case))
                } else if self.atoms.index(value).as_ref() == Some(&index) {
                    self.atoms.cases(value)[case].0.as_constant()
                } else {
                    None
                };
                match known {
                    Some(known) => (low, high) = (low + &known, high + known),
                    None => high += int(&self.most[term.index()]),
                }
            }
            let times = low.div_floor(&power(bits));
            if high.div_floor(&power(bits)) != times {
                return None;
            }
            multiples.push(times.to_biguint()?);
        }
        let times = self.atoms.entry(sig, &index, multiples)?;
        Some(self.value(sig) - &Poly::atom(times).shl(bits))
    }

    /// Bounds of the node modulo 2^bits.
    fn rest_range(&self, sig: Sig, bits: u64) -> (BigInt, BigInt) {
        let whole = power(bits);
        match &self.graph.node(sig).op {
            Op::Const(c) => (int(c).mod_floor(&whole), int(c).mod_floor(&whole)),
            Op::Concat(parts) => {
                let (mut at, mut low, mut high) = (0, BigInt::zero(), BigInt::zero());
                for (part, width) in parts {
                    if at < bits {
                        let (l, h) = self.rest_range(*part, (bits - at).min(*width as u64));
                        low += l << at;
                        high += h << at;
                    }
                    at += *width as u64;
                }
                (low, high)
            }
            _ => (BigInt::zero(), int(&self.most[sig.index()]).min(whole - 1)),
        }
    }

    /// What the sum `sig` is congruent to modulo 2^bits: its terms, seen through constant factors and remainders modulo 2^bits or
    /// more, with their factors.
    fn linear(&self, sig: Sig, bits: u64) -> BTreeMap<Sig, BigInt> {
        let mut form = BTreeMap::new();
        let Op::Add(terms) = &self.graph.node(sig).op else { return BTreeMap::from([(sig, BigInt::one())]) };
        for term in terms {
            let (mut at, mut factor) = (*term, BigInt::one());
            loop {
                match &self.graph.node(at).op {
                    Op::Slice { src, lo: 0, width } if *width as u64 >= bits => at = *src,
                    Op::Mul(a, b) => match (&self.graph.node(*a).op, &self.graph.node(*b).op) {
                        (Op::Const(c), _) => (at, factor) = (*b, factor * int(c)),
                        (_, Op::Const(c)) => (at, factor) = (*a, factor * int(c)),
                        _ => break,
                    },
                    _ => break,
                }
            }
            *form.entry(at).or_default() += factor;
        }
        form
    }

    /// A node that is 0 or 1: as it is when that is short, otherwise as an atom, so that its cases can be told apart.
    fn condition(&mut self, sig: Sig) -> Result<Poly, Refuted> {
        if self.most[sig.index()] > BigUint::one() {
            return Err(self.refuted(Some(sig), "a condition that is not one bit".into()));
        }
        let value = self.value(sig).clone();
        if value.terms().count() <= SHORT {
            return Ok(value);
        }
        Ok(Poly::atom(self.atoms.equal_bit(&value)))
    }

    /// The value of a table: that of Montgomery's digits is recognised, entry by entry.
    fn table(&mut self, sig: Sig, index: Sig, entries: &[BigUint]) -> (Poly, Option<(Poly, u64)>) {
        if let Some(found) = self.digits(sig, index, entries) {
            return found;
        }
        let most = entries.iter().max().cloned().unwrap_or_default();
        let index = self.value(index).clone();
        let entry = self.atoms.entry(sig, &index, entries.to_vec());
        let atom = entry.unwrap_or_else(|| self.atoms.fresh(Kind::Digit(sig), most));
        (Poly::atom(atom), None)
    }

    /// Entries `(i + p q_i) / 2^bits`, with digits q_i below 2^bits; possibly less a constant, modulo 2^wrap.
    fn digits(&mut self, sig: Sig, index: Sig, entries: &[BigUint]) -> Option<(Poly, Option<(Poly, u64)>)> {
        let bits = entries.len().trailing_zeros() as u64;
        if entries.len() != 1 << bits || entries.len() < 2 {
            return None;
        }
        let index = self.value(index).clone();
        // An entry that has wrapped is as wide as the modulus.
        let wide = entries.iter().max().map_or(0, BigUint::bits);
        for wrap in [None, Some(wide)] {
            // The first entry, of index and digit 0, is the constant.
            let minus =
                wrap.map_or(BigInt::zero(), |wrap| (power(wrap) - int(&entries[0])).mod_floor(&power(wrap)));
            let plain: Vec<BigInt> = entries
                .iter()
                .map(|e| wrap.map_or(int(e), |wrap| (int(e) + &minus).mod_floor(&power(wrap))))
                .collect();
            // All of 2^bits e_i - i are multiples of one odd p: the greatest common divisor, less what the digits share.
            let products: Vec<BigInt> =
                plain.iter().enumerate().map(|(i, e)| (e << bits) - BigInt::from(i)).collect();
            let p = products.iter().fold(BigInt::zero(), |g, x| g.gcd(x));
            if p.is_zero() || p.is_even() {
                continue;
            }
            let digits: Vec<BigInt> = products.iter().map(|x| x / &p).collect();
            if !digits.iter().all(|q| !q.is_negative() && *q < power(bits)) {
                continue;
            }
            let digit = Poly::atom(self.atoms.fresh(Kind::Digit(sig), mask(bits as usize)));
            let entry = (&index + &digit.times(&p)).shr(bits);
            return Some(match wrap {
                None => (entry, None),
                Some(wrap) => {
                    let wrapped = Poly::atom(self.atoms.fresh(Kind::Wrapped(sig), BigUint::one()));
                    let entry = &entry - &Poly::constant(minus.clone());
                    let value = &entry + &wrapped.shl(wrap);
                    // e_i - minus is within -2^wrap..2^wrap, so that it wraps at most once.
                    let fits = plain.iter().all(|e| (e - &minus).abs() < power(wrap));
                    if !fits || minus.to_f64().is_none() {
                        return None;
                    }
                    (value, Some((entry, wrap)))
                }
            });
        }
        None
    }
}
