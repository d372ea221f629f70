//! The address `rs1 + imm` of loads, stores and JALR.
//!
//! The sum of halves with carries, mod 2^32, as expressions: no column holds the address. Its low half is proved a half and aligned
//! at once: `(low - offset) / 4`, with the field's inverse of 4, is looked up to be below 2^14. The high half is looked up as it is. Both
//! sums lie in (-2^17, 2^18) whatever the carries, so what holds in the field holds in the integers, and the carries have no second value.

use p3_field::{Field, PrimeCharacteristicRing};

use super::bus::{self, Builder};
use crate::F;

/// The halves of `a + imm`, less 2^16 for each carry, which is asserted to be 0 or 1. They are halves only once [`word`] has looked them up.
pub fn sum<B: Builder>(b: &mut B, a: [B::Var; 2], imm: [B::Var; 2], carry: [B::Var; 2]) -> [B::Expr; 2] {
    let base = F::from_u32(1 << 16);
    let mut carry_in = B::Expr::ZERO;
    core::array::from_fn(|i| {
        b.assert_bool(carry[i]);
        let half = a[i] + imm[i] + carry_in.clone() - carry[i] * base;
        carry_in = carry[i].into();
        half
    })
}

/// The word address of a byte address that is `offset` (0 to 3) above a multiple of 4: below 2^30, so never a register's.
pub fn word<B: Builder>(b: &mut B, [low, high]: [B::Expr; 2], offset: B::Expr, real: B::Expr) -> B::Expr {
    let low = (low - offset) * F::from_u32(4).inverse();
    bus::bits(b, low.clone(), bus::constant::<B>(14), real.clone());
    bus::half(b, high.clone(), real);
    low + high * F::from_u32(1 << 14)
}
