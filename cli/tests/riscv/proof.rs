//! Proofs that are refused.

use std::path::Path;

use permafrost_zkvm::proof::Proof;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha20Rng;

use crate::common::{fail, says};
use crate::{guest, not_verified, proved, put, text, Folder};

#[test]
fn files_that_are_no_proof() {
    let folder = Folder::new();
    let elf = guest("fibonacci");
    let refused = |proof: &Path| fail(["riscv", "verify", text(&elf), text(proof)]);
    says(&refused(&folder.path("absent.proof")), &["absent.proof", "No such file"]);
    says(&refused(&folder.file("notes.proof", b"notes")), &["notes.proof", "not a proof", "PFRVPROF"]);
    says(&refused(&folder.file("empty.proof", b"")), &["empty.proof", "not a proof"]);
    says(&refused(&elf), &["fibonacci.elf is an ELF file", "expected a proof"]);

    let (proof, _) = proved();
    for length in [8, 9, 30, 50, 300, proof.len() / 2, proof.len() - 1] {
        let cut = folder.file("cut.proof", &proof[..length]);
        says(&refused(&cut), &["cut.proof", "cut short", "bytes"]);
        says(&fail(["riscv", "info", text(&cut)]), &["cut.proof", "cut short"]);
    }
    let mut changed = proof.clone();
    changed[8] = 7;
    says(&refused(&folder.file("version.proof", &changed)), &["version.proof", "version 7", "expected 1"]);
    let mut changed = proof.clone();
    changed[10] ^= 1;
    says(&refused(&folder.file("made.proof", &changed)), &["made.proof", "other parameters"]);
    let mut changed = proof.clone();
    changed.push(0);
    says(&refused(&folder.file("long.proof", &changed)), &["long.proof", "1 bytes follow"]);
    let mut changed = proof.clone();
    put(&mut changed, 42, 0);
    says(&refused(&folder.file("none.proof", &changed)), &["none.proof", "0 segments"]);

    let other = guest("hello");
    let path = folder.file("good.proof", proof);
    let message = fail(["riscv", "verify", text(&other), text(&path)]);
    says(&message, &["good.proof", "of program", "hello.elf", proved().1["program"].as_str().unwrap()]);
}

/// Parts of a good proof put together in another way.
#[test]
fn proofs_with_segments_missing_or_mixed_up() {
    let good = Proof::from_bytes(&proved().0).unwrap();
    let changed = |change: &dyn Fn(&mut Proof)| {
        let mut proof = good.clone();
        change(&mut proof);
        not_verified(&proof.to_bytes().unwrap())
    };
    says(&changed(&|proof| drop(proof.segments.pop())), &["NOT valid", "segment 1", "not ended"]);
    says(&changed(&|proof| drop(proof.segments.remove(0))), &["NOT valid", "first segment"]);
    says(&changed(&|proof| drop(proof.segments.remove(1))), &["NOT valid", "segment 2", "segment 0"]);
    says(&changed(&|proof| proof.segments.swap(0, 1)), &["NOT valid"]);
    says(
        &changed(&|proof| proof.segments[2].statement.exit = Some(1)),
        &["NOT valid", "segment 2 is refused"],
    );
    says(&changed(&|proof| proof.segments[1].raw = proof.segments[0].raw.clone()), &["NOT valid"]);
    says(
        &changed(&|proof| {
            proof.segments[2].statement.output[1][3] = proof.segments[2].statement.output[1][4]
        }),
        &["NOT valid"],
    );
}

/// One bit anywhere.
#[test]
fn proofs_with_a_bit_changed() {
    let seed =
        std::env::var("PERMAFROST_SEED").ok().and_then(|s| s.parse().ok()).unwrap_or_else(rand::random);
    println!("seed {seed} (set PERMAFROST_SEED to repeat)");
    let mut rng = ChaCha20Rng::seed_from_u64(seed);
    for _ in 0..12 {
        let mut proof = proved().0.clone();
        let (at, bit) = (rng.gen_range(0..proof.len()), rng.gen_range(0..8));
        println!("bit {bit} of byte {at}");
        proof[at] ^= 1 << bit;
        not_verified(&proof);
    }
}

/// A height that no table has must not be believed by who only looks.
#[test]
fn a_proof_with_an_impossible_height() {
    let mut proof = proved().0.clone();
    // Magic, version, fingerprint, count; the first segment's size and statement; its tables, each a kind and a height.
    let at = 8 + 2 + 32 + 4 + 4 + 241;
    let tables = usize::from(proof[at]);
    assert!((10..30).contains(&tables), "{tables} tables: the format has changed");
    proof[at + 2] = 255;
    let folder = Folder::new();
    let path = folder.file("tall.proof", &proof);
    says(&fail(["riscv", "info", text(&path)]), &["tall.proof", "2^255 rows"]);
    says(&not_verified(&proof), &["2^255 rows"]);
}
