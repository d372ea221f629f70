//! The files of a dump: matrices of field elements, extension elements, digests or integers, each with a header of 32 bytes.
//!
//! | bytes | what |
//! |---|---|
//! | 8 | `PFRVVECT` |
//! | 2 | version, [`VERSION`] |
//! | 1 | kind: 0 field elements, 1 integers |
//! | 1 | words of an element: 1, 4 (extension, coefficients of 1, X, X², X³), 8 (digest) |
//! | 4 | zeros |
//! | 8 | rows |
//! | 8 | columns |
//! | 4 each | words, row by row |
//!
//! All little-endian. A field element x is written as x · 2^32 mod p, its Montgomery form, as in a proof.

use std::sync::LazyLock;

use p3_field::{BasedVectorSpace, Field, PrimeCharacteristicRing, PrimeField32};
use p3_matrix::dense::RowMajorMatrix;
use p3_matrix::Matrix;

use super::spy::Event;
use crate::config::Challenge;
use crate::{Digest, F};

/// The first bytes of a file.
pub const MAGIC: [u8; 8] = *b"PFRVVECT";
/// The version of the format.
pub const VERSION: u16 = 1;
/// Bytes of the header.
pub const HEADER: usize = 32;

static RADIX: LazyLock<F> = LazyLock::new(|| F::from_u64(1 << 32));
static RADIX_INVERSE: LazyLock<F> = LazyLock::new(|| RADIX.inverse());

/// The Montgomery form.
pub fn to_wire(value: F) -> u32 {
    (value * *RADIX).as_canonical_u32()
}

/// The element of a Montgomery form; `None` if it is not below p.
pub fn from_wire(word: u32) -> Option<F> {
    (word < F::ORDER_U32).then(|| F::from_u32(word) * *RADIX_INVERSE)
}

/// What a file can hold.
pub trait Element: Clone + PartialEq + Send + Sync + std::fmt::Debug {
    /// 0 for field elements, 1 for integers.
    const KIND: u8;
    /// Words of an element.
    const WORDS: u8;
    /// Appends the element.
    fn put(&self, out: &mut Vec<u8>);
    /// The element of these words.
    fn get(words: &[u32]) -> Option<Self>;
    /// For messages: canonical numbers.
    fn show(&self) -> String;
}

impl Element for F {
    const KIND: u8 = 0;
    const WORDS: u8 = 1;

    fn put(&self, out: &mut Vec<u8>) {
        out.extend(to_wire(*self).to_le_bytes());
    }

    fn get(words: &[u32]) -> Option<Self> {
        from_wire(words[0])
    }

    fn show(&self) -> String {
        self.as_canonical_u32().to_string()
    }
}

impl Element for Challenge {
    const KIND: u8 = 0;
    const WORDS: u8 = 4;

    fn put(&self, out: &mut Vec<u8>) {
        self.as_basis_coefficients_slice().iter().for_each(|x: &F| x.put(out));
    }

    fn get(words: &[u32]) -> Option<Self> {
        let coefficients = words.iter().map(|&word| from_wire(word)).collect::<Option<Vec<F>>>()?;
        Self::from_basis_coefficients_iter(coefficients.into_iter())
    }

    fn show(&self) -> String {
        let coefficients: &[F] = self.as_basis_coefficients_slice();
        format!("{:?}", coefficients.iter().map(F::as_canonical_u32).collect::<Vec<_>>())
    }
}

impl Element for Digest {
    const KIND: u8 = 0;
    const WORDS: u8 = 8;

    fn put(&self, out: &mut Vec<u8>) {
        self.iter().for_each(|x| x.put(out));
    }

    fn get(words: &[u32]) -> Option<Self> {
        words.iter().map(|&word| from_wire(word)).collect::<Option<Vec<F>>>()?.try_into().ok()
    }

    fn show(&self) -> String {
        format!("{:?}", self.map(|x| x.as_canonical_u32()))
    }
}

impl Element for u32 {
    const KIND: u8 = 1;
    const WORDS: u8 = 1;

    fn put(&self, out: &mut Vec<u8>) {
        out.extend(self.to_le_bytes());
    }

    fn get(words: &[u32]) -> Option<Self> {
        Some(words[0])
    }

    fn show(&self) -> String {
        self.to_string()
    }
}

/// A transcript's calls as rows of integers: which call, how many bits, the value (of field elements the Montgomery form).
pub fn event_rows(events: &[Event]) -> RowMajorMatrix<u32> {
    let row = |event: &Event| match *event {
        Event::Observe(value) => [0, 0, to_wire(value)],
        Event::Sample(value) => [1, 0, to_wire(value)],
        Event::Bits(bits, value) => [2, bits as u32, value as u32],
        Event::Grind(bits, witness) => [3, bits as u32, to_wire(witness)],
    };
    RowMajorMatrix::new(events.iter().flat_map(row).collect(), 3)
}

/// A file's bytes.
pub fn encode<T: Element>(matrix: &RowMajorMatrix<T>) -> Vec<u8> {
    let mut out = MAGIC.to_vec();
    out.extend(VERSION.to_le_bytes());
    out.extend([T::KIND, T::WORDS, 0, 0, 0, 0]);
    out.extend((matrix.height() as u64).to_le_bytes());
    out.extend((matrix.width() as u64).to_le_bytes());
    out.reserve(matrix.values.len() * usize::from(T::WORDS) * 4);
    matrix.values.iter().for_each(|value| value.put(&mut out));
    out
}

/// The matrix of a file's bytes.
///
/// # Errors
///
/// What is wrong with them.
pub fn decode<T: Element>(bytes: &[u8]) -> Result<RowMajorMatrix<T>, &'static str> {
    let (header, data) = bytes.split_at_checked(HEADER).ok_or("it has no header")?;
    let mut expected = MAGIC.to_vec();
    expected.extend(VERSION.to_le_bytes());
    expected.extend([T::KIND, T::WORDS, 0, 0, 0, 0]);
    if header[..16] != expected {
        return Err("its header is of another format, version or kind of element");
    }
    let number = |bytes: &[u8]| bytes.iter().rev().fold(0usize, |sum, &byte| sum << 8 | usize::from(byte));
    let (rows, columns) = (number(&header[16..24]), number(&header[24..32]));
    let size = usize::from(T::WORDS) * 4;
    let bytes = rows.checked_mul(columns).and_then(|n| n.checked_mul(size));
    if columns == 0 || bytes != Some(data.len()) {
        return Err("its length is not that of the rows and columns in its header");
    }
    let words = |chunk: &[u8]| -> Vec<u32> { chunk.chunks(4).map(|word| number(word) as u32).collect() };
    let values = data.chunks(size).map(|chunk| T::get(&words(chunk)));
    let values = values.collect::<Option<Vec<T>>>().ok_or("a field element is not below p")?;
    Ok(RowMajorMatrix::new(values, columns))
}
