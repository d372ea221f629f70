//! Hashing: Poseidon2 of 16 KoalaBear elements with the standard constants, as the `poseidon2` table proves it.
//!
//! All digests are 8 elements (248 bits). A node's is the truncated permutation of p3-symmetric: no feed-forward, so a collision
//! is easily made by inverting the permutation, but its two halves are then as good as random and have no known preimages. A tree of
//! such nodes binds only if the leaves' hash resists collisions by itself. Hence a leaf adds its input to the output
//! ([`leaf`]), which nobody knows how to invert, and [`absorb`] fixes six elements of its input to zero.

use std::sync::LazyLock;

use p3_field::{PrimeCharacteristicRing, PrimeField32};
use p3_koala_bear::{default_koalabear_poseidon2_16, Poseidon2KoalaBear};
use p3_symmetric::Permutation;

use crate::record::BLOCK;
use crate::{Digest, F};

static POSEIDON2: LazyLock<Poseidon2KoalaBear<16>> = LazyLock::new(default_koalabear_poseidon2_16);

/// Poseidon2 of 16 elements.
pub fn permute(mut state: [F; 16]) -> [F; 16] {
    POSEIDON2.permute_mut(&mut state);
    state
}

/// The digest of two digests: the first 8 elements of Poseidon2 of `left ‖ right`.
pub fn compress(left: &Digest, right: &Digest) -> Digest {
    let state = permute(core::array::from_fn(|i| if i < 8 { left[i] } else { right[i - 8] }));
    core::array::from_fn(|i| state[i])
}

/// A digest in hexadecimal, as commands print it: eight digits for each element, in order.
pub fn hex(digest: &Digest) -> String {
    digest.iter().map(|element| format!("{:08x}", element.as_canonical_u32())).collect()
}

/// The 16 halves of a block's words: low 0, high 0, low 1, ...
pub fn halves(words: &[u32; BLOCK]) -> [F; 16] {
    core::array::from_fn(|i| F::from_u32(words[i / 2] >> (16 * (i % 2)) & 0xffff))
}

/// The digest of a block of memory: the first 8 elements of Poseidon2 of its [`halves`], plus the first 8 halves.
///
/// Without that sum a prover could take any block's digest, choose the other 8 elements of the output and invert: 16 elements with
/// the same digest, which are not the block's.
pub fn leaf(words: &[u32; BLOCK]) -> Digest {
    let input = halves(words);
    let state = permute(input);
    core::array::from_fn(|i| state[i] + input[i])
}

/// The digest of a sequence of words after one more: the first 8 elements of Poseidon2 of `digest ‖ low, high, 0, 0, 0, 0, 0, 0`.
/// The digest of no words is 8 zeros.
pub fn absorb(digest: &Digest, word: u32) -> Digest {
    let mut right = [F::ZERO; 8];
    right[0] = F::from_u32(word & 0xffff);
    right[1] = F::from_u32(word >> 16);
    compress(digest, &right)
}

#[cfg(test)]
mod tests {
    use p3_field::{Field, PrimeField64};
    use p3_symmetric::{PseudoCompressionFunction, TruncatedPermutation};

    use super::*;

    fn digests() -> Vec<Digest> {
        let counting = core::array::from_fn(F::from_usize);
        vec![
            [F::ZERO; 8],
            [F::ONE; 8],
            [F::NEG_ONE; 8],
            counting,
            permute([F::TWO; 16])[..8].try_into().unwrap(),
        ]
    }

    #[test]
    fn nodes_are_those_of_plonky3() {
        let reference = TruncatedPermutation::<_, 2, 8, 16>::new(default_koalabear_poseidon2_16());
        for left in digests() {
            for right in digests() {
                assert_eq!(compress(&left, &right), reference.compress([left, right]));
            }
        }
    }

    #[test]
    fn every_half_of_a_leaf_counts() {
        let words = [0, 1, 0xffff, 0x1_0000, 0x7fff_ffff, 0x8000_0000, 0xffff_0000, 0xffff_ffff];
        let mut seen = vec![leaf(&words), leaf(&[0; 8])];
        for i in 0..8 {
            for bit in [1, 1 << 15, 1 << 16, 1 << 31] {
                let mut other = words;
                other[i] ^= bit;
                seen.push(leaf(&other));
            }
        }
        let all = seen.len();
        seen.sort_unstable_by_key(|digest| digest.map(|e| e.to_string()));
        seen.dedup();
        assert_eq!(seen.len(), all);
    }

    #[test]
    fn a_leaf_is_the_permutation_and_its_input() {
        let words = [0x0002_0001, 0x0004_0003, 0, 0, 0, 0, 0, 0xffff_fffe];
        let mut input = [F::ZERO; 16];
        for (i, half) in [(0, 1), (1, 2), (2, 3), (3, 4), (14, 0xfffe), (15, 0xffff)] {
            input[i] = F::from_u32(half);
        }
        let output = permute(input);
        assert_eq!(leaf(&words), core::array::from_fn(|i| output[i] + input[i]));
    }

    #[test]
    fn the_order_of_words_counts() {
        let zero = [F::ZERO; 8];
        assert_ne!(absorb(&absorb(&zero, 1), 2), absorb(&absorb(&zero, 2), 1));
        assert_ne!(absorb(&zero, 0), zero, "a zero word is a word");
        assert_ne!(absorb(&zero, 1), absorb(&zero, 1 << 16));
    }

    /// Gauss: the state that the linear `layer` takes to `target`.
    fn before(layer: impl Fn(&mut [F; 16]), target: [F; 16]) -> [F; 16] {
        let mut rows: [[F; 17]; 16] =
            core::array::from_fn(|i| core::array::from_fn(|j| if j == 16 { target[i] } else { F::ZERO }));
        for column in 0..16 {
            let mut unit = [F::ZERO; 16];
            unit[column] = F::ONE;
            layer(&mut unit);
            (0..16).for_each(|i| rows[i][column] = unit[i]);
        }
        for pivot in 0..16 {
            let row = (pivot..16).find(|&row| rows[row][pivot] != F::ZERO).expect("an invertible layer");
            rows.swap(pivot, row);
            let scale = rows[pivot][pivot].inverse();
            rows[pivot] = rows[pivot].map(|cell| cell * scale);
            for row in (0..16).filter(|&row| row != pivot) {
                let factor = rows[row][pivot];
                rows[row] = core::array::from_fn(|j| rows[row][j] - factor * rows[pivot][j]);
            }
        }
        rows.map(|row| row[16])
    }

    /// The input that the permutation takes to `state`.
    fn invert(mut state: [F; 16]) -> [F; 16] {
        use p3_koala_bear::{
            GenericPoseidon2LinearLayersKoalaBear as Layers,
            KOALABEAR_POSEIDON2_RC_16_EXTERNAL_FINAL as FINAL,
            KOALABEAR_POSEIDON2_RC_16_EXTERNAL_INITIAL as INITIAL,
            KOALABEAR_POSEIDON2_RC_16_INTERNAL as INTERNAL,
        };
        use p3_poseidon2::GenericPoseidon2LinearLayers;
        let external = <Layers as GenericPoseidon2LinearLayers<16>>::external_linear_layer::<F>;
        let internal = <Layers as GenericPoseidon2LinearLayers<16>>::internal_linear_layer::<F>;
        // 3 d = 1 modulo p - 1.
        let root = |x: F| x.exp_u64((2 * (F::ORDER_U64 - 1) + 1) / 3);
        let full = |state: [F; 16], constants: &[F; 16]| {
            let state = before(external, state);
            core::array::from_fn(|i| root(state[i]) - constants[i])
        };
        for constants in FINAL.iter().rev() {
            state = full(state, constants);
        }
        for constant in INTERNAL.iter().rev() {
            state = before(internal, state);
            state[0] = root(state[0]) - *constant;
        }
        for constants in INITIAL.iter().rev() {
            state = full(state, constants);
        }
        before(external, state)
    }

    #[test]
    fn a_digest_in_hexadecimal() {
        let digest = [0, 1, 0x7f00_0000, 0xabc, 0, 0, 0, 16].map(F::from_u32);
        assert_eq!(hex(&digest), "00000000000000017f00000000000abc00000000000000000000000000000010");
    }

    /// Why a leaf is not the truncated permutation: that has a second preimage for every other half of the output.
    #[test]
    fn another_input_with_the_same_half_of_the_output() {
        let words = [1, 2, 3, 4, 5, 6, 7, 8];
        let mut output = permute(halves(&words));
        assert_eq!(invert(output), halves(&words));
        output[15] += F::ONE;
        let forged = invert(output);
        assert_ne!(forged, halves(&words));
        assert_eq!(permute(forged)[..8], permute(halves(&words))[..8]);
        let digest: Digest = core::array::from_fn(|i| output[i] + forged[i]);
        assert_ne!(digest, leaf(&words));
    }
}
