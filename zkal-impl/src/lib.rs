//! Permafrost acceleration layer: engine, arkworks adapter, Groth16 from .zkey.

pub mod ark;
pub mod engine;
mod error;
pub mod groth16;

pub use engine::Engine;
pub use error::{Error, Result};
