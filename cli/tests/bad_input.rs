//! Bad input: each kind has a message of its own, exit code 1, and leaves no file behind.

mod common;

use common::{artifact, assemble, fail, permafrost, says, sections, Prove};

fn key() -> Vec<u8> {
    std::fs::read(artifact("membership.zkey")).unwrap()
}

fn witness() -> Vec<u8> {
    std::fs::read(artifact("membership.wtns")).unwrap()
}

#[test]
fn missing_key() {
    let mut prove = Prove::new();
    prove.zkey = prove.folder.path().join("absent.zkey");
    says(&prove.refused(&[]), &["absent.zkey", "No such file"]);
}

#[test]
fn truncated_key() {
    let key = key();
    // In the header, in a table of points, one byte short.
    for length in [10, 200, key.len() / 2, key.len() - 1] {
        let mut prove = Prove::new();
        prove.zkey = prove.file("short.zkey", &key[..length]);
        says(&prove.refused(&[]), &["short.zkey", "truncated"]);
    }
}

#[test]
fn foreign_file_as_key() {
    let mut prove = Prove::new();
    prove.zkey = prove.file("photo.zkey", b"\x89PNG\r\n\x1a\n and so on, long enough to have a header");
    says(&prove.refused(&[]), &["photo.zkey", "is not a"]);
    prove.zkey = artifact("membership.wtns");
    says(&prove.refused(&[]), &["membership.wtns", "is not a"]);
}

/// A pipe that nobody writes into is refused, not waited for.
#[test]
fn pipe_as_witness() {
    let mut prove = Prove::new();
    prove.wtns = prove.folder.path().join("pipe.wtns");
    let made = std::process::Command::new("mkfifo").arg(&prove.wtns).status().unwrap();
    assert!(made.success());
    says(&prove.refused(&[]), &["pipe.wtns", "not a regular file"]);
}

/// A key for another curve: the sizes and primes of BLS12-381 in the header.
#[test]
fn key_of_another_curve() {
    let hex = |text: &str| -> Vec<u8> {
        let mut bytes: Vec<u8> =
            (0..text.len() / 2).map(|i| u8::from_str_radix(&text[2 * i..2 * i + 2], 16).unwrap()).collect();
        bytes.reverse();
        bytes
    };
    let q = hex(
        "1a0111ea397fe69a4b1ba7b6434bacd764774b84f38512bf6730d2a0f6b0f6241eabfffeb153ffffb9feffffffffaaab",
    );
    let r = hex("73eda753299d7d483339d80809a1d80553bda402fffe5bfeffffffff00000001");
    let mut header = Vec::new();
    header.extend(48u32.to_le_bytes());
    header.extend(q);
    header.extend(32u32.to_le_bytes());
    header.extend(r);
    for number in [3400u32, 3, 4096] {
        header.extend(number.to_le_bytes());
    }
    header.resize(header.len() + 3 * 96 + 3 * 192, 0); // alpha1, beta1, delta1; beta2, gamma2, delta2
    let mut prove = Prove::new();
    let mut all = vec![(1, 1u32.to_le_bytes().to_vec()), (2, header)];
    all.extend((3..=10).map(|id| (id, Vec::new())));
    prove.zkey = prove.file("bls.zkey", &assemble(b"zkey", 1, &all));
    says(&prove.refused(&[]), &["bls.zkey", "another curve", "BN254"]);
}

#[test]
fn plonk_key() {
    let mut prove = Prove::new();
    let mut bytes = key();
    let (_, protocol, _) = *sections(&bytes).iter().find(|(id, ..)| *id == 1).unwrap();
    bytes[protocol] = 2;
    prove.zkey = prove.file("plonk.zkey", &bytes);
    says(&prove.refused(&[]), &["plonk.zkey", "Groth16"]);
}

#[test]
fn witness_of_another_circuit() {
    let bytes = witness();
    let parts = sections(&bytes);
    let contents = |id: u32| {
        let (_, at, length) = *parts.iter().find(|s| s.0 == id).unwrap();
        bytes[at..at + length].to_vec()
    };
    let mut header = contents(1);
    let count = header.len() - 4;
    header[count..].copy_from_slice(&10u32.to_le_bytes());
    let mut values = contents(2);
    values.truncate(10 * 32);
    let mut prove = Prove::new();
    prove.wtns = prove.file("other.wtns", &assemble(b"wtns", 2, &[(1, header), (2, values)]));
    says(&prove.refused(&[]), &["other.wtns", "another circuit"]);
}

/// The right length, and one value changed: no proof of it may leave the command.
#[test]
fn witness_that_does_not_satisfy_the_circuit() {
    let mut bytes = witness();
    let (_, at, length) = *sections(&bytes).iter().find(|s| s.0 == 2).unwrap();
    bytes[at + length / 2] ^= 1;
    let mut prove = Prove::new();
    prove.wtns = prove.file("wrong.wtns", &bytes);
    says(&prove.refused(&[]), &["does not satisfy"]);
}

#[test]
fn point_that_is_not_on_the_curve() {
    // Sections 3 (IC), 5 (A), 6 (B in G1), 7 (B in G2), 8 (C), 9 (H); the last point of each.
    for (id, size) in [(3, 64), (5, 64), (6, 64), (7, 128), (8, 64), (9, 64)] {
        let mut bytes = key();
        let (_, at, length) = *sections(&bytes).iter().find(|s| s.0 == id).unwrap();
        let point = &mut bytes[at + length - size..at + length];
        point.fill(0);
        point[0] = 1; // x = 1 in Montgomery form, y = 0
        let mut prove = Prove::new();
        prove.zkey = prove.file("bent.zkey", &bytes);
        says(&prove.refused(&[]), &["bent.zkey", "curve"]);
    }
}

#[test]
fn input_larger_than_the_memory_of_the_card() {
    let prove = Prove::new();
    let message = prove.refused(&["--card", "sim:dram=128KiB"]);
    says(&message, &["memory", "bytes needed", "free"]);
}

#[test]
fn unwritable_output() {
    let mut prove = Prove::new();
    prove.proof = prove.folder.path().join("absent/proof.json");
    says(&prove.refused(&[]), &["cannot write", "absent/proof.json"]);

    let mut prove = Prove::new();
    prove.public = prove.folder.path().join("folder");
    std::fs::create_dir(&prove.public).unwrap();
    says(&prove.refused(&[]), &["cannot write", "folder"]);
}

#[test]
fn unknown_card() {
    let prove = Prove::new();
    says(&prove.refused(&["--card", "gpu"]), &["no card `gpu`", "known cards: sim"]);
    says(&prove.refused(&["--card", "sim:size=3"]), &["`size`", "dram=SIZE"]);
    says(&prove.refused(&["--card", "sim:adders=9"]), &["adders=9", "1 to 4"]);
    says(&prove.refused(&["--card", "sim:dram=lots"]), &["dram=lots", "64MiB"]);
    says(&prove.refused(&["--card", "sim:preset=huge"]), &["`huge`", "sim"]);
}

#[test]
fn a_wrong_command_line_is_exit_code_2() {
    for args in [
        &["groth16", "prove", "only-one"][..],
        &["bench", "msm"],
        &["bench", "msm", "--n", "5", "--log-n", "3"],
        &["bench", "msm", "--n", "5", "--group", "g3"],
        &["melt"],
        &[],
    ] {
        assert_eq!(permafrost(args).status.code(), Some(2), "{args:?}");
    }
}

/// Values out of range are refused before a card is opened, with the range.
#[test]
fn bench_values_out_of_range() {
    for (option, value, range) in [
        ("--adders", "0", "1..=4"),
        ("--adders", "9", "1..=4"),
        ("--batch", "0", "1..=1024"),
        ("--precompute", "0", "1..=64"),
        ("--bits", "255", "1..=254"),
        ("--scalars", "gaussian", "clustered"),
    ] {
        let output = permafrost(["bench", "msm", "--n", "5", option, value]);
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{stderr}");
        says(&stderr, &[option, value, range]);
    }
}

#[test]
fn bench_needs_that_do_not_fit_the_card() {
    let message = fail(["bench", "msm", "--n", "1000", "--precompute", "64", "--card", "sim:dram=1MiB"]);
    says(&message, &["1000 base points of G1, 64 multiples each", "4096000 bytes needed", "free of 1048576"]);
    let message = fail(["bench", "msm", "--n", "10", "--window", "14"]);
    says(&message, &["windows of 14 bits do not suit this card", "2 to 13 bits"]);
    says(&fail(["bench", "msm", "--n", "10", "--card", "fpga"]), &["no card `fpga`"]);
    // Said at once: no points are made for it.
    says(
        &fail(["bench", "msm", "--log-n", "26"]),
        &["67108864 base points of G1", "4294967296 bytes needed"],
    );
    let message = fail(["bench", "msm", "--log-n", "20", "--batch", "1024"]);
    says(&message, &["1048576 points and 1024 MSMs", "at most 67108864"]);
}

#[test]
fn a_sweep_that_cannot_be_written_is_not_begun() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("runs.json");
    std::fs::write(&path, "old").unwrap();
    let out = path.to_str().unwrap();
    let message = fail(["bench", "sweep", "--from", "5", "--to", "3", "--out", out]);
    says(&message, &["no sizes from 2^5 to 2^3"]);
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "old");
    let message = fail(["bench", "sweep", "--out", "/nonexistent/dir/runs.json"]);
    says(&message, &["/nonexistent/dir"]);
}

#[test]
fn verify_bad_files() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.into_os_string().into_string().unwrap()
    };
    let vkey = artifact("verification_key.json").into_os_string().into_string().unwrap();
    let public = artifact("public.json").into_os_string().into_string().unwrap();
    let notes = file("notes.json", "not JSON");
    says(&fail(["groth16", "verify", &vkey, &public, &notes]), &["notes.json"]);
    says(&fail(["groth16", "verify", &notes, &public, &notes]), &["notes.json"]);
    says(&fail(["groth16", "verify", &vkey, "absent.json", &notes]), &["absent.json"]);
}

#[test]
fn unknown_module_and_target() {
    says(&fail(["rtl", "report", "--module", "warp-core"]), &["warp-core", "fq-mul"]);
    says(&fail(["rtl", "report", "--module", "fq-mul", "--target", "abacus"]), &["abacus", "xcup"]);
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("rtl");
    let out = out.to_str().unwrap();
    says(&fail(["rtl", "emit", "--preset", "huge", "--out", out]), &["`huge`", "sim"]);
    says(&fail(["rtl", "emit", "--target", "abacus", "--out", out]), &["abacus", "generic"]);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}
