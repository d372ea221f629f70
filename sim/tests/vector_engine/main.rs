//! The vector engine's RTL against its model: all of card memory after every command.

#[path = "../vector_common/mod.rs"]
mod common;
#[path = "../ports/mod.rs"]
mod ports;

mod bench;
mod case;
mod failures;
mod rate;

use bench::{Bench, BYTES, FAST};
use case::{Case, Place};
use permafrost_abi::{VectorKind, VectorOperation};
use permafrost_rtl::target::Target;
use ports::Memory;
use rand::Rng;
use rand_chacha::ChaCha8Rng;
use VectorKind::{Gather, Powers, Scalar, Stream};

pub fn rng() -> ChaCha8Rng {
    common::rng(0x5eed_0035)
}

pub fn bench(rng: &mut ChaCha8Rng) -> Bench {
    Bench::new(Target::Generic, rng.gen())
}

pub const OPERATIONS: [VectorOperation; 4] =
    [VectorOperation::Map, VectorOperation::Reduce, VectorOperation::PrefixProduct, VectorOperation::Inverse];

/// The combinations of kinds that `operation` has.
fn all_kinds(operation: VectorOperation) -> Vec<[VectorKind; 3]> {
    if !case::is_map(operation) {
        return vec![[Stream; 3]];
    }
    let two = [Stream, Scalar];
    let with = |a, c| [Stream, Scalar, Powers, Gather].map(move |b| [a, b, c]);
    two.iter().flat_map(|&a| two.iter().flat_map(move |&c| with(a, c))).collect()
}

/// Latencies, and how often a side stalls.
pub fn some_memory(rng: &mut ChaCha8Rng) -> Memory {
    match rng.gen_range(0..3) {
        0 => FAST,
        1 => Memory::ROUGH,
        _ => Memory { latency: rng.gen_range(1..60), jitter: 20, stall: rng.gen_range(0..150), ..FAST },
    }
}

fn every_kind(lengths: &[usize], max_stride: u32) {
    let mut rng = rng();
    let mut b = bench(&mut rng);
    for operation in OPERATIONS {
        let all = all_kinds(operation);
        // The operations with one combination have as many turns as the others.
        for turn in 0..all.len().max(8) {
            for &n in lengths {
                let case =
                    Case::random(&mut rng, operation, all[turn % all.len()], n, max_stride, Place::Apart);
                let m = some_memory(&mut rng);
                b.check(&case, &m);
            }
        }
    }
}

#[test]
fn operations_on_short_vectors() {
    every_kind(&[0, 1, 2, 3, 7, 16, 33, 64], 4);
}

#[test]
fn operations_on_contiguous_vectors() {
    every_kind(&[300, 513], 1);
}

#[test]
fn operations_on_strided_vectors() {
    every_kind(&[301, 700], 7);
}

#[test]
fn operations_on_longer_vectors() {
    let mut rng = rng();
    let mut b = bench(&mut rng);
    for operation in OPERATIONS {
        for max_stride in [1, 4] {
            for kinds in [[Stream; 3], [Stream, Gather, Stream], [Stream, Powers, Scalar]] {
                let kinds = if case::is_map(operation) { kinds } else { [Stream; 3] };
                let n = rng.gen_range(1000..2000);
                let case = Case::random(&mut rng, operation, kinds, n, max_stride, Place::Apart);
                let m = some_memory(&mut rng);
                b.check(&case, &m);
            }
        }
    }
}

#[test]
fn results_in_place_and_between_the_operands() {
    let mut rng = rng();
    let mut b = bench(&mut rng);
    for n in [1, 2, 300, 777] {
        for operation in [VectorOperation::Map, VectorOperation::PrefixProduct, VectorOperation::Inverse] {
            let operands = if operation == VectorOperation::Map { 3 } else { 1 };
            for x in 0..operands {
                for max_stride in [1, 5] {
                    for place in [Place::On(x), Place::Between(x)] {
                        let case = Case::random(&mut rng, operation, [Stream; 3], n, max_stride, place);
                        let m = some_memory(&mut rng);
                        b.check(&case, &m);
                    }
                }
            }
        }
    }
}

/// Every operand the same stream, d as well.
#[test]
fn one_vector_for_everything() {
    let mut rng = rng();
    let mut b = bench(&mut rng);
    for stride in [1, 3] {
        let mut case = Case::random(&mut rng, VectorOperation::Map, [Stream; 3], 400, 1, Place::On(0));
        case.addresses = [case.addresses[0]; 4];
        case.strides = [stride; 4];
        case.vectors = [0; 3].map(|_| case.vectors[0].clone());
        b.check(&case, &FAST);
        b.check(&case, &Memory::ROUGH);
    }
}

/// Parameters across a page, operands up to the last byte of memory.
#[test]
fn places_at_the_edges() {
    let mut rng = rng();
    let mut b = bench(&mut rng);
    for operation in OPERATIONS {
        for params in [4096 - 64, 4096 - 128, 8192 - 192] {
            let mut case = Case::random(&mut rng, operation, [Stream; 3], 100, 2, Place::Apart);
            case.addresses.iter_mut().filter(|address| **address != 0).for_each(|address| *address += 16384);
            case.params = params;
            let end = BYTES as u64 - 32;
            let results = if operation == VectorOperation::Reduce { 1 } else { 100 };
            case.addresses[3] = end - 32 * u64::from(case.strides[3]) * (results - 1);
            b.check(&case, &FAST);
        }
    }
}

#[test]
fn the_other_target() {
    let mut rng = rng();
    let mut b = Bench::new(Target::Xcup, rng.gen());
    for operation in OPERATIONS {
        for n in [1, 150, 600] {
            let case = Case::random(&mut rng, operation, [Stream; 3], n, 2, Place::Apart);
            b.check(&case, &Memory::ROUGH);
        }
    }
    let case = Case::random(&mut rng, VectorOperation::Map, [Stream, Powers, Scalar], 300, 1, Place::Apart);
    b.check(&case, &FAST);
}
