//! The arithmetic of a segment's proof, written to be read: transforms, interpolation, folding.
//!
//! None of it is the prover's own; a replay would show nothing otherwise.

use p3_field::{batch_multiplicative_inverse, Field, PrimeCharacteristicRing, TwoAdicField};
use p3_matrix::dense::RowMajorMatrix;
use p3_matrix::Matrix;

use crate::config::Challenge;
use crate::F;

/// `index` with its low `bits` bits in reverse.
pub const fn reversed(index: usize, bits: usize) -> usize {
    if bits == 0 {
        0
    } else {
        index.reverse_bits() >> (usize::BITS as usize - bits)
    }
}

/// log2 of a height.
pub const fn log2(height: usize) -> usize {
    height.ilog2() as usize
}

/// Replaces coefficients by values at `root^i`, in order of `i`. The length is the order of `root`, a power of two.
pub fn transform(values: &mut [F], root: F) {
    let bits = log2(values.len());
    for i in 0..values.len() {
        let j = reversed(i, bits);
        if i < j {
            values.swap(i, j);
        }
    }
    for stage in 0..bits {
        let half = 1 << stage;
        let step = root.exp_power_of_2(bits - stage - 1);
        let factors: Vec<F> = step.powers().take(half).collect();
        for block in values.chunks_mut(2 * half) {
            let (low, high) = block.split_at_mut(half);
            for ((a, b), &factor) in low.iter_mut().zip(high).zip(&factors) {
                let product = *b * factor;
                (*a, *b) = (*a + product, *a - product);
            }
        }
    }
}

/// Values of a column's polynomial, known on the subgroup in natural order, on `shift` times the subgroup that is 2^`added_bits` times as
/// large, in natural order.
pub fn extended(column: &[F], added_bits: usize, shift: F) -> Vec<F> {
    let bits = log2(column.len());
    let mut values = column.to_vec();
    transform(&mut values, F::two_adic_generator(bits).inverse());
    let mut factor = F::from_usize(column.len()).inverse();
    for value in &mut values {
        *value *= factor;
        factor *= shift;
    }
    values.resize(column.len() << added_bits, F::ZERO);
    transform(&mut values, F::two_adic_generator(bits + added_bits));
    values
}

/// [`extended`] of every column, with the rows in bit-reversed order.
pub fn extended_matrix(matrix: &RowMajorMatrix<F>, added_bits: usize, shift: F) -> RowMajorMatrix<F> {
    let (height, width) = (matrix.height() << added_bits, matrix.width());
    let bits = log2(height);
    let mut values = F::zero_vec(height * width);
    for c in 0..width {
        let column: Vec<F> = matrix.values.iter().skip(c).step_by(width).copied().collect();
        for (i, value) in extended(&column, added_bits, shift).into_iter().enumerate() {
            values[reversed(i, bits) * width + c] = value;
        }
    }
    RowMajorMatrix::new(values, width)
}

/// The values at `point` of the columns' polynomials, known on `shift` times the subgroup in natural order.
pub fn interpolated(matrix: &RowMajorMatrix<F>, shift: F, point: Challenge) -> Vec<Challenge> {
    let height = matrix.height();
    let points: Vec<F> = F::two_adic_generator(log2(height)).shifted_powers(shift).take(height).collect();
    let differences: Vec<Challenge> = points.iter().map(|&x| point - x).collect();
    let inverses = batch_multiplicative_inverse(&differences);
    let mut sums = Challenge::zero_vec(matrix.width());
    for ((row, &x), &inverse) in matrix.row_slices().zip(&points).zip(&inverses) {
        let weight = inverse * x;
        for (sum, &value) in sums.iter_mut().zip(row) {
            *sum += weight * value;
        }
    }
    let order = shift.exp_power_of_2(log2(height));
    let factor = (point.exp_power_of_2(log2(height)) - order) * (order * F::from_usize(height)).inverse();
    sums.into_iter().map(|sum| sum * factor).collect()
}

/// Folds a codeword (values on the subgroup, in bit-reversed order) by 2: f(x²) = (f(x) + f(-x)) / 2 + β (f(x) - f(-x)) / 2x.
pub fn folded_once(values: &[Challenge], beta: Challenge) -> Vec<Challenge> {
    let bits = log2(values.len());
    let powers: Vec<F> = F::two_adic_generator(bits).inverse().powers().take(values.len() / 2).collect();
    let half = F::TWO.inverse();
    let fold = |(i, pair): (usize, &[Challenge])| {
        let inverse = powers[reversed(i, bits - 1)];
        (pair[0] + pair[1]) * half + beta * (pair[0] - pair[1]) * (inverse * half)
    };
    values.chunks(2).enumerate().map(fold).collect()
}

/// Folds by 2^`log_arity`: by 2 each time, with β, β², β⁴.
pub fn folded(values: &[Challenge], log_arity: usize, beta: Challenge) -> Vec<Challenge> {
    (0..log_arity).fold(values.to_vec(), |values, i| folded_once(&values, beta.exp_power_of_2(i)))
}

/// log2 of the foldings: from the tallest input down, by at most 2^`most`, never past the next input nor below 2^`last`.
pub fn schedule(heights: &[usize], last: usize, most: usize) -> Vec<usize> {
    let mut schedule = Vec::new();
    let mut height = heights[0];
    while height > last {
        let next = heights.iter().copied().find(|&h| h < height).unwrap_or(0).max(last);
        schedule.push(most.min(height - next));
        height -= most.min(height - next);
    }
    schedule
}

#[cfg(test)]
mod tests {
    use p3_field::BasedVectorSpace;

    use super::*;

    fn value(coefficients: &[F], x: F) -> F {
        coefficients.iter().rev().fold(F::ZERO, |sum, &c| sum * x + c)
    }

    fn polynomial(length: usize) -> Vec<F> {
        (0..length as u32).map(|i| F::from_u32(0x7eff_fff0 + i) * F::from_u32(i + 3)).collect()
    }

    #[test]
    fn transforms_are_values() {
        for bits in 0..6 {
            let coefficients = polynomial(1 << bits);
            let root = F::two_adic_generator(bits);
            let mut values = coefficients.clone();
            transform(&mut values, root);
            for (i, &found) in values.iter().enumerate() {
                assert_eq!(found, value(&coefficients, root.exp_u64(i as u64)), "2^{bits}, {i}");
            }
            for (added_bits, shift) in
                [(0, F::ONE), (1, F::GENERATOR), (2, F::GENERATOR.inverse()), (3, -F::ONE)]
            {
                let larger = F::two_adic_generator(bits + added_bits);
                for (i, found) in extended(&values, added_bits, shift).into_iter().enumerate() {
                    assert_eq!(
                        found,
                        value(&coefficients, shift * larger.exp_u64(i as u64)),
                        "2^{bits}, {i}"
                    );
                }
            }
        }
    }

    #[test]
    fn interpolation_and_folding_are_values() {
        let point = Challenge::from_basis_coefficients_fn(|i| F::from_usize(i * i + 5));
        for bits in 0..6 {
            let coefficients = polynomial(1 << bits);
            let shift = F::from_u32(7);
            let generator = F::two_adic_generator(bits);
            let column = (0..1 << bits).map(|i| value(&coefficients, shift * generator.exp_u64(i))).collect();
            let expected = coefficients.iter().rev().fold(Challenge::ZERO, |sum, &c| sum * point + c);
            assert_eq!(interpolated(&RowMajorMatrix::new(column, 1), shift, point), [expected], "2^{bits}");

            // A codeword of 2^bits coefficients at twice as many points, folded to 2, is the value at the challenge, twice.
            let generator = F::two_adic_generator(bits + 1);
            let at =
                |i| Challenge::from(value(&coefficients, generator.exp_u64(reversed(i, bits + 1) as u64)));
            let codeword: Vec<Challenge> = (0..2 << bits).map(at).collect();
            assert_eq!(folded(&codeword, bits, point), [expected; 2], "2^{bits}");
        }
    }

    #[test]
    fn schedules_are_those_of_the_reference() {
        for mask in 1u32..1 << 12 {
            let heights: Vec<usize> =
                (0..12).rev().filter(|bit| mask >> bit & 1 == 1).map(|bit| bit + 5).collect();
            for most in 1..=4 {
                assert_eq!(
                    schedule(&heights, 4, most),
                    p3_fri::fold_schedule(&heights, 4, most),
                    "{heights:?}, {most}"
                );
            }
        }
    }
}
