//! MUL, MULH, MULHSU and MULHU: a row an instruction.
//!
//! The 64-bit product in two's complement is four halves: `p_0 + 2^16 p_1 + 2^32 p_2 + 2^48 p_3`. With the sums `s_i` of the
//! operands' bytes ([`product`]), signed where the operation says so:
//!
//! - `s_0 = p_0 + 2^16 k_0`, with `s_0` in \[0, 33357825\], so `k_0` in \[0, 509\];
//! - `k_0 + s_1 = p_1 + 2^16 k_1`, with `s_1` in \[-16711680, 66780675\], so `k_1` in \[-255, 1019\];
//! - `k_1 + s_2 = p_2 + 2^16 k_2`, with `s_2` in \[-16776960, 33487875\], so `k_2` in \[-256, 510\];
//! - `k_2 + s_3 = p_3 - 2^16 n`, with `s_3` in \[-32640, 65025\] and `n` the product's sign.
//!
//! The `p_i` are looked up as halves, `k_0` as 9 bits, `k_1 + 256` as 11, `k_2 + 256` as 10, and `n` is a bit. No side of an equation then
//! exceeds 2^27, so each holds for integers, and determines its half and its carry as remainder and quotient by 2^16.

use p3_air::WindowAccess;
use p3_field::{Field, PrimeCharacteristicRing};

use super::bus::{self, Builder};
use super::columns::columns;
use super::frame::{self, Cycle, Fetch, Read, Write};
use super::{product, Chip, OpcodeChip};
use crate::isa::Op;
use crate::record::Step;
use crate::F;

columns! {
    /// A row of MUL, MULH, MULHSU and MULHU.
    pub struct MultiplyRow {
        cycle: Cycle<T>,
        /// The row is MUL, MULH, MULHSU, or MULHU.
        flags: [T; 4],
        rd: T,
        rs1: T,
        rs2: T,
        a: Read<T>,
        b: Read<T>,
        write: Write<T>,
        /// The half of the product that is written.
        result: [T; 2],
        /// The other half: the high one for MUL.
        other: [T; 2],
        /// Low bytes of the halves of a.
        a_low: [T; 2],
        /// Low bytes of the halves of b.
        b_low: [T; 2],
        /// a is signed and negative.
        a_negative: T,
        /// b is signed and negative.
        b_negative: T,
        /// `k_0`, `k_1`, `k_2`.
        carry: [T; 3],
        /// The product is negative.
        negative: T,
    }
}

/// What is added to a carry before its lookup, and the bits it then has.
const CARRIES: [(u32, u32); 3] = [(0, 9), (256, 11), (256, 10)];

/// The table of MUL, MULH, MULHSU and MULHU.
#[derive(Clone, Copy, Debug)]
pub struct Multiply;

impl Chip for Multiply {
    fn width(&self) -> usize {
        MultiplyRow::<F>::WIDTH
    }

    fn names(&self) -> Vec<String> {
        MultiplyRow::<F>::names("")
    }

    fn eval<B: Builder>(&self, b: &mut B) {
        let row = MultiplyRow::from_cells(b.main().current_slice());
        let real = frame::one_of(b, &row.flags);
        let [mul, mulh, mulhsu, mulhu] = row.flags;

        let a_bytes = product::bytes(row.a.value.map(Into::into), row.a_low.map(Into::into));
        let b_bytes = product::bytes(row.b.value.map(Into::into), row.b_low.map(Into::into));
        let [a0, a1, a2, a3] = a_bytes.clone();
        let [b0, b1, b2, b3] = b_bytes.clone();
        bus::bytes(b, a0, a1, real.clone());
        bus::bytes(b, b0, b1, real.clone());
        bus::bytes(b, a2, b2, real.clone());
        product::sign(b, a3, mulh + mulhsu, row.a_negative.into(), real.clone());
        product::sign(b, b3, mulh.into(), row.b_negative.into(), real.clone());

        let x = product::signed(a_bytes, row.a_negative.into());
        let y = product::signed(b_bytes, row.b_negative.into());
        let [s0, s1, s2, s3] = product::sums::<B::Expr>(&x, &y);
        let [k0, k1, k2] = row.carry;
        // MUL writes p_0 and p_1, the others p_2 and p_3.
        let choose = |[yes, no]: [B::Var; 2]| no + mul * (yes - no);
        let [p0, p1] = [0, 1].map(|i| choose([row.result[i], row.other[i]]));
        let [p2, p3] = [0, 1].map(|i| choose([row.other[i], row.result[i]]));
        let base = F::from_u32(1 << 16);
        b.assert_eq(s0, p0 + k0 * base);
        b.assert_eq(s1 + k0, p1 + k1 * base);
        b.assert_eq(s2 + k1, p2 + k2 * base);
        b.assert_eq(s3 + k2, p3 - row.negative * base);
        b.assert_bool(row.negative);
        for half in row.result.into_iter().chain(row.other) {
            bus::half(b, half.into(), real.clone());
        }
        for (carry, (offset, bits)) in row.carry.into_iter().zip(CARRIES) {
            bus::bits(b, carry + F::from_u32(offset), bus::constant::<B>(bits), real.clone());
        }

        let op = frame::operation::<B>(&[
            (mul, Op::Mul),
            (mulh, Op::Mulh),
            (mulhsu, Op::Mulhsu),
            (mulhu, Op::Mulhu),
        ]);
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

impl OpcodeChip for Multiply {
    fn fill(&self, step: &Step, cells: &mut [F]) {
        let [a, b, _] = &step.access;
        let op = step.instruction.op;
        let extend = |word: u32, signed| if signed { i64::from(word as i32) } else { i64::from(word) };
        let x = extend(a.old, matches!(op, Op::Mulh | Op::Mulhsu));
        let y = extend(b.old, op == Op::Mulh);
        // A product of unsigned words may fill all 64 bits, so its sign is not its top bit.
        let bits = x.wrapping_mul(y) as u64;
        let [low, high] = [bits as u32, (bits >> 32) as u32];
        let other = if op == Op::Mul { high } else { low };
        let negative = (x < 0 && y > 0) || (x > 0 && y < 0);
        MultiplyRow::of(step, other, [x < 0, y < 0], negative).to_cells(cells);
    }
}

impl MultiplyRow<F> {
    /// Of a step, with the half of the product that is not written, and the signs of the operands and of the product.
    fn of(step: &Step, other: u32, [a_negative, b_negative]: [bool; 2], negative: bool) -> Self {
        let [a, b, rd] = &step.access;
        let op = step.instruction.op;
        let [result, other] = [frame::halves(rd.new), frame::halves(other)];
        let [a_low, b_low] = [product::low_bytes(a.old), product::low_bytes(b.old)];
        let [a_negative, b_negative] = [F::from_bool(a_negative), F::from_bool(b_negative)];
        let mut row = Self {
            cycle: Cycle::of(step),
            flags: [Op::Mul, Op::Mulh, Op::Mulhsu, Op::Mulhu].map(|flag| F::from_bool(flag == op)),
            rd: F::from_u8(step.instruction.rd),
            rs1: F::from_u8(step.instruction.rs1),
            rs2: F::from_u8(step.instruction.rs2),
            a: Read::of(a),
            b: Read::of(b),
            write: Write::of(rd),
            result,
            other,
            a_low,
            b_low,
            a_negative,
            b_negative,
            carry: [F::ZERO; 3],
            negative: F::from_bool(negative),
        };
        row.solve();
        row
    }

    /// The halves of the product, `p_0` to `p_3`.
    fn product(&self) -> [F; 4] {
        let ([p0, p1], [p2, p3]) =
            if self.flags[0] == F::ONE { (self.result, self.other) } else { (self.other, self.result) };
        [p0, p1, p2, p3]
    }

    /// `s_0` to `s_3`.
    fn sums(&self) -> [F; 4] {
        let x = product::signed(product::bytes(self.a.value, self.a_low), self.a_negative);
        let y = product::signed(product::bytes(self.b.value, self.b_low), self.b_negative);
        product::sums(&x, &y)
    }

    /// Fills the carries with what the equations make of the product. If the product is wrong, they are no small integers.
    fn solve(&mut self) {
        let scale = F::from_u32(1 << 16).inverse();
        let (halves, sums) = (self.product(), self.sums());
        let mut carry_in = F::ZERO;
        for ((carry, sum), half) in self.carry.iter_mut().zip(sums).zip(halves) {
            *carry = (carry_in + sum - half) * scale;
            carry_in = *carry;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::air::check::Bench;
    use crate::air::{check, Kind};
    use crate::record::testing::{corners, register_step};
    use rand::{Rng, SeedableRng};

    const OPS: [Op; 4] = [Op::Mul, Op::Mulh, Op::Mulhsu, Op::Mulhu];

    /// The instruction set's words, in 128-bit arithmetic.
    fn oracle(op: Op, a: u32, b: u32) -> u32 {
        let (signed_a, signed_b) = (i128::from(a as i32), i128::from(b as i32));
        let (unsigned_a, unsigned_b) = (i128::from(a), i128::from(b));
        let product = match op {
            Op::Mulh => signed_a * signed_b,
            Op::Mulhsu => signed_a * unsigned_b,
            _ => unsigned_a * unsigned_b,
        };
        (if op == Op::Mul { product } else { product.div_euclid(1 << 32) }).rem_euclid(1 << 32) as u32
    }

    fn right(pairs: &[(u32, u32)]) -> Vec<Step> {
        let each = |op| pairs.iter().map(move |&(a, b)| register_step(op, a, b, oracle(op, a, b)));
        OPS.into_iter().flat_map(each).collect()
    }

    /// Pairs whose bytes make the carries large.
    fn pairs() -> Vec<(u32, u32)> {
        let mut pairs = corners();
        for a in [0xff00_ff00, 0x00ff_00ff, 0x7fff_ff7f, 0x80ff_ffff, 0xff00_0000, 0x0100_0000] {
            for b in [0xff00_ff00, 0x00ff_00ff, 0x7fff_ff7f, 0x80ff_ffff, 0xff00_0000, 0xffff_ffff] {
                pairs.extend([(a, b), (b, a)]);
            }
        }
        pairs
    }

    #[test]
    fn products_at_the_corners() {
        assert_eq!(check::steps(Kind::Multiply, &right(&pairs())), Vec::<String>::new());
    }

    #[test]
    fn products_of_random_words() {
        let seed = rand::random();
        println!("seed {seed}");
        let mut random = rand_chacha::ChaCha8Rng::seed_from_u64(seed);
        let pairs: Vec<(u32, u32)> = (0..500).map(|_| random.gen()).collect();
        assert_eq!(check::steps(Kind::Multiply, &right(&pairs)), Vec::<String>::new());
    }

    /// What an attacker may try for a result: the signs both ways.
    fn signs() -> impl Iterator<Item = ([bool; 2], bool)> {
        (0..8).map(|i| ([i & 1 == 1, i & 2 == 2], i & 4 == 4))
    }

    #[test]
    fn wrong_products_are_refused() {
        // All cells that an equation determines are solved for in the field, so that the lookups alone are left to refuse.
        let bench = Bench::new(Kind::Multiply);
        let base = F::from_u32(1 << 16);
        for step in right(&pairs()) {
            let [a, b, rd] = step.access;
            let product = u64::from(a.old).wrapping_mul(u64::from(b.old));
            for delta in [1, u32::MAX, 1 << 16, 1 << 31, a.old, b.old, a.old.wrapping_neg()] {
                if delta == 0 {
                    continue;
                }
                let mut wrong = step;
                wrong.access[2].new = rd.new.wrapping_add(delta);
                for (operands, negative) in signs() {
                    let mul = step.instruction.op == Op::Mul;
                    let other = if mul { (product >> 32) as u32 } else { product as u32 };
                    let mut row = MultiplyRow::of(&wrong, other, operands, negative);
                    let [s0, s1, s2, s3] = row.sums();
                    let mut cells = F::zero_vec(MultiplyRow::<F>::WIDTH);
                    row.to_cells(&mut cells);
                    assert!(!bench.holds(&cells), "{row:?}");
                    if mul {
                        row.other[1] = row.carry[2] + s3 + row.negative * base;
                    } else {
                        row.carry[2] = row.result[1] - row.negative * base - s3;
                        row.carry[1] = row.result[0] + row.carry[2] * base - s2;
                        row.carry[0] = row.other[1] + row.carry[1] * base - s1;
                        row.other[0] = s0 - row.carry[0] * base;
                    }
                    row.to_cells(&mut cells);
                    let (broken, missing) = bench.faults(&cells);
                    assert!(broken == 0 && missing != 0, "{row:?}");
                }
            }
        }
    }

    #[test]
    fn a_half_or_a_sign_out_of_range_is_refused() {
        // The product stays what it is, or the sign makes up for its change: one lookup or constraint is left to refuse.
        let bench = Bench::new(Kind::Multiply);
        let mut cells = F::zero_vec(MultiplyRow::<F>::WIDTH);
        let base = F::from_u32(1 << 16);
        for step in right(&[(0x1234_5678, 0x9abc_def0), (0xfedc_ba98, 0x7fff_1234)]) {
            cells.copy_from_slice(&bench.row(&step));
            assert!(bench.holds(&cells));
            let row = MultiplyRow::from_cells(&cells);
            for i in 0..5 {
                let mut wrong = row;
                let mut product = row.product();
                match i {
                    3 => (product[3], wrong.negative) = (product[3] + base, row.negative + F::ONE),
                    4 => (product[3], wrong.negative) = (product[3] + F::ONE, row.negative + base.inverse()),
                    _ => (product[i], product[i + 1]) = (product[i] + base, product[i + 1] - F::ONE),
                }
                let [p0, p1, p2, p3] = product;
                let mul = step.instruction.op == Op::Mul;
                let (low, high) = ([p0, p1], [p2, p3]);
                (wrong.result, wrong.other) = if mul { (low, high) } else { (high, low) };
                wrong.solve();
                wrong.to_cells(&mut cells);
                let (broken, missing) = bench.faults(&cells);
                let faults = broken + missing;
                assert!(faults == 1 || (i == 3 && faults == 2), "{i}: {faults} {wrong:?}");
            }
        }
    }

    #[test]
    fn every_cell_is_determined() {
        for step in right(&[
            (0, 0),
            (1, 0xffff_ffff),
            (0x8000_0000, 0x8000_0000),
            (0xffff_ffff, 0xffff_ffff),
            (77, 3),
        ]) {
            assert_eq!(check::tampered(Kind::Multiply, &step), Vec::<String>::new(), "{step:?}");
            assert_eq!(check::looks_ahead(Kind::Multiply, &step), Vec::<String>::new(), "{step:?}");
        }
    }

    #[test]
    fn a_product_of_another_operation_is_refused() {
        for (a, b) in [(0xffff_ffff, 0xffff_ffff), (0x8000_0000, 2), (2, 0x8000_0000)] {
            for (op, other) in OPS.into_iter().flat_map(|op| OPS.map(|other| (op, other))) {
                let step = register_step(op, a, b, oracle(other, a, b));
                let good = oracle(op, a, b) == oracle(other, a, b);
                assert_eq!(check::steps(Kind::Multiply, &[step]).is_empty(), good, "{op:?} {other:?}");
            }
        }
    }

    #[test]
    fn a_row_costs_no_more_than_this() {
        let size = check::Size { columns: 35, lookups: 16, extension: 14, degree: 2 };
        assert_eq!(check::size(Kind::Multiply), size);
    }
}
