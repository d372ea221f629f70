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
use super::{frame, trace, Chip, Kind};
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
    /// How many come from the statement.
    pub const STATEMENT: usize = 62;
    /// Which tables the proof has, see [`super::kinds`].
    pub const KINDS: usize = STATEMENT;
    /// How many there are.
    pub const COUNT: usize = KINDS + super::KIND_WORDS;
}

/// Elements that say which tables a proof has.
pub const KIND_WORDS: usize = 3;
/// Kinds of tables in one of them: two bits each.
const KINDS_A_WORD: usize = 10;
const _: () = assert!(Kind::ALL.len() <= KIND_WORDS * KINDS_A_WORD);

/// How many pieces of each table a proof has, two bits a kind. No constraint reads them: they are here to be absorbed by the
/// transcript, which otherwise knows the tables' widths and heights but not which table is which, before any challenge.
pub fn kinds(tables: impl IntoIterator<Item = Kind>) -> [F; KIND_WORDS] {
    let mut words = [0; KIND_WORDS];
    for kind in tables {
        let place = kind as usize;
        words[place / KINDS_A_WORD] += 1 << (2 * (place % KINDS_A_WORD));
    }
    words.map(F::from_u32)
}

/// The public values of a statement, at the places of [`public`].
pub fn public_values(statement: &Statement) -> Vec<F> {
    let Statement { program, number, pc, memory, input, output, exit } = statement;
    let mut values = Vec::with_capacity(public::STATEMENT);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::air::{check, Kind, Table};
    use crate::testing::{refused, refused_in, sums, Machine};

    fn segment() -> Segment {
        Machine::new(&sums()).segment(4)
    }

    fn table(segment: &Segment) -> Table {
        Table::of(Kind::Segment, &segment.program)
    }

    #[test]
    fn every_set_of_tables_has_its_own_words() {
        let all = Kind::ALL.iter().copied();
        let mut seen: Vec<_> = vec![kinds([])];
        for kind in all.clone() {
            seen.extend([
                kinds([kind]),
                kinds([kind, kind]),
                kinds(all.clone().filter(|&other| other != kind)),
            ]);
        }
        for (i, words) in seen.iter().enumerate() {
            assert!(!seen[..i].contains(words), "the set {i} is another too");
        }
    }

    #[test]
    fn public_values_are_at_their_places() {
        let digest = |start: u32| core::array::from_fn(|i| F::from_u32(start + i as u32));
        let pair = |place: usize| [digest(place as u32), digest(place as u32 + 8)];
        let statement = Statement {
            program: digest(public::PROGRAM as u32),
            number: public::NUMBER as u32,
            pc: [public::PC as u32, public::PC as u32 + 1],
            memory: pair(public::MEMORY),
            input: pair(public::INPUT),
            output: pair(public::OUTPUT),
            exit: Some(public::EXIT as u32 + ((public::EXIT as u32 + 1) << 16)),
        };
        let values = public_values(&statement);
        assert_eq!(values.len(), public::STATEMENT);
        for (i, value) in values.iter().enumerate() {
            let expected = if i == public::HALTED { 1 } else { i };
            assert_eq!(*value, F::from_usize(expected), "public value {i}");
        }
        let running = public_values(&Statement { exit: None, ..statement });
        assert_eq!(running[public::HALTED..], [F::ZERO; 3]);
    }

    #[test]
    fn every_cell_counts() {
        let segment = segment();
        let traces = crate::air::trace::build(&segment);
        let place = traces.iter().position(|(table, _)| table.kind() == Kind::Segment).expect("always there");
        let (names, width) = (traces[place].0.names(), traces[place].1.width);
        for (column, name) in names.iter().enumerate() {
            for change in [F::ONE, F::NEG_ONE, F::from_u32(12345)] {
                let mut traces = traces.clone();
                traces[place].1.values[column] += change;
                assert_ne!(refused_in(&traces, &segment), Vec::<String>::new(), "{name}");
            }
        }
        // Messages of another row: a second start, or an exit that is none.
        for row in [1, traces[place].1.values.len() / width - 1] {
            for name in ["first", "halted", "exit[0]"] {
                let column = names.iter().position(|other| other == name).expect("a column");
                let mut traces = traces.clone();
                traces[place].1.values[row * width + column] = F::ONE;
                assert_ne!(refused_in(&traces, &segment), Vec::<String>::new(), "{name} of row {row}");
            }
        }
    }

    #[test]
    fn other_statements_are_refused() {
        let segment = segment();
        let table = table(&segment);
        let trace = table.trace(&segment).expect("always there");
        let good = table.public_values(&segment.statement);
        assert_eq!(check::broken(&table, &trace, &good), Vec::<String>::new());
        let bound = [public::PC..public::INPUT, public::HALTED..public::STATEMENT];
        for place in 0..public::STATEMENT {
            let mut values = good.clone();
            values[place] += F::ONE;
            let refused = !check::broken(&table, &trace, &values).is_empty();
            assert_eq!(refused, bound.iter().any(|range| range.contains(&place)), "public value {place}");
        }
    }

    #[test]
    fn other_ends_are_refused() {
        let changes: [fn(&mut Segment); 7] = [
            |segment| segment.statement.pc[0] += 1,
            |segment| segment.statement.pc[1] += 1,
            |segment| segment.statement.pc[1] = HALTED_PC,
            |segment| segment.statement.exit = Some(0),
            |segment| (segment.statement.exit, segment.statement.pc[1]) = (Some(0), HALTED_PC),
            |segment| segment.end += 3,
            |segment| segment.steps.truncate(3),
        ];
        assert_eq!(refused(&segment()), Vec::<String>::new());
        for (i, change) in changes.into_iter().enumerate() {
            let mut other = segment();
            change(&mut other);
            assert_ne!(refused(&other), Vec::<String>::new(), "change {i}");
        }
    }

    #[test]
    fn the_end_of_the_program_takes_its_exit_code() {
        for code in [0, 1, 0xffff, 0x1_0000, 0xffff_ffff] {
            let mut segment = segment();
            segment.statement.exit = Some(code);
            let table = table(&segment);
            let broken = |segment: &Segment| {
                let trace = table.trace(segment).expect("always there");
                check::broken(&table, &trace, &table.public_values(&segment.statement))
            };
            assert_ne!(broken(&segment), Vec::<String>::new(), "the program counter is not that of the end");
            segment.statement.pc[1] = HALTED_PC;
            assert_eq!(broken(&segment), Vec::<String>::new());
            let left = check::unbalanced(&[(table.clone(), table.trace(&segment).expect("always there"))]);
            let exits: Vec<_> = left.iter().filter(|line| line.starts_with("exit ")).collect();
            assert_eq!(exits, [&format!("exit [{}, {}]: -1", code & 0xffff, code >> 16)]);
        }
    }

    #[test]
    fn an_exit_code_without_an_end_is_refused() {
        let segment = segment();
        let table = table(&segment);
        let mut trace = table.trace(&segment).expect("always there");
        let mut values = table.public_values(&segment.statement);
        let place = BoundaryRow::<F>::WIDTH - 2;
        trace.values[place] = F::ONE;
        values[public::EXIT] = F::ONE;
        assert_ne!(check::broken(&table, &trace, &values), Vec::<String>::new());
    }
}
