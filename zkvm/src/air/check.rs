//! Whether traces satisfy the constraints and the buses balance, without a proof: for tests, which want to know where it fails.

use std::collections::BTreeMap;
use std::sync::Arc;

use p3_air::symbolic::AirLayout;
use p3_air::{Air, BaseAir, DebugConstraintBuilder};
use p3_field::extension::BinomialExtensionField;
use p3_field::{PrimeCharacteristicRing, PrimeField32};
use p3_lookup::InteractionSymbolicBuilder;
use p3_matrix::dense::{RowMajorMatrix, RowMajorMatrixView};
use p3_matrix::stack::ViewPair;
use p3_matrix::Matrix;

use super::linear::{messages, Message};
use super::program::RomRow;
use super::range::Range;
use super::{bus, trace, Kind, Table};
use crate::record::{Access, Program, Step, CYCLE};
use crate::F;

/// The constraints of a table that a trace breaks, each with its row; empty when it satisfies them all.
pub fn broken(table: &Table, trace: &RowMajorMatrix<F>, public_values: &[F]) -> Vec<String> {
    broken_in(table, trace, public_values, 0..trace.height())
}

/// The same of some rows only, each with the row below it.
pub fn broken_in(
    table: &Table,
    trace: &RowMajorMatrix<F>,
    public_values: &[F],
    rows: impl IntoIterator<Item = usize>,
) -> Vec<String> {
    let height = trace.height();
    let preprocessed = table.preprocessed_trace().unwrap_or_else(|| RowMajorMatrix::new(Vec::new(), 0));
    let prepared = |row: usize| {
        let width = preprocessed.width;
        &preprocessed.values[row * width..(row + 1) * width]
    };
    let main = |row: usize| &trace.values[row * trace.width..(row + 1) * trace.width];
    let mut all = Vec::new();
    for row in rows {
        let next = (row + 1) % height;
        let periodic = table.periodic_values(row);
        let mut builder = DebugConstraintBuilder::<F, F>::new(
            row,
            ViewPair::new(RowMajorMatrixView::new_row(main(row)), RowMajorMatrixView::new_row(main(next))),
            ViewPair::new(
                RowMajorMatrixView::new_row(prepared(row)),
                RowMajorMatrixView::new_row(prepared(next)),
            ),
            public_values,
            F::from_bool(row == 0),
            F::from_bool(next == 0),
            F::from_bool(next != 0),
            &periodic,
        );
        table.eval(&mut builder);
        all.extend(
            builder.failures().iter().map(|failure| format!("{} row {row}: {failure}", table.kind().name())),
        );
    }
    all
}

/// The messages whose counts do not cancel, each as `bus (fields): count`; empty when every bus balances.
pub fn unbalanced(traces: &[(Table, RowMajorMatrix<F>)]) -> Vec<String> {
    let mut sums = Sums::new();
    for (table, trace) in traces {
        let preprocessed = table.preprocessed_trace();
        let messages = messages(table);
        for (i, row) in trace.row_slices().enumerate() {
            let known: &[F] =
                preprocessed.as_ref().map_or(&[], |p| &p.values[i * p.width..(i + 1) * p.width]);
            for message in &messages {
                let count = message.count.eval(row, known);
                if count != F::ZERO {
                    let fields: Vec<F> = message.fields.iter().map(|field| field.eval(row, known)).collect();
                    sums.add(&message.bus, &fields, count);
                }
            }
        }
    }
    sums.left()
}

/// Whether the rows that a table fills for `steps` satisfy its constraints, look up only what the range table has, and exchange exactly
/// the messages of the steps' cycles, instructions and accesses. Returns what is wrong, so that a test of one table needs no program,
/// memory or proof. Messages to other tables (words, calls, the exit code) are not looked at.
pub fn steps(kind: Kind, steps: &[Step]) -> Vec<String> {
    let program = Arc::new(Program { entry: 0, code: Vec::new(), image: Vec::new() });
    let table = Table::of(kind, &program);
    let fill =
        |i: usize, cells: &mut [F]| table.fill(&steps[i], cells).expect("a table with a row an instruction");
    let Some(trace) = trace::padded(steps.len(), BaseAir::<F>::width(&table), fill) else {
        return Vec::new();
    };
    let mut wrong = broken(&table, &trace, &[]);
    let traces = vec![(table, trace)];
    trace::asked(&traces, bus::RANGE, &mut |fields, _| {
        if Range::place(fields).is_none() {
            wrong.push(format!("no entry {fields:?}"));
        }
    });

    let mut sums = Sums::new();
    for step in steps {
        let mut add = |bus: &str, fields: &[u32], count| {
            let fields = fields.iter().map(|&field| F::from_u32(field)).collect::<Vec<_>>();
            sums.add(bus, &fields, count);
        };
        add(bus::STATE, &[step.time, step.pc / 4], F::ONE);
        add(bus::STATE, &[step.time + CYCLE, step.next], F::NEG_ONE);
        for access in step.access.iter().filter(|access| access.time != 0) {
            let Access { address, time, previous, old, new } = *access;
            add(bus::MEMORY, &[address, previous, old & 0xffff, old >> 16], F::ONE);
            add(bus::MEMORY, &[address, time, new & 0xffff, new >> 16], F::NEG_ONE);
        }
        let mut row = vec![F::ZERO; RomRow::<F>::WIDTH];
        RomRow::of(step.pc, &step.instruction).to_cells(&mut row);
        sums.add(bus::PROGRAM, &row, F::NEG_ONE);
    }
    for bus in [bus::STATE, bus::MEMORY, bus::PROGRAM] {
        trace::asked(&traces, bus, &mut |fields, count| sums.add(bus, fields, count));
    }
    wrong.extend(sums.left());
    wrong
}

/// What a row of a table costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// Main columns.
    pub columns: usize,
    /// Lookups in the range table.
    pub lookups: usize,
    /// Columns over the extension: two messages of a bus share one, and one adds up.
    pub extension: usize,
    /// The largest degree of a constraint.
    pub degree: usize,
}

/// The size of a table with a row an instruction.
pub fn size(kind: Kind) -> Size {
    let table = Bench::new(kind).table;
    let layout = AirLayout::from_air::<F>(&table);
    let mut builder = InteractionSymbolicBuilder::<F, BinomialExtensionField<F, 4>>::new(layout);
    table.eval(&mut builder);
    let mut buses: BTreeMap<String, usize> = BTreeMap::new();
    for message in messages(&table) {
        *buses.entry(message.bus).or_default() += 1;
    }
    Size {
        columns: BaseAir::<F>::width(&table),
        lookups: buses.get(bus::RANGE).copied().unwrap_or(0),
        extension: 1 + buses.values().map(|messages| messages.div_ceil(2)).sum::<usize>(),
        degree: builder.base_constraints().iter().map(|c| c.degree_multiple()).max().unwrap_or(0),
    }
}

/// The columns of a step's row whose change nobody notices: every constraint holds, every lookup has its entry and every other message is
/// as before. Each cell is changed alone, by several amounts. A column reported here holds nothing, or lets the prover choose.
pub fn tampered(kind: Kind, step: &Step) -> Vec<String> {
    unnoticed(kind, step, true)
}

/// The columns of a step's row that only the messages hold: a change of one breaks no constraint and no lookup. That is right
/// for what other tables vouch for (times, register numbers, words read), and a hole where the table itself must: a result.
pub fn unconstrained(kind: Kind, step: &Step) -> Vec<String> {
    unnoticed(kind, step, false)
}

/// The accesses of a step's row that could consume what is only produced later: the time of the access before is moved by 2^16
/// and the high bits of the difference make up for it. For rows whose accesses find what was left less than 2^16 ticks before.
pub fn looks_ahead(kind: Kind, step: &Step) -> Vec<String> {
    let bench = Bench::new(kind);
    let honest = bench.row(step);
    assert!(bench.holds(&honest), "{}: the row of {step:?} does not hold as it is", kind.name());
    let mut names = bench.table.names();
    names.retain(|name| name.ends_with("previous"));
    names.retain(|name| {
        let mut row = honest.clone();
        row[bench.column(name)] += F::from_u32(1 << 16);
        row[bench.column(&name.replace("previous", "high"))] -= F::ONE;
        bench.holds(&row)
    });
    names
}

/// Changes that range checks, bits and carries are the likeliest to miss.
fn changes() -> [F; 7] {
    let up = [1, 1 << 8, 1 << 15, 1 << 16].map(F::from_u32);
    [up[0], -up[0], up[1], up[2], up[3], -up[3], up[0].halve()]
}

/// A table whose rows are tried one by one.
pub struct Bench {
    table: Table,
    sent: Vec<Message>,
}

impl Bench {
    /// Of a table with a row an instruction.
    pub fn new(kind: Kind) -> Self {
        let program = Arc::new(Program { entry: 0, code: Vec::new(), image: Vec::new() });
        let table = Table::of(kind, &program);
        let sent = messages(&table);
        Self { table, sent }
    }

    /// The row that the table fills for a step.
    pub fn row(&self, step: &Step) -> Vec<F> {
        let mut row = F::zero_vec(BaseAir::<F>::width(&self.table));
        self.table.fill(step, &mut row).expect("a table with a row an instruction");
        row
    }

    /// The columns' names, in order.
    pub fn names(&self) -> Vec<String> {
        self.table.names()
    }

    /// The place of a column.
    pub fn column(&self, name: &str) -> usize {
        self.table.names().iter().position(|n| n == name).expect("a column of the table")
    }

    /// Whether the row satisfies the constraints and looks up only what the range table has.
    pub fn holds(&self, row: &[F]) -> bool {
        let entry = |message: &&Message| message.bus == bus::RANGE && message.count.eval(row, &[]) != F::ZERO;
        self.sent.iter().filter(entry).all(|message| Range::place(&fields(message, row)).is_some())
            && self.satisfies(row)
    }

    /// Whether the row satisfies the constraints, whatever it looks up.
    pub fn satisfies(&self, row: &[F]) -> bool {
        broken(&self.table, &RowMajorMatrix::new_row(row.to_vec()), &[]).is_empty()
    }

    /// How many constraints the row breaks, and how many of its lookups have no entry.
    pub fn faults(&self, row: &[F]) -> (usize, usize) {
        let broken = broken(&self.table, &RowMajorMatrix::new_row(row.to_vec()), &[]).len();
        let missing =
            self.messages(row, bus::RANGE).into_iter().filter(|fields| Range::place(fields).is_none());
        (broken, missing.count())
    }

    /// The messages of the row on a bus.
    pub fn messages(&self, row: &[F], bus: &str) -> Vec<Vec<F>> {
        let sent = |message: &&Message| message.bus == bus && message.count.eval(row, &[]) != F::ZERO;
        self.sent.iter().filter(sent).map(|message| fields(message, row)).collect()
    }

    /// What the row exchanges with other tables than that of ranges.
    pub fn exchanged(&self, row: &[F]) -> Vec<String> {
        let mut sums = Sums::new();
        for message in self.sent.iter().filter(|message| message.bus != bus::RANGE) {
            sums.add(&message.bus, &fields(message, row), message.count.eval(row, &[]));
        }
        sums.left()
    }
}

fn fields(message: &Message, row: &[F]) -> Vec<F> {
    message.fields.iter().map(|field| field.eval(row, &[])).collect()
}

fn unnoticed(kind: Kind, step: &Step, read_messages: bool) -> Vec<String> {
    let bench = Bench::new(kind);
    let mut row = bench.row(step);
    assert!(bench.holds(&row), "{}: the row of {step:?} does not hold as it is", kind.name());
    let exchanged = bench.exchanged(&row);
    let mut unnoticed = Vec::new();
    for (column, name) in bench.table.names().into_iter().enumerate() {
        let honest = row[column];
        let missed = changes().into_iter().any(|change| {
            row[column] = honest + change;
            bench.holds(&row) && (!read_messages || bench.exchanged(&row) == exchanged)
        });
        row[column] = honest;
        if missed {
            unnoticed.push(name);
        }
    }
    unnoticed
}

/// Counts of messages by bus and fields.
#[derive(Default)]
struct Sums(BTreeMap<(String, Vec<u32>), F>);

impl Sums {
    fn new() -> Self {
        Self::default()
    }

    fn add(&mut self, bus: &str, fields: &[F], count: F) {
        let fields = fields.iter().map(PrimeField32::as_canonical_u32).collect();
        *self.0.entry((bus.into(), fields)).or_insert(F::ZERO) += count;
    }

    fn left(self) -> Vec<String> {
        let left = self.0.into_iter().filter(|(_, count)| *count != F::ZERO);
        left.map(|((bus, fields), count)| {
            let count = count.as_canonical_u32();
            let count = if count > F::ORDER_U32 / 2 {
                i64::from(count) - i64::from(F::ORDER_U32)
            } else {
                i64::from(count)
            };
            format!("{bus} {fields:?}: {count}")
        })
        .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::isa::Op;
    use crate::record::testing::{immediate_step, register_step};

    #[test]
    fn every_cell_of_a_sum_is_held() {
        let step = register_step(Op::Add, 0x8001_ffff, 0x8000_0001, 0x0002_0000);
        assert_eq!(tampered(Kind::Add, &step), Vec::<String>::new());
        assert!(!unconstrained(Kind::Add, &step).iter().any(|name| name.starts_with("result")));
        let step = immediate_step(Op::Addi, 5, 0xffff_ffff, 4);
        assert_eq!(tampered(Kind::AddImmediate, &step), Vec::<String>::new());
    }

    #[test]
    fn what_other_tables_vouch_for_is_held_by_messages_only() {
        let names = unconstrained(Kind::Add, &register_step(Op::Add, 1, 2, 3));
        for name in ["cycle.pc", "rd", "rs1", "rs2", "write.old[0]"] {
            assert!(names.iter().any(|n| n == name), "{name} is not among {names:?}");
        }
    }

    #[test]
    #[should_panic(expected = "does not hold as it is")]
    fn a_row_that_does_not_hold_has_no_changes_to_try() {
        tampered(Kind::Add, &register_step(Op::Add, 1, 2, 4));
    }
}
