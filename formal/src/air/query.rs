//! A case's numbers as integers for z3.
//!
//! A cell is an integer in [0, p). What is zero in the field is p times an integer; which integers these can be follows from the
//! ranges of the cells, and where that is one only, the equation holds over the integers. Products of cells that the cases leave are
//! numbers of their own in a proof (of these only bounds are used, so what holds holds for the products) and products in a search for a counterexample.

use super::poly::{product, Poly, Var, P};
use std::collections::{BTreeMap, BTreeSet};

/// What a row must satisfy, as it is gathered.
#[derive(Clone, Debug)]
pub struct Query {
    ranges: BTreeMap<Var, (i128, i128)>,
    next: Var,
    /// Zero modulo p.
    equations: Vec<Poly>,
    asserts: Vec<String>,
    declared: Vec<String>,
    values: BTreeMap<Poly, Poly>,
    eliminated: Vec<(Var, Poly)>,
    monomials: BTreeSet<Vec<Var>>,
    anded: BTreeMap<(Poly, Poly), String>,
    possible: bool,
    /// Whether a model must be a row: products are products and the AND of bytes is it.
    exact: bool,
}

impl Query {
    /// Of a table with `columns` cells a row.
    pub fn new(columns: usize, exact: bool) -> Query {
        Query {
            ranges: BTreeMap::new(),
            next: columns.try_into().expect("a table has fewer than 2^16 columns"),
            equations: vec![],
            asserts: vec![],
            declared: vec![],
            values: BTreeMap::new(),
            eliminated: vec![],
            monomials: BTreeSet::new(),
            anded: BTreeMap::new(),
            possible: true,
            exact,
        }
    }

    fn range(&self, var: Var) -> (i128, i128) {
        self.ranges.get(&var).copied().unwrap_or((0, P - 1))
    }

    /// The range of a constant or a variable.
    pub fn range_of(&self, value: &Poly) -> (i128, i128) {
        value.interval(|var| self.range(var))
    }

    /// Whether the ranges leave any row.
    pub fn possible(&self) -> bool {
        self.possible
    }

    /// The field element `poly` as an integer in [0, p): a constant or a variable.
    pub fn value(&mut self, poly: &Poly) -> Poly {
        let poly = poly.reduced();
        if let Some(constant) = poly.as_constant() {
            return Poly::constant(constant.rem_euclid(P));
        }
        if poly.as_var().is_some() {
            return poly;
        }
        if let Some(value) = self.values.get(&poly) {
            return value.clone();
        }
        let value = self.fresh(0, P - 1);
        self.zero(&poly.plus(&value, -1));
        self.values.insert(poly, value.clone());
        value
    }

    /// A new number.
    pub fn fresh(&mut self, low: i128, high: i128) -> Poly {
        let var = self.next;
        self.next += 1;
        self.ranges.insert(var, (low, high));
        Poly::var(var)
    }

    /// Restricts a constant or a variable to a range.
    pub fn within(&mut self, value: &Poly, low: i128, high: i128) {
        if let Some(constant) = value.as_constant() {
            self.possible &= (low..=high).contains(&constant);
        }
        if let Some(var) = value.as_var() {
            let (l, h) = self.range(var);
            let both = (l.max(low), h.min(high));
            self.ranges.insert(var, both);
            self.possible &= both.0 <= both.1;
        }
    }

    /// `poly` is zero modulo p.
    pub fn zero(&mut self, poly: &Poly) {
        self.equations.push(poly.small());
    }

    /// A formula that holds.
    pub fn assert(&mut self, formula: String) {
        self.asserts.push(formula);
    }

    /// A new integer, a term, with nothing known of it.
    pub fn integer(&mut self) -> String {
        let name = format!("n{}", self.declared.len());
        self.declared.push(format!("(declare-const {name} Int)"));
        name
    }

    /// The two bytes of a half.
    pub fn bytes(&mut self, half: &Poly) -> [Poly; 2] {
        if let Some(constant) = half.as_constant() {
            return [Poly::constant(constant & 255), Poly::constant(constant >> 8)];
        }
        if let Some(known) = self.known_bytes(half) {
            return known;
        }
        let [low, high] = [0; 2].map(|_| self.fresh(0, 255));
        self.zero(&low.plus(&high, 256).plus(half, -1));
        [low, high]
    }

    /// Bytes that the row has looked up: a number has two bytes in one way only.
    fn known_bytes(&self, half: &Poly) -> Option<[Poly; 2]> {
        let half = half.as_var()?;
        self.equations.iter().find_map(|equation| {
            let sign = -equation.coefficient(&[half]);
            if sign.abs() != 1 || equation.degree() != 1 || equation.terms().count() != 3 {
                return None;
            }
            let with = |c: i128| {
                equation.vars().into_iter().find(|v| *v != half && equation.coefficient(&[*v]) == c * sign)
            };
            let (low, high) = (with(1)?, with(256)?);
            let byte = |v: Var| {
                let (least, most) = self.range(v);
                least >= 0 && most <= 255
            };
            // Below p on both sides, so equal as integers.
            let fits = self.range(half).1 < P - 1 && byte(low) && byte(high);
            fits.then(|| [Poly::var(low), Poly::var(high)])
        })
    }

    /// The AND of two bytes, each a constant or a variable that is known to be a byte.
    ///
    /// In a proof it is a number for each pair, of which only bounds are known, or its value where one byte is 0, 128 or 255. That the
    /// range table's rows have these is checked apart ([`super::lemmas::entries`]).
    pub fn and(&mut self, x: &Poly, y: &Poly) -> String {
        let (x, y) = if x.as_constant().is_some() { (y, x) } else { (x, y) };
        let term = self.term(x);
        match (x.as_constant(), y.as_constant()) {
            (Some(x), Some(y)) => return (x & y).to_string(),
            (_, Some(0)) => return "0".into(),
            (_, Some(255)) => return term,
            (_, Some(128)) => return format!("(ite (>= {term} 128) 128 0)"),
            _ => {}
        }
        let other = self.term(y);
        if !self.exact {
            // One number for one pair, whatever it is.
            let pair = (x.clone(), y.clone());
            if let Some(and) = self.anded.get(&pair) {
                return and.clone();
            }
            let and = self.integer();
            self.anded.insert(pair, and.clone());
            self.asserts.push(format!(
                "(and (<= 0 {and}) (<= {and} {term}) (<= {and} {other}) (<= (- (+ {term} {other}) {and}) 255))"
            ));
            return and;
        }
        let mut sum = vec![];
        let [x_bits, y_bits] = [term, other].map(|term| {
            let bits: Vec<String> = (0..8)
                .map(|_| {
                    let name = format!("b{}", self.declared.len());
                    self.declared.push(format!("(declare-const {name} Bool)"));
                    name
                })
                .collect();
            let parts: Vec<_> =
                bits.iter().enumerate().map(|(i, b)| format!("(ite {b} {} 0)", 1 << i)).collect();
            self.asserts.push(format!("(= {term} (+ {}))", parts.join(" ")));
            bits
        });
        for (i, (x, y)) in x_bits.iter().zip(&y_bits).enumerate() {
            sum.push(format!("(ite (and {x} {y}) {} 0)", 1 << i));
        }
        format!("(+ {})", sum.join(" "))
    }

    /// Rewrites what is not linear by equations that hold over the integers, the widest cell first: the half of which bytes are known
    /// by those bytes, the one of two equal numbers by the other.
    pub fn eliminate(&mut self) {
        let curved = |equations: &[Poly]| -> BTreeSet<Var> {
            let terms = equations.iter().flat_map(Poly::terms);
            terms.filter(|(m, _)| m.len() > 1).flat_map(|(m, _)| m.to_vec()).collect()
        };
        let narrow = |q: &Query| q.equations.iter().map(|e| e.narrow(|v| q.range(v))).collect::<Vec<_>>();
        self.equations = narrow(self);
        if curved(&self.equations).is_empty() {
            return;
        }
        self.shift();
        self.equations = narrow(self);
        let linear: Vec<Poly> = self.equations.iter().filter(|e| e.degree() == 1).cloned().collect();
        for equation in linear {
            let needed = curved(&self.equations);
            let (low, high) = equation.interval(|v| self.range(v));
            let (least, most) = (-(-low).div_euclid(P), high.div_euclid(P));
            if least != most {
                continue;
            }
            let equation = equation.plus(&Poly::constant(-least * P), 1);
            let width = |v: &Var| {
                let (low, high) = self.range(*v);
                high - low
            };
            let widest = equation.vars().iter().map(width).max();
            let pivot = equation
                .vars()
                .into_iter()
                .filter(|v| Some(width(v)) == widest && equation.coefficient(&[*v]).abs() == 1)
                .filter(|v| needed.contains(v) && self.eliminated.iter().all(|(other, _)| other != v))
                .max_by_key(width);
            let Some(pivot) = pivot else { continue };
            let c = equation.coefficient(&[pivot]);
            let value = equation.scaled(-c).plus(&Poly::var(pivot), 1);
            let value = self.rewritten(&value);
            if value.vars().contains(&pivot) {
                continue;
            }
            for (_, other) in &mut self.eliminated {
                *other = other.substituted(pivot, &value);
            }
            self.eliminated.push((pivot, value));
            let rewritten = self.equations.iter().map(|e| {
                if e.degree() > 1 {
                    self.rewritten(e).reduced()
                } else {
                    e.clone()
                }
            });
            self.equations = rewritten.collect();
        }
    }

    /// Writes a cell of which nothing is known but that it is a small number and a constant, as that: a carry that is looked up with an
    /// offset. This is so modulo p only, and used in equations modulo p only.
    fn shift(&mut self) {
        for i in 0..self.equations.len() {
            let equation = self.equations[i].clone();
            if equation.degree() != 1 || equation.vars().len() != 2 {
                continue;
            }
            let wide = |v: &Var| self.range(*v) == (0, P - 1) && equation.coefficient(&[*v]).abs() == 1;
            let Some(pivot) = equation.vars().into_iter().find(wide) else { continue };
            let c = equation.coefficient(&[pivot]);
            let value = equation.scaled(-c).plus(&Poly::var(pivot), 1);
            for (j, other) in self.equations.iter_mut().enumerate() {
                if j != i {
                    *other = other.substituted(pivot, &value).reduced();
                }
            }
        }
    }

    fn rewritten(&self, poly: &Poly) -> Poly {
        self.eliminated.iter().fold(poly.clone(), |poly, (var, value)| poly.substituted(*var, value))
    }

    /// An integer polynomial as a term, after [`Query::eliminate`].
    pub fn integer_term(&mut self, poly: &Poly) -> String {
        let poly = self.rewritten(poly);
        self.term(&poly)
    }

    /// A polynomial as a term; a product is a number of its own.
    pub fn term(&mut self, poly: &Poly) -> String {
        let number = |c: i128| if c < 0 { format!("(- {})", -c) } else { c.to_string() };
        let mut terms = vec![];
        for (monomial, c) in poly.terms() {
            let name = match monomial {
                [] => {
                    terms.push(number(c));
                    continue;
                }
                [var] => format!("c{var}"),
                several => {
                    self.monomials.insert(several.to_vec());
                    several.iter().fold("m".to_string(), |name, var| format!("{name}_{var}"))
                }
            };
            terms.push(if c == 1 { name } else { format!("(* {} {name})", number(c)) });
        }
        match terms.as_slice() {
            [] => "0".into(),
            [one] => one.clone(),
            several => format!("(+ {})", several.join(" ")),
        }
    }

    /// The query: all of it, and not `goal`.
    pub fn text(&self, goal: &[String], cells: &BTreeSet<Var>) -> String {
        let mut query = self.clone();
        let mut lines = vec![];
        for (i, equation) in query.equations.clone().iter().enumerate() {
            let equation = &equation.narrow(|var| query.range(var));
            let term = query.term(equation);
            let (low, high) = equation.interval(|var| query.range(var));
            // The least k with low <= k p, the largest with k p <= high.
            let (least, most) = (-(-low).div_euclid(P), high.div_euclid(P));
            if least > most {
                lines.push("(assert false)".into());
            } else if least == most {
                lines.push(format!("(assert (= {term} {}))", signed(least * P)));
            } else {
                lines.push(format!(
                    "(declare-const k{i} Int)(assert (<= {} k{i} {}))",
                    signed(least),
                    signed(most)
                ));
                lines.push(format!("(assert (= {term} (* {P} k{i})))"));
            }
        }
        lines.extend(query.asserts.iter().map(|a| format!("(assert {a})")));
        match goal {
            [] => {}
            goal => lines.push(format!("(assert (not (and {})))", goal.join(" "))),
        }
        let mut head: Vec<String> = vec![];
        let used: BTreeSet<Var> = query.monomials.iter().flatten().copied().collect();
        for var in
            cells.iter().copied().chain(used).chain(query.ranges.keys().copied()).collect::<BTreeSet<_>>()
        {
            let (low, high) = query.range(var);
            head.push(format!(
                "(declare-const c{var} Int)(assert (<= {} c{var} {}))",
                signed(low),
                signed(high)
            ));
        }
        for monomial in &query.monomials {
            let name = monomial.iter().fold("m".to_string(), |name, var| format!("{name}_{var}"));
            if query.exact {
                let factors: Vec<_> = monomial.iter().map(|var| format!("c{var}")).collect();
                head.push(format!("(declare-const {name} Int)(assert (= {name} (* {})))", factors.join(" ")));
            } else {
                let (low, high) = product(monomial, |var| query.range(var));
                head.push(format!(
                    "(declare-const {name} Int)(assert (<= {} {name} {}))",
                    signed(low),
                    signed(high)
                ));
                if let ([x, y], [(0, x_most), (0, y_most)]) = (
                    monomial.as_slice(),
                    monomial.iter().map(|v| query.range(*v)).collect::<Vec<_>>().as_slice(),
                ) {
                    // What x >= 0, y >= 0 and (most - x) >= 0, (most - y) >= 0 say of the product when they are multiplied.
                    head.push(format!(
                        "(assert (<= {name} (* {y_most} c{x})))(assert (<= {name} (* {x_most} c{y})))"
                    ));
                    let least = x_most * y_most;
                    head.push(format!(
                        "(assert (>= (+ {name} {least}) (+ (* {y_most} c{x}) (* {x_most} c{y}))))"
                    ));
                }
            }
        }
        head.extend(query.declared.iter().cloned());
        head.extend(lines);
        head.join("\n")
    }
}

/// An integer as SMT-LIB writes it.
pub fn signed(x: i128) -> String {
    if x < 0 {
        format!("(- {})", -x)
    } else {
        x.to_string()
    }
}
