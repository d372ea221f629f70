//! What can go wrong between a design and a running simulated card.

use permafrost_rtl::{card::CardError, config::ConfigError};
use std::path::PathBuf;

/// Every error of this crate. Each says what was seen, what was expected and what to do.
#[derive(Debug, thiserror::Error)]
pub enum SimError {
    #[error("`{tool}` was not found; it is needed to build the simulator. Install it: {install}")]
    ToolMissing { tool: String, install: &'static str },

    #[error("`{tool}` is too old: it is `{seen}`, {needed} is needed. Install it: {install}")]
    ToolTooOld { tool: String, seen: String, needed: &'static str, install: &'static str },

    #[error("`{tool}` failed while {action} ({status}); the whole output is in {}\n{tail}", log.display())]
    ToolFailed { tool: String, action: String, status: String, log: PathBuf, tail: String },

    #[error(
        "no directory for the simulator cache: none of PERMAFROST_CACHE, XDG_CACHE_HOME and HOME is set; \
         set PERMAFROST_CACHE to a writable directory"
    )]
    NoCacheDir,

    #[error("simulator cache: cannot {action} {}: {source}; free the space or fix the permissions, or point PERMAFROST_CACHE elsewhere", path.display())]
    Cache { action: &'static str, path: PathBuf, source: std::io::Error },

    #[error("cannot load the simulator {}: {reason}; delete the file and run again to rebuild it", path.display())]
    Load { path: PathBuf, reason: String },

    #[error("design `{top}` has no port `{port}`; it has: {known}")]
    NoSuchPort { top: String, port: String, known: String },

    #[error("the simulated hardware stopped at clock {clock}: {reason}")]
    Hardware { clock: u64, reason: String },

    #[error("AXI rule broken on `{interface}` at clock {clock}: {rule}; this is a fault of the card's RTL")]
    Protocol { interface: String, clock: u64, rule: String },

    #[error("the simulation thread failed: {0}")]
    Thread(String),

    #[error(transparent)]
    Config(#[from] ConfigError),

    #[error("the card cannot be generated: {0}")]
    Card(#[from] CardError),

    #[error("cannot write the waveform {}: {reason}", path.display())]
    Trace { path: PathBuf, reason: String },
}
