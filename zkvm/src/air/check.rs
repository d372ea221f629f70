//! Whether traces satisfy the constraints and the buses balance, without a proof: for tests, which want to know where it fails.

use std::collections::BTreeMap;
use std::sync::Arc;

use p3_air::{Air, BaseAir, DebugConstraintBuilder};
use p3_field::{PrimeCharacteristicRing, PrimeField32};
use p3_matrix::dense::{RowMajorMatrix, RowMajorMatrixView};
use p3_matrix::stack::ViewPair;
use p3_matrix::Matrix;

use super::linear::messages;
use super::program::RomRow;
use super::range::Range;
use super::{bus, trace, Kind, Table};
use crate::record::{Access, Program, Step, CYCLE};
use crate::F;

/// The constraints of a table that a trace breaks, each with its row; empty when it satisfies them all.
pub fn broken(table: &Table, trace: &RowMajorMatrix<F>, public_values: &[F]) -> Vec<String> {
    let height = trace.height();
    let preprocessed = table.preprocessed_trace().unwrap_or_else(|| RowMajorMatrix::new(Vec::new(), 0));
    let prepared = |row: usize| {
        let width = preprocessed.width;
        &preprocessed.values[row * width..(row + 1) * width]
    };
    let main = |row: usize| &trace.values[row * trace.width..(row + 1) * trace.width];
    let mut all = Vec::new();
    for row in 0..height {
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
