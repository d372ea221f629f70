//! Polynomials in a table's cells, with integer coefficients or with coefficients modulo p, held centred around zero.

use std::collections::{BTreeMap, BTreeSet};

/// KoalaBear's prime, 2^31 - 2^24 + 1.
pub const P: i128 = 2_130_706_433;

/// A cell of the row, or a number that a query adds.
pub type Var = u16;

/// The representative of `x` modulo p in (-p/2, p/2).
pub fn centred(x: i128) -> i128 {
    let x = x.rem_euclid(P);
    if x > P / 2 {
        x - P
    } else {
        x
    }
}

/// The inverse modulo p of `x`, which is not zero modulo p.
pub fn inverse(x: i128) -> i128 {
    let (mut result, mut power, mut left) = (1, x.rem_euclid(P), P - 2);
    while left > 0 {
        if left & 1 == 1 {
            result = result * power % P;
        }
        power = power * power % P;
        left >>= 1;
    }
    result
}

/// A sum of monomials with coefficients that are not zero; a monomial is its variables in order, with repetition.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Poly(BTreeMap<Vec<Var>, i128>);

impl Poly {
    /// A constant.
    pub fn constant(value: i128) -> Poly {
        let mut poly = Poly::default();
        poly.add_term(Vec::new(), value);
        poly
    }

    /// A variable.
    pub fn var(var: Var) -> Poly {
        Poly(BTreeMap::from([(vec![var], 1)]))
    }

    fn add_term(&mut self, monomial: Vec<Var>, coefficient: i128) {
        let sum = self.0.entry(monomial.clone()).or_insert(0);
        *sum += coefficient;
        if *sum == 0 {
            self.0.remove(&monomial);
        }
    }

    /// The terms.
    pub fn terms(&self) -> impl Iterator<Item = (&[Var], i128)> {
        self.0.iter().map(|(monomial, c)| (monomial.as_slice(), *c))
    }

    /// `self + factor * other`.
    pub fn plus(&self, other: &Poly, factor: i128) -> Poly {
        let mut sum = self.clone();
        for (monomial, c) in other.terms() {
            sum.add_term(monomial.to_vec(), c * factor);
        }
        sum
    }

    /// `self * other`.
    pub fn times(&self, other: &Poly) -> Poly {
        let mut product = Poly::default();
        for (x, c) in self.terms() {
            for (y, d) in other.terms() {
                let mut monomial = [x, y].concat();
                monomial.sort_unstable();
                product.add_term(monomial, c * d);
            }
        }
        product
    }

    /// `self` with each coefficient times `factor`.
    pub fn scaled(&self, factor: i128) -> Poly {
        Poly::default().plus(self, factor)
    }

    /// The same modulo p, with centred coefficients.
    #[must_use]
    pub fn reduced(&self) -> Poly {
        Poly(
            self.0
                .iter()
                .map(|(monomial, c)| (monomial.clone(), centred(*c)))
                .filter(|(_, c)| *c != 0)
                .collect(),
        )
    }

    /// The multiples of `self` modulo p by powers of two and by inverses of such, `self` first: each is zero modulo p where `self` is.
    fn multiples(&self) -> impl Iterator<Item = Poly> {
        let half = inverse(2);
        let first = self.reduced();
        let start = first.clone();
        let by = move |step: i128| {
            let mut poly = start.clone();
            (0..24).map(move |_| {
                poly = poly.scaled(step).reduced();
                poly.clone()
            })
        };
        let (up, down) = (by(2), by(half));
        std::iter::once(first).chain(up).chain(down)
    }

    /// The multiple whose largest coefficient is smallest.
    #[must_use]
    pub fn small(&self) -> Poly {
        self.multiples().min_by_key(|poly| poly.0.values().map(|c| c.abs()).max()).unwrap_or_default()
    }

    /// The multiple that is the fewest multiples of p with variables in these ranges, and of these the one with the smallest coefficients.
    #[must_use]
    pub fn narrow(&self, range: impl Fn(Var) -> (i128, i128)) -> Poly {
        let width = |poly: &Poly| {
            let (low, high) = poly.interval(&range);
            high.div_euclid(P) + (-low).div_euclid(P)
        };
        let largest = |poly: &Poly| poly.0.values().map(|c| c.abs()).max();
        self.multiples().min_by_key(|poly| (width(poly), largest(poly))).unwrap_or_default()
    }

    /// `value` in place of `var`, over the integers.
    #[must_use]
    pub fn substituted(&self, var: Var, value: &Poly) -> Poly {
        if !self.0.keys().any(|monomial| monomial.contains(&var)) {
            return self.clone();
        }
        let mut result = Poly::default();
        for (monomial, c) in self.terms() {
            let rest: Vec<Var> = monomial.iter().copied().filter(|v| *v != var).collect();
            let mut term = Poly(BTreeMap::from([(rest.clone(), c)]));
            for _ in rest.len()..monomial.len() {
                term = term.times(value);
            }
            result = result.plus(&term, 1);
        }
        result
    }

    /// The largest number of variables in a monomial.
    pub fn degree(&self) -> usize {
        self.0.keys().map(Vec::len).max().unwrap_or(0)
    }

    /// The variables.
    pub fn vars(&self) -> BTreeSet<Var> {
        self.0.keys().flatten().copied().collect()
    }

    /// The value, if there are no variables.
    pub fn as_constant(&self) -> Option<i128> {
        match self.degree() {
            0 => Some(self.coefficient(&[])),
            _ => None,
        }
    }

    /// The variable, if it is one.
    pub fn as_var(&self) -> Option<Var> {
        match self.0.iter().next() {
            Some((monomial, 1)) if self.0.len() == 1 && monomial.len() == 1 => Some(monomial[0]),
            _ => None,
        }
    }

    /// The coefficient of a monomial.
    pub fn coefficient(&self, monomial: &[Var]) -> i128 {
        self.0.get(monomial).copied().unwrap_or(0)
    }

    /// The smallest and the largest value with variables in these ranges, each monomial for itself.
    pub fn interval(&self, range: impl Fn(Var) -> (i128, i128)) -> (i128, i128) {
        self.terms().fold((0, 0), |(low, high), (monomial, c)| {
            let (least, most) = product(monomial, &range);
            let ends = [c * least, c * most];
            (low + ends[0].min(ends[1]), high + ends[0].max(ends[1]))
        })
    }

    /// The value modulo p with these cells.
    pub fn eval(&self, cell: impl Fn(Var) -> i128) -> i128 {
        let sum = self.terms().fold(0, |sum, (monomial, c)| {
            sum + monomial.iter().fold(c.rem_euclid(P), |product, v| product * cell(*v) % P)
        });
        sum.rem_euclid(P)
    }

    /// As text, variables by name.
    pub fn show(&self, name: &dyn Fn(Var) -> String) -> String {
        let mut text = String::new();
        // Constants last, as one writes them.
        for (monomial, c) in
            self.terms().filter(|(m, _)| !m.is_empty()).chain(self.terms().filter(|(m, _)| m.is_empty()))
        {
            let product = monomial.iter().map(|v| name(*v)).collect::<Vec<_>>().join("*");
            let (sign, c) = if c < 0 { ("-", -c) } else { ("+", c) };
            let factor = match (c, product.is_empty()) {
                (1, false) => String::new(),
                (_, false) => format!("{c} "),
                _ => c.to_string(),
            };
            text += &match (text.is_empty(), sign) {
                (true, "+") => format!("{factor}{product}"),
                (true, _) => format!("-{factor}{product}"),
                _ => format!(" {sign} {factor}{product}"),
            };
        }
        if text.is_empty() {
            text.push('0');
        }
        text
    }
}

/// The smallest and the largest value of a product of variables in these ranges.
pub fn product(monomial: &[Var], range: impl Fn(Var) -> (i128, i128)) -> (i128, i128) {
    monomial.iter().fold((1, 1), |(low, high), v| {
        let (l, h) = range(*v);
        let ends = [low * l, low * h, high * l, high * h];
        (ends.into_iter().min().unwrap_or(0), ends.into_iter().max().unwrap_or(0))
    })
}
