//! A table's constraints and messages as straight-line programs: what a constraint engine runs a row.
//!
//! Text, a line an instruction. An instruction's number is its place, from 0 in each part; its operands are numbers of earlier
//! ones. Equal instructions appear once.
//!
//! | instruction | value |
//! |---|---|
//! | `const a` | the number a |
//! | `main c`, `next c` | column c of this row, of the next (the last row's next is the first) |
//! | `pre c`, `prenext c` | the same of the preprocessed columns |
//! | `public i`, `periodic i` | public value i, periodic column i |
//! | `first`, `last`, `transition` | the selectors: on the trace 1 on the first, on the last, on all but the last row |
//! | `perm c`, `permnext c` | extension column c of the LogUp columns |
//! | `prefix b`, `beta`, `terminal` | α + (b + 1) β^W, β, the table's terminal |
//! | `econst a b c d` | the extension element a + b X + c X² + d X³ |
//! | `add i j`, `sub i j`, `mul i j`, `neg i` | arithmetic, in the extension if an operand is |
//!
//! Parts: `messages`, where `message c b n f...` says that the instruction n is the count and f... are the fields of a message on
//! bus b in LogUp column c (from 1); and `constraints`, where `assert i` are the constraints, in the order in which the constraint
//! challenge's powers join them, the last with power 0. `cycle p a...` gives a periodic column of period p.

use std::collections::HashMap;
use std::fmt::Write;

use p3_air::symbolic::{
    AirLayout, BaseEntry, BaseLeaf, ExtEntry, ExtLeaf, SymbolicExpr, SymbolicExpression,
    SymbolicExpressionExt,
};
use p3_air::BaseAir;
use p3_batch_stark::symbolic::{get_constraint_layout, get_symbolic_constraints};
use p3_field::{BasedVectorSpace, PrimeCharacteristicRing, PrimeField32};
use p3_lookup::{Kind, LogUpGadget, Lookup, Lookups};

use super::manifest::TableShape;
use crate::air::lanes::Lanes;
use crate::config::Challenge;
use crate::F;

/// The first line.
const FIRST: &str = "permafrost constraints 1";

/// Buses in order of first use.
#[derive(Clone, Debug, Default)]
pub struct Buses {
    /// Their names.
    pub names: Vec<String>,
    /// Fields of the widest message.
    pub widest: usize,
}

impl Buses {
    /// Those of tables with these messages.
    pub fn new<'a>(tables: impl Iterator<Item = &'a Lookups<F>>) -> Self {
        let mut buses = Self { names: Vec::new(), widest: 1 };
        for lookup in tables.flat_map(|lookups| lookups.iter()) {
            let name = name(lookup);
            if !buses.names.contains(&name) {
                buses.names.push(name);
            }
            buses.widest = lookup.elements.iter().map(Vec::len).fold(buses.widest, usize::max);
        }
        buses
    }

    /// The number of a column's bus.
    pub fn number(&self, lookup: &Lookup<F>) -> usize {
        let name = name(lookup);
        self.names.iter().position(|other| *other == name).unwrap_or(self.names.len())
    }
}

fn name(lookup: &Lookup<F>) -> String {
    match &lookup.kind {
        Kind::Global(name) => name.clone(),
        Kind::Local => String::new(),
    }
}

/// An instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "the text's words")]
pub enum Op {
    Const(F),
    Main(usize),
    Next(usize),
    Pre(usize),
    PreNext(usize),
    Public(usize),
    Periodic(usize),
    First,
    Last,
    Transition,
    Perm(usize),
    PermNext(usize),
    Prefix(usize),
    Beta,
    Terminal,
    ExtConst(Challenge),
    Add(usize, usize),
    Sub(usize, usize),
    Mul(usize, usize),
    Neg(usize),
}

/// A message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// LogUp column, from 1.
    pub column: usize,
    /// Number of its bus.
    pub bus: usize,
    /// The instruction that is its count.
    pub count: usize,
    /// The instructions that are its fields.
    pub fields: Vec<usize>,
}

/// A table's programs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Programs {
    /// Periodic columns.
    pub periodic: Vec<Vec<F>>,
    /// Instructions of the messages.
    pub message_ops: Vec<Op>,
    /// The messages.
    pub messages: Vec<Message>,
    /// Instructions of the constraints.
    pub ops: Vec<Op>,
    /// The constraints.
    pub asserts: Vec<usize>,
}

#[derive(Default)]
struct Writer<'a> {
    ops: Vec<Op>,
    places: HashMap<Op, usize>,
    /// Nodes seen before, by address; the expressions outlive the writer.
    base: HashMap<*const SymbolicExpression<F>, usize>,
    extension: HashMap<*const SymbolicExpressionExt<F, Challenge>, usize>,
    /// Bus of each LogUp column.
    buses: &'a [usize],
}

impl Writer<'_> {
    fn push(&mut self, op: Op) -> usize {
        *self.places.entry(op).or_insert_with(|| {
            self.ops.push(op);
            self.ops.len() - 1
        })
    }

    fn base(&mut self, expression: &SymbolicExpression<F>) -> usize {
        if let Some(&place) = self.base.get(&std::ptr::from_ref(expression)) {
            return place;
        }
        let op = match expression {
            SymbolicExpr::Leaf(BaseLeaf::Constant(value)) => Op::Const(*value),
            SymbolicExpr::Leaf(BaseLeaf::IsFirstRow) => Op::First,
            SymbolicExpr::Leaf(BaseLeaf::IsLastRow) => Op::Last,
            SymbolicExpr::Leaf(BaseLeaf::IsTransition) => Op::Transition,
            SymbolicExpr::Leaf(BaseLeaf::Variable(variable)) => match variable.entry {
                BaseEntry::Main { offset: 0 } => Op::Main(variable.index),
                BaseEntry::Main { .. } => Op::Next(variable.index),
                BaseEntry::Preprocessed { offset: 0 } => Op::Pre(variable.index),
                BaseEntry::Preprocessed { .. } => Op::PreNext(variable.index),
                BaseEntry::Public => Op::Public(variable.index),
                BaseEntry::Periodic => Op::Periodic(variable.index),
            },
            SymbolicExpr::Add { x, y, .. } => Op::Add(self.base(x), self.base(y)),
            SymbolicExpr::Sub { x, y, .. } => Op::Sub(self.base(x), self.base(y)),
            SymbolicExpr::Mul { x, y, .. } => Op::Mul(self.base(x), self.base(y)),
            SymbolicExpr::Neg { x, .. } => Op::Neg(self.base(x)),
        };
        let place = self.push(op);
        self.base.insert(expression, place);
        place
    }

    fn extension(&mut self, expression: &SymbolicExpressionExt<F, Challenge>) -> usize {
        if let Some(&place) = self.extension.get(&std::ptr::from_ref(expression)) {
            return place;
        }
        let op = match expression {
            SymbolicExpr::Leaf(ExtLeaf::Base(base)) => return self.base(base),
            SymbolicExpr::Leaf(ExtLeaf::ExtConstant(value)) => Op::ExtConst(*value),
            SymbolicExpr::Leaf(ExtLeaf::ExtVariable(variable)) => match variable.entry {
                ExtEntry::Permutation { offset: 0 } => Op::Perm(variable.index),
                ExtEntry::Permutation { .. } => Op::PermNext(variable.index),
                // Two a column: the bus's prefix and β.
                ExtEntry::Challenge if variable.index % 2 == 0 => Op::Prefix(self.buses[variable.index / 2]),
                ExtEntry::Challenge => Op::Beta,
                ExtEntry::PermutationValue => Op::Terminal,
            },
            SymbolicExpr::Add { x, y, .. } => Op::Add(self.extension(x), self.extension(y)),
            SymbolicExpr::Sub { x, y, .. } => Op::Sub(self.extension(x), self.extension(y)),
            SymbolicExpr::Mul { x, y, .. } => Op::Mul(self.extension(x), self.extension(y)),
            SymbolicExpr::Neg { x, .. } => Op::Neg(self.extension(x)),
        };
        let place = self.push(op);
        self.extension.insert(expression, place);
        place
    }
}

impl Programs {
    /// Of a table whose messages lie in these columns.
    pub fn new(table: &Lanes, lookups: &Lookups<F>, buses: &Buses) -> Self {
        let numbers: Vec<usize> = lookups.iter().map(|lookup| buses.number(lookup)).collect();
        let mut writer = Writer { buses: &numbers, ..Writer::default() };
        let mut messages = Vec::new();
        for (lookup, &bus) in lookups.iter().zip(&numbers) {
            for (fields, count) in lookup.elements.iter().zip(&lookup.multiplicities) {
                let count = writer.base(count);
                let fields = fields.iter().map(|field| writer.base(field)).collect();
                messages.push(Message { column: lookup.column + 1, bus, count, fields });
            }
        }
        let message_ops = writer.ops;

        let layout = AirLayout::from_air::<F>(table);
        let gadget = LogUpGadget::new();
        let (base, extension) =
            get_symbolic_constraints::<F, Challenge, _, _>(table, layout, lookups, &gadget);
        let order = get_constraint_layout::<F, Challenge, _, _>(table, layout, lookups, &gadget);
        let mut writer = Writer { buses: &numbers, ..Writer::default() };
        let mut asserts = vec![0; order.total_constraints()];
        for (expression, &place) in base.iter().zip(&order.base_indices) {
            asserts[place] = writer.base(expression);
        }
        for (expression, &place) in extension.iter().zip(&order.ext_indices) {
            asserts[place] = writer.extension(expression);
        }
        let periodic = BaseAir::<F>::periodic_columns(table).into_owned();
        Self { periodic, message_ops, messages, ops: writer.ops, asserts }
    }

    /// The text.
    pub fn to_text(&self) -> String {
        let mut text = format!("{FIRST}\n");
        for column in &self.periodic {
            let _ = writeln!(text, "cycle {}{}", column.len(), list(column.iter().map(F::as_canonical_u32)));
        }
        text.push_str("messages\n");
        self.message_ops.iter().for_each(|op| op.write(&mut text));
        for Message { column, bus, count, fields } in &self.messages {
            let _ = writeln!(text, "message {column} {bus} {count}{}", list(fields.iter()));
        }
        text.push_str("constraints\n");
        self.ops.iter().for_each(|op| op.write(&mut text));
        for place in &self.asserts {
            let _ = writeln!(text, "assert {place}");
        }
        text
    }

    /// The programs of a text.
    ///
    /// # Errors
    ///
    /// If a line is none of the above.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut lines = text.lines();
        if lines.next() != Some(FIRST) {
            return Err(format!("its first line is not `{FIRST}`"));
        }
        let mut programs = Self::default();
        let mut constraints = false;
        for line in lines {
            let bad = || format!("no instruction: `{line}`");
            let mut words = line.split(' ');
            let word = words.next().unwrap_or_default();
            let numbers: Vec<usize> = words.map(str::parse).collect::<Result<_, _>>().map_err(|_| bad())?;
            let ops = if constraints { &mut programs.ops } else { &mut programs.message_ops };
            let earlier = |place: usize| if place < ops.len() { Ok(place) } else { Err(bad()) };
            match (word, numbers.as_slice()) {
                ("messages", []) => {}
                ("constraints", []) => constraints = true,
                ("cycle", [period, values @ ..]) if *period == values.len() && period.is_power_of_two() => {
                    programs.periodic.push(values.iter().map(|&value| F::from_usize(value)).collect());
                }
                ("message", [column, bus, count, fields @ ..]) => {
                    let fields = fields.iter().map(|&field| earlier(field)).collect::<Result<_, _>>()?;
                    let count = earlier(*count)?;
                    programs.messages.push(Message { column: *column, bus: *bus, count, fields });
                }
                ("assert", [place]) => programs.asserts.push(earlier(*place)?),
                (word, operands) => {
                    let op = Op::parse(word, operands).ok_or_else(bad)?;
                    if let Op::Add(a, b) | Op::Sub(a, b) | Op::Mul(a, b) = op {
                        earlier(a).and(earlier(b))?;
                    } else if let Op::Neg(a) = op {
                        earlier(a)?;
                    }
                    ops.push(op);
                }
            }
        }
        Ok(programs)
    }
}

impl Programs {
    /// Whether the programs ask for nothing that the table has not.
    pub fn fits(&self, table: &TableShape, buses: usize) -> bool {
        let height = table.height();
        let on_trace = |op: &Op| match *op {
            Op::Main(c) | Op::Next(c) => c < table.columns.len(),
            Op::Pre(c) | Op::PreNext(c) => c < table.preprocessed.len(),
            Op::Public(i) => i < table.public_values,
            Op::Periodic(_)
            | Op::Perm(_)
            | Op::PermNext(_)
            | Op::Prefix(_)
            | Op::Beta
            | Op::Terminal
            | Op::ExtConst(_) => false,
            _ => true,
        };
        let extended = |op: &Op| match *op {
            Op::Periodic(i) => i < self.periodic.len(),
            Op::Perm(c) | Op::PermNext(c) => c < table.permutation_width(),
            Op::Prefix(bus) => bus < buses,
            Op::Beta | Op::Terminal | Op::ExtConst(_) => true,
            _ => on_trace(op),
        };
        let messages: Vec<(usize, usize)> =
            self.messages.iter().map(|message| (message.column, message.bus)).collect();
        let expected = table.lookups.iter().enumerate();
        let expected =
            expected.flat_map(|(i, lookup)| std::iter::repeat_n((i + 1, lookup.bus), lookup.messages));
        self.message_ops.iter().all(on_trace)
            && self.ops.iter().all(extended)
            && messages.into_iter().eq(expected)
            && self.periodic.iter().all(|cycle| cycle.len() <= height)
    }
}

fn list<T: std::fmt::Display>(values: impl Iterator<Item = T>) -> String {
    values.map(|value| format!(" {value}")).collect()
}

impl Op {
    fn write(self, text: &mut String) {
        let (word, operands): (&str, Vec<usize>) = match self {
            Self::Const(value) => ("const", vec![value.as_canonical_u32() as usize]),
            Self::Main(c) => ("main", vec![c]),
            Self::Next(c) => ("next", vec![c]),
            Self::Pre(c) => ("pre", vec![c]),
            Self::PreNext(c) => ("prenext", vec![c]),
            Self::Public(i) => ("public", vec![i]),
            Self::Periodic(i) => ("periodic", vec![i]),
            Self::First => ("first", vec![]),
            Self::Last => ("last", vec![]),
            Self::Transition => ("transition", vec![]),
            Self::Perm(c) => ("perm", vec![c]),
            Self::PermNext(c) => ("permnext", vec![c]),
            Self::Prefix(bus) => ("prefix", vec![bus]),
            Self::Beta => ("beta", vec![]),
            Self::Terminal => ("terminal", vec![]),
            Self::ExtConst(value) => {
                let coefficients: &[F] = value.as_basis_coefficients_slice();
                ("econst", coefficients.iter().map(|x| x.as_canonical_u32() as usize).collect())
            }
            Self::Add(a, b) => ("add", vec![a, b]),
            Self::Sub(a, b) => ("sub", vec![a, b]),
            Self::Mul(a, b) => ("mul", vec![a, b]),
            Self::Neg(a) => ("neg", vec![a]),
        };
        let _ = writeln!(text, "{word}{}", list(operands.iter()));
    }

    fn parse(word: &str, operands: &[usize]) -> Option<Self> {
        Some(match (word, operands) {
            ("const", &[value]) => Self::Const(F::from_usize(value)),
            ("main", &[c]) => Self::Main(c),
            ("next", &[c]) => Self::Next(c),
            ("pre", &[c]) => Self::Pre(c),
            ("prenext", &[c]) => Self::PreNext(c),
            ("public", &[i]) => Self::Public(i),
            ("periodic", &[i]) => Self::Periodic(i),
            ("first", []) => Self::First,
            ("last", []) => Self::Last,
            ("transition", []) => Self::Transition,
            ("perm", &[c]) => Self::Perm(c),
            ("permnext", &[c]) => Self::PermNext(c),
            ("prefix", &[bus]) => Self::Prefix(bus),
            ("beta", []) => Self::Beta,
            ("terminal", []) => Self::Terminal,
            ("econst", values @ [_, _, _, _]) => {
                let coefficients = values.iter().map(|&x| F::from_usize(x));
                Self::ExtConst(Challenge::from_basis_coefficients_iter(coefficients)?)
            }
            ("add", &[a, b]) => Self::Add(a, b),
            ("sub", &[a, b]) => Self::Sub(a, b),
            ("mul", &[a, b]) => Self::Mul(a, b),
            ("neg", &[a]) => Self::Neg(a),
            _ => return None,
        })
    }
}
