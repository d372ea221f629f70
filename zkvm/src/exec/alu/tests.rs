use super::{loaded, result, size, stored, taken};
use crate::isa::Op;
use crate::record::testing::corners;

/// The manual's words in integers that cannot overflow.
pub(in crate::exec) fn oracle(op: Op, a: u32, b: u32) -> u32 {
    let signed = |v: u32| i128::from(v) - if v >= 1 << 31 { 1 << 32 } else { 0 };
    let (ua, ub, sa, sb) = (i128::from(a), i128::from(b), signed(a), signed(b));
    let amount = 1i128 << (b % 32);
    let value = match op {
        Op::Add | Op::Addi => ua + ub,
        Op::Sub => ua - ub,
        Op::Slt | Op::Slti => i128::from(sa < sb),
        Op::Sltu | Op::Sltiu => i128::from(ua < ub),
        Op::And | Op::Andi => bits(a, b, |x, y| x && y),
        Op::Or | Op::Ori => bits(a, b, |x, y| x || y),
        Op::Xor | Op::Xori => bits(a, b, |x, y| x != y),
        Op::Sll | Op::Slli => ua * amount,
        Op::Srl | Op::Srli => ua.div_euclid(amount),
        Op::Sra | Op::Srai => sa.div_euclid(amount),
        Op::Mul => ua * ub,
        Op::Mulh => (sa * sb).div_euclid(1 << 32),
        Op::Mulhsu => (sa * ub).div_euclid(1 << 32),
        Op::Mulhu => (ua * ub).div_euclid(1 << 32),
        Op::Div => {
            if sb == 0 {
                -1
            } else {
                sa / sb
            }
        }
        Op::Divu => {
            if ub == 0 {
                -1
            } else {
                ua / ub
            }
        }
        Op::Rem => {
            if sb == 0 {
                sa
            } else {
                sa % sb
            }
        }
        Op::Remu => {
            if ub == 0 {
                ua
            } else {
                ua % ub
            }
        }
        _ => panic!("{op:?} computes nothing"),
    };
    value.rem_euclid(1 << 32) as u32
}

fn bits(a: u32, b: u32, f: impl Fn(bool, bool) -> bool) -> i128 {
    (0..32).filter(|i| f(a >> i & 1 == 1, b >> i & 1 == 1)).map(|i| 1 << i).sum()
}

#[test]
fn every_operation_at_the_corners() {
    let computing = Op::ALL.iter().filter(|op| **op <= Op::Remu);
    assert_eq!(computing.clone().count(), 27);
    for &op in computing {
        for (a, b) in corners() {
            assert_eq!(result(op, a, b), oracle(op, a, b), "{} {a:#x}, {b:#x}", op.mnemonic());
        }
    }
}

#[test]
fn division_by_zero_and_overflow() {
    let min = 1 << 31;
    for (op, a, b, expected) in [
        (Op::Div, 7, 0, u32::MAX),
        (Op::Divu, 7, 0, u32::MAX),
        (Op::Rem, min, 0, min),
        (Op::Remu, u32::MAX, 0, u32::MAX),
        (Op::Div, min, u32::MAX, min),
        (Op::Rem, min, u32::MAX, 0),
        (Op::Rem, (-7i32) as u32, 2, u32::MAX),
        (Op::Sra, min, 63, u32::MAX),
        (Op::Sll, 3, 33, 6),
    ] {
        assert_eq!(result(op, a, b), expected, "{}", op.mnemonic());
    }
}

#[test]
fn branches_at_the_corners() {
    for (a, b) in corners() {
        let order = (i64::from(a as i32) - i64::from(b as i32), i64::from(a) - i64::from(b));
        let all = [
            (Op::Beq, order.1 == 0),
            (Op::Bne, order.1 != 0),
            (Op::Blt, order.0 < 0),
            (Op::Bge, order.0 >= 0),
            (Op::Bltu, order.1 < 0),
            (Op::Bgeu, order.1 >= 0),
        ];
        for (op, expected) in all {
            assert_eq!(taken(op, a, b), expected, "{} {a:#x}, {b:#x}", op.mnemonic());
        }
    }
}

#[test]
fn parts_of_words() {
    for (word, value) in corners() {
        for (op, bytes, sign) in [
            (Op::Lb, 1, true),
            (Op::Lbu, 1, false),
            (Op::Lh, 2, true),
            (Op::Lhu, 2, false),
            (Op::Lw, 4, false),
            (Op::Sb, 1, false),
            (Op::Sh, 2, false),
            (Op::Sw, 4, false),
        ] {
            assert_eq!(size(op), bytes);
            for address in (0..4).step_by(bytes as usize) {
                let mut memory = word.to_le_bytes();
                let part = &mut memory[address as usize..][..bytes as usize];
                if matches!(op, Op::Sb | Op::Sh | Op::Sw) {
                    part.copy_from_slice(&value.to_le_bytes()[..bytes as usize]);
                    assert_eq!(
                        stored(op, 8 + address, word, value),
                        u32::from_le_bytes(memory),
                        "{op:?} {address}"
                    );
                    continue;
                }
                let fill = if sign && part[bytes as usize - 1] >= 0x80 { 0xff } else { 0 };
                let mut expected = [fill; 4];
                expected[..bytes as usize].copy_from_slice(part);
                assert_eq!(loaded(op, 8 + address, word), u32::from_le_bytes(expected), "{op:?} {address}");
            }
        }
    }
}
