//! The address `rs1 + imm` of loads, stores and JALR.
//!
//! The sum of halves with carries, mod 2^32, as expressions: no column holds the address. Its low half is proved a half and aligned
//! at once: `(low - offset) / 4`, with the field's inverse of 4, is looked up to be below 2^14. The high half is looked up as it is. Both
//! sums lie in (-2^17, 2^18) whatever the carries, so what holds in the field holds in the integers, and the carries have no second value.

use p3_field::{Field, PrimeCharacteristicRing};

use super::bus::{self, Builder};
use crate::F;

/// The halves of `a + imm`, less 2^16 for each carry, which is asserted to be 0 or 1. They are halves only once [`word`] has looked them up.
pub fn sum<B: Builder>(b: &mut B, a: [B::Var; 2], imm: [B::Var; 2], carry: [B::Var; 2]) -> [B::Expr; 2] {
    let base = F::from_u32(1 << 16);
    let mut carry_in = B::Expr::ZERO;
    core::array::from_fn(|i| {
        b.assert_bool(carry[i]);
        let half = a[i] + imm[i] + carry_in.clone() - carry[i] * base;
        carry_in = carry[i].into();
        half
    })
}

/// The word address of a byte address that is `offset` (0 to 3) above a multiple of 4: below 2^30, so never a register's.
pub fn word<B: Builder>(b: &mut B, [low, high]: [B::Expr; 2], offset: B::Expr, real: B::Expr) -> B::Expr {
    let low = (low - offset) * F::from_u32(4).inverse();
    bus::bits(b, low.clone(), bus::constant::<B>(14), real.clone());
    bus::half(b, high.clone(), real);
    low + high * F::from_u32(1 << 14)
}

/// Samples for the tests of the tables that have addresses, branches and jumps.
#[cfg(test)]
pub(super) mod testing {
    use std::sync::Arc;

    use p3_field::{PrimeCharacteristicRing, PrimeField32};
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
            let count = message.count.eval(row, &[]);
            count == F::ZERO || count == F::ONE && Range::place(&fields(message, row)).is_some()
        });
        found && check::broken(table, &RowMajorMatrix::new(row.to_vec(), row.len()), &[]).is_empty()
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
                    let noticed = !holds(&table, &messages, &changed)
                        || said(&messages, &changed) != said(&messages, row);
                    assert!(noticed, "{name} {value} -> {other} in {step:?}");
                }
            }
        }
    }
}
