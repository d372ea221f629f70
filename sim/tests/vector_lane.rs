//! The vector lane in Verilog against its model, bit for bit: every combination of operands and signs, stalls on all sides,
//! short and long vectors, and the clocks of a run without stalls.

use num_bigint::BigUint;
use permafrost_rtl::{
    field::{Field, FIELD_BITS},
    hdl::Design,
    target::Target,
    vector::{
        lane::{self, Factor, Lane},
        model::{Model as Golden, Operand, Signs},
    },
};
use permafrost_sim::verilated::{Model, PortId};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

const LENGTHS: [usize; 6] = [0, 1, 2, 3, 77, 1000];
const BYTES: usize = FIELD_BITS.div_ceil(8);

fn rng() -> ChaCha8Rng {
    let seed = std::env::var("PERMAFROST_SEED").ok().and_then(|s| s.parse().ok()).unwrap_or(0x5eed_0032);
    println!("seed {seed} (set PERMAFROST_SEED to repeat)");
    ChaCha8Rng::seed_from_u64(seed)
}

/// Random elements with corners among them.
fn vector(rng: &mut ChaCha8Rng, n: usize) -> Vec<BigUint> {
    let fr = Field::fr();
    let corners = [BigUint::ZERO, BigUint::from(1u32), fr.one(), &fr.p - 1u32, &fr.p - fr.one()];
    (0..n)
        .map(|_| match rng.gen_range(0..20) {
            k if k < 5 => corners[k].clone(),
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

struct Stream {
    valid: PortId,
    ready: PortId,
    data: PortId,
}

struct Bench {
    lane: Lane,
    model: Model,
    golden: Golden,
    inputs: [Stream; 3],
    output: Stream,
    done: PortId,
}

impl Bench {
    fn new(target: Target) -> Bench {
        let lane = lane::lane(target);
        let model = Model::new(&Design::elaborate(&lane.module).unwrap()).unwrap();
        let stream = |x: &str| {
            let [valid, ready, data] =
                ["valid", "ready", "data"].map(|end| model.port(&format!("{x}_{end}")).unwrap());
            Stream { valid, ready, data }
        };
        let (inputs, output) = (["a", "b", "c"].map(stream), stream("d"));
        let done = model.port("done").unwrap();
        let mut bench = Bench { lane, model, golden: Golden::new(), inputs, output, done };
        bench.reset();
        bench
    }

    fn set(&mut self, name: &str, value: u64) {
        let port = self.model.port(name).unwrap();
        self.model.set(port, value);
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
        assert_eq!(self.model.get(self.done), 1, "done after reset");
    }

    fn start(&mut self, command: &Command) {
        for (name, value) in [
            ("n", command.n as u64),
            ("a_scalar_on", command.a_scalar.into()),
            ("b_from", command.b as u64),
            ("c_scalar_on", command.c_scalar.into()),
            ("negate_product", command.signs.negate_product.into()),
            ("negate_addend", command.signs.negate_addend.into()),
            ("emit", command.emit.into()),
            ("start", 1),
        ] {
            self.set(name, value);
        }
        for (name, scalar) in ["a_scalar", "b_scalar", "c_scalar"].into_iter().zip(&command.scalars) {
            let port = self.model.port(name).unwrap();
            self.model.set_bytes(port, &bytes(scalar));
        }
        for k in 0..3 {
            self.model.set(self.inputs[k].valid, 0);
        }
        self.model.tick(1).unwrap();
        self.set("start", 0);
        self.model.eval().unwrap();
    }

    /// Runs `command` until `done`, or for `limit` clocks, each side waiting with its probability; what came out, and the
    /// clocks from `start`.
    fn run(&mut self, rng: &mut ChaCha8Rng, command: &Command, waits: [f64; 4], limit: u64) -> Outcome {
        self.start(command);
        let (mut at, mut d, mut clocks) = ([0; 3], vec![], 1);
        let mut shown: Option<BigUint> = None;
        while self.model.get(self.done) == 0 && clocks < limit {
            for k in 0..3 {
                let element = command.vectors[k].get(at[k]).filter(|_| !rng.gen_bool(waits[k]));
                self.model.set(self.inputs[k].valid, element.is_some().into());
                let garbage = [0x2a; BYTES];
                self.model.set_bytes(self.inputs[k].data, &element.map_or(garbage, bytes));
            }
            let take = !rng.gen_bool(waits[3]);
            self.model.set(self.output.ready, take.into());
            self.model.eval().unwrap();
            for (input, at) in self.inputs.iter().zip(&mut at) {
                *at += usize::from(self.model.get(input.valid) == 1 && self.model.get(input.ready) == 1);
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
        let result = self.word(self.model.port("result").unwrap());
        Outcome { d, result, taken: at, clocks: clocks - 1, done: self.model.get(self.done) == 1 }
    }

    /// Runs `command` and compares everything with the model; clocks from `start` to `done`.
    fn check(&mut self, rng: &mut ChaCha8Rng, command: &Command, waits: [f64; 4]) -> u64 {
        let (expected, sum) = command.expected(&self.golden);
        let outcome = self.run(rng, command, waits, 100_000);
        let what = format!("{} elements, a scalar {}, b {:?}", command.n, command.a_scalar, command.b);
        assert!(outcome.done, "{what}: not done");
        assert_eq!(outcome.d, if command.emit { expected } else { vec![] }, "{what}");
        assert_eq!(outcome.result, sum, "{what}");
        let taken = [0, 1, 2].map(|k| if command.used(k) { command.n } else { 0 });
        assert_eq!(outcome.taken, taken, "{what}: elements taken");
        outcome.clocks
    }
}

struct Outcome {
    d: Vec<BigUint>,
    result: BigUint,
    taken: [usize; 3],
    clocks: u64,
    done: bool,
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
        assert_eq!(run(&command).result, golden.sum(&command.vectors[0]), "sum of {n}");

        let command = Command { emit: false, ..base(&mut rng) };
        let inner = golden.inner_product(&command.vectors[0], &command.vectors[1]);
        assert_eq!(run(&command).result, inner, "inner product of {n}");

        let command = Command { b: Factor::Powers, emit: false, ..base(&mut rng) };
        let value = golden.evaluate(&command.vectors[0], &command.scalars[1]);
        assert_eq!(run(&command).result, value, "evaluation of {n} coefficients");

        let command = Command { a_scalar: true, b: Factor::Powers, ..base(&mut rng) };
        let powers = golden.powers(n, &command.scalars[0], &command.scalars[1]);
        assert_eq!(run(&command).d, powers, "{n} powers");
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
            assert!(clocks as usize <= n + overhead, "{clocks} clocks for {n} elements, {overhead} beyond");
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
        assert!(!bench.run(&mut rng, &command, [0.1; 4], limit).done);
        bench.reset();
        let form = rng.gen_range(0..FORMS);
        let command = Command::random(&mut rng, 40, form);
        bench.check(&mut rng, &command, [0.1; 4]);
    }
}
