//! Transforms on the card double, by arkworks' and halo2curves' transforms.

use std::sync::atomic::Ordering;

use ark_bn254::{Fr, G1Affine};
use ark_ff::{AdditiveGroup, FftField, Field, One, PrimeField, UniformRand};
use ark_poly::{EvaluationDomain, Radix2EvaluationDomain};
use halo2curves::bn256;
use rand::{Rng, RngCore};

use super::*;
use crate::engine::testing::{rng, TestDevice};
use crate::engine::{CpuReason, Fallback, Op, Place, Policy, Unsupported};

fn engine(block: u32) -> Engine {
    let (device, _) = TestDevice::streaming(1 << 20, Some(block));
    Engine::on_device(device, Policy { ntt: Unsupported::Refuse, ..Policy::default() }).expect("layout")
}

fn random(n: usize, rng: &mut impl RngCore) -> Vec<Fr> {
    (0..n).map(|_| Fr::rand(rng)).collect()
}

fn reversed(values: &[Fr]) -> Vec<Fr> {
    let bits = values.len().ilog2();
    let place = |i: usize| (0..bits).fold(0, |out, bit| out << 1 | i >> bit & 1);
    (0..values.len()).map(|i| values[place(i)]).collect()
}

const ORDERS: [Order; 2] = [Order::Natural, Order::BitReversed];

/// The kinds of transforms with arkworks' own results for natural orders.
fn kinds(log_n: u32, shift: Fr, values: &[Fr]) -> Vec<(&'static str, Transform, Vec<Fr>)> {
    let domain = Radix2EvaluationDomain::<Fr>::new(1 << log_n).expect("a domain");
    let coset = domain.get_coset(shift).expect("a coset");
    let forward = Transform::forward(log_n).expect("small");
    vec![
        ("fft", forward, domain.fft(values)),
        ("ifft", forward.inverse(), domain.ifft(values)),
        ("coset fft", forward.on_coset(shift), coset.fft(values)),
        ("coset ifft", forward.on_coset(shift).inverse(), coset.ifft(values)),
    ]
}

#[test]
fn all_sizes_orders_and_batches_equal_arkworks() {
    let (mut rng, seed) = rng();
    for (log_n, block) in (0..=9).flat_map(|log_n| [4, 5, 6].map(|block| (log_n, block))) {
        let engine = engine(block);
        let n = 1usize << log_n;
        let shift = Fr::rand(&mut rng);
        let batch = rng.gen_range(1..=4);
        let inputs: Vec<Vec<Fr>> = (0..batch).map(|_| random(n, &mut rng)).collect();
        let expected: Vec<_> = inputs.iter().map(|values| kinds(log_n, shift, values)).collect();
        for (kind, (name, transform, _)) in expected[0].iter().enumerate() {
            for (input, output) in ORDERS.into_iter().flat_map(|i| ORDERS.map(|o| (i, o))) {
                let case =
                    format!("{name} {log_n} {input:?} {output:?} batch {batch} block {block} seed {seed}");
                let transform = transform.input(input).output(output).batch(batch);
                let turn = |order, values: &[Fr]| match order {
                    Order::Natural => values.to_vec(),
                    Order::BitReversed => reversed(values),
                };
                let source: Vec<_> = inputs.iter().map(|values| turn(input, values)).collect();
                let right: Vec<_> = expected.iter().map(|kinds| turn(output, &kinds[kind].2)).collect();

                let mut values = source.concat();
                let operation = engine.ntt(&transform, &mut values).expect("runs");
                assert!(values == right.concat(), "{case}");
                assert_eq!(
                    (operation.place, operation.n, operation.batch),
                    (Place::Card, n, batch),
                    "{case}"
                );
                let mut on_cpu = source.concat();
                cpu::transform(&transform, &mut on_cpu);
                assert!(on_cpu == values, "{case}");

                let spread = |parts: &[Vec<Fr>]| {
                    let mut all = vec![Fr::ZERO; transform.vector_len()];
                    for (part, to) in parts.iter().zip(all.chunks_mut(transform.stride())) {
                        to[..n].copy_from_slice(part);
                    }
                    all
                };
                let from = engine.upload_vec(&spread(&source)).expect("fits");
                let to = engine.zero_vec(from.len()).expect("fits");
                let used = engine.mem_info().used;
                engine.ntt_resident(&transform, &from, &to).expect("runs");
                assert!(from.download().expect("there") == spread(&source), "the source stays: {case}");
                assert!(to.download().expect("there") == spread(&right), "{case}");
                engine.ntt_resident(&transform, &from, &from).expect("runs");
                assert!(from.download().expect("there") == spread(&right), "in place: {case}");
                assert_eq!(engine.mem_info().used, used, "no scratch is left: {case}");
            }
        }
    }
}

#[test]
fn batches_longer_than_a_part() {
    let (mut rng, seed) = rng();
    let (device, knobs) = TestDevice::streaming(1 << 22, Some(6));
    let engine = Engine::on_device(device, Policy::default()).expect("layout");
    // Twice, for the double to run the lanes both ways.
    for (log_n, batch) in [(9, 41), (9, 41), (13, 2), (0, 5000)] {
        let n = 1usize << log_n;
        let values = random(n * batch, &mut rng);
        let transform = kinds(log_n, Fr::from(7u64), &values[..n])[2].1;
        let mut results = values.clone();
        let lists = knobs.lists.load(Ordering::Relaxed);
        let operation = engine.ntt(&transform.batch(batch), &mut results).expect("runs");
        assert_eq!(knobs.lists.load(Ordering::Relaxed), lists + 1);
        for (before, after) in values.chunks(n).zip(results.chunks(n)) {
            assert!(kinds(log_n, Fr::from(7u64), before)[2].2 == after, "2^{log_n}, seed {seed}");
        }
        assert_eq!((operation.n, operation.batch), (n, batch));
        let run = operation.stream.expect("on the card");
        assert!(run.commands > if log_n > 6 { 2 } else { 1 }, "{run:?}");
    }
}

#[test]
fn factors_of_all_kinds_and_their_inverse() {
    let (mut rng, seed) = rng();
    let engine = engine(4);
    for log_n in 0..=7 {
        let n = 1usize << log_n;
        let [pre, first, post] = [(); 3].map(|()| Fr::rand(&mut rng));
        let x = random(n, &mut rng);
        let transform = Transform { pre, first, post, ..Transform::forward(log_n).expect("small") };
        let mut values = x.clone();
        engine.ntt(&transform, &mut values).expect("runs");
        for (k, value) in values.iter().enumerate() {
            let power = |base: Fr, e: usize| base.pow([e as u64]);
            let sum: Fr = (0..n).map(|j| power(pre, j) * x[j] * power(transform.omega, j * k)).sum();
            assert_eq!(*value, first * power(post, k) * sum, "{k} of {n}, seed {seed}");
        }
        engine.ntt(&transform.inverse(), &mut values).expect("runs");
        assert!(values == x, "{n}, seed {seed}");
        engine.ntt(&transform.scaled(Fr::from(2u64)).inverse(), &mut values).expect("runs");
        assert!(values != x || n == 0, "{n}, seed {seed}");
    }
}

fn other(value: &Fr) -> bn256::Fr {
    use halo2curves::ff::PrimeField as _;
    let limbs = value.into_bigint().0;
    let mut repr = [0; 32];
    repr.chunks_exact_mut(8).zip(limbs).for_each(|(b, l)| b.copy_from_slice(&l.to_le_bytes()));
    bn256::Fr::from_repr(repr.into()).expect("canonical")
}

fn ours(value: &bn256::Fr) -> Fr {
    use halo2curves::ff::PrimeField as _;
    Fr::from_le_bytes_mod_order(value.to_repr().as_ref())
}

#[test]
fn another_librarys_root() {
    use halo2curves::ff::{Field as _, PrimeField as _};
    let (mut rng, seed) = rng();
    let engine = engine(5);
    assert_ne!(ours(&bn256::Fr::ROOT_OF_UNITY), Transform::<Fr>::forward(28).expect("the largest").omega);
    for log_n in 1..=8u32 {
        let root = bn256::Fr::ROOT_OF_UNITY.pow([1 << (bn256::Fr::S - log_n)]);
        let mut values = random(1 << log_n, &mut rng);
        let mut expected: Vec<_> = values.iter().map(other).collect();
        halo2curves::fft::best_fft(&mut expected, root, log_n);
        engine.ntt(&Transform::with_omega(log_n, ours(&root)), &mut values).expect("runs");
        assert!(values.iter().map(other).eq(expected), "2^{log_n}, seed {seed}");
    }
}

#[test]
fn what_cannot_be_transformed_is_named() {
    let engine = engine(4);
    let text = |result: Result<Operation>| result.expect_err("refused").to_string();
    assert!(Transform::<Fr>::of_size(12)
        .unwrap_err()
        .to_string()
        .contains("pad the vector with zeros to 16"));
    assert!(Transform::<Fr>::forward(29).unwrap_err().to_string().contains("up to order 2^28"));
    assert!(Transform::<Fr>::forward(64).is_err());
    assert!(Transform::<Fr>::forward(28).is_ok());
    let mut four = [Fr::one(); 4];
    let right = Transform::<Fr>::forward(2).expect("small");
    for omega in [Fr::one(), -Fr::one(), Fr::ZERO, Fr::GENERATOR, right.omega.square()] {
        let error = text(engine.ntt(&Transform { omega, ..right }, &mut four));
        assert!(error.contains("no root of unity of order 2^2"), "{error}");
    }
    let minus = Transform { omega: -Fr::one(), log_n: 0, ..right };
    assert!(text(engine.ntt(&minus, &mut [Fr::one()])).contains("order 2^0"));
    let error = text(engine.ntt(&right, &mut [Fr::one(); 8]));
    assert_eq!(error, "values to be transformed: 8 elements, expected 4");
    assert!(text(engine.ntt(&Transform { log_n: 29, ..right }, &mut four)).contains("2^29"));
    assert!(text(engine.ntt(&right.batch(usize::MAX), &mut four)).contains("expected"));

    let vec = engine.zero_vec(16).expect("fits");
    let part = |range| vec.slice(range).expect("inside");
    let run = |a: &DeviceVec, b: &DeviceVec| text(engine.ntt_resident(&right, a, b));
    assert!(run(&part(0..4), &part(2..6)).contains("overlap"));
    assert!(run(&part(0..4), &part(5..9)).contains("odd element"));
    assert!(run(&vec.every(2, 0).unwrap().slice(0..4).unwrap(), &part(8..12)).contains("gaps"));
    assert!(run(&vec, &part(0..4)).contains("source of a transform: 16 elements, expected 4"));
    assert!(engine.ntt_resident(&right, &part(0..4), &part(4..8)).is_ok());
    let (device, _) = TestDevice::streaming(1 << 12, Some(4));
    let foreign = Engine::on_device(device, Policy::default()).expect("layout").zero_vec(4).expect("fits");
    assert!(run(&foreign, &part(0..4)).contains("another engine"));
    // Nothing to do is done.
    let none = engine.ntt(&right.batch(0), &mut []).expect("nothing");
    assert_eq!(none.cycles, Some(0));
}

#[test]
fn nothing_runs_on_the_cpu_unasked() {
    let (mut rng, seed) = rng();
    let x = random(64, &mut rng);
    let transform = Transform::forward(6).expect("small");
    let expected = kinds(6, Fr::one(), &x)[0].2.clone();
    let on = |block, policy| {
        let (device, knobs) = TestDevice::streaming(1 << 16, block);
        (Engine::on_device(device, policy).expect("layout"), knobs)
    };

    let (without, _) = on(None, Policy::default());
    let mut values = x.clone();
    let operation = without.ntt(&transform, &mut values).expect("allowed");
    assert!(values == expected, "seed {seed}");
    assert_eq!((operation.place, operation.reason), (Place::Cpu, Some(CpuReason::NoEngine)));
    let (refuses, _) = on(None, Policy { ntt: Unsupported::Refuse, ..Policy::default() });
    assert!(matches!(refuses.ntt(&transform, &mut values), Err(Error::NotOnCard { op: "NTTs" })));
    let vec = without.zero_vec(64).expect("fits");
    assert!(matches!(without.ntt_resident(&transform, &vec, &vec), Err(Error::NotOnCard { .. })));

    let (never, knobs) = on(Some(4), Policy::default());
    knobs.lost.store(true, Ordering::Relaxed);
    let mut values = x.clone();
    assert!(matches!(never.ntt(&transform, &mut values), Err(Error::Driver(_))));
    assert!(values == x, "a failed transform leaves the values");
    assert!(never.take_report().operations.is_empty());
    let (any, knobs) = on(Some(4), Policy { msm: Fallback::Any { below: 0 }, ..Policy::default() });
    knobs.lost.store(true, Ordering::Relaxed);
    let operation = any.ntt(&transform, &mut values).expect("falls back");
    assert!(values == expected, "seed {seed}");
    assert!(matches!(&operation.reason, Some(CpuReason::CardFailed(why)) if why.contains("unplugged")));
    assert_eq!(any.take_report().count(Op::Ntt, Place::Cpu), 1);
}

#[test]
fn memory_is_accounted_for_erased_and_made_room_in() {
    let (mut rng, _) = rng();
    let (device, knobs) = TestDevice::streaming(32 * 512 + 4 * 192, Some(4));
    let engine = Engine::on_device(device, Policy::default()).expect("layout");
    let points: Vec<G1Affine> = (0..64).map(|_| G1Affine::rand(&mut rng)).collect();
    engine.msm_slice(&points, crate::engine::Scalars::montgomery(&[Fr::one()])).expect("runs");
    assert_eq!(engine.cached_slices(), 1);
    let transform = Transform::forward(8).expect("small");
    let vec = engine.upload_vec(&random(256, &mut rng)).expect("fits");
    assert_eq!(engine.resident_bytes(), 256 * 32);
    let before = knobs.erased.load(Ordering::Relaxed);
    engine.ntt_resident(&transform, &vec, &vec).expect("room for scratch once the cached points are gone");
    assert_eq!(engine.cached_slices(), 0);
    assert_eq!(knobs.erased.load(Ordering::Relaxed), before + 2, "scratch and parameters");
    let text = engine.zero_vec(300).unwrap_err().to_string();
    assert!(text.contains("a vector of 300 elements: 9600 bytes needed"), "{text}");
    // In place with reversed input it takes two blocks of scratch.
    let error = engine.ntt_resident(&transform.input(Order::BitReversed), &vec, &vec);
    assert!(error.is_ok(), "two passes need one");
    let longer = Transform::forward(9).expect("small");
    let text = engine.ntt(&longer, &mut random(512, &mut rng)).unwrap_err().to_string();
    assert!(text.contains("1 transforms of 512 elements: 16384 bytes needed, 8960 free of 17152"), "{text}");
    drop(vec);
    assert_eq!((engine.resident_bytes(), engine.mem_info().used), (0, 0));
}

#[test]
fn the_record_says_what_a_transform_took() {
    let engine = engine(6);
    let mut values = vec![Fr::one(); 3 * 256];
    engine.ntt(&Transform::forward(8).expect("small").batch(3), &mut values).expect("runs");
    let report = engine.take_report();
    let [operation] = &report.operations[..] else { panic!("{report:?}") };
    let run = operation.stream.as_ref().expect("on the card");
    // The double takes a clock for every butterfly.
    assert_eq!((run.commands, run.bound, run.cycles), (2, 3 * 128 * 8, 3 * 128 * 8));
    assert_eq!((operation.ratio, run.lanes), (Some(1.0), 1));
    assert_eq!((run.bytes_up, run.bytes_down), (3 * 256 * 32 + 2 * 192, 3 * 256 * 32));
    assert_eq!(serde_json::to_value(operation).expect("serialises")["stream"]["bound"], 3072);
}
