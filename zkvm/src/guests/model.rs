//! What the guests compute, computed plainly: from the definitions, apart from the guests and from the executor.

use p3_field::{PrimeCharacteristicRing, PrimeField32};

use crate::{hash, F};

/// The n-th Fibonacci number modulo 10^9 + 7.
pub fn fibonacci(n: u32) -> u32 {
    (0..n).fold((0, 1), |(a, b), _| (b, (a + b) % 1_000_000_007)).0
}

/// Of the starts 1 to n, the smallest of those whose Collatz sequence takes the most steps to 1, and the steps.
pub fn collatz(n: u32) -> (u32, u32) {
    let steps = |start: u32| {
        let next = |&x: &u64| (x != 1).then_some(if x % 2 == 0 { x / 2 } else { 3 * x + 1 });
        std::iter::successors(Some(u64::from(start)), next).count() as u32 - 1
    };
    (1..=n).rev().map(|start| (start, steps(start))).max_by_key(|&(_, steps)| steps).unwrap_or_default()
}

/// Marsaglia's 32-bit xorshift generator (13, 17, 5), from the word after the seed.
pub fn xorshift(seed: u32) -> impl Iterator<Item = u32> {
    let next = |&x: &u32| {
        let x = x ^ (x << 13);
        let x = x ^ (x >> 17);
        Some(x ^ (x << 5))
    };
    std::iter::successors(Some(seed), next).skip(1)
}

/// SHA-256 applied n times, to 32 zero bytes at first; words of big-endian bytes (FIPS 180-4).
pub fn sha256(n: u32) -> [u32; 8] {
    // The fractional parts of the square and cube roots of primes, to 32 bits.
    let primes = || (2u128..).filter(|&n| (2..n).all(|d| n % d != 0));
    let root = |value: u128, power: u32| {
        let (mut low, mut high) = (0u128, 1 << 40);
        while high - low > 1 {
            let middle = (low + high) / 2;
            if middle.pow(power) <= value {
                low = middle
            } else {
                high = middle
            }
        }
        low as u32
    };
    let constants: Vec<u32> = primes().take(64).map(|p| root(p << 96, 3)).collect();
    let initial: Vec<u32> = primes().take(8).map(|p| root(p << 64, 2)).collect();
    let mut digest = [0u32; 8];
    for _ in 0..n {
        let mut w = [0u32; 64];
        w[..8].copy_from_slice(&digest);
        (w[8], w[15]) = (1 << 31, 256);
        for i in 16..64 {
            let s0 = w[i - 15].rotate_right(7) ^ w[i - 15].rotate_right(18) ^ (w[i - 15] >> 3);
            let s1 = w[i - 2].rotate_right(17) ^ w[i - 2].rotate_right(19) ^ (w[i - 2] >> 10);
            w[i] = w[i - 16].wrapping_add(s0).wrapping_add(w[i - 7]).wrapping_add(s1);
        }
        let mut s: [u32; 8] = std::array::from_fn(|i| initial[i]);
        for i in 0..64 {
            let [a, b, c, d, e, f, g, h] = s;
            let s1 = e.rotate_right(6) ^ e.rotate_right(11) ^ e.rotate_right(25);
            let s0 = a.rotate_right(2) ^ a.rotate_right(13) ^ a.rotate_right(22);
            let t1 = [s1, (e & f) ^ (!e & g), constants[i], w[i]].into_iter().fold(h, u32::wrapping_add);
            let t2 = s0.wrapping_add((a & b) ^ (a & c) ^ (b & c));
            s = [t1.wrapping_add(t2), a, b, c, d.wrapping_add(t1), e, f, g];
        }
        digest = std::array::from_fn(|i| initial[i].wrapping_add(s[i]));
    }
    digest
}

/// Keccak-f\[1600\] applied n times to the zero state (FIPS 202, section 3); lane (x, y) is at 5y + x.
pub fn keccak(n: u32) -> [u64; 25] {
    let mut state = [0u64; 25];
    for _ in 0..n {
        // The bits of the round constants come from a shift register.
        let mut register = 1u8;
        for _ in 0..24 {
            let c: [u64; 5] = std::array::from_fn(|x| (0..5).fold(0, |c, y| c ^ state[5 * y + x]));
            for (i, lane) in state.iter_mut().enumerate() {
                *lane ^= c[(i + 4) % 5] ^ c[(i + 1) % 5].rotate_left(1);
            }
            let (mut x, mut y, mut lane) = (1, 0, state[1]);
            for t in 0..24u32 {
                (x, y) = (y, (2 * x + 3 * y) % 5);
                lane = std::mem::replace(&mut state[5 * y + x], lane.rotate_left((t + 1) * (t + 2) / 2 % 64));
            }
            for row in state.chunks_mut(5) {
                let old: [u64; 5] = std::array::from_fn(|x| row[x]);
                for x in 0..5 {
                    row[x] = old[x] ^ (!old[(x + 1) % 5] & old[(x + 2) % 5]);
                }
            }
            for j in 0..7 {
                state[0] ^= u64::from(register & 1) << ((1 << j) - 1);
                register = (register << 1) ^ if register >> 7 == 1 { 0x71 } else { 0 };
            }
        }
    }
    state
}

/// Poseidon2-16 applied n times to 0, 1, ..., 15.
pub fn poseidon2(n: u32) -> [u32; 16] {
    let state = (0..n).fold(std::array::from_fn(F::from_usize), |state, _| hash::permute(state));
    state.map(|x| x.as_canonical_u32())
}

/// A full Merkle tree: a node is the first 8 elements of Poseidon2-16(left, right).
#[derive(Clone, Debug)]
pub struct Tree {
    /// The leaves, then each level above, the root last.
    levels: Vec<Vec<[u32; 8]>>,
}

impl Tree {
    /// The tree over as many leaves as a power of two; their words are below p.
    pub fn new(leaves: Vec<[u32; 8]>) -> Self {
        assert!(leaves.len().is_power_of_two(), "{} leaves are no full tree", leaves.len());
        let mut tree = Self { levels: vec![leaves] };
        while tree.levels[tree.levels.len() - 1].len() > 1 {
            let below = &tree.levels[tree.levels.len() - 1];
            let level = below.chunks(2).map(|pair| compress(&pair[0], &pair[1])).collect();
            tree.levels.push(level);
        }
        tree
    }

    /// Levels above the leaves.
    pub fn depth(&self) -> u32 {
        self.levels.len() as u32 - 1
    }

    /// The root.
    pub fn root(&self) -> [u32; 8] {
        self.levels[self.levels.len() - 1][0]
    }

    /// The siblings of a leaf, the lowest first, 8 words each.
    pub fn path(&self, index: u32) -> Vec<u32> {
        let siblings = self.levels.iter().take(self.levels.len() - 1).enumerate();
        siblings.flat_map(|(height, level)| level[(index as usize >> height) ^ 1]).collect()
    }

    /// Writes a leaf.
    pub fn set(&mut self, index: u32, leaf: [u32; 8]) {
        let mut index = index as usize;
        self.levels[0][index] = leaf;
        for height in 1..self.levels.len() {
            index /= 2;
            let below = &self.levels[height - 1];
            self.levels[height][index] = compress(&below[2 * index], &below[2 * index + 1]);
        }
    }
}

fn compress(left: &[u32; 8], right: &[u32; 8]) -> [u32; 8] {
    hash::compress(&left.map(F::from_u32), &right.map(F::from_u32)).map(|x| x.as_canonical_u32())
}

/// An order: amount from one account to another.
#[derive(Clone, Copy, Debug)]
pub struct Transfer {
    /// Whose money.
    pub from: u32,
    /// Who gets it.
    pub to: u32,
    /// How much.
    pub amount: u32,
}

/// The accounts of the guest `transfers`: leaf i is the digest of account i's balance and nonce.
#[derive(Clone, Debug)]
pub struct Ledger {
    accounts: Vec<(u32, u32)>,
    tree: Tree,
}

impl Ledger {
    /// Accounts with these balances and nonces of zero.
    pub fn new(balances: Vec<u32>) -> Self {
        let accounts: Vec<_> = balances.into_iter().map(|balance| (balance, 0)).collect();
        let tree = Tree::new(accounts.iter().map(|&account| digest(account)).collect());
        Self { accounts, tree }
    }

    /// The root.
    pub fn root(&self) -> [u32; 8] {
        self.tree.root()
    }

    /// The guest's input and hints for these transfers, which are applied modulo 2^32, allowed or not.
    pub fn apply(&mut self, transfers: &[Transfer]) -> (Vec<u32>, Vec<u32>) {
        let mut input = [self.root().as_slice(), &[self.tree.depth(), transfers.len() as u32]].concat();
        let mut hints = vec![];
        for &Transfer { from, to, amount } in transfers {
            input.extend([from, to, amount, self.accounts[from as usize].1]);
            for (index, change, count) in [(from, amount.wrapping_neg(), 1), (to, amount, 0)] {
                let account = &mut self.accounts[index as usize];
                hints.extend([account.0, account.1]);
                hints.extend(self.tree.path(index));
                *account = (account.0.wrapping_add(change), account.1 + count);
                self.tree.set(index, digest(*account));
            }
        }
        (input, hints)
    }
}

fn digest((balance, nonce): (u32, u32)) -> [u32; 8] {
    compress(&[balance, nonce, 0, 0, 0, 0, 0, 0], &[0; 8])
}

#[cfg(test)]
mod tests {
    use sha2::Digest as _;

    use super::*;

    #[test]
    fn sha256_is_that_of_the_sha2_crate() {
        let mut bytes = vec![0u8; 32];
        for n in 0..=5 {
            let words: Vec<u32> =
                bytes.chunks(4).map(|c| u32::from_be_bytes([c[0], c[1], c[2], c[3]])).collect();
            assert_eq!(sha256(n).as_slice(), words, "{n} times");
            bytes = sha2::Sha256::digest(&bytes).to_vec();
        }
    }

    /// Intermediate values that the Keccak team publishes for the zero state.
    #[test]
    fn keccak_of_the_zero_state_is_as_published() {
        assert_eq!(keccak(0), [0; 25]);
        assert_eq!(keccak(1)[..3], [0xf125_8f79_40e1_dde7, 0x84d5_ccf9_33c0_478a, 0xd598_261e_a65a_a9ee]);
        assert_eq!(keccak(1)[24], 0xeaf1_ff7b_5cec_a249);
        assert_eq!(keccak(2)[..2], [0x2d5c_954d_f96e_cb3c, 0x6a33_2cd0_7057_b56d]);
    }

    #[test]
    fn small_values_are_those_known() {
        assert_eq!([0, 1, 2, 3, 10, 43].map(fibonacci), [0, 1, 1, 2, 55, 433_494_437]);
        assert_eq!(fibonacci(45), 1_134_903_170 - 1_000_000_007);
        assert_eq!(
            [1, 2, 3, 10, 27, 1000].map(collatz),
            [(1, 0), (2, 1), (3, 7), (9, 19), (27, 111), (871, 178)]
        );
        assert_eq!(xorshift(1).take(2).collect::<Vec<_>>(), [270_369, 67_634_689]);
    }

    #[test]
    fn a_tree_written_leaf_by_leaf_is_the_tree_of_the_leaves() {
        let leaves: Vec<[u32; 8]> = (0..8).map(|i| [i, 7, 0, 0, 0, 0, 0, i * i]).collect();
        let mut tree = Tree::new(vec![[0; 8]; 8]);
        for (index, leaf) in (0..).zip(&leaves) {
            tree.set(index, *leaf);
        }
        assert_eq!(tree.root(), Tree::new(leaves.clone()).root());
        assert_eq!(tree.depth(), 3);
        // The lowest sibling is the neighbour.
        assert_eq!(tree.path(5)[..8], leaves[4]);
        assert_eq!(Tree::new(vec![leaves[1]]).root(), leaves[1], "a tree of one leaf");
    }
}
