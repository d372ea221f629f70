//! Tables as they are committed: several rows of a table side by side in one.
//!
//! A committed row costs columns that do not depend on how wide it is: the running sum of its messages over the extension, the
//! chunks of the quotient, and half a column for each bus of which it has an odd number of messages. Tables with a row an
//! instruction are therefore committed with [`LANES`] rows in one. The cells and their order stay as they are; only the matrix is
//! read as that many times wider. Each lane has the constraints and the messages of [`Table`], and lanes do not see one another.

use std::sync::Arc;

use p3_air::{Air, AirBuilder, BaseAir, WindowAccess};
use p3_lookup::{Count, InteractionBuilder};
use p3_matrix::dense::RowMajorMatrix;
use p3_matrix::Matrix;

use super::bus::Builder;
use super::{segment, trace, Kind, Table};
use crate::record::{Program, Statement};
use crate::F;

/// Rows of a table with a row an instruction that are one row of its commitment.
pub const LANES: usize = 2;

/// A table as it is committed.
#[derive(Clone, Debug)]
pub struct Lanes(Table);

impl Lanes {
    /// The table of a kind, for `program`.
    pub fn of(kind: Kind, program: &Arc<Program>) -> Self {
        Self(Table::of(kind, program))
    }

    /// Which table it is.
    pub const fn kind(&self) -> Kind {
        self.0.kind()
    }

    /// One lane.
    pub const fn table(&self) -> &Table {
        &self.0
    }

    /// Lanes in a row.
    pub fn count(&self) -> usize {
        lanes(self.kind())
    }

    /// The columns' names, in order: those of the table, with the lane's number after `@` where there are several.
    pub fn names(&self) -> Vec<String> {
        let names = self.0.names();
        match self.count() {
            1 => names,
            count => {
                (0..count).flat_map(|lane| names.iter().map(move |name| format!("{name}@{lane}"))).collect()
            }
        }
    }

    /// Names of the preprocessed columns.
    pub fn preprocessed_names(&self) -> Vec<String> {
        self.0.preprocessed_names()
    }

    /// A trace of the table as it is committed: the same cells.
    pub fn matrix(&self, trace: &RowMajorMatrix<F>) -> RowMajorMatrix<F> {
        RowMajorMatrix::new(trace.values.clone(), trace.width() * self.count())
    }
}

/// The public values of each of a proof's tables: what they say of the statement, and with the segment's table which tables there are.
pub fn public_values(tables: &[Lanes], statement: &Statement) -> Vec<Vec<F>> {
    let kinds = segment::kinds(tables.iter().map(Lanes::kind));
    let of = |table: &Lanes| {
        let mut values = table.0.public_values(statement);
        if table.kind() == Kind::Segment {
            values.extend(kinds);
        }
        values
    };
    tables.iter().map(of).collect()
}

impl From<Table> for Lanes {
    fn from(table: Table) -> Self {
        Self(table)
    }
}

/// Rows of a table that are one row of its commitment.
pub fn lanes(kind: Kind) -> usize {
    if trace::is_opcode(kind) {
        LANES
    } else {
        1
    }
}

impl BaseAir<F> for Lanes {
    fn width(&self) -> usize {
        BaseAir::<F>::width(&self.0) * self.count()
    }

    fn preprocessed_trace(&self) -> Option<RowMajorMatrix<F>> {
        self.0.preprocessed_trace()
    }

    fn preprocessed_width(&self) -> usize {
        self.0.preprocessed_width()
    }

    fn main_next_row_columns(&self) -> Vec<usize> {
        let next = self.0.main_next_row_columns();
        assert!(next.is_empty() || self.count() == 1, "the row after a lane's is in another lane");
        next
    }

    fn preprocessed_next_row_columns(&self) -> Vec<usize> {
        self.0.preprocessed_next_row_columns()
    }

    fn num_public_values(&self) -> usize {
        self.0.num_public_values()
    }

    fn num_periodic_columns(&self) -> usize {
        self.0.num_periodic_columns()
    }

    fn periodic_columns(&self) -> std::borrow::Cow<'_, [Vec<F>]> {
        self.0.periodic_columns()
    }
}

impl<B: Builder> Air<B> for Lanes {
    fn eval(&self, b: &mut B) {
        let width = BaseAir::<F>::width(&self.0);
        for lane in 0..self.count() {
            self.0.eval(&mut Lane { all: b, first: lane * width, width });
        }
    }
}

/// A builder that sees one lane of each row.
struct Lane<'a, B> {
    all: &'a mut B,
    /// The lane's first column.
    first: usize,
    /// Its columns.
    width: usize,
}

/// A lane of a row and of the next one.
#[derive(Clone)]
struct LaneWindow<W> {
    all: W,
    first: usize,
    width: usize,
}

impl<T, W: WindowAccess<T>> WindowAccess<T> for LaneWindow<W> {
    fn current_slice(&self) -> &[T] {
        &self.all.current_slice()[self.first..self.first + self.width]
    }

    fn next_slice(&self) -> &[T] {
        &self.all.next_slice()[self.first..self.first + self.width]
    }
}

impl<B: AirBuilder> AirBuilder for Lane<'_, B> {
    type F = B::F;
    type Expr = B::Expr;
    type Var = B::Var;
    type PreprocessedWindow = B::PreprocessedWindow;
    type MainWindow = LaneWindow<B::MainWindow>;
    type PublicVar = B::PublicVar;
    type PeriodicVar = B::PeriodicVar;

    fn main(&self) -> Self::MainWindow {
        LaneWindow { all: self.all.main(), first: self.first, width: self.width }
    }

    fn preprocessed(&self) -> &Self::PreprocessedWindow {
        self.all.preprocessed()
    }

    fn is_first_row(&self) -> Self::Expr {
        self.all.is_first_row()
    }

    fn is_last_row(&self) -> Self::Expr {
        self.all.is_last_row()
    }

    fn is_transition(&self) -> Self::Expr {
        self.all.is_transition()
    }

    fn assert_zero<I: Into<Self::Expr>>(&mut self, x: I) {
        self.all.assert_zero(x);
    }

    fn public_values(&self) -> &[Self::PublicVar] {
        self.all.public_values()
    }

    fn periodic_values(&self) -> &[Self::PeriodicVar] {
        self.all.periodic_values()
    }
}

impl<B: InteractionBuilder> InteractionBuilder for Lane<'_, B> {
    fn push_interaction<E: Into<Self::Expr>>(
        &mut self,
        bus_name: &str,
        fields: impl IntoIterator<Item = E>,
        count: impl Into<Count<Self::Expr>>,
    ) {
        self.all.push_interaction(bus_name, fields, count);
    }

    fn push_local_interaction(
        &mut self,
        tuples: impl IntoIterator<Item = (Vec<Self::Expr>, Count<Self::Expr>)>,
    ) {
        self.all.push_local_interaction(tuples);
    }

    fn push_exclusive_interaction(
        &mut self,
        bus_name: &str,
        branches: impl IntoIterator<Item = (Self::Expr, Count<Self::Expr>, Vec<Self::Expr>)>,
    ) {
        self.all.push_exclusive_interaction(bus_name, branches);
    }

    fn num_global_interactions(&self) -> usize {
        self.all.num_global_interactions()
    }

    fn num_local_interactions(&self) -> usize {
        self.all.num_local_interactions()
    }

    fn num_exclusive_interactions(&self) -> usize {
        self.all.num_exclusive_interactions()
    }
}

#[cfg(test)]
mod tests {
    use p3_field::PrimeCharacteristicRing;

    use super::*;
    use crate::key::{lookups, Key};
    use crate::record::testing::register_step;
    use crate::testing::{sums, Machine};
    use crate::{isa::Op, prove, verify};

    #[test]
    fn instructions_stand_side_by_side() {
        let (one, many) = (Table::of(Kind::Add, &sums()), Lanes::of(Kind::Add, &sums()));
        assert_eq!(many.count(), LANES);
        assert_eq!(BaseAir::<F>::width(&many), LANES * BaseAir::<F>::width(&one));
        let width = BaseAir::<F>::width(&one);
        let step = |a, b| register_step(Op::Add, a, b, a + b);
        let trace = trace::padded(20, width, |i, cells| {
            one.fill(&step(i as u32, 7), cells).expect("executes");
        });
        let trace = trace.expect("rows");
        let matrix = many.matrix(&trace);
        assert_eq!((matrix.height(), matrix.width), (16, LANES * width));
        for i in 0..20 {
            assert_eq!(
                &matrix.values[i / LANES * matrix.width + i % LANES * width..][..width],
                &trace.values[i * width..][..width]
            );
        }
        let names = many.names();
        assert_eq!((names.len(), names[width].as_str()), (matrix.width, "cycle.time@1"));
    }

    #[test]
    fn no_message_has_a_column_to_itself() {
        for &kind in Kind::ALL.iter().filter(|kind| trace::is_opcode(**kind)) {
            let lookups = lookups(&Lanes::of(kind, &sums()));
            assert!(lookups.iter().all(|lookup| lookup.elements.len() == 2), "{}", kind.name());
        }
    }

    #[test]
    fn a_wrong_cell_of_any_lane_is_refused() {
        let key = Key::new(&sums()).expect("a key");
        let executed = Machine::new(&sums()).segment(6);
        let mut statement = executed.statement.clone();
        statement.program = key.digest();
        let good = trace::build(&executed);
        let table = good.iter().position(|(table, _)| lanes(table.kind()) > 1).expect("an instruction");
        for lane in 0..LANES {
            let mut wrong = good.clone();
            let width = wrong[table].1.width;
            wrong[table].1.values[(2 * lane + 1) * width - 1] += F::ONE;
            let result =
                prove::traces(&key, &statement, &wrong).and_then(|proof| verify::segment(&key, &proof));
            assert!(result.is_err(), "lane {lane}");
        }
    }
}
