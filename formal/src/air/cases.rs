//! A table's rows by cases: what the constraints say of flags, carries and signs, by arithmetic in the field alone.
//!
//! A product is zero where a factor is; a polynomial in one cell leaves its roots. Split by that until no product and no such
//! polynomial is left, a row belongs to at least one case, in which most cells that are bits have a value and what is left is mostly linear.

use super::poly::{centred, inverse, Poly, Var};
use super::system::{Message, System};
use permafrost_zkvm::{
    air::{
        bus::{range, PROGRAM, RANGE},
        Kind,
    },
    isa::Op,
};
use std::collections::{BTreeMap, BTreeSet};

/// Rows with some cells fixed.
#[derive(Clone, Debug)]
pub struct Case {
    /// Values of fixed cells, from 0 to p - 1.
    pub fixed: BTreeMap<Var, i128>,
    /// What is left of the constraints; products until a case is whole, then one factor each.
    pub constraints: Vec<Vec<Poly>>,
    /// The messages.
    pub messages: Vec<Message>,
    /// Lookups whose entry has been used for a split.
    used: BTreeSet<usize>,
}

/// Values tried for a cell in the search for a counterexample, where the constraints leave it free and something is not linear in it.
const TRIED: [i128; 5] = [2, -1, 1, 0, 3];
/// Cases looked at in such a search.
const MOST: usize = 2000;

/// Roots that are looked for.
const ROOTS: [i128; 5] = [0, 1, -1, 2, 128];

/// All cases, or with `search` some of the rows, with more cells fixed, none of whose counts or lookups' kinds is open; the operation is one of the table's, or none.
pub fn split(system: &System, fixed: &[(Var, i128)], search: Option<Kind>) -> Vec<Case> {
    let mut case = Case {
        fixed: BTreeMap::new(),
        constraints: system.constraints.clone(),
        messages: system.messages.clone(),
        used: BTreeSet::new(),
    };
    for (var, value) in fixed {
        case.fix(*var, *value);
    }
    let mut cases = Vec::new();
    case.go(search, &mut cases);
    cases
}

impl Case {
    fn fix(&mut self, var: Var, value: i128) {
        let poly = Poly::constant(value);
        self.fixed.insert(var, value.rem_euclid(super::poly::P));
        let fix = |e: &mut Poly| *e = e.substituted(var, &poly).reduced();
        self.constraints.iter_mut().flatten().for_each(fix);
        for message in &mut self.messages {
            message.fields.iter_mut().for_each(fix);
            fix(&mut message.count);
        }
    }

    fn go(mut self, search: Option<Kind>, cases: &mut Vec<Case>) {
        if search.is_some() && cases.len() >= MOST {
            return;
        }
        if !self.simplify() {
            return;
        }
        let branches = self.branches(search);
        let idle = self.messages.iter().all(|message| message.count.as_constant() == Some(0));
        if branches.is_empty() && !(search.is_some() && idle) {
            cases.push(self);
        }
        for branch in branches {
            branch.go(search, cases);
        }
    }

    /// Fixes what is determined; `false` if there is no such row.
    fn simplify(&mut self) -> bool {
        loop {
            self.entries();
            let mut left: Vec<Vec<Poly>> = Vec::new();
            for mut factors in std::mem::take(&mut self.constraints) {
                if factors.iter().any(|f| f.as_constant() == Some(0)) {
                    continue;
                }
                factors.retain(|f| f.as_constant().is_none());
                factors.dedup();
                if factors.is_empty() {
                    return false;
                }
                if !left.contains(&factors) {
                    left.push(factors);
                }
            }
            self.constraints = left;
            let determined = self.constraints.iter().find_map(|factors| match factors.as_slice() {
                [f] if f.degree() == 1 && f.vars().len() == 1 => {
                    let var = *f.vars().first()?;
                    Some((var, centred(-f.coefficient(&[]) * inverse(f.coefficient(&[var])))))
                }
                _ => None,
            });
            match determined {
                Some((var, value)) => self.fix(var, value),
                None => return true,
            }
        }
    }

    /// The AND of a cell with 0 or 128 has one or two values.
    fn entries(&mut self) {
        // Lookups say something only where all counts are what they may be.
        let counts = self.messages.iter().map(|message| message.count.as_constant());
        if counts.into_iter().any(|count| !matches!(count, Some(-1..=1))) {
            return;
        }
        for (i, message) in self.messages.iter().enumerate() {
            if message.bus != RANGE || message.count.as_constant().unwrap_or(0) == 0 || self.used.contains(&i)
            {
                continue;
            }
            let [kind, _, y, z] = message.fields.as_slice() else { continue };
            if kind.as_constant() != Some(i128::from(range::AND)) {
                continue;
            }
            let factors = match y.as_constant() {
                Some(0) => vec![z.clone()],
                Some(128) => vec![z.clone(), z.plus(&Poly::constant(-128), 1)],
                _ => continue,
            };
            self.used.insert(i);
            self.constraints.push(factors);
        }
    }

    fn with(&self, var: Var, values: impl IntoIterator<Item = i128>) -> Vec<Case> {
        let with = |value| {
            let mut case = self.clone();
            case.fix(var, value);
            case
        };
        values.into_iter().map(with).collect()
    }

    fn branches(&self, search: Option<Kind>) -> Vec<Case> {
        let products = self.constraints.iter().enumerate().filter(|(_, factors)| factors.len() > 1);
        let vars = |factors: &[Poly]| factors.iter().flat_map(Poly::vars).collect::<BTreeSet<_>>().len();
        let smallest = products.min_by_key(|(_, factors)| vars(factors));
        if let Some((_, factors)) = smallest.filter(|(_, factors)| vars(factors) == 1) {
            if let Some((var, roots)) = factors.iter().map(roots).collect::<Option<Vec<_>>>().map(merge) {
                // One before zero: a search begins with rows that do something.
                return self.with(var, roots.into_iter().rev());
            }
        }
        for factors in &self.constraints {
            if let ([one], 1) = (factors.as_slice(), vars(factors)) {
                if let Some((var, roots)) = roots(one) {
                    return self.with(var, roots);
                }
            }
        }
        if let Some((i, factors)) = smallest {
            let with = |factor: &Poly| {
                let mut case = self.clone();
                case.constraints[i] = vec![factor.clone()];
                case
            };
            return factors.iter().map(with).collect();
        }
        if let Some(kind) = search {
            // Another count before another operation.
            let counts = self.messages.iter().map(|message| &message.count);
            if let Some(var) = counts.flat_map(Poly::vars).next() {
                return self.with(var, TRIED);
            }
            if let Some(op) = self.operation() {
                let with = |number: usize| {
                    let mut case = self.clone();
                    case.constraints.push(vec![op.plus(&Poly::constant(number as i128), -1).reduced()]);
                    case
                };
                let own = Op::ALL.iter().filter(|op| op.table() == kind).map(|op| op.number() as usize);
                return own.chain([0]).map(with).collect();
            }
            if let Some(var) = self.open() {
                return self.with(var, TRIED);
            }
        }
        Vec::new()
    }

    /// The field of the operation, if it depends on one cell.
    fn operation(&self) -> Option<Poly> {
        let fetch = self.messages.iter().find(|message| message.bus == PROGRAM)?;
        Some(fetch.fields[1].clone()).filter(|op| op.vars().len() == 1)
    }

    /// A cell on which a count or the kind of a lookup depends, or else one in which a constraint is not linear.
    fn open(&self) -> Option<Var> {
        let counts = self.messages.iter().map(|message| &message.count);
        let kinds = self.messages.iter().filter(|message| message.bus == RANGE).flat_map(|message| {
            let bits = message.fields[0].as_constant() == Some(i128::from(range::BITS));
            std::iter::once(&message.fields[0]).chain(bits.then_some(&message.fields[2]))
        });
        if let Some(var) = counts.chain(kinds).find_map(|e| e.vars().first().copied()) {
            return Some(var);
        }
        let mut places: BTreeMap<Var, usize> = BTreeMap::new();
        for (monomial, _) in self.constraints.iter().flatten().flat_map(Poly::terms) {
            if monomial.len() > 1 {
                monomial.iter().for_each(|var| *places.entry(*var).or_default() += 1);
            }
        }
        places.into_iter().max_by_key(|(_, places)| *places).map(|(var, _)| var)
    }
}

/// The variable of a polynomial in one variable and all its roots, if they can be told.
fn roots(poly: &Poly) -> Option<(Var, Vec<i128>)> {
    let vars = poly.vars();
    let var = *vars.first().filter(|_| vars.len() == 1)?;
    let degree = poly.degree();
    if degree == 1 {
        return Some((var, vec![centred(-poly.coefficient(&[]) * inverse(poly.coefficient(&[var])))]));
    }
    let roots: Vec<i128> = ROOTS.into_iter().filter(|root| poly.eval(|_| *root) == 0).collect();
    (roots.len() == degree).then_some((var, roots))
}

/// Roots of a product in one variable.
fn merge(roots: Vec<(Var, Vec<i128>)>) -> (Var, BTreeSet<i128>) {
    let var = roots[0].0;
    (var, roots.into_iter().flat_map(|(_, roots)| roots).collect())
}
