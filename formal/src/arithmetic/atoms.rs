//! The unknowns that a datapath's values are written in, and what is known of each.

use super::poly::{eliminate, Atom, Poly};
use num_bigint::{BigInt, BigUint};
use num_traits::One;
use permafrost_rtl::graph::Sig;
use std::collections::HashMap;

/// What an atom stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Input of the graph.
    Input(Sig),
    /// What a called pipeline gives for this node.
    Output(Sig),
    /// The node's value modulo 2^bits.
    Rest(Sig, u64),
    /// The digit that makes a number divisible by a power of two, of the table at this node.
    Digit(Sig),
    /// 1 when the entry that the table at this node gives has wrapped.
    Wrapped(Sig),
    /// What the table at this node gives, or another function of the same index: see [`Atoms::cases`].
    Entry(Sig),
    /// 0 or 1, with what follows from either, see [`Atoms::facts`].
    Bit,
}

/// `poly` is within `low..=high`.
#[derive(Clone, Debug)]
pub struct Fact {
    pub poly: Poly,
    pub low: BigInt,
    pub high: BigInt,
}

#[derive(Clone, Debug)]
struct Info {
    kind: Kind,
    max: BigUint,
    /// What holds when a bit is 0, and when it is 1.
    facts: [Vec<Fact>; 2],
}

/// All atoms of one datapath.
#[derive(Clone, Debug, Default)]
pub struct Atoms {
    all: Vec<Info>,
    rests: HashMap<(Sig, u64), Atom>,
    signs: Vec<(Poly, Atom)>,
    equals: Vec<(Poly, Atom)>,
    indices: Vec<Index>,
}

/// Tables with one index: with the index, all of their entries are known.
#[derive(Clone, Debug)]
struct Index {
    poly: Poly,
    tables: Vec<(Atom, Vec<BigUint>)>,
}

/// Indices of at most this many values are gone through one by one.
const CASES: usize = 16;

impl Atoms {
    /// A new atom in `0..=max`.
    pub fn fresh(&mut self, kind: Kind, max: BigUint) -> Atom {
        self.all.push(Info { kind, max, facts: Default::default() });
        Atom(self.all.len() as u32 - 1)
    }

    /// The atom for `sig` modulo 2^bits.
    pub fn rest(&mut self, sig: Sig, bits: u64, max: BigUint) -> Atom {
        if let Some(atom) = self.rests.get(&(sig, bits)) {
            return *atom;
        }
        let atom = self.fresh(Kind::Rest(sig, bits), max);
        self.rests.insert((sig, bits), atom);
        atom
    }

    /// The bit that is 1 when `poly`, which is within `low..=high`, is negative.
    pub fn sign(&mut self, poly: &Poly, low: BigInt, high: BigInt) -> Atom {
        if let Some((_, atom)) = self.signs.iter().find(|(p, _)| p == poly) {
            return *atom;
        }
        let atom = self.fresh(Kind::Bit, BigUint::one());
        let fact = |low, high| vec![Fact { poly: poly.clone(), low, high }];
        self.all[atom.0 as usize].facts = [fact(BigInt::ZERO, high), fact(low, -BigInt::one())];
        self.signs.push((poly.clone(), atom));
        atom
    }

    /// A bit that equals `poly`.
    pub fn equal_bit(&mut self, poly: &Poly) -> Atom {
        if let Some((_, atom)) = self.equals.iter().find(|(p, _)| p == poly) {
            return *atom;
        }
        let atom = self.fresh(Kind::Bit, BigUint::one());
        // Without the denominator: facts are added to other polynomials as they are.
        let fact = |value: u32| {
            let poly = (poly - &Poly::constant(value)).shl(poly.scale());
            vec![Fact { poly, low: BigInt::ZERO, high: BigInt::ZERO }]
        };
        self.all[atom.0 as usize].facts = [fact(0), fact(1)];
        self.equals.push((poly.clone(), atom));
        atom
    }

    /// What a table gives for `index`, as an atom; `sig` names it. Nothing when there are too many entries.
    pub fn entry(&mut self, sig: Sig, index: &Poly, entries: Vec<BigUint>) -> Option<Atom> {
        let count = entries.len();
        if count > CASES {
            return None;
        }
        let same = |i: &Index| i.poly == *index && i.tables.iter().all(|(_, other)| other.len() == count);
        let place = self.indices.iter().position(same).unwrap_or_else(|| {
            self.indices.push(Index { poly: index.clone(), tables: vec![] });
            self.indices.len() - 1
        });
        let atom = self.fresh(Kind::Entry(sig), entries.iter().max().cloned().unwrap_or_default());
        self.indices[place].tables.push((atom, entries));
        Some(atom)
    }

    /// The index of the first table in `poly`.
    pub fn index(&self, poly: &Poly) -> Option<Poly> {
        self.tables(poly).map(|i| i.poly.clone())
    }

    fn tables(&self, poly: &Poly) -> Option<&Index> {
        let atom = poly.atoms().filter(|a| matches!(self.kind(*a), Kind::Entry(_))).min()?;
        self.indices.iter().find(|i| i.tables.iter().any(|(table, _)| *table == atom))
    }

    /// `poly` for each value of the index of the first table in it, with a polynomial that is zero then. Empty when there is no
    /// table in it.
    pub fn cases(&self, poly: &Poly) -> Vec<(Poly, Poly)> {
        let Some(index) = self.tables(poly) else { return vec![] };
        let count = index.tables.first().map_or(0, |(_, entries)| entries.len());
        (0..count)
            .map(|i| {
                let set = |poly: &Poly| {
                    let all = index.tables.iter();
                    all.fold(poly.clone(), |poly, (atom, entries)| {
                        poly.with(*atom, &BigInt::from(entries[i].clone()))
                    })
                };
                let zero = &set(&index.poly) - &Poly::constant(i);
                // Without the denominator, as facts are.
                (set(poly), zero.shl(zero.scale()))
            })
            .collect()
    }

    pub fn kind(&self, atom: Atom) -> &Kind {
        &self.all[atom.0 as usize].kind
    }

    pub fn max(&self, atom: Atom) -> BigUint {
        self.all[atom.0 as usize].max.clone()
    }

    /// What is known when the bit `atom` is `value`.
    pub fn facts(&self, atom: Atom, value: usize) -> &[Fact] {
        &self.all[atom.0 as usize].facts[value]
    }

    /// The bits in `poly` on whose value facts depend.
    pub fn bits(&self, poly: &Poly) -> Vec<Atom> {
        let mut bits: Vec<Atom> = poly.atoms().filter(|a| *self.kind(*a) == Kind::Bit).collect();
        bits.sort();
        bits.dedup();
        bits
    }

    /// Bounds of `poly`: the best of its own interval and, case by case of the bits in it, of its sums and differences with
    /// what is known in that case.
    pub fn bounds(&self, poly: &Poly) -> (BigInt, BigInt) {
        let direct = poly.interval(|a| self.max(a));
        let Some(bit) = self.bits(poly).first().copied() else { return self.bounds_by_index(poly, direct) };
        let cases = [0usize, 1].map(|value| {
            let set = |p: &Poly| p.with(bit, &BigInt::from(value));
            let case = set(poly);
            let mut best = self.bounds(&case);
            for fact in self.facts(bit, value) {
                let known = set(&fact.poly);
                if fact.low == fact.high {
                    let zero = &known - &Poly::constant(fact.low.clone());
                    if let Some((l, h)) = eliminate(&case, &zero).map(|case| self.bounds(&case)) {
                        best = (best.0.max(l), best.1.min(h));
                    }
                    continue;
                }
                for (other, low, high) in [
                    (&case - &known, fact.low.clone(), fact.high.clone()),
                    (&case + &known, -&fact.high, -&fact.low),
                ] {
                    let (l, h) = self.bounds(&other);
                    best = (best.0.max(l + low), best.1.min(h + high));
                }
            }
            best
        });
        let [(l0, h0), (l1, h1)] = cases;
        (direct.0.max(l0.min(l1)), direct.1.min(h0.max(h1)))
    }

    /// Bounds of `poly` case by case of a table's index.
    fn bounds_by_index(&self, poly: &Poly, direct: (BigInt, BigInt)) -> (BigInt, BigInt) {
        let each = self.cases(poly).into_iter().map(|(case, zero)| {
            let own = self.bounds(&case);
            match eliminate(&case, &zero).map(|case| self.bounds(&case)) {
                Some((low, high)) => (own.0.max(low), own.1.min(high)),
                None => own,
            }
        });
        match each.reduce(|(l, h), (low, high)| (l.min(low), h.max(high))) {
            Some((low, high)) => (direct.0.max(low), direct.1.min(high)),
            None => direct,
        }
    }
}
