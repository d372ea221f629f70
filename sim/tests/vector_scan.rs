//! Prefix products in Verilog against their model, bit for bit: lengths around segments and blocks, stalls on both sides,
//! and the clocks of a run without stalls.

mod vector_common;

use num_bigint::BigUint;
use permafrost_rtl::{
    field::Field,
    target::Target,
    vector::{
        model::{Model as Golden, Prefix},
        scan::{self, Scan},
    },
};
use rand::Rng;
use rand_chacha::ChaCha8Rng;
use vector_common::{assert_equal, units, Outcome, Unit};

fn rng() -> ChaCha8Rng {
    vector_common::rng(0x5eed_0033)
}

struct Bench {
    scan: Scan,
    unit: Unit,
    golden: Golden,
}

impl Bench {
    fn new(target: Target) -> Bench {
        let scan = scan::scan(target);
        println!("{}: blocks of {}, {} clocks each", target.name(), scan.block, scan.block_clocks);
        let unit = Unit::new(target, &scan.module, &["a"]);
        Bench { scan, unit, golden: Golden::new() }
    }

    fn run(
        &mut self,
        rng: &mut ChaCha8Rng,
        a: &[BigUint],
        kind: Prefix,
        waits: [f64; 2],
        limit: usize,
    ) -> Outcome {
        self.unit.set("n", a.len() as u64);
        self.unit.set("exclusive", u64::from(kind == Prefix::Exclusive));
        self.unit.run(rng, &[a.to_vec()], &waits, limit)
    }

    /// Clocks from `start` to `done`.
    fn check(&mut self, rng: &mut ChaCha8Rng, a: &[BigUint], kind: Prefix, waits: [f64; 2]) -> usize {
        let what = format!("{} elements, {kind:?}, {waits:?}", a.len());
        let all = self.golden.prefix_product(a, Prefix::Inclusive).pop().unwrap_or(Field::fr().one());
        let outcome = self.run(rng, a, kind, waits, 1_000_000);
        assert!(outcome.done, "{what}: not done");
        assert_equal(&outcome.d, &self.golden.prefix_product(a, kind), &what);
        assert_eq!(outcome.taken, [a.len()], "{what}: elements taken");
        assert_eq!(self.unit.element("result"), all, "{what}: product");
        outcome.clocks
    }
}

const KINDS: [Prefix; 2] = [Prefix::Inclusive, Prefix::Exclusive];

fn lengths(target: Target, lengths: &[usize]) {
    let (mut bench, mut rng) = (Bench::new(target), rng());
    let block = bench.scan.block;
    let around = [block - 1, block, block + 1, 2 * block + 1];
    for (i, &n) in lengths.iter().chain(&around).enumerate() {
        for kind in KINDS {
            let mut a = units(&mut rng, n);
            // A zero ends every product behind it.
            if n > 0 && rng.gen() {
                a[rng.gen_range(0..n)] = BigUint::ZERO;
            }
            let waits = [[0.0; 2], [0.4, 0.0], [0.0, 0.6], [0.5, 0.5], [0.1, 0.1]][i % 5];
            bench.check(&mut rng, &a, kind, waits);
        }
    }
}

#[test]
fn generic_lengths() {
    lengths(Target::Generic, &[0, 1, 2, 3, 15, 16, 17, 33, 77, 1000, 3001]);
}

#[test]
fn xcup_lengths() {
    lengths(Target::Xcup, &[0, 1, 2, 65, 1000]);
}

/// Several times around the rings, with either side the slower one.
fn stalls(target: Target, n: usize, waits: &[[f64; 2]]) {
    let (mut bench, mut rng) = (Bench::new(target), rng());
    for &waits in waits {
        for kind in KINDS {
            let a = units(&mut rng, n);
            bench.check(&mut rng, &a, kind, waits);
        }
    }
}

#[test]
fn generic_stalls() {
    let few = [[0.0, 0.1], [0.1, 0.0], [0.2, 0.2]];
    let many = [[0.0, 0.7], [0.7, 0.0], [0.5, 0.6], [0.95, 0.1], [0.1, 0.95]];
    stalls(Target::Generic, 2700, &[&few[..], &many[..]].concat());
}

#[test]
fn xcup_stalls() {
    stalls(Target::Xcup, 26_000, &[[0.0, 0.2], [0.2, 0.0]]);
}

fn rate(target: Target, lengths: &[(usize, f64)]) {
    let (mut bench, mut rng) = (Bench::new(target), rng());
    for &(n, most) in lengths {
        let a = units(&mut rng, n);
        let clocks = bench.check(&mut rng, &a, Prefix::Inclusive, [0.0; 2]);
        let ratio = clocks as f64 / n as f64;
        println!("{}: {n} elements: {clocks} clocks, {ratio:.4} an element", target.name());
        assert!(clocks <= bench.scan.clocks(n), "{clocks} clocks, {} at most", bench.scan.clocks(n));
        assert!(ratio <= most, "{ratio} clocks an element, {most} at most");
    }
}

#[test]
fn generic_takes_an_element_a_clock() {
    rate(Target::Generic, &[(1000, 1.8), (20_000, 1.05), (1 << 16, 1.0 / 0.95)]);
}

#[test]
fn xcup_is_close_to_an_element_a_clock() {
    rate(Target::Xcup, &[(1000, 10.0), (1 << 16, 1.25)]);
}

/// A reset in the middle leaves nothing behind.
#[test]
fn reset_forgets() {
    let (mut bench, mut rng) = (Bench::new(Target::Generic), rng());
    for _ in 0..40 {
        let a = units(&mut rng, 900);
        let limit = rng.gen_range(2..1400);
        bench.run(&mut rng, &a, Prefix::Inclusive, [0.1, 0.2], limit);
        bench.unit.reset();
        let a = units(&mut rng, 300);
        bench.check(&mut rng, &a, Prefix::Exclusive, [0.1; 2]);
    }
}
