//! A made-up system for tests: a temporary folder with `sys`, `dev` and `proc` in it.

use super::{Ids, Sysfs};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

pub struct Tree(tempfile::TempDir);

/// A function in the tree.
pub struct Made<'a> {
    tree: &'a Tree,
    bdf: String,
}

/// Makes `link` point at `target`, whatever it was before.
pub fn link(target: &Path, link: &Path) {
    let _ = fs::remove_file(link);
    symlink(target, link).unwrap();
}

impl Tree {
    pub fn new() -> Self {
        let tree = Self(tempfile::tempdir().unwrap());
        fs::create_dir(tree.0.path().join("sys")).unwrap();
        tree
    }

    pub fn sysfs(&self) -> Sysfs {
        Sysfs::at(self.0.path().join("sys"))
    }

    pub fn file(&self, path: &str, text: &str) -> PathBuf {
        let path = self.0.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        path
    }

    pub fn pages(&self, folder: &str, total: u64, free: u64) {
        let folder = format!("{folder}/hugepages/hugepages-2048kB");
        self.file(&format!("{folder}/nr_hugepages"), &format!("{total}\n"));
        self.file(&format!("{folder}/free_hugepages"), &format!("{free}\n"));
    }

    /// A driver that can be bound.
    pub fn add_driver(&self, name: &str) -> PathBuf {
        self.file("sys/bus/pci/drivers_probe", "");
        self.file(&format!("sys/bus/pci/drivers/{name}/bind"), "");
        self.file(&format!("sys/bus/pci/drivers/{name}/unbind"), "").parent().unwrap().to_owned()
    }

    pub fn function(&self, bdf: &str, vendor: &str, device: &str, class: &str) -> Made<'_> {
        let made = Made { tree: self, bdf: bdf.to_owned() };
        for (name, text) in [
            ("vendor", vendor),
            ("device", device),
            ("class", class),
            ("driver_override", "(null)"),
            ("numa_node", "-1"),
        ] {
            made.write(name, &format!("{text}\n"));
        }
        made
    }

    pub fn card(&self, bdf: &str) -> Made<'_> {
        let Ids { vendor, device } = Ids::CARD;
        let card = self.function(bdf, &format!("0x{vendor:04x}"), &format!("0x{device:04x}"), "0x120000");
        let none = "0x0000000000000000 0x0000000000000000 0x0000000000000000\n";
        let bars = "0x00000000fea00000 0x00000000fea0ffff 0x0000000000040200\n".to_owned()
            + none
            + "0x00000000fea10000 0x00000000fea10fff 0x0000000000040200\n"
            + &none.repeat(4);
        card.write("resource", &bars);
        card
    }
}

impl Made<'_> {
    pub fn path(&self) -> PathBuf {
        self.tree.0.path().join("sys/bus/pci/devices").join(&self.bdf)
    }

    pub fn write(&self, name: &str, text: &str) {
        self.tree.file(&format!("sys/bus/pci/devices/{}/{name}", self.bdf), text);
    }

    pub fn driver(self, name: &str) -> Self {
        link(&self.tree.add_driver(name), &self.path().join("driver"));
        self
    }

    pub fn group(self, id: u32) -> Self {
        let folder = self.tree.0.path().join(format!("sys/kernel/iommu_groups/{id}"));
        fs::create_dir_all(folder.join("devices")).unwrap();
        link(&self.path(), &folder.join("devices").join(&self.bdf));
        link(&folder, &self.path().join("iommu_group"));
        self
    }

    pub fn numa(self, node: i32) -> Self {
        self.write("numa_node", &format!("{node}\n"));
        self
    }
}
