//! Inverses of a stream in Verilog against their model, bit for bit: lengths around rows and blocks, zeros, stalls on both
//! sides, and the clocks of a run without stalls.

mod vector_common;

use num_bigint::BigUint;
use permafrost_rtl::{
    target::Target,
    vector::{
        inverse::{self, Inverse},
        model::Model as Golden,
    },
};
use rand::Rng;
use rand_chacha::ChaCha8Rng;
use vector_common::{assert_equal, corners, units, vector, Unit};

fn rng() -> ChaCha8Rng {
    vector_common::rng(0x5eed_0034)
}

struct Bench {
    inverse: Inverse,
    unit: Unit,
    golden: Golden,
}

impl Bench {
    fn new(target: Target) -> Bench {
        let inverse = inverse::inverse(target);
        println!(
            "{}: blocks of {}, {} chains, tree {}",
            target.name(),
            inverse.block,
            inverse.chains,
            inverse.tree_clocks
        );
        let unit = Unit::new(target, &inverse.module, &["a"]);
        Bench { inverse, unit, golden: Golden::new() }
    }

    /// Clocks from `start` to `done`.
    fn check(&mut self, rng: &mut ChaCha8Rng, a: &[BigUint], waits: [f64; 2]) -> usize {
        let what = format!("{} elements, {waits:?}", a.len());
        self.unit.set("n", a.len() as u64);
        let outcome = self.unit.run(rng, &[a.to_vec()], &waits, 1_000_000);
        assert!(outcome.done, "{what}: not done");
        assert_equal(&outcome.d, &self.golden.batch_inverse(a), &what);
        assert_eq!(outcome.taken, [a.len()], "{what}: elements taken");
        outcome.clocks
    }
}

const WAITS: [[f64; 2]; 5] = [[0.0; 2], [0.4, 0.0], [0.0, 0.6], [0.5, 0.5], [0.1, 0.1]];

fn lengths(target: Target, lengths: &[usize]) {
    let (mut bench, mut rng) = (Bench::new(target), rng());
    let (row, block) = (bench.inverse.chains, bench.inverse.block);
    let around =
        [row - 1, row, row + 1, block - row + 1, block - 1, block, block + 1, block + row, 2 * block + 1];
    for (i, &n) in lengths.iter().chain(&around).enumerate() {
        for zeros in [false, true] {
            let a = if zeros { vector(&mut rng, n) } else { units(&mut rng, n) };
            bench.check(&mut rng, &a, WAITS[i % WAITS.len()]);
        }
    }
}

#[test]
fn generic_lengths() {
    lengths(Target::Generic, &[0, 1, 2, 3, 5, 77, 301, 1000, 3001]);
}

#[test]
fn xcup_lengths() {
    lengths(Target::Xcup, &[0, 1, 3, 300]);
}

/// Vectors of one corner, and of corners only.
#[test]
fn corners_only() {
    let (mut bench, mut rng) = (Bench::new(Target::Generic), rng());
    let corners = corners();
    for n in [1, 40, 700] {
        for corner in &corners {
            bench.check(&mut rng, &vec![corner.clone(); n], [0.1; 2]);
        }
        let mixed: Vec<BigUint> = (0..n).map(|_| corners[rng.gen_range(0..5)].clone()).collect();
        bench.check(&mut rng, &mixed, [0.0; 2]);
    }
}

/// Several times around the rings, with either side the slower one.
#[test]
fn generic_stalls() {
    let (mut bench, mut rng) = (Bench::new(Target::Generic), rng());
    for waits in
        [[0.0, 0.1], [0.1, 0.0], [0.2, 0.2], [0.0, 0.7], [0.7, 0.0], [0.5, 0.6], [0.9, 0.1], [0.1, 0.9]]
    {
        let a = vector(&mut rng, 5300);
        bench.check(&mut rng, &a, waits);
    }
}

#[test]
fn xcup_stalls() {
    let (mut bench, mut rng) = (Bench::new(Target::Xcup), rng());
    for waits in [[0.0, 0.2], [0.2, 0.0]] {
        let a = vector(&mut rng, 13_000);
        bench.check(&mut rng, &a, waits);
    }
}

fn rate(target: Target, lengths: &[(usize, f64)]) {
    let (mut bench, mut rng) = (Bench::new(target), rng());
    for &(n, most) in lengths {
        let a = units(&mut rng, n);
        let clocks = bench.check(&mut rng, &a, [0.0; 2]);
        let ratio = clocks as f64 / n as f64;
        println!("{}: {n} elements: {clocks} clocks, {ratio:.4} an element", target.name());
        assert!(clocks <= bench.inverse.clocks(n), "{clocks} clocks, {} at most", bench.inverse.clocks(n));
        assert!(ratio <= most, "{ratio} clocks an element, {most} at most");
    }
}

#[test]
fn generic_takes_an_element_a_clock() {
    rate(Target::Generic, &[(1, 1e3), (100, 10.0), (1 << 12, 1.4), (1 << 16, 1.0 / 0.95)]);
}

#[test]
fn xcup_takes_an_element_a_clock() {
    rate(Target::Xcup, &[(1, 3e3), (1 << 15, 1.25)]);
}

/// A reset in the middle leaves nothing behind.
#[test]
fn reset_forgets() {
    let (mut bench, mut rng) = (Bench::new(Target::Generic), rng());
    for _ in 0..40 {
        let a = vector(&mut rng, 1700);
        bench.unit.set("n", 1700);
        let limit = rng.gen_range(2..2800);
        bench.unit.run(&mut rng, &[a], &[0.1, 0.2], limit);
        bench.unit.reset();
        let a = vector(&mut rng, 300);
        bench.check(&mut rng, &a, [0.1; 2]);
    }
}
