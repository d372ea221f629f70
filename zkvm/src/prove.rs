//! A segment's proof, made by the reference prover.

use p3_batch_stark::{prove_batch, StarkInstance};
use p3_matrix::dense::RowMajorMatrix;
use p3_matrix::Matrix;
use p3_uni_stark::ProvingError;

use crate::air::lanes::{self, Lanes};
use crate::air::{trace, Table};
use crate::error::Error;
use crate::key::Key;
use crate::proof::{encode, SegmentProof, Shape};
use crate::record::{Segment, Statement};
use crate::F;

/// Proves a segment.
///
/// # Errors
///
/// If the segment is of another program, a table is too tall, or the traces do not satisfy the constraints in a way that the prover sees.
pub fn segment(key: &Key, segment: &Segment) -> Result<SegmentProof, Error> {
    if !same_program(key, segment) {
        return Err(Error::OtherProgram);
    }
    let mut statement = segment.statement.clone();
    statement.program = key.digest();
    traces(key, &statement, &trace::build(segment))
}

/// Proves traces: what [`segment`] does once it has them.
///
/// # Errors
///
/// See [`segment`].
pub fn traces(key: &Key, statement: &Statement, traces: &trace::Traces) -> Result<SegmentProof, Error> {
    let shape = shape(traces)?;
    crate::verify::check_shape(key, &shape)?;
    let (tables, matrices) = committed(traces);
    let matrices: Vec<_> = matrices.iter().collect();
    let public = lanes::public_values(&tables, statement);
    let instances = StarkInstance::new_multiple(&tables, &matrices, &public);
    let raw =
        prove_batch(key.config(), &instances, &key.prover_data(&shape)).map_err(|error| match error {
            ProvingError::Pcs { phase, source } => Error::Prove { reason: format!("{phase}: {source}") },
        })?;
    Ok(SegmentProof { statement: statement.clone(), shape, raw: encode(&raw)? })
}

/// Tables and traces as they are committed.
pub fn committed(traces: &trace::Traces) -> (Vec<Lanes>, Vec<RowMajorMatrix<F>>) {
    let wide = |(table, trace): &(Table, _)| {
        let table = Lanes::from(table.clone());
        let matrix = table.matrix(trace);
        (table, matrix)
    };
    traces.iter().map(wide).unzip()
}

/// The shape of traces.
///
/// # Errors
///
/// If they are out of order.
pub fn shape(traces: &trace::Traces) -> Result<Shape, Error> {
    let height = |(table, trace): &(Table, RowMajorMatrix<F>)| {
        let kind = table.kind();
        (kind, (trace.height() / lanes::lanes(kind)).ilog2() as usize)
    };
    Shape::new(traces.iter().map(height).collect())
}

/// Whether a segment was executed from the key's program.
pub(crate) fn same_program(key: &Key, segment: &Segment) -> bool {
    let (mine, its) = (key.program(), &segment.program);
    std::sync::Arc::ptr_eq(mine, its)
        || (mine.entry, &mine.code, &mine.image) == (its.entry, &its.code, &its.image)
}

#[cfg(test)]
mod tests {
    use p3_field::PrimeCharacteristicRing;

    use super::*;
    use crate::air::Kind;
    use crate::proof::Proof;
    use crate::testing::{sums, Machine};
    use crate::verify;

    #[test]
    fn segments_of_additions_make_a_chain() {
        let program = sums();
        let key = Key::new(&program).expect("a key");
        let mut machine = Machine::new(&program);
        let segments: Vec<_> =
            [1, 5].map(|cycles| segment(&key, &machine.segment(cycles)).expect("a proof")).into();
        for proof in &segments {
            verify::segment(&key, proof).expect("the proof is good");
        }
        let error = verify::chain(&key, &Proof { segments }).expect_err("not at its end").to_string();
        assert!(error.contains("has not ended"), "{error}");
    }

    #[test]
    fn a_wrong_cell_is_refused() {
        let program = sums();
        let key = Key::new(&program).expect("a key");
        let executed = Machine::new(&program).segment(6);
        let mut statement = executed.statement.clone();
        statement.program = key.digest();
        let good = trace::build(&executed);
        for i in [Kind::Leaf, Kind::AddImmediate]
            .map(|kind| good.iter().position(|table| table.0.kind() == kind).expect("a table that is used"))
        {
            let mut wrong = good.clone();
            wrong[i].1.values[0] += F::ONE;
            let result = traces(&key, &statement, &wrong).and_then(|proof| verify::segment(&key, &proof));
            assert!(result.is_err(), "table {}", good[i].0.kind().name());
        }
    }
}
