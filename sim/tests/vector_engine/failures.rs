//! Commands that cannot be done, memory that fails, and cancellations.

use crate::{
    bench as make_bench,
    bench::{Bench, Outcome, BYTES, FAST},
    case::{is_map, Case, Place},
    ports::Memory,
    rng, some_memory, OPERATIONS,
};
use permafrost_abi::{
    Command, Status, VectorCommand,
    VectorKind::{Gather, Powers, Scalar, Stream},
    VectorOperation, VectorParameters,
};
use permafrost_rtl::field::Field;
use rand::Rng;
use std::mem::offset_of;

const SCALARS: [usize; 3] = [
    offset_of!(VectorParameters, a_scalar),
    offset_of!(VectorParameters, b_scalar),
    offset_of!(VectorParameters, c_scalar),
];
const STRIDES: [usize; 4] = [
    offset_of!(VectorParameters, a_stride),
    offset_of!(VectorParameters, b_stride),
    offset_of!(VectorParameters, c_stride),
    offset_of!(VectorParameters, d_stride),
];
/// Offset of a command's body.
const BODY: usize = offset_of!(Command, body);
const OPERANDS: [usize; 4] = [
    BODY + offset_of!(VectorCommand, a),
    BODY + offset_of!(VectorCommand, b),
    BODY + offset_of!(VectorCommand, c),
    BODY + offset_of!(VectorCommand, d),
];
const INDICES: usize = offset_of!(VectorParameters, indices);
const B_LEN: usize = offset_of!(VectorParameters, b_len);
const RESERVED: usize = offset_of!(VectorParameters, reserved);

/// Operand `x` of `case` is where it must not be.
fn operand(case: &Case, x: usize, status: Status) -> Outcome {
    Outcome { addr: case.addresses[x], ..Outcome::refused(status, OPERANDS[x]) }
}

fn parameter(info: usize) -> Outcome {
    Outcome::refused(Status::BadParameter, info)
}

#[test]
fn bad_parameters() {
    let mut rng = rng();
    let mut b = make_bench(&mut rng);
    let p = Field::fr().p;
    let mut limits = vec![p.to_bytes_le(), (&p + 1u32).to_bytes_le(), vec![0xff; 32]];
    limits[1][31] |= 0x40;
    for operation in [VectorOperation::Map, VectorOperation::Reduce] {
        for kinds in [[Scalar; 3], [Scalar, Powers, Scalar]] {
            let case = Case::contiguous(&mut rng, operation, kinds, 20);
            for at in SCALARS {
                for limit in &limits {
                    let spoil = |memory: &mut [u8]| {
                        memory[case.params as usize + at..][..32].copy_from_slice(limit);
                    };
                    b.refuse(&case, spoil, parameter(at), "a scalar from p on");
                }
            }
            b.check(&case, &FAST);
        }
    }
    for operation in OPERATIONS {
        for kinds in [[Stream; 3], [Stream, Gather, Stream]] {
            let kinds = if is_map(operation) { kinds } else { [Stream; 3] };
            let case = Case::contiguous(&mut rng, operation, kinds, 20);
            for at in SCALARS {
                for byte in [0, 31] {
                    let spoil = |memory: &mut [u8]| memory[case.params as usize + at + byte] = 1;
                    b.refuse(&case, spoil, parameter(at), "a scalar that is not used");
                }
            }
            for (x, at) in STRIDES.into_iter().enumerate() {
                let mut other = case.clone();
                other.strides[x] = 0;
                let used = match x {
                    0 => true,
                    3 => operation != VectorOperation::Reduce,
                    _ => is_map(operation),
                };
                if used {
                    b.refuse(&other, |_| (), parameter(at), "a stride of zero");
                }
            }
            for at in (RESERVED..192).step_by(3) {
                let spoil = |memory: &mut [u8]| memory[case.params as usize + at] = 0x80;
                b.refuse(&case, spoil, parameter(RESERVED), "what is reserved");
            }
            if kinds[1] == Gather {
                let other = Case { indices_at: case.indices_at + 32, ..case.clone() };
                b.refuse(&other, |_| (), parameter(INDICES), "unaligned indices");
            } else {
                let other = Case { indices_at: 64, ..case.clone() };
                b.refuse(&other, |_| (), parameter(INDICES), "indices that are not used");
                let other = Case { b_len: 1, ..case.clone() };
                b.refuse(&other, |_| (), parameter(B_LEN), "a length that is not used");
            }
            b.check(&case, &FAST);
        }
    }
}

/// Two things are wrong: the first one by its place.
#[test]
fn the_first_bad_parameter_counts() {
    let mut rng = rng();
    let mut b = make_bench(&mut rng);
    let case = Case::contiguous(&mut rng, VectorOperation::Map, [Stream; 3], 20);
    let places = [0, 32, 64, 96, 100, 104, 108, 112, 120, 124, 190];
    for (i, &first) in places.iter().enumerate() {
        for &second in &places[i..] {
            let spoil = |memory: &mut [u8]| {
                for at in [first, second] {
                    let stride = STRIDES.contains(&at);
                    memory[case.params as usize + at] = u8::from(!stride);
                }
            };
            b.refuse(&case, spoil, parameter(first.min(RESERVED)), "two at once");
        }
    }
}

#[test]
fn operands_that_leave_memory() {
    let mut rng = rng();
    let mut b = make_bench(&mut rng);
    let end = BYTES as u64;
    let address = |case: &Case, x: usize| operand(case, x, Status::BadAddress);
    for n in [1, 2, 50] {
        for stride in [1, 3, u32::MAX] {
            for x in 0..4 {
                let mut case = Case::contiguous(&mut rng, VectorOperation::Map, [Stream; 3], n);
                case.strides[x] = stride;
                // One element too far; the same far beyond, where sums of 64 bits would wrap.
                let mut last = (end - 32).saturating_sub(32 * u64::from(stride) * (n as u64 - 1)) + 32;
                if stride == u32::MAX && n > 1 {
                    last = 0;
                }
                for at in [last, u64::MAX - 31, u64::MAX - 31 - 32 * u64::from(stride) * (n as u64 - 1)] {
                    let mut other = Case { vectors: [vec![], vec![], vec![]], ..case.clone() };
                    other.addresses[x] = at;
                    b.refuse(&other, |_| (), address(&other, x), "outside");
                }
            }
        }
    }
    // A sum is one element.
    let mut case = Case::contiguous(&mut rng, VectorOperation::Reduce, [Stream; 3], 40);
    case.addresses[3] = end - 32;
    b.check(&case, &FAST);
    case.addresses[3] = end;
    b.refuse(&case, |_| (), address(&case, 3), "a sum outside");
    case.n = 0;
    case.vectors = [vec![], vec![], vec![]];
    b.refuse(&case, |_| (), address(&case, 3), "a sum of nothing outside");
    // Gathered: as long as b is said to be.
    let mut case = Case::contiguous(&mut rng, VectorOperation::Map, [Scalar, Gather, Scalar], 40);
    case.addresses[1] = end - 32 * u64::from(case.b_len);
    b.check(&case, &FAST);
    let other = Case { b_len: case.b_len + 1, ..case.clone() };
    b.refuse(&other, |_| (), address(&other, 1), "gathered outside");
    case.indices_at = end - 128;
    case.n = 32;
    case.indices.truncate(32);
    case.addresses[1] -= 4096;
    b.check(&case, &FAST);
    let other = Case { n: 33, indices: vec![], ..case.clone() };
    b.refuse(&other, |_| (), parameter(INDICES), "indices outside");
    // Without elements nothing is outside.
    let mut case = Case::contiguous(&mut rng, VectorOperation::Map, [Stream; 3], 0);
    case.addresses = [u64::MAX - 31; 4];
    b.check(&case, &FAST);
}

#[test]
fn overlaps() {
    let mut rng = rng();
    let mut b = make_bench(&mut rng);
    let refused = |case: &Case| operand(case, 3, Status::BadField);
    let n = 40;
    for x in 0..3 {
        for (stride, d_stride, shift) in [
            (1, 1, 32),
            (1, 1, -32),
            (1, 1, 32 * (n as i64 - 1)),
            (1, 1, -32 * (n as i64 - 1)),
            (2, 1, 0),
            (1, 2, 0),
            (3, 3, 96),
            (3, 3, -96),
            (3, 3, 32 * 3 * (n as i64 - 1)),
            (4, 3, 32),
        ] {
            let mut case = Case::contiguous(&mut rng, VectorOperation::Map, [Scalar; 3], n);
            case.kinds[x] = Stream;
            case.scalars[x] = 0u32.into();
            case.strides[x] = stride;
            case.strides[3] = d_stride;
            case.addresses[x] = 1 << 19;
            case.addresses[3] = ((1i64 << 19) + shift) as u64;
            b.refuse(&case, |_| (), refused(&case), "a stream and d");
            // Just apart.
            let span = |stride: u32| 32 * (u64::from(stride) * (n as u64 - 1) + 1);
            case.vectors[x] = crate::common::vector(&mut rng, n);
            for at in [(1 << 19) + span(stride), (1 << 19) - span(d_stride)] {
                case.addresses[3] = at;
                b.check(&case, &FAST);
            }
        }
    }
    // A sum is nowhere in its operands; what is gathered, and the indices, are read for themselves.
    let mut case = Case::contiguous(&mut rng, VectorOperation::Reduce, [Stream; 3], n);
    for x in 0..3 {
        for i in [0, n as u64 - 1] {
            case.addresses[3] = case.addresses[x] + 32 * i;
            b.refuse(&case, |_| (), refused(&case), "a sum in an operand");
        }
    }
    let case = Case::contiguous(&mut rng, VectorOperation::Map, [Scalar, Gather, Scalar], n);
    for at in [
        case.addresses[1],
        case.addresses[1] + 32 * (u64::from(case.b_len) - 1),
        case.indices_at,
        case.indices_at + 4 * n as u64 - 32,
        case.indices_at - 32 * (n as u64 - 1),
    ] {
        let mut other = case.clone();
        other.addresses[3] = at;
        b.refuse(&other, |_| (), refused(&other), "gathered");
    }
}

#[test]
fn indices_that_are_too_large() {
    let mut rng = rng();
    let mut b = make_bench(&mut rng);
    for n in [1, 5, 400] {
        for _ in 0..6 {
            let mut case =
                Case::random(&mut rng, VectorOperation::Map, [Stream, Gather, Stream], n, 3, Place::Apart);
            let m = some_memory(&mut rng);
            let good = case.indices.clone();
            let over = [case.b_len, case.b_len + 1, u32::MAX][rng.gen_range(0..3)];
            case.indices[rng.gen_range(0..n)] = over;
            b.memory = case.memory(BYTES);
            assert_eq!(b.run(&case, &m), parameter(B_LEN), "index {over} of {}", case.b_len);
            b.check(&Case { indices: good, ..case }, &m);
        }
    }
    let case = Case::random(&mut rng, VectorOperation::Reduce, [Scalar, Gather, Scalar], 5, 1, Place::Apart);
    let case = Case { b_len: 0, ..case };
    b.memory = case.memory(BYTES);
    assert_eq!(b.run(&case, &FAST), parameter(B_LEN), "nothing to gather from");
}

/// Addresses of the beats of `case`, those of the parameters first, and those of d.
fn beats(case: &Case) -> (Vec<u64>, Vec<u64>) {
    let beat = |at: u64| at / 64 * 64;
    let nth = |x: usize, i: usize| beat(case.addresses[x] + 32 * u64::from(case.strides[x]) * i as u64);
    let mut reads: Vec<u64> = (0..3).map(|k| case.params + 64 * k).collect();
    for x in (0..3).filter(|&x| !case.vectors[x].is_empty()) {
        if x == 1 && case.kinds[1] == Gather {
            reads.push(nth(x, case.indices[case.n / 2] as usize));
            reads.push(beat(case.indices_at + 2 * case.n as u64));
        } else {
            reads.extend([0, case.n / 2, case.n - 1].map(|i| nth(x, i)));
        }
    }
    let results =
        if case.operation == VectorOperation::Reduce { vec![0] } else { vec![0, case.n / 2, case.n - 1] };
    (reads, results.into_iter().map(|i| nth(3, i)).collect())
}

#[test]
fn memory_that_fails() {
    let mut rng = rng();
    let mut b = make_bench(&mut rng);
    for operation in OPERATIONS {
        for (kinds, max_stride) in [([Stream; 3], 1), ([Stream, Gather, Stream], 5), ([Stream; 3], 4)] {
            let kinds = if is_map(operation) { kinds } else { [Stream; 3] };
            let case = Case::random(&mut rng, operation, kinds, 300, max_stride, Place::Apart);
            let (reads, writes) = beats(&case);
            for at in reads {
                let m = Memory { bad_read: Some(at), ..some_memory(&mut rng) };
                b.memory = case.memory(BYTES);
                let expected = Outcome::failed(Status::DramReadError, at);
                assert_eq!(b.run(&case, &m), expected, "{operation:?} {kinds:?} {:x?}", case.addresses);
                b.check(&case, &FAST);
            }
            for at in writes {
                let m = Memory { bad_write: Some(at), ..some_memory(&mut rng) };
                b.memory = case.memory(BYTES);
                let outcome = b.run(&case, &m);
                // The burst with the bad beat.
                assert_eq!((outcome.status, outcome.info), (Status::DramWriteError as u64, 0));
                assert!(outcome.addr <= at && at < outcome.addr + 1024, "{outcome:x?}, {at:#x}");
                assert!(max_stride > 2 || operation != VectorOperation::Reduce || outcome.addr == at);
                b.check(&case, &Memory::ROUGH);
            }
        }
    }
}

#[test]
fn cancellations() {
    let mut rng = rng();
    let mut b = make_bench(&mut rng);
    for operation in OPERATIONS {
        for (kinds, max_stride) in [([Stream; 3], 1), ([Stream, Gather, Stream], 4)] {
            let kinds = if is_map(operation) { kinds } else { [Stream; 3] };
            let case = Case::random(&mut rng, operation, kinds, 600, max_stride, Place::Apart);
            b.check(&case, &FAST);
            let whole = b.clocks;
            let mut moments = vec![0, 1, 2, 3, 5, 20, 40, 60, 80, 100, whole / 2, whole - 30];
            moments.extend((0..8).map(|_| rng.gen_range(0..whole)));
            for (i, clocks) in moments.into_iter().enumerate() {
                b.memory = case.memory(BYTES);
                let m = if i % 2 == 0 { FAST } else { Memory::ROUGH };
                b.begin(&case, &m);
                run_for(&mut b, clocks, &m);
                b.abort(&m);
                b.check(&case, &m);
            }
        }
    }
}

/// In each of the last clocks of a command: its completion does not come any more.
#[test]
fn cancellations_at_the_end() {
    let mut rng = rng();
    let mut b = make_bench(&mut rng);
    for operation in OPERATIONS {
        let case = Case::contiguous(&mut rng, operation, [Stream; 3], 20);
        b.check(&case, &FAST);
        for clocks in b.clocks - 5..b.clocks {
            b.memory = case.memory(BYTES);
            b.begin(&case, &FAST);
            run_for(&mut b, clocks, &FAST);
            b.abort(&FAST);
            b.check(&case, &FAST);
        }
    }
    // A command that is refused.
    let case = Case::contiguous(&mut rng, VectorOperation::Map, [Stream; 3], 20);
    let case = Case { b_len: 1, ..case };
    b.memory = case.memory(BYTES);
    assert_eq!(b.run(&case, &FAST), parameter(B_LEN));
    for clocks in b.clocks - 5..b.clocks {
        b.begin(&case, &FAST);
        run_for(&mut b, clocks, &FAST);
        b.abort(&FAST);
    }
}

/// Clocks without a completion; on the faster memory there are fewer than the command takes.
fn run_for(b: &mut Bench, clocks: u64, m: &Memory) {
    for _ in 0..clocks {
        b.step(m);
        assert_eq!(b.get("done_valid"), 0, "over before {clocks} clocks");
    }
}
