//! The vector lane in Verilog against its model, bit for bit: every combination of operands and signs, stalls on all sides,
//! short and long vectors, and the clocks of a run without stalls.

mod vector_common;

use num_bigint::BigUint;
use permafrost_rtl::{
    field::Field,
    target::Target,
    vector::{
        lane::{self, Factor, Lane},
        model::{Model as Golden, Operand, Signs},
    },
};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use vector_common::{assert_equal, vector, Outcome, Unit};

const LENGTHS: [usize; 6] = [0, 1, 2, 3, 77, 1000];

fn rng() -> ChaCha8Rng {
    vector_common::rng(0x5eed_0032)
}

/// A command with its vectors; those that are not used must not be touched.
struct Command {
    vectors: [Vec<BigUint>; 3],
    scalars: [BigUint; 3],
    n: usize,
    a_scalar: bool,
    b: Factor,
    c_scalar: bool,
    signs: Signs,
    emit: bool,
}

impl Command {
    /// d = a b + c with all three streams, random.
    fn streams(rng: &mut ChaCha8Rng, n: usize) -> Command {
        Command {
            vectors: [(); 3].map(|_| vector(rng, n)),
            scalars: [(); 3].map(|_| vector(rng, 1).remove(0)),
            n,
            a_scalar: false,
            b: Factor::Stream,
            c_scalar: false,
            signs: Signs::default(),
            emit: true,
        }
    }

    /// The 48 combinations of operands, signs and outputs.
    fn random(rng: &mut ChaCha8Rng, n: usize, form: usize) -> Command {
        let b = [Factor::Stream, Factor::Scalar, Factor::Powers][form % 3];
        let bit = |k: usize| (form / 3) >> k & 1 == 1;
        let signs = Signs { negate_product: bit(2), negate_addend: bit(3) };
        Command { a_scalar: bit(0), c_scalar: bit(1), b, signs, emit: rng.gen(), ..Command::streams(rng, n) }
    }

    fn expected(&self, golden: &Golden) -> (Vec<BigUint>, BigUint) {
        let [a, b, c] = [0, 1, 2].map(|k| match (k, self.b, [self.a_scalar, false, self.c_scalar][k]) {
            (1, Factor::Powers, _) => Operand::Powers(&self.scalars[1]),
            (1, Factor::Scalar, _) | (_, _, true) => Operand::Scalar(&self.scalars[k]),
            _ => Operand::Vector(&self.vectors[k]),
        });
        let d = golden.map(self.n, a, b, c, self.signs);
        let sum = golden.sum(&d);
        (d, sum)
    }

    fn used(&self, stream: usize) -> bool {
        [!self.a_scalar, self.b == Factor::Stream, !self.c_scalar][stream]
    }
}

struct Bench {
    lane: Lane,
    unit: Unit,
    golden: Golden,
}

impl Bench {
    fn new(target: Target) -> Bench {
        let lane = lane::lane(target);
        let unit = Unit::new(target, &lane.module, &["a", "b", "c"]);
        Bench { lane, unit, golden: Golden::new() }
    }

    /// Runs `command`: what its streams did, and the sum.
    fn run(
        &mut self,
        rng: &mut ChaCha8Rng,
        command: &Command,
        waits: [f64; 4],
        limit: usize,
    ) -> (Outcome, BigUint) {
        for (name, value) in [
            ("n", command.n as u64),
            ("a_scalar_on", command.a_scalar.into()),
            ("b_from", command.b as u64),
            ("c_scalar_on", command.c_scalar.into()),
            ("negate_product", command.signs.negate_product.into()),
            ("negate_addend", command.signs.negate_addend.into()),
            ("emit", command.emit.into()),
        ] {
            self.unit.set(name, value);
        }
        for (name, scalar) in ["a_scalar", "b_scalar", "c_scalar"].into_iter().zip(&command.scalars) {
            self.unit.set_element(name, scalar);
        }
        let outcome = self.unit.run(rng, &command.vectors, &waits, limit);
        (outcome, self.unit.element("result"))
    }

    /// Runs `command` and compares everything with the model; clocks from `start` to `done`.
    fn check(&mut self, rng: &mut ChaCha8Rng, command: &Command, waits: [f64; 4]) -> usize {
        let (expected, sum) = command.expected(&self.golden);
        let (outcome, result) = self.run(rng, command, waits, 100_000);
        let what = format!("{} elements, a scalar {}, b {:?}", command.n, command.a_scalar, command.b);
        assert!(outcome.done, "{what}: not done");
        assert_equal(&outcome.d, if command.emit { &expected } else { &[] }, &what);
        assert_eq!(result, sum, "{what}");
        let taken = [0, 1, 2].map(|k| if command.used(k) { command.n } else { 0 });
        assert_eq!(outcome.taken, taken, "{what}: elements taken");
        outcome.clocks
    }
}

const FORMS: usize = 48;

fn every_form(target: Target) {
    let (mut bench, mut rng) = (Bench::new(target), rng());
    let stalls = [[0.0; 4], [0.5; 4], [0.0, 0.0, 0.0, 0.9], [0.9, 0.0, 0.2, 0.0], [0.0, 0.9, 0.0, 0.5]];
    for (i, n) in LENGTHS.into_iter().enumerate() {
        for form in 0..FORMS {
            let command = Command::random(&mut rng, n, form);
            bench.check(&mut rng, &command, stalls[(form + i) % stalls.len()]);
        }
    }
}

#[test]
fn generic_does_every_form() {
    every_form(Target::Generic);
}

#[test]
fn xcup_does_every_form() {
    every_form(Target::Xcup);
}

/// Named operations, as the module's table has them, against the model's own functions for them.
fn operations(target: Target) {
    let (mut bench, mut rng) = (Bench::new(target), rng());
    let golden = Golden::new();
    let one = Field::fr().one();
    for n in LENGTHS {
        let base = |rng: &mut ChaCha8Rng| {
            let mut command = Command::streams(rng, n);
            command.scalars[2] = BigUint::ZERO;
            Command { c_scalar: true, ..command }
        };
        let mut run = |command: &Command| {
            bench.run(&mut ChaCha8Rng::seed_from_u64(n as u64), command, [0.1; 4], 100_000)
        };

        let mut command = Command { b: Factor::Scalar, emit: false, ..base(&mut rng) };
        command.scalars[1] = one.clone();
        assert_eq!(run(&command).1, golden.sum(&command.vectors[0]), "sum of {n}");

        let command = Command { emit: false, ..base(&mut rng) };
        let inner = golden.inner_product(&command.vectors[0], &command.vectors[1]);
        assert_eq!(run(&command).1, inner, "inner product of {n}");

        let command = Command { b: Factor::Powers, emit: false, ..base(&mut rng) };
        let value = golden.evaluate(&command.vectors[0], &command.scalars[1]);
        assert_eq!(run(&command).1, value, "evaluation of {n} coefficients");

        let command = Command { a_scalar: true, b: Factor::Powers, ..base(&mut rng) };
        let powers = golden.powers(n, &command.scalars[0], &command.scalars[1]);
        assert_eq!(run(&command).0.d, powers, "{n} powers");
    }
}

#[test]
fn generic_does_the_operations() {
    operations(Target::Generic);
}

#[test]
fn xcup_does_the_operations() {
    operations(Target::Xcup);
}

/// Powers of the corners: every one of them repeats itself, in the generator's ring too.
#[test]
fn powers_of_corners() {
    let (mut bench, mut rng) = (Bench::new(Target::Generic), rng());
    let fr = Field::fr();
    for g in [BigUint::ZERO, fr.one(), &fr.p - fr.one(), BigUint::from(1u32), &fr.p - 1u32] {
        let mut command = Command::streams(&mut rng, 200);
        command.scalars[1] = g;
        let command = Command { b: Factor::Powers, ..command };
        bench.check(&mut rng, &command, [0.0, 0.0, 0.0, 0.3]);
    }
}

fn rate(target: Target) {
    let (mut bench, mut rng) = (Bench::new(target), rng());
    for n in [1000, 4000] {
        for (b, emit) in [
            (Factor::Stream, true),
            (Factor::Scalar, true),
            (Factor::Powers, true),
            (Factor::Stream, false),
            (Factor::Powers, false),
        ] {
            let command = Command { b, emit, ..Command::streams(&mut rng, n) };
            let clocks = bench.check(&mut rng, &command, [0.0; 4]);
            println!(
                "{}: {n} elements, b {b:?}, {}: {clocks} clocks, {:.4} an element",
                target.name(),
                if emit { "d" } else { "sum" },
                clocks as f64 / n as f64
            );
            let overhead = if b == Factor::Powers { bench.lane.overhead_powers } else { bench.lane.overhead };
            assert!(clocks <= n + overhead, "{clocks} clocks for {n} elements, {overhead} beyond");
        }
    }
}

#[test]
fn generic_takes_an_element_a_clock() {
    rate(Target::Generic);
}

#[test]
fn xcup_takes_an_element_a_clock() {
    rate(Target::Xcup);
}

/// A reset in the middle leaves nothing behind.
#[test]
fn reset_forgets() {
    let (mut bench, mut rng) = (Bench::new(Target::Generic), rng());
    for form in 0..FORMS {
        let command = Command { emit: form % 4 != 0, ..Command::random(&mut rng, 200, form) };
        let limit = rng.gen_range(2..150);
        assert!(!bench.run(&mut rng, &command, [0.1; 4], limit).0.done);
        bench.unit.reset();
        let form = rng.gen_range(0..FORMS);
        let command = Command::random(&mut rng, 40, form);
        bench.check(&mut rng, &command, [0.1; 4]);
    }
}
