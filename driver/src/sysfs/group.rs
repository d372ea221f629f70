//! IOMMU groups: functions that can reach each other's memory are given to one user, or to none.

use super::{PciFunction, Sysfs, SysfsError, VFIO_PCI};
use crate::Bdf;

/// Drivers under which a function does no DMA of its own, so that it may share a group with a function of a user's.
const HARMLESS: [&str; 3] = [VFIO_PCI, "pci-stub", "pcieport"];

/// Class and subclass of a PCI bridge.
const BRIDGE: u32 = 0x0604;

/// A function in a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// The function.
    pub bdf: Bdf,
    /// Its driver.
    pub driver: Option<String>,
    /// Whether it is a bridge, which does no DMA of its own.
    pub bridge: bool,
}

impl Member {
    /// Whether its driver forbids that others of the group are given to a user.
    pub fn blocks(&self) -> bool {
        !self.bridge && self.driver.as_deref().is_some_and(|driver| !HARMLESS.contains(&driver))
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
    /// `Read`, `Content`.
    pub fn group(&self, function: &PciFunction) -> Result<Option<Group>, SysfsError> {
        let Some(id) = function.group else { return Ok(None) };
        let names = self.names(&self.path(format!("kernel/iommu_groups/{id}/devices")))?;
        let mut members = Vec::new();
        // A group may hold devices that are not on PCI; none is known to have a driver.
        for bdf in names.iter().filter_map(|name| name.parse().ok()) {
            match self.function(bdf) {
                Ok(PciFunction { driver, class, .. }) => {
                    members.push(Member { bdf, driver, bridge: class >> 8 == BRIDGE });
                }
                Err(SysfsError::NoFunction(_)) => {} // it was removed meanwhile
                Err(error) => return Err(error),
            }
        }
        Ok(Some(Group { id, members }))
    }

    /// The function at `bdf`, once it is known that nothing here stands against opening it through VFIO: it exists, is
    /// bound to `vfio-pci`, has an IOMMU group, and no other driver does DMA in that group.
    ///
    /// # Errors
    /// `NoFunction`, `NotVfio`, `NoIommu`, `Shared`, `Read`, `Content`.
    pub fn openable(&self, bdf: Bdf) -> Result<PciFunction, SysfsError> {
        let function = self.function(bdf)?;
        if function.driver.as_deref() != Some(VFIO_PCI) {
            return Err(SysfsError::NotVfio { bdf, driver: function.driver });
        }
        let group = self.group(&function)?.ok_or(SysfsError::NoIommu(bdf))?;
        if let Some(other) = group.in_the_way(bdf).next() {
            let driver = other.driver.clone().unwrap_or_default();
            return Err(SysfsError::Shared { bdf, group: group.id, other: other.bdf, driver });
        }
        Ok(function)
    }
}

#[cfg(test)]
mod tests {
    use crate::sysfs::tree::Tree;
    use crate::sysfs::VFIO_PCI;

    const CARD: &str = "0000:41:00.0";

    #[test]
    fn a_bound_card_with_harmless_neighbours_can_be_opened() {
        let tree = Tree::new();
        tree.card(CARD).driver(VFIO_PCI).group(7);
        tree.card("0000:41:00.1").group(7);
        tree.card("0000:41:00.2").driver(VFIO_PCI).group(7);
        tree.function("0000:00:01.0", "0x8086", "0x1901", "0x060400").driver("some-bridge").group(7);
        tree.function("0000:42:00.0", "0x144d", "0xa808", "0x010802").driver("nvme");
        let function = tree.sysfs().openable(CARD.parse().unwrap()).unwrap();
        assert_eq!((function.bdf.to_string(), function.group), (CARD.into(), Some(7)));
    }

    #[test]
    fn what_stands_against_opening_is_named_with_the_way_out() {
        let tree = Tree::new();
        let refused = |bdf: &str, parts: &[&str]| {
            let message = tree.sysfs().openable(bdf.parse().unwrap()).unwrap_err().to_string();
            assert!(message.contains(bdf), "{message}");
            assert!(parts.iter().all(|part| message.contains(part)), "{message}");
        };
        refused(CARD, &["no PCI function", "permafrost card list"]);
        let card = tree.card(CARD).group(7);
        refused(CARD, &["no driver", "expected vfio-pci", "permafrost card bind 0000:41:00.0"]);
        tree.card("0000:41:00.3").driver("xclmgmt").group(7);
        refused("0000:41:00.3", &["driver xclmgmt", "expected vfio-pci"]);
        tree.card("0000:43:00.0").driver(VFIO_PCI);
        refused("0000:43:00.0", &["no IOMMU group", "intel_iommu=on"]);
        tree.card("0000:41:00.4").driver(VFIO_PCI).group(7);
        refused("0000:41:00.4", &["group 7", "0000:41:00.3", "driver xclmgmt"]);
        card.write("vendor", "who?");
        refused(CARD, &["vendor", "who?"]);
        // What is there and cannot be read is no missing driver.
        let odd = tree.card("0000:44:00.0").path().join("driver");
        std::fs::write(&odd, "").unwrap();
        refused("0000:44:00.0", &["cannot read", "driver"]);
    }

    #[test]
    fn a_device_that_does_not_exist_is_not_opened() {
        let options = crate::VfioOptions { sysfs: Tree::new().sysfs(), ..Default::default() };
        let error = crate::Vfio::open(CARD.parse().unwrap(), options).err().unwrap();
        assert!(error.to_string().contains("no PCI function"), "{error}");
    }

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
