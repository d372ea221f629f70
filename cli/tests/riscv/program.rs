//! Programs, inputs, outputs and options that are refused.

use std::ffi::OsStr;
use std::process::{Command, Stdio};
use std::time::Duration;

use permafrost_zkvm::guests::Guest;

use crate::common::{fail, listing, permafrost, says};
use crate::{guest, header, proved, put, text, word, Folder};

#[test]
fn files_that_are_no_program() {
    let folder = Folder::new();
    let elf = folder.file("notes.txt", b"hello, this is text");
    folder.neither(&elf, &[], &["notes.txt", "not an ELF file", "[68, 65, 6c, 6c]"]);
    says(&fail(["riscv", "info", text(&elf)]), &["notes.txt", "not an ELF file"]);
    says(&fail(["riscv", "verify", text(&elf), text(&elf)]), &["notes.txt", "not an ELF file"]);
    let elf = folder.file("empty.elf", b"");
    folder.neither(&elf, &[], &["empty.elf", "not an ELF file", "[]"]);
    let elf = folder.hello("short.elf", |bytes| bytes.truncate(40));
    folder.neither(&elf, &[], &["short.elf", "cut short", "52", "40"]);
    let elf = folder.path("absent.elf");
    folder.neither(&elf, &[], &["absent.elf", "No such file"]);
    folder.neither(folder.0.path(), &[], &["it is a directory", "regular file"]);
    let elf = folder.file("a.proof", &proved().0);
    folder.neither(&elf, &[], &["a.proof", "is a proof", "expected the program"]);
}

#[test]
fn programs_for_other_machines() {
    let folder = Folder::new();
    let elf = folder.hello("rv64.elf", |bytes| bytes[4] = 2);
    folder.neither(&elf, &[], &["rv64.elf", "ELF class 2", "RV64", "riscv32im"]);
    let elf = folder.hello("big.elf", |bytes| bytes[5] = 2);
    folder.neither(&elf, &[], &["big.elf", "big-endian"]);
    let elf = folder.hello("arm.elf", |bytes| bytes[18] = 40);
    folder.neither(&elf, &[], &["arm.elf", "machine 40", "RISC-V"]);
    let elf = folder.hello("rvc.elf", |bytes| bytes[36] |= 1);
    folder.neither(&elf, &[], &["rvc.elf", "compressed instructions", "0x1", "-march=rv32im"]);
    let elf = folder.hello("object.elf", |bytes| bytes[16] = 1);
    folder.neither(&elf, &[], &["object.elf", "ELF type 1", "link statically"]);
}

#[test]
fn programs_with_impossible_headers() {
    let folder = Folder::new();
    let elf = folder.hello("entry.elf", |bytes| put(bytes, 24, 0x8000_0000));
    folder.neither(&elf, &[], &["entry.elf", "entry 0x80000000", "_start"]);
    let elf = folder.hello("odd.elf", |bytes| bytes[24] |= 2);
    folder.neither(&elf, &[], &["odd.elf", "not a multiple of 4"]);
    // 4 GiB - 1 of memory; 4 GiB - 1 in the file.
    let elf = folder.hello("memory.elf", |bytes| {
        let at = header(bytes);
        put(bytes, at + 20, u32::MAX);
    });
    folder.neither(&elf, &[], &["memory.elf", "4294967295 bytes", "2^32"]);
    let elf = folder.hello("low.elf", |bytes| {
        let at = header(bytes);
        put(bytes, at + 8, 0);
        put(bytes, at + 20, u32::MAX);
    });
    folder.neither(&elf, &[], &["low.elf", "4295032835 bytes in memory", "at most 268435456"]);
    let elf = folder.hello("file.elf", |bytes| {
        let at = header(bytes);
        put(bytes, at + 16, u32::MAX);
        put(bytes, at + 20, u32::MAX);
    });
    folder.neither(&elf, &[], &["file.elf", "bytes", "of the file, which has"]);
}

#[test]
fn runs_that_do_not_end_well() {
    let folder = Folder::new();
    // j .
    let elf = folder.hello("loop.elf", |bytes| {
        let at = word(bytes, header(bytes) + 4) + word(bytes, 24) - word(bytes, header(bytes) + 8);
        put(bytes, at, 0x6f);
    });
    folder.neither(&elf, &["--max-cycles", "100000"], &["runaway", "0x000", "100000 cycles", "--max-cycles"]);
    folder.neither(&guest("hello"), &["--max-cycles", "0"], &["runaway", "after 0 cycles"]);
    folder.neither(&guest("fibonacci"), &[], &["reads past its input", "0 words", "--input"]);
    let run = Guest::find("merkle").unwrap().small();
    let input: String = run.input.iter().map(|word| format!("{word},")).collect();
    let input = input.trim_end_matches(',');
    folder.neither(
        &guest("merkle"),
        &["--input-words", input],
        &["reads past its hints", "0 words", "--hints"],
    );
    // unimp, after the first instruction
    let elf = folder.hello("panic.elf", |bytes| {
        let at = word(bytes, header(bytes) + 4) + word(bytes, 24) - word(bytes, header(bytes) + 8);
        put(bytes, at + 4, 0xc000_1073);
    });
    folder.neither(&elf, &[], &["UNIMP", "0xc0001073", "gave up"]);
}

#[test]
fn inputs_that_cannot_be_read() {
    let folder = Folder::new();
    let elf = guest("fibonacci");
    let odd = folder.file("odd.bin", &[1, 0, 0, 0, 2]);
    let absent = folder.path("absent.bin");
    for option in ["--input", "--hints"] {
        folder.neither(&elf, &[option, text(&odd)], &["odd.bin", "5 bytes", "multiple of 4"]);
        folder.neither(&elf, &[option, text(&absent)], &["absent.bin", "No such file"]);
        folder.neither(&elf, &[option, text(folder.0.path())], &["directory"]);
    }
    // A pipe that nobody writes into is refused, not waited for.
    let pipe = folder.path("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    folder.neither(&elf, &["--input", text(&pipe)], &["pipe", "expected a regular file"]);
    folder.neither(&pipe, &[], &["pipe", "expected a regular file"]);
    // Larger than any input, and not read: it is sparse.
    let large = folder.path("large");
    std::fs::File::create(&large).unwrap().set_len(1 << 40).unwrap();
    folder.neither(&elf, &["--input", text(&large)], &["large", "1099511627776 bytes", "at most 1073741824"]);
    folder.neither(&large, &[], &["large", "1099511627776 bytes"]);
    says(&fail(["riscv", "verify", text(&elf), text(&large)]), &["large", "1099511627776 bytes"]);
}

#[test]
fn segments_of_no_size() {
    let folder = Folder::new();
    for log2 in ["0", "9", "21", "64", "4294967295"] {
        let value = format!("2^{log2} cycles");
        folder.neither(
            &guest("hello"),
            &["--segment-log2", log2],
            &[&value, "2^10 to 2^20", "--segment-log2"],
        );
    }
}

#[test]
fn outputs_that_cannot_be_written() {
    let folder = Folder::new();
    let elf = guest("hello");
    let nowhere = folder.path("absent/proof");
    let before = listing(folder.0.path());
    says(&fail(["riscv", "prove", text(&elf), "--out", text(&nowhere)]), &["cannot write", "absent/proof"]);
    says(&fail(["riscv", "run", text(&elf), "--output", text(&nowhere)]), &["cannot write", "absent/proof"]);
    says(
        &fail(["riscv", "prove", text(&elf), "--out", text(folder.0.path())]),
        &["cannot write", "directory"],
    );
    assert_eq!(listing(folder.0.path()), before);
    says(&folder.refuses(&elf, &["--output", text(&nowhere)]), &["cannot write", "absent/proof"]);
    let same = folder.path("proof");
    says(&folder.refuses(&elf, &["--output", text(&same)]), &["same file", "--output"]);
    // What was there stays when the run fails.
    let old = folder.file("old", b"old");
    let elf = guest("fibonacci");
    says(&fail(["riscv", "prove", text(&elf), "--out", text(&old)]), &["reads past its input"]);
    assert_eq!(std::fs::read(&old).unwrap(), b"old");
}

/// Killed in the middle of a proof, the command leaves nothing behind.
#[test]
fn a_proof_that_is_killed() {
    let folder = Folder::new();
    let (elf, out, output) = (guest("fibonacci"), folder.path("proof"), folder.path("words"));
    let args =
        ["riscv", "prove", text(&elf), "--input-words", "100000", "--segment-log2", "10", "--jobs", "2"];
    let mut child = Command::new(env!("CARGO_BIN_EXE_permafrost"))
        .args(args)
        .args(["--out", text(&out), "--output", text(&output)])
        .stderr(Stdio::null())
        .spawn()
        .expect("the command can be started");
    std::thread::sleep(Duration::from_secs(3));
    assert!(child.try_wait().unwrap().is_none(), "489 segments take longer than that");
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(listing(folder.0.path()).is_empty());
}

/// More segments than a proof may have are counted before the first is proved.
#[test]
fn a_run_too_long_to_prove() {
    let folder = Folder::new();
    let message = folder.refuses(&guest("fibonacci"), &["--input-words", "900000", "--segment-log2", "10"]);
    says(&message, &["4097 segments", "1 to 4096", "--segment-log2"]);
}

#[test]
fn a_card_does_not_prove_yet() {
    let folder = Folder::new();
    for card in ["sim", "sim:dram=64MiB", "vfio:0000:01:00.0"] {
        says(&folder.refuses(&guest("hello"), &["--card", card]), &["not there yet", card, "--card none"]);
    }
    says(&folder.refuses(&guest("hello"), &["--card", "gpu"]), &["no card `gpu`"]);
}

#[test]
fn a_wrong_command_line_is_exit_code_2() {
    let elf = guest("hello");
    let elf = text(&elf);
    for args in [
        &["riscv"][..],
        &["riscv", "run"],
        &["riscv", "prove", elf],
        &["riscv", "verify", elf],
        &["riscv", "run", elf, "--input-words", "1,two"],
        &["riscv", "run", elf, "--input-words", "4294967296"],
        &["riscv", "run", elf, "--input-words", "-1"],
        &["riscv", "prove", elf, "-o", "/nonexistent/x", "--jobs", "0"],
        &["riscv", "run", elf, "--max-cycles", "many"],
    ] {
        let output = permafrost(args.iter().map(OsStr::new));
        assert_eq!(output.status.code(), Some(2), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    }
}
