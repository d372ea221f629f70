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

/// Parameters of an order: laps of `period` items, each walking over buckets in steps of `step` with `run` items a bucket; a
/// lap begins `offset` further than the last, and with `reflect` every other one walks back. Buckets are modulo `spread`.
#[derive(Clone, Copy, Debug)]
struct Order {
    period: usize,
    run: usize,
    step: usize,
    offset: usize,
    spread: usize,
    reflect: bool,
}

impl Order {
    fn buckets(&self) -> Vec<usize> {
        let item = |i: usize| {
            let (lap, at) = (i / self.period, i % self.period);
            let at = if self.reflect && lap % 2 == 1 { self.period - 1 - at } else { at };
            (at / self.run * self.step + lap * self.offset) % self.spread
        };
        (0..N).map(item).collect()
    }

    /// What matters is how long the laps are beside the adder's latency.
    fn random(rng: &mut ChaCha8Rng, latency: usize) -> Order {
        let unit = [latency / 4, latency / 2, latency, 2 * latency][rng.gen_range(0..4)];
        Order {
            period: (unit + rng.gen_range(0..unit)) * 3 / 4,
            run: [1, 1, 1, 2, 3][rng.gen_range(0..5)],
            step: [1, 1, 1, 3, 7][rng.gen_range(0..5)],
            offset: rng.gen_range(0..BUCKETS),
            spread: rng.gen_range(BUCKETS / 4..=BUCKETS),
            reflect: rng.gen(),
        }
    }

    fn neighbour(&self, rng: &mut ChaCha8Rng) -> Order {
        let mut next = *self;
        let (field, most) = match rng.gen_range(0..6) {
            0 | 1 => (&mut next.period, N),
            2 => (&mut next.run, 8),
            3 => (&mut next.offset, BUCKETS),
            4 => (&mut next.spread, BUCKETS),
            _ => {
                next.reflect = !next.reflect;
                return next;
            }
        };
        let value = match rng.gen_range(0..4) {
            0 => *field + 1,
            1 => *field * 7 / 8,
            2 => *field * 9 / 8,
            _ => field.saturating_sub(1),
        };
        *field = value.clamp(1, most);
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
    // Runs of pairs longer than the queues cost a part of their length; the worst of 168 climbs is 0.71.
    let floor = 0.6;

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
    let mut worst: Option<(f64, Order)> = None;
    for _ in 0..6 {
        let start = Order::random(&mut rng, latency);
        let mut here = (rate(&mut b, &bases, &start.buckets()), start);
        for _ in 0..10 {
            let next = here.1.neighbour(&mut rng);
            let found = rate(&mut b, &bases, &next.buckets());
            if found < here.0 {
                here = (found, next);
            }
        }
        println!("climbed to {:.3} {:?}", here.0, here.1);
        if worst.is_none_or(|w| here.0 < w.0) {
            worst = Some(here);
        }
    }
    let (rate, order) = worst.expect("six climbs");
    assert!(rate > floor, "{rate} {order:?}");
}
