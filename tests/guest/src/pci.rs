//! The card in sysfs.

use crate::error::Error;
use permafrost_driver::sysfs::{self, Sysfs};
use permafrost_driver::Bdf;
use std::time::{Duration, Instant};

const DEVICES: &str = "/sys/bus/pci/devices";

/// A file of a function.
pub fn file(card: Bdf, name: &str) -> String {
    format!("{DEVICES}/{card}/{name}")
}

/// The simulated cards, in the order of their addresses.
pub fn cards() -> Result<Vec<Bdf>, Error> {
    Ok(Sysfs::default().cards(&[])?.into_iter().map(|function| function.bdf).collect())
}

/// Card `index`.
pub fn card(index: usize) -> Result<Bdf, Error> {
    let cards = cards()?;
    cards.get(index).copied().ok_or(Error::Cards { seen: cards.len(), expected: index + 1 })
}

/// The kernel's driver of a function.
pub fn driver(card: Bdf) -> Option<String> {
    Sysfs::default().function(card).ok()?.driver
}

/// Gives a function to vfio-pci, as `permafrost card bind` does.
pub fn bind(card: Bdf) -> Result<(), Error> {
    Ok(sysfs::bind(&Sysfs::default(), card, &[], None)?.apply()?)
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
