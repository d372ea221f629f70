//! The butterfly in Verilog against its model: one a clock, corners of the field.

use num_bigint::BigUint;
use permafrost_rtl::{
    field::Field,
    hdl::Design,
    ntt::{butterfly::butterfly, model::Residues},
    target::Target,
};
use permafrost_sim::verilated::Model;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

fn rng() -> ChaCha8Rng {
    let seed = std::env::var("PERMAFROST_SEED").ok().and_then(|s| s.parse().ok()).unwrap_or(0x5eed_0012);
    println!("seed {seed} (set PERMAFROST_SEED to repeat)");
    ChaCha8Rng::seed_from_u64(seed)
}

fn element(rng: &mut ChaCha8Rng, field: &Field) -> BigUint {
    match rng.gen_range(0..10) {
        0 => BigUint::ZERO,
        1 => &field.p - 1u32,
        2 => field.one(),
        3 => BigUint::from(rng.gen_range(0..4u32)),
        4 => &field.p - field.one(),
        _ => BigUint::from_bytes_le(&rng.gen::<[u8; 32]>()) % &field.p,
    }
}

fn stream(target: Target, count: usize) {
    let (field, rng) = (Field::fr(), &mut rng());
    let golden = Residues::new(field.clone());
    let unit = butterfly(&field, target);
    println!("{}: latency {} clocks", target.name(), unit.latency);
    let mut model = Model::new(&Design::elaborate(&unit.module()).unwrap()).unwrap();
    let port = |name: &str| model.port(name).unwrap();
    let (inputs, outputs) = (["a", "b", "w"].map(port), ["x", "y"].map(port));
    let mut expected = vec![];
    for t in 0..count + unit.latency {
        if t < count {
            let [a, b, w] = [(); 3].map(|_| element(rng, &field));
            // Equal operands: the difference is 0.
            let b = if rng.gen_range(0..16) == 0 { a.clone() } else { b };
            for (port, value) in inputs.iter().zip([&a, &b, &w]) {
                model.set_bytes(*port, &value.to_bytes_le());
            }
            expected.push(golden.butterfly(&a, &b, &w));
        }
        // Operands that are there before an edge come out `latency` edges after it is passed.
        model.tick(1).unwrap();
        let Some(at) = (t + 1).checked_sub(unit.latency).filter(|at| *at < count) else { continue };
        let seen = outputs.map(|port| {
            let mut bytes = [0; 32];
            model.get_bytes(port, &mut bytes);
            BigUint::from_bytes_le(&bytes)
        });
        let (x, y) = expected[at].clone();
        assert_eq!(seen, [x, y], "{}: butterfly {at}", target.name());
    }
}

#[test]
fn generic() {
    stream(Target::Generic, 3000);
}

#[test]
fn xcup() {
    stream(Target::Xcup, 600);
}
