//! IOMMU groups: functions that can reach each other's memory are given to one user, or to none.

use super::{PciFunction, Sysfs, SysfsError, VFIO_PCI};
use crate::Bdf;

/// Drivers under which a function does no DMA of its own, so that it may share a group with a function of a user's.
const HARMLESS: [&str; 3] = [VFIO_PCI, "pci-stub", "pcieport"];

/// A function in a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// The function.
    pub bdf: Bdf,
    /// Its driver.
    pub driver: Option<String>,
}

impl Member {
    /// Whether its driver forbids that others of the group are given to a user.
    pub fn blocks(&self) -> bool {
        self.driver.as_deref().is_some_and(|driver| !HARMLESS.contains(&driver))
    }
}

/// An IOMMU group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// Its number.
    pub id: u32,
    /// All its functions.
    pub members: Vec<Member>,
}

impl Group {
    /// The members besides `bdf` whose drivers keep the group from being given to a user.
    pub fn in_the_way(&self, bdf: Bdf) -> impl Iterator<Item = &Member> {
        self.members.iter().filter(move |member| member.bdf != bdf && member.blocks())
    }
}

impl Sysfs {
    /// Whether the system has an IOMMU that is switched on.
    ///
    /// # Errors
    /// `Read`.
    pub fn has_iommu(&self) -> Result<bool, SysfsError> {
        Ok(!self.names(&self.path("kernel/iommu_groups"))?.is_empty())
    }

    /// The group of a function; `None` without an IOMMU.
    ///
    /// # Errors
    /// `Read`.
    pub fn group(&self, function: &PciFunction) -> Result<Option<Group>, SysfsError> {
        let Some(id) = function.group else { return Ok(None) };
        let names = self.names(&self.path(format!("kernel/iommu_groups/{id}/devices")))?;
        let member = |bdf: Bdf| Member { bdf, driver: self.link(&self.function_path(bdf).join("driver")) };
        let members = names.iter().filter_map(|name| name.parse().ok()).map(member).collect();
        Ok(Some(Group { id, members }))
    }
}

#[cfg(test)]
mod tests {
    use crate::sysfs::tree::Tree;

    #[test]
    fn neighbours_with_a_driver_of_their_own_are_in_the_way() {
        let tree = Tree::new();
        tree.card("0000:41:00.0").group(17);
        tree.function("0000:40:00.0", "0x8086", "0x1901", "0x060400").driver("pcieport").group(17);
        tree.function("0000:42:00.0", "0x144d", "0xa808", "0x010802").driver("nvme").group(17);
        tree.function("0000:43:00.0", "0x144d", "0xa808", "0x010802").group(17);
        let sysfs = tree.sysfs();
        assert!(sysfs.has_iommu().unwrap());
        let card = &sysfs.cards(&[]).unwrap()[0];
        let group = sysfs.group(card).unwrap().unwrap();
        assert_eq!((group.id, group.members.len()), (17, 4));
        let names: Vec<_> = group.in_the_way(card.bdf).map(|m| m.bdf.to_string()).collect();
        assert_eq!(names, ["0000:42:00.0"]);
    }

    #[test]
    fn without_an_iommu() {
        let tree = Tree::new();
        tree.card("0000:41:00.0");
        let sysfs = tree.sysfs();
        assert!(!sysfs.has_iommu().unwrap());
        assert_eq!(sysfs.group(&sysfs.cards(&[]).unwrap()[0]).unwrap(), None);
    }
}
