//! Modular inversion in constant time: binary extended gcd with signed operands, a fixed number of steps, no multiplier.
//!
//! # Step
//! State u, v, r, s with u odd and, modulo p, `r A = u R^2` and `s A = v R^2` for the input A = a R. It starts as
//! u = p, r = 0, v = A, s = R^2. A step is
//! - v even: v/2, s/2;
//! - v odd: (v, s) = (v - u, s - r)/2 where u and v have the same sign, (v + u, s + r)/2 where not; and where |v| < |u|
//!   the old (v, s) become (u, r).
//!
//! Halves of s are taken modulo p. The sum in v has the sign of v exactly where |v| >= |u| (at zero either choice will
//! do, as u = v then), so the sign of one adder's result is the comparison, and the new v does not depend on it.
//!
//! # Number of steps
//! Let B = bits(|u|) + bits(|v|) with |u|, |v| < 2^n, n = 254. While v is not zero every step lowers B:
//! - v even: |v| loses a bit;
//! - |v| >= |u|: (|v| - |u|)/2 is below |v|/2, so it has a bit less than |v|, and u stays;
//! - |v| < |u|: the pair {|u|, |v|} becomes {|v|, (|u| - |v|)/2}, and the latter has a bit less than |u|.
//!
//! B is at most 2n at the start. gcd(u, v) does not change and is 1 (p is prime), so the step that makes v zero starts
//! from |u| = |v| = 1, where B = 2. Hence at most 2n - 2 steps lead there and [`STEPS`] = 2n - 1 = 507 suffice. Then
//! |u| = 1, r = ±a^-1 R, and further steps change neither, because zero is even. For A = 0 (or p) r stays 0.
//!
//! # Ranges
//! r and s stay within (-p, p): with e one of 0, r, -r, an odd s + e is made even by -p where s >= 0 (sum in (-2p, p)) and
//! by +p where s < 0 (sum in (-p, 2p)); an even one is in (-2p, 2p). Only parities and signs, which are register bits,
//! choose the correction, so s' is one carry-save stage and one carry chain.

use super::{Field, FIELD_BITS, R_BITS};
use crate::{hdl::Module, target::Target};
use num_bigint::{BigInt, BigUint, Sign};
use num_integer::Integer;
use num_traits::{One, Signed, Zero};
use std::{fmt::Write as _, sync::Arc};

/// Steps that bring v to zero for every input; see the module's documentation.
pub const STEPS: usize = 2 * FIELD_BITS - 1;

/// An inverter and its timing.
///
/// Ports: `clk`, `rst`, `start`, `a` (254 bits), `y` (254 bits). `start` is high for one clock with `a` = a R; `y` =
/// a^-1 R, canonical, exactly `latency` clocks later, and stays until the next result. a = 0 gives 0; `a` from p to
/// 2^254 - 1 counts as its residue. `start` may come again in the clock in which `y` becomes valid; earlier it begins anew
/// and the inversion under way gives no result. `rst` ends an inversion under way and leaves `y`.
pub struct Inverter {
    pub module: Arc<Module>,
    /// Clocks from `start` to `y`: those of the steps, one for loading, one by which r and s follow u and v, one for the sign.
    pub latency: usize,
    pub steps_per_clock: usize,
}

/// The inverter of BN254's base field, module `fq_inverse`.
pub fn inverter(target: Target) -> Inverter {
    inverter_of(&Field::fq(), target)
}

/// The inverter of `field` with as many steps a clock as suit `target`.
pub fn inverter_of(field: &Field, target: Target) -> Inverter {
    // A simulator pays for clocks rather than for gates; on the card a second step would double the longest path.
    let steps_per_clock = match target {
        Target::Generic | Target::Limbs { .. } => 2,
        Target::Xcup | Target::Tiles { .. } => 1,
    };
    with_steps(field, steps_per_clock)
}

/// An inverter of `field` that takes `steps_per_clock` steps a clock.
pub fn with_steps(field: &Field, steps_per_clock: usize) -> Inverter {
    assert!(steps_per_clock > 0, "at least one step a clock");
    assert!(field.p.bits() == FIELD_BITS as u64, "the number of steps is for primes of this size");
    let n = steps_per_clock;
    let latency = STEPS.div_ceil(n) + 3;
    let module = Module::new(format!("{}_inverse", field.name))
        .doc(format!(
            "Montgomery inverse y = a^-1 2^512 mod p over BN254 {}, valid {latency} clocks after start; y = 0 for a = 0. \
             Binary extended gcd, {n} step(s) a clock, see rtl/src/field/inverse.rs.",
            field.name
        ))
        .clocked()
        .input("start", 1)
        .input("a", FIELD_BITS)
        .output("y", FIELD_BITS)
        .body(body(field, n, latency))
        .build();
    Inverter { module, latency, steps_per_clock }
}

/// `a^-1 R mod p` from `a R` by the steps of the hardware; 0 from 0. Takes any `a` below 2^254.
pub fn model(field: &Field, a: &BigUint) -> BigUint {
    let p = BigInt::from(field.p.clone());
    let (mut u, mut r) = (p.clone(), BigInt::zero());
    let (mut v, mut s) = (BigInt::from(a.clone()), BigInt::from(start_s(field, 0)));
    for _ in 0..STEPS {
        let (mut v2, mut s2) = (v.clone(), s.clone());
        let odd = v.is_odd();
        if odd && u.is_negative() == v.is_negative() {
            v2 -= &u;
            s2 -= &r;
        } else if odd {
            v2 += &u;
            s2 += &r;
        }
        if s2.is_odd() {
            s2 = if s.is_negative() { s2 + &p } else { s2 - &p };
        }
        if odd && v2.is_negative() != v.is_negative() {
            (u, r) = (v, s);
        }
        (v, s) = (v2 >> 1, s2 >> 1);
        debug_assert!(s.abs() < p, "s stays within (-p, p)");
    }
    let y = if u.is_negative() { -r } else { r };
    let y = if y.sign() == Sign::Minus { y + p } else { y };
    y.to_biguint().expect("not negative")
}

/// What s starts from: R^2, times two for each halving before the first step.
fn start_s(field: &Field, halvings: usize) -> BigUint {
    (BigUint::one() << (2 * R_BITS + halvings)) % &field.p
}

/// The clocked body around `n` steps. r and s follow u and v by one clock, as no decision depends on them; what
/// they do in the clock in which nothing is decided yet is to halve s n times.
fn body(field: &Field, n: usize, latency: usize) -> String {
    let width = FIELD_BITS;
    let (top, count_bits) = (width - 1, (usize::BITS - latency.leading_zeros()) as usize);
    let (cl, kl) = (count_bits - 1, n - 1);
    let s_start = start_s(field, n);
    let (p, s_odd) = (literal(width, &field.p), u8::from(s_start.bit(0)));
    let s_start = literal(width, &s_start);
    let mut out = format!(
        r"
// Two's complement: u is odd, v ends as zero. The decisions on v, one bit a step, are what r and s do in the next clock.
reg [{width}:0] u_0, v_0, r_0, s_0;
reg [{kl}:0] plus, minus, swap;
reg odd_0;
reg [{cl}:0] left;
",
        kl = kl,
    );
    (0..n).for_each(|k| out += &step(field, k));
    write!(
        out,
        r"
// |u| = 1 now: r or -r is the inverse, p is added where that is negative. r = 0 comes with u = p only.
wire [{width}:0] t_y = {{r_0[{top}:0] ^ {{{width}{{u_0[{width}]}}}}, 1'b1}}
    + {{u_0[{width}] ^ r_0[{width}] ? {p} : {width}'d0, u_0[{width}]}};
always @(posedge clk) begin
  if (start) begin
    u_0 <= {{1'b0, {p}}};
    v_0 <= {{1'b0, a}};
    r_0 <= 0;
    s_0 <= {{1'b0, {s_start}}};
    plus <= 0;
    minus <= 0;
    swap <= 0;
    odd_0 <= 1'b{s_odd};
  end else if (left != 0) begin
    u_0 <= u_{n};
    v_0 <= v_{n};
    r_0 <= r_{n};
    s_0 <= s_{n};
    plus <= next_plus;
    minus <= next_minus;
    swap <= next_swap;
    // Known early, unlike the rest of the decision: it saves a level of logic before the carry-save stage.
    odd_0 <= s_{n}[0] ^ v_0[0] & r_{n}[0];
    if (left == 1) y <= t_y[{width}:1];
  end
  left <= rst ? {count_bits}'d0 : start ? {count_bits}'d{clocks} : left != 0 ? left - 1'b1 : left;
end
",
        clocks = latency - 1,
    )
    .expect("String");
    let decisions = ["plus", "minus", "swap"].map(|name| {
        let bits: Vec<_> = (0..n).rev().map(|k| format!("{name}_{k}")).collect();
        format!("wire [{kl}:0] next_{name} = {{{}}};\n", bits.join(", "))
    });
    // Declared before use.
    let at = out.find("// |u| = 1 now").expect("written above");
    out.insert_str(at, &decisions.concat());
    out
}

/// Step `k` of a clock: from u, v, r, s with suffix k to those with suffix k + 1.
fn step(field: &Field, k: usize) -> String {
    let (w, j) = (FIELD_BITS, k + 1);
    let wide = w + 2;
    let p = literal(wide, &field.p);
    let minus_p = literal(wide, &((BigUint::one() << wide) - &field.p));
    let odd = match k {
        0 => String::new(),
        _ => format!("wire odd_{k} = s_{k}[0] ^ (plus[{k}] | minus[{k}]) & r_{k}[0];\n"),
    };
    format!(
        r"
wire same_{k} = u_{k}[{w}] == v_{k}[{w}];
wire [{w1}:0] t_{k} = {{v_{k}, 1'b1}} + {{u_{k} ^ {{{bits}{{same_{k}}}}}, same_{k}}};
wire plus_{k} = v_{k}[0] & !same_{k};
wire minus_{k} = v_{k}[0] & same_{k};
wire swap_{k} = v_{k}[0] & (t_{k}[{w1}] ^ v_{k}[{w}]);
wire [{w}:0] u_{j} = swap_{k} ? v_{k} : u_{k};
wire [{w}:0] v_{j} = v_{k}[0] ? {{t_{k}[{w1}], t_{k}[{w1}:2]}} : {{v_{k}[{w}], v_{k}[{w}:1]}};
{odd}wire [{w1}:0] x_{k} = {{s_{k}[{w}], s_{k}}};
wire [{w1}:0] e_{k} = {{{wide}{{plus[{k}]}}}} & {{r_{k}[{w}], r_{k}}} | {{{wide}{{minus[{k}]}}}} & ~{{r_{k}[{w}], r_{k}}};
wire [{w1}:0] c_{k} = {{{wide}{{odd_{k}}}}} & (s_{k}[{w}] ? {p} : {minus_p});
// Carry-save. The whole sum is even, so that what it carries out of bit 0 is the carry that negates r.
wire [{w1}:0] t_sum_{k} = x_{k} ^ e_{k} ^ c_{k};
wire [{w1}:0] t_maj_{k} = x_{k} & e_{k} | x_{k} & c_{k} | e_{k} & c_{k};
wire [{w1}:0] t_s_{k} = {{t_sum_{k}[{w1}:1], 1'b1}} + {{t_maj_{k}[{w}:0], minus[{k}]}};
wire [{w}:0] r_{j} = swap[{k}] ? s_{k} : r_{k};
wire [{w}:0] s_{j} = t_s_{k}[{w1}:1];
",
        w1 = w + 1,
        bits = w + 1,
    )
}

fn literal(width: usize, value: &BigUint) -> String {
    format!("{width}'h{value:x}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::mask;
    use ark_bn254::{Fq, Fr};
    use ark_ff::PrimeField;
    use rand::{Rng, SeedableRng};

    /// What ark-ff says: the inverse of a R, in Montgomery form again.
    fn expected<F: PrimeField>(a: &BigUint) -> BigUint {
        let r2 = F::from(BigUint::one() << (2 * R_BITS));
        let inverse = F::from(a.clone()).inverse().unwrap_or(F::zero());
        (inverse * r2).into()
    }

    fn check<F: PrimeField>(field: &Field) {
        let seed =
            std::env::var("PERMAFROST_SEED").ok().and_then(|s| s.parse().ok()).unwrap_or(0x5eed_0011u64);
        println!("seed {seed} (set PERMAFROST_SEED to repeat)");
        let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(seed);
        let p = &field.p;
        let mut inputs: Vec<BigUint> = (0..20u32).map(BigUint::from).collect();
        inputs.extend((1..20u32).map(|k| p - k));
        inputs.extend((0..FIELD_BITS - 1).map(|k| BigUint::one() << k));
        inputs.extend((0..FIELD_BITS - 1).map(|k| (BigUint::one() << k) - 1u32));
        inputs.extend((1..FIELD_BITS).map(|k| p >> k));
        inputs.extend([field.one(), start_s(field, 0), p.clone(), p + 1u32, mask(FIELD_BITS)]);
        for _ in 0..300 {
            let x = BigUint::from_bytes_le(&rng.gen::<[u8; 32]>()) % p;
            let zeros = rng.gen_range(1..FIELD_BITS);
            inputs.push((&x >> zeros) << zeros);
            inputs.push(&x >> zeros);
            inputs.push(x);
        }
        for a in &inputs {
            assert_eq!(model(field, a), expected::<F>(a), "{} {a:x}", field.name);
        }
    }

    #[test]
    fn model_is_the_inverse() {
        check::<Fq>(&Field::fq());
        check::<Fr>(&Field::fr());
    }

    #[test]
    fn latencies() {
        assert_eq!(inverter(Target::Generic).latency, 257);
        assert_eq!(inverter(Target::Xcup).latency, 510);
    }
}
