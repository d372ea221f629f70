//! The card in sysfs.

use crate::error::Error;
use crate::init::{read, write};
use permafrost_abi::pci::{DEVICE_ID, VENDOR_ID};
use permafrost_driver::Bdf;
use std::fs;
use std::time::{Duration, Instant};

const DEVICES: &str = "/sys/bus/pci/devices";

/// A file of a function.
pub fn file(card: Bdf, name: &str) -> String {
    format!("{DEVICES}/{card}/{name}")
}

/// The simulated cards, in the order of their addresses.
pub fn cards() -> Result<Vec<Bdf>, Error> {
    let mut cards = Vec::new();
    for entry in fs::read_dir(DEVICES).map_err(Error::file("list", DEVICES))? {
        let name = entry.map_err(Error::file("list", DEVICES))?.file_name();
        let Some(bdf) = name.to_str().and_then(|name| name.parse().ok()) else { continue };
        let ids = (read(&file(bdf, "vendor"))?, read(&file(bdf, "device"))?);
        if ids == (format!("{VENDOR_ID:#06x}"), format!("{DEVICE_ID:#06x}")) {
            cards.push(bdf);
        }
    }
    cards.sort();
    Ok(cards)
}

/// Card `index`.
pub fn card(index: usize) -> Result<Bdf, Error> {
    let cards = cards()?;
    cards.get(index).copied().ok_or(Error::Cards { seen: cards.len(), expected: index + 1 })
}

/// The kernel's driver of a function.
pub fn driver(card: Bdf) -> Option<String> {
    let link = fs::read_link(file(card, "driver")).ok()?;
    Some(link.file_name()?.to_str()?.to_string())
}

/// Gives a function to vfio-pci.
pub fn bind(card: Bdf) -> Result<(), Error> {
    if driver(card).as_deref() == Some("vfio-pci") {
        return Ok(());
    }
    write(&file(card, "driver_override"), "vfio-pci")?;
    write("/sys/bus/pci/drivers_probe", &card.to_string())?;
    match driver(card) {
        Some(name) if name == "vfio-pci" => Ok(()),
        other => Err(Error::Wrong(format!("{card} is bound to {other:?}, expected vfio-pci"))),
    }
}

/// Waits for a condition; its last error, or what was waited for, when `limit` passes.
pub fn wait(limit: Duration, what: &str, mut condition: impl FnMut() -> bool) -> Result<(), Error> {
    let start = Instant::now();
    while !condition() {
        if start.elapsed() > limit {
            return Err(Error::Wrong(format!("not within {limit:?}: {what}")));
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    Ok(())
}
