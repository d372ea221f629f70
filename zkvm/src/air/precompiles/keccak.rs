use p3_keccak_air::NUM_KECCAK_COLS;

use super::*;
use crate::air::keccak::Rounds;

/// Keccak-f\[1600\] as FIPS 202 has it (section 3.2), lanes x + 5 y; the rotations and constants are worked out, not looked up.
fn permuted(mut a: [u64; 25]) -> [u64; 25] {
    let mut lfsr = 1u8;
    for _ in 0..24 {
        let c: [u64; 5] = core::array::from_fn(|x| (0..5).fold(0, |sum, y| sum ^ a[x + 5 * y]));
        for i in 0..25 {
            a[i] ^= c[(i + 4) % 5] ^ c[(i + 1) % 5].rotate_left(1);
        }
        let (mut x, mut y, mut lane) = (1, 0, a[1]);
        for t in 0..24 {
            (x, y) = (y, (2 * x + 3 * y) % 5);
            lane = core::mem::replace(&mut a[x + 5 * y], lane.rotate_left((t + 1) * (t + 2) / 2 % 64));
        }
        let b = a;
        for i in 0..25 {
            let row = i / 5 * 5;
            a[i] = b[i] ^ !b[row + (i + 1) % 5] & b[row + (i + 2) % 5];
        }
        for j in 0..7 {
            a[0] ^= u64::from(lfsr & 1) << ((1 << j) - 1);
            lfsr = lfsr << 1 ^ if lfsr & 0x80 != 0 { 0x71 } else { 0 };
        }
    }
    a
}

fn words(lanes: [u64; 25]) -> Vec<u32> {
    lanes.iter().flat_map(|lane| [*lane as u32, (lane >> 32) as u32]).collect()
}

fn call(state: [u64; 25], rng: &mut ChaCha8Rng) -> Call {
    let (time, first) = place(rng);
    let access = accesses(first, time, &words(state), &words(permuted(state)), rng);
    Call { service: service::KECCAK, time, first, second: 0, access }
}

fn case(states: &[[u64; 25]], rng: &mut ChaCha8Rng) -> Case {
    let calls = states.iter().map(|state| call(*state, rng)).collect();
    Case::new(Kind::Keccak, calls).expect("a trace")
}

fn lanes(rng: &mut ChaCha8Rng) -> [u64; 25] {
    core::array::from_fn(|_| rng.gen())
}

#[test]
fn no_calls_no_trace() {
    assert!(Case::new(Kind::Keccak, Vec::new()).is_none());
}

#[test]
fn degrees_and_columns() {
    fits(Kind::Keccak, 31);
}

/// The permutation of zero, from the Keccak team's test vectors.
#[test]
fn the_permutation_of_zero() {
    let after = permuted([0; 25]);
    assert_eq!(
        after[..5],
        [0xf1258f7940e1dde7, 0x84d5ccf933c0478a, 0xd598261ea65aa9ee, 0xbd1547306f80494d, 0x8b284e056253d057]
    );
    assert_eq!(after[24], 0xeaf1ff7b5ceca249);
    let mut rng = random("the_permutation_of_zero");
    assert_eq!(case(&[[0; 25]], &mut rng).wrong(), Vec::<String>::new());
}

#[test]
fn permutations_of_corners_and_at_random() {
    let mut rng = random("permutations_of_corners_and_at_random");
    for count in [1, 2, 3, 5] {
        let mut states = vec![[u64::MAX; 25], core::array::from_fn(|i| i as u64 * 0x0123_4567_89ab_cdef)];
        states.resize_with(count, || lanes(&mut rng));
        let case = case(&states, &mut rng);
        assert_eq!(case.wrong(), Vec::<String>::new());
        assert_eq!(case.trace.height(), (count * Rounds::ROWS).next_power_of_two());
    }
}

#[test]
fn a_wrong_output_is_refused() {
    let mut rng = random("a_wrong_output_is_refused");
    for _ in 0..8 {
        let mut wrong = call(lanes(&mut rng), &mut rng);
        wrong.access[rng.gen_range(0..50)].new ^= 1 << rng.gen_range(0..32);
        let case = Case::new(Kind::Keccak, vec![wrong]).expect("a trace");
        assert_eq!(case.wrong().len(), 2);
    }
}

/// The rows at the end that are no whole permutation cannot be a call's: they would take words and leave none.
#[test]
fn part_of_a_permutation_is_no_call() {
    let mut rng = random("part_of_a_permutation_is_no_call");
    let mut case = case(&[lanes(&mut rng)], &mut rng);
    let real = NUM_KECCAK_COLS;
    let width = case.trace.width;
    assert_eq!(case.table.names()[real], "call.real");
    let third = case.table.names().iter().position(|name| name == "call.third").unwrap();
    for first in Rounds::ROWS..case.trace.height() {
        // In these rows the cells agree with one another.
        for row in first..case.trace.height() {
            case.trace.values[row * width + real] = F::ONE;
            case.trace.values[row * width + third] = F::from_bool(row < Rounds::ROWS + 2);
        }
        assert!(!check::broken(&case.table, &case.trace, &[]).is_empty());
    }
}

/// Each column in a row at random, those of the call's own in all rows. Only the time before an access that is none is free.
#[test]
fn every_column_matters() {
    let mut rng = random("every_column_matters");
    let mut case = case(&[lanes(&mut rng), lanes(&mut rng)], &mut rng);
    let rows = 2 * Rounds::ROWS;
    let width = case.trace.width;
    let mut cells: Vec<_> = (0..NUM_KECCAK_COLS).map(|column| (rng.gen_range(0..rows), column)).collect();
    cells.extend((0..rows).flat_map(|row| (NUM_KECCAK_COLS..width).map(move |column| (row, column))));
    let free = case.free(cells, &mut rng);
    let unused = |row: usize, name: &str| {
        row % Rounds::ROWS >= 2 && ["call.words[2].previous", "call.words[2].high"].contains(&name)
    };
    let wrong: Vec<_> = free.iter().filter(|(row, name)| !unused(*row, name)).collect();
    assert!(wrong.is_empty(), "{wrong:?}");
}
