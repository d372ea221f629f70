//! The range table: 2^16 preprocessed rows that serve every kind of entry on [`bus::RANGE`], and how often each is looked up.

use p3_air::WindowAccess;
use p3_field::{Field, PrimeCharacteristicRing, PrimeField32};
use p3_matrix::dense::RowMajorMatrix;

use super::bus::{self, range, Builder};
use super::columns::columns;
use super::Chip;
use crate::F;

columns! {
    /// What is known of row i.
    pub struct RangeRow {
        /// Low byte of i.
        x: T,
        /// High byte of i.
        y: T,
        /// Their AND.
        and: T,
        /// Bits 0 to 4 of i.
        a: T,
        /// Bits 5 to 9 of i.
        b: T,
        /// Where i has its highest bit (0 for i = 0).
        bits: T,
        /// The rest of i below that bit.
        rest: T,
    }
}

columns! {
    /// How often row i was looked up as each kind.
    pub struct RangeCounts {
        half: T,
        highs: T,
        and: T,
        bytes: T,
        bits: T,
    }
}

/// The range table.
#[derive(Clone, Copy, Debug)]
pub struct Range;

impl Range {
    /// Rows.
    pub const HEIGHT: usize = 1 << 16;

    /// The row and the count's column of an entry (kind, a, b, c); `None` where the table has no such entry.
    pub fn place(fields: &[F]) -> Option<(usize, usize)> {
        let mut values = [0; 4];
        for (value, field) in values.iter_mut().zip(fields) {
            *value = field.as_canonical_u32();
        }
        let [kind, a, b, c] = values;
        let below = |limits: [u32; 3]| (a < limits[0] && b < limits[1] && c < limits[2]).then_some(());
        let (row, column) = match kind {
            range::HALF => below([1 << 16, 1, 1]).map(|()| (a, 0))?,
            range::HIGHS => below([32, 32, 64]).map(|()| (a | b << 5 | c << 10, 1))?,
            range::AND => below([256, 256, 256]).filter(|()| c == a & b).map(|()| (a | b << 8, 2))?,
            range::BYTES => below([256, 256, 1]).map(|()| (a | b << 8, 3))?,
            range::BITS if b < 16 => below([1 << b, 16, 1]).map(|()| (a + (1 << b), 4))?,
            _ => return None,
        };
        Some((row as usize, column))
    }
}

impl Chip for Range {
    fn width(&self) -> usize {
        RangeCounts::<F>::WIDTH
    }

    fn names(&self) -> Vec<String> {
        RangeCounts::<F>::names("")
    }

    fn eval<B: Builder>(&self, b: &mut B) {
        let counts = RangeCounts::from_cells(b.main().current_slice());
        let row = RangeRow::from_cells(b.preprocessed().current_slice());
        let kind = bus::constant::<B>;
        let zero = || B::Expr::ZERO;
        let i = row.x + row.y * F::from_u32(256);
        let c = (i.clone() - row.a.into() - row.b * F::from_u32(32)) * F::from_u32(1024).inverse();
        bus::provide(b, bus::RANGE, [kind(range::HALF), i, zero(), zero()], counts.half.into());
        bus::provide(b, bus::RANGE, [kind(range::HIGHS), row.a.into(), row.b.into(), c], counts.highs.into());
        bus::provide(
            b,
            bus::RANGE,
            [kind(range::AND), row.x.into(), row.y.into(), row.and.into()],
            counts.and.into(),
        );
        bus::provide(
            b,
            bus::RANGE,
            [kind(range::BYTES), row.x.into(), row.y.into(), zero()],
            counts.bytes.into(),
        );
        bus::provide(
            b,
            bus::RANGE,
            [kind(range::BITS), row.rest.into(), row.bits.into(), zero()],
            counts.bits.into(),
        );
    }

    fn preprocessed(&self) -> Option<RowMajorMatrix<F>> {
        let mut values = F::zero_vec(Self::HEIGHT * RangeRow::<F>::WIDTH);
        for (i, cells) in (0u32..).zip(values.chunks_mut(RangeRow::<F>::WIDTH)) {
            let bits = i.checked_ilog2().unwrap_or(0);
            let (x, y) = (i & 255, i >> 8);
            let row = RangeRow {
                x,
                y,
                and: x & y,
                a: i & 31,
                b: i >> 5 & 31,
                bits,
                rest: if i == 0 { 0 } else { i - (1 << bits) },
            };
            let RangeRow { x, y, and, a, b, bits, rest } = row;
            for (cell, value) in cells.iter_mut().zip([x, y, and, a, b, bits, rest]) {
                *cell = F::from_u32(value);
            }
        }
        Some(RowMajorMatrix::new(values, RangeRow::<F>::WIDTH))
    }

    fn preprocessed_width(&self) -> usize {
        RangeRow::<F>::WIDTH
    }

    fn preprocessed_names(&self) -> Vec<String> {
        RangeRow::<F>::names("")
    }
}
