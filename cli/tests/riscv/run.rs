//! Whole runs: executed, proved, verified in another process, and what is printed of them.

use permafrost_zkvm::guests::Guest;
use serde_json::Value;

use crate::common::{fail, says, succeed};
use crate::{fibonacci, guest, header, json, proved, put, text, verify, word, Folder, N};

#[test]
fn a_run() {
    let elf = guest("fibonacci");
    let report = json(&succeed([
        "riscv",
        "run",
        text(&elf),
        "--input-words",
        "0x3e8,7",
        "--segment-log2",
        "12",
        "--json",
    ]));
    assert_eq!(report["exit_code"], 0);
    assert_eq!(report["cycles"], 5018);
    assert_eq!((&report["segments"], &report["segment_log2"]), (&2.into(), &12.into()));
    assert_eq!(report["segment_cycles"], serde_json::json!([4096, 922]));
    assert_eq!((&report["input_words"], &report["input_words_read"]), (&2.into(), &1.into()));
    assert_eq!(report["output"], serde_json::json!([0x1edb_58d7]));
    assert_eq!(report["mix"]["remu"], 1000);
    let executed: u64 = report["mix"].as_object().unwrap().values().filter_map(Value::as_u64).sum();
    assert_eq!(executed, 5018);
    assert_eq!(report["calls"]["sha256"], 0);

    let table = succeed(["riscv", "run", text(&elf), "--input-words", "1000"]);
    says(
        &table,
        &[
            "exit code: 0",
            "cycles: 5 018",
            "segments: 1 of",
            "0x1edb58d7",
            "1 of 1 words read",
            "remu",
            "19.9 %",
        ],
    );
}

/// Input and hints from files and from the command line are one after the other.
#[test]
fn a_run_with_files() {
    let folder = Folder::new();
    let run = Guest::find("merkle").unwrap().small();
    let bytes = |words: &[u32]| words.iter().flat_map(|word| word.to_le_bytes()).collect::<Vec<u8>>();
    let (first, rest) = run.input.split_at(5);
    let (input, hints) = (folder.file("input", &bytes(first)), folder.file("hints", &bytes(&run.hints)));
    let rest = rest.iter().map(|word| format!("{word:#x}")).collect::<Vec<_>>().join(",");
    let (elf, output) = (guest("merkle"), folder.path("output"));
    let args = [
        "riscv",
        "run",
        text(&elf),
        "--input",
        text(&input),
        "--input-words",
        &rest,
        "--hints",
        text(&hints),
    ];
    let report = json(&succeed(args.into_iter().chain(["--output", text(&output), "--json"])));
    assert_eq!(report["output"], serde_json::json!(run.output));
    assert_eq!(report["input_words_read"], run.input.len());
    assert!(report["calls"]["poseidon2"].as_u64() > Some(0));
    assert_eq!(std::fs::read(output).unwrap(), bytes(&run.output));
}

/// The guest's exit code is not the command's.
#[test]
fn a_guest_that_ends_with_a_code() {
    let folder = Folder::new();
    // li a0, 3; li a7, 93; ecall
    let code = [0x0030_0513, 0x05d0_0893, 0x0000_0073];
    let elf = folder.hello("three.elf", |bytes| {
        let at = word(bytes, header(bytes) + 4) + word(bytes, 24) - word(bytes, header(bytes) + 8);
        code.iter().enumerate().for_each(|(i, &word)| put(bytes, at + 4 * i, word));
    });
    let report = json(&succeed(["riscv", "run", text(&elf), "--json"]));
    assert_eq!((&report["exit_code"], &report["cycles"]), (&3.into(), &3.into()));

    let out = folder.path("proof");
    // More threads than there could be, for one segment.
    let prove = ["riscv", "prove", text(&elf), "-o", text(&out), "--jobs", "4000000000"];
    says(&succeed(prove), &["exit code: 3", "proven", "conjectured"]);
    let args = ["riscv", "verify", text(&elf), text(&out)];
    says(&succeed(args), &["the proof is valid", "exit code: 3"]);
    succeed(args.into_iter().chain(["--exit-code", "3", "--output-words="]));
    says(&fail(args.into_iter().chain(["--exit-code", "0"])), &["exit code 3", "expected 0"]);
}

#[test]
fn a_proof_of_three_segments() {
    let (bytes, report) = proved();
    assert_eq!(
        (&report["exit_code"], &report["segments"], &report["where"]),
        (&0.into(), &3.into(), &"cpu".into())
    );
    assert_eq!(report["output"], serde_json::json!([fibonacci()]));
    assert_eq!(report["proof_bytes"], bytes.len());
    assert_eq!(report["segment_bytes"].as_array().map(Vec::len), Some(3));
    assert!(report["security"]["proven_bits"].as_f64() >= Some(100.0), "{report}");
    assert!(report["security"]["conjectured_bits"].as_f64() >= Some(100.0), "{report}");
    for part in ["execute", "key", "prove"] {
        assert!(report["seconds"][part].is_number(), "{report}");
    }
    let tables = report["tables"].as_array().unwrap();
    let table =
        |name: &str| tables.iter().find(|table| table["table"] == name).expect("a table that is used");
    assert_eq!((&table("range")["segments"], &table("range")["rows"]), (&3.into(), &(3 << 16).into()));
    // Two instructions a row.
    assert!(table("add")["rows"].as_u64() >= Some(450 / 2));
    for field in ["columns", "extension", "preprocessed", "constraints", "degree", "messages"] {
        assert!(tables.iter().all(|table| table[field].is_number()), "{report}");
    }

    // In another process, which has the ELF and the proof.
    let folder = Folder::new();
    let elf = guest("fibonacci");
    let args = verify(&folder, &elf, bytes);
    let with =
        |more: &[&str]| args.iter().cloned().chain(more.iter().map(|&m| m.to_owned())).collect::<Vec<_>>();
    let verified = json(&succeed(with(&["--json"])));
    assert_eq!(
        (&verified["valid"], &verified["exit_code"], &verified["segments"]),
        (&true.into(), &0.into(), &3.into())
    );
    assert_eq!(verified["program"], report["program"]);
    assert_eq!((&verified["input_checked"], &verified["output_checked"]), (&false.into(), &false.into()));

    let output = fibonacci().to_string();
    let words = folder.file("words", &fibonacci().to_le_bytes());
    let verified =
        json(&succeed(with(&["--json", "--input-words", N, "--output", text(&words), "--exit-code", "0"])));
    assert_eq!((&verified["input_checked"], &verified["output_checked"]), (&true.into(), &true.into()));
    says(
        &succeed(with(&["--output-words", &output])),
        &["the proof is valid", "exit code: 0", "the word given"],
    );

    // A claim of something else.
    let other = (fibonacci() + 1).to_string();
    says(&fail(with(&["--output-words", &other])), &["not of this output", "the 1 words given"]);
    says(&fail(with(&["--output-words="])), &["not of this output", "the 0 words given"]);
    says(&fail(with(&["--input-words", "451"])), &["not of this input"]);
    let more = format!("{N},7");
    says(&fail(with(&["--input-words", &more])), &["not of this input", "the first 1 of them"]);

    let info = json(&succeed(["riscv", "info", args[3].as_str(), "--json"]));
    assert_eq!(
        (&info["kind"], &info["version"], &info["verified"]),
        (&"proof".into(), &1.into(), &false.into())
    );
    assert_eq!((&info["bytes"], &info["segments"][2]["exit_code"]), (&bytes.len().into(), &0.into()));
    assert_eq!(info["segments"][0]["pc"][1], info["segments"][1]["pc"][0]);
    assert_eq!(info["segments"][2]["pc"][1], Value::Null);
    assert_eq!(info["segments"][0]["log2_rows"]["range"], serde_json::json!([16]));
    assert_eq!(info["segments"][1]["program"], report["program"]);
    assert_eq!(info["tables"], report["tables"]);
    assert_eq!(info["security"], report["security"]);
    says(&succeed(["riscv", "info", args[3].as_str()]), &["not verified", "segments: 3", "exit 0", "2^16"]);
}

#[test]
fn about_a_program() {
    let elf = guest("fibonacci");
    let info = json(&succeed(["riscv", "info", text(&elf), "--json"]));
    assert_eq!((&info["kind"], &info["instructions"]), (&"program".into(), &25.into()));
    assert_eq!(info["entry"], 0x10074);
    assert_eq!(info["program"], proved().1["program"]);
    assert!(info["security"]["proven_bits"].as_f64() >= Some(100.0));
    assert!(info["tables"].as_array().unwrap().iter().any(|table| table["table"] == "keccak"));
    says(
        &succeed(["riscv", "info", text(&elf)]),
        &["entry: 0x00010074", "instructions: 25", "keccak", "bits proven"],
    );
}
