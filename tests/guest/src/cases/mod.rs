//! The cases, by name. A case leaves the cards as it found them, bound to vfio-pci, unless it says otherwise.

mod driver;
mod faults;
mod sysfs;
pub mod worker;

use crate::error::Error;

/// A case.
pub type Case = fn() -> Result<(), Error>;

const CASES: &[(&str, Case)] = &[
    ("enumerate", sysfs::enumerate),
    ("registers", sysfs::registers),
    ("flr", sysfs::flr),
    ("bind", sysfs::bind),
    ("conformance", driver::conformance),
    ("msm", driver::msm),
    ("two-cards", driver::two_cards),
    ("reset-in-flight", faults::reset_in_flight),
    ("driver-killed", faults::driver_killed),
    ("removal", faults::removal),
    ("bus-error", faults::bus_error),
    ("card-killed", faults::card_killed),
    ("card-stopped", faults::card_stopped),
];

/// The case with this name.
pub fn find(name: &str) -> Result<Case, Error> {
    let case = CASES
        .iter()
        .chain(crate::vfio_cases::CASES)
        .find(|(n, _)| *n == name)
        .ok_or_else(|| Error::NoSuchCase(name.into()))?;
    Ok(case.1)
}
