//! How far a card is from being used through VFIO.

use super::{Access, PciFunction, Sysfs, SysfsError, VFIO_PCI};
use crate::Bdf;
use std::fmt;

/// What stands between a card and a user of VFIO.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BindState {
    /// Nothing.
    Ready,
    /// This process may not open the group.
    Closed(Access),
    /// It has another driver, or none.
    Bound {
        /// The card.
        bdf: Bdf,
        /// Its driver.
        driver: Option<String>,
    },
    /// The system has no IOMMU, or it is off.
    NoIommu,
    /// Another function of its IOMMU group has a driver of its own.
    Shared {
        /// That function.
        other: Bdf,
        /// Its driver.
        driver: String,
    },
}

impl BindState {
    /// One word for programs.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::Closed(_) => "closed",
            Self::Bound { .. } => "bound",
            Self::NoIommu => "no-iommu",
            Self::Shared { .. } => "shared",
        }
    }
}

impl fmt::Display for BindState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ready => write!(f, "ready for VFIO"),
            Self::Closed(access) => write!(f, "bound to vfio-pci; {access}"),
            Self::Bound { bdf, driver: Some(driver) } => {
                write!(f, "bound to {driver}: permafrost card bind {bdf}")
            }
            Self::Bound { bdf, driver: None } => write!(f, "no driver: permafrost card bind {bdf}"),
            Self::NoIommu => write!(f, "no IOMMU"),
            Self::Shared { other, driver } => write!(f, "group shared with {other} (driver {driver})"),
        }
    }
}

impl Sysfs {
    /// The state of a card.
    ///
    /// # Errors
    /// `Read`.
    pub fn state(&self, card: &PciFunction) -> Result<BindState, SysfsError> {
        let Some(group) = self.group(card)? else { return Ok(BindState::NoIommu) };
        if let Some(other) = group.in_the_way(card.bdf).next() {
            let driver = other.driver.clone().unwrap_or_default();
            return Ok(BindState::Shared { other: other.bdf, driver });
        }
        if card.driver.as_deref() != Some(VFIO_PCI) {
            return Ok(BindState::Bound { bdf: card.bdf, driver: card.driver.clone() });
        }
        let file = self.group_file(group.id);
        Ok(if file.usable { BindState::Ready } else { BindState::Closed(file) })
    }
}

#[cfg(test)]
mod tests {
    use crate::sysfs::tree::Tree;

    #[test]
    fn states() {
        let tree = Tree::new();
        let card = tree.card("0000:41:00.0");
        let state = || {
            let sysfs = tree.sysfs();
            let state = sysfs.state(&sysfs.cards(&[]).unwrap()[0]).unwrap();
            (state.name(), state.to_string())
        };
        assert_eq!(state(), ("no-iommu", "no IOMMU".into()));
        let card = card.group(17);
        assert_eq!(state(), ("bound", "no driver: permafrost card bind 0000:41:00.0".into()));
        let card = card.driver("xdma");
        assert_eq!(state(), ("bound", "bound to xdma: permafrost card bind 0000:41:00.0".into()));
        card.driver("vfio-pci");
        assert_eq!(state().0, "closed");
        tree.file("dev/vfio/17", "");
        assert_eq!(state(), ("ready", "ready for VFIO".into()));
        tree.function("0000:42:00.0", "0x144d", "0xa808", "0x010802").driver("nvme").group(17);
        assert_eq!(state(), ("shared", "group shared with 0000:42:00.0 (driver nvme)".into()));
    }
}
