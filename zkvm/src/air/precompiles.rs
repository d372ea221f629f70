//! Tests of the tables that ECALL hands to: calls made by hand, their traces against what they must exchange, and every
//! column tampered with.

use std::collections::BTreeMap;
use std::sync::Arc;

use p3_air::{Air, BaseAir, DebugConstraintBuilder};
use p3_field::{PrimeCharacteristicRing, PrimeField32};
use p3_koala_bear::default_koalabear_poseidon2_16;
use p3_matrix::dense::{RowMajorMatrix, RowMajorMatrixView};
use p3_matrix::stack::ViewPair;
use p3_matrix::Matrix;
use p3_symmetric::Permutation;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::linear::{messages, Message};
use super::range::Range;
use super::{bus, check, Kind, Table};
use crate::isa::service;
use crate::record::{Access, Call, Program, Segment, Statement};
use crate::{Digest, F};

mod keccak;
mod poseidon2;
mod sha256;

/// Counts of the messages on the buses to other tables, ranges aside; none is zero.
type Exchange = BTreeMap<(String, Vec<u32>), F>;

/// A table with calls.
struct Case {
    table: Table,
    calls: Vec<Call>,
    trace: RowMajorMatrix<F>,
    messages: Vec<Message>,
}

impl Case {
    /// `None` if the table has no trace for these calls.
    fn new(kind: Kind, calls: Vec<Call>) -> Option<Self> {
        let segment = segment(calls);
        let table = Table::of(kind, &segment.program);
        let trace = table.trace(&segment)?;
        let messages = messages(&table);
        Some(Self { table, calls: segment.calls, trace, messages })
    }

    /// What is wrong with the trace: constraints, lookups that the range table has no entry for, messages other than those of the calls.
    fn wrong(&self) -> Vec<String> {
        let mut wrong = check::broken(&self.table, &self.trace, &[]);
        let mut sums = expected(&self.calls);
        for row in self.trace.row_slices() {
            wrong.extend(self.exchange(row, &mut sums));
        }
        wrong.extend(sums.into_iter().filter(|(_, count)| *count != F::ZERO).map(|sum| format!("{sum:?}")));
        wrong
    }

    /// Adds a row's messages to `sums`; returns its lookups that have no entry.
    fn exchange(&self, row: &[F], sums: &mut Exchange) -> Vec<String> {
        let mut wrong = Vec::new();
        for message in &self.messages {
            let count = message.count.eval(row, &[]);
            if count == F::ZERO {
                continue;
            }
            let fields: Vec<F> = message.fields.iter().map(|field| field.eval(row, &[])).collect();
            if message.bus != bus::RANGE {
                add(sums, &message.bus, fields, count);
            } else if Range::place(&fields).is_none() || count != F::ONE {
                wrong.push(format!("no entry {fields:?} {count}"));
            }
        }
        wrong
    }

    /// Whether anything is wrong once this cell holds `value` in a trace that was right.
    fn notices(&mut self, row: usize, column: usize, value: F) -> bool {
        let (height, width) = (self.trace.height(), self.trace.width);
        let cells =
            |trace: &RowMajorMatrix<F>, row: usize| trace.values[row * width..(row + 1) * width].to_vec();
        let before = cells(&self.trace, row);
        self.trace.values[row * width + column] = value;
        let after = cells(&self.trace, row);
        let mut noticed = [row, (row + height - 1) % height].into_iter().any(|row| {
            let next = (row + 1) % height;
            let (now, then) = (cells(&self.trace, row), cells(&self.trace, next));
            let nothing = || RowMajorMatrixView::new_row(&[]);
            let mut builder = DebugConstraintBuilder::<F, F>::new(
                row,
                ViewPair::new(RowMajorMatrixView::new_row(&now), RowMajorMatrixView::new_row(&then)),
                ViewPair::new(nothing(), nothing()),
                &[],
                F::from_bool(row == 0),
                F::from_bool(next == 0),
                F::from_bool(next != 0),
                &[],
            );
            self.table.eval(&mut builder);
            !builder.failures().is_empty()
        });
        if !noticed {
            let (mut was, mut is) = (Exchange::new(), Exchange::new());
            self.exchange(&before, &mut was);
            noticed = !self.exchange(&after, &mut is).is_empty() || was != is;
        }
        self.trace.values[row * width + column] = before[column];
        noticed
    }

    /// The cells of `rows` that may hold another value, as (row, column's name).
    fn free(
        &mut self,
        cells: impl IntoIterator<Item = (usize, usize)>,
        rng: &mut ChaCha8Rng,
    ) -> Vec<(usize, String)> {
        let names = self.table.names();
        let mut free = Vec::new();
        for (row, column) in cells {
            let value = self.trace.values[row * self.trace.width + column];
            let other = value + F::from_u32(rng.gen_range(1..F::ORDER_U32));
            let flipped = F::ONE - value;
            if !self.notices(row, column, other) || !self.notices(row, column, flipped) {
                free.push((row, names[column].clone()));
            }
        }
        free
    }
}

fn add(sums: &mut Exchange, bus: &str, fields: Vec<F>, count: F) {
    let fields = fields.iter().map(PrimeField32::as_canonical_u32).collect();
    *sums.entry((bus.into(), fields)).or_insert(F::ZERO) += count;
}

/// What the other tables send for these calls, so that a right trace brings every sum to zero.
fn expected(calls: &[Call]) -> Exchange {
    let mut sums = Exchange::new();
    let mut add = |bus: &str, fields: &[u32], count| {
        add(&mut sums, bus, fields.iter().map(|&field| F::from_u32(field)).collect(), count);
    };
    for call in calls {
        add(bus::CALL, &[call.service, call.time, call.first, call.second], F::ONE);
        for Access { address, time, previous, old, new } in call.access.iter().copied() {
            add(bus::MEMORY, &[address, previous, old & 0xffff, old >> 16], F::ONE);
            add(bus::MEMORY, &[address, time, new & 0xffff, new >> 16], F::NEG_ONE);
        }
        if call.service == service::POSEIDON2 {
            let input: [F; 16] = core::array::from_fn(|i| F::from_u32(call.access[i].old));
            let output = default_koalabear_poseidon2_16().permute(input);
            let fields: Vec<u32> = input.iter().chain(&output).map(PrimeField32::as_canonical_u32).collect();
            add(bus::PERMUTE, &fields, F::NEG_ONE);
        }
    }
    sums
}

/// A segment of nothing but calls.
fn segment(calls: Vec<Call>) -> Segment {
    let program = Arc::new(Program { entry: 0, code: Vec::new(), image: Vec::new() });
    let none = [Digest::default(); 2];
    let statement = Statement {
        program: Digest::default(),
        number: 0,
        pc: [0; 2],
        memory: none,
        input: none,
        output: none,
        exit: None,
    };
    Segment {
        program,
        statement,
        steps: Vec::new(),
        end: 1,
        inputs: Vec::new(),
        outputs: Vec::new(),
        calls,
        blocks: Vec::new(),
        nodes: Vec::new(),
    }
}

/// The accesses that rewrite `old` by `new` from `pointer` on at `time`, each after one at a random time.
fn accesses(pointer: u32, time: u32, old: &[u32], new: &[u32], rng: &mut ChaCha8Rng) -> Vec<Access> {
    let words = (pointer..).zip(old.iter().zip(new));
    words
        .map(|(address, (&old, &new))| Access { address, time, previous: rng.gen_range(0..time), old, new })
        .collect()
}

/// A time, aligned as those of cycles, and a pointer.
fn place(rng: &mut ChaCha8Rng) -> (u32, u32) {
    (1 + 3 * rng.gen_range(1..600_000), rng.gen_range(0..1 << 24) * 64)
}

/// A generator whose seed is printed.
fn random(test: &str) -> ChaCha8Rng {
    let seed = rand::thread_rng().gen();
    println!("{test}: seed {seed}");
    ChaCha8Rng::seed_from_u64(seed)
}

/// The degrees of constraints and messages fit a blowup of 2, and the constraints read only the next row's columns that are said.
fn fits(kind: Kind, extension: usize) {
    use p3_air::symbolic::{AirLayout, BaseEntry, BaseLeaf, SymbolicExpr, SymbolicExpression};
    use p3_field::extension::BinomialExtensionField;
    use p3_lookup::InteractionSymbolicBuilder;

    let table = Table::of(kind, &segment(Vec::new()).program);
    let mut builder =
        InteractionSymbolicBuilder::<F, BinomialExtensionField<F, 4>>::new(AirLayout::from_air::<F>(&table));
    table.eval(&mut builder);
    let constraints = builder.base_constraints();
    assert!(constraints.iter().all(|constraint| constraint.degree_multiple() <= 3));

    let mut seen = std::collections::HashSet::new();
    let mut next = std::collections::BTreeSet::new();
    let mut todo: Vec<&SymbolicExpression<F>> = constraints.iter().collect();
    while let Some(expression) = todo.pop() {
        if !seen.insert(std::ptr::from_ref(expression)) {
            continue;
        }
        match expression {
            SymbolicExpr::Leaf(BaseLeaf::Variable(variable)) => {
                if matches!(variable.entry, BaseEntry::Main { offset: 1 }) {
                    next.insert(variable.index);
                }
            }
            SymbolicExpr::Leaf(_) => {}
            SymbolicExpr::Add { x, y, .. }
            | SymbolicExpr::Sub { x, y, .. }
            | SymbolicExpr::Mul { x, y, .. } => {
                todo.extend([&**x, &**y]);
            }
            SymbolicExpr::Neg { x, .. } => todo.push(x),
        }
    }
    assert_eq!(next.into_iter().collect::<Vec<_>>(), table.main_next_row_columns());

    let mut buses = BTreeMap::<String, usize>::new();
    for message in messages(&table) {
        *buses.entry(message.bus).or_default() += 1;
    }
    let columns = 1 + buses.values().map(|count| count.div_ceil(2)).sum::<usize>();
    println!(
        "{}: {} main columns, messages {buses:?}, {columns} extension columns",
        kind.name(),
        table.names().len()
    );
    assert_eq!(table.names().len(), BaseAir::<F>::width(&table));
    assert_eq!(columns, extension);
}
