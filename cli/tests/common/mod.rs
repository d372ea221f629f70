//! Running the command, and the files it runs on.

#![allow(dead_code)] // every test binary uses its part

pub mod serving;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// The root of the repository.
pub fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).parent().expect("cli/ has a parent").to_owned()
}

/// A committed artifact of the membership circuit.
pub fn artifact(name: &str) -> PathBuf {
    root().join("tests/circuits/membership").join(name)
}

/// Runs `permafrost` with these arguments.
pub fn permafrost<S: AsRef<std::ffi::OsStr>>(args: impl IntoIterator<Item = S>) -> Output {
    Command::new(env!("CARGO_BIN_EXE_permafrost"))
        .args(args)
        .env_remove("PERMAFROST_CARD")
        .env_remove("PERMAFROST_LOG")
        .output()
        .expect("the command can be started")
}

/// Runs it, expects success, gives standard output.
pub fn succeed<S: AsRef<std::ffi::OsStr>>(args: impl IntoIterator<Item = S>) -> String {
    let output = permafrost(args);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "exit {:?}, stderr: {stderr}", output.status.code());
    String::from_utf8(output.stdout).expect("UTF-8")
}

/// Runs it, expects exit code 1 and one message, gives the message.
pub fn fail<S: AsRef<std::ffi::OsStr>>(args: impl IntoIterator<Item = S>) -> String {
    let output = permafrost(args);
    let stderr = String::from_utf8(output.stderr).expect("UTF-8");
    assert_eq!(output.status.code(), Some(1), "stderr: {stderr}");
    assert_eq!(stderr.matches("error:").count(), 1, "not one message: {stderr}");
    assert!(!stderr.contains("panicked"), "{stderr}");
    let start = stderr.find("error:").expect("counted above");
    stderr[start..].trim_end().to_owned()
}

/// That all of these are in a message.
pub fn says(message: &str, parts: &[&str]) {
    for part in parts {
        assert!(message.contains(part), "expected `{part}` in: {message}");
    }
}

/// `groth16 prove` into a fresh folder, with more arguments.
pub struct Prove {
    pub folder: tempfile::TempDir,
    pub zkey: PathBuf,
    pub wtns: PathBuf,
    pub proof: PathBuf,
    pub public: PathBuf,
}

impl Prove {
    /// The committed key and witness.
    pub fn new() -> Self {
        let folder = tempfile::tempdir().expect("temporary folder");
        Self {
            zkey: artifact("membership.zkey"),
            wtns: artifact("membership.wtns"),
            proof: folder.path().join("proof.json"),
            public: folder.path().join("public.json"),
            folder,
        }
    }

    /// A file in the folder with these bytes.
    pub fn file(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, bytes).expect("temporary file");
        path
    }

    pub fn args<'a>(&'a self, more: &[&'a str]) -> Vec<&'a std::ffi::OsStr> {
        let mut args: Vec<&std::ffi::OsStr> = vec!["groth16".as_ref(), "prove".as_ref()];
        args.extend([&self.zkey, &self.wtns, &self.proof, &self.public].map(|p| p.as_os_str()));
        args.extend(more.iter().map(|a| std::ffi::OsStr::new(*a)));
        args
    }

    /// Expects a refusal that leaves no output and nothing else behind; gives the message.
    pub fn refused(&self, more: &[&str]) -> String {
        let before = listing(self.folder.path());
        let message = fail(self.args(more));
        assert_eq!(listing(self.folder.path()), before, "files were left behind; {message}");
        message
    }
}

/// The files in a folder.
pub fn listing(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<_> =
        std::fs::read_dir(folder).expect("readable").map(|e| e.expect("entry").path()).collect();
    files.sort();
    files
}

/// Sections of a snarkjs binary file: (id, offset of the contents, length).
pub fn sections(bytes: &[u8]) -> Vec<(u32, usize, usize)> {
    let u32_at = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().expect("4 bytes"));
    let mut at = 12;
    (0..u32_at(8))
        .map(|_| {
            let length = u64::from_le_bytes(bytes[at + 4..at + 12].try_into().expect("8 bytes")) as usize;
            let section = (u32_at(at), at + 12, length);
            at += 12 + length;
            section
        })
        .collect()
}

/// A snarkjs binary file from its sections.
pub fn assemble(magic: &[u8; 4], version: u32, sections: &[(u32, Vec<u8>)]) -> Vec<u8> {
    let mut bytes = magic.to_vec();
    bytes.extend(version.to_le_bytes());
    bytes.extend((sections.len() as u32).to_le_bytes());
    for (id, contents) in sections {
        bytes.extend(id.to_le_bytes());
        bytes.extend((contents.len() as u64).to_le_bytes());
        bytes.extend(contents);
    }
    bytes
}
