//! Graph evaluation of the field units against naive arithmetic.

use num_bigint::BigUint;
use permafrost_rtl::{
    field::{units, Field},
    graph::mask,
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

/// The generator at other widths: limbs of a few bits, tiles of a few bits with and without a level of Karatsuba above them.
#[test]
fn multiplication_at_small_widths() {
    let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(seed());
    let small = |p: u32| {
        let bits = 32 - p.leading_zeros() as usize;
        Field::new("small", "a small prime", p.into(), bits + 2)
    };
    let cases = [
        (small(251), Target::Limbs { radix: 3 }),
        (small(4093), Target::Limbs { radix: 5 }),
        (small(65521), Target::Limbs { radix: 6 }),
        (small(251), Target::Tiles { a: 3, b: 2 }),
        (small(4093), Target::Tiles { a: 5, b: 3 }),
        (small(16381), Target::Tiles { a: 3, b: 2 }),
        (small(65521), Target::Tiles { a: 6, b: 4 }),
        (Field::koala_bear(), Target::Generic),
        (Field::koala_bear(), Target::Limbs { radix: 7 }),
        (Field::koala_bear(), Target::Tiles { a: 12, b: 8 }),
    ];
    for (field, target) in cases {
        let mul = units::mul(&field, target);
        let form = target.limb_form(&field);
        // Three limbs of three bits are less than R.
        let demont = (form.radix * form.count >= field.r_bits).then(|| units::demont(&field, target));
        let last = &field.p - 1u32;
        let corners = [BigUint::ZERO, BigUint::from(1u32), last.clone(), field.one(), &last >> 1];
        let mut pairs: Vec<_> =
            corners.iter().flat_map(|a| corners.iter().map(move |b| (a.clone(), b.clone()))).collect();
        pairs.extend((0..500).map(|_| (below(&mut rng, &field.p), below(&mut rng, &field.p))));
        for (a, b) in pairs {
            let y = mul.graph.eval(&[a.clone(), b.clone()]).remove(0);
            assert_eq!(y, field.mont_mul(&a, &b), "{} {target:?} a={a:x} b={b:x}", field.p);
        }
        for _ in 0..500 {
            let Some(demont) = &demont else { break };
            let a = below(&mut rng, &(mask(field.r_bits) + 1u32));
            let y = demont.graph.eval(std::slice::from_ref(&a)).remove(0);
            assert_eq!(y, field.mont_mul(&a, &BigUint::from(1u32)), "{} {target:?} a={a:x}", field.p);
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

#[test]
fn primes_are_those_of_arkworks() {
    use ark_ff::{BigInteger, PrimeField};
    let big = |bytes: Vec<u8>| BigUint::from_bytes_le(&bytes);
    assert_eq!(Field::fq().p, big(ark_bn254::Fq::MODULUS.to_bytes_le()));
    assert_eq!(Field::fr().p, big(ark_bn254::Fr::MODULUS.to_bytes_le()));
}
