//! `permafrost bench ntt`

use ark_bn254::Fr;
use ark_ff::{FftField, Zero};
use ark_poly::{EvaluationDomain, Radix2EvaluationDomain};
use permafrost_zkal::engine::{self, NttAccel, Transform};
use serde::Serialize;

use super::stream::{Asked, Least, StreamFigures};
use super::{inputs, name_of};
use crate::args::{BenchNtt, Direction, Order};
use crate::card::{self, Changes};
use crate::error::Error;
use crate::out;
use crate::progress::Progress;

/// One run, as `--json` prints it.
#[derive(Serialize)]
struct Figures {
    bench: &'static str,
    direction: String,
    coset: bool,
    input: String,
    output: String,
    batch: u32,
    #[serde(flatten)]
    stream: StreamFigures,
}

/// Bytes of an element.
const ELEMENT: u64 = 32;
/// Most elements of a measurement: 2^26.
const MAX_ELEMENTS: usize = 1 << 26;

pub fn ntt(args: &BenchNtt) -> Result<(), Error> {
    let transform = transform(args)?;
    let n = transform.size();
    let elements = n.saturating_mul(args.batch as usize);
    if elements > MAX_ELEMENTS {
        return Err(Error::TooManyElements { log_n: args.log_n, batch: args.batch, max: MAX_ELEMENTS });
    }
    let open = card::open_with(&args.card.card, Changes { lanes: args.lanes, ..Changes::default() })?;
    let engine = super::engine(&open)?;

    let progress = Progress::start(format!("{elements} random elements"));
    // First: a card without room says so before the host has taken as much.
    let destination = engine.zero_vec(transform.vector_len())?;
    let values = inputs::elements(elements, args.seed);
    // Transforms of a batch begin at even elements, so that one of a single element has one beside it.
    let mut vector = vec![Fr::zero(); transform.vector_len()];
    for (place, values) in vector.chunks_mut(transform.stride()).zip(values.chunks(n)) {
        place[..n].copy_from_slice(values);
    }
    let source = engine.upload_vec(&vector)?;

    progress.stage(format!("{} transform(s) of 2^{} elements on the card", args.batch, args.log_n));
    let before = open.simulation();
    let operation = engine.ntt_resident(&transform, &source, &destination)?;
    let speed = open.speed_since(before);

    progress.stage("check against arkworks");
    let wrong = || Error::WrongElements { what: format!("NTT of 2^{}", args.log_n), seed: args.seed };
    let domain = Radix2EvaluationDomain::<Fr>::new(n).and_then(|domain| match args.coset {
        true => domain.get_coset(Fr::GENERATOR),
        false => Some(domain),
    });
    let domain = domain.ok_or_else(wrong)?;
    let found = destination.download()?;
    for (found, values) in found.chunks(transform.stride()).zip(values.chunks(n)) {
        let mut expected = in_order(args.input, values);
        match args.direction {
            Direction::Forward => domain.fft_in_place(&mut expected),
            Direction::Inverse => domain.ifft_in_place(&mut expected),
        }
        if found[..n] != in_order(args.output, &expected) {
            return Err(wrong());
        }
    }

    let asked =
        Asked { open: &open, card: engine.name().to_owned(), log_n: args.log_n, seed: args.seed, speed };
    let butterflies = elements as u64 / 2 * u64::from(args.log_n);
    let least = |passes| {
        let bytes = passes * ELEMENT * elements as u64;
        Least { work: butterflies, read: bytes, written: bytes }
    };
    // Only the card may have computed it, so its record is there.
    let stream = StreamFigures::new(asked, &operation, least).ok_or_else(wrong)?;
    let figures = Figures {
        bench: "ntt",
        direction: name_of(args.direction),
        coset: args.coset,
        input: name_of(args.input),
        output: name_of(args.output),
        batch: args.batch,
        stream,
    };
    if args.json {
        return out::json(&figures);
    }
    let coset = if args.coset { ", coset" } else { "" };
    let title = format!("ntt {}{coset}, {} of 2^{}", figures.direction, args.batch, args.log_n);
    out::text(&figures.stream.table(&title).render())
}

fn transform(args: &BenchNtt) -> Result<Transform, Error> {
    let mut transform = Transform::forward(args.log_n)?;
    if args.coset {
        transform = transform.on_coset(Fr::GENERATOR);
    }
    if args.direction == Direction::Inverse {
        transform = transform.inverse();
    }
    let order = |order| match order {
        Order::Natural => engine::Order::Natural,
        Order::BitReversed => engine::Order::BitReversed,
    };
    Ok(transform.input(order(args.input)).output(order(args.output)).batch(args.batch as usize))
}

/// `values` from natural order into `order`, or back.
fn in_order(order: Order, values: &[Fr]) -> Vec<Fr> {
    let bits = values.len().ilog2();
    let place = |i: usize| match (order, bits) {
        (Order::Natural, _) | (_, 0) => i,
        _ => i.reverse_bits() >> (usize::BITS - bits),
    };
    (0..values.len()).map(|i| values[place(i)]).collect()
}
