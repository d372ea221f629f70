//! Proofs as files, and damaged ones.

use permafrost_zkvm::proof::{decode, Proof, MAX_SEGMENTS, MAX_SEGMENT_BYTES};

use crate::fixture::{refused, PROOF};

/// Where things are in a file.
mod at {
    pub const VERSION: usize = 8;
    pub const FINGERPRINT: usize = 10;
    pub const COUNT: usize = 42;
    pub const SIZE: usize = 46;
    pub const PROGRAM: usize = 50;
    pub const PC: usize = PROGRAM + 36;
    pub const EXIT: usize = PROGRAM + 236;
    pub const TABLES: usize = PROGRAM + 241;
}

#[track_caller]
fn wrong<R>(change: impl FnOnce(&mut Vec<u8>) -> R, part: &str) {
    let mut bytes = PROOF.to_bytes().expect("small");
    change(&mut bytes);
    refused(Proof::from_bytes(&bytes), part);
}

fn put(bytes: &mut [u8], at: usize, value: u32) {
    bytes[at..at + 4].copy_from_slice(&value.to_le_bytes());
}

#[test]
fn what_is_written_is_read() {
    let bytes = PROOF.to_bytes().expect("small");
    assert!(Proof::from_bytes(&bytes).expect("a proof") == *PROOF);
    let two = Proof { segments: vec![PROOF.segments[0].clone(), PROOF.segments[0].clone()] };
    assert!(Proof::from_bytes(&two.to_bytes().expect("small")).expect("a proof") == two);
    let mut ended = PROOF.clone();
    ended.segments[0].statement.exit = Some(u32::MAX);
    assert!(Proof::from_bytes(&ended.to_bytes().expect("small")).expect("a proof") == ended);
    ended.segments[0].statement.exit = None;
    assert!(Proof::from_bytes(&ended.to_bytes().expect("small")).expect("a proof") == ended);
}

#[test]
fn what_would_not_be_read_is_not_written() {
    refused(Proof { segments: Vec::new() }.to_bytes(), "0 segments");
    let mut large = PROOF.segments[0].clone();
    large.raw.resize(MAX_SEGMENT_BYTES, 0);
    refused(decode(&[large.raw.as_slice(), &[0]].concat()), "16777217 bytes");
    refused(Proof { segments: vec![large] }.to_bytes(), "expected at most 16777216");
}

#[test]
fn damaged_files_are_refused() {
    refused(Proof::from_bytes(&[]), "not a proof");
    refused(Proof::from_bytes(b"PFRVPROF"), "the version needs 2 bytes, 0 are left");
    wrong(|bytes| bytes[0] ^= 1, "not a proof");
    wrong(|bytes| bytes[at::VERSION] = 9, "version 9, expected 1");
    wrong(|bytes| bytes[at::FINGERPRINT] ^= 1, "other parameters or tables");
    wrong(|bytes| put(bytes, at::COUNT, 0), "0 segments");
    wrong(|bytes| put(bytes, at::COUNT, MAX_SEGMENTS as u32 + 1), "4097 segments");
    wrong(|bytes| put(bytes, at::COUNT, 2), "a segment's size needs 4 bytes, 0 are left");
    wrong(|bytes| put(bytes, at::SIZE, MAX_SEGMENT_BYTES as u32 + 1), "16777217 bytes");
    wrong(|bytes| put(bytes, at::SIZE, u32::MAX), "4294967295 bytes");
    wrong(|bytes| put(bytes, at::SIZE, 7), "a digest needs 4 bytes, 3 are left");
    wrong(|bytes| put(bytes, at::PROGRAM, 0x7f00_0001), "not below p");
    wrong(|bytes| put(bytes, at::PROGRAM, u32::MAX), "not below p");
    wrong(|bytes| put(bytes, at::PC, (1 << 30) + 1), "above 2^30");
    wrong(|bytes| bytes[at::EXIT] = 2, "the exit code");
    wrong(|bytes| bytes[at::EXIT..at::EXIT + 5].copy_from_slice(&[0, 0, 0, 0, 1]), "the exit code");
    wrong(|bytes| bytes[at::TABLES + 1] = 200, "table 200 does not exist");
    wrong(|bytes| bytes[at::TABLES + 1] = 1, "comes after");
    wrong(|bytes| bytes.push(0), "1 bytes follow");
    wrong(|bytes| bytes.pop(), "a segment needs");
}

#[test]
fn a_file_cut_anywhere_is_refused() {
    let bytes = PROOF.to_bytes().expect("small");
    let most = at::TABLES + 64;
    for size in (0..most).chain((most..bytes.len()).step_by(997)) {
        Proof::from_bytes(&bytes[..size]).expect_err("cut short");
    }
}

#[test]
fn the_inner_proof_has_one_encoding() {
    let raw = &PROOF.segments[0].raw;
    decode(raw).expect("good");
    let mut longer = raw.clone();
    longer.push(0);
    refused(decode(&longer), "1 bytes follow");
    refused(decode(&raw[..raw.len() - 1]), "cannot be decoded");
    // The first byte is the length of the main cap, 1; two bytes say the same in another way.
    assert_eq!(raw[0], 1);
    let padded = [&[0x81, 0], &raw[1..]].concat();
    refused(decode(&padded), "not encoded as proofs are");
    // An element of the field that is not below p.
    let mut above = raw.clone();
    above[1..5].copy_from_slice(&0x7f00_0001_u32.to_le_bytes());
    refused(decode(&above), "cannot be decoded");
    // A length that no file could hold.
    let long = [&[0xff, 0xff, 0xff, 0xff, 0x0f], &raw[1..]].concat();
    refused(decode(&long), "cannot be decoded");
}
