//! `permafrost riscv` from its command line: whole runs, and bad input of every kind. Each kind has a message of its own with the
//! value and what to do, exit code 1, and leaves no file behind.

#[path = "../common/mod.rs"]
mod common;
mod guests;
mod program;
mod proof;
mod run;
mod vectors;

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use common::{fail, listing, root, says, succeed};
use serde_json::Value;

/// The Fibonacci number that [`proved`] is about: 5 cycles each.
const N: &str = "450";
/// The 450th Fibonacci number modulo 10^9 + 7.
fn fibonacci() -> u32 {
    (0..450).fold((0u64, 1u64), |(a, b), _| (b, (a + b) % 1_000_000_007)).0 as u32
}

/// A committed guest program.
fn guest(name: &str) -> PathBuf {
    root().join("zkvm/guests/elf").join(format!("{name}.elf"))
}

fn text(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

fn json(text: &str) -> Value {
    assert_eq!(text.trim_end().lines().count(), 1, "one line: {text}");
    serde_json::from_str(text).unwrap_or_else(|e| panic!("{e}: {text}"))
}

/// A folder with inputs and outputs of one test.
struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("temporary folder"))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn file(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, bytes).expect("temporary file");
        path
    }

    /// `hello.elf` changed.
    fn hello(&self, name: &str, change: impl FnOnce(&mut Vec<u8>)) -> PathBuf {
        let mut bytes = std::fs::read(guest("hello")).expect("committed");
        change(&mut bytes);
        self.file(name, &bytes)
    }

    /// `riscv prove ELF --out proof`, with more arguments: refused with one message, which comes back, and no file is left.
    fn refuses(&self, elf: &Path, more: &[&str]) -> String {
        let out = self.path("proof");
        let before = listing(self.0.path());
        let mut args = vec!["riscv", "prove", text(elf), "--out", text(&out)];
        args.extend(more);
        let message = fail(&args);
        assert_eq!(listing(self.0.path()), before, "files were left behind; {message}");
        message
    }

    /// The same message by `prove` and by `run`.
    fn neither(&self, elf: &Path, more: &[&str], parts: &[&str]) {
        let message = self.refuses(elf, more);
        says(&message, parts);
        let mut args = vec!["riscv", "run", text(elf)];
        args.extend(more);
        assert_eq!(fail(&args), message);
    }
}

fn word(bytes: &[u8], at: usize) -> usize {
    u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes")) as usize
}

fn put(bytes: &mut [u8], at: usize, word: u32) {
    bytes[at..at + 4].copy_from_slice(&word.to_le_bytes());
}

/// Where the first program header is.
fn header(bytes: &[u8]) -> usize {
    word(bytes, 28)
}

/// A proof of the [`N`]th Fibonacci number in three segments, made once, and what the command printed.
fn proved() -> &'static (Vec<u8>, Value) {
    static PROVED: OnceLock<(Vec<u8>, Value)> = OnceLock::new();
    PROVED.get_or_init(|| {
        let folder = Folder::new();
        let (elf, out, output) = (guest("fibonacci"), folder.path("proof"), folder.path("words"));
        let [elf, path, words] = [&elf, &out, &output].map(|path| text(path));
        let args =
            ["riscv", "prove", elf, "--input-words", N, "--segment-log2", "10", "--jobs", "2", "--out", path];
        let report = json(&succeed(args.into_iter().chain(["--output", words, "--json"])));
        assert_eq!(listing(folder.0.path()), [out.clone(), output.clone()], "nothing else is written");
        assert_eq!(std::fs::read(output).expect("written"), fibonacci().to_le_bytes());
        (std::fs::read(out).expect("written"), report)
    })
}

/// `riscv verify` of these bytes as a proof of the program.
fn verify<'a>(folder: &'a Folder, elf: &'a Path, proof: &[u8]) -> Vec<String> {
    let path = folder.file("checked", proof);
    ["riscv", "verify", text(elf), text(&path)].map(str::to_owned).into()
}

/// [`verify`] refuses.
fn not_verified(proof: &[u8]) -> String {
    let folder = Folder::new();
    fail(verify(&folder, &guest("fibonacci"), proof))
}
