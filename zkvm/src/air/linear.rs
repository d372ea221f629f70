//! A table's messages as sums of columns, evaluated on a trace.
//!
//! The counts in the preprocessed tables and the rows of Poseidon2 follow from what the other tables ask for. They are
//! worked out from the messages themselves, not by a second description of them.

use p3_air::symbolic::{AirLayout, BaseEntry, BaseLeaf, SymbolicExpr, SymbolicExpression};
use p3_air::Air;
use p3_field::extension::BinomialExtensionField;
use p3_field::PrimeCharacteristicRing;
use p3_lookup::InteractionSymbolicBuilder;

use super::Table;
use crate::F;

/// `constant + sum of factor * cell` over cells of the row (main columns first, then preprocessed).
#[derive(Clone, Debug, PartialEq)]
pub struct Linear {
    /// The constant.
    pub constant: F,
    /// (cell, factor).
    pub terms: Vec<(usize, F)>,
}

impl Linear {
    /// The value on a row of the main trace and one of the preprocessed trace.
    #[inline]
    pub fn eval(&self, main: &[F], preprocessed: &[F]) -> F {
        let cell = |i: usize| if i < main.len() { main[i] } else { preprocessed[i - main.len()] };
        self.terms.iter().fold(self.constant, |sum, &(i, factor)| sum + factor * cell(i))
    }
}

/// A message of a table.
#[derive(Clone, Debug)]
pub struct Message {
    /// Its bus.
    pub bus: String,
    /// Its fields.
    pub fields: Vec<Linear>,
    /// How often it is sent, negative where it is received.
    pub count: Linear,
    /// Whether the table provides entries (its count is free).
    pub provided: bool,
}

/// What a table sends and receives.
///
/// # Panics
///
/// If a field or a count is not a sum of columns of the row: that is a mistake in a table, whose messages would not fit degree 3.
pub fn messages(table: &Table) -> Vec<Message> {
    let layout = AirLayout::from_air::<F>(table);
    let width = layout.main_width;
    let mut builder = InteractionSymbolicBuilder::<F, BinomialExtensionField<F, 4>>::new(layout);
    table.eval(&mut builder);
    let linear = |e: &SymbolicExpression<F>| {
        linear(e, width)
            .unwrap_or_else(|| panic!("{}: a message has a field of degree above 1", table.kind().name()))
    };
    builder
        .global_interactions()
        .iter()
        .map(|message| Message {
            bus: message.bus_name.clone(),
            fields: message.fields.iter().map(linear).collect(),
            count: linear(&message.count),
            provided: message.count_weight == 0,
        })
        .collect()
}

fn linear(expression: &SymbolicExpression<F>, width: usize) -> Option<Linear> {
    let mut sum = Linear { constant: F::ZERO, terms: Vec::new() };
    add(expression, F::ONE, width, &mut sum)?;
    sum.terms.sort_by_key(|(cell, _)| *cell);
    sum.terms.dedup_by(|b, a| {
        let same = a.0 == b.0;
        if same {
            a.1 += b.1;
        }
        same
    });
    sum.terms.retain(|(_, factor)| *factor != F::ZERO);
    Some(sum)
}

fn add(expression: &SymbolicExpression<F>, factor: F, width: usize, sum: &mut Linear) -> Option<()> {
    match expression {
        SymbolicExpr::Leaf(BaseLeaf::Constant(value)) => sum.constant += factor * *value,
        SymbolicExpr::Leaf(BaseLeaf::Variable(variable)) => match variable.entry {
            BaseEntry::Main { offset: 0 } => sum.terms.push((variable.index, factor)),
            BaseEntry::Preprocessed { offset: 0 } => sum.terms.push((width + variable.index, factor)),
            _ => return None,
        },
        SymbolicExpr::Leaf(_) => return None,
        SymbolicExpr::Add { x, y, .. } => {
            add(x, factor, width, sum)?;
            add(y, factor, width, sum)?;
        }
        SymbolicExpr::Sub { x, y, .. } => {
            add(x, factor, width, sum)?;
            add(y, -factor, width, sum)?;
        }
        SymbolicExpr::Neg { x, .. } => add(x, -factor, width, sum)?,
        SymbolicExpr::Mul { x, y, .. } => {
            let mut constant = linear(x, width)?;
            let mut other = linear(y, width)?;
            if !constant.terms.is_empty() {
                std::mem::swap(&mut constant, &mut other);
            }
            if !constant.terms.is_empty() {
                return None;
            }
            let factor = factor * constant.constant;
            sum.constant += factor * other.constant;
            sum.terms.extend(other.terms.into_iter().map(|(cell, f)| (cell, factor * f)));
        }
    }
    Some(())
}
