//! Graph evaluation of the field units and the point adder against naive arithmetic and arkworks.

use ark_bn254::{Fq as ArkFq, G1Affine, G1Projective};
use ark_ec::{AffineRepr, CurveGroup, PrimeGroup};
use ark_ff::{Field as _, PrimeField, UniformRand};
use num_bigint::BigUint;
use permafrost_rtl::{
    field::{units, Field},
    graph::mask,
    point::g1_adder,
    target::Target,
};
use rand::{Rng, SeedableRng};

fn seed() -> u64 {
    let seed = std::env::var("PERMAFROST_SEED").ok().and_then(|s| s.parse().ok()).unwrap_or(0x5eed_0001);
    println!("seed {seed} (set PERMAFROST_SEED to repeat)");
    seed
}

fn below(rng: &mut impl Rng, bound: &BigUint) -> BigUint {
    let mut bytes = [0u8; 40];
    rng.fill(&mut bytes[..]);
    BigUint::from_bytes_le(&bytes) % bound
}

#[test]
fn multiplication_equals_naive_in_both_fields_and_targets() {
    let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(seed());
    for field in [Field::fq(), Field::fr()] {
        for target in Target::ALL {
            let unit = units::mul(&field, target);
            let last = &field.p - 1u32;
            let corners = [BigUint::ZERO, BigUint::from(1u32), last.clone(), field.one(), &last >> 1];
            let mut cases: Vec<(BigUint, BigUint)> = vec![];
            for a in &corners {
                cases.extend(corners.iter().map(|b| (a.clone(), b.clone())));
            }
            cases.extend((0..200).map(|_| (below(&mut rng, &field.p), below(&mut rng, &field.p))));
            for (a, b) in cases {
                let y = unit.graph.eval(&[a.clone(), b.clone()]).remove(0);
                assert_eq!(y, field.mont_mul(&a, &b), "{} {} a={a:x} b={b:x}", field.name, target.name());
            }
        }
    }
}

#[test]
fn demontgomerise_takes_any_256_bits() {
    let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(seed());
    let field = Field::fr();
    for target in Target::ALL {
        let unit = units::demont(&field, target);
        let mut cases = vec![BigUint::ZERO, mask(256), field.p.clone(), &field.p - 1u32, field.one()];
        cases.extend((0..100).map(|_| below(&mut rng, &(mask(256) + 1u32))));
        for a in cases {
            let y = unit.graph.eval(std::slice::from_ref(&a)).remove(0);
            assert_eq!(y, field.mont_mul(&a, &BigUint::from(1u32)), "{} a={a:x}", target.name());
        }
    }
}

/// The in-memory form: Montgomery, R = 2^256.
fn big(x: &ArkFq) -> BigUint {
    BigUint::from_bytes_le(&x.0 .0.iter().flat_map(|l| l.to_le_bytes()).collect::<Vec<_>>())
}

/// A projective representation (x z : y z : z) with a random z.
fn lift(rng: &mut impl Rng, p: &G1Affine) -> g1_adder::Point {
    match p.xy() {
        None => [BigUint::ZERO, big(&ArkFq::rand(rng)), BigUint::ZERO],
        Some((x, y)) => {
            let z = ArkFq::rand(rng);
            [big(&(x * z)), big(&(y * z)), big(&z)]
        }
    }
}

fn lower(p: &g1_adder::Point) -> G1Affine {
    let r_inv = ArkFq::from(2u32).pow([256]).inverse().expect("nonzero");
    let fq = |v: &BigUint| ArkFq::from_le_bytes_mod_order(&v.to_bytes_le()) * r_inv;
    let [x, y, z] = [fq(&p[0]), fq(&p[1]), fq(&p[2])];
    match z.inverse() {
        None => {
            assert!(x == ArkFq::from(0u32) && y != x, "identity must be (0 : y : 0)");
            G1Affine::identity()
        }
        Some(i) => G1Affine::new(x * i, y * i),
    }
}

#[test]
fn adder_is_complete() {
    let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(seed());
    assert_eq!(Field::fq().p, BigUint::from_bytes_le(&ark_ff::BigInteger::to_bytes_le(&ArkFq::MODULUS)));
    for target in Target::ALL {
        let adder = g1_adder::pipeline(target);
        println!("{}: latency {}", target.name(), adder.latency);
        let o = G1Affine::identity();
        let random = |rng: &mut rand_chacha::ChaCha8Rng| {
            (G1Projective::generator() * ark_bn254::Fr::rand(rng)).into_affine()
        };
        for i in 0..24 {
            let p = random(&mut rng);
            let (a, b) = match i % 8 {
                0 => (p, p),
                1 => (p, -p),
                2 => (p, o),
                3 => (o, p),
                4 => (o, o),
                5 => (G1Affine::generator(), p),
                _ => (p, random(&mut rng)),
            };
            let (pa, pb) = (lift(&mut rng, &a), lift(&mut rng, &b));
            let r = adder.graph.eval(&[g1_adder::pack(&pa), g1_adder::pack(&pb)]).remove(0);
            assert_eq!(lower(&g1_adder::unpack(&r)), (a + b).into_affine(), "case {i}");
        }
    }
}

#[test]
fn sub_pipelines_are_emitted_once_and_shared() {
    let adder = g1_adder::pipeline(Target::Generic);
    let design = permafrost_rtl::hdl::Design::elaborate(&adder.module()).expect("design");
    let names: Vec<_> = design.files.keys().map(String::as_str).collect();
    assert_eq!(names, ["fq_mul_sum1", "fq_mul_sum2", "g1_adder"]);
    assert_eq!(design.files["g1_adder"].matches("fq_mul_sum2 u").count(), 6);
    assert_eq!(design.files["g1_adder"].matches("fq_mul_sum1 u").count(), 3);
}
