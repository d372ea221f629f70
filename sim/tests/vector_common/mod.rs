//! What the tests of the vector units have in common: elements, and a bench around a unit with multipliers of its own.

#![allow(dead_code)]

use num_bigint::BigUint;
use permafrost_rtl::{
    field::{Field, FIELD_BITS},
    hdl::{Design, Module},
    target::Target,
    vector::multipliers::alone,
};
use permafrost_sim::verilated::{Model, PortId};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::sync::Arc;

const BYTES: usize = FIELD_BITS.div_ceil(8);

pub fn rng(default_seed: u64) -> ChaCha8Rng {
    let seed = std::env::var("PERMAFROST_SEED").ok().and_then(|s| s.parse().ok()).unwrap_or(default_seed);
    println!("seed {seed} (set PERMAFROST_SEED to repeat)");
    ChaCha8Rng::seed_from_u64(seed)
}

/// Canonical Montgomery residues at the edges, zero last.
pub fn corners() -> [BigUint; 5] {
    let fr = Field::fr();
    [BigUint::from(1u32), fr.one(), &fr.p - 1u32, &fr.p - fr.one(), BigUint::ZERO]
}

pub fn element(rng: &mut ChaCha8Rng) -> BigUint {
    BigUint::from_bytes_le(&rng.gen::<[u8; 32]>()) % Field::fr().p
}

/// Random elements, a quarter of them corners.
pub fn vector(rng: &mut ChaCha8Rng, n: usize) -> Vec<BigUint> {
    let corners = corners();
    (0..n)
        .map(|_| match rng.gen_range(0..20) {
            k if k < 5 => corners[k].clone(),
            _ => element(rng),
        })
        .collect()
}

/// Random elements, some of them corners, none of them zero.
pub fn units(rng: &mut ChaCha8Rng, n: usize) -> Vec<BigUint> {
    let corners = corners();
    (0..n)
        .map(|_| match rng.gen_range(0..40) {
            k if k < 4 => corners[k].clone(),
            _ => element(rng),
        })
        .collect()
}

pub fn bytes(x: &BigUint) -> [u8; BYTES] {
    let mut out = [0; BYTES];
    let digits = x.to_bytes_le();
    out[..digits.len()].copy_from_slice(&digits);
    out
}

struct Stream {
    valid: PortId,
    ready: PortId,
    data: PortId,
}

/// What a unit did with its streams.
pub struct Outcome {
    pub d: Vec<BigUint>,
    /// Elements taken from each stream.
    pub taken: Vec<usize>,
    /// Clocks behind that of `start`.
    pub clocks: usize,
    pub done: bool,
}

/// A unit with `start` and `done`, streams in and the stream `d` out.
pub struct Unit {
    pub model: Model,
    inputs: Vec<Stream>,
    output: Stream,
}

impl Unit {
    pub fn new(target: Target, unit: &Arc<Module>, inputs: &[&str]) -> Unit {
        let model = Model::new(&Design::elaborate(&alone(target, unit)).unwrap()).unwrap();
        let stream = |x: &str| {
            let [valid, ready, data] =
                ["valid", "ready", "data"].map(|end| model.port(&format!("{x}_{end}")).unwrap());
            Stream { valid, ready, data }
        };
        let (inputs, output) = (inputs.iter().map(|x| stream(x)).collect(), stream("d"));
        let mut unit = Unit { model, inputs, output };
        unit.reset();
        unit
    }

    pub fn set(&mut self, name: &str, value: u64) {
        let port = self.model.port(name).unwrap();
        self.model.set(port, value);
    }

    pub fn set_element(&mut self, name: &str, value: &BigUint) {
        let port = self.model.port(name).unwrap();
        self.model.set_bytes(port, &bytes(value));
    }

    pub fn get(&self, name: &str) -> u64 {
        self.model.get(self.model.port(name).unwrap())
    }

    pub fn element(&self, name: &str) -> BigUint {
        self.word(self.model.port(name).unwrap())
    }

    fn word(&self, port: PortId) -> BigUint {
        let mut out = [0; BYTES];
        self.model.get_bytes(port, &mut out);
        BigUint::from_bytes_le(&out)
    }

    pub fn reset(&mut self) {
        self.set("start", 0);
        self.set("rst", 1);
        self.model.tick(2).unwrap();
        self.set("rst", 0);
        self.model.eval().unwrap();
        assert_eq!(self.get("done"), 1, "done after reset");
    }

    /// Starts what the ports say and runs until `done`, or for `limit` clocks. `waits`: the chance of each stream to wait in a
    /// clock, that out last.
    pub fn run(
        &mut self,
        rng: &mut ChaCha8Rng,
        vectors: &[Vec<BigUint>],
        waits: &[f64],
        limit: usize,
    ) -> Outcome {
        assert_eq!((vectors.len(), waits.len()), (self.inputs.len(), self.inputs.len() + 1));
        for input in &self.inputs {
            self.model.set(input.valid, 0);
        }
        self.set("start", 1);
        self.model.tick(1).unwrap();
        self.set("start", 0);
        self.model.eval().unwrap();
        let done = self.model.port("done").unwrap();
        let (mut taken, mut d, mut clocks) = (vec![0; vectors.len()], vec![], 0);
        let mut shown: Option<BigUint> = None;
        while self.model.get(done) == 0 && clocks < limit {
            for (k, input) in self.inputs.iter().enumerate() {
                let element = vectors[k].get(taken[k]).filter(|_| !rng.gen_bool(waits[k]));
                self.model.set(input.valid, element.is_some().into());
                self.model.set_bytes(input.data, &element.map_or([0x2a; BYTES], bytes));
            }
            let take = !rng.gen_bool(waits[vectors.len()]);
            self.model.set(self.output.ready, take.into());
            self.model.eval().unwrap();
            for (input, taken) in self.inputs.iter().zip(&mut taken) {
                *taken += usize::from(self.model.get(input.valid) == 1 && self.model.get(input.ready) == 1);
            }
            let valid = self.model.get(self.output.valid) == 1;
            let word = valid.then(|| self.word(self.output.data));
            if let Some(before) = shown.take() {
                assert_eq!(word.as_ref(), Some(&before), "d stays until it is taken");
            }
            if take {
                d.extend(word);
            } else {
                shown = word;
            }
            self.model.tick(1).unwrap();
            clocks += 1;
        }
        Outcome { d, taken, clocks, done: self.model.get(done) == 1 }
    }
}

/// Says where two vectors first differ.
pub fn assert_equal(seen: &[BigUint], expected: &[BigUint], what: &str) {
    assert_eq!(seen.len(), expected.len(), "{what}: results");
    let wrong = (0..seen.len()).find(|&i| seen[i] != expected[i]);
    assert_eq!(wrong, None, "{what}: the first wrong one");
}

/// Says where two memories first differ.
pub fn assert_same(seen: &[u8], expected: &[u8], what: &str) {
    assert_eq!(seen.len(), expected.len(), "{what}: bytes");
    let wrong = (0..seen.len()).find(|&i| seen[i] != expected[i]);
    assert_eq!(wrong.map(|i| format!("{i:#x}")), None, "{what}: the first wrong byte");
}
