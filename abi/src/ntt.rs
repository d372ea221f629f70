//! The NTT command: one pass of a number theoretic transform over Fr, a whole transform when it fits on the chip.

constants! {
    /// Bits of an NTT command's `order`.
    NTT_ORDERS {
        /// The source as a whole is in bit-reversed order; only with `log_before` = 0.
        NTT_REVERSED_IN: u8 = 1,
        /// The destination as a whole is in bit-reversed order; only with `log_after` = 0.
        NTT_REVERSED_OUT: u8 = 2,
    }
}

constants! {
    /// Limits of the NTT command.
    NTT_LIMITS {
        /// Largest sum of `log_before`, `log_len` and `log_after`: Fr has roots of unity up to order 2^28.
        NTT_MAX_LOG: u32 = 28,
        /// Bytes of an NTT command's parameters.
        NTT_PARAMS_BYTES: u32 = 192,
    }
}

layout! {
    /// Parameters of an NTT command in card memory: elements in Montgomery form.
    NttParameters, 192 bytes @ 0 {
        /// Root of unity of order exactly L = 2^log_len.
        0 field omega: [u64; 4],
        /// Factor of every element read.
        32 field in_first: [u64; 4],
        /// Its factor from one row to the next.
        64 field in_first_step: [u64; 4],
        /// Factor from one element of a row to the next, on the way in.
        96 field in_ratio: [u64; 4],
        /// Its factor from one row to the next.
        128 field in_ratio_step: [u64; 4],
        /// Factor from one element of a row to the next, on the way out.
        160 field out_ratio: [u64; 4],
    }
}

/// What the command computes, for the manual.
pub(crate) const MEANING: &str = "\
P = 2^log_before, L = 2^log_len, Q = 2^log_after, N = P·L·Q. For every row K < P and column q < Q of every transform:

```text
Y[l'] = out_ratio^l' · sum over l < L of  in_first · in_first_step^K · (in_ratio · in_ratio_step^K)^l · x[l] · omega^(l·l')
x[l]  is read at element (K·L + l)·Q + q
Y[l'] is written at element (K + P·l')·Q + q
```

With REVERSED_IN x[l] is read at element rev(q)·L + rev(l), with REVERSED_OUT Y[l'] is written at rev(K)·L + rev(l'); rev
reverses the log_after, log_len or log_before bits of the index.

A whole transform X[k] = first · post^k · sum over j of pre^j · x[j] · w^(jk) with w of order N is one pass when N is at
most the block of CAP_NTT, or else a chain of them, of (P, L, Q) = (1, n1, n2), (n1, n2, 1) or (1, n1, n2·n3), (n1, n2, n3),
(n1·n2, n3, 1), each reading what the last has written. A pass of it has omega = w^(P·Q), in_ratio = pre^Q,
in_ratio_step = w^Q, and in_first = in_first_step = out_ratio = 1; but the last one in_first = first,
in_first_step = post and out_ratio = post^P.

Checked in this order, before memory is touched: log_len is at most the block of CAP_NTT, with log_before + log_after > 0
between 1 and one less than the block; the three sum to at most NTT_MAX_LOG (BAD_FIELD at `log_before`); `order`; `stride`,
zero when `batch` is 0 or 1 and otherwise a multiple of 64 (BAD_ADDRESS) not below the bytes of a transform (BAD_FIELD); the
ranges of source, destination and parameters. Source and destination must not overlap (BAD_FIELD at `destination`), but may
be equal when log_before = 0 and either log_after = 0 or the order is not REVERSED_IN. Then the parameters are read: an
element not below r, or an omega of another order, ends the command with BAD_PARAMETER.";

/// Bytes of a transform of 2^`log` elements, rounded up to the alignment of addresses: the least `stride`.
pub const fn transform_bytes(log: u32) -> u64 {
    let bytes = (crate::ELEMENT_BYTES as u64) << log;
    bytes.next_multiple_of(crate::ALIGN as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_element_takes_a_whole_beat() {
        assert_eq!([0, 1, 2, 28].map(transform_bytes), [64, 64, 128, 1 << 33]);
    }
}
