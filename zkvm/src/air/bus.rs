//! The buses between the tables.
//!
//! A message is a tuple of field elements with a signed count; LogUp proves that the counts of equal tuples on a bus sum to
//! zero over all tables. Sends are positive, receives negative; a lookup is a send that a fixed table takes back as often as it was
//! looked up. Every count of a lookup or an exchange is 0 or 1 by a constraint of its table; only tables that provide
//! entries have free counts.

use p3_air::AirBuilder;
use p3_field::PrimeCharacteristicRing;
use p3_lookup::{Count, InteractionBuilder};

use crate::F;

/// Builders that the tables' constraints are written for.
pub trait Builder: InteractionBuilder<F = F> {}
impl<B: InteractionBuilder<F = F>> Builder for B {}

/// (time, pc / 4): consumed and produced once a cycle.
pub const STATE: &str = "state";
/// (pc / 4, operation, rd, rs1, rs2, imm low, imm high, link low, link high): the program table's rows.
pub const PROGRAM: &str = "program";
/// (word address, time, low half, high half): what an access leaves and the next one consumes.
pub const MEMORY: &str = "memory";
/// (kind, a, b, c): entries of the range table, see [`range`].
pub const RANGE: &str = "range";
/// (level, index, digest before \[8\], digest after \[8\]): a node of the memory's tree, from child to parent.
pub const NODE: &str = "node";
/// (input \[16\], first 8 words of Poseidon2 of it).
pub const COMPRESS: &str = "compress";
/// (input \[16\], Poseidon2 of it \[16\]).
pub const PERMUTE: &str = "permute";
/// (service, time, first word address, second word address): ECALL to a precompiled table.
pub const CALL: &str = "call";
/// (service, time, low half, high half): ECALL to the input or output table.
pub const WORD: &str = "word";
/// (low half, high half) of the exit code.
pub const EXIT: &str = "exit";

/// Kinds of entries on [`RANGE`].
pub mod range {
    /// (v, 0, 0): v < 2^16.
    pub const HALF: u32 = 1;
    /// (a, b, c): a < 32, b < 32, c < 64.
    pub const HIGHS: u32 = 2;
    /// (x, y, x and y): bytes.
    pub const AND: u32 = 3;
    /// (x, y, 0): bytes.
    pub const BYTES: u32 = 4;
    /// (v, k, 0): v < 2^k, k from 0 to 15.
    pub const BITS: u32 = 5;
}

/// Sends `fields` when `real` (0 or 1) is one.
pub fn send<B: Builder>(b: &mut B, bus: &str, fields: impl IntoIterator<Item = B::Expr>, real: B::Expr) {
    b.push_interaction(bus, fields, Count::bounded(real, 1));
}

/// Receives `fields` when `real` (0 or 1) is one.
pub fn receive<B: Builder>(b: &mut B, bus: &str, fields: impl IntoIterator<Item = B::Expr>, real: B::Expr) {
    b.push_interaction(bus, fields, Count::bounded(-real, 1));
}

/// Provides `fields` as an entry looked up `count` times.
pub fn provide<B: Builder>(b: &mut B, bus: &str, fields: impl IntoIterator<Item = B::Expr>, count: B::Expr) {
    b.push_interaction(bus, fields, Count::provided(-count));
}

/// The constant `value`.
pub fn constant<B: AirBuilder<F = F>>(value: u32) -> B::Expr {
    B::Expr::from_u32(value)
}

/// Looks up that `value` is below 2^16.
pub fn half<B: Builder>(b: &mut B, value: B::Expr, real: B::Expr) {
    let fields = [constant::<B>(range::HALF), value, B::Expr::ZERO, B::Expr::ZERO];
    send(b, RANGE, fields, real);
}

/// Looks up that `a` and `b` are below 32 and `c` below 64.
pub fn highs<B: Builder>(builder: &mut B, [a, b, c]: [B::Expr; 3], real: B::Expr) {
    send(builder, RANGE, [constant::<B>(range::HIGHS), a, b, c], real);
}

/// Looks up that `x` and `y` are bytes and `z` is `x & y`.
pub fn and<B: Builder>(b: &mut B, [x, y, z]: [B::Expr; 3], real: B::Expr) {
    send(b, RANGE, [constant::<B>(range::AND), x, y, z], real);
}

/// Looks up that `x` and `y` are bytes.
pub fn bytes<B: Builder>(b: &mut B, x: B::Expr, y: B::Expr, real: B::Expr) {
    send(b, RANGE, [constant::<B>(range::BYTES), x, y, B::Expr::ZERO], real);
}

/// Looks up that `value` is below 2^`bits`, `bits` from 0 to 15.
pub fn bits<B: Builder>(b: &mut B, value: B::Expr, bits: B::Expr, real: B::Expr) {
    send(b, RANGE, [constant::<B>(range::BITS), value, bits, B::Expr::ZERO], real);
}
