//! Every column of every table, one cell at a time.
//!
//! A cell is changed in a row that is in use and in a row that is not. First without a proof: which constraint of the row or of the row
//! above it breaks, or what message no longer finds its counterpart. Then with one: the changed traces are proved, the counts of the tables
//! that provide entries left as they were, and again adapted to the change; the verifier must refuse both.
//!
//! A change may also be of no consequence: a cell that this row has no use for (the time of a row that is not in use, the factor of
//! a branch whose words are equal). Such a row keeps all constraints and sends exactly what it sent before, so what the proof says is
//! as true as before; it is `free`. A column that is free in every row in use would hold nothing: that is a finding, and fails the test.

use p3_air::BaseAir;
use p3_field::PrimeCharacteristicRing;
use p3_matrix::Matrix;
use permafrost_zkvm::air::lanes::lanes;
use permafrost_zkvm::air::linear::{messages, Message};
use permafrost_zkvm::air::range::Range;
use permafrost_zkvm::air::{bus, check, Kind};
use permafrost_zkvm::{hash, F};

use crate::forge::{Forge, LOOKUPS};

/// What a change of one cell runs into, found without a proof.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Trap {
    /// A constraint of this row or of the one above.
    Constraint,
    /// A lookup for which there is no entry.
    NoEntry(&'static str),
    /// A message that has no counterpart.
    Bus(&'static str),
    /// The count of an entry: refused if the counts are left as they were. Adapted, the row says the same as before.
    Count,
    /// Nothing: the row says the same as before.
    Free,
}

/// A table of honest traces, whose cells are changed.
pub struct Victim<'a, 'k> {
    forge: &'a Forge<'k>,
    place: usize,
    sent: Vec<Message>,
    known: Option<p3_matrix::dense::RowMajorMatrix<F>>,
}

const BUSES: [&str; 10] = [
    bus::STATE,
    bus::PROGRAM,
    bus::MEMORY,
    bus::RANGE,
    bus::NODE,
    bus::COMPRESS,
    bus::PERMUTE,
    bus::CALL,
    bus::WORD,
    bus::EXIT,
];

impl<'a, 'k> Victim<'a, 'k> {
    /// A table.
    pub fn new(forge: &'a Forge<'k>, place: usize) -> Self {
        let table = &forge.traces[place].0;
        Self { forge, place, sent: messages(table), known: table.preprocessed_trace() }
    }

    /// Which.
    pub fn kind(&self) -> Kind {
        self.forge.traces[self.place].0.kind()
    }

    fn height(&self) -> usize {
        self.forge.traces[self.place].1.height()
    }

    /// Fields and counts of the messages of a row.
    fn sends(&self, row: usize, cells: &[F]) -> Vec<(&'static str, bool, Vec<F>, F)> {
        let known: &[F] = self.known.as_ref().map_or(&[], |p| &p.values[row * p.width..(row + 1) * p.width]);
        let each = self.sent.iter().map(|message| {
            let bus = BUSES.into_iter().find(|bus| *bus == message.bus).expect("a bus");
            let fields = message.fields.iter().map(|field| field.eval(cells, known)).collect();
            (bus, message.provided, fields, message.count.eval(cells, known))
        });
        each.filter(|(_, _, _, count)| *count != F::ZERO).collect()
    }

    /// Rows in use and rows that are not: those that send something and those that do not.
    pub fn rows(&self) -> [Vec<usize>; 2] {
        let trace = &self.forge.traces[self.place].1;
        let (used, unused) = (0..self.height()).partition(|&row| {
            !self.sends(row, &trace.values[row * trace.width..(row + 1) * trace.width]).is_empty()
        });
        [used, unused]
    }

    /// What a changed row runs into.
    pub fn trap(&self, row: usize, column: usize, change: F) -> Trap {
        let (table, trace) = &self.forge.traces[self.place];
        let (width, height) = (trace.width, trace.height());
        let public = table.public_values(&self.forge.statement);
        // The row with those around it: the first and the last row know themselves as such by their number.
        let mut changed = trace.clone();
        changed.values[row * width + column] += change;
        if self.known.is_none() {
            let rows = [(row + height - 1) % height, row];
            if !check::broken_in(table, &changed, &public, rows).is_empty() {
                return Trap::Constraint;
            }
        }
        let before = self.sends(row, &trace.values[row * width..(row + 1) * width]);
        let after = self.sends(row, &changed.values[row * width..(row + 1) * width]);
        let mut trap = Trap::Free;
        for message in after.iter().filter(|message| !before.contains(message)) {
            let (bus, provided, fields, count) = message;
            if *provided {
                return Trap::Bus(bus);
            }
            if !LOOKUPS.contains(bus) {
                trap = Trap::Bus(bus);
                break;
            }
            assert_eq!(*count, F::ONE, "lookups are made once");
            if !self.entry(bus, fields) {
                return Trap::NoEntry(bus);
            }
            trap = Trap::Count;
        }
        for (bus, provided, _, _) in before.iter().filter(|message| !after.contains(message)) {
            if *provided || !LOOKUPS.contains(bus) {
                return Trap::Bus(bus);
            }
            if trap == Trap::Free {
                trap = Trap::Count;
            }
        }
        trap
    }

    /// Whether a change of the cell changes what the row looks up.
    fn looks_up(&self, row: usize, column: usize) -> bool {
        let trace = &self.forge.traces[self.place].1;
        let mut cells = trace.values[row * trace.width..(row + 1) * trace.width].to_vec();
        let lookups = |cells: &[F]| {
            let mut sent = self.sends(row, cells);
            sent.retain(|(bus, provided, _, _)| !provided && LOOKUPS.contains(bus));
            sent
        };
        let before = lookups(&cells);
        cells[column] += F::ONE;
        lookups(&cells) != before
    }

    fn entry(&self, bus: &str, fields: &[F]) -> bool {
        match bus {
            bus::RANGE => Range::place(fields).is_some(),
            bus::PROGRAM => {
                let rom = self.forge.traces[self.forge.place(Kind::Program)]
                    .0
                    .preprocessed_trace()
                    .expect("a program");
                let there = rom.row_slices().any(|row| row == fields);
                there
            }
            _ => {
                let input: [F; 16] = fields[..16].try_into().expect("sixteen elements");
                hash::permute(input)[..fields.len() - 16] == fields[16..]
            }
        }
    }
}

/// The changes tried without a proof.
fn changes() -> [F; 5] {
    [F::ONE, F::NEG_ONE, F::from_u32(1 << 8), F::from_u32(1 << 16), F::ONE.halve()]
}

/// One column.
pub struct Column {
    /// Table and name.
    pub kind: Kind,
    pub column: usize,
    /// The lane of the rows.
    pub lane: usize,
    pub name: String,
    /// A row in use where a change matters, and what it runs into; `None` if there is none.
    pub used: Option<(usize, Trap)>,
    /// Whether a change in that row changes what it looks up.
    pub looked_up: bool,
    /// A row not in use and what a change of it runs into.
    pub unused: Option<(usize, Trap)>,
}

/// Every column of the tables, without proofs.
pub fn sweep(forge: &Forge<'_>, only: impl Fn(Kind) -> bool) -> Vec<Column> {
    let mut all = Vec::new();
    for place in 0..forge.traces.len() {
        let victim = Victim::new(forge, place);
        if !only(victim.kind()) {
            continue;
        }
        let [used, unused] = victim.rows();
        let lanes = lanes(victim.kind());
        for (lane, (column, name)) in (0..lanes).flat_map(|lane| {
            forge.traces[place].0.names().into_iter().enumerate().map(move |name| (lane, name))
        }) {
            let name = if lane > 0 { format!("{name}@{lane}") } else { name };
            let of_lane =
                |rows: &[usize]| rows.iter().copied().filter(|row| row % lanes == lane).collect::<Vec<_>>();
            let mut best = None;
            for row in of_lane(&used).into_iter().take(40) {
                let traps: Vec<Trap> =
                    changes().into_iter().map(|change| victim.trap(row, column, change)).collect();
                // All changes must be of consequence in one row; a change that is of none there must be in no way.
                if traps.iter().all(|trap| !matches!(trap, Trap::Free | Trap::Count)) {
                    best = Some((row, traps[0].clone()));
                    break;
                }
            }
            let unused = of_lane(&unused).first().map(|&row| (row, victim.trap(row, column, F::ONE)));
            let looked_up = best.as_ref().is_some_and(|(row, _)| victim.looks_up(*row, column));
            all.push(Column { kind: victim.kind(), column, lane, name, used: best, looked_up, unused });
        }
    }
    all
}
