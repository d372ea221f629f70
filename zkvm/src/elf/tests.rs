use std::fmt::Debug;

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::{load, HEADER, MAX_IMAGE, PROGRAM_HEADER};
use crate::error::Error;
use crate::isa::Op;

const NOP: u32 = 0x0000_0013;
const ECALL: u32 = 0x0000_0073;

#[derive(Clone)]
struct Part {
    address: u32,
    bytes: Vec<u8>,
    memory: u32,
    flags: u32,
}

fn text(address: u32, words: &[u32]) -> Part {
    let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
    Part { address, memory: bytes.len() as u32, bytes, flags: 5 }
}

fn data(address: u32, bytes: &[u8], memory: u32) -> Part {
    Part { address, bytes: bytes.to_vec(), memory, flags: 6 }
}

/// An executable with these segments, headers first.
fn build(entry: u32, parts: &[Part]) -> Vec<u8> {
    let mut file = vec![0; HEADER];
    file[..7].copy_from_slice(&[0x7f, b'E', b'L', b'F', 1, 1, 1]);
    let mut put = |at: usize, bytes: &[u8]| file[at..at + bytes.len()].copy_from_slice(bytes);
    put(16, &2u16.to_le_bytes());
    put(18, &243u16.to_le_bytes());
    put(20, &1u32.to_le_bytes());
    put(24, &entry.to_le_bytes());
    put(28, &(HEADER as u32).to_le_bytes());
    put(40, &(HEADER as u16).to_le_bytes());
    put(42, &(PROGRAM_HEADER as u16).to_le_bytes());
    put(44, &(parts.len() as u16).to_le_bytes());
    let mut offset = HEADER + parts.len() * PROGRAM_HEADER;
    for part in parts {
        let size = part.bytes.len() as u32;
        for field in [1, offset as u32, part.address, part.address, size, part.memory, part.flags, 1] {
            file.extend(field.to_le_bytes());
        }
        offset += part.bytes.len();
    }
    parts.iter().for_each(|part| file.extend(&part.bytes));
    file
}

fn valid() -> Vec<u8> {
    build(
        0x1_0000,
        &[text(0x1_0000, &[NOP, 0xffff_ffff, ECALL]), data(0x2_0002, &[1, 2, 3, 0, 0, 0, 0], 100)],
    )
}

#[track_caller]
fn refused<T: Debug>(found: Result<T, Error>, variant: &str, words: &[&str]) {
    let error = found.expect_err("refused");
    assert!(format!("{error:?}").starts_with(variant), "{error:?}");
    let message = error.to_string();
    for word in words {
        assert!(message.contains(word), "\"{message}\" does not say {word}");
    }
}

/// A valid file with bytes replaced.
fn patched(at: usize, bytes: &[u8]) -> Vec<u8> {
    let mut file = valid();
    file[at..at + bytes.len()].copy_from_slice(bytes);
    file
}

#[test]
fn a_program() {
    let program = load(&valid()).expect("valid");
    assert_eq!(program.entry, 0x1_0000);
    let code: Vec<_> = program.code.iter().map(|(pc, instruction)| (*pc, instruction.op)).collect();
    assert_eq!(code, [(0x1_0000, Op::Addi), (0x1_0008, Op::Ecall)]);
    let image =
        [(0x4000, NOP), (0x4001, 0xffff_ffff), (0x4002, ECALL), (0x8000, 0x0201_0000), (0x8001, 0x0000_0003)];
    assert_eq!(program.image, image);
}

#[test]
fn segments_at_odd_addresses() {
    // Two segments share the word at 0x2000, code starts and ends in the middle of words, in no order.
    let mut code = text(0x1_0002, &[]);
    code.bytes = [0, 0].into_iter().chain(NOP.to_le_bytes()).chain([0x13, 0, 0]).collect();
    code.memory = code.bytes.len() as u32;
    let parts = [code, data(0x2003, &[4, 5], 2), data(0x1fff, &[1, 2, 3], 4), data(0x3000, &[], 8)];
    let program = load(&build(0x1_0004, &parts)).expect("valid");
    assert_eq!(program.code.iter().map(|(pc, _)| *pc).collect::<Vec<_>>(), [0x1_0004]);
    let image = [(0x7ff, 0x0100_0000), (0x800, 0x0400_0302), (0x801, 5), (0x4001, NOP), (0x4002, 0x13)];
    assert_eq!(program.image, image);
}

#[test]
fn only_executable_segments_are_code() {
    let program = load(&build(0, &[text(0, &[NOP]), data(0x100, &NOP.to_le_bytes(), 4)])).expect("valid");
    assert_eq!(program.code.len(), 1);
    let last = data(0xffff_fffc, &[1, 2, 3, 4], 4);
    let program = load(&build(0, &[text(0, &[NOP]), last])).expect("memory reaches to the end");
    assert_eq!(program.image[1], (0x3fff_ffff, 0x0403_0201));
}

#[test]
fn each_wrong_file_has_its_error() {
    refused(load(&[]), "NotElf {", &["[]"]);
    refused(load(b"#!/bin/sh"), "NotElf {", &["23, 21", "7f, 45"]);
    refused(load(&patched(4, &[2])), "NotElf32", &["64-bit", "riscv32im"]);
    refused(load(&patched(5, &[2])), "NotLittleEndian", &["big-endian"]);
    refused(load(&patched(18, &[62, 0])), "NotRiscV", &["62", "243"]);
    refused(load(&patched(36, &[1])), "Compressed", &["0x1", "C extension"]);
    refused(load(&patched(16, &[3])), "NotExecutable", &["3", "static"]);
    refused(load(&patched(16, &[1])), "NotExecutable", &["1", "relocatable"]);
    refused(load(&patched(24, &[2])), "EntryMisaligned", &["0x00010002", "C extension"]);
    refused(load(&patched(24, &[4])), "EntryNotCode", &["0x00010004", "_start"]);
    refused(load(&patched(24, &[12])), "EntryNotCode", &["0x0001000c"]);
    refused(load(&patched(26, &[2])), "EntryNotCode", &["0x00020000"]);
    refused(load(&patched(42, &[56])), "ProgramHeaders", &["56", "32"]);
    refused(load(&patched(44, &[0xff, 0xff])), "ProgramHeaders", &["65535"]);
    refused(load(&patched(44, &[0, 0])), "NoSegment", &["PT_LOAD"]);
    refused(load(&patched(28, &[0, 0, 0, 0xff])), "Truncated", &["program headers", "4278190144"]);
    for size in [7, HEADER - 1] {
        refused(load(&valid()[..size]), "Truncated", &["header", &size.to_string()]);
    }
    refused(load(&valid()[..HEADER + 63]), "Truncated", &["program headers"]);
    let last = valid().len() - 1;
    refused(load(&valid()[..last]), "SegmentOutsideFile", &["0x00020002", &last.to_string()]);
    let first = HEADER;
    refused(load(&patched(first + 4, &[0xff; 4])), "SegmentOutsideFile", &["4294967295"]);
    refused(load(&patched(first + 16, &[0xff; 4])), "SegmentOutsideFile", &["0x00010000"]);
    refused(load(&patched(first + 20, &[11])), "SegmentTooSmall", &["12", "11"]);
}

#[test]
fn wrong_segments() {
    let code = || text(0x1_0000, &[NOP]);
    let with = |part: Part| load(&build(0x1_0000, &[code(), part]));
    refused(with(data(0xffff_fff0, &[], 0x11)), "SegmentPastEnd", &["0xfffffff0", "17"]);
    // The largest size that a header can hold, with nothing in the file: nothing of it is allocated.
    refused(with(data(0, &[], u32::MAX)), "ImageTooLarge", &["4294967299", "268435456"]);
    let size = MAX_IMAGE as u32;
    refused(with(data(0x2_0000, &[], size)), "ImageTooLarge", &["268435460"]);
    with(data(0x2_0000, &[], size - 4)).expect("just fits");
    let many: Vec<_> = (0..4).map(|i| data(i << 30, &[], 1 << 30)).collect();
    refused(load(&build(0, &many)), "ImageTooLarge", &["4294967296"]);
    refused(with(data(0x1_0003, &[], 4)), "SegmentsOverlap", &["0x00010000", "0x00010003"]);
    refused(with(data(0xffff, &[], 2)), "SegmentsOverlap", &["0x0000ffff", "0x00010000"]);
    refused(with(data(0x1_0000, &[1], 1)), "SegmentsOverlap", &["0x00010000 and 0x00010000"]);
    refused(
        load(&build(0x1_0000, &[data(0x1_0000, &NOP.to_le_bytes(), 4)])),
        "EntryNotCode",
        &["executable"],
    );
    refused(load(&build(0, &[data(0, &[], 0)])), "NoSegment", &[]);
    refused(load(&build(0, &[text(0, &[NOP]), text(0xffff_fffc, &[NOP])])), "CodeAtTop", &["0xfffffffc"]);
    let large = text(0, &vec![NOP; (1 << 20) + 1]);
    refused(load(&build(0, &[large])), "TextTooLarge", &["1048577", "1048576"]);
    load(&build(0, &[text(0, &vec![NOP; 1 << 20])])).expect("just fits");
}

#[test]
fn mutations_never_panic() {
    let seed = rand::thread_rng().gen();
    println!("seed {seed}");
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let original = valid();
    let mut loaded = 0;
    for _ in 0..10_000 {
        let mut file = original.clone();
        for _ in 0..rng.gen_range(1..5) {
            let at = rng.gen_range(0..file.len());
            file[at] = match rng.gen_range(0..3) {
                0 => rng.gen(),
                1 => file[at] ^ 1 << rng.gen_range(0..8),
                _ => [0, 1, 0x7f, 0x80, 0xff][rng.gen_range(0..5)],
            };
        }
        if rng.gen_ratio(1, 8) {
            file.truncate(rng.gen_range(0..=file.len()));
        }
        loaded += usize::from(load(&file).is_ok());
    }
    assert!(loaded > 0, "some mutations do no harm");
}
