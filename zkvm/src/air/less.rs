//! SLT, SLTU, SLTI and SLTIU: a row an instruction.
//!
//! Less is the borrow out of `a - b`: half by half, the difference with the borrow added back must be a half, which leaves the borrow
//! one value. Signed words compare as unsigned ones with 2^31 added; with sign bits sa and sb that makes the high halves `a + 2^15
//! - 2^16 sa` and the same of b, and 2^15 cancels in the difference. No sum here leaves (-2^18, 2^18), so the field does not wrap.

use p3_air::{AirBuilder, WindowAccess};
use p3_field::PrimeCharacteristicRing;

use super::bus::{self, Builder};
use super::columns::columns;
use super::frame::{self, Cycle, Fetch, Read, Write};
use super::{Chip, OpcodeChip};
use crate::isa::Op;
use crate::record::Step;
use crate::F;

columns! {
    /// A row of SLT and SLTU.
    pub struct LessRow {
        cycle: Cycle<T>,
        /// The row is SLT, or SLTU.
        flags: [T; 2],
        rd: T,
        rs1: T,
        rs2: T,
        a: Read<T>,
        b: Read<T>,
        write: Write<T>,
        /// Borrow out of the low halves.
        borrow: T,
        /// Whether a is less: what is written.
        less: T,
        /// Sign bits of a and b in SLT, zero in SLTU.
        sign: [T; 2],
    }
}

columns! {
    /// A row of SLTI and SLTIU.
    pub struct LessImmediateRow {
        cycle: Cycle<T>,
        /// The row is SLTI, or SLTIU.
        flags: [T; 2],
        rd: T,
        rs1: T,
        /// The immediate's low half.
        imm: T,
        /// The immediate's sign bit: all of its high half.
        sign: T,
        a: Read<T>,
        write: Write<T>,
        /// Borrow out of the low and of the high halves as unsigned numbers.
        borrow: [T; 2],
        /// Sign bit of a minus that of the immediate in SLTI, zero in SLTIU.
        signs: T,
    }
}

/// The table of SLT and SLTU.
#[derive(Clone, Copy, Debug)]
pub struct Less;

/// The table of SLTI and SLTIU.
#[derive(Clone, Copy, Debug)]
pub struct LessImmediate;

impl Chip for Less {
    fn width(&self) -> usize {
        LessRow::<F>::WIDTH
    }

    fn names(&self) -> Vec<String> {
        LessRow::<F>::names("")
    }

    fn eval<B: Builder>(&self, b: &mut B) {
        let row = LessRow::from_cells(b.main().current_slice());
        let real = frame::one_of(b, &row.flags);
        let [signed, unsigned] = row.flags;
        let base = F::from_u32(1 << 16);
        b.assert_bool(row.borrow);
        b.assert_bool(row.less);
        for (i, operand) in [&row.a, &row.b].into_iter().enumerate() {
            b.assert_bool(row.sign[i]);
            b.assert_zero(row.sign[i] * (B::Expr::ONE - signed));
            bus::half(b, biased::<B>(operand.value[1], row.sign[i].into()), signed.into());
        }
        let [[a_low, a_high], [b_low, b_high]] = [row.a.value, row.b.value];
        bus::half(b, a_low - b_low + row.borrow * base, real.clone());
        let borrow = row.less + row.sign[1] - row.sign[0];
        bus::half(b, a_high - b_high - row.borrow + borrow * base, real.clone());

        let op = frame::operation::<B>(&[(signed, Op::Slt), (unsigned, Op::Sltu)]);
        let fetch = Fetch { rd: row.rd.into(), rs1: row.rs1.into(), rs2: row.rs2.into(), ..Fetch::op(op) };
        frame::cycle(b, &row.cycle, frame::following::<B>(&row.cycle), fetch, real.clone());
        frame::read(b, frame::register::<B>(row.rs1), frame::tick::<B>(&row.cycle, 0), &row.a, real.clone());
        frame::read(b, frame::register::<B>(row.rs2), frame::tick::<B>(&row.cycle, 1), &row.b, real.clone());
        let result = [row.less.into(), B::Expr::ZERO];
        let (rd, now) = (frame::register::<B>(row.rd), frame::tick::<B>(&row.cycle, 2));
        frame::write(b, rd, now, &row.write, result, real.clone());
        bus::highs(b, [row.a.high, row.b.high, row.write.high].map(Into::into), real);
    }
}

impl OpcodeChip for Less {
    fn fill(&self, step: &Step, cells: &mut [F]) {
        let [a, b, rd] = &step.access;
        let signed = step.instruction.op == Op::Slt;
        let row = LessRow {
            cycle: Cycle::of(step),
            flags: [F::from_bool(signed), F::from_bool(!signed)],
            rd: F::from_u8(step.instruction.rd),
            rs1: F::from_u8(step.instruction.rs1),
            rs2: F::from_u8(step.instruction.rs2),
            a: Read::of(a),
            b: Read::of(b),
            write: Write::of(rd),
            borrow: F::from_bool(a.old & 0xffff < b.old & 0xffff),
            less: F::from_u32(rd.new),
            sign: [a.old, b.old].map(|word| F::from_bool(signed && word >> 31 == 1)),
        };
        row.to_cells(cells);
    }
}

impl Chip for LessImmediate {
    fn width(&self) -> usize {
        LessImmediateRow::<F>::WIDTH
    }

    fn names(&self) -> Vec<String> {
        LessImmediateRow::<F>::names("")
    }

    fn eval<B: Builder>(&self, b: &mut B) {
        let row = LessImmediateRow::from_cells(b.main().current_slice());
        let real = frame::one_of(b, &row.flags);
        let [signed, unsigned] = row.flags;
        let base = F::from_u32(1 << 16);
        let imm = [row.imm.into(), row.sign * F::from_u32(0xffff)];
        b.assert_bool(row.sign);
        for borrow in row.borrow {
            b.assert_bool(borrow);
        }
        let [a_low, a_high] = row.a.value;
        bus::half(b, a_low - row.imm + row.borrow[0] * base, real.clone());
        bus::half(b, a_high - imm[1].clone() - row.borrow[0] + row.borrow[1] * base, real.clone());

        // Signed: the borrow is `less - sign of a + sign of imm`, so `less` needs no column.
        let sign_of_a = row.signs + row.sign;
        b.when(signed).assert_bool(sign_of_a.clone());
        b.assert_zero(row.signs * (B::Expr::ONE - signed));
        bus::half(b, biased::<B>(a_high, sign_of_a), signed.into());
        let less = row.borrow[1] + row.signs;

        let op = frame::operation::<B>(&[(signed, Op::Slti), (unsigned, Op::Sltiu)]);
        let fetch = Fetch { rd: row.rd.into(), rs1: row.rs1.into(), imm, ..Fetch::op(op) };
        frame::cycle(b, &row.cycle, frame::following::<B>(&row.cycle), fetch, real.clone());
        frame::read(b, frame::register::<B>(row.rs1), frame::tick::<B>(&row.cycle, 0), &row.a, real.clone());
        let (rd, now) = (frame::register::<B>(row.rd), frame::tick::<B>(&row.cycle, 2));
        frame::write(b, rd, now, &row.write, [less, B::Expr::ZERO], real.clone());
        bus::highs(b, [row.a.high.into(), row.write.high.into(), B::Expr::ZERO], real);
    }
}

impl OpcodeChip for LessImmediate {
    fn fill(&self, step: &Step, cells: &mut [F]) {
        let [a, _, rd] = &step.access;
        let signed = step.instruction.op == Op::Slti;
        let imm = step.instruction.imm;
        let sign = |word: u32| F::from_u32(word >> 31);
        let row = LessImmediateRow {
            cycle: Cycle::of(step),
            flags: [F::from_bool(signed), F::from_bool(!signed)],
            rd: F::from_u8(step.instruction.rd),
            rs1: F::from_u8(step.instruction.rs1),
            imm: F::from_u32(imm & 0xffff),
            sign: sign(imm),
            a: Read::of(a),
            write: Write::of(rd),
            borrow: [F::from_bool(a.old & 0xffff < imm & 0xffff), F::from_bool(a.old < imm)],
            signs: if signed { sign(a.old) - sign(imm) } else { F::ZERO },
        };
        row.to_cells(cells);
    }
}

/// The high half of a signed word plus 2^31, which is a half for one sign bit only.
fn biased<B: Builder>(high: B::Var, sign: B::Expr) -> B::Expr {
    high + F::from_u32(1 << 15) - sign * F::from_u32(1 << 16)
}

#[cfg(test)]
mod tests {
    use p3_field::PrimeCharacteristicRing;
    use rand::{Rng, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use crate::air::{check, Kind};
    use crate::isa::Op;
    use crate::record::testing::{corners, immediate_step, register_step};
    use crate::record::Step;
    use crate::F;

    const NONE: Vec<String> = Vec::new();

    fn less(signed: bool, a: u32, b: u32) -> u32 {
        u32::from(if signed { a.cast_signed() < b.cast_signed() } else { a < b })
    }

    /// The immediate that an instruction makes of 12 bits.
    fn imm(bits: u32) -> u32 {
        ((bits << 20).cast_signed() >> 20).cast_unsigned()
    }

    fn steps_of(a: u32, b: u32) -> [Step; 2] {
        [register_step(Op::Slt, a, b, less(true, a, b)), register_step(Op::Sltu, a, b, less(false, a, b))]
    }

    fn immediate_steps_of(a: u32, b: u32) -> [Step; 2] {
        [immediate_step(Op::Slti, a, b, less(true, a, b)), immediate_step(Op::Sltiu, a, b, less(false, a, b))]
    }

    /// Operands with an immediate next to each corner and at the ends of its range.
    fn immediate_corners() -> Vec<(u32, u32)> {
        let near = |(a, b)| [(a, imm(b)), (a, imm(a)), (imm(b), imm(b)), (imm(b).wrapping_sub(1), imm(b))];
        let ends = |(a, _)| [(a, 0x7ff), (a, 0xffff_f800)];
        corners().into_iter().flat_map(|pair| near(pair).into_iter().chain(ends(pair))).collect()
    }

    #[test]
    fn comparisons_at_the_corners() {
        let steps: Vec<_> = corners().into_iter().flat_map(|(a, b)| steps_of(a, b)).collect();
        assert_eq!(check::steps(Kind::Less, &steps), NONE);
        let steps: Vec<_> =
            immediate_corners().into_iter().flat_map(|(a, b)| immediate_steps_of(a, b)).collect();
        assert_eq!(check::steps(Kind::LessImmediate, &steps), NONE);
    }

    #[test]
    fn random_comparisons() {
        let seed: u64 = rand::random();
        println!("seed {seed:#x}");
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let pairs: Vec<(u32, u32)> = (0..500).map(|_| random.gen()).collect();
        let steps: Vec<_> = pairs.iter().flat_map(|&(a, b)| steps_of(a, b)).collect();
        assert_eq!(check::steps(Kind::Less, &steps), NONE);
        let steps: Vec<_> = pairs.iter().flat_map(|&(a, b)| immediate_steps_of(a, imm(b))).collect();
        assert_eq!(check::steps(Kind::LessImmediate, &steps), NONE);
    }

    #[test]
    fn the_other_answer_is_refused() {
        let wrong = |kind, steps: [Step; 2]| {
            for mut step in steps {
                step.access[2].new ^= 1;
                assert_ne!(check::steps(kind, &[step]), NONE, "{step:?}");
            }
        };
        for (a, b) in corners() {
            wrong(Kind::Less, steps_of(a, b));
        }
        for (a, b) in immediate_corners() {
            wrong(Kind::LessImmediate, immediate_steps_of(a, b));
        }
        for result in [2, 0xffff_ffff, 0x1_0001] {
            assert_ne!(check::steps(Kind::Less, &[register_step(Op::Slt, 1, 2, result)]), NONE);
            assert_ne!(check::steps(Kind::LessImmediate, &[immediate_step(Op::Slti, 1, 2, result)]), NONE);
        }
    }

    #[test]
    fn an_immediate_that_is_not_sign_extended_is_refused() {
        for b in [0x1_0000, 0x7fff_ffff, 0x8000_0000, 0xfffe_ffff] {
            for step in immediate_steps_of(5, b) {
                assert_ne!(check::steps(Kind::LessImmediate, &[step]), NONE, "{step:?}");
            }
        }
    }

    #[test]
    fn no_change_of_a_cell_goes_unnoticed() {
        for (a, b) in
            [(0, 0), (1, 0x8000_0000), (0x8000_0000, 1), (0xffff_0001, 0xffff_fffe), (0x8000, 0xffff_8000)]
        {
            for step in steps_of(a, b) {
                assert_eq!(check::tampered(Kind::Less, &step), NONE, "{step:?}");
                let loose = check::unconstrained(Kind::Less, &step);
                assert!(!loose.iter().any(|name| name == "less"), "{step:?}");
            }
            for step in immediate_steps_of(a, imm(b)) {
                assert_eq!(check::tampered(Kind::LessImmediate, &step), NONE, "{step:?}");
                let loose = check::unconstrained(Kind::LessImmediate, &step);
                assert!(!loose.iter().any(|name| name == "borrow[1]" || name == "signs"), "{step:?}");
            }
        }
    }

    /// Every choice of the cells that the prover works out, for operands around the corners: only the true one holds.
    #[test]
    fn borrows_and_signs_have_one_value() {
        let values = [-F::TWO, F::NEG_ONE, F::ZERO, F::ONE, F::TWO];
        let tables = [
            (Kind::Less, ["borrow", "less", "sign[0]", "sign[1]"]),
            (Kind::LessImmediate, ["borrow[0]", "borrow[1]", "signs", "signs"]),
        ];
        for (kind, names) in tables {
            let bench = check::Bench::new(kind);
            let columns = names.map(|name| bench.column(name));
            for (a, b) in
                [(0, 0), (0, 0xffff_ffff), (0x8000_0000, 1), (0x7fff_8000, 0xffff_8000), (0xffff_ffff, 5)]
            {
                let steps = if kind == Kind::Less { steps_of(a, b) } else { immediate_steps_of(a, imm(b)) };
                for step in steps {
                    let honest = bench.row(&step);
                    let mut row = honest.clone();
                    for choice in 0..5usize.pow(4) {
                        for (place, &column) in columns.iter().enumerate() {
                            row[column] = values[choice / 5usize.pow(u32::try_from(place).unwrap()) % 5];
                        }
                        assert_eq!(bench.holds(&row), row == honest, "{step:?} {row:?}");
                    }
                }
            }
        }
    }

    #[test]
    fn sizes() {
        let size = check::Size { columns: 23, lookups: 8, extension: 10, degree: 2 };
        assert_eq!(check::size(Kind::Less), size);
        let size = check::Size { columns: 19, lookups: 6, extension: 8, degree: 3 };
        assert_eq!(check::size(Kind::LessImmediate), size);
    }
}
