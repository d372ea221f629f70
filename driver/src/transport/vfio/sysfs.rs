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
        if !folder.exists() {
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
