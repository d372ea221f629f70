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
    /// The node's value modulo 2^bits.
    Rest(Sig, u64),
    /// The digit that makes a number divisible by a power of two, of the table at this node.
    Digit(Sig),
    /// 1 when the entry that the table at this node gives has wrapped.
    Wrapped(Sig),
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
}

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
        let Some(bit) = self.bits(poly).first().copied() else { return direct };
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
}
