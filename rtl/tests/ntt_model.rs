//! The transforms' model against a naive sum and against arkworks: every size up to 2^10, cosets, orders, other roots, and the
//! four-step decomposition at every split.

use ark_bn254::Fr;
use ark_ff::{BigInteger, FftField, Field as _, One, PrimeField, UniformRand, Zero};
use ark_poly::{EvaluationDomain, GeneralEvaluationDomain, Radix2EvaluationDomain};
use num_bigint::BigUint;
use permafrost_rtl::{
    field::Field,
    ntt::model::{permute, reverse, Order, Powers, Residues, Transform},
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
fn naive(omega: Fr, pre: [Fr; 2], post: [Fr; 2], x: &[Fr]) -> Vec<Fr> {
    let power = |[first, ratio]: [Fr; 2], i: usize| first * ratio.pow([i as u64]);
    let scaled: Vec<Fr> = x.iter().enumerate().map(|(j, x)| *x * power(pre, j)).collect();
    let value = |k: usize| {
        let root = omega.pow([k as u64]);
        let sum = scaled.iter().rev().fold(Fr::zero(), |acc, x| acc * root + x);
        sum * power(post, k)
    };
    (0..x.len()).map(value).collect()
}

fn powers([first, ratio]: [Fr; 2]) -> Powers {
    Powers { first: residue(&first), ratio: residue(&ratio) }
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
            let pre = [Fr::rand(rng), Fr::rand(rng)];
            let post = [Fr::rand(rng), Fr::rand(rng)];
            let expected = residues(&naive(omega, pre, post, &x));
            for input in ORDERS {
                for output in ORDERS {
                    let (pre, post) = (powers(pre), powers(post));
                    let t = Transform { log_n, omega: residue(&omega), pre, post, input, output };
                    let given = arrange(input, &residues(&x));
                    let wanted = arrange(output, &expected);
                    assert_eq!(model.transform(&t, &given), wanted, "2^{log_n} {input:?} {output:?}");
                    for log_rows in 0..=log_n {
                        let got = model.four_step(&t, log_rows, &given);
                        assert_eq!(got, wanted, "2^{log_n}, 2^{log_rows} rows, {input:?} {output:?}");
                    }
                }
            }
        }
    }
}

#[test]
fn both_forms_keep_their_orders() {
    let (model, rng) = (model(), &mut rng());
    for log_n in 0..=5 {
        let omega = roots(log_n)[0];
        let x = random(rng, 1 << log_n);
        let factors = [Fr::rand(rng), Fr::rand(rng)];
        let none = [Fr::one(); 2];
        let dif = model.dif(&residue(&omega), &powers(factors), &residues(&x));
        assert_eq!(dif, permute(&residues(&naive(omega, factors, none, &x))), "DIF 2^{log_n}");
        let dit = model.dit(&residue(&omega), &powers(factors), &permute(&residues(&x)));
        assert_eq!(dit, residues(&naive(omega, none, factors, &x)), "DIT 2^{log_n}");
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
        let split = model.four_step(&back, log_n / 2, &residues(&x));
        assert_eq!(split, residues(&domain.ifft(&x)), "inverse in four steps 2^{log_n}");
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
