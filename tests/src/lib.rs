//! What the whole-system tests share: inputs, and the third parties that judge results.

#![forbid(unsafe_code)]

pub mod card;
pub mod halo2;
pub mod inputs;
pub mod streams;
pub mod vectors;

use std::path::PathBuf;

/// The root of the repository.
pub fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ has a parent").to_owned()
}
