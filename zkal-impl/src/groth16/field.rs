//! Field elements and points as iden3's files and snarkjs' JSON hold them, and the primes of other curves by name.

use ark_bn254::{Fq, Fr};
use ark_ff::{BigInt, PrimeField};
use num_bigint::BigUint;

use super::binfile::Section;
use crate::error::{Error, Result};

/// Primes that circom and snarkjs know, to say what a foreign file is for.
const KNOWN: [(&str, &str); 9] = [
    ("the base field of BN254 (bn128), which is the scalar field of Grumpkin", BN254_Q),
    ("the scalar field of BN254 (bn128)", BN254_R),
    (
        "the base field of BLS12-381",
        "4002409555221667393417789825735904156556882819939007885332058136124031650490837864442687629129015664037894272559787",
    ),
    ("the scalar field of BLS12-381", "52435875175126190479447740508185965837690552500527637822603658699938581184513"),
    ("the scalar field of BLS12-377", "8444461749428370424248824938781546531375899335154063827935233455917409239041"),
    ("Goldilocks", "18446744069414584321"),
    ("Pallas", "28948022309329048855892746252171976963363056481941560715954676764349967630337"),
    ("Vesta", "28948022309329048855892746252171976963363056481941647379679742748393362948097"),
    ("secq256r1", "115792089210356248762697446949407573530086143415290314195533631308867097853951"),
];
const BN254_Q: &str = "21888242871839275222246405745257275088696311157297823662689037894645226208583";
const BN254_R: &str = "21888242871839275222246405745257275088548364400416034343698204186575808495617";

/// Longest prime read, bytes; longer ones are damage.
const LONGEST_PRIME: u32 = 128;

/// Reads a prime with its length (`n8`, u32) and checks that it is that of `F`.
///
/// # Errors
/// [`Error::OtherCurve`] naming the curve found, [`Error::Damaged`] when the length makes no sense.
pub(crate) fn expect_prime<F: PrimeField>(section: &mut Section<'_>, field: &'static str) -> Result<()> {
    let n8 = section.u32()?;
    if n8 == 0 || n8 > LONGEST_PRIME {
        return Err(section.damaged(format!("the {field} prime is said to have {n8} bytes, 32 expected")));
    }
    let mut bytes = vec![0; n8 as usize];
    section.fill(&mut bytes)?;
    let prime = BigUint::from_bytes_le(&bytes);
    if n8 == 32 && prime == F::MODULUS.into() {
        return Ok(());
    }
    let decimal = prime.to_string();
    let found = match KNOWN.iter().find(|(_, known)| *known == decimal) {
        Some((name, _)) => format!("{name}, {decimal}"),
        None => format!("no curve known here, {decimal}"),
    };
    Err(Error::OtherCurve { path: section.path().to_owned(), field, found })
}

/// Little-endian limbs of 32 bytes.
pub(crate) fn limbs(bytes: &[u8; 32]) -> BigInt<4> {
    BigInt(std::array::from_fn(|i| u64::from_le_bytes(std::array::from_fn(|j| bytes[8 * i + j]))))
}

/// A base field element stored in Montgomery form; none when the bytes are not below q.
pub(crate) fn fq_from_montgomery(bytes: &[u8; 32]) -> Option<Fq> {
    let raw = limbs(bytes);
    (raw < Fq::MODULUS).then(|| Fq::new_unchecked(raw))
}

/// A coefficient of a `.zkey`, stored as value · R² mod r (Montgomery form applied twice); none when the bytes are not
/// below r.
pub(crate) fn fr_from_double_montgomery(bytes: &[u8; 32]) -> Option<Fr> {
    let raw = limbs(bytes);
    // Read as Montgomery form, the bytes stand for value · R; written out as an integer, that is the Montgomery form
    // of the value.
    (raw < Fr::MODULUS).then(|| Fr::new_unchecked(Fr::new_unchecked(raw).into_bigint()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use ark_ff::UniformRand;

    #[test]
    fn known_primes_are_those_of_arkworks() {
        assert_eq!(BN254_Q, BigUint::from(Fq::MODULUS).to_string());
        assert_eq!(BN254_R, BigUint::from(Fr::MODULUS).to_string());
    }

    #[test]
    fn coefficients_lose_both_montgomery_factors() {
        let (mut rng, seed) = crate::engine::testing::rng();
        let value = Fr::rand(&mut rng);
        let r = BigUint::from(Fr::MODULUS);
        let stored = BigUint::from(value.into_bigint()) * (BigUint::from(1u8) << 512usize) % &r;
        let mut bytes = stored.to_bytes_le();
        bytes.resize(32, 0);
        let bytes: [u8; 32] = bytes.try_into().expect("32 bytes");
        assert_eq!(fr_from_double_montgomery(&bytes), Some(value), "seed {seed}");
        assert_eq!(fr_from_double_montgomery(&[0xff; 32]), None);
    }
}
