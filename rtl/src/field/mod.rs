//! Prime-field units: Montgomery arithmetic, the prime's constants folded into the reduction. BN254's fields have R = 2^256;
//! the same generator makes units of other primes and radices, down to those small enough to be proved whole.
//!
//! | module | contents |
//! |---|---|
//! | [`num`] | integers as limbs of graph nodes: carry-free addition and subtraction, normalisation, full reduction |
//! | [`product`] | products of two integers: columns of limb products, or Karatsuba over DSP tiles |
//! | [`mont`] | Montgomery reduction of a product |
//! | [`ext_mul`] | products of Fq2: three products of Fq in turn on one multiplier |
//! | [`functions`] | Verilog functions on canonical elements: sum, difference, triple |
//! | [`inverse`] | inversion, constant time, without a multiplier |
//! | [`koala_bear`] | KoalaBear: product with its own reduction, sum, difference |
//! | [`units`] | the pipelines that other units and reports use: multiply, multiply-add, conversion |

pub mod ext_mul;
pub mod functions;
pub mod inverse;
pub mod koala_bear;
pub mod mont;
pub mod num;
pub mod product;
pub mod units;

use num_bigint::BigUint;
use num_integer::Integer;
use num_traits::One;

/// A prime field in Montgomery form.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Field {
    /// Short name used in module names.
    pub name: &'static str,
    /// Name for texts.
    pub title: &'static str,
    pub p: BigUint,
    /// Bits of a canonical element.
    pub bits: usize,
    /// log2 of the Montgomery radix R.
    pub r_bits: usize,
}

/// log2 of the Montgomery radix of both BN254 fields: bytes on the card are the bytes in the host library.
pub const R_BITS: usize = 256;

/// Bits of a canonical element of either BN254 field.
pub const FIELD_BITS: usize = 254;

impl Field {
    /// BN254's base field (EIP-196).
    pub fn fq() -> Field {
        Field::parse("fq", "BN254 fq", "30644e72e131a029b85045b68181585d97816a916871ca8d3c208c16d87cfd47")
    }

    /// BN254's scalar field.
    pub fn fr() -> Field {
        Field::parse("fr", "BN254 fr", "30644e72e131a029b85045b68181585d2833e84879b9709143e1f593f0000001")
    }

    /// KoalaBear, p = 2^31 - 2^24 + 1, R = 2^32: Plonky3's wire form.
    pub fn koala_bear() -> Field {
        Field::new("kb", "KoalaBear", BigUint::from(0x7f00_0001u32), 32)
    }

    fn parse(name: &'static str, title: &'static str, hex: &str) -> Field {
        Field::new(name, title, BigUint::parse_bytes(hex.as_bytes(), 16).expect("constant"), R_BITS)
    }

    /// The field of the odd prime `p` with R = 2^`r_bits`, at least 2 p.
    pub fn new(name: &'static str, title: &'static str, p: BigUint, r_bits: usize) -> Field {
        let bits = p.bits() as usize;
        assert!(p.bit(0) && bits < r_bits, "{title}: p is odd and R at least 2 p");
        Field { name, title, p, bits, r_bits }
    }

    /// R mod p: one in Montgomery form.
    pub fn one(&self) -> BigUint {
        (BigUint::one() << self.r_bits) % &self.p
    }

    /// `-p^-1 mod 2^bits`: the factor that makes a number divisible by 2^bits.
    pub fn n_prime(&self, bits: usize) -> BigUint {
        let m = BigUint::one() << bits;
        let inv = self.p.modinv(&m).expect("p is odd");
        &m - inv
    }

    /// Montgomery product `a b / R mod p`, fully reduced: the naive oracle.
    pub fn mont_mul(&self, a: &BigUint, b: &BigUint) -> BigUint {
        (a * b * self.r_inverse()).mod_floor(&self.p)
    }

    /// `R^-1 mod p`, for models that keep it: [`mont_mul`](Self::mont_mul) finds it anew for every product.
    pub fn r_inverse(&self) -> BigUint {
        (BigUint::one() << self.r_bits).modinv(&self.p).expect("p is odd")
    }
}
