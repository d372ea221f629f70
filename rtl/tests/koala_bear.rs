//! KoalaBear's units against Plonky3, on the bytes that Plonky3 has in memory, and against naive arithmetic.

use num_bigint::BigUint;
use p3_field::{PrimeCharacteristicRing, RawDataSerializable};
use p3_koala_bear::KoalaBear;
use permafrost_rtl::{
    field::{koala_bear, units, Field},
    graph::Pipeline,
    target::Target,
};
use rand::{Rng, SeedableRng};

const P: u32 = 0x7f00_0001;

/// The bytes of an element as the number that the card holds.
fn wire(x: KoalaBear) -> BigUint {
    let bytes: Vec<u8> = x.into_bytes().into_iter().collect();
    assert_eq!(bytes.len(), 4);
    BigUint::from_bytes_le(&bytes)
}

/// The element whose bytes are `v`.
fn element(v: u32, r_inverse: u64) -> KoalaBear {
    let x = KoalaBear::new((u64::from(v) * r_inverse % u64::from(P)) as u32);
    assert_eq!(wire(x), BigUint::from(v), "Plonky3 holds Montgomery form, R = 2^32, below p, little-endian");
    x
}

#[test]
fn units_are_plonky3_bit_for_bit() {
    let seed = std::env::var("PERMAFROST_SEED").ok().and_then(|s| s.parse().ok()).unwrap_or(0x5eed_0031);
    println!("seed {seed} (set PERMAFROST_SEED to repeat)");
    let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(seed);
    let field = Field::koala_bear();
    let r_inverse = u64::try_from(field.r_inverse()).expect("below p");
    let corners =
        [0, 1, 2, 127, 128, 255, 256, (1 << 24) - 1, 1 << 24, 1 << 30, P - 2, P - 1, P >> 1, (1 << 25) - 2];
    let mut pairs: Vec<(u32, u32)> = corners.iter().flat_map(|a| corners.iter().map(|b| (*a, *b))).collect();
    pairs.extend((0..20_000).map(|_| (rng.gen_range(0..P), rng.gen_range(0..P))));
    let tiles = Target::Tiles { a: 21, b: 16 };
    let units = [Target::Generic, Target::Xcup, tiles].map(|t| {
        [koala_bear::mul(t), koala_bear::add(t), koala_bear::sub(t), units::mul(&field, Target::Generic)]
    });
    let run = |unit: &Pipeline, a: u32, b: u32| unit.graph.eval(&[a.into(), b.into()]).remove(0);
    for (a, b) in pairs {
        let (x, y) = (element(a, r_inverse), element(b, r_inverse));
        assert_eq!(wire(x * y), field.mont_mul(&a.into(), &b.into()), "{a} * {b}");
        for [mul, add, sub, generated] in &units {
            let target = mul.target;
            assert_eq!(run(mul, a, b), wire(x * y), "{a} * {b} on {target:?}");
            assert_eq!(run(generated, a, b), wire(x * y), "{a} * {b} of the common generator on {target:?}");
            assert_eq!(run(add, a, b), wire(x + y), "{a} + {b} on {target:?}");
            assert_eq!(run(sub, a, b), wire(x - y), "{a} - {b} on {target:?}");
        }
    }
    assert_eq!(wire(KoalaBear::ONE), field.one());
}
