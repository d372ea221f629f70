//! What the operations compute: RISC-V unprivileged ISA, RV32I 2.1 and M 2.0.

use crate::isa::Op;

/// The result of an operation on registers, or on a register and an immediate. Operations that compute nothing give 0.
#[inline(always)]
pub fn result(op: Op, a: u32, b: u32) -> u32 {
    let (x, y) = (a as i32, b as i32);
    match op {
        Op::Add | Op::Addi => a.wrapping_add(b),
        Op::Sub => a.wrapping_sub(b),
        Op::Slt | Op::Slti => u32::from(x < y),
        Op::Sltu | Op::Sltiu => u32::from(a < b),
        Op::And | Op::Andi => a & b,
        Op::Or | Op::Ori => a | b,
        Op::Xor | Op::Xori => a ^ b,
        // The low five bits of the amount count, which is what the wrapping shifts take.
        Op::Sll | Op::Slli => a.wrapping_shl(b),
        Op::Srl | Op::Srli => a.wrapping_shr(b),
        Op::Sra | Op::Srai => x.wrapping_shr(b) as u32,
        Op::Mul => a.wrapping_mul(b),
        Op::Mulh => ((i64::from(x) * i64::from(y)) >> 32) as u32,
        Op::Mulhsu => ((i64::from(x) * i64::from(b)) >> 32) as u32,
        Op::Mulhu => ((u64::from(a) * u64::from(b)) >> 32) as u32,
        // By zero: all ones and the dividend. -2^31 / -1 overflows to -2^31, remainder 0.
        Op::Div => {
            if b == 0 {
                u32::MAX
            } else {
                x.wrapping_div(y) as u32
            }
        }
        Op::Divu => a.checked_div(b).unwrap_or(u32::MAX),
        Op::Rem => {
            if b == 0 {
                a
            } else {
                x.wrapping_rem(y) as u32
            }
        }
        Op::Remu => a.checked_rem(b).unwrap_or(a),
        _ => 0,
    }
}

/// Whether a branch is taken.
#[inline(always)]
pub fn taken(op: Op, a: u32, b: u32) -> bool {
    let (x, y) = (a as i32, b as i32);
    match op {
        Op::Beq => a == b,
        Op::Bne => a != b,
        Op::Blt => x < y,
        Op::Bge => x >= y,
        Op::Bltu => a < b,
        Op::Bgeu => a >= b,
        _ => false,
    }
}

/// What a load gives from the word at `address` (its byte address, of which the low two bits say which part).
#[inline(always)]
pub fn loaded(op: Op, address: u32, word: u32) -> u32 {
    let part = word >> (address % 4 * 8);
    match op {
        Op::Lb => part as i8 as u32,
        Op::Lbu => part & 0xff,
        Op::Lh => part as i16 as u32,
        Op::Lhu => part & 0xffff,
        _ => word,
    }
}

/// What a store leaves of the word at `address`.
#[inline(always)]
pub fn stored(op: Op, address: u32, word: u32, value: u32) -> u32 {
    let shift = address % 4 * 8;
    let mask = match op {
        Op::Sb => 0xff << shift,
        Op::Sh => 0xffff << shift,
        _ => u32::MAX,
    };
    word & !mask | value << shift & mask
}

/// Bytes that a load or store accesses; its address must be a multiple.
#[inline(always)]
pub fn size(op: Op) -> u32 {
    match op {
        Op::Lb | Op::Lbu | Op::Sb => 1,
        Op::Lh | Op::Lhu | Op::Sh => 2,
        _ => 4,
    }
}

#[cfg(test)]
pub(super) mod tests;
