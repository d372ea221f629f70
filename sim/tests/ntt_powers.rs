//! The generator of running powers in Verilog against its definition: takes at random, restarts in every state.

use num_bigint::BigUint;
use permafrost_rtl::{
    field::Field,
    hdl::Design,
    ntt::{model::Residues, powers::powers},
    target::Target,
};
use permafrost_sim::verilated::Model;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

fn element(rng: &mut ChaCha8Rng, field: &Field) -> BigUint {
    match rng.gen_range(0..8) {
        0 => BigUint::ZERO,
        1 => field.one(),
        2 => &field.p - 1u32,
        _ => BigUint::from_bytes_le(&rng.gen::<[u8; 32]>()) % &field.p,
    }
}

fn sequences(target: Target, count: usize) {
    let seed = std::env::var("PERMAFROST_SEED").ok().and_then(|s| s.parse().ok()).unwrap_or(0x5eed_0014);
    println!("seed {seed} (set PERMAFROST_SEED to repeat)");
    let (field, rng) = (Field::fr(), &mut ChaCha8Rng::seed_from_u64(seed));
    let golden = Residues::new(field.clone());
    let unit = powers(&field, target);
    let mut model = Model::new(&Design::elaborate(&unit.module).unwrap()).unwrap();
    let port = |name: &str| model.port(name).unwrap();
    let [rst, start, first, ratio, take, ready, factor] =
        ["rst", "start", "first", "ratio", "take", "ready", "factor"].map(port);
    let mut longest = 0;
    model.set(take, 0);
    model.set(start, 0);
    model.set(rst, 1);
    model.tick(2).unwrap();
    model.set(rst, 0);
    for _ in 0..count {
        let mut expected = element(rng, &field);
        let step = element(rng, &field);
        model.set(start, 1);
        model.set_bytes(first, &expected.to_bytes_le());
        model.set_bytes(ratio, &step.to_bytes_le());
        model.tick(1).unwrap();
        model.set(start, 0);
        // What is at the inputs after `start` does not matter.
        for port in [first, ratio] {
            model.set_bytes(port, &element(rng, &field).to_bytes_le());
        }
        let stall = [0.0, 0.1, 0.8][rng.gen_range(0..3)];
        let (mut waited, mut left) = (0, rng.gen_range(0..300));
        let give_up = if rng.gen_range(0..4) == 0 { rng.gen_range(0..unit.startup) } else { usize::MAX };
        while left > 0 && waited < give_up {
            if model.get(ready) == 0 {
                waited += 1;
                assert!(waited <= unit.startup, "{}: not ready after {waited} clocks", target.name());
                model.set(take, 0);
            } else {
                let mut bytes = [0; 32];
                model.get_bytes(factor, &mut bytes);
                assert_eq!(BigUint::from_bytes_le(&bytes), expected, "{}: {left} left", target.name());
                let taking = !rng.gen_bool(stall);
                model.set(take, u64::from(taking));
                if taking {
                    expected = golden.mul(&expected, &step);
                    left -= 1;
                }
            }
            model.tick(1).unwrap();
        }
        longest = longest.max(waited);
        model.set(take, 0);
    }
    println!("{}: ready after {longest} clocks, at most {}", target.name(), unit.startup);
}

#[test]
fn generic() {
    sequences(Target::Generic, 120);
}

#[test]
fn xcup() {
    sequences(Target::Xcup, 40);
}
