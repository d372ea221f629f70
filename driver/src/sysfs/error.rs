//! What can go wrong with `/sys`.

use super::function::Ids;
use crate::Bdf;
use std::path::{Path, PathBuf};

/// Why a function cannot be looked at, opened, bound or unbound.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SysfsError {
    /// A file cannot be read.
    #[error("cannot read {}: {detail}; is sysfs mounted?", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        detail: String,
    },
    /// A file has another content than Linux writes.
    #[error("{} holds `{text}`, expected {expected}", path.display())]
    Content {
        /// The file.
        path: PathBuf,
        /// What it holds.
        text: String,
        /// What was expected.
        expected: &'static str,
    },
    /// There is no such function.
    #[error("there is no PCI function {0}; `permafrost card list` shows the cards, `lspci -D` everything")]
    NoFunction(Bdf),
    /// The function is something else, and is not touched.
    #[error("{bdf} has the ids {seen}, which are not a card's ({known}): it is left alone; if it is a board with a card on it, say --id {seen}")]
    NotACard {
        /// The function.
        bdf: Bdf,
        /// Its ids.
        seen: Ids,
        /// Ids of cards.
        known: String,
    },
    /// The function is of a class that no card has, whatever its ids.
    #[error("{bdf} is of PCI class {class:06x} ({what}), which no card is: it is left alone")]
    WrongClass {
        /// The function.
        bdf: Bdf,
        /// Class code.
        class: u32,
        /// What such functions are.
        what: &'static str,
    },
    /// The function is not bound to `vfio-pci`, so that it cannot be opened.
    #[error("{bdf}: {}, expected vfio-pci; bind it as root with `permafrost card bind {bdf}`", driver.as_deref().map_or("bound to no driver".into(), |d| format!("bound to driver {d}")))]
    NotVfio {
        /// The function.
        bdf: Bdf,
        /// Its driver.
        driver: Option<String>,
    },
    /// There is no IOMMU, without which nothing is opened.
    #[error("{0}: in no IOMMU group; switch the IOMMU on in the firmware and on the kernel's command line (intel_iommu=on)")]
    NoIommu(Bdf),
    /// A driver of the kernel has another function of the IOMMU group.
    #[error("{bdf}: IOMMU group {group} also holds {other}, bound to driver {driver}, and the group is given to a process as a whole; unbind that device, bind it to vfio-pci, or put the card into another slot")]
    Shared {
        /// The function.
        bdf: Bdf,
        /// The group.
        group: u32,
        /// The other function.
        other: Bdf,
        /// Its driver.
        driver: String,
    },
    /// Something else has to be done first.
    #[error("{bdf} cannot be bound to vfio-pci: {}", missing.join("; "))]
    NotReady {
        /// The function.
        bdf: Bdf,
        /// What is missing and how to get it, at least one.
        missing: Vec<String>,
    },
    /// There is nothing to undo.
    #[error("{bdf} is not bound to vfio-pci ({}): there is nothing to undo", driver.as_deref().map_or("it has no driver".into(), |d| format!("its driver is {d}")))]
    NotBound {
        /// The function.
        bdf: Bdf,
        /// Its driver.
        driver: Option<String>,
    },
    /// The kernel refused a write.
    #[error("cannot write `{value}` to {}: {detail}; {fix}{}", path.display(), after(.undone))]
    Write {
        /// The file.
        path: PathBuf,
        /// What was to be written.
        value: String,
        /// What the system says.
        detail: String,
        /// What helps.
        fix: String,
        /// What became of the writes before it; empty when there were none.
        undone: String,
    },
    /// All writes were taken, but the function is not where it should be.
    #[error("{bdf} was to be bound to {wanted} and has {}; see `dmesg`{}", seen.as_deref().map_or("no driver".into(), |d| format!("driver {d}")), after(.undone))]
    NotTaken {
        /// The function.
        bdf: Bdf,
        /// The driver that should have it.
        wanted: String,
        /// The driver that has it.
        seen: Option<String>,
        /// What became of the writes before.
        undone: String,
    },
    /// Fewer huge pages than asked for.
    #[error("{wanted} huge pages of 2 MiB are wanted and {free} are free after writing to {}: memory is fragmented; ask for fewer, or reserve them at boot with hugepages=N{}", path.display(), after(.undone))]
    FewPages {
        /// Pages asked for.
        wanted: u64,
        /// Pages free now.
        free: u64,
        /// The file that was written.
        path: PathBuf,
        /// What became of the write.
        undone: String,
    },
}

fn after(text: &str) -> String {
    if text.is_empty() {
        String::new()
    } else {
        format!("; {text}")
    }
}

impl SysfsError {
    pub(super) fn read(path: &Path, error: &std::io::Error) -> Self {
        Self::Read { path: path.to_owned(), detail: error.to_string() }
    }
}
