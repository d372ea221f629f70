//! The golden model of the adder: the algorithm on a page, bit for bit.
//!
//! Numbers are canonical Montgomery residues, as on the ports: every value that leaves the adder is the only
//! representative of its class, so the model is free in how it multiplies and when. G1 is the case in which every c1 is 0.

use super::COORD_BITS;
use crate::field::{Field, FIELD_BITS};
use crate::graph::mask;
use num_bigint::BigUint;
use num_traits::Zero;

/// An element c0 + c1 u of Fq2, Montgomery form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Coord {
    pub c0: BigUint,
    pub c1: BigUint,
}

/// An affine point; the identity is (0, 0).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Point {
    pub x: Coord,
    pub y: Coord,
}

impl Point {
    /// As on the ports: {y, x}, c0 low.
    pub fn pack(&self) -> BigUint {
        let coord = |c: &Coord| &c.c0 | &c.c1 << FIELD_BITS;
        coord(&self.x) | coord(&self.y) << COORD_BITS
    }

    pub fn unpack(bits: &BigUint) -> Point {
        let field = |i: usize| (bits >> (i * FIELD_BITS)) & mask(FIELD_BITS);
        Point { x: Coord { c0: field(0), c1: field(1) }, y: Coord { c0: field(2), c1: field(3) } }
    }
}

/// How an addition is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// p + (-p).
    Zero,
    /// One operand is the identity: the sum is the other, or the identity again.
    Pass,
    /// Chord.
    Add,
    /// Tangent.
    Double,
}

/// The adder's arithmetic.
pub struct Model {
    fq: Field,
    r_inverse: BigUint,
}

impl Default for Model {
    fn default() -> Self {
        Self::new()
    }
}

impl Model {
    pub fn new() -> Model {
        let fq = Field::fq();
        let r_inverse = fq.r_inverse();
        Model { fq, r_inverse }
    }

    fn mont(&self, a: &BigUint, b: &BigUint) -> BigUint {
        a * b * &self.r_inverse % &self.fq.p
    }

    fn add(&self, a: &Coord, b: &Coord) -> Coord {
        let add = |a: &BigUint, b: &BigUint| (a + b) % &self.fq.p;
        Coord { c0: add(&a.c0, &b.c0), c1: add(&a.c1, &b.c1) }
    }

    fn sub(&self, a: &Coord, b: &Coord) -> Coord {
        let sub = |a: &BigUint, b: &BigUint| (a + &self.fq.p - b) % &self.fq.p;
        Coord { c0: sub(&a.c0, &b.c0), c1: sub(&a.c1, &b.c1) }
    }

    fn mul(&self, a: &Coord, b: &Coord) -> Coord {
        let p = &self.fq.p;
        let c0 = self.mont(&a.c0, &b.c0) + p - self.mont(&a.c1, &b.c1);
        let c1 = self.mont(&a.c0, &b.c1) + self.mont(&a.c1, &b.c0);
        Coord { c0: c0 % p, c1: c1 % p }
    }

    fn zero(&self) -> Coord {
        Coord { c0: BigUint::zero(), c1: BigUint::zero() }
    }

    fn one(&self) -> Coord {
        Coord { c0: self.fq.one(), c1: BigUint::zero() }
    }

    /// conj(a) / (a conj(a)), with the one inversion of Fq that a frame has.
    fn invert(&self, a: &Coord) -> Coord {
        let conjugate = self.sub(&self.zero(), &Coord { c0: BigUint::zero(), c1: a.c1.clone() });
        let conjugate = Coord { c0: a.c0.clone(), c1: conjugate.c1 };
        let norm = self.mul(a, &conjugate).c0;
        // (x R)^-1 = x^-1 R^-1; R comes back three times less once.
        let inverse = norm.modinv(&self.fq.p).expect("denominators are not 0");
        let r = self.fq.one();
        let inverse = inverse * &r % &self.fq.p * &r % &self.fq.p;
        self.mul(&conjugate, &Coord { c0: inverse, c1: BigUint::zero() })
    }

    fn kind(&self, p: &Point, q: &Point) -> Kind {
        let none = Point { x: self.zero(), y: self.zero() };
        if *p == none || *q == none {
            Kind::Pass
        } else if p.x != q.x {
            Kind::Add
        } else if p.y == q.y && p.y != self.zero() {
            Kind::Double
        } else {
            Kind::Zero
        }
    }

    /// Inverses of a frame: a heap of products (node h from 2h and 2h + 1), its root inverted, a heap of inverses.
    fn inverses(&self, d: &[Coord]) -> Vec<Coord> {
        let n = d.len();
        let mut up = vec![self.one(); n];
        up.extend_from_slice(d);
        for h in (1..n).rev() {
            up[h] = self.mul(&up[2 * h], &up[2 * h + 1]);
        }
        let mut down = vec![self.one(); 2 * n];
        down[1] = self.invert(&up[1]);
        for h in 1..n {
            down[2 * h] = self.mul(&down[h], &up[2 * h + 1]);
            down[2 * h + 1] = self.mul(&down[h], &up[2 * h]);
        }
        down.split_off(n)
    }

    /// The sums of a frame, whose length is a power of two.
    pub fn frame(&self, pairs: &[(Point, Point)]) -> Vec<Point> {
        let kinds: Vec<Kind> = pairs.iter().map(|(p, q)| self.kind(p, q)).collect();
        let d: Vec<Coord> = (pairs.iter().zip(&kinds))
            .map(|((p, q), kind)| match kind {
                Kind::Zero | Kind::Pass => self.one(),
                Kind::Add => self.sub(&q.x, &p.x),
                Kind::Double => self.add(&p.y, &p.y),
            })
            .collect();
        let inverses = self.inverses(&d);
        (pairs.iter().zip(kinds).zip(inverses)).map(|(((p, q), kind), i)| self.sum(p, q, kind, &i)).collect()
    }

    fn sum(&self, p: &Point, q: &Point, kind: Kind, d_inverse: &Coord) -> Point {
        let numerator = match kind {
            Kind::Zero => return Point { x: self.zero(), y: self.zero() },
            // One of the two is zero in all its bits.
            Kind::Pass => return Point { x: self.add(&p.x, &q.x), y: self.add(&p.y, &q.y) },
            Kind::Add => self.sub(&q.y, &p.y),
            Kind::Double => {
                let square = self.mul(&p.x, &p.x);
                self.add(&self.add(&square, &square), &square)
            }
        };
        let lambda = self.mul(&numerator, d_inverse);
        let x = self.sub(&self.mul(&lambda, &lambda), &self.add(&p.x, &q.x));
        let y = self.sub(&self.mul(&lambda, &self.sub(&p.x, &x)), &p.y);
        Point { x, y }
    }
}
