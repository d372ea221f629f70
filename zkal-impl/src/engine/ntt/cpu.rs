//! Transforms by arkworks, for what the policy keeps on the CPU.

use ark_bn254::Fr;
use ark_ff::{Field, One};
use ark_poly::{EvaluationDomain, Radix2EvaluationDomain};

use super::{Order, Transform};

/// Transforms every `transform.size()` of `values`, whose sizes and root have been checked.
pub(super) fn transform(transform: &Transform, values: &mut [Fr]) {
    let n = transform.size();
    let Some(mut domain) = Radix2EvaluationDomain::<Fr>::new(n) else {
        unreachable!("the size has been checked")
    };
    domain.group_gen = transform.omega;
    domain.group_gen_inv = transform.omega.inverse().unwrap_or_default();
    let scale = |values: &mut [Fr], first, ratio| {
        if (first, ratio) != (Fr::one(), Fr::one()) {
            Radix2EvaluationDomain::<Fr>::distribute_powers_and_mul_by_const(values, ratio, first);
        }
    };
    for values in values.chunks_exact_mut(n) {
        if transform.input == Order::BitReversed {
            reverse(values);
        }
        scale(values, Fr::one(), transform.pre);
        let mut results = values.to_vec();
        domain.fft_in_place(&mut results);
        values.copy_from_slice(&results);
        scale(values, transform.first, transform.post);
        if transform.output == Order::BitReversed {
            reverse(values);
        }
    }
}

/// Swaps every element with the one at the reversed place.
fn reverse(values: &mut [Fr]) {
    let bits = values.len().ilog2();
    for i in 0..values.len() {
        let other = if bits == 0 { 0 } else { i.reverse_bits() >> (usize::BITS - bits) };
        if i < other {
            values.swap(i, other);
        }
    }
}
