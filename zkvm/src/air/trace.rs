//! A segment's traces.

use std::collections::HashMap;

use p3_air::BaseAir;
use p3_field::{PrimeCharacteristicRing, PrimeField32};
use p3_matrix::dense::RowMajorMatrix;

use super::keccak::Rounds;
use super::lanes::lanes;
use super::linear::{messages, Message};
use super::program::{Rom, MIN_HEIGHT};
use super::range::Range;
use super::sha256::Sha256;
use super::{bus, poseidon2, Kind, Table};
use crate::isa::service;
use crate::record::{Call, Segment};
use crate::F;

/// The tables a segment uses, in the order of [`Kind`], with their traces. A table may be there in several pieces, see [`pieces`].
pub type Traces = Vec<(Table, RowMajorMatrix<F>)>;

/// Most pieces of a table in a segment.
pub const MAX_PIECES: usize = 2;
/// A table of at most this many committed rows stays in one piece: what padding costs there is less than another table in the proof.
const UNCUT: usize = 1 << 11;

/// The traces of a segment. Tables that nothing happened in are left out.
pub fn build(segment: &Segment) -> Traces {
    let table = |kind| Table::of(kind, &segment.program);
    let mut traces: Traces = Vec::new();
    for &kind in Kind::ALL {
        let table = table(kind);
        let trace = match kind {
            Kind::Program | Kind::Range | Kind::Poseidon2 => None,
            Kind::Sha256 | Kind::Keccak => {
                for part in parts(kind, segment) {
                    traces.extend(table.trace(&part).map(|trace| (table.clone(), trace)));
                }
                None
            }
            _ if is_opcode(kind) => opcode_trace(&table, segment),
            _ => table.trace(segment),
        };
        let rows = match kind {
            Kind::Leaf => segment.blocks.len(),
            Kind::Node => segment.nodes.len(),
            Kind::Poseidon2Call => {
                segment.calls.iter().filter(|call| call.service == service::POSEIDON2).count()
            }
            _ => segment.steps_of(kind).count(),
        };
        if let Some(trace) = trace {
            cut(table, trace, rows, &mut traces);
        }
    }

    let rom = Rom::new(&segment.program);
    let places: HashMap<F, usize> =
        segment.program.code.iter().enumerate().map(|(row, (pc, _))| (F::from_u32(pc / 4), row)).collect();
    let mut counts = F::zero_vec(rom.height());
    let mut executed = |fields: &[F], count: F| {
        if let Some(&row) = places.get(&fields[0]) {
            counts[row] += count;
        }
    };
    asked(&traces, bus::PROGRAM, &mut executed);
    traces.push((Table::Program(rom), RowMajorMatrix::new(counts, 1)));

    let permutations = permutations(&traces);
    if !permutations.is_empty() {
        cut(table(Kind::Poseidon2), poseidon2::trace(&permutations), permutations.len(), &mut traces);
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

/// Whether a segment may have the table in several pieces: its rows, or its calls, know nothing of one another.
pub fn is_cut(kind: Kind) -> bool {
    use Kind::{Keccak, Leaf, Node, Poseidon2, Poseidon2Call, Sha256};
    is_opcode(kind) || matches!(kind, Leaf | Node | Poseidon2 | Poseidon2Call | Sha256 | Keccak)
}

/// The segment's calls of a table that has several rows a call, for each of its pieces.
fn parts(kind: Kind, segment: &Segment) -> Vec<Segment> {
    let (number, rows) = match kind {
        Kind::Sha256 => (service::SHA256, Sha256::ROWS),
        _ => (service::KECCAK, Rounds::ROWS),
    };
    let calls: Vec<_> = segment.calls.iter().filter(|call| call.service == number).cloned().collect();
    let whole = height(calls.len() * rows);
    let first = whole / 2 / rows;
    let pays = whole > UNCUT && calls.len() > first && height((calls.len() - first) * rows) < whole / 2;
    let (first, rest) = calls.split_at(if pays { first } else { calls.len() });
    let part = |calls: &[Call]| Segment {
        program: segment.program.clone(),
        statement: segment.statement.clone(),
        steps: Vec::new(),
        end: segment.end,
        inputs: Vec::new(),
        outputs: Vec::new(),
        calls: calls.to_vec(),
        blocks: Vec::new(),
        nodes: Vec::new(),
    };
    [first, rest].into_iter().filter(|calls| !calls.is_empty()).map(part).collect()
}

/// The heights of the pieces, falling, of a table with `rows` rows in use and not several rows a call: as few as save a quarter of
/// the rows each.
pub fn pieces(kind: Kind, rows: usize) -> Vec<usize> {
    let lanes = lanes(kind);
    let mut left = rows.div_ceil(lanes);
    let mut pieces = Vec::new();
    while pieces.len() + 1 < MAX_PIECES && is_cut(kind) {
        let whole = height(left);
        if whole <= UNCUT || 4 * left > 3 * whole {
            break;
        }
        pieces.push(whole / 2);
        left -= whole / 2;
    }
    pieces.push(height(left));
    pieces.into_iter().map(|height| height * lanes).collect()
}

/// Cuts a trace with `rows` rows in use.
fn cut(table: Table, trace: RowMajorMatrix<F>, rows: usize, traces: &mut Traces) {
    if !is_cut(table.kind()) {
        traces.push((table, trace));
        return;
    }
    let width = trace.width;
    let mut left = trace.values;
    for height in pieces(table.kind(), rows) {
        let rest = left.split_off(height * width);
        traces.push((table.clone(), RowMajorMatrix::new(left, width)));
        left = rest;
    }
}

/// Rows of a table with `rows` of them in use.
pub fn height(rows: usize) -> usize {
    rows.next_power_of_two().max(MIN_HEIGHT)
}

/// A trace of `rows`, padded with zeros; `None` if there are none.
pub fn padded(rows: usize, width: usize, fill: impl FnMut(usize, &mut [F])) -> Option<RowMajorMatrix<F>> {
    (rows != 0).then(|| filled(rows, height(rows), width, fill))
}

fn filled(
    rows: usize,
    height: usize,
    width: usize,
    mut fill: impl FnMut(usize, &mut [F]),
) -> RowMajorMatrix<F> {
    let mut values = F::zero_vec(height * width);
    for (i, cells) in values.chunks_mut(width).take(rows).enumerate() {
        fill(i, cells);
    }
    RowMajorMatrix::new(values, width)
}

fn opcode_trace(table: &Table, segment: &Segment) -> Option<RowMajorMatrix<F>> {
    let steps: Vec<_> = segment.steps_of(table.kind()).collect();
    let height = pieces(table.kind(), steps.len()).iter().sum();
    (!steps.is_empty()).then(|| {
        filled(steps.len(), height, BaseAir::<F>::width(table), |i, cells| {
            table.fill(steps[i], cells).expect("operations belong to tables that execute");
        })
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

#[cfg(test)]
mod tests {
    use p3_matrix::Matrix;

    use super::*;
    use crate::testing::sums;

    #[test]
    fn pieces_hold_all_rows_and_save_some() {
        for kind in [Kind::Add, Kind::Leaf, Kind::Input] {
            let unit = lanes(kind) * UNCUT;
            for rows in [
                1,
                2,
                16,
                17,
                unit / 2 + 1,
                unit,
                unit + 1,
                5 * unit / 4,
                3 * unit / 2,
                3 * unit / 2 + 1,
                7 * unit,
            ] {
                let pieces = pieces(kind, rows);
                let total: usize = pieces.iter().sum();
                let whole = height(rows.div_ceil(lanes(kind))) * lanes(kind);
                assert!((rows..=whole).contains(&total), "{rows}: {pieces:?}");
                assert!(
                    pieces.iter().all(|piece| (piece / lanes(kind)).is_power_of_two()),
                    "{rows}: {pieces:?}"
                );
                let cut = is_cut(kind) && whole > unit && 4 * rows <= 3 * whole;
                assert_eq!(pieces.len(), 1 + usize::from(cut), "{rows}: {pieces:?}");
                assert_eq!(total < whole, cut, "{rows}: {pieces:?}");
            }
        }
    }

    #[test]
    fn a_cut_trace_has_the_same_rows() {
        let rows = 5 * UNCUT / 4;
        let value = |i: usize, j: usize| F::from_usize(2 * i + j + 1);
        let trace = padded(rows, 2, |i, cells| (0..2).for_each(|j| cells[j] = value(i, j))).expect("rows");
        let mut cut_traces = Traces::new();
        cut(Table::of(Kind::Leaf, &sums()), trace.clone(), rows, &mut cut_traces);
        assert_eq!(
            cut_traces.iter().map(|(_, trace)| trace.height()).collect::<Vec<_>>(),
            [UNCUT, UNCUT / 4]
        );
        let joined: Vec<F> = cut_traces.into_iter().flat_map(|(_, trace)| trace.values).collect();
        assert_eq!(joined, trace.values[..2 * rows]);
        let mut whole = Traces::new();
        cut(Table::of(Kind::Input, &sums()), trace.clone(), rows, &mut whole);
        assert_eq!((whole.len(), &whole[0].1), (1, &trace));
    }
}
