//! Samples and attacks for the tests of the tables that have addresses, branches and jumps.

use std::sync::Arc;

use p3_field::{Field, PrimeCharacteristicRing, PrimeField32};
use p3_matrix::dense::RowMajorMatrix;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::air::linear::{messages, Message};
use crate::air::range::Range;
use crate::air::{bus, check, trace, Kind, Table};
use crate::record::{Program, Step};
use crate::F;

/// Bases and offsets whose sums are multiples of 4: ends of memory, carries of each half, negative offsets, wraps mod 2^32.
pub fn aligned() -> Vec<(u32, u32)> {
    let minus = |x: u32| x.wrapping_neg();
    vec![
        (0, 0),
        (0, 4),
        (4, minus(4)),
        (0, minus(4)),
        (1, 3),
        (3, minus(3)),
        (0xffff_fffc, 0),
        (0xffff_ffff, 1),
        (0xffff_ffff, minus(3)),
        (0xffff_ffff, 5),
        (0x8000_0000, minus(4)),
        (0x7fff_fffc, 4),
        (0x7fff_ffff, 0x7fd),
        (0xffff, 1),
        (0xfffe, 2),
        (0x1_0000, minus(4)),
        (0x1_0001, minus(1)),
        (0x1234_fffc, 4),
        (0x1235_0000, minus(0x800)),
        (0xffff_0000, 0xfffc),
        (0x8000_0000, 0x8000_0000),
        (0x7f00_0000, 4),
        (0x7f00_0001, minus(1)),
    ]
}

/// Words whose bytes and halves have both signs in every place.
pub const WORDS: [u32; 6] = [0, 0xffff_ffff, 0x7f80_ff01, 0x807f_00fe, 0x8000_7fff, 0x0180_8000];

/// A generator whose seed a failed test shows.
pub fn random() -> ChaCha8Rng {
    let seed = rand::thread_rng().gen();
    println!("seed {seed}");
    ChaCha8Rng::seed_from_u64(seed)
}

/// Asserts that the table takes the steps.
pub fn accepts(kind: Kind, steps: &[Step]) {
    assert_eq!(check::steps(kind, steps), Vec::<String>::new());
}

/// Asserts that the table refuses each of the steps.
pub fn refuses(kind: Kind, steps: &[Step]) {
    for step in steps {
        assert_ne!(check::steps(kind, std::slice::from_ref(step)), Vec::<String>::new(), "{step:?}");
    }
}

fn table(kind: Kind) -> Table {
    Table::of(kind, &Arc::new(Program { entry: 0, code: Vec::new(), image: Vec::new() }))
}

fn fields(message: &Message, row: &[F]) -> Vec<F> {
    message.fields.iter().map(|field| field.eval(row, &[])).collect()
}

/// Whether a row satisfies the constraints and looks up only what is there.
pub fn row_holds(kind: Kind, row: &[F]) -> bool {
    holds(&table(kind), &messages(&table(kind)), row)
}

fn holds(table: &Table, messages: &[Message], row: &[F]) -> bool {
    let found = messages.iter().filter(|message| message.bus == bus::RANGE).all(|message| {
        message.count.eval(row, &[]) == F::ZERO || Range::place(&fields(message, row)).is_some()
    });
    found && check::broken(table, &RowMajorMatrix::new(row.to_vec(), row.len()), &[]).is_empty()
}

/// Asserts that a step's row does not hold with these cells changed: a lie that the others were made to fit.
pub fn lie(kind: Kind, step: &Step, changes: &[(&str, F)]) {
    let table = table(kind);
    let names = table.names();
    let mut row = F::zero_vec(names.len());
    table.fill(step, &mut row).unwrap();
    for (name, value) in changes {
        let cell = names.iter().position(|other| other == name).unwrap_or_else(|| panic!("no column {name}"));
        row[cell] = *value;
    }
    assert!(!row_holds(kind, &row), "{changes:?} in {step:?}");
}

/// Lies about the accesses of a true step: that the one before was later, with high bits that make up for it, or low ones.
pub fn lies_about_times(kind: Kind, step: &Step) {
    let names = table(kind).names();
    for name in names.iter().filter_map(|name| name.strip_suffix(".high")) {
        let (previous, high) = (format!("{name}.previous"), format!("{name}.high"));
        let later = F::from_u32(step.time + 30);
        lie(kind, step, &[(&previous, later)]);
        for tick in 0..3 {
            let gap = F::from_u32(step.time + tick) - later - F::ONE;
            lie(kind, step, &[(&previous, later), (&high, gap * F::from_u32(1 << 16).inverse())]);
        }
    }
}

/// Lies about the address, whose cells are `carry` and `offset`, of steps that `step` makes of rs1 and imm.
pub fn lies_about_addresses(kind: Kind, offset: &[&str], step: impl Fn(u32, u32) -> Step) {
    let base = F::from_u32(1 << 16);
    // The low half 3 is 4 + 2^16 carry with 2^16 carry = -1 = p - 1, and p - 1 is a multiple: the carry is 2^15 - 2^8.
    let mut changes = vec![("carry[0]", -base.inverse())];
    changes.extend(offset.iter().map(|name| (*name, F::ZERO)));
    lie(kind, &step(3, 0), &changes);
    // Any high half.
    lie(kind, &step(0, 0), &[("carry[1]", -base.inverse())]);
    // The word of x1.
    lie(kind, &step(0xffff_fffc, 8), &[("carry[1]", F::ZERO)]);
    lie(kind, &step(0xffff_fffc, 8), &[("carry[0]", F::ZERO)]);
    // Offsets that are no bits.
    let two = F::from_u32(2);
    match offset {
        [odd] => lie(kind, &step(2, 0), &[(odd, two)]),
        [odd, upper] => {
            lie(kind, &step(4, 0), &[(odd, two), (upper, F::ONE)]);
            lie(kind, &step(4, 0), &[(upper, two)]);
        }
        _ => {}
    }
}

/// What the row says to other tables than that of ranges, sorted.
fn said<'a>(messages: &'a [Message], row: &[F]) -> Vec<(&'a str, u32, Vec<u32>)> {
    let number = |x: F| x.as_canonical_u32();
    let mut all: Vec<_> = messages
        .iter()
        .filter(|message| message.bus != bus::RANGE && message.count.eval(row, &[]) != F::ZERO)
        .map(|message| {
            let fields = fields(message, row).into_iter().map(number).collect();
            (message.bus.as_str(), number(message.count.eval(row, &[])), fields)
        })
        .collect();
    all.sort();
    all
}

/// Asserts that a row with one cell changed breaks a constraint, looks up what is not there, or says something else.
/// `free` says which cells may hold anything in the step's row.
pub fn every_cell_matters(kind: Kind, steps: &[Step], free: impl Fn(&Step, &str) -> bool) {
    let table = table(kind);
    let (names, messages) = (table.names(), messages(&table));
    let width = names.len();
    let mut random = random();
    for step in steps {
        let trace = trace::padded(1, width, |_, cells| table.fill(step, cells).unwrap()).unwrap();
        let row = &trace.values[..width];
        assert!(holds(&table, &messages, row), "{step:?}");
        for (cell, name) in names.iter().enumerate().filter(|(_, name)| !free(step, name)) {
            let value = row[cell];
            let base = F::from_u32(1 << 16);
            let others = [
                F::ZERO,
                F::ONE,
                F::ONE - value,
                value + F::ONE,
                value - F::ONE,
                value + base,
                value - base,
                -value,
                F::from_u32(random.gen()),
            ];
            for other in others.into_iter().filter(|other| *other != value) {
                let mut changed = row.to_vec();
                changed[cell] = other;
                let noticed =
                    !holds(&table, &messages, &changed) || said(&messages, &changed) != said(&messages, row);
                assert!(noticed, "{name} {value} -> {other} in {step:?}");
            }
        }
    }
}
