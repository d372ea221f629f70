//! The golden model of the MSM engine: the algorithm on a page, over any group.
//!
//! It follows the hardware's steps (recode, slots, three splits, Horner) but not its clocks. What the hardware leaves to
//! timing, the model takes as a parameter: `latency`, the number of further items that arrive before a sum comes back.
//! The window sums are the same for every latency; their projective representation is not.
//!
//! Invariants, asserted here, to be proved of the hardware: every point that entered a slot is in exactly one stored or
//! flying partial sum of that slot (none lost, none twice), a slot is full exactly when it holds a stored sum, and
//! k points of a slot cost exactly k - 1 additions.

use num_bigint::BigUint;
use num_traits::Zero;
use std::collections::{BTreeMap, VecDeque};

/// What the model needs of a group; the identity is the absence of a value.
pub trait Group: Clone {
    fn add(&self, other: &Self) -> Self;
    fn neg(&self) -> Self;
}

/// A scalar has a nonzero part beyond its windows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutOfRange;

/// Signed digits of `scalar`, least significant first: `windows` digits of `c` bits in `-2^(c-1) < d <= 2^(c-1)`.
pub fn digits(scalar: &BigUint, c: u32, windows: u32) -> Result<Vec<i64>, OutOfRange> {
    let (full, half) = (1i64 << c, 1i64 << (c - 1));
    let mut rest = scalar.clone();
    let mut carry = 0;
    let mut out = vec![];
    for _ in 0..windows {
        let low = i64::try_from(&rest & BigUint::from(full as u64 - 1)).expect("c bits");
        rest >>= c;
        let d = low + carry;
        carry = i64::from(d > half);
        out.push(d - carry * full);
    }
    if rest.is_zero() && carry == 0 {
        Ok(out)
    } else {
        Err(OutOfRange)
    }
}

/// Slots behind an adder: an empty slot stores, a full one adds.
struct Slots<G> {
    stored: BTreeMap<usize, (G, usize)>,
    /// Sums under way: slot, value, how many points it holds.
    flying: VecDeque<(usize, G, usize)>,
    arrived: BTreeMap<usize, usize>,
    latency: usize,
    additions: usize,
}

impl<G: Group> Slots<G> {
    fn new(latency: usize) -> Self {
        Slots {
            stored: BTreeMap::new(),
            flying: VecDeque::new(),
            arrived: BTreeMap::new(),
            latency,
            additions: 0,
        }
    }

    fn item(&mut self, slot: usize, value: G) {
        *self.arrived.entry(slot).or_insert(0) += 1;
        self.meet(slot, value, 1);
        while self.flying.len() > self.latency {
            self.land();
        }
    }

    fn meet(&mut self, slot: usize, value: G, points: usize) {
        match self.stored.remove(&slot) {
            None => {
                self.stored.insert(slot, (value, points));
            }
            Some((other, others)) => {
                self.additions += 1;
                self.flying.push_back((slot, value.add(&other), points + others));
            }
        }
    }

    fn land(&mut self) {
        if let Some((slot, value, points)) = self.flying.pop_front() {
            self.meet(slot, value, points);
        }
    }

    /// The phase's end: every sum has landed.
    fn drain(mut self) -> BTreeMap<usize, G> {
        while !self.flying.is_empty() {
            self.land();
        }
        for (slot, n) in &self.arrived {
            assert_eq!(self.stored[slot].1, *n, "slot {slot} holds every point that met it, once");
        }
        let points: usize = self.arrived.values().sum();
        assert_eq!(self.additions, points - self.arrived.len(), "k points cost k - 1 additions");
        self.stored.into_iter().map(|(slot, (value, _))| (slot, value)).collect()
    }
}

/// `sum of j * S_j` for bucket sums `S_j`, j in `1..=2^b` with 2^b kept in slot 0, by splitting j into fields.
///
/// Three splits as in the hardware: j into halves, halves into quarters of at most 4 bits, those into bits.
pub fn aggregate<G: Group>(buckets: BTreeMap<usize, G>, b: u32, latency: usize) -> Option<G> {
    // A field is (offset of its lowest bit in j, value); the whole of j is field (0, j).
    let mut sums: BTreeMap<(u32, usize), G> = buckets.into_iter().map(|(j, s)| ((0, j), s)).collect();
    let mut width = b;
    let top = sums.remove(&(0, 0));
    for level in 0..3 {
        // The last level takes single bits, the others a low and a high part.
        let parts = if level == 2 { width } else { 2 };
        let low = if level == 2 { 1 } else { width / 2 };
        let mut slots = Slots::new(latency);
        for ((offset, value), sum) in sums {
            for i in 0..parts {
                let shifted = value >> (i * low);
                let part = if i + 1 == parts { shifted } else { shifted & ((1 << low) - 1) };
                if part != 0 {
                    slots.item(((offset + i * low) as usize) << 20 | part, sum.clone());
                }
            }
        }
        sums = slots.drain().into_iter().map(|(k, v)| (((k >> 20) as u32, k & 0xf_ffff), v)).collect();
        width -= width / 2;
    }
    // Horner over the bits of j, the bucket 2^b on top.
    let mut acc: Option<G> = top;
    for k in (0..b).rev() {
        acc = acc.map(|a| a.add(&a));
        acc = match (acc, sums.remove(&(k, 1))) {
            (Some(a), Some(t)) => Some(a.add(&t)),
            (a, t) => a.or(t),
        };
    }
    assert!(sums.is_empty(), "every bit of j has been used");
    acc
}

/// The window sums of `sum scalar_i * point_i`; `None` is the identity, among the points too.
///
/// # Errors
/// The index of the first scalar that does not fit the windows.
pub fn window_sums<G: Group>(
    points: &[Option<G>],
    scalars: &[BigUint],
    c: u32,
    windows: u32,
    latency: usize,
) -> Result<Vec<Option<G>>, usize> {
    let half = 1usize << (c - 1);
    let mut slots = Slots::new(latency);
    for (i, (point, scalar)) in points.iter().zip(scalars).enumerate() {
        let Some(point) = point else { continue };
        for (w, d) in digits(scalar, c, windows).map_err(|OutOfRange| i)?.into_iter().enumerate() {
            if d != 0 {
                let signed = if d < 0 { point.neg() } else { point.clone() };
                slots.item(w * half + d.unsigned_abs() as usize % half, signed);
            }
        }
    }
    let all = slots.drain();
    Ok((0..windows as usize)
        .map(|w| {
            let own = all.range(w * half..(w + 1) * half).map(|(j, s)| (j - w * half, s.clone()));
            aggregate(own.collect(), c - 1, latency)
        })
        .collect())
}

/// `sum of 2^(c w) * sum_w`.
pub fn combine<G: Group>(sums: &[Option<G>], c: u32) -> Option<G> {
    sums.iter().rev().fold(None, |acc: Option<G>, sum| {
        let shifted = (0..c).fold(acc, |a, _| a.map(|a| a.add(&a)));
        match (shifted, sum) {
            (Some(a), Some(s)) => Some(a.add(s)),
            (a, s) => a.or_else(|| s.clone()),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use num_traits::One;
    use rand::{Rng, SeedableRng};

    /// Integers modulo a prime: a group in which every sum can be checked by arithmetic.
    #[derive(Clone, Debug, PartialEq)]
    struct Z(u64);
    const P: u64 = (1 << 61) - 1;
    impl Group for Z {
        fn add(&self, o: &Z) -> Z {
            Z((self.0 + o.0) % P)
        }
        fn neg(&self) -> Z {
            Z((P - self.0) % P)
        }
    }

    fn value(z: &Option<Z>) -> u64 {
        z.as_ref().map_or(0, |z| z.0)
    }

    #[test]
    fn digits_are_signed_and_sum_to_the_scalar() {
        let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
        for c in 2..=16 {
            for _ in 0..50 {
                let s = BigUint::from(rng.gen::<u128>());
                let windows = 128 / c + 1;
                let ds = digits(&s, c, windows).unwrap();
                let half = 1i64 << (c - 1);
                assert!(ds.iter().all(|&d| -half < d && d <= half));
                let mut total = num_bigint::BigInt::from(0);
                for (w, d) in ds.iter().enumerate() {
                    total += num_bigint::BigInt::from(*d) << (c as usize * w);
                }
                assert_eq!(total, s.into());
            }
        }
        assert_eq!(digits(&(BigUint::one() << 64usize), 8, 8), Err(OutOfRange));
        assert_eq!(digits(&BigUint::from(0xffu32), 8, 1), Err(OutOfRange), "the carry has no window");
        assert_eq!(digits(&BigUint::from(0x80u32), 8, 1), Ok(vec![128]));
    }

    #[test]
    fn aggregation_equals_the_weighted_sum() {
        let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(2);
        for b in 1..=15u32 {
            for fill in [0.02, 0.5, 1.0] {
                let mut buckets = BTreeMap::new();
                let mut naive = 0u64;
                for j in 1..=1usize << b {
                    if rng.gen_bool(fill) {
                        let v = rng.gen_range(0..P);
                        buckets.insert(j % (1 << b), Z(v));
                        naive = ((u128::from(naive) + u128::from(v) * j as u128) % u128::from(P)) as u64;
                    }
                }
                let latency = rng.gen_range(0..40);
                assert_eq!(value(&aggregate(buckets, b, latency)), naive, "b={b}");
            }
        }
    }

    #[test]
    fn model_equals_naive_for_every_width_and_latency() {
        let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(3);
        for c in 2..=13 {
            for n in [0, 1, 2, 31] {
                let points: Vec<_> =
                    (0..n).map(|_| rng.gen_bool(0.9).then(|| Z(rng.gen_range(1..P)))).collect();
                let equal = rng.gen_bool(0.3);
                let one: u128 = rng.gen();
                let scalars: Vec<u128> = (0..n).map(|_| if equal { one } else { rng.gen() }).collect();
                let big: Vec<_> = scalars.iter().map(|&s| BigUint::from(s)).collect();
                let naive = points.iter().zip(&big).fold(BigUint::zero(), |acc, (p, s)| acc + s * value(p));
                let sums = window_sums(&points, &big, c, 128 / c + 1, rng.gen_range(0..60)).unwrap();
                assert_eq!(BigUint::from(value(&combine(&sums, c))), naive % P);
            }
        }
    }
}
