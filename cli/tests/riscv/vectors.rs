//! Vectors for hardware: written, recomputed, and refused when a byte differs.

use std::path::{Path, PathBuf};

use crate::common::{fail, listing, says, succeed};
use crate::{guest, json, text, Folder};

/// Every file in a folder and those below it.
fn files(folder: &Path) -> Vec<PathBuf> {
    let (folders, mut all): (Vec<_>, Vec<_>) = listing(folder).into_iter().partition(|path| path.is_dir());
    all.extend(folders.iter().flat_map(|folder| files(folder)));
    all
}

#[test]
fn a_segment_is_written_and_recomputed() {
    let folder = Folder::new();
    let (elf, out) = (guest("fibonacci"), folder.path("vectors"));
    let args =
        ["riscv", "vectors", text(&elf), "--input-words", "300", "--segment-log2", "10", "--segment", "1"];
    let written = json(&succeed(args.into_iter().chain(["--out", text(&out), "--json"])));
    assert_eq!((&written["segment"], &written["cycles"]), (&1.into(), &(1518 - 1024).into()));
    assert_eq!(listing(folder.0.path()), std::slice::from_ref(&out), "nothing else is left");
    let all = files(&out);
    let bytes: u64 = all.iter().map(|path| std::fs::metadata(path).unwrap().len()).sum();
    assert_eq!((&written["files"], &written["bytes"]), (&all.len().into(), &bytes.into()));

    let same = json(&succeed(["riscv", "replay", text(&out), "--json"]));
    assert_eq!((&same["same"], &same["proof_bytes"]), (&true.into(), &written["proof_bytes"]));
    assert!(same["stages"]
        .as_array()
        .unwrap()
        .iter()
        .any(|stage| stage["elements"].as_u64() > Some(100_000)));
    says(&succeed(["riscv", "replay", text(&out)]), &["every stage", "permutation-lde", "quotient"]);

    // A byte of something given, of something computed, and of the proof.
    for name in ["trace", "permutation-lde", "proof.bin"] {
        let path = all.iter().find(|path| text(path.strip_prefix(&out).unwrap()).starts_with(name)).unwrap();
        let good = std::fs::read(path).unwrap();
        let mut wrong = good.clone();
        *wrong.last_mut().unwrap() ^= 1;
        std::fs::write(path, wrong).unwrap();
        says(&fail(["riscv", "replay", text(&out)]), &[name]);
        std::fs::write(path, good).unwrap();
    }

    // What is there is not replaced.
    says(&fail(args.into_iter().chain(["--out", text(&out)])), &["vectors exists already", "--out"]);
    assert_eq!(files(&out), all);
}

#[test]
fn vectors_that_cannot_be_written() {
    let folder = Folder::new();
    let elf = guest("fibonacci");
    let (out, nowhere) = (folder.path("vectors"), folder.path("absent/vectors"));
    let refused = |more: &[&str], parts: &[&str]| {
        says(&fail(["riscv", "vectors", text(&elf)].iter().chain(more)), parts);
        assert!(listing(folder.0.path()).is_empty());
    };
    let out = text(&out);
    refused(
        &["--input-words", "9", "--segment", "7", "--out", out],
        &["no segment 7", "the run has 1", "--segment"],
    );
    refused(&["--out", out], &["reads past its input", "--input"]);
    refused(&["--out", out, "--segment-log2", "9"], &["2^9 cycles", "2^10 to 2^20"]);
    refused(&["--input-words", "9", "--out", text(&nowhere)], &["cannot write", "absent/vectors"]);
    says(&fail(["riscv", "replay", out]), &["vectors", "manifest.json", "No such file"]);
}
