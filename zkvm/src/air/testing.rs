//! Samples and attacks for the tests of the tables that have addresses, branches and jumps.

use p3_field::{Field, PrimeCharacteristicRing};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::air::check::{self, Bench};
use crate::air::Kind;
use crate::record::Step;
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

/// Asserts that no cell of the steps' rows can be changed alone.
pub fn every_cell_matters(kind: Kind, steps: &[Step]) {
    for step in steps {
        assert_eq!(check::tampered(kind, step), Vec::<String>::new(), "{step:?}");
    }
}

/// Asserts that a step's row does not hold with these cells changed: a lie that the others were made to fit.
pub fn lie(kind: Kind, step: &Step, changes: &[(&str, F)]) {
    let bench = Bench::new(kind);
    let mut row = bench.row(step);
    for (name, value) in changes {
        row[bench.column(name)] = *value;
    }
    assert!(!bench.holds(&row), "{changes:?} in {step:?}");
}

/// Lies about the accesses of a true step: that the one before was later, with high bits that make up for it, or low ones.
pub fn lies_about_times(kind: Kind, step: &Step) {
    let names = Bench::new(kind).names();
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
