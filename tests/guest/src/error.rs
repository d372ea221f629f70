//! What can go wrong in the guest.

use std::io;
use std::path::{Path, PathBuf};

/// Why a case, or the guest itself, failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("cannot {action} {}: {source}", path.display())]
    File { action: &'static str, path: PathBuf, source: io::Error },
    #[error("kernel command line: no `permafrost.cases=`; name the cases to run")]
    NoCases,
    #[error("there is no case `{0}`; see tests/guest/src/cases/mod.rs")]
    NoSuchCase(String),
    #[error("{seen} cards on the PCI bus, expected at least {expected}")]
    Cards { seen: usize, expected: usize },
    #[error("{0}")]
    Wrong(String),
    #[error("driver: {0}")]
    Driver(#[from] permafrost_driver::Error),
    #[error("transport: {0}")]
    Transport(#[from] permafrost_driver::TransportError),
    #[error("sysfs: {0}")]
    Sysfs(#[from] permafrost_driver::sysfs::SysfsError),
    #[error("engine: {0}")]
    Engine(#[from] permafrost_zkal::Error),
    #[error("cases that failed: {0}")]
    Cases(String),
}

impl Error {
    /// For `map_err`: what was tried with which file.
    pub fn file<E: Into<io::Error>>(action: &'static str, path: impl AsRef<Path>) -> impl FnOnce(E) -> Self {
        let path = path.as_ref().to_owned();
        move |source| Self::File { action, path, source: source.into() }
    }
}

/// Fails with `what` unless `condition`.
pub fn expect(condition: bool, what: impl Into<String>) -> Result<(), Error> {
    match condition {
        true => Ok(()),
        false => Err(Error::Wrong(what.into())),
    }
}
