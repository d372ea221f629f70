//! The folder of a dump.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use p3_matrix::dense::RowMajorMatrix;
use p3_matrix::Matrix;

use super::format::{decode, encode, Element};
use super::manifest::{ExtensionShape, File, Manifest};
use crate::error::Error;

/// A folder being written.
pub struct Writer {
    root: PathBuf,
    /// What is in it.
    pub files: BTreeMap<String, File>,
    /// Low-degree extensions among them.
    pub extensions: Vec<ExtensionShape>,
    /// Which recorded extensions those are.
    pub used: BTreeSet<usize>,
}

impl Writer {
    /// Starts a folder.
    pub fn new(root: &Path) -> Self {
        Self { root: root.into(), files: BTreeMap::new(), extensions: Vec::new(), used: BTreeSet::new() }
    }

    /// Writes a file.
    ///
    /// # Errors
    ///
    /// If it cannot be written.
    pub fn bytes(&mut self, file: &str, bytes: &[u8]) -> Result<(), Error> {
        let path = self.root.join(file);
        let written =
            path.parent().map_or(Ok(()), std::fs::create_dir_all).and_then(|()| std::fs::write(&path, bytes));
        written.map_err(|source| Error::VectorFile { path, source })?;
        let blake3 = blake3::hash(bytes).to_hex().to_string();
        self.files.insert(file.into(), File { bytes: bytes.len(), blake3 });
        Ok(())
    }

    /// Writes a matrix.
    ///
    /// # Errors
    ///
    /// See [`Self::bytes`].
    pub fn matrix<T: Element>(&mut self, file: &str, matrix: &RowMajorMatrix<T>) -> Result<(), Error> {
        self.bytes(file, &encode(matrix))
    }

    /// Writes a matrix of one row.
    ///
    /// # Errors
    ///
    /// See [`Self::bytes`].
    pub fn row<T: Element>(&mut self, file: &str, values: &[T]) -> Result<(), Error> {
        self.matrix(file, &RowMajorMatrix::new(values.to_vec(), values.len().max(1)))
    }

    /// Writes a matrix of one column.
    ///
    /// # Errors
    ///
    /// See [`Self::bytes`].
    pub fn column<T: Element>(&mut self, file: &str, values: &[T]) -> Result<(), Error> {
        self.matrix(file, &RowMajorMatrix::new_col(values.to_vec()))
    }

    /// Writes rows of equal length.
    ///
    /// # Errors
    ///
    /// See [`Self::bytes`].
    pub fn rows<'a, T: Element + 'a>(
        &mut self,
        file: &str,
        rows: impl IntoIterator<Item = &'a Vec<T>>,
    ) -> Result<(), Error> {
        let rows: Vec<&Vec<T>> = rows.into_iter().collect();
        let width = rows.first().map_or(1, |row| row.len().max(1));
        self.matrix(file, &RowMajorMatrix::new(rows.into_iter().flatten().cloned().collect(), width))
    }
}

/// A dump that is there.
#[derive(Debug)]
pub struct Folder {
    root: PathBuf,
    /// Its manifest.
    pub manifest: Manifest,
    /// Rows and columns of its files.
    dimensions: HashMap<String, (usize, usize)>,
}

impl Folder {
    /// Opens a folder.
    ///
    /// # Errors
    ///
    /// If it holds no manifest, or one of another version or configuration, or one that contradicts itself.
    pub fn open(root: &Path) -> Result<Self, Error> {
        let bytes = read(root, Manifest::FILE)?;
        let bad = |reason: String| Error::Vectors { file: Manifest::FILE.into(), reason };
        let manifest: Manifest = serde_json::from_slice(&bytes).map_err(|error| bad(error.to_string()))?;
        manifest.check().map_err(|reason| bad(reason.into()))?;
        let dimensions = manifest.dimensions();
        Ok(Self { root: root.into(), manifest, dimensions })
    }

    /// A file's bytes.
    ///
    /// # Errors
    ///
    /// If it cannot be read.
    pub fn bytes(&self, file: &str) -> Result<Vec<u8>, Error> {
        read(&self.root, file)
    }

    /// A file's matrix.
    ///
    /// # Errors
    ///
    /// If there is none.
    pub fn read<T: Element>(&self, file: &str) -> Result<RowMajorMatrix<T>, Error> {
        let bad = |reason| Error::Vectors { file: file.into(), reason };
        let matrix = decode(&self.bytes(file)?).map_err(|reason| bad(reason.into()))?;
        let (found, expected) = (dimensions(&matrix), self.dimensions.get(file));
        match expected.filter(|expected| **expected != found) {
            None => Ok(matrix),
            Some(expected) => Err(bad(format!("it has (rows, columns) {found:?}, expected {expected:?}"))),
        }
    }

    /// The only row of a file.
    ///
    /// # Errors
    ///
    /// See [`Self::read`].
    pub fn row<T: Element>(&self, file: &str) -> Result<Vec<T>, Error> {
        Ok(self.read(file)?.values)
    }

    /// The first element of a file.
    ///
    /// # Errors
    ///
    /// See [`Self::read`]; if it is empty.
    pub fn one<T: Element>(&self, file: &str) -> Result<T, Error> {
        let first = self.row(file)?.into_iter().next();
        first.ok_or_else(|| Error::Vectors { file: file.into(), reason: "it is empty".into() })
    }

    /// Compares a file with what was recomputed, and counts the elements.
    ///
    /// # Errors
    ///
    /// If an element differs: which.
    pub fn check<T: Element>(&self, file: &str, expected: &RowMajorMatrix<T>) -> Result<usize, Error> {
        let found = self.read::<T>(file)?;
        if dimensions(&found) != dimensions(expected) {
            let reason = format!(
                "it has (rows, columns) {:?}, expected {:?}",
                dimensions(&found),
                dimensions(expected)
            );
            return Err(Error::Vectors { file: file.into(), reason });
        }
        match found.values.iter().zip(&expected.values).position(|(a, b)| a != b) {
            None => Ok(found.values.len()),
            Some(place) => Err(Error::VectorMismatch {
                file: file.into(),
                row: place / expected.width(),
                column: place % expected.width(),
                found: found.values[place].show(),
                expected: expected.values[place].show(),
            }),
        }
    }

    /// Compares a file of one row.
    ///
    /// # Errors
    ///
    /// See [`Self::check`].
    pub fn check_row<T: Element>(&self, file: &str, expected: &[T]) -> Result<usize, Error> {
        self.check(file, &RowMajorMatrix::new(expected.to_vec(), expected.len().max(1)))
    }

    /// Compares a file of one column.
    ///
    /// # Errors
    ///
    /// See [`Self::check`].
    pub fn check_column<T: Element>(&self, file: &str, expected: &[T]) -> Result<usize, Error> {
        self.check(file, &RowMajorMatrix::new_col(expected.to_vec()))
    }
}

fn dimensions<T: Element>(matrix: &RowMajorMatrix<T>) -> (usize, usize) {
    (matrix.height(), matrix.width())
}

fn read(root: &Path, file: &str) -> Result<Vec<u8>, Error> {
    let path = root.join(file);
    std::fs::read(&path).map_err(|source| Error::VectorFile { path, source })
}
