//! Transforms on the card, judged by ark-poly and by halo2curves.

use ark_bn254::Fr;
use ark_ff::{FftField, Field, UniformRand};
use ark_poly::{EvaluationDomain, Radix2EvaluationDomain};
use permafrost_tests::card;
use permafrost_tests::halo2;
use permafrost_tests::inputs::rng;
use permafrost_zkal::engine::{Engine, NttAccel, Order, Place, Transform};
use rand::Rng;
use rand_chacha::ChaCha8Rng;

/// An engine on a card that has an NTT engine.
fn engine() -> Option<Engine> {
    let engine = card::engine();
    if engine.ntt_limits().is_none() {
        eprintln!("SKIPPED: THE SIMULATED CARD HAS NO NTT ENGINE; NOTHING WAS COMPARED");
        return None;
    }
    Some(engine)
}

fn random(n: usize, rng: &mut ChaCha8Rng) -> Vec<Fr> {
    (0..n).map(|_| Fr::rand(rng)).collect()
}

/// `values` in another order, or back.
fn turned(order: Order, values: Vec<Fr>) -> Vec<Fr> {
    let bits = values.len().ilog2();
    let place = |i: usize| (0..bits).fold(0, |out, bit| out << 1 | i >> bit & 1);
    match order {
        Order::Natural => values,
        Order::BitReversed => (0..values.len()).map(|i| values[place(i)]).collect(),
    }
}

const ORDERS: [(Order, Order); 4] = [
    (Order::Natural, Order::Natural),
    (Order::Natural, Order::BitReversed),
    (Order::BitReversed, Order::Natural),
    (Order::BitReversed, Order::BitReversed),
];

/// Runs a transform of `batch` random vectors on the card, from and to host memory or in card memory, and compares it with
/// `right`, which transforms one in natural order.
fn check(
    engine: &Engine,
    name: &str,
    transform: Transform,
    right: &dyn Fn(&[Fr]) -> Vec<Fr>,
    rng: &mut ChaCha8Rng,
) {
    let (n, batch) = (transform.size(), transform.batch);
    let vectors: Vec<Vec<Fr>> = (0..batch).map(|_| random(n, rng)).collect();
    let input = |v: &Vec<Fr>| turned(transform.input, v.clone());
    let mut values: Vec<Fr> = vectors.iter().flat_map(input).collect();
    let expected: Vec<Fr> = vectors.iter().flat_map(|v| turned(transform.output, right(v))).collect();
    let case = format!(
        "{name} of 2^{} {:?} -> {:?}, batch {batch}",
        transform.log_n, transform.input, transform.output
    );
    // A batch of single elements does not lie side by side in card memory.
    let operation = if rng.gen() && n > 1 {
        let (source, target) = (engine.upload_vec(&values).unwrap(), engine.zero_vec(values.len()).unwrap());
        let target = if rng.gen() { &source } else { &target };
        let operation = engine.ntt_resident(&transform, &source, target).unwrap();
        values = target.download().unwrap();
        operation
    } else {
        engine.ntt(&transform, &mut values).unwrap()
    };
    assert!(values == expected, "{case}: wrong");
    assert_eq!(operation.place, Place::Card, "{case}");
    let run = operation.stream.unwrap();
    assert!(run.cycles >= run.bound, "{case}: {run:?}");
    let butterflies = (batch * n / 2) as u64 * u64::from(transform.log_n);
    assert!(run.counters.unwrap().ntt_butterflies >= butterflies, "{case}: {run:?}");
}

/// The same by halo2curves, with its own root of unity, from and to arkworks' elements.
fn by_halo2(values: &[Fr], root: &halo2curves::bn256::Fr) -> Vec<Fr> {
    let mut values: Vec<_> = values.iter().map(halo2::scalar).collect();
    let log_n = values.len().ilog2();
    if log_n > 0 {
        halo2curves::fft::best_fft(&mut values, *root, log_n);
    }
    values.iter().map(halo2::scalar_back).collect()
}

/// Forward, inverse and on cosets, with arkworks' root and halo2's: each in `orders` orders, all together in all orders.
fn all_kinds(engine: &Engine, log_n: u32, batch: usize, orders: usize, rng: &mut ChaCha8Rng) {
    use halo2curves::ff::{Field as _, PrimeField as _};
    type Other = halo2curves::bn256::Fr;
    let shift = if rng.gen() { Fr::GENERATOR } else { Fr::rand(rng) };
    let domain = Radix2EvaluationDomain::<Fr>::new(1 << log_n).unwrap();
    let coset = domain.get_coset(shift).unwrap();
    let forward = Transform::forward(log_n).unwrap().batch(batch);
    let root = Other::ROOT_OF_UNITY.pow([1 << (Other::S - log_n)]);
    let halo2 = Transform::with_omega(log_n, halo2::scalar_back(&root)).batch(batch);
    let inverse_root = root.invert().unwrap();
    let size = Fr::from(2u64).pow([u64::from(log_n)]);
    type Right<'a> = Box<dyn Fn(&[Fr]) -> Vec<Fr> + 'a>;
    // halo2 multiplies by the powers of the shift before, and after.
    let shifted = |v: &[Fr], shift: Fr| -> Vec<Fr> {
        let mut v = v.to_vec();
        Radix2EvaluationDomain::<Fr>::distribute_powers(&mut v, shift);
        v
    };
    let kinds: [(&str, Transform, Right<'_>); 8] = [
        ("fft", forward, Box::new(|v| domain.fft(v))),
        ("ifft", forward.inverse(), Box::new(|v| domain.ifft(v))),
        ("coset fft", forward.on_coset(shift), Box::new(|v| coset.fft(v))),
        ("coset ifft", forward.on_coset(shift).inverse(), Box::new(|v| coset.ifft(v))),
        ("halo2 fft", halo2, Box::new(|v| by_halo2(v, &root))),
        // best_fft leaves out the division by n.
        ("halo2 ifft", halo2.inverse().scaled(size), Box::new(|v| by_halo2(v, &inverse_root))),
        ("halo2 coset fft", halo2.on_coset(shift), Box::new(|v| by_halo2(&shifted(v, shift), &root))),
        (
            "halo2 coset ifft",
            halo2.on_coset(shift).inverse().scaled(size),
            Box::new(|v| shifted(&by_halo2(v, &inverse_root), shift.inverse().unwrap())),
        ),
    ];
    let first = rng.gen_range(0..4);
    for (kind, (name, transform, right)) in kinds.into_iter().enumerate() {
        for (input, output) in ORDERS.into_iter().cycle().skip(first + kind).take(orders) {
            check(engine, name, transform.input(input).output(output), &right, rng);
        }
    }
}

/// All kinds of one size and all orders: each with each where that does not take long. Batches of all lengths.
fn size(engine: &Engine, log_n: u32, rng: &mut ChaCha8Rng) {
    let most = if log_n <= 8 { 5 } else { 1 };
    all_kinds(engine, log_n, 1, if log_n <= 8 { 4 } else { 1 }, rng);
    (2..=most).for_each(|batch| all_kinds(engine, log_n, batch, 1, rng));
}

/// Every size that the card's block holds.
#[test]
fn one_pass() {
    let Some(engine) = engine() else { return };
    let (mut rng, _) = rng();
    (0..=12).for_each(|log_n| size(&engine, log_n, &mut rng));
}

#[test]
fn two_passes() {
    let Some(engine) = engine() else { return };
    let (mut rng, _) = rng();
    (13..=14).for_each(|log_n| size(&engine, log_n, &mut rng));
    let domain = Radix2EvaluationDomain::<Fr>::new(1 << 13).unwrap();
    for batch in [2, 3] {
        let transform = Transform::forward(13).unwrap().batch(batch);
        check(&engine, "fft", transform, &|v| domain.fft(v), &mut rng);
    }
}

/// Parts of a batch move while others are computed.
#[test]
fn transfers_beside_the_engine() {
    let Some(engine) = engine() else { return };
    let (mut rng, seed) = rng();
    let (n, batch) = (1 << 12, 6);
    let mut values = random(n * batch, &mut rng);
    let domain = Radix2EvaluationDomain::<Fr>::new(n).unwrap();
    let expected: Vec<Fr> = values.chunks(n).flat_map(|v| domain.fft(v)).collect();
    let operation = engine.ntt(&Transform::forward(12).unwrap().batch(batch), &mut values).unwrap();
    assert!(values == expected, "seed {seed}");
    let run = operation.stream.unwrap();
    // Five of six inputs can come, and five outputs leave, while another is computed.
    assert!(run.counters.unwrap().copy_overlap > (n * batch * 32 / 64) as u64, "{run:?}");
    assert_eq!(run.commands, batch);
}

/// Every kind in every order, in batches of 1 to 5.
fn everything(sizes: std::ops::RangeInclusive<u32>) {
    let Some(engine) = engine() else { return };
    let (mut rng, _) = rng();
    for log_n in sizes {
        (1..=5).for_each(|batch| all_kinds(&engine, log_n, batch, 4, &mut rng));
    }
}

#[test]
#[ignore = "takes minutes: make test-ntt"]
fn everything_to_2_12() {
    everything(0..=12);
}

#[test]
#[ignore = "takes minutes: make test-ntt"]
fn everything_of_2_13() {
    everything(13..=13);
}

#[test]
#[ignore = "takes minutes: make test-ntt"]
fn everything_of_2_14() {
    everything(14..=14);
}

/// A full proof's size.
#[test]
#[ignore = "takes minutes: make test-ntt"]
fn of_2_18() {
    let Some(engine) = engine() else { return };
    let (mut rng, _) = rng();
    let domain = Radix2EvaluationDomain::<Fr>::new(1 << 18).unwrap();
    check(&engine, "fft", Transform::forward(18).unwrap(), &|v| domain.fft(v), &mut rng);
}
