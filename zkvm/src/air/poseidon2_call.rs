//! Poseidon2 on memory: a row a call.
//!
//! Sixteen words are rewritten in place at the call's first tick; the permutation itself is a lookup on [`bus::PERMUTE`]. A
//! word stands for the element `low + 2^16 high` and must be below p = 0x7f00_0001, what is read as well as what is
//! written: the high half is at most 0x7f00, and where it is 0x7f00, the low half is zero.

use p3_air::WindowAccess;
use p3_field::{Field, PrimeCharacteristicRing};
use p3_matrix::dense::RowMajorMatrix;

use super::bus::{self, Builder};
use super::columns::columns;
use super::frame::{self, Write};
use super::{trace, Chip};
use crate::isa::service;
use crate::record::Segment;
use crate::F;

/// The high half of p - 1, whose low half is zero.
const HIGHEST: u32 = 0x7f00;

columns! {
    /// An element and why it is below p.
    pub struct Element {
        /// Low and high half of what is written.
        new: [T; 2],
        /// Low half divided by (high half - 0x7f00), of what is read and of what is written; where that divisor is zero, there is
        /// such a quotient only if the low half is zero.
        quotient: [T; 2],
    }
}

columns! {
    /// A call.
    pub struct Poseidon2CallRow {
        real: T,
        time: T,
        /// Address of the first word.
        pointer: T,
        words: [Write<T>; 16],
        elements: [Element<T>; 16],
    }
}

/// The table of the calls of Poseidon2.
#[derive(Clone, Copy, Debug)]
pub struct Poseidon2Call;

impl Poseidon2Call {
    /// Rows a call.
    pub const ROWS: usize = 1;
}

impl Chip for Poseidon2Call {
    fn width(&self) -> usize {
        Poseidon2CallRow::<F>::WIDTH
    }

    fn names(&self) -> Vec<String> {
        Poseidon2CallRow::<F>::names("")
    }

    fn eval<B: Builder>(&self, b: &mut B) {
        let row = Poseidon2CallRow::from_cells(b.main().current_slice());
        b.assert_bool(row.real);
        let real: B::Expr = row.real.into();
        let fields =
            [bus::constant::<B>(service::POSEIDON2), row.time.into(), row.pointer.into(), B::Expr::ZERO];
        bus::receive(b, bus::CALL, fields, real.clone());

        for (i, (word, element)) in (0..).zip(row.words.iter().zip(&row.elements)) {
            let address = row.pointer + F::from_u32(i);
            frame::write(b, address, row.time.into(), word, element.new.map(Into::into), real.clone());
            // The halves of what is read are below 2^16 already.
            bus::half(b, element.new[0].into(), real.clone());
            bus::half(b, element.new[1].into(), real.clone());
            for ([low, high], quotient) in [word.old, element.new].into_iter().zip(element.quotient) {
                let below = -(high - F::from_u32(HIGHEST));
                bus::half(b, below.clone(), real.clone());
                b.assert_zero(low + below * quotient);
            }
        }
        for three in row.words.chunks(3) {
            let high = |i: usize| three.get(i).map_or(B::Expr::ZERO, |word| word.high.into());
            bus::highs(b, [high(0), high(1), high(2)], real.clone());
        }
        let element = |[low, high]: [B::Var; 2]| high * F::from_u32(1 << 16) + low;
        let read = row.words.iter().map(|word| element(word.old));
        let written = row.elements.iter().map(|part| element(part.new));
        bus::send(b, bus::PERMUTE, read.chain(written).collect::<Vec<_>>(), real);
    }

    fn trace(&self, segment: &Segment) -> Option<RowMajorMatrix<F>> {
        let calls: Vec<_> = segment.calls.iter().filter(|call| call.service == service::POSEIDON2).collect();
        trace::padded(calls.len(), self.width(), |i, cells| {
            let call = calls[i];
            let row = Poseidon2CallRow {
                real: F::ONE,
                time: F::from_u32(call.time),
                pointer: F::from_u32(call.first),
                words: core::array::from_fn(|i| Write::of(&call.access[i])),
                elements: core::array::from_fn(|i| Element {
                    new: frame::halves(call.access[i].new),
                    quotient: [call.access[i].old, call.access[i].new].map(quotient),
                }),
            };
            row.to_cells(cells);
        })
    }
}

/// Low half of `word` divided by (high half - 0x7f00); zero where that is zero.
fn quotient(word: u32) -> F {
    let [low, high] = frame::halves(word);
    low * (high - F::from_u32(HIGHEST)).try_inverse().unwrap_or(F::ZERO)
}
