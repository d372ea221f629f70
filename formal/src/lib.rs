//! Proofs about the generated hardware, and about the tables of the RISC-V machine.

pub mod air;
pub mod arithmetic;
pub mod check;
pub mod designs;
pub mod engines;
pub mod field;
pub mod manifest;
pub mod netlist;
pub mod point;
pub mod run;
pub mod source;
pub mod symbolic;
pub mod table;
pub mod tools;

/// Why something could be neither proved nor refuted.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("{path}: {source}")]
    Io { path: String, source: std::io::Error },
    #[error("`{tool}` was not found; run scripts/formal.sh, or name its folder in PATH")]
    NoTool { tool: &'static str },
    #[error("{tool}: {said}")]
    Tool { tool: &'static str, said: String },
    #[error("{tool} was stopped after {seconds} s")]
    Timeout { tool: &'static str, seconds: u64 },
    #[error("{0}")]
    Manifest(String),
    /// A design that breaks one of its generator's own assertions.
    #[error("the generator refuses: {0}")]
    Generator(String),
}
