//! Files that `permafrost riscv` reads.

use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use permafrost_zkvm::elf;
use permafrost_zkvm::proof::{Proof, MAGIC, MAX_BYTES};
use permafrost_zkvm::record::Program;

use crate::error::Error;

/// Most bytes of an ELF file, symbols and debug information included.
const MAX_ELF: u64 = 1 << 30;
/// Most bytes of a file of words.
const MAX_WORDS: u64 = 1 << 30;
/// How an ELF file starts.
const ELF_MAGIC: &[u8] = b"\x7fELF";

/// The program in an ELF file.
pub fn program(path: &Path) -> Result<Arc<Program>, Error> {
    program_of(path, &read(path, "an ELF file", MAX_ELF)?)
}

/// The program in the bytes of an ELF file.
pub fn program_of(path: &Path, bytes: &[u8]) -> Result<Arc<Program>, Error> {
    if bytes.starts_with(&MAGIC) {
        return Err(Error::ProofNotProgram { path: path.to_owned() });
    }
    let program = elf::load(bytes).map_err(|source| Error::Riscv { path: path.to_owned(), source })?;
    Ok(Arc::new(program))
}

/// The proof in a file, and its size in bytes.
pub fn proof(path: &Path) -> Result<(Proof, usize), Error> {
    let bytes = read(path, "a proof", MAX_BYTES)?;
    if bytes.starts_with(ELF_MAGIC) {
        return Err(Error::ProgramNotProof { path: path.to_owned() });
    }
    proof_of(path, &bytes)
}

/// The proof in the bytes of a file.
pub fn proof_of(path: &Path, bytes: &[u8]) -> Result<(Proof, usize), Error> {
    let proof = Proof::from_bytes(bytes).map_err(|source| Error::Riscv { path: path.to_owned(), source })?;
    Ok((proof, bytes.len()))
}

/// Whatever is in a file that is an ELF file or a proof.
pub fn program_or_proof(path: &Path) -> Result<Vec<u8>, Error> {
    read(path, "an ELF file or a proof", MAX_BYTES)
}

/// Words of 32 bits, little-endian.
pub fn words(path: &Path) -> Result<Vec<u32>, Error> {
    let bytes = read(path, "a file of words", MAX_WORDS)?;
    if bytes.len() % 4 != 0 {
        return Err(Error::OddLength { path: path.to_owned(), bytes: bytes.len() });
    }
    Ok(bytes.chunks_exact(4).map(|word| u32::from_le_bytes([word[0], word[1], word[2], word[3]])).collect())
}

/// Words as [`words`] reads them.
pub fn bytes(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}

/// A regular file of at most `limit` bytes. Others, a pipe that nobody writes into among them, are refused before they are opened.
fn read(path: &Path, what: &'static str, limit: u64) -> Result<Vec<u8>, Error> {
    let cannot = |source| Error::Read { path: path.to_owned(), source };
    let metadata = std::fs::metadata(path).map_err(cannot)?;
    if metadata.is_dir() {
        return Err(Error::NotAFile { path: path.to_owned(), what: "a directory" });
    }
    if !metadata.is_file() {
        return Err(Error::NotAFile { path: path.to_owned(), what: "a pipe or a device" });
    }
    let mut bytes = Vec::new();
    // One more than may be there: files grow.
    let file = std::fs::File::open(path).map_err(cannot)?;
    if metadata.len() <= limit {
        file.take(limit + 1).read_to_end(&mut bytes).map_err(cannot)?;
    }
    let size = metadata.len().max(bytes.len() as u64);
    if size > limit {
        return Err(Error::TooLarge { path: path.to_owned(), what, bytes: size, limit });
    }
    Ok(bytes)
}
