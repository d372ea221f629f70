//! DIV, DIVU, REM and REMU: a row an instruction.
//!
//! A word stands for itself less 2^32 if its sign `n` is one: a, b, q, r for the dividend, divisor, quotient and remainder. The row
//! says `q b + r = a` over the integers, with the product from the operands' bytes ([`product`]):
//!
//! - `s_0 + r_0 = a_0 + 2^16 k_0`, with `k_0` in \[0, 510\];
//! - `k_0 + s_1 + r_1 = a_1 + 2^16 k_1`, with `k_1` in \[-383, 1020\];
//! - `k_1 + s_2 - n_r + n_a + 2^16 s_3 = 0`, with `s_3 = top + n_q n_b` and `top` in \[-128, 127\].
//!
//! `k_0` is looked up as 9 bits, `k_1 + 512` as 11 and `top + 128` as a byte, so no side exceeds 2^27 and each equation holds for
//! integers. `top` has room in every right row. Signed, `q b` is at most 2^31 in absolute value, so the top bytes of q and b multiply to
//! -128 to 0 if one is negative, to 1 to 128 if both are, and to 0 if none is; unsigned, it is below 2^32 and they multiply to 0.
//!
//! Each cell is determined:
//!
//! - `n_a` and `n_b` are the top bits where the operation is signed, by lookups, and else zero.
//! - `n_r` is 0 or `n_a`, and `n_a` unless the remainder is zero. It is not one for zero, or r would be -2^32, not below b.
//! - `z` is a bit. If it is one, the divisor is zero, the quotient is all ones and `n_q` is zero; the equation then says r = a.
//! - `|b| - 1 - |r| + 2^32 z = d_0 + 2^16 d_1` with halves `d_0`, `d_1`. If the divisor is zero, `z` must be one, or the left side would
//!   be negative. Otherwise `z` is zero and the remainder is smaller than the divisor, so that quotient and remainder are those of
//!   division towards zero, and `n_q` is the quotient's sign: an integer is a word less 0 or 2^32 in one way.
//!
//! `-2^31 / -1` needs no case of its own: the quotient is 2^31, as a word without sign, which nothing ties to the word's top bit.

use p3_air::{AirBuilder, WindowAccess};
use p3_field::{Algebra, Field, PrimeCharacteristicRing, PrimeField32};

use super::bus::{self, range, Builder};
use super::columns::columns;
use super::frame::{self, Cycle, Fetch, Read, Write};
use super::{product, Chip, OpcodeChip};
use crate::isa::Op;
use crate::record::Step;
use crate::F;

columns! {
    /// A row of DIV, DIVU, REM and REMU.
    pub struct DivideRow {
        cycle: Cycle<T>,
        /// The row is DIV, DIVU, REM, or REMU.
        flags: [T; 4],
        rd: T,
        rs1: T,
        rs2: T,
        a: Read<T>,
        b: Read<T>,
        write: Write<T>,
        /// What is written: the quotient or the remainder.
        result: [T; 2],
        /// Bytes of the quotient.
        quotient: [T; 4],
        /// Halves of the remainder.
        remainder: [T; 2],
        /// Low bytes of the halves of b.
        b_low: [T; 2],
        /// `n_a`: the dividend is negative.
        a_negative: T,
        /// `n_b`: the divisor is negative.
        b_negative: T,
        /// `n_q`: the quotient is negative.
        quotient_negative: T,
        /// `n_r`: the remainder is negative.
        remainder_negative: T,
        /// `z`: the divisor is zero.
        zero: T,
        /// `k_0` and `k_1`.
        carry: [T; 2],
        /// `s_3` less `n_q n_b`.
        top: T,
        /// `d_0` and `d_1`: by how much the remainder is smaller than the largest one.
        gap: [T; 2],
        /// Carry from `d_0` to `d_1`: -1, 0 or 1.
        gap_carry: T,
    }
}

/// The table of DIV, DIVU, REM and REMU.
#[derive(Clone, Copy, Debug)]
pub struct Divide;

/// The halves of `|b| - 1 - |r| + 2^32 z`, before carrying. `|b| - 1` is `b - 1` or, for a negative b, the complement of its word;
/// `-|r|` is the word of r, less 2^32 if it is negative and negated if not.
fn gap<E: Algebra<F>>(b: [E; 2], b_negative: &E, r: [E; 2], r_negative: &E, zero: E, real: E) -> [E; 2] {
    let base = F::from_u32(1 << 16);
    let half = |b: E, r: E| {
        let complement = b_negative.clone() * (E::from(base - F::ONE) - b.double());
        b + complement + r.clone() * (r_negative.double() - E::ONE)
    };
    let [b0, b1] = b;
    let [r0, r1] = r;
    let low = half(b0, r0) - real + b_negative.clone();
    let high = half(b1, r1) + (zero - r_negative.clone()) * base;
    [low, high]
}

impl Chip for Divide {
    fn width(&self) -> usize {
        DivideRow::<F>::WIDTH
    }

    fn names(&self) -> Vec<String> {
        DivideRow::<F>::names("")
    }

    fn eval<B: Builder>(&self, b: &mut B) {
        let row = DivideRow::from_cells(b.main().current_slice());
        let real = frame::one_of(b, &row.flags);
        let [div, divu, rem, remu] = row.flags;
        let signed: B::Expr = div + rem;
        let base = F::from_u32(1 << 16);

        let b_bytes = product::bytes(row.b.value.map(Into::into), row.b_low.map(Into::into));
        let quotient = row.quotient.map(Into::<B::Expr>::into);
        let [b0, b1, b2, b3] = b_bytes.clone();
        let [q0, q1, q2, q3] = quotient.clone();
        bus::bytes(b, b0, b1, real.clone());
        bus::bytes(b, b2, row.top + F::from_u32(128), real.clone());
        bus::bytes(b, q0.clone(), q1.clone(), real.clone());
        bus::bytes(b, q2.clone(), q3.clone(), real.clone());
        product::sign(b, b3, signed.clone(), row.b_negative.into(), real.clone());
        // `n_a` is 0 or 1 and not more than `signed`. The dividend's high half less its sign has 15 bits where it is signed; elsewhere the
        // lookup says what is known, that it is a half.
        b.assert_zero(row.a_negative * (signed.clone() - row.a_negative));
        let kind = real.clone() * F::from_u32(range::HALF)
            + signed.clone() * (F::from_u32(range::BITS) - F::from_u32(range::HALF));
        let positive = row.a.value[1] - row.a_negative * F::from_u32(1 << 15);
        let fields = [kind, positive, signed * F::from_u32(15), B::Expr::ZERO];
        bus::send(b, bus::RANGE, fields, real.clone());

        let [n_a, n_b, n_q, n_r] =
            [row.a_negative, row.b_negative, row.quotient_negative, row.remainder_negative];
        let x = product::signed(quotient, n_q.into());
        let y = product::signed(b_bytes, n_b.into());
        let [s0, s1, s2, s3] = product::sums::<B::Expr>(&x, &y);
        let [k0, k1] = row.carry;
        let [r0, r1] = row.remainder;
        let top = row.top + n_q * n_b;
        b.assert_eq(s0 + r0, row.a.value[0] + k0 * base);
        b.assert_eq(s1 + r1 + k0, row.a.value[1] + k1 * base);
        b.assert_zero(s2 + k1 - n_r + n_a + top.clone() * base);
        b.assert_eq(s3, top);
        bus::bits(b, k0.into(), bus::constant::<B>(9), real.clone());
        bus::bits(b, k1 + F::from_u32(512), bus::constant::<B>(11), real.clone());
        b.assert_bool(n_q);

        b.assert_zero(n_r * (n_a - n_r));
        b.assert_zero((n_a - n_r) * (r0 + r1));
        b.assert_bool(row.zero);
        // A sum of integers that are not negative: the divisor, what the quotient's halves lack of all ones, and its sign.
        let halves = [q0 + q1 * F::from_u32(256), q2 + q3 * F::from_u32(256)];
        let lacking = bus::constant::<B>(2 * 0xffff) - halves[0].clone() - halves[1].clone();
        b.when(row.zero).assert_zero(row.b.value[0] + row.b.value[1] + lacking + n_q);
        let [low, high] = gap::<B::Expr>(
            row.b.value.map(Into::into),
            &n_b.into(),
            row.remainder.map(Into::into),
            &n_r.into(),
            row.zero.into(),
            real.clone(),
        );
        let carry = row.gap_carry;
        b.assert_eq(low, row.gap[0] + carry * base);
        b.assert_eq(high + carry, row.gap[1]);
        b.assert_zero(carry * (carry * carry - F::ONE));

        let divides = div + divu;
        for (i, half) in halves.into_iter().enumerate() {
            let remainder = row.remainder[i];
            b.assert_eq(row.result[i], remainder + divides.clone() * (half - remainder));
        }
        for half in row.remainder.into_iter().chain(row.gap) {
            bus::half(b, half.into(), real.clone());
        }

        let op = frame::operation::<B>(&[(div, Op::Div), (divu, Op::Divu), (rem, Op::Rem), (remu, Op::Remu)]);
        let fetch = Fetch { rd: row.rd.into(), rs1: row.rs1.into(), rs2: row.rs2.into(), ..Fetch::op(op) };
        frame::cycle(b, &row.cycle, frame::following::<B>(&row.cycle), fetch, real.clone());
        let tick = |offset| frame::tick::<B>(&row.cycle, offset);
        frame::read(b, frame::register::<B>(row.rs1), tick(0), &row.a, real.clone());
        frame::read(b, frame::register::<B>(row.rs2), tick(1), &row.b, real.clone());
        let result = row.result.map(Into::into);
        frame::write(b, frame::register::<B>(row.rd), tick(2), &row.write, result, real.clone());
        bus::highs(b, [row.a.high, row.b.high, row.write.high].map(Into::into), real);
    }
}

impl OpcodeChip for Divide {
    fn fill(&self, step: &Step, cells: &mut [F]) {
        let [a, b, rd] = &step.access;
        let op = step.instruction.op;
        let signed = matches!(op, Op::Div | Op::Rem);
        let negative = |word: u32| signed && word >> 31 == 1;
        let (n_a, n_b) = (negative(a.old), negative(b.old));
        let magnitude = |word: u32, negative| if negative { word.wrapping_neg() } else { word };
        let word = magnitude;
        let (x, y) = (magnitude(a.old, n_a), magnitude(b.old, n_b));
        let n_q = n_a != n_b && x.checked_div(y).is_some_and(|q| q != 0);
        let quotient = x.checked_div(y).map_or(u32::MAX, |q| word(q, n_q));
        let remainder = x.checked_rem(y).map_or(a.old, |r| word(r, n_a));
        // What is written is the step's, so that a wrong result is a row that the constraints refuse.
        let (quotient, remainder) =
            if matches!(op, Op::Div | Op::Divu) { (rd.new, remainder) } else { (quotient, rd.new) };
        let n_r = n_a && remainder != 0;
        DivideRow::of(step, quotient, remainder, [n_a, n_b, n_q, n_r], b.old == 0).to_cells(cells);
    }
}

impl DivideRow<F> {
    /// Of a step, with the quotient and the remainder, the signs `n_a`, `n_b`, `n_q`, `n_r`, and `z`.
    fn of(step: &Step, quotient: u32, remainder: u32, signs: [bool; 4], zero: bool) -> Self {
        let [a, b, rd] = &step.access;
        let [n_a, n_b, n_q, n_r] = signs.map(F::from_bool);
        let mut row = Self {
            cycle: Cycle::of(step),
            flags: [Op::Div, Op::Divu, Op::Rem, Op::Remu]
                .map(|flag| F::from_bool(flag == step.instruction.op)),
            rd: F::from_u8(step.instruction.rd),
            rs1: F::from_u8(step.instruction.rs1),
            rs2: F::from_u8(step.instruction.rs2),
            a: Read::of(a),
            b: Read::of(b),
            write: Write::of(rd),
            result: frame::halves(rd.new),
            quotient: quotient.to_le_bytes().map(F::from_u8),
            remainder: frame::halves(remainder),
            b_low: product::low_bytes(b.old),
            a_negative: n_a,
            b_negative: n_b,
            quotient_negative: n_q,
            remainder_negative: n_r,
            zero: F::from_bool(zero),
            carry: [F::ZERO; 2],
            top: F::ZERO,
            gap: [F::ZERO; 2],
            gap_carry: F::ZERO,
        };
        row.solve();
        row
    }

    /// `s_0` to `s_3`.
    fn sums(&self) -> [F; 4] {
        let x = product::signed(self.quotient, self.quotient_negative);
        let y = product::signed(product::bytes(self.b.value, self.b_low), self.b_negative);
        product::sums(&x, &y)
    }

    /// The two parts of the gap, before carrying.
    fn gaps(&self) -> [F; 2] {
        let (b, r) = (self.b.value, self.remainder);
        gap(b, &self.b_negative, r, &self.remainder_negative, self.zero, F::ONE)
    }

    /// Fills `carry`, `top`, `gap` and `gap_carry` with what the equations make of the other cells. If those are wrong, they are no
    /// small integers.
    fn solve(&mut self) {
        let base = F::from_u32(1 << 16);
        let [s0, s1, _, s3] = self.sums();
        let ([r0, r1], [a0, a1]) = (self.remainder, self.a.value);
        self.carry[0] = (s0 + r0 - a0) * base.inverse();
        self.carry[1] = (s1 + r1 + self.carry[0] - a1) * base.inverse();
        self.top = s3 - self.quotient_negative * self.b_negative;
        let [low, high] = self.gaps();
        let is_half = |value: F| value.as_canonical_u32() < 1 << 16;
        // The low part is between -2^16 and 2^17.
        self.gap_carry = if is_half(low + base) { F::NEG_ONE } else { F::from_bool(!is_half(low)) };
        self.gap = [low - self.gap_carry * base, high + self.gap_carry];
    }
}

#[cfg(test)]
mod tests;
