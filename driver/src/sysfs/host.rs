//! What the system lets a process do: lock memory, open a group.

use super::{Sysfs, SysfsError, VFIO_PCI};
use rustix::fs::{access, Access as Mode};
use std::fmt;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

/// RLIMIT_MEMLOCK of this process in bytes; `None` is no limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Memlock {
    /// What holds now.
    pub soft: Option<u64>,
    /// What the process may raise it to.
    pub hard: Option<u64>,
}

/// A device file, and who may open it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Access {
    /// The file.
    pub path: PathBuf,
    /// Owner, group and permission bits; `None` when there is no such file.
    pub owner: Option<(u32, u32, u32)>,
    /// Whether this process may read and write it.
    pub usable: bool,
}

impl fmt::Display for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.display();
        match self.owner {
            None => write!(f, "{path} is not there"),
            Some((uid, gid, mode)) => {
                let may = if self.usable { "may" } else { "may not" };
                write!(f, "{path}: user {uid}, group {gid}, mode {mode:04o}; this process {may} open it")
            }
        }
    }
}

impl Sysfs {
    /// RLIMIT_MEMLOCK of this process: how much memory a card may reach at a time. `None` when the system does not say.
    ///
    /// # Errors
    /// `Read`.
    pub fn memlock(&self) -> Result<Option<Memlock>, SysfsError> {
        let text = self.text(&self.proc.join("self/limits"))?.unwrap_or_default();
        let Some(line) = text.lines().find_map(|line| line.strip_prefix("Max locked memory")) else {
            return Ok(None);
        };
        let mut limits = line.split_whitespace().map(|word| match word {
            "unlimited" => Some(None),
            number => number.parse().ok().map(Some),
        });
        Ok(match (limits.next().flatten(), limits.next().flatten()) {
            (Some(soft), Some(hard)) => Some(Memlock { soft, hard }),
            _ => None,
        })
    }

    /// The device file by which a user gets the functions of an IOMMU group. It is there while one of them is bound to `vfio-pci`.
    pub fn group_file(&self, group: u32) -> Access {
        let path = self.dev.join(format!("vfio/{group}"));
        let owner = std::fs::metadata(&path).ok().map(|meta| (meta.uid(), meta.gid(), meta.mode() & 0o7777));
        let usable = access(&path, Mode::READ_OK | Mode::WRITE_OK).is_ok();
        Access { path, owner, usable }
    }

    /// Whether the driver `vfio-pci` is there.
    pub fn has_vfio_pci(&self) -> bool {
        self.path(format!("bus/pci/drivers/{VFIO_PCI}")).is_dir()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sysfs::tree::Tree;

    #[test]
    fn limits_of_locked_memory() {
        let tree = Tree::new();
        assert_eq!(tree.sysfs().memlock(), Ok(None));
        let line = |limits: &str| {
            let text = format!("Limit   Soft Limit   Hard Limit   Units\nMax locked memory     {limits}     bytes\nMax processes  1 2 processes\n");
            tree.file("proc/self/limits", &text);
            tree.sysfs().memlock().unwrap()
        };
        assert_eq!(line("8388608   unlimited"), Some(Memlock { soft: Some(8 << 20), hard: None }));
        assert_eq!(line("unlimited unlimited"), Some(Memlock { soft: None, hard: None }));
        assert_eq!(line("?"), None);
        assert!(Sysfs::default().memlock().unwrap().is_some(), "of this very process");
    }

    #[test]
    fn the_file_of_a_group() {
        let tree = Tree::new();
        let absent = tree.sysfs().group_file(17);
        assert_eq!((absent.owner, absent.usable), (None, false));
        assert!(absent.to_string().ends_with("vfio/17 is not there"));
        tree.file("dev/vfio/17", "");
        let there = tree.sysfs().group_file(17);
        assert!(there.usable && there.to_string().ends_with("may open it"), "{there}");
    }
}
