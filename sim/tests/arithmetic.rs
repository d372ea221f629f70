//! The emitted Verilog of the arithmetic pipelines against the evaluation of their graphs, bit for bit, one operation a
//! clock, for both targets.

use num_bigint::BigUint;
use permafrost_rtl::{
    field::{units, Field},
    graph::Pipeline,
    hdl::Design,
    target::Target,
};
use permafrost_sim::verilated::{build, BuildOptions};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

fn random(rng: &mut ChaCha8Rng, bits: usize) -> Vec<u8> {
    let mut bytes: Vec<u8> = (0..bits.div_ceil(8)).map(|_| rng.gen()).collect();
    if bits % 8 != 0 {
        *bytes.last_mut().expect("bits > 0") &= (1 << (bits % 8)) - 1;
    }
    bytes
}

/// Canonical field elements packed side by side; now and then a corner.
fn elements(rng: &mut ChaCha8Rng, field: &Field, count: usize) -> Vec<u8> {
    let p = &field.p;
    let one = BigUint::from(1u32);
    let packed = (0..count).fold(BigUint::ZERO, |acc, i| {
        let x = match rng.gen_range(0..8) {
            0 => BigUint::ZERO,
            1 => p - 1u32,
            2 => one.clone(),
            3 => field.one(),
            _ => (one.clone() << 253) - rng.gen::<u128>() * (one.clone() << rng.gen_range(0..120)),
        };
        acc + ((x % p) << (254 * i))
    });
    packed.to_bytes_le()
}

/// Streams `rounds` inputs through the model of `pipeline` and compares each result after its latency.
fn compare(pipeline: &Pipeline, rounds: usize, mut input: impl FnMut(usize) -> Vec<u8>) {
    let design = Design::elaborate(&pipeline.module()).expect("design");
    let compiled = build(&design, &BuildOptions::default()).expect("verilator build");
    let mut model = compiled.instantiate().expect("model");
    let graph = &pipeline.graph;
    let inputs: Vec<_> = graph.inputs.iter().map(|p| model.port(&p.name).expect("port")).collect();
    let output = model.port(&graph.outputs[0].name).expect("port");
    let mut expected = vec![];
    for round in 0..rounds + pipeline.latency {
        if round < rounds {
            let values: Vec<_> = (0..inputs.len()).map(&mut input).collect();
            for (port, bytes) in inputs.iter().zip(&values) {
                model.set_bytes(*port, bytes);
            }
            let values: Vec<_> = values.iter().map(|b| BigUint::from_bytes_le(b)).collect();
            expected.push(graph.eval(&values).remove(0));
        }
        model.tick(1).expect("tick");
        if round + 1 >= pipeline.latency {
            let mut bytes = vec![0; 96];
            model.get_bytes(output, &mut bytes);
            let seen = BigUint::from_bytes_le(&bytes);
            let at = round + 1 - pipeline.latency;
            if at < rounds {
                assert_eq!(seen, expected[at], "{} {}: operation {at}", graph.name, pipeline.target.name());
            }
        }
    }
}

fn rng() -> ChaCha8Rng {
    let seed = std::env::var("PERMAFROST_SEED").ok().and_then(|s| s.parse().ok()).unwrap_or(0x5eed_0003);
    println!("seed {seed} (set PERMAFROST_SEED to repeat)");
    ChaCha8Rng::seed_from_u64(seed)
}

#[test]
fn multipliers() {
    let mut rng = rng();
    for field in [Field::fq(), Field::fr()] {
        for target in Target::ALL {
            compare(&units::mul(&field, target), 300, |_| elements(&mut rng, &field, 1));
        }
    }
}

#[test]
fn conversion() {
    let mut rng = rng();
    for target in Target::ALL {
        compare(&units::demont(&Field::fr(), target), 200, |_| random(&mut rng, 256));
    }
}
