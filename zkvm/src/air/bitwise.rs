//! AND, OR, XOR and their immediate forms: a row an instruction.
//!
//! Bytes of the operands are looked up with their AND; the lookup also says that they are bytes, and two bytes make a half in one way.
//! With z the AND of x and y, OR is `x + y - z` and XOR `x + y - 2z`, without carries, so over whole halves. A result needs no
//! range check: it is the AND, OR or XOR of two halves as an integer, below 2^16.

use p3_air::WindowAccess;
use p3_field::{Field, PrimeCharacteristicRing};

use super::bus::{self, Builder};
use super::columns::columns;
use super::frame::{self, Cycle, Fetch, Read, Write};
use super::{Chip, OpcodeChip};
use crate::isa::Op;
use crate::record::Step;
use crate::F;

columns! {
    /// A row of AND, OR, XOR.
    pub struct BitwiseRow {
        cycle: Cycle<T>,
        /// The row is AND, OR, or XOR.
        flags: [T; 3],
        rd: T,
        rs1: T,
        rs2: T,
        a: Read<T>,
        b: Read<T>,
        write: Write<T>,
        /// Low byte of each half of a.
        a_byte: [T; 2],
        /// Low byte of each half of b.
        b_byte: [T; 2],
        /// AND of the operands' bytes, lowest first.
        and: [T; 4],
        /// What is written.
        result: [T; 2],
    }
}

columns! {
    /// A row of ANDI, ORI, XORI.
    pub struct BitwiseImmediateRow {
        cycle: Cycle<T>,
        /// The row is ANDI, ORI, or XORI.
        flags: [T; 3],
        rd: T,
        rs1: T,
        /// Bytes of the immediate's low half.
        imm: [T; 2],
        /// The immediate's sign bit: all of its high half.
        sign: T,
        a: Read<T>,
        write: Write<T>,
        /// Low byte of a.
        a_byte: T,
        /// AND of the two low bytes.
        and: [T; 2],
        /// What is written.
        result: [T; 2],
    }
}

/// The table of AND, OR, XOR.
#[derive(Clone, Copy, Debug)]
pub struct Bitwise;

/// The table of ANDI, ORI, XORI.
#[derive(Clone, Copy, Debug)]
pub struct BitwiseImmediate;

impl Chip for Bitwise {
    fn width(&self) -> usize {
        BitwiseRow::<F>::WIDTH
    }

    fn names(&self) -> Vec<String> {
        BitwiseRow::<F>::names("")
    }

    fn eval<B: Builder>(&self, b: &mut B) {
        let row = BitwiseRow::from_cells(b.main().current_slice());
        let real = frame::one_of(b, &row.flags);
        for i in 0..2 {
            let (x, y) = (row.a.value[i], row.b.value[i]);
            let [low, high] = [row.and[2 * i], row.and[2 * i + 1]];
            bus::and(b, [row.a_byte[i], row.b_byte[i], low].map(Into::into), real.clone());
            let high_bytes = [high_byte::<B>(x, row.a_byte[i]), high_byte::<B>(y, row.b_byte[i])];
            let [x_high, y_high] = high_bytes;
            bus::and(b, [x_high, y_high, high.into()], real.clone());
            let and = low + high * F::from_u32(256);
            b.assert_eq(row.result[i], selected::<B>(row.flags, x + y, and));
        }

        let [and, or, xor] = row.flags;
        let op = frame::operation::<B>(&[(and, Op::And), (or, Op::Or), (xor, Op::Xor)]);
        let fetch = Fetch { rd: row.rd.into(), rs1: row.rs1.into(), rs2: row.rs2.into(), ..Fetch::op(op) };
        frame::cycle(b, &row.cycle, frame::following::<B>(&row.cycle), fetch, real.clone());
        frame::read(b, frame::register::<B>(row.rs1), frame::tick::<B>(&row.cycle, 0), &row.a, real.clone());
        frame::read(b, frame::register::<B>(row.rs2), frame::tick::<B>(&row.cycle, 1), &row.b, real.clone());
        let (rd, now) = (frame::register::<B>(row.rd), frame::tick::<B>(&row.cycle, 2));
        frame::write(b, rd, now, &row.write, row.result.map(Into::into), real.clone());
        bus::highs(b, [row.a.high, row.b.high, row.write.high].map(Into::into), real);
    }
}

impl OpcodeChip for Bitwise {
    fn fill(&self, step: &Step, cells: &mut [F]) {
        let [a, b, rd] = &step.access;
        let row = BitwiseRow {
            cycle: Cycle::of(step),
            flags: [Op::And, Op::Or, Op::Xor].map(|op| F::from_bool(step.instruction.op == op)),
            rd: F::from_u8(step.instruction.rd),
            rs1: F::from_u8(step.instruction.rs1),
            rs2: F::from_u8(step.instruction.rs2),
            a: Read::of(a),
            b: Read::of(b),
            write: Write::of(rd),
            a_byte: [0, 2].map(|i| byte(a.old, i)),
            b_byte: [0, 2].map(|i| byte(b.old, i)),
            and: [0, 1, 2, 3].map(|i| byte(a.old & b.old, i)),
            result: frame::halves(rd.new),
        };
        row.to_cells(cells);
    }
}

impl Chip for BitwiseImmediate {
    fn width(&self) -> usize {
        BitwiseImmediateRow::<F>::WIDTH
    }

    fn names(&self) -> Vec<String> {
        BitwiseImmediateRow::<F>::names("")
    }

    fn eval<B: Builder>(&self, b: &mut B) {
        let row = BitwiseImmediateRow::from_cells(b.main().current_slice());
        let real = frame::one_of(b, &row.flags);
        b.assert_bool(row.sign);
        let imm = [row.imm[0] + row.imm[1] * F::from_u32(256), row.sign * F::from_u32(0xffff)];
        let [a_low, a_high] = row.a.value;
        bus::and(b, [row.a_byte, row.imm[0], row.and[0]].map(Into::into), real.clone());
        let fields = [high_byte::<B>(a_low, row.a_byte), row.imm[1].into(), row.and[1].into()];
        bus::and(b, fields, real.clone());
        // The high half of the immediate is all ones or all zeros: its AND is a product.
        let and = [row.and[0] + row.and[1] * F::from_u32(256), row.sign * a_high];
        for (i, and) in and.into_iter().enumerate() {
            let selected = selected::<B>(row.flags, imm[i].clone() + row.a.value[i], and);
            b.assert_eq(row.result[i], selected);
        }

        let [and, or, xor] = row.flags;
        let op = frame::operation::<B>(&[(and, Op::Andi), (or, Op::Ori), (xor, Op::Xori)]);
        let fetch = Fetch { rd: row.rd.into(), rs1: row.rs1.into(), imm, ..Fetch::op(op) };
        frame::cycle(b, &row.cycle, frame::following::<B>(&row.cycle), fetch, real.clone());
        frame::read(b, frame::register::<B>(row.rs1), frame::tick::<B>(&row.cycle, 0), &row.a, real.clone());
        let (rd, now) = (frame::register::<B>(row.rd), frame::tick::<B>(&row.cycle, 2));
        frame::write(b, rd, now, &row.write, row.result.map(Into::into), real.clone());
        bus::highs(b, [row.a.high.into(), row.write.high.into(), B::Expr::ZERO], real);
    }
}

impl OpcodeChip for BitwiseImmediate {
    fn fill(&self, step: &Step, cells: &mut [F]) {
        let [a, _, rd] = &step.access;
        let imm = step.instruction.imm;
        let row = BitwiseImmediateRow {
            cycle: Cycle::of(step),
            flags: [Op::Andi, Op::Ori, Op::Xori].map(|op| F::from_bool(step.instruction.op == op)),
            rd: F::from_u8(step.instruction.rd),
            rs1: F::from_u8(step.instruction.rs1),
            imm: [0, 1].map(|i| byte(imm, i)),
            sign: F::from_u32(imm >> 31),
            a: Read::of(a),
            write: Write::of(rd),
            a_byte: byte(a.old, 0),
            and: [0, 1].map(|i| byte(a.old & imm, i)),
            result: frame::halves(rd.new),
        };
        row.to_cells(cells);
    }
}

/// The AND, OR or XOR of two halves from their sum and their AND; zero where no flag is one.
fn selected<B: Builder>([and_flag, or, xor]: [B::Var; 3], sum: B::Expr, and: B::Expr) -> B::Expr {
    sum * (or + xor) + and * (and_flag - or - xor.into().double())
}

/// The high byte of a half whose low byte is `low`, if both are bytes.
fn high_byte<B: Builder>(half: B::Var, low: B::Var) -> B::Expr {
    (half - low) * F::from_u32(256).inverse()
}

fn byte(word: u32, i: usize) -> F {
    F::from_u8(word.to_le_bytes()[i])
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

    /// The immediate that an instruction makes of 12 bits.
    fn imm(bits: u32) -> u32 {
        ((bits << 20).cast_signed() >> 20).cast_unsigned()
    }

    fn steps_of(a: u32, b: u32) -> [Step; 3] {
        [(Op::And, a & b), (Op::Or, a | b), (Op::Xor, a ^ b)]
            .map(|(op, result)| register_step(op, a, b, result))
    }

    fn immediate_steps_of(a: u32, b: u32) -> [Step; 3] {
        [(Op::Andi, a & b), (Op::Ori, a | b), (Op::Xori, a ^ b)]
            .map(|(op, result)| immediate_step(op, a, b, result))
    }

    #[test]
    fn at_the_corners() {
        let steps: Vec<_> = corners().into_iter().flat_map(|(a, b)| steps_of(a, b)).collect();
        assert_eq!(check::steps(Kind::Bitwise, &steps), NONE);
        let ends = [0, 1, 0xff, 0x100, 0x7ff, 0xffff_f800, 0xffff_ff00, 0xffff_ffff];
        let steps: Vec<_> = corners()
            .into_iter()
            .flat_map(|(a, b)| ends.into_iter().chain([imm(b)]).flat_map(move |b| immediate_steps_of(a, b)))
            .collect();
        assert_eq!(check::steps(Kind::BitwiseImmediate, &steps), NONE);
    }

    #[test]
    fn at_random() {
        let seed: u64 = rand::random();
        println!("seed {seed:#x}");
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let pairs: Vec<(u32, u32)> = (0..500).map(|_| random.gen()).collect();
        let steps: Vec<_> = pairs.iter().flat_map(|&(a, b)| steps_of(a, b)).collect();
        assert_eq!(check::steps(Kind::Bitwise, &steps), NONE);
        let steps: Vec<_> = pairs.iter().flat_map(|&(a, b)| immediate_steps_of(a, imm(b))).collect();
        assert_eq!(check::steps(Kind::BitwiseImmediate, &steps), NONE);
    }

    #[test]
    fn a_wrong_result_is_refused() {
        let (a, b) = (0x0123_89ab, 0xffff_f5a5);
        for (kind, steps) in
            [(Kind::Bitwise, steps_of(a, b)), (Kind::BitwiseImmediate, immediate_steps_of(a, b))]
        {
            let bench = check::Bench::new(kind);
            for step in steps {
                let right = step.access[2].new;
                let flipped = (0..32).map(|bit| right ^ 1 << bit);
                let others =
                    [right.wrapping_add(1), right & 0xffff, right & 0xffff_0000, right.rotate_left(16)];
                for result in flipped.chain(others) {
                    let mut wrong = step;
                    wrong.access[2].new = result;
                    assert_eq!(bench.holds(&bench.row(&wrong)), result == right, "{wrong:?}");
                }
            }
        }
    }

    #[test]
    fn an_immediate_that_is_not_sign_extended_is_refused() {
        for b in [0x1_0000, 0x7fff_ffff, 0x8000_0000, 0xfffe_ffff] {
            for step in immediate_steps_of(5, b) {
                assert_ne!(check::steps(Kind::BitwiseImmediate, &[step]), NONE, "{step:?}");
            }
        }
    }

    #[test]
    fn halves_split_in_other_ways_are_refused() {
        let bench = check::Bench::new(Kind::Bitwise);
        let row = bench.row(&register_step(Op::And, 0x0001_01ff, 0xffff_ffff, 0x0001_01ff));
        assert!(bench.holds(&row));
        // 0x1ff = 0 * 256 + 0x1ff, = 2 * 256 - 1, and 255 * 256 + r for some r in the field.
        for low in [F::from_u32(0x1ff), F::NEG_ONE, F::from_u32(0x1ff) - F::from_u32(255 * 256)] {
            let mut row = row.clone();
            row[bench.column("a_byte[0]")] = low;
            for and in 0..=0x1ff {
                row[bench.column("and[0]")] = F::from_u32(and);
                row[bench.column("result[0]")] =
                    row[bench.column("and[1]")] * F::from_u32(256) + F::from_u32(and);
                assert!(!bench.holds(&row));
            }
        }
    }

    #[test]
    fn no_change_of_a_cell_goes_unnoticed() {
        for (a, b) in
            [(0, 0), (0xffff_ffff, 0xffff_ffff), (0x8001_7f80, 0xffff_f0f1), (0x1234_5678, 0x0000_0765)]
        {
            let registers = steps_of(a, b).map(|step| (Kind::Bitwise, step));
            let immediates = immediate_steps_of(a, b).map(|step| (Kind::BitwiseImmediate, step));
            for (kind, step) in registers.into_iter().chain(immediates) {
                assert_eq!(check::tampered(kind, &step), NONE, "{step:?}");
                let loose = check::unconstrained(kind, &step);
                assert!(!loose.iter().any(|name| name.starts_with("result")), "{step:?}");
            }
        }
    }

    #[test]
    fn sizes() {
        let size = check::Size { columns: 30, lookups: 8, extension: 10, degree: 2 };
        assert_eq!(check::size(Kind::Bitwise), size);
        let size = check::Size { columns: 23, lookups: 5, extension: 8, degree: 3 };
        assert_eq!(check::size(Kind::BitwiseImmediate), size);
    }
}
