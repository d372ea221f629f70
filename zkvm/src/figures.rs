//! What a segment's tables commit to, counted: rows, cells, columns a cycle.
//!
//! Used are the rows that execute or say something; committed are those after padding to powers of two. A main cell is an element of the
//! base field; an extension cell (fractions of the messages and their running sum) is four of them. The quotient has two chunks of
//! extension elements a committed row.

use std::collections::BTreeMap;
use std::ops::{AddAssign, Sub};
use std::sync::Arc;

use p3_air::BaseAir;
use p3_field::PrimeCharacteristicRing;
use p3_matrix::Matrix;
use serde::{Deserialize, Serialize};

use crate::air::lanes::Lanes;
use crate::air::linear::messages;
use crate::air::trace::Traces;
use crate::air::{bus, trace, Kind, Table};
use crate::error::Error;
use crate::exec::{Executor, Limits};
use crate::guests::Guest;
use crate::key::lookups;
use crate::{elf, F};

/// Base field elements in an extension element.
pub const DIMENSION: u64 = 4;
/// Base field elements that the quotient has a committed row.
pub const QUOTIENT: u64 = 2 * DIMENSION;

/// What a table costs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Columns {
    /// Which table.
    pub kind: Kind,
    /// Main columns of one lane.
    pub main: usize,
    /// Preprocessed columns.
    pub preprocessed: usize,
    /// Rows in one committed row.
    pub lanes: usize,
    /// Extension columns of a committed row.
    pub extension: usize,
    /// Messages of one lane, by bus.
    pub messages: BTreeMap<String, usize>,
}

impl Columns {
    /// Of a table.
    pub fn of(table: &Table) -> Self {
        let all = Lanes::from(table.clone());
        let mut by_bus = BTreeMap::new();
        for message in messages(table) {
            *by_bus.entry(message.bus).or_default() += 1;
        }
        Self {
            kind: table.kind(),
            main: BaseAir::<F>::width(table),
            preprocessed: table.preprocessed_width(),
            lanes: all.count(),
            extension: lookups(&all).len() + 1,
            messages: by_bus,
        }
    }

    /// Messages of one lane.
    pub fn message_count(&self) -> usize {
        self.messages.values().sum()
    }

    /// Lookups of one lane in the range table.
    pub fn range_lookups(&self) -> usize {
        self.messages.get(bus::RANGE).copied().unwrap_or(0)
    }

    /// Extension columns of one lane.
    pub fn extension_per_row(&self) -> f64 {
        self.extension as f64 / self.lanes as f64
    }
}

/// Rows and cells of a table, of one segment or of many.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cells {
    /// Pieces.
    pub pieces: u64,
    /// Rows in use.
    pub used_rows: u64,
    /// Rows with padding, in units of one lane.
    pub rows: u64,
    /// Main cells in use.
    pub used_main: u64,
    /// Main cells.
    pub main: u64,
    /// Extension cells of rows in use.
    pub used_extension: u64,
    /// Extension cells.
    pub extension: u64,
    /// Base field cells of the quotient.
    pub quotient: u64,
}

impl Cells {
    /// Of a trace.
    pub fn of(table: &Table, trace: &p3_matrix::dense::RowMajorMatrix<F>) -> Self {
        let columns = Columns::of(table);
        let [width, lanes, extension] = [columns.main, columns.lanes, columns.extension].map(|n| n as u64);
        let rows = trace.height() as u64;
        let used = used(table, trace) as u64;
        Self {
            pieces: 1,
            used_rows: used,
            rows,
            used_main: used * width,
            main: rows * width,
            used_extension: used.div_ceil(lanes) * extension,
            extension: rows / lanes * extension,
            quotient: rows / lanes * QUOTIENT,
        }
    }

    /// Base field cells in use, main and extension.
    pub const fn used(&self) -> u64 {
        self.used_main + DIMENSION * self.used_extension
    }

    /// Base field cells committed: main, extension, quotient.
    pub const fn committed(&self) -> u64 {
        self.main + DIMENSION * self.extension + self.quotient
    }
}

impl AddAssign for Cells {
    fn add_assign(&mut self, other: Self) {
        self.pieces += other.pieces;
        self.used_rows += other.used_rows;
        self.rows += other.rows;
        self.used_main += other.used_main;
        self.main += other.main;
        self.used_extension += other.used_extension;
        self.extension += other.extension;
        self.quotient += other.quotient;
    }
}

impl Sub for Cells {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        Self {
            pieces: self.pieces - other.pieces,
            used_rows: self.used_rows - other.used_rows,
            rows: self.rows - other.rows,
            used_main: self.used_main - other.used_main,
            main: self.main - other.main,
            used_extension: self.used_extension - other.used_extension,
            extension: self.extension - other.extension,
            quotient: self.quotient - other.quotient,
        }
    }
}

/// The cells of a segment's tables.
pub fn cells(traces: &Traces) -> BTreeMap<Kind, Cells> {
    let mut all: BTreeMap<Kind, Cells> = BTreeMap::new();
    for (table, trace) in traces {
        *all.entry(table.kind()).or_default() += Cells::of(table, trace);
    }
    all
}

/// The sum over tables.
pub fn total<'a>(cells: impl IntoIterator<Item = &'a Cells>) -> Cells {
    let mut sum = Cells::default();
    cells.into_iter().for_each(|cells| sum += *cells);
    sum
}

/// Base field cells in use, main and extension, of one more call in a guest's run: what differs between two of its sizes.
///
/// # Errors
///
/// If the guest does not run.
pub fn cells_a_call(guest: &Guest, sizes: [u32; 2]) -> Result<u64, Error> {
    let mut used = [0, 0];
    for (used, size) in used.iter_mut().zip(sizes) {
        let program = Arc::new(elf::load(guest.elf)?);
        let run = guest.run(size);
        let limits = Limits { cycles: 1 << 24, segment_log2: 18 };
        let mut executor = Executor::new(program, run.input, run.hints, limits);
        while let Some(segment) = executor.next_segment()? {
            *used += total(cells(&trace::build(&segment)).values()).used();
        }
    }
    Ok((used[1] - used[0]) / u64::from(sizes[1] - sizes[0]))
}

/// The hashes that there are both as instructions and as a precompiled table: the guests, each with two sizes to compare.
pub const HASHES: [[(&str, [u32; 2]); 2]; 3] = [
    [("poseidon2", [1, 3]), ("poseidon2-pre", [10, 90])],
    [("sha256", [1, 3]), ("sha256-pre", [10, 90])],
    [("keccak", [1, 3]), ("keccak-pre", [10, 90])],
];

/// Rows up to the last that sends or receives; all rows of the tables known in advance.
fn used(table: &Table, trace: &p3_matrix::dense::RowMajorMatrix<F>) -> usize {
    if table.preprocessed_width() != 0 {
        return trace.height();
    }
    let messages = messages(table);
    let speaks = |row: &[F]| messages.iter().any(|message| message.count.eval(row, &[]) != F::ZERO);
    trace.values.chunks(trace.width).rposition(speaks).map_or(0, |row| row + 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{sums, Machine};

    #[test]
    fn a_small_segment_counted_by_hand() {
        let traces = trace::build(&Machine::new(&sums()).segment(6));
        let cells = cells(&traces);
        let add = cells[&Kind::AddImmediate];
        let columns = Columns::of(&Table::of(Kind::AddImmediate, &sums()));
        let executed = add.used_rows;
        assert!(executed > 0 && executed < 6);
        assert_eq!(add.rows, 32, "16 committed rows of two lanes");
        assert_eq!(columns.message_count(), 12);
        assert_eq!(columns.extension, 13, "two messages a column, and the sum");
        assert_eq!(add.main, 32 * columns.main as u64);
        assert_eq!(add.extension, 16 * 13);
        assert_eq!(add.used_extension, executed.div_ceil(2) * 13);
        let range = cells[&Kind::Range];
        assert_eq!((range.used_rows, range.rows, range.pieces), (1 << 16, 1 << 16, 1));
        assert_eq!(total(cells.values()).pieces as usize, traces.len());
        assert_eq!(total(cells.values()) - total(cells.values()), Cells::default());
    }
}
