//! The compression function of SHA-256 (FIPS 180-4, 6.2.2).

/// First 32 bits of the fractional parts of the cube roots of the first 64 primes.
pub const K: [u32; 64] = [
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
];

/// The state after one block. The block's words are the 16 big-endian words of its bytes.
pub fn compress(state: [u32; 8], block: &[u32; 16]) -> [u32; 8] {
    let mut w = [0u32; 64];
    w[..16].copy_from_slice(block);
    for t in 16..64 {
        let s0 = w[t - 15].rotate_right(7) ^ w[t - 15].rotate_right(18) ^ w[t - 15] >> 3;
        let s1 = w[t - 2].rotate_right(17) ^ w[t - 2].rotate_right(19) ^ w[t - 2] >> 10;
        w[t] = w[t - 16].wrapping_add(s0).wrapping_add(w[t - 7]).wrapping_add(s1);
    }
    let [mut a, mut b, mut c, mut d, mut e, mut f, mut g, mut h] = state;
    for t in 0..64 {
        let s1 = e.rotate_right(6) ^ e.rotate_right(11) ^ e.rotate_right(25);
        let choose = e & f ^ !e & g;
        let t1 = h.wrapping_add(s1).wrapping_add(choose).wrapping_add(K[t]).wrapping_add(w[t]);
        let s0 = a.rotate_right(2) ^ a.rotate_right(13) ^ a.rotate_right(22);
        let majority = a & b ^ a & c ^ b & c;
        let t2 = s0.wrapping_add(majority);
        (h, g, f, e, d, c, b, a) = (g, f, e, d.wrapping_add(t1), c, b, a, t1.wrapping_add(t2));
    }
    let change = [a, b, c, d, e, f, g, h];
    std::array::from_fn(|i| state[i].wrapping_add(change[i]))
}

#[cfg(test)]
mod tests {
    use super::compress;

    const START: [u32; 8] =
        [0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19];

    /// Against the `sha2` crate: messages of every length up to three blocks.
    #[test]
    fn agrees_with_another_implementation() {
        use sha2::Digest;
        for length in 0..192usize {
            let message: Vec<u8> = (0..length).map(|i| (i * 167 + length * 31) as u8).collect();
            let mut padded = message.clone();
            padded.push(0x80);
            padded.resize((length + 9).next_multiple_of(64) - 8, 0);
            padded.extend((8 * length as u64).to_be_bytes());
            let state = padded.chunks_exact(64).fold(START, |state, bytes| {
                let word = |i: usize| u32::from_be_bytes([0, 1, 2, 3].map(|j| bytes[4 * i + j]));
                compress(state, &std::array::from_fn(word))
            });
            let digest: Vec<u8> = state.iter().flat_map(|word| word.to_be_bytes()).collect();
            assert_eq!(digest, sha2::Sha256::digest(&message).to_vec(), "{length} bytes");
        }
    }

    /// FIPS 180-4 example: "abc".
    #[test]
    fn abc() {
        let mut block = [0; 16];
        block[0] = 0x6162_6380;
        block[15] = 24;
        let digest =
            [0xba7816bf, 0x8f01cfea, 0x414140de, 0x5dae2223, 0xb00361a3, 0x96177a9c, 0xb410ff61, 0xf20015ad];
        assert_eq!(compress(START, &block), digest);
    }
}
