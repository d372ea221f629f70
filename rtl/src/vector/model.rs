//! The golden model of the vector operations, on BN254's scalar field Fr.
//!
//! Every number is a canonical Montgomery residue, R = 2^256, as on the ports: the only representative of its class, so that the
//! model is free in how it multiplies. "1" is `R mod p`. Vectors may be empty; vectors of one call have the same length.

use crate::field::{inverse, Field};
use num_bigint::BigUint;
use num_traits::Zero;

/// An operand of [`Model::map`].
#[derive(Clone, Copy, Debug)]
pub enum Operand<'a> {
    /// Element i is the vector's.
    Vector(&'a [BigUint]),
    /// Every element is this one.
    Scalar(&'a BigUint),
    /// Element i is the i-th power of this one, from g^0 = 1.
    Powers(&'a BigUint),
}

/// Signs in [`Model::map`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Signs {
    /// -a b instead of a b.
    pub negate_product: bool,
    /// - c instead of + c.
    pub negate_addend: bool,
}

/// What element i of a prefix product covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Prefix {
    /// Elements 0 to i.
    Inclusive,
    /// Elements 0 to i - 1; the first is 1.
    Exclusive,
}

/// The arithmetic of the vector operations.
pub struct Model {
    fr: Field,
    r_inverse: BigUint,
}

impl Default for Model {
    fn default() -> Self {
        Self::new()
    }
}

impl Model {
    pub fn new() -> Model {
        let fr = Field::fr();
        let r_inverse = fr.r_inverse();
        Model { fr, r_inverse }
    }

    /// d_i = ±a_i b_i ± c_i for i below `n`.
    ///
    /// Special cases: sum and difference (b = 1), product (c = 0), scaling (b a scalar, c = 0), negation (b = 1, c = 0,
    /// product negated), copy (b = 1, c = 0).
    ///
    /// # Panics
    /// A vector is shorter than `n`.
    pub fn map(&self, n: usize, a: Operand, b: Operand, c: Operand, signs: Signs) -> Vec<BigUint> {
        let [a, b, c] = [a, b, c].map(|operand| self.elements(n, operand));
        let signed = |negate: bool, x: BigUint| if negate { self.negate(&x) } else { x };
        (a.iter().zip(&b).zip(c))
            .map(|((a, b), c)| {
                let product = signed(signs.negate_product, self.mul(a, b));
                self.add(&product, &signed(signs.negate_addend, c))
            })
            .collect()
    }

    /// s g^i for i below `n`.
    pub fn powers(&self, n: usize, s: &BigUint, g: &BigUint) -> Vec<BigUint> {
        let next = |power: &BigUint| Some(self.mul(power, g));
        std::iter::successors(Some(s.clone()), next).take(n).collect()
    }

    /// The sum of all elements; 0 of none.
    pub fn sum(&self, a: &[BigUint]) -> BigUint {
        a.iter().fold(BigUint::zero(), |sum, x| self.add(&sum, x))
    }

    /// The sum of a_i b_i.
    ///
    /// # Panics
    /// The lengths differ.
    pub fn inner_product(&self, a: &[BigUint], b: &[BigUint]) -> BigUint {
        assert_eq!(a.len(), b.len(), "vectors of one length");
        a.iter().zip(b).fold(BigUint::zero(), |sum, (x, y)| self.add(&sum, &self.mul(x, y)))
    }

    /// The polynomial with the coefficients `a`, a_0 first, at `x`: Horner's rule.
    pub fn evaluate(&self, a: &[BigUint], x: &BigUint) -> BigUint {
        a.iter().rev().fold(BigUint::zero(), |value, a| self.add(&self.mul(&value, x), a))
    }

    /// The products of the elements so far.
    pub fn prefix_product(&self, a: &[BigUint], kind: Prefix) -> Vec<BigUint> {
        let mut product = self.fr.one();
        a.iter()
            .map(|x| {
                let before = product.clone();
                product = self.mul(&product, x);
                match kind {
                    Prefix::Inclusive => product.clone(),
                    Prefix::Exclusive => before,
                }
            })
            .collect()
    }

    /// The inverse of every element; that of zero is zero. One inversion in all (Montgomery's trick).
    pub fn batch_inverse(&self, a: &[BigUint]) -> Vec<BigUint> {
        let factor = |x: &BigUint| if x.is_zero() { self.fr.one() } else { x.clone() };
        let factors: Vec<BigUint> = a.iter().map(factor).collect();
        let before = self.prefix_product(&factors, Prefix::Exclusive);
        let all = factors.iter().fold(self.fr.one(), |product, x| self.mul(&product, x));
        // The inverse of the product of elements 0 to i.
        let mut rest = inverse::model(&self.fr, &all);
        let mut inverses = vec![BigUint::zero(); a.len()];
        for i in (0..a.len()).rev() {
            if !a[i].is_zero() {
                inverses[i] = self.mul(&rest, &before[i]);
            }
            rest = self.mul(&rest, &factors[i]);
        }
        inverses
    }

    fn elements(&self, n: usize, operand: Operand) -> Vec<BigUint> {
        match operand {
            Operand::Vector(v) => v[..n].to_vec(),
            Operand::Scalar(s) => vec![s.clone(); n],
            Operand::Powers(g) => self.powers(n, &self.fr.one(), g),
        }
    }

    fn mul(&self, a: &BigUint, b: &BigUint) -> BigUint {
        a * b * &self.r_inverse % &self.fr.p
    }

    fn add(&self, a: &BigUint, b: &BigUint) -> BigUint {
        (a + b) % &self.fr.p
    }

    fn negate(&self, a: &BigUint) -> BigUint {
        (&self.fr.p - a) % &self.fr.p
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ark_bn254::Fr;
    use ark_ff::{BigInteger, Field as _};
    use ark_std::UniformRand;
    use rand::{Rng, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    const LENGTHS: [usize; 6] = [0, 1, 2, 3, 77, 1000];

    fn rng() -> ChaCha8Rng {
        let seed = std::env::var("PERMAFROST_SEED").ok().and_then(|s| s.parse().ok()).unwrap_or(0x5eed_0031);
        println!("seed {seed} (set PERMAFROST_SEED to repeat)");
        ChaCha8Rng::seed_from_u64(seed)
    }

    /// Montgomery form: what arkworks keeps inside.
    fn words(v: &[Fr]) -> Vec<BigUint> {
        v.iter().map(word).collect()
    }

    fn word(v: &Fr) -> BigUint {
        BigUint::from_bytes_le(&v.0.to_bytes_le())
    }

    /// Random elements, with 0, 1 and p - 1 among them (a quarter of them, or all).
    fn vector(rng: &mut ChaCha8Rng, n: usize, corners_only: bool) -> Vec<Fr> {
        let corners = [Fr::zero(), Fr::from(1u64), -Fr::from(1u64)];
        (0..n)
            .map(|_| match rng.gen_range(0..12) {
                k if k < 3 || corners_only => corners[k % 3],
                _ => Fr::rand(rng),
            })
            .collect()
    }

    /// Calls `check` with vectors of every length, random ones and corners.
    fn each(check: impl Fn(&Model, &mut ChaCha8Rng, &[Fr], &[Fr], &[Fr], Fr)) {
        let (model, mut rng) = (Model::new(), rng());
        for n in LENGTHS {
            for corners_only in [false, true] {
                let [a, b, c] = [(); 3].map(|_| vector(&mut rng, n, corners_only));
                let x = vector(&mut rng, 1, corners_only)[0];
                check(&model, &mut rng, &a, &b, &c, x);
            }
        }
    }

    #[test]
    fn map_is_arkworks() {
        each(|model, rng, a, b, c, x| {
            let n = a.len();
            let vectors = [a, b, c].map(words);
            let scalar = word(&x);
            let powers: Vec<Fr> = (0..n as u64).map(|i| x.pow([i])).collect();
            for kinds in 0..27usize {
                let kind = |k: usize| kinds / 3usize.pow(k as u32) % 3;
                let operands = [0, 1, 2].map(|k| match kind(k) {
                    0 => Operand::Vector(&vectors[k]),
                    1 => Operand::Scalar(&scalar),
                    _ => Operand::Powers(&scalar),
                });
                let value = |k: usize, i: usize| match kind(k) {
                    0 => [a, b, c][k][i],
                    1 => x,
                    _ => powers[i],
                };
                let signs = Signs { negate_product: rng.gen(), negate_addend: rng.gen() };
                let sign = |negate: bool, v: Fr| if negate { -v } else { v };
                let expected: Vec<Fr> = (0..n)
                    .map(|i| {
                        sign(signs.negate_product, value(0, i) * value(1, i))
                            + sign(signs.negate_addend, value(2, i))
                    })
                    .collect();
                let [a, b, c] = operands;
                assert_eq!(model.map(n, a, b, c, signs), words(&expected), "{n} elements, {operands:?}");
            }
        });
    }

    #[test]
    fn scalar_results_are_arkworks() {
        each(|model, _, a, b, _, x| {
            let sum: Fr = a.iter().sum();
            assert_eq!(model.sum(&words(a)), word(&sum));
            let product: Fr = a.iter().zip(b).map(|(a, b)| a * b).sum();
            assert_eq!(model.inner_product(&words(a), &words(b)), word(&product));
            let value: Fr = a.iter().enumerate().map(|(i, a)| *a * x.pow([i as u64])).sum();
            assert_eq!(model.evaluate(&words(a), &word(&x)), word(&value));
        });
    }

    #[test]
    fn powers_and_prefix_products_are_arkworks() {
        each(|model, rng, a, _, _, x| {
            let s = Fr::rand(rng);
            let powers: Vec<Fr> = (0..a.len() as u64).map(|i| s * x.pow([i])).collect();
            assert_eq!(model.powers(a.len(), &word(&s), &word(&x)), words(&powers));
            let until = |end: usize| a[..end].iter().product::<Fr>();
            let inclusive: Vec<Fr> = (0..a.len()).map(|i| until(i + 1)).collect();
            let exclusive: Vec<Fr> = (0..a.len()).map(until).collect();
            assert_eq!(model.prefix_product(&words(a), Prefix::Inclusive), words(&inclusive));
            assert_eq!(model.prefix_product(&words(a), Prefix::Exclusive), words(&exclusive));
            // A zero ends what can be compared: the same without zeros.
            let units: Vec<Fr> = a.iter().map(|x| if x.is_zero() { s } else { *x }).collect();
            let products: Vec<Fr> = (1..=units.len()).map(|end| units[..end].iter().product()).collect();
            assert_eq!(model.prefix_product(&words(&units), Prefix::Inclusive), words(&products));
        });
    }

    #[test]
    fn inverses_are_arkworks_and_zeros_stay() {
        each(|model, _, a, _, _, _| {
            let inverses: Vec<Fr> = a.iter().map(|x| x.inverse().unwrap_or(Fr::zero())).collect();
            assert_eq!(model.batch_inverse(&words(a)), words(&inverses));
        });
    }
}
