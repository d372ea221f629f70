//! Every NTT and VECTOR command that is malformed as far as its 64 bytes show is refused with its status and the field's
//! offset, and touches nothing.

mod card_common;

use card_common::{refusals::*, *};
use permafrost_abi::{
    command::{Command, CommandBody, NttCommand, VectorCommand},
    counter, reg,
    vector::kinds,
    Status, VectorKind, VectorOperation,
};
use permafrost_rtl::config::CardConfig;
use permafrost_sim::SimOptions;

const DRAM: u64 = 16 << 20;

/// Bytes of the fields' first bytes in the command.
mod at {
    pub const SOURCE: usize = 16;
    pub const DESTINATION: usize = 24;
    pub const PARAMS: usize = 32;
    pub const STRIDE: usize = 40;
    pub const BATCH: usize = 48;
    /// log_before, log_len, log_after, order.
    pub const LOGS: usize = 52;
    pub const A: usize = 16;
    pub const B: usize = 24;
    pub const C: usize = 32;
    pub const D: usize = 40;
    pub const VECTOR_PARAMS: usize = 48;
    pub const N: usize = 56;
    /// operation, flags, kinds.
    pub const OPERATION: usize = 60;
}

fn long(k: &mut Command, at: usize, value: u64) {
    put(k, at, &value.to_le_bytes());
}

/// Four elements in one pass.
fn whole() -> Command {
    let (source, destination, params) = (0x1000, 0x2000, 0x3000);
    Command::new(&NttCommand { source, destination, params, batch: 1, log_len: 2, ..Default::default() })
}

/// A pass in the middle: (P, L, Q) = (4, 8, 2), 2 KiB.
fn middle() -> Command {
    let mut command = whole();
    put(&mut command, at::LOGS, &[2, 3, 1, 0]);
    command
}

/// Three transforms of 128 bytes, 256 bytes apart: 640 bytes.
fn batch() -> Command {
    let mut command = whole();
    repeat(&mut command, 3, 256);
    command
}

fn repeat(command: &mut Command, batch: u32, stride: u64) {
    long(command, at::STRIDE, stride);
    put(command, at::BATCH, &batch.to_le_bytes());
}

fn ntt_cases() -> Vec<Case> {
    use Status::*;
    let f = |name| offset(<NttCommand as CommandBody>::FIELDS, name);
    vec![
        Case(whole(), |k| put(k, 56, &[1]), BadFlags, 0, 0),
        Case(whole(), |k| put(k, 63, &[0x80]), BadFlags, 0, 0),
        // Lengths: the block has 2^12 elements; a part of a transform takes at most half of it, and two elements at least.
        Case(whole(), |k| put(k, at::LOGS, &[0, 13]), BadField, f("log_len"), 0),
        Case(whole(), |k| put(k, at::LOGS, &[0, 255]), BadField, f("log_len"), 0),
        Case(whole(), |k| put(k, at::LOGS, &[1, 12]), BadField, f("log_len"), 0),
        Case(whole(), |k| put(k, at::LOGS, &[0, 12, 1]), BadField, f("log_len"), 0),
        Case(whole(), |k| put(k, at::LOGS, &[1, 0, 0]), BadField, f("log_len"), 0),
        Case(whole(), |k| put(k, at::LOGS, &[0, 0, 1]), BadField, f("log_len"), 0),
        Case(whole(), |k| put(k, at::LOGS, &[1, 128, 1]), BadField, f("log_len"), 0),
        // Sums, as they would be in 5 and in 8 bits as well.
        Case(middle(), |k| put(k, at::LOGS, &[9, 11, 9]), BadField, f("log_before"), 0),
        Case(middle(), |k| put(k, at::LOGS, &[30, 2, 0]), BadField, f("log_before"), 0),
        Case(middle(), |k| put(k, at::LOGS, &[0, 2, 254]), BadField, f("log_before"), 0),
        Case(middle(), |k| put(k, at::LOGS, &[255, 2, 255]), BadField, f("log_before"), 0),
        Case(middle(), |k| put(k, at::LOGS, &[255, 1, 0]), BadField, f("log_before"), 0),
        // Orders.
        Case(whole(), |k| put(k, at::LOGS + 3, &[4]), BadField, f("order"), 0),
        Case(whole(), |k| put(k, at::LOGS + 3, &[0x81]), BadField, f("order"), 0),
        Case(middle(), |k| put(k, at::LOGS, &[1, 3, 0, 1]), BadField, f("order"), 0),
        Case(middle(), |k| put(k, at::LOGS, &[0, 3, 1, 2]), BadField, f("order"), 0),
        Case(middle(), |k| put(k, at::LOGS, &[0, 3, 1, 3]), BadField, f("order"), 0),
        // Strides.
        Case(whole(), |k| repeat(k, 1, 128), BadField, f("stride"), 0),
        Case(whole(), |k| repeat(k, 0, 128), BadField, f("stride"), 0),
        Case(whole(), |k| repeat(k, 1, 1 << 63), BadField, f("stride"), 0),
        Case(batch(), |k| repeat(k, 3, 160), BadAddress, f("stride"), 160),
        Case(batch(), |k| repeat(k, 3, 64), BadField, f("stride"), 0),
        Case(batch(), |k| repeat(k, 3, 0), BadField, f("stride"), 0),
        // A single element takes 64 bytes.
        Case(
            batch(),
            |k| {
                put(k, at::LOGS, &[0, 0]);
                repeat(k, 2, 32)
            },
            BadAddress,
            f("stride"),
            32,
        ),
        Case(
            batch(),
            |k| {
                put(k, at::LOGS, &[0, 0]);
                repeat(k, 2, 0)
            },
            BadField,
            f("stride"),
            0,
        ),
        // Addresses.
        Case(whole(), |k| long(k, at::SOURCE, 0x1020), BadAddress, f("source"), 0x1020),
        Case(whole(), |k| long(k, at::DESTINATION, 0x2008), BadAddress, f("destination"), 0x2008),
        Case(whole(), |k| long(k, at::PARAMS, 0x3020), BadAddress, f("params"), 0x3020),
        Case(whole(), |k| long(k, at::SOURCE, DRAM - 64), BadAddress, f("source"), DRAM - 64),
        Case(whole(), |k| long(k, at::DESTINATION, DRAM - 64), BadAddress, f("destination"), DRAM - 64),
        Case(whole(), |k| long(k, at::PARAMS, DRAM - 128), BadAddress, f("params"), DRAM - 128),
        Case(whole(), |k| long(k, at::PARAMS, DRAM), BadAddress, f("params"), DRAM),
        Case(middle(), |k| long(k, at::SOURCE, DRAM - 2048 + 64), BadAddress, f("source"), DRAM - 2048 + 64),
        Case(middle(), |k| put(k, at::LOGS, &[9, 10, 0]), BadAddress, f("source"), 0x1000),
        Case(middle(), |k| put(k, at::LOGS, &[9, 10, 9]), BadAddress, f("source"), 0x1000),
        // Ends that are small again in 64 bits.
        Case(whole(), |k| long(k, at::SOURCE, !63), BadAddress, f("source"), !63),
        Case(whole(), |k| long(k, at::SOURCE, 1 << 63), BadAddress, f("source"), 1 << 63),
        Case(whole(), |k| long(k, at::DESTINATION, !63), BadAddress, f("destination"), !63),
        Case(whole(), |k| long(k, at::PARAMS, !63), BadAddress, f("params"), !63),
        Case(whole(), |k| long(k, at::PARAMS, !127), BadAddress, f("params"), !127),
        // Batches: the last transform, and products that are small again in 64 bits or less.
        Case(batch(), |k| long(k, at::SOURCE, DRAM - 576), BadAddress, f("source"), DRAM - 576),
        Case(batch(), |k| long(k, at::DESTINATION, DRAM - 576), BadAddress, f("destination"), DRAM - 576),
        Case(batch(), |k| repeat(k, u32::MAX, 128), BadAddress, f("source"), 0x1000),
        Case(batch(), |k| repeat(k, u32::MAX, !63), BadAddress, f("source"), 0x1000),
        Case(batch(), |k| repeat(k, 3, 1 << 63), BadAddress, f("source"), 0x1000),
        Case(batch(), |k| repeat(k, (1 << 16) + 1, 1 << 48), BadAddress, f("source"), 0x1000),
        Case(batch(), |k| repeat(k, (1 << 31) + 1, 1 << 33), BadAddress, f("source"), 0x1000),
        Case(batch(), |k| repeat(k, (1 << 17) + 1, 128), BadAddress, f("source"), 0x1000),
        // An empty batch must be well formed as well.
        Case(
            whole(),
            |k| {
                repeat(k, 0, 0);
                long(k, at::SOURCE, DRAM + 64)
            },
            BadAddress,
            f("source"),
            DRAM + 64,
        ),
        Case(
            whole(),
            |k| {
                repeat(k, 0, 0);
                long(k, at::PARAMS, DRAM - 64)
            },
            BadAddress,
            f("params"),
            DRAM - 64,
        ),
        // Overlaps: one beat at either end, and in place where rows or reversed columns are in the way.
        Case(whole(), |k| long(k, at::DESTINATION, 0x1040), BadField, f("destination"), 0x1040),
        Case(whole(), |k| long(k, at::DESTINATION, 0xfc0), BadField, f("destination"), 0xfc0),
        Case(batch(), |k| long(k, at::DESTINATION, 0x1080), BadField, f("destination"), 0x1080),
        Case(batch(), |k| long(k, at::DESTINATION, 0x1240), BadField, f("destination"), 0x1240),
        Case(middle(), |k| long(k, at::DESTINATION, 0x17c0), BadField, f("destination"), 0x17c0),
        Case(middle(), |k| long(k, at::DESTINATION, 0x1000), BadField, f("destination"), 0x1000),
        Case(
            middle(),
            |k| {
                put(k, at::LOGS, &[1, 3, 0, 0]);
                long(k, at::DESTINATION, 0x1000)
            },
            BadField,
            f("destination"),
            0x1000,
        ),
        Case(
            middle(),
            |k| {
                put(k, at::LOGS, &[0, 3, 1, 1]);
                long(k, at::DESTINATION, 0x1000)
            },
            BadField,
            f("destination"),
            0x1000,
        ),
    ]
}

#[test]
fn ntt_commands() {
    let mut card = Card::open(options(), 8);
    refuse_all(&mut card, &ntt_cases());
    for command in [whole(), middle(), batch()] {
        card.ok(1, command);
    }
    let on_admin = card.refused(0, whole(), Status::BadOpcode);
    assert_eq!(on_admin, (0, 0));
}

#[test]
fn ntt_limits_are_accepted() {
    let mut card = Card::open(options(), 8);
    let edge = NttCommand {
        source: DRAM - 64,
        destination: DRAM - 128,
        params: DRAM - 192,
        batch: 1,
        ..Default::default()
    };
    let mut good = |body: NttCommand| card.ok(2, Command::new(&body));
    // A single element, next to each other; the longest of the block; in place.
    good(edge);
    good(NttCommand { destination: DRAM - 64, order: 3, ..edge });
    good(NttCommand { log_len: 12, source: 0, destination: 1 << 17, order: 3, ..edge });
    good(NttCommand { log_len: 12, source: DRAM - (1 << 17), destination: DRAM - (1 << 17), ..edge });
    // Parts: first and last passes in any order that they can have, in place where they can be.
    let part = NttCommand { source: 0, destination: DRAM / 2, log_len: 1, ..edge };
    good(NttCommand { log_after: 4, order: 1, ..part });
    good(NttCommand { log_before: 4, order: 2, ..part });
    good(NttCommand { log_after: 4, destination: 0, ..part });
    good(NttCommand { log_before: 3, log_len: 11, log_after: 4, ..part });
    // Batches: close together, in place, apart; the last one ends with memory.
    let batch = NttCommand { log_len: 2, batch: 5, stride: 128, ..part };
    good(batch);
    good(NttCommand { destination: 5 * 128, ..batch });
    good(NttCommand { destination: 0, ..batch });
    good(NttCommand { stride: 192, source: DRAM - 4 * 192 - 128, ..batch });
    good(NttCommand { log_len: 0, stride: 64, ..batch });
    good(NttCommand { log_len: 0, batch: 1 << 17, stride: 64, ..batch });
    // Nothing to do: ranges of no bytes at the end of memory, on each other, however long a transform would be.
    let none = NttCommand { batch: 0, source: DRAM, destination: DRAM, ..batch };
    let before = good(NttCommand { stride: 0, ..none }).cycles;
    good(NttCommand { stride: 0, log_before: 9, log_len: 10, log_after: 9, ..none });
    assert!(before < 100);
    assert_eq!(card.read32(reg::ERR_STATUS), 0);
}

fn vector(operation: VectorOperation, flags: u8, kinds: u8) -> Command {
    let (a, d) = (0x1000, 0x4000);
    let body = VectorCommand {
        a,
        d,
        params: 0x5000,
        n: 3,
        operation: operation as u8,
        flags,
        kinds,
        ..Default::default()
    };
    Command::new(&body)
}

/// d = a · b + c, all of them streams.
fn map() -> Command {
    let mut command = vector(VectorOperation::Map, 3, 0);
    long(&mut command, at::B, 0x2000);
    long(&mut command, at::C, 0x3020);
    command
}

fn scalars(operation: VectorOperation) -> Command {
    let mut command = vector(operation, 0, kinds(VectorKind::Scalar, VectorKind::Scalar, VectorKind::Scalar));
    long(&mut command, at::A, 0);
    command
}

fn prefix() -> Command {
    vector(VectorOperation::PrefixProduct, 4, 0)
}

fn inverse() -> Command {
    vector(VectorOperation::Inverse, 0, 0)
}

fn vector_cases() -> Vec<Case> {
    use Status::*;
    let f = |name| offset(<VectorCommand as CommandBody>::FIELDS, name);
    let reduce = || scalars(VectorOperation::Reduce);
    vec![
        Case(map(), |k| put(k, 63, &[1]), BadFlags, 0, 0),
        Case(map(), |k| put(k, at::OPERATION, &[4]), BadField, f("operation"), 0),
        Case(map(), |k| put(k, at::OPERATION, &[255]), BadField, f("operation"), 0),
        Case(prefix(), |k| put(k, at::N, &((1u32 << 31) + 1).to_le_bytes()), BadField, f("n"), 0),
        Case(map(), |k| put(k, at::N, &u32::MAX.to_le_bytes()), BadField, f("n"), 0),
        // Flags that belong to another operation, or to none.
        Case(map(), |k| put(k, at::OPERATION + 1, &[4]), BadField, f("flags"), 0),
        Case(map(), |k| put(k, at::OPERATION + 1, &[0x81]), BadField, f("flags"), 0),
        Case(reduce(), |k| put(k, at::OPERATION + 1, &[7]), BadField, f("flags"), 0),
        Case(prefix(), |k| put(k, at::OPERATION + 1, &[5]), BadField, f("flags"), 0),
        Case(prefix(), |k| put(k, at::OPERATION + 1, &[2]), BadField, f("flags"), 0),
        Case(inverse(), |k| put(k, at::OPERATION + 1, &[1]), BadField, f("flags"), 0),
        Case(inverse(), |k| put(k, at::OPERATION + 1, &[4]), BadField, f("flags"), 0),
        // Kinds: a and c are streams or scalars, the top bits are free.
        Case(map(), |k| put(k, at::OPERATION + 2, &[2]), BadField, f("kinds"), 0),
        Case(map(), |k| put(k, at::OPERATION + 2, &[3]), BadField, f("kinds"), 0),
        Case(map(), |k| put(k, at::OPERATION + 2, &[2 << 4]), BadField, f("kinds"), 0),
        Case(map(), |k| put(k, at::OPERATION + 2, &[3 << 4]), BadField, f("kinds"), 0),
        Case(map(), |k| put(k, at::OPERATION + 2, &[1 << 6]), BadField, f("kinds"), 0),
        Case(reduce(), |k| put(k, at::OPERATION + 2, &[1 << 7]), BadField, f("kinds"), 0),
        Case(prefix(), |k| put(k, at::OPERATION + 2, &[1]), BadField, f("kinds"), 0),
        Case(inverse(), |k| put(k, at::OPERATION + 2, &[1 << 4]), BadField, f("kinds"), 0),
        // Addresses of what is not read.
        Case(reduce(), |k| long(k, at::A, 64), BadField, f("a"), 0),
        Case(reduce(), |k| long(k, at::B, 1 << 63), BadField, f("b"), 0),
        Case(reduce(), |k| long(k, at::C, 1), BadField, f("c"), 0),
        Case(map(), |k| put(k, at::OPERATION + 2, &[(VectorKind::Powers as u8) << 2]), BadField, f("b"), 0),
        Case(prefix(), |k| long(k, at::B, 32), BadField, f("b"), 0),
        Case(prefix(), |k| long(k, at::C, 32), BadField, f("c"), 0),
        Case(inverse(), |k| long(k, at::B, 32), BadField, f("b"), 0),
        Case(inverse(), |k| long(k, at::C, 32), BadField, f("c"), 0),
        // Alignment.
        Case(map(), |k| long(k, at::A, 0x1010), BadAddress, f("a"), 0x1010),
        Case(map(), |k| long(k, at::B, 0x2001), BadAddress, f("b"), 0x2001),
        Case(map(), |k| long(k, at::C, 0x3008), BadAddress, f("c"), 0x3008),
        Case(map(), |k| long(k, at::D, 0x4004), BadAddress, f("d"), 0x4004),
        Case(inverse(), |k| long(k, at::D, 0x4010), BadAddress, f("d"), 0x4010),
        // Parameters.
        Case(map(), |k| long(k, at::VECTOR_PARAMS, 0x5020), BadAddress, f("params"), 0x5020),
        Case(map(), |k| long(k, at::VECTOR_PARAMS, DRAM - 128), BadAddress, f("params"), DRAM - 128),
        Case(map(), |k| long(k, at::VECTOR_PARAMS, DRAM), BadAddress, f("params"), DRAM),
        Case(map(), |k| long(k, at::VECTOR_PARAMS, !63), BadAddress, f("params"), !63),
        Case(inverse(), |k| long(k, at::VECTOR_PARAMS, 1 << 63), BadAddress, f("params"), 1 << 63),
    ]
}

#[test]
fn vector_commands() {
    let mut card = Card::open(options(), 8);
    refuse_all(&mut card, &vector_cases());
    for command in
        [map(), scalars(VectorOperation::Reduce), scalars(VectorOperation::Map), prefix(), inverse()]
    {
        card.ok(1, command);
    }
    let mut gather = map();
    put(&mut gather, at::OPERATION + 2, &[(VectorKind::Gather as u8) << 2]);
    card.ok(2, gather);
    let mut edge = scalars(VectorOperation::Map);
    long(&mut edge, at::VECTOR_PARAMS, DRAM - 192);
    card.ok(2, edge);
    assert_eq!(card.refused(0, map(), Status::BadOpcode), (0, 0));
}

/// A card without these engines knows their opcodes no more than others.
#[test]
fn cards_without_the_engines() {
    let without = |ntt_lanes, vector_lanes| {
        let config = CardConfig { ntt_lanes, vector_lanes, ..options().config };
        Card::open(SimOptions { config, ..options() }, 8)
    };
    let mut bare = without(0, 0);
    assert_eq!(bare.read32(reg::CAP_ENGINES), 0b1111);
    assert_eq!((bare.read32(reg::CAP_NTT), bare.read32(reg::CAP_VECTOR)), (0, 0));
    assert_eq!(bare.refused(1, whole(), Status::BadOpcode), (0, 0));
    assert_eq!(bare.refused(2, map(), Status::BadOpcode), (0, 0));
    assert_eq!((bare.read64(counter::NTT_BUSY), bare.read64(counter::VECTOR_BUSY)), (0, 0));
    let mut vectors = without(0, 1);
    assert_eq!(vectors.read32(reg::CAP_ENGINES), 0b10_1111);
    assert_eq!(vectors.refused(1, whole(), Status::BadOpcode), (0, 0));
    vectors.ok(2, map());
}
