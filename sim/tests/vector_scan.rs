//! Prefix products in Verilog against their model, bit for bit: lengths around segments and blocks, stalls on both sides,
//! and the clocks of a run without stalls.

use num_bigint::BigUint;
use permafrost_rtl::{
    field::{Field, FIELD_BITS},
    hdl::Design,
    target::Target,
    vector::{
        model::{Model as Golden, Prefix},
        scan::{self, Scan},
    },
};
use permafrost_sim::verilated::{Model, PortId};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

const BYTES: usize = FIELD_BITS.div_ceil(8);

fn rng() -> ChaCha8Rng {
    let seed = std::env::var("PERMAFROST_SEED").ok().and_then(|s| s.parse().ok()).unwrap_or(0x5eed_0033);
    println!("seed {seed} (set PERMAFROST_SEED to repeat)");
    ChaCha8Rng::seed_from_u64(seed)
}

/// Random elements, some of them corners; zeros, which end every product, only with `zeros`.
fn vector(rng: &mut ChaCha8Rng, n: usize, zeros: bool) -> Vec<BigUint> {
    let fr = Field::fr();
    let corners = [BigUint::from(1u32), fr.one(), &fr.p - 1u32, &fr.p - fr.one()];
    (0..n)
        .map(|_| match rng.gen_range(0..40) {
            k if k < 4 => corners[k].clone(),
            4 if zeros && rng.gen_bool(0.05) => BigUint::ZERO,
            _ => BigUint::from_bytes_le(&rng.gen::<[u8; 32]>()) % &fr.p,
        })
        .collect()
}

fn bytes(x: &BigUint) -> [u8; BYTES] {
    let mut out = [0; BYTES];
    let digits = x.to_bytes_le();
    out[..digits.len()].copy_from_slice(&digits);
    out
}

struct Bench {
    scan: Scan,
    model: Model,
    golden: Golden,
}

impl Bench {
    fn new(target: Target) -> Bench {
        let scan = scan::scan(target);
        println!("{}: blocks of {}, {} clocks each", target.name(), scan.block, scan.block_clocks);
        let model = Model::new(&Design::elaborate(&scan.module).unwrap()).unwrap();
        let mut bench = Bench { scan, model, golden: Golden::new() };
        bench.reset();
        bench
    }

    fn port(&self, name: &str) -> PortId {
        self.model.port(name).unwrap()
    }

    fn set(&mut self, name: &str, value: u64) {
        let port = self.port(name);
        self.model.set(port, value);
    }

    fn get(&self, name: &str) -> u64 {
        self.model.get(self.port(name))
    }

    fn word(&self, port: PortId) -> BigUint {
        let mut out = [0; BYTES];
        self.model.get_bytes(port, &mut out);
        BigUint::from_bytes_le(&out)
    }

    fn reset(&mut self) {
        self.set("start", 0);
        self.set("rst", 1);
        self.model.tick(2).unwrap();
        self.set("rst", 0);
        self.model.eval().unwrap();
        assert_eq!(self.get("done"), 1, "done after reset");
    }

    /// Runs until `done` or for `limit` clocks, each side waiting with its probability: results, and clocks from `start`.
    fn run(
        &mut self,
        rng: &mut ChaCha8Rng,
        a: &[BigUint],
        kind: Prefix,
        waits: [f64; 2],
        limit: usize,
    ) -> (Vec<BigUint>, usize) {
        self.set("n", a.len() as u64);
        self.set("exclusive", u64::from(kind == Prefix::Exclusive));
        self.set("a_valid", 0);
        self.set("start", 1);
        self.model.tick(1).unwrap();
        self.set("start", 0);
        self.model.eval().unwrap();
        let ports = ["done", "a_valid", "a_ready", "a_data", "d_valid", "d_ready", "d_data"];
        let [done, a_valid, a_ready, a_data, d_valid, d_ready, d_data] = ports.map(|name| self.port(name));
        let (mut at, mut d, mut clocks) = (0, vec![], 0);
        let mut shown: Option<BigUint> = None;
        while self.model.get(done) == 0 && clocks < limit {
            let element = a.get(at).filter(|_| !rng.gen_bool(waits[0]));
            self.model.set(a_valid, element.is_some().into());
            self.model.set_bytes(a_data, &element.map_or([0x2a; BYTES], bytes));
            let take = !rng.gen_bool(waits[1]);
            self.model.set(d_ready, take.into());
            self.model.eval().unwrap();
            at += usize::from(element.is_some() && self.model.get(a_ready) == 1);
            let word = (self.model.get(d_valid) == 1).then(|| self.word(d_data));
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
        (d, clocks)
    }

    fn check(&mut self, rng: &mut ChaCha8Rng, a: &[BigUint], kind: Prefix, waits: [f64; 2]) -> usize {
        let expected = self.golden.prefix_product(a, kind);
        let all = self.golden.prefix_product(a, Prefix::Inclusive).pop().unwrap_or(Field::fr().one());
        let (d, clocks) = self.run(rng, a, kind, waits, 1_000_000);
        assert_eq!(self.get("done"), 1, "{} elements: done", a.len());
        assert_eq!(d.len(), a.len(), "results");
        let wrong = (0..d.len()).find(|&i| d[i] != expected[i]);
        assert_eq!(wrong, None, "{} elements, {kind:?}, {waits:?}", a.len());
        assert_eq!(self.word(self.port("result")), all, "product of {} elements", a.len());
        clocks
    }
}

const KINDS: [Prefix; 2] = [Prefix::Inclusive, Prefix::Exclusive];

fn lengths(target: Target, lengths: &[usize]) {
    let (mut bench, mut rng) = (Bench::new(target), rng());
    let block = bench.scan.block;
    let around = [block - 1, block, block + 1, 2 * block + 1];
    for (i, &n) in lengths.iter().chain(&around).enumerate() {
        for kind in KINDS {
            let zeros = rng.gen();
            let a = vector(&mut rng, n, zeros);
            let waits = [[0.0; 2], [0.4, 0.0], [0.0, 0.6], [0.5, 0.5], [0.1, 0.1]][i % 5];
            bench.check(&mut rng, &a, kind, waits);
        }
    }
}

#[test]
fn generic_lengths() {
    lengths(Target::Generic, &[0, 1, 2, 3, 15, 16, 17, 33, 77, 1000, 3001]);
}

/// Several times around the ring, with either side the slower one.
fn stalls(target: Target, n: usize, waits: &[[f64; 2]]) {
    let (mut bench, mut rng) = (Bench::new(target), rng());
    for &waits in waits {
        for kind in KINDS {
            let a = vector(&mut rng, n, false);
            bench.check(&mut rng, &a, kind, waits);
        }
    }
}

#[test]
fn generic_stalls() {
    let few = [[0.0, 0.1], [0.1, 0.0], [0.2, 0.2]];
    let many = [[0.0, 0.7], [0.7, 0.0], [0.5, 0.6], [0.95, 0.1], [0.1, 0.95]];
    stalls(Target::Generic, 1700, &[&few[..], &many[..]].concat());
}

#[test]
fn xcup_stalls() {
    stalls(Target::Xcup, 26_000, &[[0.0, 0.2], [0.2, 0.0]]);
}

#[test]
fn xcup_lengths() {
    lengths(Target::Xcup, &[0, 1, 2, 65, 1000]);
}

fn rate(target: Target, n: usize, most: f64) {
    let (mut bench, mut rng) = (Bench::new(target), rng());
    for n in [1000, n] {
        let a = vector(&mut rng, n, false);
        let clocks = bench.check(&mut rng, &a, Prefix::Inclusive, [0.0; 2]);
        println!(
            "{}: {n} elements: {clocks} clocks, {:.4} an element",
            target.name(),
            clocks as f64 / n as f64
        );
        assert!(clocks <= bench.scan.clocks(n), "{clocks} clocks, {} at most", bench.scan.clocks(n));
    }
    let (block, clocks) = (bench.scan.block as f64, bench.scan.block_clocks as f64);
    assert!(clocks / block < most, "{clocks} clocks a block of {block}");
}

#[test]
fn generic_is_close_to_an_element_a_clock() {
    rate(Target::Generic, 20_000, 1.10);
}

#[test]
fn xcup_is_close_to_an_element_a_clock() {
    rate(Target::Xcup, 40_000, 1.12);
}

/// A reset in the middle leaves nothing behind.
#[test]
fn reset_forgets() {
    let (mut bench, mut rng) = (Bench::new(Target::Generic), rng());
    for _ in 0..40 {
        let a = vector(&mut rng, 900, false);
        let limit = rng.gen_range(2..1400);
        bench.run(&mut rng, &a, Prefix::Inclusive, [0.1, 0.2], limit);
        bench.reset();
        let a = vector(&mut rng, 300, false);
        bench.check(&mut rng, &a, Prefix::Exclusive, [0.1; 2]);
    }
}
