//! Addresses for the card's view of memory.

use std::collections::BTreeMap;

/// A huge page: mappings start at multiples of it, so that the IOMMU can use entries of this size.
pub(super) const ALIGN: u64 = 2 << 20;
/// Least unmapped space after a mapping: an access that runs past its end faults.
const GUARD: u64 = 64 << 10;
/// Above 4 GiB, so that a card which drops address bits is found out.
const FIRST: u64 = 1 << 32;

/// The address space, and what of it is in use. Addresses are given out in ascending order and used again only once the end
/// of the space is reached, so that a stale address faults instead of reaching somebody's data.
#[derive(Debug)]
pub(super) struct Iovas {
    /// First and last address of each usable range, ascending.
    ranges: Vec<(u64, u64)>,
    /// Where the search starts.
    next: u64,
    /// Bytes, guard included, by first address.
    used: BTreeMap<u64, u64>,
}

impl Iovas {
    /// The space that `ranges` (first and last address) leave above 4 GiB, or what there is below it, without the first 2 MiB.
    pub fn new(ranges: &[(u64, u64)]) -> Self {
        let clip = |least: u64| -> Vec<_> {
            let mut kept: Vec<_> = ranges
                .iter()
                .map(|(first, last)| (*first.max(&least), *last))
                .filter(|(first, last)| first <= last && last - first >= ALIGN)
                .collect();
            kept.sort_unstable();
            kept
        };
        let high = clip(FIRST);
        let ranges = if high.is_empty() { clip(ALIGN) } else { high };
        Self { next: ranges.first().map_or(0, |range| range.0), ranges, used: BTreeMap::new() }
    }

    /// Address of `len` bytes, a multiple of 2 MiB; `None` when the space is used up.
    pub fn take(&mut self, len: u64) -> Option<u64> {
        let size = len.checked_add(GUARD)?.checked_next_multiple_of(ALIGN)?;
        let at = self.find(self.next, size).or_else(|| self.find(0, size))?;
        self.used.insert(at, size);
        self.next = at + size;
        Some(at)
    }

    /// Gives back what [`take`](Self::take) returned.
    pub fn give(&mut self, at: u64) {
        self.used.remove(&at);
    }

    /// The lowest free place for `size` bytes at or after `from`.
    fn find(&self, from: u64, size: u64) -> Option<u64> {
        self.ranges.iter().find_map(|&(first, last)| {
            let mut at = first.max(from).checked_next_multiple_of(ALIGN)?;
            loop {
                let end = at.checked_add(size - 1).filter(|end| *end < last)?;
                let before = self.used.range(..=end).next_back();
                match before.map(|(start, bytes)| start + bytes).filter(|free| *free > at) {
                    Some(free) => at = free,
                    None => return Some(at),
                }
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WIDE: (u64, u64) = (0, (1 << 39) - 1);

    #[test]
    fn mappings_are_aligned_guarded_and_above_4_gib() {
        // As an IOMMU says it: a hole for message-signalled interrupts.
        let mut iovas = Iovas::new(&[(0, 0xfedf_ffff), (0xfef0_0000, WIDE.1)]);
        let mut end = FIRST;
        for len in [1, 4096, ALIGN - GUARD, ALIGN - 4096, ALIGN, 5 * ALIGN] {
            let at = iovas.take(len).unwrap();
            assert_eq!(at % ALIGN, 0);
            assert!(at >= end, "{at:#x} after {end:#x}");
            end = at + len + GUARD;
        }
    }

    #[test]
    fn addresses_come_back_only_at_the_end_of_the_space() {
        let space = 16 * ALIGN;
        let mut iovas = Iovas::new(&[(FIRST, FIRST + space)]);
        let kept = iovas.take(4096).unwrap();
        for n in 1..16 {
            let at = iovas.take(4096).unwrap();
            assert_eq!(at, FIRST + n * ALIGN);
            iovas.give(at);
        }
        let again = iovas.take(4096).unwrap();
        assert_eq!(again, kept + ALIGN);
        // Full: 14 more places, none of them in use.
        let mut seen = vec![kept, again];
        while let Some(at) = iovas.take(4096) {
            assert!(!seen.contains(&at), "{at:#x} twice");
            seen.push(at);
        }
        assert_eq!(seen.len(), 16);
        iovas.give(seen[7]);
        assert_eq!(iovas.take(2 * ALIGN), None);
        assert_eq!(iovas.take(ALIGN - GUARD), Some(seen[7]));
    }

    #[test]
    fn ranges_of_the_iommu_are_kept_to() {
        // Nothing above 4 GiB, or nothing at all.
        let mut low = Iovas::new(&[(0, 0x1000), (0x10_0000, 0x80_0000)]);
        assert_eq!(low.take(1), Some(ALIGN));
        assert_eq!(low.take(ALIGN), Some(2 * ALIGN));
        assert_eq!(low.take(1), None);
        assert_eq!(Iovas::new(&[]).take(1), None);
        // A place that crosses the end of one range is sought in the next.
        let mut two = Iovas::new(&[(FIRST + 5, FIRST + 3 * ALIGN), (2 * FIRST, 3 * FIRST)]);
        assert_eq!(two.take(3 * ALIGN), Some(2 * FIRST));
        assert_eq!(two.take(u64::MAX), None);
        assert_eq!(two.take(u64::MAX - ALIGN), None);
        let mut top = Iovas::new(&[(u64::MAX - 4 * ALIGN + 1, u64::MAX)]);
        assert_eq!(top.take(1), Some(u64::MAX - 4 * ALIGN + 1));
        assert!(top.take(8 * ALIGN).is_none());
    }
}
