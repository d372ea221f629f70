//! The golden model: what a transform is, and the passes of which the card makes it, on BigUint.
//!
//! A [`Transform`] of n = 2^log_n elements is, in natural order of both sides,
//!
//! ```text
//! X[k] = first rpost^k * sum over j of rpre^j x[j] omega^(j k)
//! ```
//!
//! - forward: omega; on the coset of shift s: rpre = s.
//! - inverse: omega^-1, first = 1/n; from the coset: rpost = 1/s.
//!
//! A [`Pass`] is what the card does in one command: with L = 2^log_len, P = 2^log_before, Q = 2^log_after, n = P L Q, for each
//! row K < P and column q < Q
//!
//! ```text
//! Y[l'] = out_ratio^l' * sum over l of in_first in_first_step^K (in_ratio in_ratio_step^K)^l x[(K L + l) Q + q] omega^(l l')
//! ```
//!
//! which is written at element (K + P l') Q + q: Stockham's order, so that passes one after another keep the natural order.
//! The first pass of all may read, the last may write, the vector in bit-reversed order. [`Residues::plan`] makes a
//! transform of any number of passes; no table of theirs grows with n.
//!
//! Every number is a canonical Montgomery residue and every product a Montgomery product. A value has one representation,
//! so the model is free in the order of its work.

use crate::field::Field;
use num_bigint::BigUint;

/// Order of the elements of a vector.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    Natural,
    /// Place i holds element number reverse(i), see [`reverse`].
    BitReversed,
}

/// Factors of a vector: element i (by its number, wherever it lies) is multiplied by `first * ratio^i`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Powers {
    pub first: BigUint,
    pub ratio: BigUint,
}

/// One transform; see the module's formula.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transform {
    /// log2 of the number of elements.
    pub log_n: u32,
    /// An element of order 2^log_n.
    pub omega: BigUint,
    /// rpre.
    pub pre: BigUint,
    /// first, rpost.
    pub post: Powers,
    pub input: Order,
    pub output: Order,
}

/// One pass; see the module's formula.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pass {
    pub log_before: u32,
    pub log_len: u32,
    pub log_after: u32,
    /// Bit-reversed only with `log_before` = 0.
    pub input: Order,
    /// Bit-reversed only with `log_after` = 0.
    pub output: Order,
    /// An element of order 2^log_len.
    pub omega: BigUint,
    pub in_first: BigUint,
    pub in_first_step: BigUint,
    pub in_ratio: BigUint,
    pub in_ratio_step: BigUint,
    pub out_ratio: BigUint,
}

/// The low `bits` bits of `i`, reversed.
pub fn reverse(i: usize, bits: u32) -> usize {
    if bits == 0 {
        0
    } else {
        i.reverse_bits() >> (usize::BITS - bits)
    }
}

/// The permutation between the two orders; it is its own inverse. `x` has a power of two of elements.
pub fn permute(x: &[BigUint]) -> Vec<BigUint> {
    let bits = log2(x.len());
    (0..x.len()).map(|i| x[reverse(i, bits)].clone()).collect()
}

/// # Panics
/// If `n` is not a power of two.
fn log2(n: usize) -> u32 {
    assert!(n.is_power_of_two(), "{n} elements: not a power of two");
    n.ilog2()
}

/// A prime field as the transforms use it.
#[derive(Clone, Debug)]
pub struct Residues {
    field: Field,
    r_inverse: BigUint,
}

impl Residues {
    pub fn new(field: Field) -> Residues {
        let r_inverse = field.r_inverse();
        Residues { field, r_inverse }
    }

    /// 1.
    pub fn one(&self) -> BigUint {
        self.field.one()
    }

    pub fn add(&self, a: &BigUint, b: &BigUint) -> BigUint {
        (a + b) % &self.field.p
    }

    pub fn sub(&self, a: &BigUint, b: &BigUint) -> BigUint {
        (a + &self.field.p - b) % &self.field.p
    }

    pub fn mul(&self, a: &BigUint, b: &BigUint) -> BigUint {
        a * b * &self.r_inverse % &self.field.p
    }

    pub fn pow(&self, base: &BigUint, exponent: usize) -> BigUint {
        let bits = (0..usize::BITS - exponent.leading_zeros()).rev();
        bits.fold(self.one(), |acc, bit| {
            let square = self.mul(&acc, &acc);
            if exponent >> bit & 1 == 1 {
                self.mul(&square, base)
            } else {
                square
            }
        })
    }

    /// # Panics
    /// If `a` is 0.
    pub fn inverse(&self, a: &BigUint) -> BigUint {
        // a stands for v with a = v R, so that R / v = R^2 / a.
        let r = self.one();
        let inverse = a.modinv(&self.field.p).expect("not 0");
        inverse * &r % &self.field.p * r % &self.field.p
    }

    /// The residue of the integer `v`.
    pub fn integer(&self, v: usize) -> BigUint {
        BigUint::from(v) * self.one() % &self.field.p
    }

    /// Whether `omega` has order 2^log_n.
    pub fn is_root(&self, omega: &BigUint, log_n: u32) -> bool {
        let Some(half) = log_n.checked_sub(1) else { return *omega == self.one() };
        let minus_one = (0..half).fold(omega.clone(), |w, _| self.mul(&w, &w));
        self.add(&minus_one, &self.one()) == BigUint::ZERO
    }

    /// From coefficients to values on the coset of `shift` (1: the subgroup itself), natural order.
    pub fn forward(&self, log_n: u32, omega: &BigUint, shift: &BigUint) -> Transform {
        let post = Powers { first: self.one(), ratio: self.one() };
        let (input, output) = (Order::Natural, Order::Natural);
        Transform { log_n, omega: omega.clone(), pre: shift.clone(), post, input, output }
    }

    /// The inverse of [`Residues::forward`] with the same parameters; `shift` is not 0.
    pub fn backward(&self, log_n: u32, omega: &BigUint, shift: &BigUint) -> Transform {
        let first = self.inverse(&self.integer(1 << log_n));
        let post = Powers { first, ratio: self.inverse(shift) };
        let (input, output) = (Order::Natural, Order::Natural);
        Transform { log_n, omega: self.inverse(omega), pre: self.one(), post, input, output }
    }

    /// A butterfly: a + b, (a - b) w.
    pub fn butterfly(&self, a: &BigUint, b: &BigUint, w: &BigUint) -> (BigUint, BigUint) {
        (self.add(a, b), self.mul(&self.sub(a, b), w))
    }

    /// The elements times their factors, computed as they go by: `x` in natural order.
    pub fn scale(&self, x: &mut [BigUint], powers: &Powers) {
        let mut factor = powers.first.clone();
        for x in x {
            *x = self.mul(x, &factor);
            factor = self.mul(&factor, &powers.ratio);
        }
    }

    /// Sums over j of x[j] omega^(j k), natural order on both sides, by decimation in frequency.
    fn dft(&self, omega: &BigUint, x: &[BigUint]) -> Vec<BigUint> {
        let mut x = x.to_vec();
        let mut root = omega.clone();
        for half in (0..log2(x.len())).rev().map(|stage| 1 << stage) {
            for group in x.chunks_mut(2 * half) {
                let (low, high) = group.split_at_mut(half);
                let mut twiddle = self.one();
                for (a, b) in low.iter_mut().zip(high) {
                    (*a, *b) = self.butterfly(a, b, &twiddle);
                    twiddle = self.mul(&twiddle, &root);
                }
            }
            root = self.mul(&root, &root);
        }
        permute(&x)
    }

    /// Y of row `row` of the pass, for the elements `x` of one column.
    pub fn row(&self, pass: &Pass, row: usize, x: &[BigUint]) -> Vec<BigUint> {
        let of_row = |value, step| self.mul(value, &self.pow(step, row));
        let first = of_row(&pass.in_first, &pass.in_first_step);
        let ratio = of_row(&pass.in_ratio, &pass.in_ratio_step);
        let mut x = x.to_vec();
        self.scale(&mut x, &Powers { first, ratio });
        let mut y = self.dft(&pass.omega, &x);
        self.scale(&mut y, &Powers { first: self.one(), ratio: pass.out_ratio.clone() });
        y
    }

    /// The vector after the pass; `x` is the one before.
    ///
    /// # Panics
    /// If `x` has another length than the pass, omega another order than 2^log_len, or a side is bit-reversed that cannot be.
    pub fn pass(&self, pass: &Pass, x: &[BigUint]) -> Vec<BigUint> {
        let [p, len, q] = [pass.log_before, pass.log_len, pass.log_after].map(|log| 1usize << log);
        assert_eq!(x.len(), p * len * q, "elements");
        assert!(self.is_root(&pass.omega, pass.log_len), "omega has another order than 2^{}", pass.log_len);
        assert!(p == 1 || pass.input == Order::Natural, "reversed input of a pass with rows");
        assert!(q == 1 || pass.output == Order::Natural, "reversed output of a pass with columns");
        let x = in_order(pass.input, x.to_vec());
        let mut out = vec![BigUint::ZERO; x.len()];
        for row in 0..p {
            for column in 0..q {
                let taken: Vec<_> = (0..len).map(|l| x[(row * len + l) * q + column].clone()).collect();
                for (l, y) in self.row(pass, row, &taken).into_iter().enumerate() {
                    out[(row + p * l) * q + column] = y;
                }
            }
        }
        in_order(pass.output, out)
    }

    /// `t` as passes of the lengths 2^`log_lens`, one after another.
    ///
    /// # Panics
    /// If the lengths do not make up `t`'s.
    pub fn plan(&self, t: &Transform, log_lens: &[u32]) -> Vec<Pass> {
        assert_eq!(log_lens.iter().sum::<u32>(), t.log_n, "{log_lens:?}");
        let mut log_before = 0;
        let pass = |(i, &log_len): (usize, &u32)| {
            let log_after = t.log_n - log_before - log_len;
            let (is_first, is_last) = (i == 0, i + 1 == log_lens.len());
            let power = |base, log: u32| self.pow(base, 1 << log);
            let at_last = |value: BigUint| if is_last { value } else { self.one() };
            let order = |here, order| if here { order } else { Order::Natural };
            let pass = Pass {
                log_before,
                log_len,
                log_after,
                input: order(is_first, t.input),
                output: order(is_last, t.output),
                omega: power(&t.omega, log_before + log_after),
                in_first: at_last(t.post.first.clone()),
                in_first_step: at_last(t.post.ratio.clone()),
                in_ratio: power(&t.pre, log_after),
                in_ratio_step: power(&t.omega, log_after),
                out_ratio: at_last(power(&t.post.ratio, log_before)),
            };
            log_before += log_len;
            pass
        };
        log_lens.iter().enumerate().map(pass).collect()
    }

    /// `t` in one pass.
    pub fn transform(&self, t: &Transform, x: &[BigUint]) -> Vec<BigUint> {
        self.plan(t, &[t.log_n]).iter().fold(x.to_vec(), |x, pass| self.pass(pass, &x))
    }
}

/// From natural to the given order, or back.
fn in_order(order: Order, x: Vec<BigUint>) -> Vec<BigUint> {
    match order {
        Order::Natural => x,
        Order::BitReversed => permute(&x),
    }
}
