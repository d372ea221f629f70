//! PCI functions as Linux shows them below `/sys`, what stands against opening one, and binding them to `vfio-pci`.
//!
//! Everything here works on a root that can be another folder than `/sys`, so that it is tested on made-up trees. Reading
//! changes nothing; [`bind()`] and [`unbind()`] are the only things that write, and they write to functions with the ids of a
//! card alone.
//!
//! Source: Linux, `Documentation/ABI/testing/sysfs-bus-pci` and `Documentation/driver-api/vfio.rst`.

mod bind;
mod error;
mod function;
mod group;
mod host;
mod pages;
mod state;

pub use bind::{bind, unbind, Plan, Write};
pub use error::SysfsError;
pub use function::{Bar, Ids, PciFunction};
pub use group::{Group, Member};
pub use host::{Access, Memlock};
pub use pages::HugePages;
pub use state::BindState;

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// The driver that gives a function to user space.
pub const VFIO_PCI: &str = "vfio-pci";
/// Environment variable with another root than `/sys`.
pub const ROOT_VARIABLE: &str = "PERMAFROST_SYSFS";

/// A `sysfs`, with the `dev` and `proc` beside it: what is at `/sys`, `/dev` and `/proc` on a running system.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sysfs {
    root: PathBuf,
    dev: PathBuf,
    proc: PathBuf,
}

impl Default for Sysfs {
    fn default() -> Self {
        Self::at("/sys")
    }
}

impl Sysfs {
    /// The tree at `root`; `dev` and `proc` are looked for in the folder that `root` is in.
    pub fn at(root: impl Into<PathBuf>) -> Self {
        let root = root.into();
        let beside = |name| root.parent().unwrap_or(Path::new("/")).join(name);
        Self { dev: beside("dev"), proc: beside("proc"), root }
    }

    /// The tree that [`ROOT_VARIABLE`] names, else `/sys`.
    pub fn from_env() -> Self {
        std::env::var_os(ROOT_VARIABLE).filter(|root| !root.is_empty()).map_or_else(Self::default, Self::at)
    }

    /// A path below the root.
    pub(crate) fn path(&self, below: impl AsRef<Path>) -> PathBuf {
        self.root.join(below)
    }

    /// The text of a file, without white space around it; `None` when it is not there.
    fn text(&self, path: &Path) -> Result<Option<String>, SysfsError> {
        match fs::read_to_string(path) {
            Ok(text) => Ok(Some(text.trim().to_owned())),
            Err(e) if matches!(e.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Ok(None),
            Err(e) => Err(SysfsError::read(path, &e)),
        }
    }

    /// Names in a folder, sorted; none when it is not there.
    fn names(&self, path: &Path) -> Result<Vec<String>, SysfsError> {
        let entries = match fs::read_dir(path) {
            Ok(entries) => entries,
            Err(e) if e.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            Err(e) => return Err(SysfsError::read(path, &e)),
        };
        let mut names = Vec::new();
        for entry in entries {
            let entry = entry.map_err(|e| SysfsError::read(path, &e))?;
            names.extend(entry.file_name().into_string());
        }
        names.sort();
        Ok(names)
    }

    /// The last part of what a link points at; `None` when there is no link.
    fn link(&self, path: &Path) -> Result<Option<String>, SysfsError> {
        match fs::read_link(path) {
            Ok(target) => Ok(target.file_name().map(|name| name.to_string_lossy().into_owned())),
            Err(e) if e.kind() == ErrorKind::NotFound => Ok(None),
            Err(e) => Err(SysfsError::read(path, &e)),
        }
    }
}

#[cfg(test)]
mod tree;
