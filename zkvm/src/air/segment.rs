//! The segment's boundary: where the state's chain starts and ends, the memory's roots, the exit code.
//!
//! One row does it all, the first; `first` is 1 there and 0 below, so each message happens exactly once. What the columns say is bound to
//! the public values in the first row: the program counters, the memory's roots, whether the program ended and its exit
//! code. Not bound here: the digests of input and output, which the `word` tables bind to public values of their own (where
//! a table is absent the verifier compares the two digests), and the program's commitment and the segment's number, which are
//! absorbed by the transcript and compared by the verifier.
//!
//! **The end of the program.** When `halted`, the last program counter is [`HALTED_PC`] and an exit code is received, which only ECALL
//! sends, with the state whose next program counter is [`HALTED_PC`]. When not, no exit code can be received, so that ECALL did not
//! happen, and every other instruction goes to an address below 2^32 (the loader takes no instruction in the last word of the
//! address space, which would be followed by [`HALTED_PC`]); and no instruction is at [`HALTED_PC`], so that it is the last.

use p3_air::{AirBuilder, WindowAccess};
use p3_field::PrimeCharacteristicRing;
use p3_matrix::dense::RowMajorMatrix;

use super::bus::{self, Builder};
use super::columns::columns;
use super::{frame, trace, Chip};
use crate::record::{Segment, Statement, HALTED_PC, START};
use crate::F;

/// Where the public values are.
pub mod public {
    /// The program's commitment, 8.
    pub const PROGRAM: usize = 0;
    /// The segment's number.
    pub const NUMBER: usize = 8;
    /// Program counter divided by 4, at the start and at the end.
    pub const PC: usize = 9;
    /// Root of the memory, 8 before and 8 after.
    pub const MEMORY: usize = 11;
    /// Digest of the input, 8 before and 8 after.
    pub const INPUT: usize = 27;
    /// Digest of the output, 8 before and 8 after.
    pub const OUTPUT: usize = 43;
    /// Whether the program ended.
    pub const HALTED: usize = 59;
    /// Halves of the exit code, zero if the program did not end.
    pub const EXIT: usize = 60;
    /// How many there are.
    pub const COUNT: usize = 62;
}

/// The public values of a statement, at the places of [`public`].
pub fn public_values(statement: &Statement) -> Vec<F> {
    let Statement { program, number, pc, memory, input, output, exit } = statement;
    let mut values = Vec::with_capacity(public::COUNT);
    values.extend(program);
    values.push(F::from_u32(*number));
    values.extend(pc.map(F::from_u32));
    for digests in [memory, input, output] {
        values.extend(digests.as_flattened());
    }
    values.push(F::from_bool(exit.is_some()));
    values.extend(frame::halves(exit.unwrap_or(0)));
    values
}

columns! {
    /// The row.
    pub struct BoundaryRow {
        /// Whether the row is the first.
        first: T,
        /// Program counter divided by 4, at the start and at the end.
        pc: [T; 2],
        /// Time after the last cycle.
        end: T,
        /// Root of the memory before and after.
        memory: [T; 16],
        /// Whether the program ended.
        halted: T,
        /// Halves of the exit code.
        exit: [T; 2],
    }
}

/// The table of the segment.
#[derive(Clone, Copy, Debug)]
pub struct Boundary;

impl Chip for Boundary {
    fn width(&self) -> usize {
        BoundaryRow::<F>::WIDTH
    }

    fn names(&self) -> Vec<String> {
        BoundaryRow::<F>::names("")
    }

    fn eval<B: Builder>(&self, b: &mut B) {
        let main = b.main();
        let row = BoundaryRow::from_cells(main.current_slice());
        let next = main.next_slice()[0];
        b.assert_bool(row.first);
        b.when_first_row().assert_one(row.first);
        b.when_transition().assert_zero(next);

        b.assert_bool(row.halted);
        b.when(row.halted).assert_one(row.first);
        b.when(row.halted).assert_eq(row.pc[1], bus::constant::<B>(HALTED_PC));
        for half in row.exit {
            b.assert_zero((B::Expr::ONE - row.halted) * half);
        }

        let columns = [
            (public::PC, &row.pc[..]),
            (public::MEMORY, &row.memory),
            (public::HALTED, &[row.halted]),
            (public::EXIT, &row.exit),
        ];
        for (place, columns) in columns {
            for (i, column) in columns.iter().enumerate() {
                let value: B::Expr = b.public_values()[place + i].into();
                b.when_first_row().assert_eq(*column, value);
            }
        }

        let first: B::Expr = row.first.into();
        bus::send(b, bus::STATE, [bus::constant::<B>(START), row.pc[0].into()], first.clone());
        bus::receive(b, bus::STATE, [row.end.into(), row.pc[1].into()], first.clone());
        let root = [B::Expr::ZERO, B::Expr::ZERO].into_iter().chain(row.memory.map(Into::into));
        bus::receive(b, bus::NODE, root, first);
        bus::receive(b, bus::EXIT, row.exit.map(Into::into), row.halted.into());
    }

    fn next_columns(&self) -> Vec<usize> {
        vec![0]
    }

    fn public_values(&self) -> usize {
        public::COUNT
    }

    fn publish(&self, statement: &Statement) -> Vec<F> {
        public_values(statement)
    }

    fn trace(&self, segment: &Segment) -> Option<RowMajorMatrix<F>> {
        let Statement { pc, memory, exit, .. } = &segment.statement;
        trace::padded(1, self.width(), |_, cells| {
            let row = BoundaryRow {
                first: F::ONE,
                pc: pc.map(F::from_u32),
                end: F::from_u32(segment.end),
                memory: core::array::from_fn(|i| memory[i / 8][i % 8]),
                halted: F::from_bool(exit.is_some()),
                exit: frame::halves(exit.unwrap_or(0)),
            };
            row.to_cells(cells);
        })
    }
}
