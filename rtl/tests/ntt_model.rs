//! The transforms' model against a naive sum and against arkworks: every size up to 2^10, cosets, orders, other roots, and
//! one, two and three passes at every split.

use ark_bn254::Fr;
use ark_ff::{BigInteger, FftField, Field as _, One, PrimeField, UniformRand, Zero};
use ark_poly::{EvaluationDomain, GeneralEvaluationDomain, Radix2EvaluationDomain};
use num_bigint::BigUint;
use permafrost_rtl::{
    field::Field,
    ntt::model::{permute, reverse, Order, Pass, Powers, Residues, Transform},
};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

const ORDERS: [Order; 2] = [Order::Natural, Order::BitReversed];

fn rng() -> ChaCha8Rng {
    let seed = std::env::var("PERMAFROST_SEED").ok().and_then(|s| s.parse().ok()).unwrap_or(0x5eed_0011);
    println!("seed {seed} (set PERMAFROST_SEED to repeat)");
    ChaCha8Rng::seed_from_u64(seed)
}

/// Montgomery form: what arkworks keeps inside.
fn residue(v: &Fr) -> BigUint {
    BigUint::from_bytes_le(&v.0.to_bytes_le())
}

fn residues(x: &[Fr]) -> Vec<BigUint> {
    x.iter().map(residue).collect()
}

fn random(rng: &mut ChaCha8Rng, n: usize) -> Vec<Fr> {
    (0..n).map(|_| Fr::rand(rng)).collect()
}

fn model() -> Residues {
    Residues::new(Field::fr())
}

/// Root, factors on both sides; the definition, term by term, natural order.
fn naive(omega: Fr, pre: Fr, [first, post]: [Fr; 2], x: &[Fr]) -> Vec<Fr> {
    let scaled: Vec<Fr> = x.iter().enumerate().map(|(j, x)| *x * pre.pow([j as u64])).collect();
    let value = |k: usize| {
        let root = omega.pow([k as u64]);
        let sum = scaled.iter().rev().fold(Fr::zero(), |acc, x| acc * root + x);
        sum * first * post.pow([k as u64])
    };
    (0..x.len()).map(value).collect()
}

/// Every way to cut a transform into one, two or three passes.
fn splits(log_n: u32) -> Vec<Vec<u32>> {
    let two = (0..=log_n).map(|a| vec![a, log_n - a]);
    let three = (0..=log_n).flat_map(|a| (0..=log_n - a).map(move |b| vec![a, b, log_n - a - b]));
    [vec![log_n]].into_iter().chain(two).chain(three).collect()
}

fn in_passes(model: &Residues, t: &Transform, log_lens: &[u32], x: &[BigUint]) -> Vec<BigUint> {
    model.plan(t, log_lens).iter().fold(x.to_vec(), |x, pass| model.pass(pass, &x))
}

fn arrange(order: Order, x: &[BigUint]) -> Vec<BigUint> {
    match order {
        Order::Natural => x.to_vec(),
        Order::BitReversed => permute(x),
    }
}

/// Arkworks' root of order 2^log_n, and others.
fn roots(log_n: u32) -> Vec<Fr> {
    let root = Fr::get_root_of_unity(1 << log_n).expect("2-adicity 28");
    let mut roots: Vec<Fr> = [1u64, 3, 5, (1 << log_n) - 1].iter().map(|e| root.pow([e | 1])).collect();
    roots.dedup();
    roots
}

#[test]
fn transforms_are_their_definition() {
    let (model, rng) = (model(), &mut rng());
    for log_n in 0..=6 {
        for omega in roots(log_n) {
            assert!(model.is_root(&residue(&omega), log_n));
            let x = random(rng, 1 << log_n);
            let (pre, post) = (Fr::rand(rng), [Fr::rand(rng), Fr::rand(rng)]);
            let expected = residues(&naive(omega, pre, post, &x));
            for input in ORDERS {
                for output in ORDERS {
                    let [first, ratio] = post.map(|v| residue(&v));
                    let post = Powers { first, ratio };
                    let t =
                        Transform { log_n, omega: residue(&omega), pre: residue(&pre), post, input, output };
                    let given = arrange(input, &residues(&x));
                    let wanted = arrange(output, &expected);
                    assert_eq!(model.transform(&t, &given), wanted, "2^{log_n} {input:?} {output:?}");
                    for lens in splits(log_n) {
                        let got = in_passes(&model, &t, &lens, &given);
                        assert_eq!(got, wanted, "2^{log_n} as {lens:?}, {input:?} {output:?}");
                    }
                }
            }
        }
    }
}

/// A pass is its formula, with every factor on its own.
#[test]
fn a_pass_is_its_definition() {
    let (model, rng) = (model(), &mut rng());
    for [log_before, log_len, log_after] in [[0, 0, 0], [0, 3, 0], [2, 3, 0], [0, 2, 2], [2, 2, 1], [1, 0, 2]]
    {
        let (p, len, q) = (1usize << log_before, 1usize << log_len, 1usize << log_after);
        let omega = roots(log_len)[0];
        let factors: [Fr; 5] = std::array::from_fn(|_| Fr::rand(rng));
        let [in_first, in_first_step, in_ratio, in_ratio_step, out_ratio] = factors.map(|v| residue(&v));
        let x = random(rng, p * len * q);
        let orders = |free| if free { &ORDERS[..] } else { &ORDERS[..1] };
        for &input in orders(p == 1) {
            for &output in orders(q == 1) {
                let mut wanted = vec![Fr::zero(); x.len()];
                for (row, column) in (0..p).flat_map(|row| (0..q).map(move |column| (row, column))) {
                    let taken: Vec<Fr> = (0..len)
                        .map(|l| match input {
                            Order::Natural => x[(row * len + l) * q + column],
                            Order::BitReversed => x[reverse(column, log_after) * len + reverse(l, log_len)],
                        })
                        .collect();
                    let [first, first_step, ratio, ratio_step, out] = factors;
                    let pow = |base: Fr, exponent: usize| base.pow([exponent as u64]);
                    let rho = ratio * pow(ratio_step, row);
                    for (l, y) in
                        naive(omega, rho, [first * pow(first_step, row), out], &taken).iter().enumerate()
                    {
                        let at = match output {
                            Order::Natural => (row + p * l) * q + column,
                            Order::BitReversed => reverse(row, log_before) * len + reverse(l, log_len),
                        };
                        wanted[at] = *y;
                    }
                }
                let pass = Pass {
                    log_before,
                    log_len,
                    log_after,
                    input,
                    output,
                    omega: residue(&omega),
                    in_first: in_first.clone(),
                    in_first_step: in_first_step.clone(),
                    in_ratio: in_ratio.clone(),
                    in_ratio_step: in_ratio_step.clone(),
                    out_ratio: out_ratio.clone(),
                };
                assert_eq!(model.pass(&pass, &residues(&x)), residues(&wanted), "{pass:?}");
            }
        }
    }
}

fn against<D: EvaluationDomain<Fr>>(rng: &mut ChaCha8Rng, log_n: u32) {
    let model = model();
    let subgroup = D::new(1 << log_n).expect("domain");
    let shifts = [Fr::one(), Fr::GENERATOR, Fr::rand(rng)];
    for shift in shifts {
        let domain = subgroup.get_coset(shift).expect("coset");
        let (omega, s) = (residue(&domain.group_gen()), residue(&shift));
        let x = random(rng, 1 << log_n);
        let forward = model.transform(&model.forward(log_n, &omega, &s), &residues(&x));
        assert_eq!(forward, residues(&domain.fft(&x)), "forward 2^{log_n}, shift {shift}");
        let back = model.backward(log_n, &omega, &s);
        assert_eq!(model.transform(&back, &residues(&x)), residues(&domain.ifft(&x)), "inverse 2^{log_n}");
        assert_eq!(model.transform(&back, &forward), residues(&x), "there and back 2^{log_n}");
        let rest = log_n - log_n / 3;
        for lens in [vec![log_n / 2, log_n - log_n / 2], vec![log_n / 3, rest / 2, rest - rest / 2]] {
            let split = in_passes(&model, &back, &lens, &residues(&x));
            assert_eq!(split, residues(&domain.ifft(&x)), "inverse 2^{log_n} as {lens:?}");
        }
    }
}

#[test]
fn transforms_are_arkworks() {
    let rng = &mut rng();
    for log_n in 0..=10 {
        against::<Radix2EvaluationDomain<Fr>>(rng, log_n);
        against::<GeneralEvaluationDomain<Fr>>(rng, log_n);
    }
}

/// A prime field's arithmetic on residues, as arkworks does it.
#[test]
fn residues_are_arkworks() {
    let (model, rng) = (model(), &mut rng());
    assert_eq!(Field::fr().p, BigUint::from_bytes_le(&Fr::MODULUS.to_bytes_le()));
    for _ in 0..50 {
        let (a, b) = (Fr::rand(rng), Fr::rand(rng));
        let (x, y) = (residue(&a), residue(&b));
        assert_eq!(model.add(&x, &y), residue(&(a + b)));
        assert_eq!(model.sub(&x, &y), residue(&(a - b)));
        assert_eq!(model.mul(&x, &y), residue(&(a * b)));
        assert_eq!(model.inverse(&x), residue(&a.inverse().expect("not 0")));
        assert_eq!(model.pow(&x, 12345), residue(&a.pow([12345])));
    }
    assert_eq!(model.integer(77), residue(&Fr::from(77u64)));
}

#[test]
fn only_primitive_roots_are_roots() {
    let model = model();
    for log_n in 1..=8 {
        let root = Fr::get_root_of_unity(1 << log_n).expect("2-adicity 28");
        for wrong in [root.square(), Fr::one(), Fr::zero(), Fr::GENERATOR] {
            assert!(!model.is_root(&residue(&wrong), log_n), "2^{log_n}: {wrong}");
        }
        assert!(!model.is_root(&residue(&root), log_n - 1) && !model.is_root(&residue(&root), log_n + 1));
    }
}

#[test]
fn reversal_is_its_own_inverse() {
    assert_eq!((0..8).map(|i| reverse(i, 3)).collect::<Vec<_>>(), [0, 4, 2, 6, 1, 5, 3, 7]);
    for bits in 0..=10 {
        for i in 0..1 << bits {
            assert_eq!(reverse(reverse(i, bits), bits), i);
        }
    }
}
