//! Keccak-f\[1600\] (FIPS 202, 3.2 and 3.3).

/// The constants of iota, by round.
pub const ROUND_CONSTANTS: [u64; 24] = [
    0x0000000000000001,
    0x0000000000008082,
    0x800000000000808a,
    0x8000000080008000,
    0x000000000000808b,
    0x0000000080000001,
    0x8000000080008081,
    0x8000000000008009,
    0x000000000000008a,
    0x0000000000000088,
    0x0000000080008009,
    0x000000008000000a,
    0x000000008000808b,
    0x800000000000008b,
    0x8000000000008089,
    0x8000000000008003,
    0x8000000000008002,
    0x8000000000000080,
    0x000000000000800a,
    0x800000008000000a,
    0x8000000080008081,
    0x8000000000008080,
    0x0000000080000001,
    0x8000000080008008,
];

/// The permutation. Lane (x, y) is at x + 5 y.
pub fn permute(a: &mut [u64; 25]) {
    for constant in ROUND_CONSTANTS {
        // theta
        let c: [u64; 5] = std::array::from_fn(|x| a[x] ^ a[x + 5] ^ a[x + 10] ^ a[x + 15] ^ a[x + 20]);
        let d: [u64; 5] = std::array::from_fn(|x| c[(x + 4) % 5] ^ c[(x + 1) % 5].rotate_left(1));
        for (i, lane) in a.iter_mut().enumerate() {
            *lane ^= d[i % 5];
        }
        // rho and pi: walk (x, y) -> (y, 2x + 3y) from (1, 0), step t rotates by (t + 1)(t + 2) / 2.
        let (mut x, mut y, mut held) = (1, 0, a[1]);
        for t in 0..24 {
            (x, y) = (y, (2 * x + 3 * y) % 5);
            held = std::mem::replace(&mut a[x + 5 * y], held.rotate_left((t + 1) * (t + 2) / 2 % 64));
        }
        // chi
        for row in a.chunks_exact_mut(5) {
            let old: [u64; 5] = std::array::from_fn(|x| row[x]);
            for x in 0..5 {
                row[x] ^= !old[(x + 1) % 5] & old[(x + 2) % 5];
            }
        }
        // iota
        a[0] ^= constant;
    }
}

#[cfg(test)]
mod tests {
    use super::permute;

    /// Keccak-f of zeros, once and twice (the Keccak team's KeccakF-1600-IntermediateValues).
    #[test]
    fn of_zeros() {
        let mut lanes = [0; 25];
        permute(&mut lanes);
        assert_eq!(lanes[..3], [0xf1258f7940e1dde7, 0x84d5ccf933c0478a, 0xd598261ea65aa9ee]);
        assert_eq!(lanes[24], 0xeaf1ff7b5ceca249);
        permute(&mut lanes);
        assert_eq!(lanes[..2], [0x2d5c954df96ecb3c, 0x6a332cd07057b56d]);
    }
}
