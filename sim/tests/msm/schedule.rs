//! Adversarial orders of items: whatever the order, the bucket phase issues close to one item a clock.
//!
//! One window, so that each point is one item, and its scalar the bucket it meets.

use crate::bench::{Bench, FAST};
use crate::case::Case;
use crate::curve::points;
use crate::{bench, seed};
use ark_bn254::{Fr, G1Affine, G1Projective};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

const N: usize = 4096;
/// Buckets of the window.
const BUCKETS: usize = 512;

/// Parameters of an order: `spread` buckets in turn, each `run` times in a row, skipped by `step`, every `every`-th item
/// going to one bucket instead, the whole turning round after `period` items.
#[derive(Clone, Copy, Debug)]
struct Order {
    spread: usize,
    run: usize,
    step: usize,
    every: usize,
    period: usize,
}

impl Order {
    fn buckets(&self) -> Vec<usize> {
        let item = |i: usize| {
            let at = i % self.period.max(1);
            if self.every > 0 && i % self.every == 0 {
                return 0;
            }
            (at / self.run.max(1) * self.step) % self.spread.clamp(1, BUCKETS)
        };
        (0..N).map(item).collect()
    }

    fn random(rng: &mut ChaCha8Rng) -> Order {
        let mut size = |most: usize| 1usize << rng.gen_range(0..most);
        let (spread, run, step, period) = (size(10), size(4), size(9), size(13));
        Order {
            spread: rng.gen_range(1..=spread),
            run: rng.gen_range(1..=run),
            step: rng.gen_range(1..=step),
            every: if rng.gen() { 0 } else { rng.gen_range(2..40) },
            period: rng.gen_range(1..=period),
        }
    }

    fn neighbour(&self, rng: &mut ChaCha8Rng) -> Order {
        let mut next = *self;
        let field = match rng.gen_range(0..5) {
            0 => &mut next.spread,
            1 => &mut next.run,
            2 => &mut next.step,
            3 => &mut next.every,
            _ => &mut next.period,
        };
        *field = match rng.gen_range(0..4) {
            0 => *field + 1,
            1 => field.saturating_sub(1),
            2 => *field * 2,
            _ => *field / 2,
        };
        next
    }
}

/// Items a clock while points come in; every item but the first of its bucket is an addition.
fn rate(b: &mut Bench, bases: &[G1Affine], buckets: &[usize]) -> f64 {
    let scalars: Vec<Fr> = buckets.iter().map(|&j| Fr::from(1 + (j % BUCKETS) as u64)).collect();
    let vectors = [scalars];
    let case = Case::<G1Projective> { bases, vectors: &vectors, window_bits: 10, bits: 9, montgomery: false };
    N as f64 / case.check(b, FAST).feeding as f64
}

#[test]
fn no_order_of_items_slows_the_bucket_phase() {
    let mut rng = ChaCha8Rng::seed_from_u64(seed());
    let mut b = bench(1, &mut rng);
    let bases = points::<G1Projective>(&mut rng, N);
    let latency = crate::adder_latency();
    // Bursts of pairs longer than the queues cost a part of their length; nothing found costs more than this.
    let floor = 0.75;

    let named: Vec<(&str, Vec<usize>)> = vec![
        ("one bucket", vec![0; N]),
        ("two in turn", (0..N).map(|i| i % 2).collect()),
        ("pairs", (0..N).map(|i| i / 2 % 2).collect()),
        ("again after one latency", (0..N).map(|i| i % latency).collect()),
        ("one later", (0..N).map(|i| i % (latency + 1)).collect()),
        ("one earlier", (0..N).map(|i| i % (latency - 1)).collect()),
        // A pair of the same bucket every other clock: sums come back in the clocks of the second of a pair.
        ("sums against items", (0..N).map(|i| if i % 2 == 0 { i / 2 % 200 } else { 300 }).collect()),
        ("halves of a latency", (0..N).map(|i| i % (latency / 2)).collect()),
        ("blocks of a latency", (0..N).map(|i| i / latency % 2 * 200 + i % 190).collect()),
        ("sawtooth", (0..N).map(|i| (i % 700).min(511)).collect()),
        ("triangle", (0..N).map(|i| (i % 512).abs_diff(i / 512 % 2 * 511)).collect()),
    ];
    for (name, buckets) in named {
        let rate = rate(&mut b, &bases, &buckets);
        println!("{name}: {rate:.3}");
        assert!(rate > floor, "{name}: {rate}");
    }

    // Hill climbing towards the slowest order.
    let mut worst = (f64::MAX, Order::random(&mut rng));
    for _ in 0..3 {
        let start = Order::random(&mut rng);
        let mut here = (rate(&mut b, &bases, &start.buckets()), start);
        for _ in 0..6 {
            let next = here.1.neighbour(&mut rng);
            let found = rate(&mut b, &bases, &next.buckets());
            if found < here.0 {
                here = (found, next);
            }
        }
        if here.0 < worst.0 {
            worst = here;
        }
    }
    println!("worst found: {:.3} {:?}", worst.0, worst.1);
    assert!(worst.0 > floor, "{worst:?}");
}
