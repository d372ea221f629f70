//! Integers as limbs: the value is the sum of limb_i * 2^(radix*i), limbs may overlap (carry-save), and the largest value
//! of the whole number is tracked beside the limbs' own ranges.
//!
//! Addition and subtraction are carry-free; [`Ctx::settle`] brings limbs back to about `radix` bits by parallel carry
//! passes; [`Ctx::carry`] makes them unique; [`Ctx::reduce`] gives the canonical residue. With one limb as wide as the
//! number (`LimbForm::count == 1`) the same code describes plain wide arithmetic.

use super::Field;
use crate::graph::{mask, Graph, Sig, Within};
use crate::target::{LimbForm, Target};
use num_bigint::BigUint;
use num_integer::Integer;
use num_traits::{One, ToPrimitive, Zero};

/// A non-negative integer of at most `max`.
#[derive(Clone, Debug)]
pub struct Num {
    pub limbs: Vec<Sig>,
    pub max: BigUint,
}

/// A graph under construction together with what its arithmetic needs to know.
pub struct Ctx<'a> {
    pub g: &'a mut Graph,
    pub field: &'a Field,
    pub target: Target,
    pub form: LimbForm,
}

impl<'a> Ctx<'a> {
    pub fn new(g: &'a mut Graph, field: &'a Field, target: Target) -> Self {
        Ctx { g, field, target, form: target.limb_form(field) }
    }

    fn top(&self) -> usize {
        self.form.count - 1
    }

    /// Splits one wide node into limbs.
    pub fn split(&mut self, x: Sig) -> Num {
        let LimbForm { radix, count } = self.form;
        let max = self.g.max(x).clone();
        assert!(
            max.bits() as usize <= radix * count,
            "{}: {max:#x} in {count} limbs of {radix} bits",
            self.g.name
        );
        let limbs = (0..count).map(|i| self.g.slice(x, i * radix, radix)).collect();
        Num { limbs, max }
    }

    /// Declares an input of `max` as one port `name` and splits it.
    pub fn input(&mut self, name: &str, max: &BigUint) -> Num {
        let x = self.g.input(name, max.clone());
        self.split(x)
    }

    /// A constant, in limbs of exactly `radix` bits.
    pub fn constant(&mut self, value: &BigUint) -> Num {
        let x = self.g.constant(value.clone());
        self.split(x)
    }

    /// Packs limbs that do not overlap (see [`Ctx::carry`]) into one node of `width` bits.
    pub fn pack(&mut self, x: &Num, width: usize) -> Sig {
        let LimbForm { radix, count } = self.form;
        let parts: Vec<_> = x
            .limbs
            .iter()
            .enumerate()
            .map(|(i, &l)| (l, if i + 1 == count { width - radix * i } else { radix }))
            .collect();
        self.g.concat(&parts)
    }

    /// `a + b`, limb by limb.
    pub fn add(&mut self, a: &Num, b: &Num) -> Num {
        let limbs = a.limbs.iter().zip(&b.limbs).map(|(&x, &y)| self.g.add(x, y)).collect();
        self.bounded(limbs, &a.max + &b.max)
    }

    /// `k * a` for a small constant.
    pub fn scale(&mut self, a: &Num, k: u32) -> Num {
        let limbs = a
            .limbs
            .iter()
            .map(|&x| {
                let shifted: Vec<_> = (0..32).filter(|i| k >> i & 1 == 1).map(|i| self.g.shl(x, i)).collect();
                self.g.sum(&shifted)
            })
            .collect();
        self.bounded(limbs, &a.max * k)
    }

    /// `a - b + k p` for the smallest k that keeps every limb, and so the number, non-negative.
    pub fn sub(&mut self, a: &Num, b: &Num) -> Num {
        let (k, bias) = self.bias_above(b);
        let limbs = (a.limbs.iter().zip(&bias).zip(&b.limbs))
            .map(|((&x, bias), &y)| self.g.sub_biased(x, bias, y))
            .collect();
        self.bounded(limbs, &a.max + k * &self.field.p)
    }

    /// `k p - a`, see [`Ctx::sub`].
    pub fn neg(&mut self, a: &Num) -> Num {
        let zero = self.constant(&BigUint::zero());
        self.sub(&zero, a)
    }

    /// A multiple of p, as overlapping limbs each of which is at least the matching limb of `b`.
    fn bias_above(&self, b: &Num) -> (BigUint, Vec<BigUint>) {
        let LimbForm { radix, .. } = self.form;
        let floor: Vec<BigUint> = b.limbs.iter().map(|&l| self.g.max(l).clone()).collect();
        let base: BigUint = floor.iter().enumerate().map(|(i, f)| f << (radix * i)).sum();
        // Start every limb at its floor and hand out what is missing to the next multiple of p from the top.
        let k = base.div_ceil(&self.field.p);
        let mut rest = &k * &self.field.p - &base;
        let mut bias = floor;
        for i in (0..bias.len()).rev() {
            let part = &rest >> (radix * i);
            rest -= &part << (radix * i);
            bias[i] += part;
        }
        (k, bias)
    }

    /// Clips the top limb by what the bound on the whole number allows.
    pub fn bounded(&mut self, mut limbs: Vec<Sig>, max: BigUint) -> Num {
        let (top, radix) = (self.top(), self.form.radix);
        let rest = limbs[..top].iter().enumerate().map(|(i, limb)| (*limb, radix * i)).collect();
        limbs[top] = self.g.narrow_within(
            limbs[top],
            &max >> (radix * top),
            "the number's bound limits its top limb: the other limbs are not negative",
            Some(Within { at: radix * top, rest }),
        );
        Num { limbs, max }
    }

    /// Parallel carry passes until every limb but the top has at most `radix + 1` bits.
    pub fn settle(&mut self, x: &Num) -> Num {
        let radix = self.form.radix;
        let mut limbs = x.limbs.clone();
        while limbs[..self.top()].iter().any(|&l| self.g.width(l) > radix + 1) {
            let low: Vec<_> = (0..limbs.len())
                .map(|i| if i == self.top() { limbs[i] } else { self.g.slice(limbs[i], 0, radix) })
                .collect();
            limbs = (0..limbs.len())
                .map(|i| {
                    if i == 0 {
                        return low[0];
                    }
                    let up = self.g.shr(limbs[i - 1], radix);
                    self.g.add(low[i], up)
                })
                .collect();
            limbs = self.bounded(limbs, x.max.clone()).limbs;
        }
        Num { limbs, max: x.max.clone() }
    }

    /// Ripples carries: limbs of exactly `radix` bits, the unique form of the number.
    pub fn carry(&mut self, x: &Num) -> Num {
        let radix = self.form.radix;
        let mut limbs = vec![];
        let mut up = self.g.constant(0u32);
        for i in 0..self.form.count {
            let s = self.g.add(x.limbs[i], up);
            if i == self.top() {
                limbs.push(s);
            } else {
                limbs.push(self.g.slice(s, 0, radix));
                up = self.g.shr(s, radix);
            }
        }
        self.bounded(limbs, x.max.clone())
    }

    /// The canonical residue of `x` modulo p, below p, limbs unique.
    ///
    /// Two steps: a table indexed by the top bits of `x` subtracts all but at most one multiple of p that fits, a
    /// conditional subtraction takes the last one.
    pub fn reduce(&mut self, x: &Num) -> Num {
        let p = self.field.p.clone();
        let x = self.carry(x);
        let x = if x.max >= &p * 2u32 { self.subtract_multiple(&x) } else { x };
        assert!(x.max < &p * 2u32, "one conditional subtraction is left");
        assert!(x.max < self.modulus(), "{}: {:#x} wraps", self.g.name, x.max);
        let minus_p = self.constant(&(self.modulus() - &p));
        let sum = self.add_mod(&x, &minus_p);
        let (difference, fits) = sum;
        let limbs =
            (0..self.form.count).map(|i| self.g.select(fits, difference.limbs[i], x.limbs[i])).collect();
        self.bounded(limbs, p - 1u32)
    }

    /// 2^n with n above every number in use: subtraction is addition of a complement modulo this.
    fn modulus(&self) -> BigUint {
        BigUint::one() << (self.form.radix * self.form.count)
    }

    /// `(a + b) mod 2^n` with unique limbs, and the carry out of it.
    fn add_mod(&mut self, a: &Num, b: &Num) -> (Num, Sig) {
        let radix = self.form.radix;
        let mut limbs = vec![];
        let mut up = self.g.constant(0u32);
        for i in 0..self.form.count {
            let s = self.g.sum(&[a.limbs[i], b.limbs[i], up]);
            limbs.push(self.g.slice(s, 0, radix));
            up = self.g.slice(s, radix, 1);
        }
        (Num { limbs, max: self.modulus() - 1u32 }, up)
    }

    /// `x - q p` with q looked up from the bits of `x` from `cut` up, two below those of p (from 252), so that the result is
    /// below p + 2^cut.
    fn subtract_multiple(&mut self, x: &Num) -> Num {
        let cut = self.field.bits - 2;
        let p = self.field.p.clone();
        let top = self.top();
        let index = self.g.shr(x.limbs[top], cut - self.form.radix * top);
        let entries = (&x.max >> cut).to_usize().expect("few multiples of p") + 1;
        let complements: Vec<BigUint> = (0..entries)
            .map(|i| {
                let q = (BigUint::from(i) << cut) / &p;
                (self.modulus() - q * &p) % self.modulus()
            })
            .collect();
        let limbs = (0..self.form.count)
            .map(|l| {
                let column = complements.iter().map(|c| (c >> (self.form.radix * l)) & mask(self.form.radix));
                self.g.table(index, column.collect())
            })
            .collect();
        let complement = Num { limbs, max: self.modulus() - 1u32 };
        let (mut out, _) = self.add_mod(x, &complement);
        out.max = p + (BigUint::one() << cut) - 1u32;
        out.limbs[top] = self.g.narrow(
            out.limbs[top],
            &out.max >> (self.form.radix * top),
            "the table's multiple of p is the largest that fits the index bits",
        );
        out
    }
}
