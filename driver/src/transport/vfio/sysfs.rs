//! What the kernel says of PCI functions under `/sys`, and whether one of them can be opened.

use super::failed;
use crate::bdf::Bdf;
use permafrost_abi::TransportError;
use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

/// Driver that a card must be bound to.
pub const VFIO_PCI: &str = "vfio-pci";
/// Drivers that do no DMA and so may hold other functions of the card's IOMMU group.
const HARMLESS: [&str; 3] = [VFIO_PCI, "pci-stub", "pcieport"];
/// Class and subclass of a PCI bridge.
const BRIDGE: u32 = 0x0604;

/// A PCI function as the kernel describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PciFunction {
    /// Its address.
    pub bdf: Bdf,
    /// Vendor id.
    pub vendor: u16,
    /// Device id.
    pub device: u16,
    /// Class, subclass and programming interface.
    pub class: u32,
    /// Driver that it is bound to.
    pub driver: Option<String>,
    /// IOMMU group; `None` without an IOMMU.
    pub group: Option<u32>,
}

/// Folder of a function under the root of sysfs.
pub(super) fn folder(sysfs: &Path, bdf: Bdf) -> PathBuf {
    sysfs.join("bus/pci/devices").join(bdf.to_string())
}

impl PciFunction {
    /// The function at `bdf`, `None` when there is none; `sysfs` is where sysfs is mounted.
    ///
    /// # Errors
    /// When an attribute cannot be read.
    pub fn read(sysfs: &Path, bdf: Bdf) -> io::Result<Option<Self>> {
        let folder = folder(sysfs, bdf);
        if !folder.try_exists()? {
            return Ok(None);
        }
        let number = |name: &str| {
            let path = folder.join(name);
            let text = fs::read_to_string(&path)
                .map_err(|e| io::Error::new(e.kind(), format!("{}: {e}", path.display())))?;
            let digits = text.trim().trim_start_matches("0x");
            u32::from_str_radix(digits, 16)
                .map_err(|_| io::Error::new(ErrorKind::InvalidData, format!("{}: `{text}`", path.display())))
        };
        Ok(Some(Self {
            bdf,
            vendor: number("vendor")? as u16,
            device: number("device")? as u16,
            class: number("class")?,
            driver: link_name(&folder.join("driver"))?,
            group: link_name(&folder.join("iommu_group"))?.and_then(|name| name.parse().ok()),
        }))
    }

    /// All functions of the system in the order of their addresses.
    ///
    /// # Errors
    /// When sysfs cannot be read.
    pub fn all(sysfs: &Path) -> io::Result<Vec<Self>> {
        let mut found = Vec::new();
        for entry in fs::read_dir(sysfs.join("bus/pci/devices"))? {
            let name = entry?.file_name();
            let Some(bdf) = name.to_str().and_then(|name| name.parse().ok()) else { continue };
            // One that has gone meanwhile is left out.
            found.extend(Self::read(sysfs, bdf)?);
        }
        found.sort_by_key(|function| function.bdf);
        Ok(found)
    }
}

/// Last part of what a link points to; `None` when there is no link.
fn link_name(path: &Path) -> io::Result<Option<String>> {
    match fs::read_link(path) {
        Ok(target) => Ok(target.file_name().map(|name| name.to_string_lossy().into_owned())),
        Err(e) if e.kind() == ErrorKind::NotFound => Ok(None),
        Err(e) => Err(io::Error::new(e.kind(), format!("{}: {e}", path.display()))),
    }
}

/// The function at `bdf`, once it is known that nothing in sysfs stands against opening it: it exists, is bound to
/// vfio-pci, has an IOMMU group, and no other driver does DMA in that group.
pub(super) fn openable(sysfs: &Path, bdf: Bdf) -> Result<PciFunction, TransportError> {
    let unread = |e: io::Error| failed(bdf, format!("sysfs cannot be read: {e}"));
    let function = PciFunction::read(sysfs, bdf).map_err(unread)?.ok_or_else(|| {
        failed(bdf, "there is no such PCI device; `permafrost card list` shows those there are")
    })?;
    if function.driver.as_deref() != Some(VFIO_PCI) {
        let seen = match &function.driver {
            Some(driver) => format!("bound to driver {driver}"),
            None => "bound to no driver".into(),
        };
        return Err(failed(
            bdf,
            format!("{seen}, expected {VFIO_PCI}; bind it as root with `permafrost card bind {bdf}`"),
        ));
    }
    let Some(group) = function.group else {
        return Err(failed(
            bdf,
            "in no IOMMU group; switch the IOMMU on in the firmware and on the kernel's command line (intel_iommu=on)",
        ));
    };
    for member in fs::read_dir(folder(sysfs, bdf).join("iommu_group/devices")).map_err(unread)? {
        let name = member.map_err(unread)?.file_name();
        let name = name.to_string_lossy();
        // A group may hold devices that are not on PCI; one without a driver does no harm, and none is known to have one.
        let Ok(other) = name.parse::<Bdf>() else { continue };
        let Some(other) = PciFunction::read(sysfs, other).map_err(unread)? else { continue };
        match &other.driver {
            Some(driver) if other.class >> 8 != BRIDGE && !HARMLESS.contains(&driver.as_str()) => {
                return Err(failed(
                    bdf,
                    format!(
                        "IOMMU group {group} also holds {}, bound to driver {driver}, and the group is given to a \
                         process as a whole; unbind that device, bind it to {VFIO_PCI}, or put the card into another slot",
                        other.bdf
                    ),
                ));
            }
            _ => {}
        }
    }
    Ok(function)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    /// A sysfs with the functions of one group.
    struct Fake(tempfile::TempDir);

    impl Fake {
        fn new() -> Self {
            let root = tempfile::tempdir().unwrap();
            for folder in ["bus/pci/devices", "bus/pci/drivers", "kernel/iommu_groups/7/devices"] {
                fs::create_dir_all(root.path().join(folder)).unwrap();
            }
            Self(root)
        }

        fn add(&self, bdf: &str, class: u32, driver: Option<&str>, group: bool) {
            let root = self.0.path();
            let folder = root.join("bus/pci/devices").join(bdf);
            fs::create_dir(&folder).unwrap();
            for (name, text) in
                [("vendor", "0x4650\n"), ("device", "0x5a52\n"), ("class", &*format!("{class:#08x}\n"))]
            {
                fs::write(folder.join(name), text).unwrap();
            }
            if let Some(driver) = driver {
                symlink(root.join("bus/pci/drivers").join(driver), folder.join("driver")).unwrap();
            }
            if group {
                let group = root.join("kernel/iommu_groups/7");
                symlink(&folder, group.join("devices").join(bdf)).unwrap();
                symlink(group, folder.join("iommu_group")).unwrap();
            }
        }

        fn openable(&self, bdf: &str) -> Result<PciFunction, TransportError> {
            openable(self.0.path(), bdf.parse().unwrap())
        }

        /// The refusal to open the function, which says all of `parts`.
        fn refused(&self, bdf: &str, parts: &[&str]) {
            let message = self.openable(bdf).unwrap_err().to_string();
            assert!(message.contains(bdf), "{message}");
            assert!(parts.iter().all(|part| message.contains(part)), "{message}");
        }
    }

    const CARD: &str = "0000:01:00.0";

    #[test]
    fn a_bound_card_with_harmless_neighbours_can_be_opened() {
        let sysfs = Fake::new();
        sysfs.add(CARD, 0x12_0000, Some("vfio-pci"), true);
        sysfs.add("0000:01:00.1", 0x12_0000, None, true);
        sysfs.add("0000:01:00.2", 0x12_0000, Some("vfio-pci"), true);
        sysfs.add("0000:00:01.0", 0x06_0400, Some("some-bridge"), true);
        sysfs.add("0000:02:00.0", 0x01_0802, Some("nvme"), false);
        let function = sysfs.openable(CARD).unwrap();
        let expected = PciFunction {
            bdf: CARD.parse().unwrap(),
            vendor: 0x4650,
            device: 0x5a52,
            class: 0x12_0000,
            driver: Some("vfio-pci".into()),
            group: Some(7),
        };
        assert_eq!(function, expected);
        let all = PciFunction::all(sysfs.0.path()).unwrap();
        let addresses: Vec<_> = all.iter().map(|function| function.bdf.to_string()).collect();
        let expected = ["0000:00:01.0", CARD, "0000:01:00.1", "0000:01:00.2", "0000:02:00.0"];
        assert_eq!(addresses, expected);
    }

    #[test]
    fn what_stands_against_opening_is_named_with_the_way_out() {
        let sysfs = Fake::new();
        sysfs.refused(CARD, &["no such PCI device", "permafrost card list"]);
        sysfs.add(CARD, 0x12_0000, None, true);
        sysfs.refused(CARD, &["no driver", "expected vfio-pci", "permafrost card bind 0000:01:00.0"]);
        sysfs.add("0000:01:00.3", 0x12_0000, Some("xclmgmt"), true);
        sysfs.refused("0000:01:00.3", &["driver xclmgmt", "expected vfio-pci"]);
        sysfs.add("0000:03:00.0", 0x12_0000, Some("vfio-pci"), false);
        sysfs.refused("0000:03:00.0", &["no IOMMU group", "intel_iommu=on"]);
        sysfs.add("0000:01:00.4", 0x12_0000, Some("vfio-pci"), true);
        sysfs.refused("0000:01:00.4", &["group 7", "0000:01:00.3", "driver xclmgmt"]);
        fs::write(folder(sysfs.0.path(), CARD.parse().unwrap()).join("vendor"), "who?").unwrap();
        sysfs.refused(CARD, &["vendor", "who?"]);
    }

    #[test]
    fn a_device_that_does_not_exist_is_not_opened() {
        let options = crate::VfioOptions { sysfs: Fake::new().0.path().into(), ..Default::default() };
        let error = crate::Vfio::open(CARD.parse().unwrap(), options).err().unwrap();
        assert!(error.to_string().contains("no such PCI device"), "{error}");
    }
}
