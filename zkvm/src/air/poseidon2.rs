//! The Poseidon2 table: a permutation a row, provided to whoever asks for it.
//!
//! The constraints are those of p3-poseidon2-air with the constants of KoalaBear: 8 full rounds, each with its 16 results in columns, and
//! 20 partial rounds with the one element cubed; an S-box (the cube) has degree 3. All other tables look permutations up, so one that is
//! asked for several times is one row. Rows at the end are permutations of zeros that nobody asks for.

use p3_air::{Air, WindowAccess};
use p3_field::PrimeCharacteristicRing;
use p3_koala_bear::{
    GenericPoseidon2LinearLayersKoalaBear, KOALABEAR_POSEIDON2_HALF_FULL_ROUNDS,
    KOALABEAR_POSEIDON2_PARTIAL_ROUNDS_16, KOALABEAR_POSEIDON2_RC_16_EXTERNAL_FINAL,
    KOALABEAR_POSEIDON2_RC_16_EXTERNAL_INITIAL, KOALABEAR_POSEIDON2_RC_16_INTERNAL,
};
use p3_matrix::dense::RowMajorMatrix;
use p3_poseidon2_air::{generate_trace_rows, Poseidon2Air, RoundConstants};
use p3_uni_stark::SubAirBuilder;

use super::bus::{self, Builder};
use super::columns::columns;
use super::{trace, Chip};
use crate::F;

/// Full rounds before and after the partial ones.
const FULL: usize = KOALABEAR_POSEIDON2_HALF_FULL_ROUNDS;
/// Partial rounds.
const PARTIAL: usize = KOALABEAR_POSEIDON2_PARTIAL_ROUNDS_16;
/// Columns of the permutation itself.
const COLUMNS: usize = PermutationRow::<F>::WIDTH - 2;

type Constants = RoundConstants<F, 16, FULL, PARTIAL>;
type Rounds = Poseidon2Air<F, GenericPoseidon2LinearLayersKoalaBear, 16, 3, 0, FULL, PARTIAL>;

const CONSTANTS: Constants = RoundConstants::new(
    KOALABEAR_POSEIDON2_RC_16_EXTERNAL_INITIAL,
    KOALABEAR_POSEIDON2_RC_16_INTERNAL,
    KOALABEAR_POSEIDON2_RC_16_EXTERNAL_FINAL,
);
static ROUNDS: Rounds = Rounds::new(CONSTANTS);

columns! {
    /// The state after a full round.
    pub struct FullRound {
        state: [T; 16],
    }
}

columns! {
    /// A row: the columns of p3-poseidon2-air in its order, then the counts.
    pub struct PermutationRow {
        /// What goes in.
        input: [T; 16],
        /// The full rounds before the partial ones.
        first: [FullRound<T>; 4],
        /// The element cubed in each partial round.
        partial: [T; 20],
        /// The full rounds after them; the last is what comes out.
        last: [FullRound<T>; 4],
        /// How often the row is asked for on [`bus::COMPRESS`] and on [`bus::PERMUTE`].
        counts: [T; 2],
    }
}

/// The Poseidon2 table.
#[derive(Clone, Copy, Debug)]
pub struct Permutation;

impl Chip for Permutation {
    fn width(&self) -> usize {
        PermutationRow::<F>::WIDTH
    }

    fn names(&self) -> Vec<String> {
        PermutationRow::<F>::names("")
    }

    fn eval<B: Builder>(&self, b: &mut B) {
        ROUNDS.eval(&mut SubAirBuilder::<B, Rounds, B::Var>::new(b, 0..COLUMNS));
        let row = PermutationRow::from_cells(b.main().current_slice());
        let output = row.last[FULL - 1].state;
        let [compress, permute] = row.counts.map(Into::into);
        let message = |length| row.input.into_iter().chain(output[..length].iter().copied()).map(Into::into);
        bus::provide(b, bus::COMPRESS, message(8), compress);
        bus::provide(b, bus::PERMUTE, message(16), permute);
    }
}

/// The trace for these inputs, each with how often it is asked for as `COMPRESS` and as `PERMUTE`.
pub fn trace(permutations: &[([F; 16], [u32; 2])]) -> RowMajorMatrix<F> {
    let height = trace::height(permutations.len());
    let mut inputs = vec![[F::ZERO; 16]; height];
    for (input, (asked, _)) in inputs.iter_mut().zip(permutations) {
        *input = *asked;
    }
    let rounds = generate_trace_rows::<F, GenericPoseidon2LinearLayersKoalaBear, 16, 3, 0, FULL, PARTIAL>(
        inputs, &CONSTANTS, 0,
    );
    let width = PermutationRow::<F>::WIDTH;
    let mut values = F::zero_vec(height * width);
    for (cells, row) in values.chunks_mut(width).zip(rounds.row_slices()) {
        cells[..COLUMNS].copy_from_slice(row);
    }
    for (cells, (_, counts)) in values.chunks_mut(width).zip(permutations) {
        cells[COLUMNS..].copy_from_slice(&counts.map(F::from_u32));
    }
    RowMajorMatrix::new(values, width)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use p3_field::PrimeField32;

    use super::*;
    use crate::air::{check, Kind, Table};
    use crate::hash;
    use crate::record::Program;

    fn table() -> Table {
        Table::of(Kind::Poseidon2, &Arc::new(Program { entry: 0, code: Vec::new(), image: Vec::new() }))
    }

    fn inputs() -> Vec<([F; 16], [u32; 2])> {
        let counting = core::array::from_fn(F::from_usize);
        vec![
            ([F::ZERO; 16], [1, 0]),
            ([F::NEG_ONE; 16], [0, 3]),
            (counting, [2, 1]),
            (hash::permute(counting), [F::ORDER_U32 - 1, 0]),
        ]
    }

    #[test]
    fn rows_are_permutations() {
        let trace = trace(&inputs());
        assert_eq!(check::broken(&table(), &trace, &[]), Vec::<String>::new());
        for (i, cells) in trace.row_slices().enumerate() {
            let row = PermutationRow::from_cells(cells);
            let (input, counts) = inputs().get(i).copied().unwrap_or(([F::ZERO; 16], [0; 2]));
            assert_eq!(row.input, input);
            assert_eq!(row.last[3].state, hash::permute(input));
            assert_eq!(row.counts, counts.map(F::from_u32));
        }
    }

    #[test]
    fn every_cell_of_the_rounds_counts() {
        let good = trace(&inputs());
        for column in 0..COLUMNS {
            let mut trace = good.clone();
            trace.values[2 * PermutationRow::<F>::WIDTH + column] += F::ONE;
            assert_ne!(check::broken(&table(), &trace, &[]), Vec::<String>::new(), "column {column}");
        }
    }

    #[test]
    fn sixteen_rows_or_a_power_of_two() {
        for (asked, rows) in [(0, 16), (1, 16), (16, 16), (17, 32)] {
            let trace = trace(&vec![([F::TWO; 16], [1, 0]); asked]);
            assert_eq!(trace.values.len(), rows * PermutationRow::<F>::WIDTH);
        }
    }
}
