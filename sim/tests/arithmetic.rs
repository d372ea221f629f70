//! The emitted Verilog of the arithmetic pipelines against the evaluation of their graphs, bit for bit, one operation a
//! clock, for both targets.

use num_bigint::BigUint;
use permafrost_rtl::{
    field::{koala_bear, units, Field},
    graph::{mask, Graph, Pipeline},
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
fn compare(pipeline: &Pipeline, rounds: usize, input: impl FnMut(usize) -> Vec<u8>) {
    let design = Design::elaborate(&pipeline.module()).expect("design");
    compare_design(pipeline, &design, rounds, input);
}

/// [`compare`] for a given text of the pipeline.
fn compare_design(
    pipeline: &Pipeline,
    design: &Design,
    rounds: usize,
    mut input: impl FnMut(usize) -> Vec<u8>,
) {
    let compiled = build(design, &BuildOptions::default()).expect("verilator build");
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

/// The text that synthesis sees, with a model of the vendor's block.
fn synthesis_design(pipeline: &Pipeline) -> Design {
    let mut design = Design::elaborate(&pipeline.module()).expect("design");
    let tiles: Vec<_> = design.files.keys().filter(|name| name.starts_with("pf_tile_")).cloned().collect();
    assert!(!tiles.is_empty(), "{} has tiles", pipeline.graph.name);
    for name in tiles {
        let text = design.files[&name].replace("`ifdef SYNTHESIS", "`ifndef SIMULATION");
        assert!(text.contains("`ifndef SIMULATION"), "{name}");
        design.files.insert(name, text);
    }
    design.files.insert("DSP48E2".into(), include_str!("dsp48e2.v").into());
    design
}

/// A number whose pieces are all zeros, all ones or anything: what carries through tiles and between them.
fn pieces(rng: &mut ChaCha8Rng, bits: usize) -> BigUint {
    let one = BigUint::from(1u32);
    let (mut x, mut at) = (BigUint::ZERO, 0);
    while at < bits {
        let n = [1, 9, 13, 17, 26, 52, 64].map(|n: usize| n.min(bits - at))[rng.gen_range(0..7)];
        let piece = match rng.gen_range(0..4) {
            0 => BigUint::ZERO,
            1 | 2 => mask(n),
            _ => BigUint::from(rng.gen::<u64>()) % (one.clone() << n),
        };
        x += piece << at;
        at += n;
    }
    x
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
fn multipliers_of_tiles_on_pieces() {
    let mut rng = rng();
    for field in [Field::fq(), Field::fr()] {
        let pipeline = units::mul(&field, Target::Xcup);
        let mut input = |_| (pieces(&mut rng, 254) % &field.p).to_bytes_le();
        compare(&pipeline, 2000, &mut input);
        compare_design(&pipeline, &synthesis_design(&pipeline), 2000, &mut input);
    }
}

/// Chains of one tile to four, both of their bodies, addends to the last bit.
#[test]
fn chains_of_tiles() {
    let mut rng = rng();
    for n in 1..=4 {
        let (a_bits, b_bits, c_bits) = (26, 17 * n, 46);
        let mut g = Graph::new(format!("chain{n}"), "Test.");
        let a = g.input_bits("a", a_bits);
        let b = g.input_bits("b", b_bits);
        let c = g.input_bits("c", c_bits);
        let y = g.chain(a, b, c, 17 * (n - 1));
        g.output("y", y);
        let pipeline = g.schedule(Target::Xcup);
        assert_eq!(pipeline.latency, n + 2);
        let mut input = |i| pieces(&mut rng, [a_bits, b_bits, c_bits][i]).to_bytes_le();
        compare(&pipeline, 1000, &mut input);
        compare_design(&pipeline, &synthesis_design(&pipeline), 1000, &mut input);
    }
}

#[test]
fn conversion() {
    let mut rng = rng();
    for target in Target::ALL {
        compare(&units::demont(&Field::fr(), target), 200, |_| random(&mut rng, 256));
    }
}

#[test]
fn koala_bear_units() {
    let mut rng = rng();
    let p = Field::koala_bear().p;
    let mut input = |_| (pieces(&mut rng, 31) % &p).to_bytes_le();
    for target in Target::ALL {
        for pipeline in [koala_bear::mul(target), koala_bear::add(target), koala_bear::sub(target)] {
            compare(&pipeline, 2000, &mut input);
        }
    }
    let mul = koala_bear::mul(Target::Xcup);
    compare_design(&mul, &synthesis_design(&mul), 2000, &mut input);
}
