//! The golden model: what a transform is, and the ways in which the card computes it, on BigUint.
//!
//! A [`Transform`] of n = 2^log_n elements is, in natural order of both sides,
//!
//! ```text
//! X[k] = post(k) * sum over j of pre(j) x[j] omega^(j k),      pre(i), post(i) = first * ratio^i
//! ```
//!
//! - forward: omega; on the coset of shift s: pre = s^j.
//! - inverse: omega^-1, post = 1/n; from the coset: post = s^-k / n.
//!
//! [`Residues::dif`] goes from natural to bit-reversed order, [`Residues::dit`] from bit-reversed to natural; the
//! factors belong to the natural side of each. [`Residues::four_step`] cuts a transform into short ones that are of these two
//! kinds, with factors that run from one element to the next: no table grows with n.
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
    pub pre: Powers,
    pub post: Powers,
    pub input: Order,
    pub output: Order,
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

    /// Factors that change nothing.
    pub fn no_powers(&self) -> Powers {
        Powers { first: self.one(), ratio: self.one() }
    }

    /// From coefficients to values on the coset of `shift` (1: the subgroup itself), natural order.
    pub fn forward(&self, log_n: u32, omega: &BigUint, shift: &BigUint) -> Transform {
        let pre = Powers { first: self.one(), ratio: shift.clone() };
        let (input, output) = (Order::Natural, Order::Natural);
        Transform { log_n, omega: omega.clone(), pre, post: self.no_powers(), input, output }
    }

    /// The inverse of [`Residues::forward`] with the same parameters; `shift` is not 0.
    pub fn backward(&self, log_n: u32, omega: &BigUint, shift: &BigUint) -> Transform {
        let first = self.inverse(&self.integer(1 << log_n));
        let post = Powers { first, ratio: self.inverse(shift) };
        let (input, output) = (Order::Natural, Order::Natural);
        Transform { log_n, omega: self.inverse(omega), pre: self.no_powers(), post, input, output }
    }

    /// A butterfly in time (`dit`): a + b w, a - b w; or in frequency: a + b, (a - b) w.
    pub fn butterfly(&self, dit: bool, a: &BigUint, b: &BigUint, w: &BigUint) -> (BigUint, BigUint) {
        if dit {
            let product = self.mul(b, w);
            (self.add(a, &product), self.sub(a, &product))
        } else {
            (self.add(a, b), self.mul(&self.sub(a, b), w))
        }
    }

    /// The elements times their factors, computed as they go by: `x` in natural order.
    pub fn scale(&self, x: &mut [BigUint], powers: &Powers) {
        let mut factor = powers.first.clone();
        for x in x {
            *x = self.mul(x, &factor);
            factor = self.mul(&factor, &powers.ratio);
        }
    }

    /// Stages of a radix-2 transform in place; in stage s the partners are 2^s apart, and butterfly j of each group has the
    /// twiddle omega^(j n / 2^(s+1)).
    fn stages(&self, dit: bool, omega: &BigUint, x: &mut [BigUint]) {
        let log_n = log2(x.len());
        let stage = |x: &mut [BigUint], s: u32| {
            let (half, root) = (1 << s, self.pow(omega, x.len() >> (s + 1)));
            for group in x.chunks_mut(2 * half) {
                let (low, high) = group.split_at_mut(half);
                let mut twiddle = self.one();
                for (a, b) in low.iter_mut().zip(high) {
                    (*a, *b) = self.butterfly(dit, a, b, &twiddle);
                    twiddle = self.mul(&twiddle, &root);
                }
            }
        };
        for i in 0..log_n {
            stage(x, if dit { i } else { log_n - 1 - i });
        }
    }

    /// Decimation in frequency: `x` in natural order, multiplied by `pre`; the result in bit-reversed order.
    pub fn dif(&self, omega: &BigUint, pre: &Powers, x: &[BigUint]) -> Vec<BigUint> {
        let mut x = x.to_vec();
        self.scale(&mut x, pre);
        self.stages(false, omega, &mut x);
        x
    }

    /// Decimation in time: `x` in bit-reversed order; the result in natural order, multiplied by `post`.
    pub fn dit(&self, omega: &BigUint, post: &Powers, x: &[BigUint]) -> Vec<BigUint> {
        let mut x = x.to_vec();
        self.stages(true, omega, &mut x);
        self.scale(&mut x, post);
        x
    }

    /// `t` by the radix-2 form that takes its input order.
    ///
    /// # Panics
    /// If `x` has another length than 2^log_n, or omega another order.
    pub fn transform(&self, t: &Transform, x: &[BigUint]) -> Vec<BigUint> {
        self.check(t, x);
        let out = match t.input {
            Order::Natural => {
                let mut out = permute(&self.dif(&t.omega, &t.pre, x));
                self.scale(&mut out, &t.post);
                out
            }
            Order::BitReversed => {
                let mut natural = permute(x);
                self.scale(&mut natural, &t.pre);
                self.dit(&t.omega, &t.post, &permute(&natural))
            }
        };
        in_order(t.output, out)
    }

    /// `t` as 2^(log_n - log_rows) transforms of 2^log_rows elements, then 2^log_rows of the rest, n = n1 n2.
    ///
    /// With j = n2 j1 + j2 and k = k1 + n1 k2: the columns j2 are transformed over j1 with omega^n2, and the rows k1 over j2
    /// with omega^n1, after multiplication by the twiddles (omega^k1)^j2. Factors and twiddles of a column or a row are
    /// [`Powers`] of its own; their ratios run from one column or row to the next.
    ///
    /// # Panics
    /// As [`Residues::transform`], and if `log_rows > log_n`.
    pub fn four_step(&self, t: &Transform, log_rows: u32, x: &[BigUint]) -> Vec<BigUint> {
        self.check(t, x);
        assert!(log_rows <= t.log_n, "2^{log_rows} rows of 2^{} elements", t.log_n);
        let x = in_order(t.input, x.to_vec());
        let (n1, n2) = (1usize << log_rows, x.len() >> log_rows);
        let mut matrix = vec![BigUint::ZERO; x.len()];

        let omega = self.pow(&t.omega, n2);
        let mut pre = Powers { first: t.pre.first.clone(), ratio: self.pow(&t.pre.ratio, n2) };
        for j2 in 0..n2 {
            let column: Vec<_> = (0..n1).map(|j1| x[n2 * j1 + j2].clone()).collect();
            for (k1, y) in permute(&self.dif(&omega, &pre, &column)).into_iter().enumerate() {
                matrix[n2 * k1 + j2] = y;
            }
            pre.first = self.mul(&pre.first, &t.pre.ratio);
        }

        let omega = self.pow(&t.omega, n1);
        let mut twiddles = self.no_powers();
        let mut post = Powers { first: t.post.first.clone(), ratio: self.pow(&t.post.ratio, n1) };
        let mut out = vec![BigUint::ZERO; x.len()];
        for k1 in 0..n1 {
            let mut row = permute(&self.dif(&omega, &twiddles, &matrix[n2 * k1..][..n2]));
            self.scale(&mut row, &post);
            for (k2, y) in row.into_iter().enumerate() {
                out[k1 + n1 * k2] = y;
            }
            twiddles.ratio = self.mul(&twiddles.ratio, &t.omega);
            post.first = self.mul(&post.first, &t.post.ratio);
        }
        in_order(t.output, out)
    }

    fn check(&self, t: &Transform, x: &[BigUint]) {
        assert_eq!(x.len(), 1 << t.log_n, "elements");
        assert!(self.is_root(&t.omega, t.log_n), "omega has another order than 2^{}", t.log_n);
    }
}

/// From natural to the given order, or back.
fn in_order(order: Order, x: Vec<BigUint>) -> Vec<BigUint> {
    match order {
        Order::Natural => x,
        Order::BitReversed => permute(&x),
    }
}
