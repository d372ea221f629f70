//! A table's constraints and messages, read from the text that the prover and the verifier use.

use super::poly::{Poly, P};
use p3_air::symbolic::{AirLayout, BaseEntry, BaseLeaf, SymbolicExpr, SymbolicExpression};
use p3_field::{extension::BinomialExtensionField, PrimeField32};
use p3_lookup::InteractionSymbolicBuilder;
use permafrost_zkvm::{
    air::{Kind, Table},
    record::Program,
    F,
};
use std::sync::Arc;

/// A message of a row.
#[derive(Clone, Debug)]
pub struct Message {
    pub bus: String,
    pub fields: Vec<Poly>,
    /// Negative where it is received.
    pub count: Poly,
}

/// What a row must satisfy and what it sends, in its cells: variable i is cell i of the row.
#[derive(Clone, Debug)]
pub struct System {
    /// Names of the cells.
    pub names: Vec<String>,
    /// Constraints, each a product that must be zero modulo p. The factors are those of the text; one of them is zero.
    pub constraints: Vec<Vec<Poly>>,
    /// Messages in the order of the text.
    pub messages: Vec<Message>,
}

impl System {
    /// Of the table `kind`.
    ///
    /// # Panics
    /// If a constraint reads more than the row itself: tables with a row an instruction do not.
    pub fn of(kind: Kind) -> System {
        let program = Program { entry: 0, code: Vec::new(), image: Vec::new() };
        let table = Table::of(kind, &Arc::new(program));
        let layout = AirLayout::from_air::<F>(&table);
        let builder = InteractionSymbolicBuilder::<F, BinomialExtensionField<F, 4>>::from_air(&table, layout);
        assert!(builder.extension_constraints().is_empty() && builder.local_interactions().is_empty());
        assert!(builder.exclusive_interactions().is_empty(), "a kind of message that is not read here");
        let constraints = builder.base_constraints().iter().map(factors).collect();
        let messages = builder.global_interactions().iter().map(|message| Message {
            bus: message.bus_name.clone(),
            fields: message.fields.iter().map(poly).collect(),
            count: poly(&message.count),
        });
        System { names: table.names(), constraints, messages: messages.collect() }
    }

    /// The name of a cell.
    pub fn name(&self, var: super::poly::Var) -> String {
        self.names.get(usize::from(var)).cloned().unwrap_or_else(|| format!("v{var}"))
    }

    /// A constraint as text.
    pub fn show_constraint(&self, index: usize) -> String {
        let factors = &self.constraints[index];
        let name = |var| self.name(var);
        match factors.as_slice() {
            [one] => format!("{} = 0", one.small().show(&name)),
            several => {
                let several: Vec<_> =
                    several.iter().map(|f| format!("({})", f.small().show(&name))).collect();
                format!("{} = 0", several.join(" "))
            }
        }
    }

    /// A message as text.
    pub fn show_message(&self, index: usize) -> String {
        let Message { bus, fields, count } = &self.messages[index];
        let name = |var| self.name(var);
        let fields: Vec<_> = fields.iter().map(|field| field.show(&name)).collect();
        format!("{bus}({}) times {}", fields.join(", "), count.show(&name))
    }
}

/// The factors of an expression that is a product, or the expression.
fn factors(expression: &SymbolicExpression<F>) -> Vec<Poly> {
    match expression {
        SymbolicExpr::Mul { x, y, .. } => [factors(x), factors(y)].concat(),
        SymbolicExpr::Neg { x, .. } => factors(x),
        other => vec![poly(other)],
    }
}

fn poly(expression: &SymbolicExpression<F>) -> Poly {
    match expression {
        SymbolicExpr::Leaf(BaseLeaf::Constant(value)) => Poly::constant(i128::from(value.as_canonical_u32())),
        SymbolicExpr::Leaf(BaseLeaf::Variable(variable)) => match variable.entry {
            BaseEntry::Main { offset: 0 } => {
                Poly::var(variable.index.try_into().expect("a table has fewer than 2^16 columns"))
            }
            _ => panic!("a constraint reads something else than the row"),
        },
        SymbolicExpr::Leaf(_) => panic!("a constraint reads a selector"),
        SymbolicExpr::Add { x, y, .. } => poly(x).plus(&poly(y), 1),
        SymbolicExpr::Sub { x, y, .. } => poly(x).plus(&poly(y), -1),
        SymbolicExpr::Neg { x, .. } => poly(x).scaled(P - 1),
        SymbolicExpr::Mul { x, y, .. } => poly(x).times(&poly(y)),
    }
    .reduced()
}
