//! The trace of SHA-256's compressions.

use p3_field::{Field, PrimeCharacteristicRing, PrimeField32};
use p3_matrix::dense::RowMajorMatrix;

use super::*;
use crate::air::trace::height;
use crate::record::{Access, Call};

/// The trace of a segment's calls; `None` if there are none.
pub(super) fn trace(segment: &Segment) -> Option<RowMajorMatrix<F>> {
    let calls = segment.calls.iter().filter(|call| call.service == service::SHA256);
    let mut rows: Vec<_> = calls.flat_map(call_rows).collect();
    let used = rows.len();
    if used == 0 {
        return None;
    }
    rows.resize(height(used), Sha256Row::from_cells(&[F::ZERO; Sha256Row::<F>::WIDTH]));
    // What one row says of the next, down to the idle rows after the last call; the last row's next is the first.
    let count = rows.len();
    let width = Sha256Row::<F>::WIDTH;
    let words: Vec<_> = rows.iter().map(Words::of).collect();
    for i in (0..used + 2).map(|i| (i + count - 1) % count) {
        let next = (i + 1) % count;
        rows[next].partial =
            words[i].partial(&words[next]).map(|half| Halves { half: half.map(F::from_u32) });
    }
    for i in (0..used + 2).map(|i| (i + count - 1) % count) {
        let next = (i + 1) % count;
        let sums = words[i].sums(&words[next], &rows[i]);
        rows[i].carries = carries(&rows[i], &sums);
    }
    let mut values = F::zero_vec(count * width);
    for (row, cells) in rows.iter().zip(values.chunks_mut(width)) {
        row.to_cells(cells);
    }
    Some(RowMajorMatrix::new(values, width))
}

/// The rows of a call, without what follows from two of them.
fn call_rows(call: &Call) -> Vec<Sha256Row<F>> {
    let (block, state) = call.access.split_at(16);
    let mut w = [0; 64];
    for t in 0..64 {
        w[t] = match block.get(t) {
            Some(access) => access.old,
            None => {
                let (x, y) = (w[t - 15], w[t - 2]);
                let sigma0 = x.rotate_right(7) ^ x.rotate_right(18) ^ x >> 3;
                let sigma1 = y.rotate_right(17) ^ y.rotate_right(19) ^ y >> 10;
                w[t - 16].wrapping_add(sigma0).wrapping_add(w[t - 7]).wrapping_add(sigma1)
            }
        };
    }
    // Rounds -8 to 63, the first four unused.
    let (mut a, mut e) = ([0; 72], [0; 72]);
    for i in 0..4 {
        (a[7 - i], e[7 - i]) = (state[i].old, state[4 + i].old);
    }
    for t in 8..72 {
        let (x, y) = (a[t - 1], e[t - 1]);
        let sum0 = x.rotate_right(2) ^ x.rotate_right(13) ^ x.rotate_right(22);
        let sum1 = y.rotate_right(6) ^ y.rotate_right(11) ^ y.rotate_right(25);
        let ch = y & e[t - 2] | !y & e[t - 3];
        let maj = x & a[t - 2] | x & a[t - 3] | a[t - 2] & a[t - 3];
        let one = [e[t - 4], sum1, ch, K[t - 8], w[t - 8]].into_iter().fold(0, u32::wrapping_add);
        e[t] = one.wrapping_add(a[t - 4]);
        a[t] = one.wrapping_add(sum0).wrapping_add(maj);
    }
    let words = |from: &[u32]| core::array::from_fn(|i| bits(from[i]));
    let before = |access: Option<&Access>| Before {
        previous: access.map_or(F::ZERO, |access| F::from_u32(access.previous)),
        high: access.map_or(F::ZERO, frame::high),
    };
    let after: Vec<u32> = state.iter().map(|access| access.new).collect();
    (0..Sha256::ROWS)
        .map(|k| Sha256Row {
            flags: core::array::from_fn(|i| F::from_bool(i == k)),
            time: F::from_u32(call.time),
            state: F::from_u32(call.first),
            words: F::from_u32(match k {
                0 => call.second,
                1 => call.second + 8,
                STEPS => call.first,
                _ => 0,
            }),
            a: words(&a[8 * k..]),
            e: words(&e[8 * k..]),
            w: words(if k == STEPS { &after } else { &w[8 * k..] }),
            carries: [Carries::from_cells(&[F::ZERO; Carries::<F>::WIDTH]); 8],
            partial: [Halves { half: [F::ZERO; 2] }; 8],
            before: core::array::from_fn(|i| Halves { half: frame::halves(state[(i + k) % 8].old) }),
            block_access: core::array::from_fn(|j| before(block.get(8 * k + j))),
            state_access: before(state.get(k)),
        })
        .collect()
}

fn bits(word: u32) -> Bits<F> {
    Bits { bit: core::array::from_fn(|i| F::from_bool(word >> i & 1 == 1)) }
}

/// The words of a row that are bits in it. What [`Sums`] and [`partial`] say of bits, said of them: the bits are 0 and 1 here, so that
/// whole words do.
struct Words {
    a: [u32; 8],
    e: [u32; 8],
    w: [u32; 8],
}

impl Words {
    fn of(row: &Sha256Row<F>) -> Self {
        let word = |bits: &Bits<F>| (0..32).fold(0, |word, i| word | u32::from(bits.bit[i] == F::ONE) << i);
        let words = |all: &[Bits<F>; 8]| core::array::from_fn(|j| word(&all[j]));
        Self { a: words(&row.a), e: words(&row.e), w: words(&row.w) }
    }

    /// The halves of [`partial`].
    fn partial(&self, next: &Self) -> [[u32; 2]; 8] {
        let w = |j: usize| if j < 8 { self.w[j] } else { next.w[j - 8] };
        core::array::from_fn(|j| {
            let x = w(j + 1);
            let sigma0 = x.rotate_right(7) ^ x.rotate_right(18) ^ x >> 3;
            let seven = if j < 7 { w(j + 9) } else { 0 };
            HALVES.map(|first| [w(j), sigma0, seven].iter().map(|word| word >> first & 0xffff).sum())
        })
    }

    /// [`Sums::of`].
    fn sums(&self, next: &Self, row: &Sha256Row<F>) -> Sums<F> {
        let a = |j: usize| if j < 4 { self.a[j + 4] } else { next.a[j - 4] };
        let e = |j: usize| if j < 4 { self.e[j + 4] } else { next.e[j - 4] };
        let w = |j: usize| if j < 8 { self.w[j] } else { next.w[j - 8] };
        let step = row.flags[..STEPS].iter().position(|&flag| flag == F::ONE);
        let sum = |plus: &[u32], minus: &[u32]| {
            HALVES.map(|first| {
                let half = |words: &[u32]| F::from_u32(words.iter().map(|word| word >> first & 0xffff).sum());
                half(plus) - half(minus)
            })
        };
        Sums {
            e: core::array::from_fn(|j| {
                let (x, y, z) = (e(j + 3), e(j + 2), e(j + 1));
                let sum1 = x.rotate_right(6) ^ x.rotate_right(11) ^ x.rotate_right(25);
                let constant = step.map_or(0, |step| K[8 * step + j]);
                sum(&[a(j), e(j), w(j), sum1, x & y | !x & z, constant], &[e(j + 4)])
            }),
            a: core::array::from_fn(|j| {
                let (x, y, z) = (a(j + 3), a(j + 2), a(j + 1));
                let sum0 = x.rotate_right(2) ^ x.rotate_right(13) ^ x.rotate_right(22);
                sum(&[e(j + 4), sum0, x & y | x & z | y & z], &[a(j), a(j + 4)])
            }),
            w: core::array::from_fn(|j| {
                let x = w(j + 6);
                let sigma1 = x.rotate_right(17) ^ x.rotate_right(19) ^ x >> 10;
                let seven = if j == 7 { w(8) } else { 0 };
                let [low, high] = sum(&[seven, sigma1], &[w(j + 8)]);
                let [before_low, before_high] = row.partial[j].half;
                [low + before_low, high + before_high]
            }),
        }
    }
}

/// The carries between two rows.
fn carries(row: &Sha256Row<F>, sums: &Sums<F>) -> [Carries<F>; 8] {
    let step: F = row.flags[..STEPS].iter().copied().sum();
    let scheduled: F = row.flags[SCHEDULED].iter().copied().sum();
    core::array::from_fn(|j| {
        let [e_low, e_high] = split(sums.e[j], F::ZERO, step);
        let [a_low, a_high] = split(sums.a[j], step, step);
        let [w_low, w_high] = split(sums.w[j], F::ZERO, scheduled);
        Carries { e_low, e_high, a_low, a_high, w_low, w_high }
    })
}

/// The carries of the halves' sums as [`carried`] wants them.
fn split<const N: usize>(sums: [F; 2], offset: F, used: F) -> [[F; N]; 2] {
    let base = F::from_u32(1 << 16).inverse();
    let mut carry = F::ZERO;
    sums.map(|sum| {
        carry = (sum + carry) * base;
        let number = carry + offset;
        core::array::from_fn(|i| match (used == F::ONE, i) {
            (true, _) => F::from_u32(number.as_canonical_u32() >> i & 1),
            (false, 0) => number,
            (false, _) => F::ZERO,
        })
    })
}
