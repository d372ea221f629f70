//! Facts of the two curves that the adder's cases rest on, computed.
//!
//! G1: y^2 = x^3 + 3 over Fq. G2: y^2 = x^3 + 3/(9 + u) over Fq2 = Fq(u), u^2 = -1 (EIP-197).

use crate::check::Report;
use crate::tools::Tools;
use crate::Error;
use num_bigint::BigUint;
use num_traits::{One, Zero};
use permafrost_rtl::field::Field;

/// An element c0 + c1 u.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Fq2 {
    c0: BigUint,
    c1: BigUint,
}

impl Fq2 {
    fn times(&self, other: &Fq2, p: &BigUint) -> Fq2 {
        let c0 = &self.c0 * &other.c0 + p * p - &self.c1 * &other.c1;
        let c1 = &self.c0 * &other.c1 + &self.c1 * &other.c0;
        Fq2 { c0: c0 % p, c1: c1 % p }
    }

    fn power(&self, n: &BigUint, p: &BigUint) -> Fq2 {
        let one = Fq2 { c0: BigUint::one(), c1: BigUint::zero() };
        (0..n.bits()).rev().fold(one, |x, bit| {
            let square = x.times(&x, p);
            if n.bit(bit) {
                square.times(self, p)
            } else {
                square
            }
        })
    }
}

/// For the curves with `b1` and `b2 = numerator / (9 + u)` over the field of `p` elements and its extension:
/// - -1 is no square modulo p, so that Fq2 is a field;
/// - b is not 0, so that (0, 0) is on neither curve and can stand for the identity;
/// - -b is no cube, so that no point has y = 0: a point is never its own inverse.
fn facts(p: &BigUint, b1: u32, numerator: u32) -> Result<(), String> {
    let (one, minus_one) = (BigUint::one(), p - 1u32);
    if minus_one.modpow(&(&minus_one / 2u32), p) != minus_one {
        return Err("-1 is a square".into());
    }
    // 1 / (9 + u) = (9 - u) / 82.
    let inverse = BigUint::from(82u32).modinv(p).ok_or("82 has no inverse")?;
    let b2 = Fq2 { c0: &inverse * 9u32 * numerator % p, c1: &inverse * (&minus_one * numerator) % p };
    let nine_u = Fq2 { c0: 9u32.into(), c1: one.clone() };
    if b2.times(&nine_u, p) != (Fq2 { c0: numerator.into(), c1: BigUint::zero() }) {
        return Err("b of G2 is not the quotient".into());
    }
    if b1 == 0 || b2.c0.is_zero() && b2.c1.is_zero() {
        return Err("(0, 0) is on the curve".into());
    }
    // Nonzero cubes are the elements whose power (order / 3) is 1; the order is a multiple of 3, so that not all are.
    let orders = [minus_one.clone(), p * p - 1u32];
    if orders.iter().any(|order| !(order % 3u32).is_zero()) {
        return Err("every element is a cube".into());
    }
    let b1 = Fq2 { c0: b1.into(), c1: BigUint::zero() };
    for (b, order) in [b1, b2].iter().zip(orders) {
        let negative = Fq2 { c0: (p - &b.c0) % p, c1: (p - &b.c1) % p };
        let power = negative.power(&(order / 3u32), p);
        if power == (Fq2 { c0: one.clone(), c1: BigUint::zero() }) {
            return Err("there is a point with y = 0".into());
        }
    }
    Ok(())
}

/// The facts for BN254; mutants are other curves.
///
/// # Errors
/// None.
pub fn check(_: &Tools) -> Result<Report, Error> {
    let (p, r) = (Field::fq().p, Field::fr().p);
    let mut report = Report { proved: facts(&p, 3, 3), killed: 0, equivalent: vec![], alive: vec![] };
    // (0, 0) on the curve; y^2 = x^3 + 1 has (-1, 0), and x^3 = -8 the same; -1 is a square modulo the other prime.
    for (what, p, b1, numerator) in [
        ("b = 0 in G1", &p, 0, 3),
        ("b = 0 in G2", &p, 3, 0),
        ("b = 1", &p, 1, 3),
        ("b = 8", &p, 8, 3),
        ("Fr", &r, 3, 3),
    ] {
        match facts(p, b1, numerator) {
            Err(_) => report.killed += 1,
            Ok(()) => report.alive.push(what.into()),
        }
    }
    Ok(report)
}
