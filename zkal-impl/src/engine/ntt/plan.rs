//! From a transform to the passes of the card.
//!
//! A transform that fits the block of the card's engine is one pass. A longer one is a chain of passes, each over one
//! factor of n = n1·n2·…: columns first, and with every pass the results' places move (Stockham), so that natural order
//! comes out without a permutation. The factors between the passes (twiddles) are the row factors of the next one.

use ark_bn254::Fr;
use ark_ff::{Field, One};
use permafrost_abi::NttParameters;

use super::{Order, Transform};

/// One pass: P = 2^`log_before`, L = 2^`log_len`, Q = 2^`log_after`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pass {
    pub log_before: u32,
    pub log_len: u32,
    pub log_after: u32,
    pub reversed_in: bool,
    pub reversed_out: bool,
    pub params: NttParameters,
}

/// Where a pass reads or writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Source,
    Destination,
    /// A block of the destination's size, first or second.
    Scratch(usize),
}

/// log2 of the passes' lengths for a transform of 2^`log_n` elements and blocks of 2^`block`: one when it fits, else
/// as few as there can be with four transforms side by side in a block (whole lines of memory), the longer first.
pub(crate) fn lengths(log_n: u32, block: u32) -> Vec<u32> {
    if log_n <= block {
        return vec![log_n];
    }
    let most = block.saturating_sub(2).max(1);
    let passes = log_n.div_ceil(most);
    (0..passes).map(|i| log_n / passes + u32::from(i < log_n % passes)).collect()
}

/// The passes of a transform on an engine with blocks of 2^`block` elements.
pub(crate) fn passes(transform: &Transform, block: u32) -> Vec<Pass> {
    let Transform { log_n, omega, pre, first, post, .. } = *transform;
    let lengths = lengths(log_n, block);
    let last = lengths.len() - 1;
    let mut log_before = 0;
    let power = |base: Fr, log: u32| base.pow([1u64 << log]);
    lengths
        .into_iter()
        .enumerate()
        .map(|(i, log_len)| {
            let log_after = log_n - log_before - log_len;
            // With one row a factor's steps from row to row are of no use.
            let step = |value| if log_before == 0 { Fr::one() } else { value };
            let [in_first, in_first_step, out_ratio] =
                if i == last { [first, step(post), power(post, log_before)] } else { [Fr::one(); 3] };
            let limbs = |value: Fr| value.0 .0;
            let pass = Pass {
                log_before,
                log_len,
                log_after,
                reversed_in: i == 0 && transform.input == Order::BitReversed,
                reversed_out: i == last && transform.output == Order::BitReversed,
                params: NttParameters {
                    omega: limbs(power(omega, log_before + log_after)),
                    in_first: limbs(in_first),
                    in_first_step: limbs(in_first_step),
                    in_ratio: limbs(power(pre, log_after)),
                    in_ratio_step: limbs(step(power(omega, log_after))),
                    out_ratio: limbs(out_ratio),
                },
            };
            log_before += log_len;
            pass
        })
        .collect()
}

/// From where to where each of `passes` passes goes. All but the first of several need a destination apart from their
/// source; so does the first when its input is in reversed order.
pub(crate) fn route(passes: usize, reversed_in: bool, in_place: bool) -> Vec<(Place, Place)> {
    // Backwards from the destination, which alternates with a scratch block.
    let mut to: Vec<Place> = (0..passes)
        .map(|from_end| if from_end % 2 == 0 { Place::Destination } else { Place::Scratch(0) })
        .collect();
    to.reverse();
    let overwrites_source = in_place && to[0] == Place::Destination;
    if passes > 1 && overwrites_source && reversed_in {
        to[0] = Place::Scratch(1);
    }
    let from = std::iter::once(Place::Source).chain(to.clone());
    from.zip(to).collect()
}

/// Scratch blocks that a route uses.
pub(crate) fn scratches(route: &[(Place, Place)]) -> usize {
    let of = |place| if let Place::Scratch(i) = place { i + 1 } else { 0 };
    route.iter().map(|(_, to)| of(*to)).max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_balanced_passes_that_leave_room_for_lines() {
        assert_eq!(lengths(0, 12), [0]);
        assert_eq!(lengths(12, 12), [12]);
        assert_eq!(lengths(13, 12), [7, 6]);
        assert_eq!(lengths(20, 12), [10, 10]);
        assert_eq!(lengths(21, 12), [7, 7, 7]);
        assert_eq!(lengths(28, 12), [10, 9, 9]);
        assert_eq!(lengths(7, 4), [2, 2, 2, 1]);
        for (log_n, block) in (0..=28).flat_map(|n| (4..=16).map(move |block| (n, block))) {
            let lengths = lengths(log_n, block);
            assert_eq!(lengths.iter().sum::<u32>(), log_n);
            assert!(lengths.len() == 1 || lengths.iter().all(|len| (1..=block - 2).contains(len)));
            assert!(
                lengths.len() == 1 || (lengths.len() as u32 - 1) * (block - 2) < log_n,
                "no fewer would do"
            );
            assert!(lengths
                .windows(2)
                .all(|pair| pair[0] >= pair[1] && pair[0] - lengths[lengths.len() - 1] <= 1));
        }
    }

    #[test]
    fn routes_end_at_the_destination_and_pass_over_no_block_they_read() {
        for passes in 1..6 {
            for (reversed_in, in_place) in [(false, false), (false, true), (true, false), (true, true)] {
                let route = route(passes, reversed_in, in_place);
                let case = format!("{passes} passes, {reversed_in}, {in_place}: {route:?}");
                assert_eq!(route.len(), passes, "{case}");
                assert_eq!((route[0].0, route[passes - 1].1), (Place::Source, Place::Destination), "{case}");
                let block =
                    |place| if in_place && place == Place::Source { Place::Destination } else { place };
                for (i, (from, to)) in route.iter().enumerate() {
                    assert!(i == 0 || route[i - 1].1 == *from, "{case}");
                    let same = block(*from) == block(*to);
                    assert!(!same || i == 0 && (passes == 1 || !reversed_in), "{case}");
                    assert!(*to != Place::Source, "{case}");
                }
                assert!(scratches(&route) <= if in_place && reversed_in { 2 } else { 1 }, "{case}");
            }
        }
    }
}
