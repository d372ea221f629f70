//! One PCI function.

use super::{Sysfs, SysfsError};
use crate::Bdf;
use permafrost_abi::pci::{DEVICE_ID, VENDOR_ID};
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

/// Vendor and device id, written `4650:5a52`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ids {
    /// Vendor id.
    pub vendor: u16,
    /// Device id.
    pub device: u16,
}

impl Ids {
    /// Those of a card that no vendor has given ids of its own.
    pub const CARD: Ids = Ids { vendor: VENDOR_ID, device: DEVICE_ID };
}

impl fmt::Display for Ids {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04x}:{:04x}", self.vendor, self.device)
    }
}

impl FromStr for Ids {
    type Err = String;

    /// Reads `VVVV:DDDD`, hexadecimal.
    fn from_str(text: &str) -> Result<Self, String> {
        let hex = |digits: &str| {
            let four = digits.len() == 4 && digits.bytes().all(|b| b.is_ascii_hexdigit());
            four.then(|| u16::from_str_radix(digits, 16).ok()).flatten()
        };
        let ids = text.split_once(':').and_then(|(vendor, device)| {
            Some(Ids { vendor: hex(vendor)?, device: hex(device)? }).filter(|ids| ids.vendor != 0xffff)
        });
        ids.ok_or_else(|| format!("`{text}` are no PCI ids; expected VVVV:DDDD, such as {}", Ids::CARD))
    }
}

/// A base address register that is in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bar {
    /// 0 to 5.
    pub index: usize,
    /// Size in bytes.
    pub bytes: u64,
}

/// A PCI function as `/sys/bus/pci/devices` has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PciFunction {
    /// Its address.
    pub bdf: Bdf,
    /// What it is.
    pub ids: Ids,
    /// Class code, 24 bits.
    pub class: u32,
    /// The driver that has it.
    pub driver: Option<String>,
    /// The only driver that may take it, if that is set.
    pub driver_override: Option<String>,
    /// Its IOMMU group; `None` without an IOMMU.
    pub group: Option<u32>,
    /// The memory node it is near to; `None` when the system has only one or does not say.
    pub numa_node: Option<u32>,
    /// BARs in use.
    pub bars: Vec<Bar>,
}

impl PciFunction {
    /// Whether it has the ids of a card, or some of `more`.
    pub fn is_card(&self, more: &[Ids]) -> bool {
        self.ids == Ids::CARD || more.contains(&self.ids)
    }
}

/// Lines of `resource` that are BARs.
const BARS: usize = 6;

impl Sysfs {
    /// The folder of a function.
    pub(crate) fn function_path(&self, bdf: Bdf) -> PathBuf {
        self.path(format!("bus/pci/devices/{bdf}"))
    }

    /// All PCI functions, in the order of their addresses; none when the system has no PCI bus.
    ///
    /// # Errors
    /// `Read`, `Content`.
    pub fn functions(&self) -> Result<Vec<PciFunction>, SysfsError> {
        let names = self.names(&self.path("bus/pci/devices"))?;
        let mut functions = Vec::new();
        for bdf in names.iter().filter_map(|name| name.parse().ok()) {
            match self.function(bdf) {
                Ok(function) => functions.push(function),
                Err(SysfsError::NoFunction(_)) => {} // it was removed meanwhile
                Err(error) => return Err(error),
            }
        }
        Ok(functions)
    }

    /// All functions with the ids of a card, or some of `more`.
    ///
    /// # Errors
    /// `Read`, `Content`.
    pub fn cards(&self, more: &[Ids]) -> Result<Vec<PciFunction>, SysfsError> {
        Ok(self.functions()?.into_iter().filter(|function| function.is_card(more)).collect())
    }

    /// One function.
    ///
    /// # Errors
    /// `NoFunction`, `Read`, `Content`.
    pub fn function(&self, bdf: Bdf) -> Result<PciFunction, SysfsError> {
        let folder = self.function_path(bdf);
        let hex = |name: &str| -> Result<u32, SysfsError> {
            let path = folder.join(name);
            let text = self.text(&path)?.ok_or(SysfsError::NoFunction(bdf))?;
            let digits = text.strip_prefix("0x").unwrap_or(&text);
            u32::from_str_radix(digits, 16).map_err(|_| SysfsError::Content {
                path,
                text: text.clone(),
                expected: "a hexadecimal number",
            })
        };
        let ids = Ids { vendor: hex("vendor")? as u16, device: hex("device")? as u16 };
        let class = hex("class")?;
        // The kernel writes "(null)" where nothing is set.
        let driver_override = self.text(&folder.join("driver_override"))?;
        let group = self.link(&folder.join("iommu_group"))?.and_then(|name| name.parse().ok());
        let numa_node = self.text(&folder.join("numa_node"))?.and_then(|text| text.parse().ok());
        Ok(PciFunction {
            bdf,
            ids,
            class,
            driver: self.link(&folder.join("driver"))?,
            driver_override: driver_override.filter(|name| !name.is_empty() && name != "(null)"),
            group,
            numa_node,
            bars: self.bars(&folder.join("resource"))?,
        })
    }

    /// The BARs that `resource` lists: start, end and flags a line.
    fn bars(&self, path: &std::path::Path) -> Result<Vec<Bar>, SysfsError> {
        let text = self.text(path)?.unwrap_or_default();
        let mut bars = Vec::new();
        for (index, line) in text.lines().take(BARS).enumerate() {
            let mut words = line
                .split_whitespace()
                .map(|word| u64::from_str_radix(word.strip_prefix("0x").unwrap_or(word), 16).ok());
            match (words.next().flatten(), words.next().flatten(), words.next().flatten()) {
                (Some(_), Some(0), Some(_)) => {}
                (Some(start), Some(end), Some(_)) if end >= start => {
                    bars.push(Bar { index, bytes: (end - start).saturating_add(1) });
                }
                _ => {
                    let expected = "lines of start, end and flags";
                    return Err(SysfsError::Content {
                        path: path.to_owned(),
                        text: line.to_owned(),
                        expected,
                    });
                }
            }
        }
        Ok(bars)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sysfs::tree::Tree;

    #[test]
    fn functions_are_read_as_linux_writes_them() {
        let tree = Tree::new();
        tree.card("0000:41:00.0").driver("permafrost-old").group(17).numa(1);
        tree.function("0000:00:1f.2", "0x8086", "0x2922", "0x010601").driver("ahci").group(3);
        let sysfs = tree.sysfs();
        let functions = sysfs.functions().unwrap();
        assert_eq!(functions.len(), 2);
        let [card] = &sysfs.cards(&[]).unwrap()[..] else { panic!() };
        assert_eq!(card.bdf.to_string(), "0000:41:00.0");
        assert_eq!((card.ids, card.class), (Ids::CARD, 0x12_0000));
        assert_eq!((card.driver.as_deref(), card.driver_override.as_deref()), (Some("permafrost-old"), None));
        assert_eq!((card.group, card.numa_node), (Some(17), Some(1)));
        assert_eq!(card.bars, [Bar { index: 0, bytes: 0x1_0000 }, Bar { index: 2, bytes: 0x1000 }]);
        let disk = &functions[0];
        assert_eq!((disk.numa_node, disk.bars.len()), (None, 0));
        assert!(disk.is_card(&["8086:2922".parse().unwrap()]));
        let absent = "0000:42:00.0".parse().unwrap();
        assert_eq!(sysfs.function(absent), Err(SysfsError::NoFunction(absent)));
    }

    #[test]
    fn no_bus_and_broken_files() {
        let tree = Tree::new();
        assert_eq!(tree.sysfs().functions(), Ok(Vec::new()));
        let card = tree.card("0000:41:00.0");
        card.write("resource", "0x10 0x5 0x0\n");
        assert!(matches!(tree.sysfs().functions(), Err(SysfsError::Content { .. })));
        card.write("resource", "");
        card.write("vendor", "Permafrost\n");
        let message = tree.sysfs().functions().unwrap_err().to_string();
        assert!(message.contains("vendor") && message.contains("hexadecimal"), "{message}");
    }

    #[test]
    fn ids() {
        assert_eq!("10ee:903f".parse(), Ok(Ids { vendor: 0x10ee, device: 0x903f }));
        assert_eq!(Ids::CARD.to_string().parse(), Ok(Ids::CARD));
        for wrong in ["", "10ee", "10ee:", "10ee:903", "0x10ee:903f", "10ee:903f:1", "ffff:ffff", "+0ee:903f"]
        {
            assert!(wrong.parse::<Ids>().is_err(), "{wrong}");
        }
    }
}
