//! The proof's bytes from the stages.
//!
//! Postcard: a list is its length as a varint (7 bits a byte, low first, the high bit says that more follow) and its elements, an
//! optional value a byte 0, or 1 and the value, a structure its fields. A commitment is a list of digests (here of one,
//! the root). Field elements are 4 bytes, extension elements four of them, digests eight.

use p3_matrix::dense::RowMajorMatrix;
use p3_matrix::Matrix;

use super::folder::Folder;
use super::format::Element;
use super::layout::COMMITMENTS;
use crate::config::Challenge;
use crate::error::Error;
use crate::{Digest, F};

struct Bytes(Vec<u8>);

impl Bytes {
    fn number(&mut self, mut number: usize) {
        while number >= 0x80 {
            self.0.push(number as u8 | 0x80);
            number >>= 7;
        }
        self.0.push(number as u8);
    }

    fn list<T: Element>(&mut self, values: &[T]) {
        self.number(values.len());
        values.iter().for_each(|value| value.put(&mut self.0));
    }

    fn some(&mut self, there: bool) -> bool {
        self.0.push(there.into());
        there
    }

    /// Row `i`, if it is there.
    fn optional_row(&mut self, matrix: Option<&RowMajorMatrix<Challenge>>, i: usize) {
        let matrix = matrix.filter(|matrix| matrix.height() > i);
        self.some(matrix.is_some());
        if let Some(matrix) = matrix {
            self.list(&matrix.values[i * matrix.width..][..matrix.width]);
        }
    }
}

/// The proof's bytes.
///
/// # Errors
///
/// If a file cannot be read.
pub fn proof(folder: &Folder) -> Result<Vec<u8>, Error> {
    let manifest = &folder.manifest;
    let mut out = Bytes(Vec::new());
    let root = |stage: &str| folder.row::<Digest>(&format!("root/{stage}.bin"));
    let witnesses = folder.row::<F>("witnesses.bin")?;
    let folds = manifest.folding.len();

    out.list(&root("trace")?);
    out.some(true);
    out.list(&root("permutation")?);
    out.list(&root("quotient")?);
    out.some(false);

    out.number(manifest.tables.len());
    for table in &manifest.tables {
        let opened = |stage: &str| folder.read::<Challenge>(&format!("opening/{stage}/{}.bin", table.name));
        let main = opened("trace")?;
        out.list(&main.values[..main.width]);
        out.optional_row(Some(&main), 1);
        let preprocessed = if table.preprocessed.is_empty() { None } else { Some(opened("preprocessed")?) };
        out.optional_row(preprocessed.as_ref(), 0);
        out.optional_row(preprocessed.as_ref(), 1);
        out.number(table.chunks);
        for name in table.chunk_names() {
            out.list(&folder.row::<Challenge>(&format!("opening/quotient/{name}.bin"))?);
        }
        out.some(false);
        if table.lookups.is_empty() {
            out.number(0);
            out.number(0);
        } else {
            let permutation = opened("permutation")?;
            permutation.row_slices().for_each(|row| out.list(row));
        }
    }

    witnesses[2].put(&mut out.0);
    out.number(folds);
    root("fold")?.iter().for_each(|&root| out.list(&[root]));
    out.list(&witnesses[3..3 + folds]);
    out.number(COMMITMENTS.len());
    for commitment in COMMITMENTS {
        let matrices = manifest.committed(commitment);
        let rows = matrices.iter().map(|m| folder.read::<F>(&format!("query/{commitment}/{}.bin", m.name)));
        let rows = rows.collect::<Result<Vec<_>, _>>()?;
        out.number(manifest.configuration.queries);
        for query in 0..manifest.configuration.queries {
            out.number(rows.len());
            rows.iter().for_each(|rows| out.list(&rows.values[query * rows.width..][..rows.width]));
        }
        out.list(&folder.row::<Digest>(&format!("query/{commitment}-path.bin"))?);
    }
    out.number(folds);
    for round in 0..folds {
        let siblings = folder.read::<Challenge>(&format!("query/fold/{round:02}.bin"))?;
        out.number(siblings.height());
        siblings.row_slices().for_each(|row| out.list(row));
        out.list(&folder.row::<Digest>(&format!("query/fold-path/{round:02}.bin"))?);
    }
    out.list(&folder.row::<Challenge>("final.bin")?);
    witnesses[3 + folds].put(&mut out.0);

    let mut terminals = folder.row::<Challenge>("terminals.bin")?.into_iter();
    out.number(manifest.tables.len());
    for table in &manifest.tables {
        let terminal = if table.lookups.is_empty() { None } else { terminals.next() };
        out.some(terminal.is_some());
        terminal.iter().for_each(|terminal| terminal.put(&mut out.0));
    }
    out.number(manifest.tables.len());
    manifest.tables.iter().for_each(|table| out.number(table.log_height));
    out.some(true);
    witnesses[0].put(&mut out.0);
    witnesses[1].put(&mut out.0);
    Ok(out.0)
}
