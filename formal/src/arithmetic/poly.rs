//! Exact polynomials over the atoms of a datapath: integer coefficients over a power of two.

use num_bigint::{BigInt, BigUint, Sign};
use num_integer::Integer;
use num_traits::{One, Signed, Zero};
use std::collections::BTreeMap;
use std::ops::{Add, Mul, Sub};

/// An unknown integer of known range, see [`super::atoms::Atoms`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Atom(pub u32);

/// A product of atoms, sorted; empty is one.
pub type Monomial = Vec<Atom>;

/// `sum of c_i m_i / 2^scale`. Kept with the smallest `scale`, so that equal polynomials are equal values.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Poly {
    terms: BTreeMap<Monomial, BigInt>,
    scale: u64,
}

impl Poly {
    /// Zero.
    pub fn zero() -> Poly {
        Poly::default()
    }

    /// A constant.
    pub fn constant(value: impl Into<BigInt>) -> Poly {
        Poly::term(vec![], value.into())
    }

    /// An atom.
    pub fn atom(atom: Atom) -> Poly {
        Poly::term(vec![atom], BigInt::one())
    }

    fn term(monomial: Monomial, value: BigInt) -> Poly {
        let mut p = Poly::zero();
        if !value.is_zero() {
            p.terms.insert(monomial, value);
        }
        p
    }

    /// Monomials with their numerators; the denominator is 2^[`scale`](Self::scale).
    pub fn terms(&self) -> impl Iterator<Item = (&Monomial, &BigInt)> {
        self.terms.iter()
    }

    /// log2 of the denominator.
    pub fn scale(&self) -> u64 {
        self.scale
    }

    pub fn is_zero(&self) -> bool {
        self.terms.is_empty()
    }

    /// The integer that it is whatever the atoms are, if it is one.
    pub fn as_constant(&self) -> Option<BigInt> {
        match self.terms.iter().next() {
            None => Some(BigInt::zero()),
            Some((m, c)) if m.is_empty() && self.terms.len() == 1 && self.scale == 0 => Some(c.clone()),
            _ => None,
        }
    }

    /// `self / 2^bits`.
    pub fn shr(&self, bits: u64) -> Poly {
        let mut p = self.clone();
        p.scale += bits;
        p.normal()
    }

    /// `self * 2^bits`.
    pub fn shl(&self, bits: u64) -> Poly {
        self.times(&(BigInt::one() << bits))
    }

    /// `self * k`.
    pub fn times(&self, k: &BigInt) -> Poly {
        let mut p = self.clone();
        if k.is_zero() {
            return Poly::zero();
        }
        p.terms.values_mut().for_each(|c| *c *= k);
        p.normal()
    }

    fn normal(mut self) -> Poly {
        if self.terms.is_empty() {
            self.scale = 0;
            return self;
        }
        let even = self.terms.values().filter_map(BigInt::trailing_zeros).min().unwrap_or(0).min(self.scale);
        if even > 0 {
            self.terms.values_mut().for_each(|c| *c >>= even);
            self.scale -= even;
        }
        self
    }

    /// `self + k other`.
    fn plus(&self, other: &Poly, k: &BigInt) -> Poly {
        let scale = self.scale.max(other.scale);
        let mut terms = self.terms.clone();
        if scale > self.scale {
            terms.values_mut().for_each(|c| *c <<= scale - self.scale);
        }
        for (m, c) in &other.terms {
            let c = (c << (scale - other.scale)) * k;
            let sum = terms.entry(m.clone()).or_default();
            *sum += c;
            if sum.is_zero() {
                terms.remove(m);
            }
        }
        Poly { terms, scale }.normal()
    }

    /// `atom` replaced by `value`.
    pub fn with(&self, atom: Atom, value: &BigInt) -> Poly {
        let mut out = Poly { terms: BTreeMap::new(), scale: 0 };
        for (m, c) in &self.terms {
            let powers = m.iter().filter(|a| **a == atom).count();
            let rest: Monomial = m.iter().copied().filter(|a| *a != atom).collect();
            let c = c * value.pow(powers as u32);
            let sum = out.terms.entry(rest.clone()).or_default();
            *sum += c;
            if sum.is_zero() {
                out.terms.remove(&rest);
            }
        }
        out.scale = self.scale;
        out.normal()
    }

    /// Every atom in it.
    pub fn atoms(&self) -> impl Iterator<Item = Atom> + '_ {
        self.terms.keys().flatten().copied()
    }

    /// Without the terms that are multiples of 2^bits whatever the atoms are.
    pub fn modulo_power(&self, bits: u64) -> Poly {
        let keep = |c: &BigInt| c.trailing_zeros().is_some_and(|zeros| zeros < self.scale + bits);
        let terms = self.terms.iter().filter(|(_, c)| keep(c)).map(|(m, c)| (m.clone(), c.clone())).collect();
        Poly { terms, scale: self.scale }.normal()
    }

    /// Whether every coefficient is a multiple of the odd number `p`.
    pub fn is_multiple_of(&self, p: &BigUint) -> bool {
        let p = BigInt::from_biguint(Sign::Plus, p.clone());
        self.terms.values().all(|c| c.is_multiple_of(&p))
    }

    /// `k` with `self = k other`, if there is such an integer.
    pub fn over(&self, other: &Poly) -> Option<BigInt> {
        let (m, c) = other.terms.iter().next()?;
        let numerator = self.terms.get(m)? << other.scale;
        let (k, rest) = numerator.div_rem(&(c << self.scale));
        (rest.is_zero() && *self == other.times(&k)).then_some(k)
    }

    /// Smallest and largest value, rounded inwards to integers, for atoms in `0..=max(atom)`. Each monomial is taken alone.
    pub fn interval(&self, max: impl Fn(Atom) -> BigUint) -> (BigInt, BigInt) {
        let (mut low, mut high) = (BigInt::zero(), BigInt::zero());
        for (m, c) in &self.terms {
            let most: BigUint = m.iter().map(|a| max(*a)).product();
            let most = BigInt::from_biguint(Sign::Plus, most);
            if m.is_empty() {
                low += c;
                high += c;
            } else if c.is_negative() {
                low += c * most;
            } else {
                high += c * most;
            }
        }
        let unit = BigInt::one() << self.scale;
        // The value is an integer: it is at least the ceiling and at most the floor.
        (low.div_ceil(&unit), high.div_floor(&unit))
    }
}

/// `poly` plus the multiple of `zero` that does away with the first monomial that they share.
pub fn eliminate(poly: &Poly, zero: &Poly) -> Option<Poly> {
    let (c, mine) =
        zero.terms.iter().filter(|(m, _)| !m.is_empty()).find_map(|(m, c)| Some((c, poly.terms.get(m)?)))?;
    // k = -(mine / 2^scale) / (c / 2^zero.scale).
    let even = c.trailing_zeros().unwrap_or(0);
    let (k, rest) = (-(mine << (zero.scale + even))).div_rem(c);
    rest.is_zero().then(|| poly + &zero.times(&k).shr(poly.scale + even))
}

impl Add for &Poly {
    type Output = Poly;
    fn add(self, other: &Poly) -> Poly {
        self.plus(other, &BigInt::one())
    }
}

impl Sub for &Poly {
    type Output = Poly;
    fn sub(self, other: &Poly) -> Poly {
        self.plus(other, &-BigInt::one())
    }
}

impl Mul for &Poly {
    type Output = Poly;
    fn mul(self, other: &Poly) -> Poly {
        let mut terms: BTreeMap<Monomial, BigInt> = BTreeMap::new();
        for (m, c) in &self.terms {
            for (n, d) in &other.terms {
                let mut both: Monomial = m.iter().chain(n).copied().collect();
                both.sort();
                *terms.entry(both).or_default() += c * d;
            }
        }
        terms.retain(|_, c| !c.is_zero());
        Poly { terms, scale: self.scale + other.scale }.normal()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn x(i: u32) -> Poly {
        Poly::atom(Atom(i))
    }

    #[test]
    fn polynomials_that_are_equal_are_equal_values() {
        let sum = &x(0) + &x(1);
        let product = &sum * &sum;
        let expanded = &(&(&x(0) * &x(0)) + &(&x(0) * &x(1)).shl(1)) + &(&x(1) * &x(1));
        assert_eq!(product, expanded);
        assert_eq!(sum.shl(3).shr(3), sum);
        assert!((&sum.shr(2) - &sum.shr(2)).is_zero());
        assert_eq!(sum.times(&12.into()).over(&sum), Some(12.into()));
        assert_eq!(x(0).over(&sum), None);
    }

    #[test]
    fn intervals_round_towards_the_integers_inside() {
        let max = |_| BigUint::from(5u32);
        let p = &(&x(0).times(&3.into()) - &x(1)).shr(1) + &Poly::constant(7);
        // -2.5..=7.5, and 7 more.
        assert_eq!(p.interval(max), (5.into(), 14.into()));
    }

    #[test]
    fn multiples_of_a_power_of_two_vanish() {
        let p = &(&x(0).shl(8) + &x(1).shr(4)) + &Poly::constant(512);
        assert_eq!(p.modulo_power(8), x(1).shr(4));
        assert_eq!(p.with(Atom(1), &32.into()), &x(0).shl(8) + &Poly::constant(514));
    }
}
