//! The VECTOR command: arithmetic over Fr on operands of many elements in card memory.

values! {
    /// What a VECTOR command does with its operands, of `n` elements each.
    VectorOperation: u8, 8 bits {
        /// d_i = ± a_i · b_i ± c_i.
        Map = 0 MAP,
        /// One element at d: the sum of ± a_i · b_i ± c_i; 0 when `n` is 0.
        Reduce = 1 REDUCE,
        /// d_i = a_0 · … · a_i; with EXCLUSIVE d_0 = 1 and d_i = a_0 · … · a_(i-1).
        PrefixProduct = 2 PREFIX_PRODUCT,
        /// d_i = 1 / a_i, and 0 for 0.
        Inverse = 3 INVERSE,
    }
}

values! {
    /// Where the elements of an operand come from; two bits of a VECTOR command's `kinds`.
    VectorKind: u8, 2 bits {
        /// Element i is at `address + 32 · stride · i`.
        Stream = 0 STREAM,
        /// Every element is the parameter of that operand; its address is zero.
        Scalar = 1 SCALAR,
        /// Element i is the parameter to the power of i; its address is zero. Only b.
        Powers = 2 POWERS,
        /// Element i is at `address + 32 · stride · index_i`, with the indices in card memory, each below `b_len`. Only b.
        Gather = 3 GATHER,
    }
}

constants! {
    /// Bits of a VECTOR command's `flags`.
    VECTOR_FLAGS {
        /// The sign of the product is minus; only in MAP and REDUCE.
        VECTOR_NEGATE_PRODUCT: u8 = 1,
        /// The sign of the addend c is minus; only in MAP and REDUCE.
        VECTOR_NEGATE_ADDEND: u8 = 2,
        /// Element i of the result does not contain a_i; only in PREFIX_PRODUCT.
        VECTOR_EXCLUSIVE: u8 = 4,
    }
}

constants! {
    /// Low bits of the kinds of the operands in a VECTOR command's `kinds`.
    VECTOR_KINDS {
        /// Kind of a: STREAM or SCALAR.
        VECTOR_KIND_A: u8 = 0,
        /// Kind of b: any.
        VECTOR_KIND_B: u8 = 2,
        /// Kind of c: STREAM or SCALAR.
        VECTOR_KIND_C: u8 = 4,
    }
}

constants! {
    /// Limits of the VECTOR command.
    VECTOR_LIMITS {
        /// Most elements of a VECTOR command.
        VECTOR_MAX_N: u32 = 1 << 31,
        /// Bytes of a VECTOR command's parameters.
        VECTOR_PARAMS_BYTES: u32 = 192,
    }
}

layout! {
    /// Parameters of a VECTOR command in card memory. Strides are distances between successive elements, in elements; at
    /// least 1 where they are used, ignored otherwise.
    VectorParameters, 192 bytes @ 0 {
        /// The scalar a, Montgomery form in Fr; zero unless a is a SCALAR.
        0 field a_scalar: [u64; 4],
        /// The scalar b, or the base of its powers; zero unless b is SCALAR or POWERS.
        32 field b_scalar: [u64; 4],
        /// The scalar c; zero unless c is a SCALAR.
        64 field c_scalar: [u64; 4],
        /// Stride of a.
        96 field a_stride: u32,
        /// Stride of b.
        100 field b_stride: u32,
        /// Stride of c.
        104 field c_stride: u32,
        /// Stride of d.
        108 field d_stride: u32,
        /// GATHER: address of `n` indices, a u32 each, multiple of 64; otherwise zero.
        112 field indices: u64,
        /// GATHER: elements of b that indices may name; otherwise zero.
        120 field b_len: u32,
        /// Zero.
        124 zero reserved: [u8; 68],
    }
}

/// What the command checks, for the manual.
pub(crate) const MEANING: &str = "\
For a sum b is the scalar 1, for a product c is the scalar 0 (element parameters are in Montgomery form). PREFIX_PRODUCT and INVERSE have only a: `kinds`, `b`
and `c` are zero. With `n` = 0 nothing is written but the 0 of REDUCE.

Checked before memory is touched, in this order: `operation`, `flags`, `kinds`, `n`; that addresses are zero where nothing is
read from them (BAD_FIELD), and aligned; the range of the parameters. Then the parameters are read and checked, and that the
indices are within card memory (BAD_PARAMETER). A stream that leaves card memory ends the command with BAD_ADDRESS, a forbidden overlap with BAD_FIELD at `d`.
The span of d, from its first byte to its last, may meet the span of a stream a, b or c only in place (same address and
stride) or interleaved (same stride, the addresses less than one stride apart); it must not meet a gathered b or the
indices. So far nothing has been written. Indices are checked as they are used: one that is not below `b_len` ends the
command with BAD_PARAMETER at `b_len`, and d may be partly written.";

/// The byte `kinds` of operands of these kinds.
pub const fn kinds(a: VectorKind, b: VectorKind, c: VectorKind) -> u8 {
    (a as u8) << VECTOR_KIND_A | (b as u8) << VECTOR_KIND_B | (c as u8) << VECTOR_KIND_C
}

#[cfg(test)]
mod tests {
    use super::{kinds, VectorKind::*};

    #[test]
    fn kinds_are_two_bits_each() {
        assert_eq!(kinds(Scalar, Gather, Stream), 0b00_11_01);
        assert_eq!(kinds(Stream, Powers, Scalar), 0b01_10_00);
    }
}
