//! The golden model of the MSM engine: the algorithm on a page, over any group.
//!
//! It follows the hardware's steps (digits, slots, halves, bits, weights) but not its clocks. What the hardware leaves to
//! timing, the model takes as a parameter: `latency`, the number of further items that arrive before a sum comes back.
//! The window sums are the same for every latency, and so is the number of additions.
//!
//! Invariants, asserted here, to be proved of the hardware. For a memory of slots behind an adder, at every moment:
//! 1. conservation: every point that was sent to a slot is in exactly one partial sum of that slot, stored or flying (no
//!    two in-flight updates lose one, none counts twice);
//! 2. parity: a slot is full exactly when it holds one stored partial sum, and p arrivals (points and returning sums)
//!    that met a slot leave it full exactly when p is odd;
//! 3. cost: k points of a slot cost exactly k - 1 additions once all have landed;
//! 4. doubling chains (m > 0) neither read nor change a slot or its fullness; a chain of m costs m additions;
//! 5. emptiness: a phase leaves the memory that it read empty, so that after the last one all memories are.

use num_bigint::BigUint;
use std::collections::{BTreeMap, VecDeque};

/// What the model needs of a group. The identity of an empty sum is the absence of a value.
pub trait Group: Clone {
    fn add(&self, other: &Self) -> Self;
    fn neg(&self) -> Self;
}

/// A scalar has a nonzero part beyond its windows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutOfRange;

/// Signed digits of `scalar`, least significant first: `windows` digits of `c` bits in `-2^(c-1) < d <= 2^(c-1)`.
///
/// With H the number all of whose digits are 2^(c-1), digit w is 2^(c-1) less digit w of H - `scalar`: no carries.
pub fn digits(scalar: &BigUint, c: u32, windows: u32) -> Result<Vec<i64>, OutOfRange> {
    let half = 1i64 << (c - 1);
    let all_half = (0..windows).fold(BigUint::default(), |h, w| h + (BigUint::from(half as u64) << (c * w)));
    if *scalar > all_half {
        return Err(OutOfRange);
    }
    let rest = all_half - scalar;
    let mask = BigUint::from((1u64 << c) - 1);
    Ok((0..windows).map(|w| half - i64::try_from((&rest >> (c * w)) & &mask).expect("c bits")).collect())
}

/// A sum under way: what it is, its slot, doublings left, and how many points it holds.
struct Flying<G> {
    value: G,
    slot: usize,
    m: u32,
    points: usize,
}

/// Slots behind an adder: an empty slot stores, a full one adds.
struct Slots<G> {
    stored: BTreeMap<usize, (G, usize)>,
    flying: VecDeque<Flying<G>>,
    /// Points sent to a slot; arrivals (points and sums) that met it.
    sent: BTreeMap<usize, usize>,
    met: BTreeMap<usize, usize>,
    latency: usize,
    additions: usize,
    doublings: usize,
}

impl<G: Group> Slots<G> {
    fn new(latency: usize) -> Self {
        Slots {
            stored: BTreeMap::new(),
            flying: VecDeque::new(),
            sent: BTreeMap::new(),
            met: BTreeMap::new(),
            latency,
            additions: 0,
            doublings: 0,
        }
    }

    /// Sends `2^m * value` to `slot`.
    fn item(&mut self, slot: usize, value: G, m: u32) {
        *self.sent.entry(slot).or_insert(0) += 1;
        self.arrive(Flying { value, slot, m, points: 1 });
        while self.flying.len() > self.latency {
            self.land();
        }
    }

    fn arrive(&mut self, x: Flying<G>) {
        let Flying { value, slot, m, points } = x;
        if m > 0 {
            self.doublings += 1;
            self.flying.push_back(Flying { value: value.add(&value), slot, m: m - 1, points });
            return;
        }
        *self.met.entry(slot).or_insert(0) += 1;
        match self.stored.remove(&slot) {
            None => {
                self.stored.insert(slot, (value, points));
            }
            Some((other, others)) => {
                self.additions += 1;
                self.flying.push_back(Flying {
                    value: value.add(&other),
                    slot,
                    m: 0,
                    points: points + others,
                });
            }
        }
        assert_eq!(self.stored.contains_key(&slot), self.met[&slot] % 2 == 1, "parity");
    }

    fn land(&mut self) {
        if let Some(x) = self.flying.pop_front() {
            self.arrive(x);
        }
    }

    /// The phase's end: every sum has landed. The slots' values, and the additions they took.
    fn drain(mut self) -> (BTreeMap<usize, G>, usize) {
        while !self.flying.is_empty() {
            self.land();
        }
        for (slot, n) in &self.sent {
            assert_eq!(self.stored[slot].1, *n, "slot {slot} holds every point sent to it, once");
        }
        let points: usize = self.sent.values().sum();
        assert_eq!(self.additions, points - self.sent.len(), "k points cost k - 1 additions");
        let additions = self.additions + self.doublings;
        (self.stored.into_iter().map(|(slot, (value, _))| (slot, value)).collect(), additions)
    }
}

/// The window sums of a lane, and the additions they took.
pub struct LaneSums<G> {
    pub sums: Vec<Option<G>>,
    pub additions: usize,
}

/// What a lane makes of its bucket items (address, point): address e 2^b + (j mod 2^b) is bucket j, in 1..=2^b, of
/// window e; b = c - 1. The sum of window e is that of j * S_j over its bucket sums.
pub fn lane_sums<G: Group>(
    items: impl IntoIterator<Item = (usize, G)>,
    c: u32,
    entries: usize,
    latency: usize,
) -> LaneSums<G> {
    let b = c - 1;
    let (l, h) = (b / 2, b - b / 2);
    let mut slots = Slots::new(latency);
    for (address, point) in items {
        slots.item(address, point, 0);
    }
    let (buckets, front) = slots.drain();

    // HALVES: j = hi 2^l + lo. Field 0 collects by hi, field 1 by lo; bucket 2^b, at j = 0, is carried in field 0.
    let mut slots = Slots::new(latency);
    for (address, sum) in buckets {
        let (e, j) = (address >> b, address & ((1 << b) - 1));
        let (hi, lo) = (j >> l, j & ((1 << l) - 1));
        if hi != 0 || j == 0 {
            slots.item((2 * e) << h | hi, sum.clone(), 0);
        }
        if lo != 0 {
            slots.item((2 * e + 1) << h | lo, sum, 0);
        }
    }
    let (halves, split) = slots.drain();

    // BITS: T_k collects the sums in whose j bit k is set.
    let mut slots = Slots::new(latency);
    for (address, sum) in halves {
        let (e, field, value) = (address >> (h + 1), address >> h & 1, address & ((1 << h) - 1));
        if value == 0 {
            slots.item(e << 4 | b as usize, sum.clone(), 0);
        }
        for i in (0..h).filter(|i| value >> i & 1 == 1) {
            let k = if field == 0 { l + i } else { i };
            slots.item(e << 4 | k as usize, sum.clone(), 0);
        }
    }
    let (bits, collect) = slots.drain();

    // WEIGH: the sum of 2^k T_k.
    let mut slots = Slots::new(latency);
    for (address, sum) in bits {
        slots.item(address >> 4, sum, address as u32 & 15);
    }
    let (mut sums, weigh) = slots.drain();
    LaneSums {
        sums: (0..entries).map(|e| sums.remove(&e)).collect(),
        additions: front + split + collect + weigh,
    }
}

/// How `windows` windows are dealt to `adders` lanes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deal {
    pub windows: usize,
    pub adders: usize,
}

impl Deal {
    /// The remainder: windows that all lanes share, each taking every `adders`-th point of them.
    pub fn shared(&self) -> usize {
        self.windows % self.adders
    }

    /// Windows a lane has: the shared ones first, then its own.
    pub fn entries(&self) -> usize {
        self.shared() + self.windows / self.adders
    }

    /// The window that is entry `j` of `lane`.
    pub fn window(&self, lane: usize, j: usize) -> usize {
        let r = self.shared();
        if j < r {
            j
        } else {
            r + (j - r) * self.adders + lane
        }
    }

    /// Whether `lane` treats point `i` in its entry `j`.
    pub fn takes(&self, lane: usize, j: usize, i: usize) -> bool {
        j >= self.shared() || i % self.adders == lane
    }

    /// The window sums, from the lanes' sums in the order of the card's memory (lane by lane).
    pub fn gather<G: Group>(&self, results: &[Option<G>]) -> Vec<Option<G>> {
        let mut sums = vec![None; self.windows];
        for (at, sum) in results.iter().enumerate() {
            let (lane, j) = (at / self.entries(), at % self.entries());
            let window = &mut sums[self.window(lane, j)];
            *window = plus(window.take(), sum.clone());
        }
        sums
    }
}

fn plus<G: Group>(a: Option<G>, b: Option<G>) -> Option<G> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.add(&b)),
        (a, b) => a.or(b),
    }
}

/// What the engine writes for `sum scalar_i * point_i`: the sums of every lane's entries, lane by lane. `None` is the
/// identity, among the points too.
///
/// # Errors
/// The index of the first scalar that does not fit the windows.
pub fn results<G: Group>(
    points: &[Option<G>],
    scalars: &[BigUint],
    c: u32,
    deal: Deal,
    latency: usize,
) -> Result<Vec<Option<G>>, usize> {
    let half = 1usize << (c - 1);
    let mut items = vec![vec![]; deal.adders];
    for (i, (point, scalar)) in points.iter().zip(scalars).enumerate() {
        let Some(point) = point else { continue };
        let ds = digits(scalar, c, deal.windows as u32).map_err(|OutOfRange| i)?;
        for (lane, items) in items.iter_mut().enumerate() {
            for j in (0..deal.entries()).filter(|&j| deal.takes(lane, j, i)) {
                let d = ds[deal.window(lane, j)];
                if d != 0 {
                    let signed = if d < 0 { point.neg() } else { point.clone() };
                    items.push((j * half + d.unsigned_abs() as usize % half, signed));
                }
            }
        }
    }
    Ok(items.into_iter().flat_map(|lane| lane_sums(lane, c, deal.entries(), latency).sums).collect())
}

/// The window sums of `sum scalar_i * point_i`, as one lane makes them.
///
/// # Errors
/// As [`results`].
pub fn window_sums<G: Group>(
    points: &[Option<G>],
    scalars: &[BigUint],
    c: u32,
    windows: u32,
    latency: usize,
) -> Result<Vec<Option<G>>, usize> {
    results(points, scalars, c, Deal { windows: windows as usize, adders: 1 }, latency)
}

/// `sum of 2^(c w) * sum_w`.
pub fn combine<G: Group>(sums: &[Option<G>], c: u32) -> Option<G> {
    sums.iter().rev().fold(None, |acc: Option<G>, sum| {
        let shifted = (0..c).fold(acc, |a, _| a.map(|a| a.add(&a)));
        plus(shifted, sum.clone())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use num_traits::{One, Zero};
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
                let mut buckets = vec![];
                let mut naive = 0u64;
                for j in 1..=1usize << b {
                    if rng.gen_bool(fill) {
                        let v = rng.gen_range(0..P);
                        buckets.push((j % (1 << b), Z(v)));
                        naive = ((u128::from(naive) + u128::from(v) * j as u128) % u128::from(P)) as u64;
                    }
                }
                let latency = rng.gen_range(0..40);
                let lane = lane_sums(buckets, b + 1, 1, latency);
                assert_eq!(value(&lane.sums[0]), naive, "b={b}");
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

    #[test]
    fn lanes_share_the_work_for_every_number_of_adders() {
        let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(4);
        for adders in 1..=4 {
            for c in [2, 5, 7, 11, 13] {
                let deal = Deal { windows: 128 / c as usize + 1, adders };
                // Every (point, window) pair is treated once.
                for i in 0..2 * adders {
                    let mut seen = vec![0; deal.windows];
                    for (lane, j) in (0..adders).flat_map(|a| (0..deal.entries()).map(move |j| (a, j))) {
                        seen[deal.window(lane, j)] += usize::from(deal.takes(lane, j, i));
                    }
                    assert_eq!(seen, vec![1; deal.windows], "{deal:?} point {i}");
                }
                let n = rng.gen_range(0..30);
                let points: Vec<_> = (0..n).map(|_| Some(Z(rng.gen_range(1..P)))).collect();
                let scalars: Vec<BigUint> = (0..n).map(|_| rng.gen::<u128>().into()).collect();
                let naive =
                    points.iter().zip(&scalars).fold(BigUint::zero(), |acc, (p, s)| acc + s * value(p));
                let results = results(&points, &scalars, c, deal, rng.gen_range(0..60)).unwrap();
                assert_eq!(results.len(), adders * deal.entries());
                let sums = deal.gather(&results);
                assert_eq!(BigUint::from(value(&combine(&sums, c))), naive % P, "{deal:?} c={c}");
                let one = window_sums(&points, &scalars, c, deal.windows as u32, 7).unwrap();
                assert_eq!(
                    sums.iter().map(value).collect::<Vec<_>>(),
                    one.iter().map(value).collect::<Vec<_>>()
                );
            }
        }
    }
}
