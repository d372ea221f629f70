//! When each product of the shared inversion starts: a modulo schedule, one plan for each group.
//!
//! All times are in ticks from the first element of a frame; every frame of B elements does the same, B ticks later. The up
//! tree's B - 1 products and the norm fill the B slots of multiplier U, the down tree's B - 1 pairs and the root's inverse
//! those of D0 and D1: an operation takes the slot `time mod B`, and no two the same one. The search places the operation
//! with the least freedom first and gives the last one a tick more until everything fits.

/// Ticks from an element's arrival until its denominator is at hand.
pub const FRONT: usize = 3;

/// Ticks between the start of a product and that of one with its result, beyond the multiplier's own: one to write the
/// result into a ring, one to read it.
pub const RING: usize = 2;

/// What the schedule depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Delays {
    /// log2 of the elements of a frame.
    pub log2_batch: usize,
    /// Ticks from operands to product.
    pub product: usize,
    /// Ticks from the start of the inverter until its result can be registered.
    pub inverse: usize,
}

/// Times of one frame. Trees are heaps: operation 1 is the root's, 2 h and 2 h + 1 are those of the children of h, so that
/// node j of level k (which covers the elements from j 2^k) is `(B >> k) + j`.
#[derive(Clone, Debug)]
pub struct Plan {
    pub delays: Delays,
    /// On U: products of a node's two children; 0: the norm, root times its conjugate.
    pub up: Vec<usize>,
    /// On D0 and D1: the inverses of a node's two children; 0: the root's, conjugate times inverted norm, on D0 alone.
    pub down: Vec<usize>,
    /// Element i's inverse is read from its ring at `leaf + i`.
    pub leaf: usize,
}

impl Plan {
    pub fn new(delays: Delays) -> Plan {
        let Delays { log2_batch, product, inverse } = delays;
        let (batch, step) = (1 << log2_batch, product + RING);

        // Level 1 multiplies denominators as they arrive: its times are given.
        let mut times = vec![None; batch];
        for j in 0..batch / 2 {
            times[batch / 2 + j] = Some(2 * j + 1 + FRONT);
        }
        let first = batch - 1 + FRONT + log2_batch * step;
        let up = search(first, batch, |last, seed| {
            place(times.clone(), |times| up_windows(times, step + (seed / 5) as usize, last), seed)
        })
        .1;

        let start = up[0] + product + inverse + 1;
        let first = start + log2_batch * step + product + 1;
        let (leaf, down) = search(first, batch, |leaf, seed| {
            let deadline = |j: usize| leaf - 1 - product + 2 * j;
            place(
                vec![None; batch],
                |times| down_windows(times, step + (seed / 5) as usize, start, deadline),
                seed,
            )
        });
        Plan { delays, up, down, leaf }
    }

    pub fn batch(&self) -> usize {
        1 << self.delays.log2_batch
    }

    /// Time at which U puts the product of heap node `h` into its ring; 0: hands the norm to an inverter.
    pub fn product_written(&self, h: usize) -> usize {
        self.up[h] + self.delays.product
    }

    /// Time at which D0 (even `h`, and the root) or D1 (odd `h`) puts the inverse of heap node `h` into its ring; elements
    /// are the nodes from B.
    pub fn inverse_written(&self, h: usize) -> usize {
        self.down[h / 2] + self.delays.product
    }

    /// Time at the end of which the inverted norm is registered.
    pub fn inverted(&self) -> usize {
        self.product_written(0) + self.delays.inverse
    }
}

/// Earliest and latest time of every operation, given those that have one.
type Windows = Vec<(usize, usize)>;

const ATTEMPTS: u64 = 60;

/// The first horizon from `first` on for which `attempt` finds times.
fn search(
    first: usize,
    batch: usize,
    attempt: impl Fn(usize, u64) -> Option<Vec<usize>>,
) -> (usize, Vec<usize>) {
    let attempts = |horizon| (0..ATTEMPTS).map(move |seed| (horizon, seed));
    (first..first + 4 * batch)
        .flat_map(attempts)
        .find_map(|(horizon, seed)| Some((horizon, attempt(horizon, seed)?)))
        .expect("one residue class a level fits within two frames")
}

/// A node follows its children; 0 follows the root and starts by `last`.
fn up_windows(times: &[Option<usize>], step: usize, last: usize) -> Windows {
    let batch = times.len();
    let mut windows: Windows = vec![(0, last); batch];
    for h in (0..batch).rev() {
        let before =
            |h: usize| if h == 0 { windows[1].0 } else { windows[2 * h].0.max(windows[2 * h + 1].0) };
        windows[h].0 = times[h].unwrap_or_else(|| before(h) + step);
    }
    for h in 0..batch {
        let after = if h == 0 { last } else { windows[h / 2].1.saturating_sub(step) };
        windows[h].1 = times[h].unwrap_or(after);
    }
    windows
}

/// A node follows its parent, the root follows 0, which starts at `start` or later; node j of level 1 has a deadline.
fn down_windows(
    times: &[Option<usize>],
    step: usize,
    start: usize,
    deadline: impl Fn(usize) -> usize,
) -> Windows {
    let batch = times.len();
    let mut windows: Windows = vec![(start, 0); batch];
    for h in 0..batch {
        let before = if h == 0 { start } else { windows[h / 2].0 + step };
        windows[h].0 = times[h].unwrap_or(before);
    }
    for h in (0..batch).rev() {
        let after = match h {
            0 => windows[1].1.saturating_sub(step),
            h if h >= batch / 2 => deadline(h - batch / 2),
            h => windows[2 * h].1.min(windows[2 * h + 1].1).saturating_sub(step),
        };
        windows[h].1 = times[h].unwrap_or(after);
    }
    windows
}

/// Gives every operation a slot of its own, the one with the narrowest window first; `None` when that leads nowhere.
fn place(
    mut times: Vec<Option<usize>>,
    windows: impl Fn(&[Option<usize>]) -> Windows,
    mut seed: u64,
) -> Option<Vec<usize>> {
    let batch = times.len();
    let bias = seed % 5;
    // Bit t of `free`: slot t is not taken.
    let all = u128::MAX >> (128 - batch);
    let mut free = times.iter().flatten().fold(all, |free, t| free & !(1 << (t % batch)));
    let free_in = |free: u128, low: usize, high: usize| -> u128 {
        // Bit i: slot of time low + i.
        let turned = (free >> (low % batch) | free << (batch - 1 - low % batch) << 1) & all;
        match (high + 1).saturating_sub(low) {
            0 => 0,
            length => turned & u128::MAX >> (128 - length.min(batch)),
        }
    };
    loop {
        let open = windows(&times).into_iter().enumerate().filter(|(h, _)| times[*h].is_none());
        let narrowest = open.min_by_key(|(_, (low, high))| {
            (free_in(free, *low, *high).count_ones(), high.saturating_sub(*low))
        });
        let Some((h, (low, high))) = narrowest else { break };
        let choice = free_in(free, low, high);
        if choice == 0 {
            return None;
        }
        seed = seed.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        let early = (seed >> 33) % 4 >= bias;
        let time = low + if early { choice.trailing_zeros() } else { choice.ilog2() } as usize;
        free &= !(1 << (time % batch));
        times[h] = Some(time);
    }
    times.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(delays: Delays) {
        let plan = Plan::new(delays);
        let (b, step) = (plan.batch(), delays.product + RING);
        for times in [&plan.up, &plan.down] {
            let slots: std::collections::BTreeSet<_> = times.iter().map(|t| t % b).collect();
            assert_eq!((times.len(), slots.len()), (b, b), "{delays:?}: every slot once");
        }
        for h in 1..b {
            if h >= b / 2 {
                assert_eq!(plan.up[h], 2 * (h - b / 2) + 1 + FRONT);
            } else {
                assert!(plan.up[h] >= plan.up[2 * h].max(plan.up[2 * h + 1]) + step);
            }
            assert!(plan.down[h] >= plan.down[h / 2] + step);
        }
        assert!(plan.up[0] >= plan.up[1] + step && plan.down[0] > plan.inverted());
        for i in 0..b {
            assert!(plan.leaf + i > plan.inverse_written(b + i));
        }
        let bound = b + FRONT + (2 * delays.log2_batch + 2) * step + delays.inverse;
        println!(
            "{delays:?}: norm {} (bound {}) leaf {} (bound {bound})",
            plan.up[0],
            b + FRONT + (delays.log2_batch) * step,
            plan.leaf
        );
        assert!(plan.leaf <= bound + 2 * b, "{delays:?}: {} ticks, {bound} at least", plan.leaf);
    }

    #[test]
    fn every_operand_is_there_and_every_slot_used_once() {
        for (log2_batch, product, inverse) in [
            (6, 9, 257),
            (6, 9, 256),
            (6, 4, 86),
            (6, 10, 257),
            (7, 70, 510),
            (7, 25, 171),
            (3, 5, 20),
            (2, 1, 1),
            (5, 9, 256),
        ] {
            check(Delays { log2_batch, product, inverse });
        }
    }
}
