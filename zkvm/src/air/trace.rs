//! A segment's traces.

use std::collections::HashMap;

use p3_air::BaseAir;
use p3_field::{PrimeCharacteristicRing, PrimeField32};
use p3_matrix::dense::RowMajorMatrix;
use p3_matrix::Matrix;

use super::linear::{messages, Message};
use super::program::MIN_HEIGHT;
use super::range::Range;
use super::{bus, poseidon2, Kind, Table};
use crate::record::Segment;
use crate::F;

/// The tables a segment uses, in the order of [`Kind`], with their traces.
pub type Traces = Vec<(Table, RowMajorMatrix<F>)>;

/// The traces of a segment. Tables that nothing happened in are left out.
pub fn build(segment: &Segment) -> Traces {
    let table = |kind| Table::of(kind, &segment.program);
    let mut traces: Traces = Vec::new();
    for &kind in Kind::ALL {
        let table = table(kind);
        let trace = match kind {
            Kind::Program | Kind::Range | Kind::Poseidon2 => None,
            _ if is_opcode(kind) => opcode_trace(&table, segment),
            _ => table.trace(segment),
        };
        traces.extend(trace.map(|trace| (table, trace)));
    }

    let rom = table(Kind::Program);
    let places: HashMap<F, usize> =
        segment.program.code.iter().enumerate().map(|(row, (pc, _))| (F::from_u32(pc / 4), row)).collect();
    let height = rom.preprocessed_trace().map_or(MIN_HEIGHT, |rom| rom.height());
    let mut counts = F::zero_vec(height);
    let mut executed = |fields: &[F], count: F| {
        if let Some(&row) = places.get(&fields[0]) {
            counts[row] += count;
        }
    };
    asked(&traces, bus::PROGRAM, &mut executed);
    traces.push((rom, RowMajorMatrix::new(counts, 1)));

    let permutations = permutations(&traces);
    if !permutations.is_empty() {
        traces.push((table(Kind::Poseidon2), poseidon2::trace(&permutations)));
    }

    let range = table(Kind::Range);
    let width = BaseAir::<F>::width(&range);
    let mut counts = F::zero_vec(Range::HEIGHT * width);
    asked(&traces, bus::RANGE, &mut |fields, count| {
        if let Some((row, column)) = Range::place(fields) {
            counts[row * width + column] += count;
        }
    });
    traces.push((range, RowMajorMatrix::new(counts, width)));

    traces.sort_by_key(|(table, _)| table.kind());
    traces
}

/// Whether the table has a row an instruction.
pub fn is_opcode(kind: Kind) -> bool {
    crate::isa::Op::ALL.iter().any(|op| op.table() == kind)
}

/// Rows of a table with `rows` of them in use.
pub fn height(rows: usize) -> usize {
    rows.next_power_of_two().max(MIN_HEIGHT)
}

/// A trace of `rows`, padded with zeros; `None` if there are none.
pub fn padded(rows: usize, width: usize, mut fill: impl FnMut(usize, &mut [F])) -> Option<RowMajorMatrix<F>> {
    if rows == 0 {
        return None;
    }
    let mut values = F::zero_vec(height(rows) * width);
    for (i, cells) in values.chunks_mut(width).take(rows).enumerate() {
        fill(i, cells);
    }
    Some(RowMajorMatrix::new(values, width))
}

fn opcode_trace(table: &Table, segment: &Segment) -> Option<RowMajorMatrix<F>> {
    let steps: Vec<_> = segment.steps_of(table.kind()).collect();
    padded(steps.len(), BaseAir::<F>::width(table), |i, cells| {
        table.fill(steps[i], cells).expect("operations belong to tables that execute");
    })
}

/// Calls `each` with every lookup that `traces` make on a bus: its fields and its count.
pub fn asked(traces: &Traces, bus: &str, each: &mut dyn FnMut(&[F], F)) {
    for (table, trace) in traces {
        let messages: Vec<Message> =
            messages(table).into_iter().filter(|m| m.bus == bus && !m.provided).collect();
        if messages.is_empty() {
            continue;
        }
        let mut fields = Vec::new();
        for row in trace.row_slices() {
            for message in &messages {
                let count = message.count.eval(row, &[]);
                if count != F::ZERO {
                    fields.clear();
                    fields.extend(message.fields.iter().map(|field| field.eval(row, &[])));
                    each(&fields, count);
                }
            }
        }
    }
}

/// The permutations that `traces` ask for, in the order first asked for, and how often as [`bus::COMPRESS`] and [`bus::PERMUTE`].
fn permutations(traces: &Traces) -> Vec<([F; 16], [u32; 2])> {
    let mut places = HashMap::new();
    let mut all: Vec<([F; 16], [u32; 2])> = Vec::new();
    for (way, bus) in [bus::COMPRESS, bus::PERMUTE].into_iter().enumerate() {
        asked(traces, bus, &mut |fields, count| {
            let input: [F; 16] = fields[..16].try_into().expect("sixteen words in");
            let place = *places.entry(input).or_insert_with(|| {
                all.push((input, [0; 2]));
                all.len() - 1
            });
            all[place].1[way] += count.as_canonical_u32();
        });
    }
    all
}
