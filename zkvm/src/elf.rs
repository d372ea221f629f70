//! Programs from ELF files.

use crate::error::Error;
use crate::record::Program;

/// Loads a program.
pub fn load(bytes: &[u8]) -> Result<Program, Error> {
    Err(Error::NotElf { start: bytes.iter().take(4).copied().collect() })
}
