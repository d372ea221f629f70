//! First-fit allocation of address ranges, with coalescing; used for card memory and for DMA memory.

use std::collections::BTreeMap;

/// Free ranges of the address space `0..total`.
#[derive(Debug)]
pub(crate) struct Ranges {
    /// Start → length; neighbours are never adjacent, lengths never 0.
    free: BTreeMap<u64, u64>,
    total: u64,
    used: u64,
}

impl Ranges {
    /// `0..total`, all free.
    pub fn new(total: u64) -> Self {
        let free = (total > 0).then_some((0, total)).into_iter().collect();
        Self { free, total, used: 0 }
    }

    /// Takes the first free `len` bytes (at least 1) at a multiple of `align` (a power of two).
    pub fn take(&mut self, len: u64, align: u64) -> Option<u64> {
        let (&start, &size, at) = self.free.iter().find_map(|(start, size)| {
            let at = start.checked_add(align - 1)? & !(align - 1);
            (at.checked_add(len)? <= start + size).then_some((start, size, at))
        })?;
        self.free.remove(&start);
        if at > start {
            self.free.insert(start, at - start);
        }
        if at + len < start + size {
            self.free.insert(at + len, start + size - at - len);
        }
        self.used += len;
        Some(at)
    }

    /// Gives back `len` bytes at `start`, exactly as taken.
    pub fn give(&mut self, start: u64, len: u64) {
        let (mut from, mut to) = (start, start + len);
        if let Some((&before, &size)) = self.free.range(..start).next_back() {
            debug_assert!(before + size <= start, "range given back twice");
            if before + size == start {
                from = before;
            }
        }
        if let Some(size) = self.free.remove(&to) {
            to += size;
        }
        self.free.insert(from, to - from);
        self.used -= len;
    }

    pub fn total(&self) -> u64 {
        self.total
    }

    pub fn used(&self) -> u64 {
        self.used
    }

    /// Length of the largest free range.
    pub fn largest(&self) -> u64 {
        self.free.values().copied().max().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{Rng, SeedableRng};

    #[test]
    fn alignment_leaves_the_gap_free() {
        let mut r = Ranges::new(0x4000);
        assert_eq!(r.take(64, 64), Some(0));
        assert_eq!(r.take(0x1000, 0x1000), Some(0x1000));
        assert_eq!(r.take(64, 64), Some(64), "the gap before the aligned range is used");
        r.give(0, 64);
        r.give(64, 64);
        r.give(0x1000, 0x1000);
        assert_eq!((r.largest(), r.used()), (0x4000, 0));
    }

    #[test]
    fn refuses_what_does_not_fit() {
        let mut r = Ranges::new(256);
        assert_eq!(r.take(257, 64), None);
        assert_eq!(r.take(u64::MAX, 64), None);
        assert_eq!(r.take(256, 64), Some(0));
        assert_eq!(r.take(1, 1), None);
        assert_eq!(Ranges::new(0).take(1, 1), None);
    }

    /// Random takes and gives against a byte map: nothing overlaps, all is found again.
    #[test]
    fn random_use_against_a_byte_map() {
        let seed = rand::random();
        println!("seed {seed}");
        let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(seed);
        let total = if cfg!(miri) { 512u64 } else { 4096 };
        let mut r = Ranges::new(total);
        let mut map = vec![false; total as usize];
        let mut live: Vec<(u64, u64)> = Vec::new();
        for _ in 0..if cfg!(miri) { 100 } else { 20_000 } {
            if rng.gen_bool(0.5) || live.is_empty() {
                let (len, align) = (rng.gen_range(1..300), 1 << rng.gen_range(0..8));
                match r.take(len, align) {
                    Some(at) => {
                        assert_eq!(at % align, 0);
                        for byte in &mut map[at as usize..(at + len) as usize] {
                            assert!(!std::mem::replace(byte, true), "overlap");
                        }
                        live.push((at, len));
                    }
                    None => {
                        let fits = (0..total).step_by(align as usize).any(|at| {
                            at + len <= total && map[at as usize..(at + len) as usize].iter().all(|b| !b)
                        });
                        assert!(!fits, "refused {len} bytes at {align} although they fit");
                    }
                }
            } else {
                let (at, len) = live.swap_remove(rng.gen_range(0..live.len()));
                map[at as usize..(at + len) as usize].fill(false);
                r.give(at, len);
            }
            assert_eq!(r.used(), map.iter().filter(|b| **b).count() as u64);
        }
        for (at, len) in live {
            r.give(at, len);
        }
        assert_eq!((r.used(), r.largest()), (0, total));
    }
}
