//! Huge pages of 2 MiB.

use super::{Sysfs, SysfsError};
use std::path::PathBuf;

/// Name of the folder of pages of 2 MiB.
const FOLDER: &str = "hugepages/hugepages-2048kB";

/// The system's pages of 2 MiB, or those of one memory node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HugePages {
    /// Pages set aside.
    pub total: u64,
    /// Of these, nobody's.
    pub free: u64,
    /// The file that says how many are set aside, and changes it.
    pub path: PathBuf,
}

impl Sysfs {
    /// Pages of 2 MiB near to memory node `node`, or in the system; `None` when the kernel has none of that size.
    ///
    /// # Errors
    /// `Read`, `Content`.
    pub fn huge_pages(&self, node: Option<u32>) -> Result<Option<HugePages>, SysfsError> {
        let system = self.path(format!("kernel/mm/{FOLDER}"));
        let near = node.map(|node| self.path(format!("devices/system/node/node{node}/{FOLDER}")));
        let folder = near.filter(|folder| folder.is_dir()).unwrap_or(system);
        let number = |name: &str| {
            let path = folder.join(name);
            let Some(text) = self.text(&path)? else { return Ok(None) };
            let wrong = || SysfsError::Content { path, text: text.clone(), expected: "a number" };
            text.parse::<u64>().map(Some).map_err(|_| wrong())
        };
        Ok(match (number("nr_hugepages")?, number("free_hugepages")?) {
            (Some(total), Some(free)) => Some(HugePages { total, free, path: folder.join("nr_hugepages") }),
            _ => None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sysfs::tree::Tree;

    #[test]
    fn pages_of_the_node_and_of_the_system() {
        let tree = Tree::new();
        let sysfs = tree.sysfs();
        assert_eq!(sysfs.huge_pages(Some(1)), Ok(None));
        tree.pages("sys/kernel/mm", 8, 3);
        let pages = |node| sysfs.huge_pages(node).unwrap().map(|p| (p.total, p.free));
        assert_eq!((pages(None), pages(Some(1))), (Some((8, 3)), Some((8, 3))));
        tree.pages("sys/devices/system/node/node1", 2, 1);
        assert_eq!((pages(None), pages(Some(1)), pages(Some(0))), (Some((8, 3)), Some((2, 1)), Some((8, 3))));
        tree.pages("sys/kernel/mm", 8, 3);
        tree.file("sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages", "many");
        assert!(matches!(sysfs.huge_pages(None), Err(SysfsError::Content { .. })));
        assert_eq!(
            HugePages::clone(&sysfs.huge_pages(Some(1)).unwrap().unwrap()).path.file_name().unwrap(),
            "nr_hugepages"
        );
    }
}
