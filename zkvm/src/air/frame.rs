//! What every executing table shares: the cycle, the fetch, and accesses to registers and memory.
//!
//! The argument for the memory: a segment gives each word one initial tuple and takes one final tuple; each access consumes a
//! tuple of its address with an earlier time and produces one with its own. Times of accesses are those of cycles, which
//! the state's chain makes distinct and ascending, so per address the accesses form one chain from the initial tuple to the final
//! one, in order of time: a read returns what was written last. "Earlier" is `time - 1 - previous` in \[0, 2^21\], as a low half and high
//! bits. That the difference in the field is the difference of integers needs times below p - 2^22: a cycle takes 3 ticks and its row sends at
//! least 7 messages, and the verifier refuses heights with which the messages could reach p, so times are below 3p/7. The third access of
//! a row may look back 2^22 ticks (its high bits are looked up as 6, not 5), which is as good.

use p3_field::PrimeCharacteristicRing;

use super::bus::{self, Builder};
use super::columns::columns;
use crate::isa::Op;
use crate::record::{Access, Step, CYCLE, REGISTER_BASE};
use crate::F;

columns! {
    /// The cycle.
    pub struct Cycle {
        /// First tick of the cycle.
        time: T,
        /// Program counter divided by 4.
        pc: T,
    }
}

columns! {
    /// An access that leaves the word as it is.
    pub struct Read {
        /// Time of the access before.
        previous: T,
        /// High bits of the time difference.
        high: T,
        /// The word's halves.
        value: [T; 2],
    }
}

columns! {
    /// An access that replaces the word; what is written is for the table to say.
    pub struct Write {
        /// Time of the access before.
        previous: T,
        /// High bits of the time difference.
        high: T,
        /// Halves of the word replaced.
        old: [T; 2],
    }
}

/// The halves of a word.
pub fn halves(word: u32) -> [F; 2] {
    [F::from_u32(word & 0xffff), F::from_u32(word >> 16)]
}

/// High bits of the time difference of an access.
pub fn high(access: &Access) -> F {
    let gap = access.time.checked_sub(access.previous + 1).expect("an access is later than the one before");
    F::from_u32(gap >> 16)
}

impl Cycle<F> {
    /// Of a step.
    pub fn of(step: &Step) -> Self {
        Self { time: F::from_u32(step.time), pc: F::from_u32(step.pc / 4) }
    }
}

impl Read<F> {
    /// Of an access.
    pub fn of(access: &Access) -> Self {
        debug_assert_eq!(access.old, access.new, "a read changes nothing");
        Self { previous: F::from_u32(access.previous), high: high(access), value: halves(access.old) }
    }
}

impl Write<F> {
    /// Of an access.
    pub fn of(access: &Access) -> Self {
        Self { previous: F::from_u32(access.previous), high: high(access), old: halves(access.old) }
    }
}

/// The fields of an instruction as a table sees them; those it has no use for stay at their default, zero.
pub struct Fetch<E> {
    /// The operation's number.
    pub op: E,
    /// Register written.
    pub rd: E,
    /// First register read.
    pub rs1: E,
    /// Second register read.
    pub rs2: E,
    /// Halves of the immediate, or (target, 0).
    pub imm: [E; 2],
    /// Halves of the address linked.
    pub link: [E; 2],
}

impl<E: PrimeCharacteristicRing> Fetch<E> {
    /// Of one operation, without operands.
    pub fn op(op: E) -> Self {
        Self {
            op,
            rd: E::ZERO,
            rs1: E::ZERO,
            rs2: E::ZERO,
            imm: [E::ZERO, E::ZERO],
            link: [E::ZERO, E::ZERO],
        }
    }
}

/// The number of the operation whose flag is one: `sum of flag * number`.
pub fn operation<B: Builder>(flags: &[(B::Var, Op)]) -> B::Expr {
    flags.iter().fold(B::Expr::ZERO, |sum, (flag, op)| sum + (*flag).into() * F::from_u32(op.number()))
}

/// Asserts that each flag is 0 or 1 and that at most one is 1; returns their sum, the row's `real`.
pub fn one_of<B: Builder>(b: &mut B, flags: &[B::Var]) -> B::Expr {
    let mut sum = B::Expr::ZERO;
    for flag in flags {
        b.assert_bool(*flag);
        sum += (*flag).into();
    }
    b.assert_bool(sum.clone());
    sum
}

/// One cycle: takes the state, leaves that of the next cycle at `next` (pc / 4), and fetches the instruction.
pub fn cycle<B: Builder>(
    b: &mut B,
    cycle: &Cycle<B::Var>,
    next: B::Expr,
    fetch: Fetch<B::Expr>,
    real: B::Expr,
) {
    bus::receive(b, bus::STATE, [cycle.time.into(), cycle.pc.into()], real.clone());
    bus::send(b, bus::STATE, [cycle.time + F::from_u32(CYCLE), next], real.clone());
    let [imm_low, imm_high] = fetch.imm;
    let [link_low, link_high] = fetch.link;
    let fields =
        [cycle.pc.into(), fetch.op, fetch.rd, fetch.rs1, fetch.rs2, imm_low, imm_high, link_low, link_high];
    bus::send(b, bus::PROGRAM, fields, real);
}

/// The next instruction in memory.
pub fn following<B: Builder>(cycle: &Cycle<B::Var>) -> B::Expr {
    cycle.pc + F::ONE
}

/// The word address of a register.
pub fn register<B: Builder>(number: impl Into<B::Expr>) -> B::Expr {
    number.into() + F::from_u32(REGISTER_BASE)
}

/// One access at `time`: takes `old` and leaves `new`. The high bits still have to be looked up with [`bus::highs`].
pub fn access<B: Builder>(
    b: &mut B,
    address: B::Expr,
    time: B::Expr,
    gap: (B::Var, B::Var),
    old: [B::Expr; 2],
    new: [B::Expr; 2],
    real: B::Expr,
) {
    let [new_low, new_high] = new;
    consume(b, address.clone(), time.clone(), gap, old, real.clone());
    bus::send(b, bus::MEMORY, [address, time, new_low, new_high], real);
}

/// The half of an access that takes `old`, for tables that leave what is new elsewhere: in another row, say.
pub fn consume<B: Builder>(
    b: &mut B,
    address: B::Expr,
    time: B::Expr,
    (previous, high): (B::Var, B::Var),
    old: [B::Expr; 2],
    real: B::Expr,
) {
    let [old_low, old_high] = old;
    bus::receive(b, bus::MEMORY, [address, previous.into(), old_low, old_high], real.clone());
    let low = time - F::ONE - previous.into() - high.into() * F::from_u32(1 << 16);
    bus::half(b, low, real);
}

/// Reads a word.
pub fn read<B: Builder>(b: &mut B, address: B::Expr, time: B::Expr, cells: &Read<B::Var>, real: B::Expr) {
    let value = cells.value.map(Into::into);
    access(b, address, time, (cells.previous, cells.high), value.clone(), value, real);
}

/// Replaces a word by `new`, which must be two halves by a constraint or a lookup.
pub fn write<B: Builder>(
    b: &mut B,
    address: B::Expr,
    time: B::Expr,
    cells: &Write<B::Var>,
    new: [B::Expr; 2],
    real: B::Expr,
) {
    access(b, address, time, (cells.previous, cells.high), cells.old.map(Into::into), new, real);
}

/// The tick `offset` of a cycle.
pub fn tick<B: Builder>(cycle: &Cycle<B::Var>, offset: u32) -> B::Expr {
    cycle.time + F::from_u32(offset)
}
