//! Division against the instruction set's words, and rows that must be refused.

use super::*;
use crate::air::check::Bench;
use crate::air::{check, Kind};
use crate::record::testing::{corners, register_step};
use rand::{Rng, SeedableRng};

const OPS: [Op; 4] = [Op::Div, Op::Divu, Op::Rem, Op::Remu];

/// Quotient and remainder as the instruction set has them, in 64-bit arithmetic.
fn oracle(op: Op, a: u32, b: u32) -> (u32, u32) {
    let (x, y) = match op {
        Op::Div | Op::Rem => (i64::from(a as i32), i64::from(b as i32)),
        _ => (i64::from(a), i64::from(b)),
    };
    if y == 0 {
        (u32::MAX, a)
    } else {
        ((x / y) as u32, (x % y) as u32)
    }
}

fn result(op: Op, (quotient, remainder): (u32, u32)) -> u32 {
    if matches!(op, Op::Div | Op::Divu) {
        quotient
    } else {
        remainder
    }
}

fn right(pairs: &[(u32, u32)]) -> Vec<Step> {
    let each = |op| pairs.iter().map(move |&(a, b)| register_step(op, a, b, result(op, oracle(op, a, b))));
    OPS.into_iter().flat_map(each).collect()
}

/// Pairs at the limits of the top bytes' product, too.
fn pairs() -> Vec<(u32, u32)> {
    let mut pairs = corners();
    for a in [0x7fff_ffff, 0x8000_0000, 0x8000_0001, 0xffff_ffff, 0x00ff_ffff, 0x0100_0000, 0xff00_0000] {
        for b in
            [3, 127, 128, 129, 0xffff_ff80, 0xffff_ff81, 0xffff_ff7f, 0x00ff_ffff, 0x0100_0000, 0xff00_0000]
        {
            pairs.extend([(a, b), (b, a)]);
        }
    }
    pairs
}

#[test]
fn the_instruction_sets_words_on_zero_and_overflow() {
    for (op, a, b, expected) in [
        (Op::Div, 7, 0, u32::MAX),
        (Op::Divu, 7, 0, u32::MAX),
        (Op::Rem, 0xffff_fff9, 0, 0xffff_fff9),
        (Op::Remu, 7, 0, 7),
        (Op::Div, 0x8000_0000, u32::MAX, 0x8000_0000),
        (Op::Rem, 0x8000_0000, u32::MAX, 0),
        (Op::Div, 0xffff_fff9, 2, 0xffff_fffd),
        (Op::Rem, 0xffff_fff9, 2, 0xffff_ffff),
    ] {
        assert_eq!(result(op, oracle(op, a, b)), expected);
        let step = register_step(op, a, b, expected);
        assert_eq!(check::steps(Kind::Divide, &[step]), Vec::<String>::new());
    }
}

#[test]
fn quotients_and_remainders_at_the_corners() {
    assert_eq!(check::steps(Kind::Divide, &right(&pairs())), Vec::<String>::new());
}

#[test]
fn quotients_and_remainders_of_random_words() {
    let seed = rand::random();
    println!("seed {seed}");
    let mut random = rand_chacha::ChaCha8Rng::seed_from_u64(seed);
    let mut word = || random.gen::<u32>() >> random.gen_range(0..32);
    let mut pairs: Vec<(u32, u32)> = (0..500).map(|_| (word(), word())).collect();
    pairs.extend(pairs.clone().into_iter().map(|(a, b)| (a.wrapping_neg(), b)));
    pairs.extend(pairs.clone().into_iter().map(|(a, b)| (a, b.wrapping_neg())));
    assert_eq!(check::steps(Kind::Divide, &right(&pairs)), Vec::<String>::new());
}

#[test]
fn wrong_quotients_and_remainders_are_refused() {
    let bench = Bench::new(Kind::Divide);
    let mut cells = F::zero_vec(DivideRow::<F>::WIDTH);
    for step in right(&pairs()) {
        let [a, b, _] = step.access.map(|access| access.old);
        let op = step.instruction.op;
        let (q, r) = oracle(op, a, b);
        let mut tries = vec![
            (q.wrapping_add(1), r),
            (q.wrapping_sub(1), r),
            (q, r.wrapping_add(1)),
            (q, r.wrapping_sub(1)),
            (r, q),
            (q.wrapping_neg(), r),
            (q, r.wrapping_neg()),
            (u32::MAX, a),
            (0, a),
            (0, 0),
        ];
        // All with q b + r = a modulo 2^32.
        for k in [1, 2, u32::MAX, u32::MAX - 1, 1 << 16, 1 << 31] {
            tries.push((q.wrapping_sub(k), r.wrapping_add(b.wrapping_mul(k))));
        }
        for (quotient, remainder) in tries {
            let wrong = result(op, (quotient, remainder));
            if wrong == result(op, (q, r)) {
                continue;
            }
            let mut step = step;
            step.access[2].new = wrong;
            for i in 0..32 {
                let bit = |place: u32| i >> place & 1 == 1;
                let signs = [bit(0), bit(1), bit(2), bit(3)];
                DivideRow::of(&step, quotient, remainder, signs, bit(4)).to_cells(&mut cells);
                assert!(!bench.holds(&cells), "{op:?} {a:x} {b:x}: {quotient:x} {remainder:x} {signs:?}");
            }
        }
    }
}

#[test]
fn one_set_of_signs_is_accepted() {
    let bench = Bench::new(Kind::Divide);
    let mut cells = F::zero_vec(DivideRow::<F>::WIDTH);
    for step in right(&pairs()) {
        let [a, b, _] = step.access.map(|access| access.old);
        let (q, r) = oracle(step.instruction.op, a, b);
        let accepted = (0..32).filter(|i| {
            let bit = |place: u32| i >> place & 1 == 1;
            DivideRow::of(&step, q, r, [bit(0), bit(1), bit(2), bit(3)], bit(4)).to_cells(&mut cells);
            bench.holds(&cells)
        });
        assert_eq!(accepted.count(), 1, "{step:?}");
    }
}

#[test]
fn a_remainder_of_the_divisors_size_or_sign_is_refused() {
    // q b + r = a holds in each, with the signs that make it hold.
    let bench = Bench::new(Kind::Divide);
    let mut cells = F::zero_vec(DivideRow::<F>::WIDTH);
    for (op, a, b, q, r, signs) in [
        (Op::Div, 6, 3, 1, 3, [false; 4]),
        (Op::Divu, 7, 3, 1, 4, [false; 4]),
        (Op::Div, -7i32 as u32, 2, -4i32 as u32, 1, [true, false, true, false]),
        (Op::Div, -6i32 as u32, 3, -1i32 as u32, -3i32 as u32, [true, false, true, true]),
        (Op::Div, 7, 2, 4, -1i32 as u32, [false, false, false, true]),
        (Op::Divu, 7, u32::MAX, u32::MAX, 7, [false, false, true, false]),
        (Op::Div, 7, 0, 0, 7, [false; 4]),
    ] {
        for zero in [false, true] {
            let step = register_step(op, a, b, q);
            DivideRow::of(&step, q, r, signs, zero).to_cells(&mut cells);
            assert!(!bench.holds(&cells), "{op:?} {a} {b}");
        }
    }
}

/// The row with these cells is refused, by the one fault given.
#[track_caller]
fn refused(row: &DivideRow<F>, constraints: usize, lookups: usize) {
    let bench = Bench::new(Kind::Divide);
    let mut cells = F::zero_vec(DivideRow::<F>::WIDTH);
    row.to_cells(&mut cells);
    assert_eq!(bench.faults(&cells), (constraints, lookups), "{row:?}");
}

fn row(op: Op, a: u32, b: u32, (q, r): (u32, u32), signs: [bool; 4], zero: bool) -> DivideRow<F> {
    DivideRow::of(&register_step(op, a, b, result(op, (q, r))), q, r, signs, zero)
}

#[test]
fn a_result_that_is_the_other_one_is_refused() {
    for op in OPS {
        let mut row = row(op, 17, 5, (3, 2), [false; 4], false);
        refused(&row, 0, 0);
        row.result[0] = F::from_u32(5) - row.result[0];
        refused(&row, 1, 0);
        row.result = [3 + 2 - row.result[0].as_canonical_u32(), 1].map(F::from_u32);
        refused(&row, 1, 0);
    }
}

#[test]
fn quotients_bytes_out_of_range_are_refused() {
    for i in [0, 2] {
        let mut row = row(Op::Divu, u32::MAX, 7, (613_566_756, 3), [false; 4], false);
        refused(&row, 0, 0);
        row.quotient[i] += F::from_u32(256);
        row.quotient[i + 1] -= F::ONE;
        row.solve();
        refused(&row, 0, 1);
    }
}

#[test]
fn signs_that_are_no_bits_are_refused() {
    // A quotient 2^24 too large, taken back by its sign.
    let mut right = row(Op::Div, 17, 5, (3, 2), [false; 4], false);
    right.quotient[3] = F::ONE;
    right.quotient_negative = F::from_u32(256).inverse();
    right.result[1] += F::from_u32(256);
    right.solve();
    refused(&right, 1, 0);

    // Remainder zero and q b = a + 2^32 h, with n_r = h and 2^16 n_r below the divisor's high half modulo p.
    let b = 0xffff_fffe;
    let (q, high, scaled) = (1u32 << 20..)
        .map(|q| (q, (u64::from(q) * u64::from(b)) >> 32))
        .map(|(q, high)| (q, high, F::from_u64(high << 16)))
        .find(|(_, _, scaled)| scaled.as_canonical_u32() < 0xffff)
        .expect("one in 2^15");
    assert!(q < 1 << 24);
    let mut wrong = row(Op::Divu, q.wrapping_mul(b), b, (q, 0), [false; 4], false);
    wrong.remainder_negative = F::from_u64(high);
    assert_eq!(wrong.remainder_negative * F::from_u32(1 << 16), scaled);
    wrong.solve();
    refused(&wrong, 1, 0);
}

#[test]
fn a_zero_divisors_flag_that_is_no_bit_is_refused() {
    let mut row = row(Op::Divu, 17, 0, (u32::MAX, 17), [false; 4], true);
    refused(&row, 0, 0);
    row.zero -= F::from_u32(1 << 16).inverse();
    row.solve();
    refused(&row, 1, 0);
}

#[test]
fn a_gap_that_wraps_around_is_refused() {
    // r = b, so that the gap is -1, which is p - 1.
    let mut row = row(Op::Divu, 6, 3, (1, 3), [false; 4], false);
    row.gap = [F::ZERO, F::from_u32(0x7f00)];
    row.gap_carry = (row.gaps()[0] - row.gap[0]) * F::from_u32(1 << 16).inverse();
    assert_eq!(row.gaps()[1] + row.gap_carry, row.gap[1]);
    refused(&row, 1, 0);
}

#[test]
fn a_carry_that_wraps_around_is_refused() {
    // The second carry is what the third equation wants, and the remainder's high half what the second wants: by chance a half.
    let (a, b) = (17u32, 0xffff_ffffu32);
    let base = F::from_u32(1 << 16);
    let (q, mut wrong) = (1u32..1 << 24)
        .map(|q| {
            let low = 17u32.wrapping_sub(q.wrapping_mul(b)) & 0xffff;
            let mut row = row(Op::Divu, a, b, (q, low), [false; 4], false);
            let [_, s1, s2, _] = row.sums();
            row.carry[1] = -s2;
            row.remainder[1] = row.a.value[1] + row.carry[1] * base - s1 - row.carry[0];
            (q, row)
        })
        .find(|(_, row)| row.remainder[1].as_canonical_u32() < 0xffff)
        .expect("one in 2^15");
    assert_ne!(q, a / b);
    wrong.solve();
    refused(&wrong, 0, 1);
}

#[test]
fn every_cell_is_determined() {
    let pairs =
        [(0, 0), (5, 0), (7, 2), (0x8000_0000, 0xffff_ffff), (0xffff_ffff, 0x8000_0000), (0x8000_0000, 0)];
    for step in right(&pairs) {
        assert_eq!(check::tampered(Kind::Divide, &step), Vec::<String>::new(), "{step:?}");
        assert_eq!(check::looks_ahead(Kind::Divide, &step), Vec::<String>::new(), "{step:?}");
    }
}

#[test]
fn a_row_costs_no_more_than_this() {
    let size = check::Size { columns: 42, lookups: 16, extension: 14, degree: 3 };
    assert_eq!(check::size(Kind::Divide), size);
}
