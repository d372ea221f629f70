//! `permafrost bench vector`

use ark_bn254::Fr;
use ark_ff::{Field, One, Zero};
use permafrost_zkal::engine::{DeviceVec, Engine, Operand, Operation, Terms};
use rand::seq::SliceRandom;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use serde::Serialize;

use super::stream::{Asked, Least, StreamFigures};
use super::{inputs, name_of};
use crate::args::{BenchVector, VectorOp};
use crate::card;
use crate::error::Error;
use crate::out;
use crate::progress::Progress;

/// One run, as `--json` prints it.
#[derive(Serialize)]
struct Figures {
    bench: &'static str,
    op: String,
    #[serde(flatten)]
    stream: StreamFigures,
}

/// Bytes of card memory that an operation moves for an element, at least.
struct Moved {
    read: u64,
    written: u64,
}

/// Bytes of an element; a gathered one takes a whole 64-byte unit of memory, and an index.
const ELEMENT: u64 = 32;
const GATHERED: u64 = 64 + 4;

fn moved(op: VectorOp) -> Moved {
    use VectorOp::*;
    let streams = match op {
        Powers => 0,
        Scale | Total | Evaluate | PrefixProduct | Inverse => 1,
        Product | Sum | InnerProduct => 2,
        MulSub => 3,
        Gather => return Moved { read: GATHERED, written: ELEMENT },
    };
    let written = match op {
        Total | InnerProduct | Evaluate => 0,
        _ => ELEMENT,
    };
    Moved { read: streams * ELEMENT, written }
}

/// The inputs on the host.
struct Inputs {
    a: Vec<Fr>,
    b: Vec<Fr>,
    c: Vec<Fr>,
    s: Fr,
    g: Fr,
    indices: Vec<u32>,
}

impl Inputs {
    fn random(n: usize, seed: u64) -> Self {
        let mut all = inputs::elements(3 * n + 2, seed);
        let (c, b) = (all.split_off(2 * n + 2), all.split_off(n + 2));
        let (s, g) = (all[0], all[1]);
        let mut indices: Vec<u32> = (0..n as u32).collect();
        indices.shuffle(&mut ChaCha8Rng::seed_from_u64(seed));
        Inputs { a: all.split_off(2), b, c, s, g, indices }
    }

    /// What arkworks gives: a vector, or one value.
    fn expected(&self, op: VectorOp) -> Vec<Fr> {
        let Inputs { a, b, c, s, g, .. } = self;
        let powers = std::iter::successors(Some(Fr::one()), |power| Some(*power * g));
        let running = |values: &[Fr]| {
            let mut product = Fr::one();
            values
                .iter()
                .map(move |v| {
                    product *= v;
                    product
                })
                .collect()
        };
        match op {
            VectorOp::Scale => a.iter().map(|a| *a * s).collect(),
            VectorOp::Product => a.iter().zip(b).map(|(a, b)| *a * b).collect(),
            VectorOp::Sum => a.iter().zip(c).map(|(a, c)| *a + c).collect(),
            VectorOp::MulSub => a.iter().zip(b).zip(c).map(|((a, b), c)| *a * b - c).collect(),
            VectorOp::Powers => powers.take(a.len()).map(|p| p * s).collect(),
            VectorOp::Total => vec![a.iter().sum()],
            VectorOp::InnerProduct => vec![a.iter().zip(b).map(|(a, b)| *a * b).sum()],
            VectorOp::Evaluate => vec![a.iter().rev().fold(Fr::zero(), |value, a| value * g + a)],
            VectorOp::PrefixProduct => running(a),
            VectorOp::Inverse => a.iter().map(|a| a.inverse().unwrap_or_default()).collect(),
            VectorOp::Gather => self.indices.iter().map(|i| b[*i as usize]).collect(),
        }
    }
}

/// The inputs in card memory.
struct Resident {
    a: DeviceVec,
    b: DeviceVec,
    c: DeviceVec,
    d: DeviceVec,
}

pub fn vector(args: &BenchVector) -> Result<(), Error> {
    let n = 1usize << args.log_n;
    let open = card::open(&args.card.card)?;
    let engine = super::engine(&open)?;
    let progress = Progress::start(format!("{n} random elements"));
    let inputs = Inputs::random(n, args.seed);
    let (a, b) = (engine.upload_vec(&inputs.a)?, engine.upload_vec(&inputs.b)?);
    let resident = Resident { a, b, c: engine.upload_vec(&inputs.c)?, d: engine.zero_vec(n)? };

    progress.stage("on the card");
    let before = open.simulation();
    let (found, operation) = on_card(&engine, args.op, &inputs, &resident)?;
    let speed = open.speed_since(before);

    progress.stage("check against arkworks");
    let op = name_of(args.op);
    let wrong = || Error::WrongElements { what: format!("{op} of 2^{}", args.log_n), seed: args.seed };
    if found != inputs.expected(args.op) {
        return Err(wrong());
    }

    let asked =
        Asked { open: &open, card: engine.name().to_owned(), log_n: args.log_n, seed: args.seed, speed };
    let Moved { read, written } = moved(args.op);
    let work = n as u64;
    let least = |_| Least { work, read: read * work, written: written * work };
    // Only the card may have computed it, so its record is there.
    let stream = StreamFigures::new(asked, &operation, least).ok_or_else(wrong)?;
    let title = format!("vector {op}, 2^{} elements", args.log_n);
    let figures = Figures { bench: "vector", op, stream };
    match args.json {
        true => out::json(&figures),
        false => out::text(&figures.stream.table(&title).render()),
    }
}

/// The result and the record; of operations that leave a vector, the vector.
fn on_card(
    engine: &Engine,
    op: VectorOp,
    inputs: &Inputs,
    resident: &Resident,
) -> Result<(Vec<Fr>, Operation), Error> {
    let Resident { a, b, c, d } = resident;
    let (s, g) = (inputs.s, inputs.g);
    let operation = match op {
        VectorOp::Total | VectorOp::InnerProduct | VectorOp::Evaluate => {
            let outcome = match op {
                VectorOp::Total => engine.sum(a)?,
                VectorOp::InnerProduct => engine.inner_product(a, b)?,
                _ => engine.evaluate(a, g)?,
            };
            return Ok((vec![outcome.value], outcome.operation));
        }
        VectorOp::Scale => engine.map(d, &Terms::product(a, s))?,
        VectorOp::Product => engine.map(d, &Terms::product(a, b))?,
        VectorOp::Sum => engine.map(d, &Terms::sum(a, c))?,
        VectorOp::MulSub => engine.map(d, &Terms::product(a, b).minus(c))?,
        VectorOp::Powers => engine.map(d, &Terms::product(s, Operand::Powers(g)))?,
        VectorOp::PrefixProduct => engine.prefix_product(d, a, false)?,
        VectorOp::Inverse => engine.invert(d, a)?,
        VectorOp::Gather => {
            let indices = engine.upload_indices(&inputs.indices)?;
            engine.gather(d, b, &indices)?
        }
    };
    Ok((d.download()?, operation))
}
