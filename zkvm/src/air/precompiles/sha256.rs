use sha2::Digest as _;

use super::*;
use crate::air::sha256::Sha256;

const INITIAL: [u32; 8] =
    [0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19];

/// The constants, from the cube roots of the primes: the first 32 bits of the fraction.
fn constants() -> Vec<u32> {
    let primes = (2u64..).filter(|n| (2..*n).all(|d| n % d != 0));
    let root = |p: u64| {
        // The largest r with r^3 <= p 2^96.
        let target = u128::from(p) << 96;
        let mut r = 0u128;
        for bit in (0..36).rev() {
            let next = r | 1 << bit;
            if next.pow(3) <= target {
                r = next;
            }
        }
        r as u32
    };
    primes.take(64).map(root).collect()
}

/// The compression as FIPS 180-4 has it.
fn compress(state: [u32; 8], block: [u32; 16]) -> [u32; 8] {
    let k = constants();
    let mut w = block.to_vec();
    for t in 16..64 {
        let s0 = w[t - 15].rotate_right(7) ^ w[t - 15].rotate_right(18) ^ (w[t - 15] >> 3);
        let s1 = w[t - 2].rotate_right(17) ^ w[t - 2].rotate_right(19) ^ (w[t - 2] >> 10);
        w.push(s1.wrapping_add(w[t - 7]).wrapping_add(s0).wrapping_add(w[t - 16]));
    }
    let [mut a, mut b, mut c, mut d, mut e, mut f, mut g, mut h] = state;
    for t in 0..64 {
        let s1 = e.rotate_right(6) ^ e.rotate_right(11) ^ e.rotate_right(25);
        let t1 = h.wrapping_add(s1).wrapping_add((e & f) ^ (!e & g)).wrapping_add(k[t]).wrapping_add(w[t]);
        let s0 = a.rotate_right(2) ^ a.rotate_right(13) ^ a.rotate_right(22);
        let t2 = s0.wrapping_add((a & b) ^ (a & c) ^ (b & c));
        (h, g, f, e, d, c, b, a) = (g, f, e, d.wrapping_add(t1), c, b, a, t1.wrapping_add(t2));
    }
    let worked = [a, b, c, d, e, f, g, h];
    core::array::from_fn(|i| state[i].wrapping_add(worked[i]))
}

fn call(state: [u32; 8], block: [u32; 16], rng: &mut ChaCha8Rng) -> Call {
    let ((time, first), (_, second)) = (place(rng), place(rng));
    let mut access = accesses(second, time, &block, &block, rng);
    access.extend(accesses(first, time + 1, &state, &compress(state, block), rng));
    Call { service: service::SHA256, time, first, second, access }
}

fn case(inputs: &[([u32; 8], [u32; 16])], rng: &mut ChaCha8Rng) -> Case {
    let calls = inputs.iter().map(|(state, block)| call(*state, *block, rng)).collect();
    Case::new(Kind::Sha256, calls).expect("a trace")
}

fn words<const N: usize>(rng: &mut ChaCha8Rng) -> [u32; N] {
    core::array::from_fn(|_| rng.gen())
}

/// The padded blocks of a message.
fn blocks(message: &[u8]) -> Vec<[u32; 16]> {
    let mut bytes = message.to_vec();
    bytes.push(0x80);
    bytes.resize((bytes.len() + 8).div_ceil(64) * 64 - 8, 0);
    bytes.extend((message.len() as u64 * 8).to_be_bytes());
    let word = |bytes: &[u8]| u32::from_be_bytes(bytes.try_into().unwrap());
    bytes.chunks(64).map(|block| core::array::from_fn(|i| word(&block[4 * i..4 * i + 4]))).collect()
}

/// The states after a message's blocks as the library has them.
fn digest(message: &[u8]) -> [u32; 8] {
    let digest = sha2::Sha256::digest(message);
    core::array::from_fn(|i| u32::from_be_bytes(digest[4 * i..4 * i + 4].try_into().unwrap()))
}

#[test]
fn no_calls_no_trace() {
    assert!(Case::new(Kind::Sha256, Vec::new()).is_none());
}

#[test]
fn degrees_and_columns() {
    fits(Kind::Sha256, 17);
}

/// FIPS 180-4's example, and messages of random lengths against the library, whose states go from call to call.
#[test]
fn messages_hashed() {
    let mut rng = random("messages_hashed");
    let mut inputs = vec![b"abc".to_vec(), Vec::new(), vec![0x61; 55], vec![0x62; 56], vec![0x63; 64]];
    inputs.extend((0..3).map(|_| (0..rng.gen_range(0..300)).map(|_| rng.gen()).collect()));
    for message in inputs {
        let mut state = INITIAL;
        let mut calls = Vec::new();
        for block in blocks(&message) {
            calls.push(call(state, block, &mut rng));
            state = core::array::from_fn(|i| calls.last().unwrap().access[16 + i].new);
        }
        assert_eq!(state, digest(&message));
        assert_eq!(Case::new(Kind::Sha256, calls).expect("a trace").wrong(), Vec::<String>::new());
    }
    let abc =
        [0xba7816bf, 0x8f01cfea, 0x414140de, 0x5dae2223, 0xb00361a3, 0x96177a9c, 0xb410ff61, 0xf20015ad];
    assert_eq!(digest(b"abc"), abc);
}

#[test]
fn compressions_of_corners_and_at_random() {
    let mut rng = random("compressions_of_corners_and_at_random");
    for count in [1, 2, 3, 7, 8] {
        let mut inputs = vec![([0; 8], [0; 16]), ([u32::MAX; 8], [u32::MAX; 16])];
        inputs.resize_with(count, || (words(&mut rng), words(&mut rng)));
        let case = case(&inputs, &mut rng);
        assert_eq!(case.wrong(), Vec::<String>::new());
        assert_eq!(case.trace.height(), (count * Sha256::ROWS).next_power_of_two().max(16));
    }
}

/// No row is the first or the last for the constraints: the rows shifted by any number, round the end, satisfy them too.
#[test]
fn calls_may_start_in_any_row() {
    let mut rng = random("calls_may_start_in_any_row");
    let mut case = case(&[(words(&mut rng), words(&mut rng))], &mut rng);
    let width = case.trace.width;
    for _ in 0..16 {
        case.trace.values.rotate_left(width);
        assert_eq!(case.wrong(), Vec::<String>::new());
    }
}

#[test]
fn a_wrong_output_is_refused() {
    let mut rng = random("a_wrong_output_is_refused");
    for i in 0..8 {
        let mut wrong = call(words(&mut rng), words(&mut rng), &mut rng);
        wrong.access[16 + i].new ^= 1 << rng.gen_range(0..32);
        let case = Case::new(Kind::Sha256, vec![wrong]).expect("a trace");
        assert!(!check::broken(&case.table, &case.trace, &[]).is_empty());
    }
}

/// Where nothing is accessed, the addresses and times are of no account; every other cell of a call is.
#[test]
fn every_cell_matters() {
    let mut rng = random("every_cell_matters");
    let inputs = [(words(&mut rng), words(&mut rng)), (words(&mut rng), words(&mut rng))];
    let mut case = case(&inputs, &mut rng);
    let width = case.trace.width;
    let rows = 2 * Sha256::ROWS;
    let free = case.free((0..rows).flat_map(|row| (0..width).map(move |column| (row, column))), &mut rng);
    let unused = |row: usize, name: &str| {
        let k = row % Sha256::ROWS;
        name == "words" && (2..8).contains(&k)
            || name.starts_with("block_access")
                && k >= 2
                && (name.ends_with("previous") || name.ends_with("high"))
            || name.starts_with("state_access") && k == 8
    };
    let wrong: Vec<_> = free.iter().filter(|(row, name)| !unused(*row, name)).collect();
    assert!(wrong.is_empty(), "{wrong:?}");
}
