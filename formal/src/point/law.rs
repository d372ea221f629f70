//! Chord and tangent on y^2 = x^3 + b as identities of polynomials.
//!
//! The sum of two points is the textbook's: the third intersection of the line through them with the curve, reflected. The
//! identities have integer coefficients and hold in every commutative ring in which the denominator d has an inverse i: they are
//! shown after multiplication with a power of d, and d can be cancelled.

use crate::arithmetic::{Atom, Poly};

/// Atoms: the points' coordinates, the inverse of the denominator, and a free x.
pub const X1: Atom = Atom(0);
pub const Y1: Atom = Atom(1);
pub const X2: Atom = Atom(2);
pub const Y2: Atom = Atom(3);
pub const I: Atom = Atom(4);
const X: Atom = Atom(5);

/// Which line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Line {
    /// Through two points with different x.
    Chord,
    /// To one point, y not 0.
    Tangent,
}

impl Line {
    /// What `I` inverts: the difference of x, or twice y.
    pub fn denominator(self) -> Poly {
        match self {
            Line::Chord => &Poly::atom(X2) - &Poly::atom(X1),
            Line::Tangent => Poly::atom(Y1).times(&2.into()),
        }
    }

    fn slope(self) -> Poly {
        let numerator = match self {
            Line::Chord => &Poly::atom(Y2) - &Poly::atom(Y1),
            Line::Tangent => (&Poly::atom(X1) * &Poly::atom(X1)).times(&3.into()),
        };
        &numerator * &Poly::atom(I)
    }

    /// Whether `poly` is 0 for all points of the curve and `I` the inverse of the denominator.
    fn vanishes(self, poly: &Poly) -> bool {
        let count = |m: &[Atom], atom: Atom| m.iter().filter(|a| **a == atom).count();
        let power = |base: &Poly, n: usize| (0..n).fold(Poly::constant(1), |p, _| &p * base);
        let most = poly.terms().map(|(m, _)| count(m, I)).max().unwrap_or(0);
        let d = self.denominator();
        // The equation of the second point, b being y1^2 - x1^3.
        let [x1, y1, x2, y2] = [X1, Y1, X2, Y2].map(Poly::atom);
        let y2_squared = &(&power(&x2, 3) + &power(&y1, 2)) - &power(&x1, 3);
        let mut sum = Poly::zero();
        for (monomial, coefficient) in poly.terms() {
            let others = monomial.iter().filter(|a| **a != I && **a != Y2);
            let mut term = others.fold(Poly::constant(coefficient.clone()), |p, a| &p * &Poly::atom(*a));
            term = &term * &power(&d, most - count(monomial, I));
            sum = &sum + &(&term * &power(&y2, count(monomial, Y2)));
        }
        // d brings no y2 with a chord; with a tangent there is no y2 at all.
        let mut reduced = Poly::zero();
        for (monomial, coefficient) in sum.terms() {
            let others = monomial.iter().filter(|a| **a != Y2);
            let term = others.fold(Poly::constant(coefficient.clone()), |p, a| &p * &Poly::atom(*a));
            let n = count(monomial, Y2);
            reduced = &reduced + &(&(&term * &power(&y2_squared, n / 2)) * &power(&y2, n % 2));
        }
        poly.scale() == 0 && reduced.is_zero()
    }

    /// Whether `(x, y)` is the sum: the curve's equation along the line has exactly the roots x1, x2 (a tangent's is x1
    /// again) and x, and the line has -y at x. So the sum is on the curve, too.
    pub fn sums_to(self, x: &Poly, y: &Poly) -> bool {
        let (free, lambda) = (Poly::atom(X), self.slope());
        let [x1, y1] = [X1, Y1].map(Poly::atom);
        let x2 = if self == Line::Chord { Poly::atom(X2) } else { x1.clone() };
        let line = |at: &Poly| &y1 + &(&lambda * &(at - &x1));
        let cube = |x: &Poly| &(x * x) * x;
        let b = &(&y1 * &y1) - &cube(&x1);
        let along = &(&cube(&free) + &b) - &(&line(&free) * &line(&free));
        let roots = &(&(&free - &x1) * &(&free - &x2)) * &(&free - x);
        self.vanishes(&(&along - &roots)) && self.vanishes(&(&line(x) + y))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_textbook_formulas_are_the_law_and_others_are_not() {
        for line in [Line::Chord, Line::Tangent] {
            let [x1, y1, x2] = [X1, Y1, X2].map(Poly::atom);
            let x2 = if line == Line::Chord { x2 } else { x1.clone() };
            let lambda = line.slope();
            let x = &(&(&lambda * &lambda) - &x1) - &x2;
            let y = &(&lambda * &(&x1 - &x)) - &y1;
            assert!(line.sums_to(&x, &y));
            // Not reflected, a wrong sign, a wrong operand, another slope.
            let zero = Poly::zero();
            assert!(!line.sums_to(&x, &(&zero - &y)));
            assert!(!line.sums_to(&(&x + &x2), &y));
            assert!(!line.sums_to(&x, &(&(&lambda * &(&x - &x1)) - &y1)));
            assert!(!line.sums_to(&x, &(&y + &y1)));
            let lambda = lambda.times(&2.into());
            let x = &(&(&lambda * &lambda) - &x1) - &x2;
            let y = &(&lambda * &(&x1 - &x)) - &y1;
            assert!(!line.sums_to(&x, &y));
        }
    }
}
