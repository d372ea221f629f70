//! The command line of the operations of a card, as data.

use std::path::PathBuf;

use clap::Args;
use permafrost_driver::sysfs::{Ids, Sysfs};
use permafrost_driver::Bdf;

use crate::args::CardArgs;

/// Where the system's PCI functions are, and which of them are cards.
#[derive(Debug, Args)]
pub struct PciArgs {
    /// PCI ids of a board that carries a card, besides the card's own; may be given several times
    #[arg(long, value_name = "VVVV:DDDD")]
    pub id: Vec<Ids>,
    /// Where sysfs is mounted; `dev` and `proc` are looked for beside it
    #[arg(long, value_name = "DIR", env = permafrost_driver::sysfs::ROOT_VARIABLE, default_value = "/sys")]
    pub sysfs: PathBuf,
}

impl PciArgs {
    pub fn sysfs(&self) -> Sysfs {
        Sysfs::at(&self.sysfs)
    }
}

#[derive(Debug, Args)]
pub struct List {
    /// Also the card served on this socket; may be given several times
    #[arg(long, value_name = "SOCKET")]
    pub socket: Vec<PathBuf>,
    #[command(flatten)]
    pub pci: PciArgs,
    /// Print a JSON list instead of a table
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
pub struct Bind {
    /// The card, as `permafrost card list` shows it: 0000:01:00.0
    pub bdf: Bdf,
    /// Have this many free huge pages of 2 MiB, on the card's memory node where there are several
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=1 << 20))]
    pub huge_pages: Option<u64>,
    /// Only say what would be written, and what is missing
    #[arg(long)]
    pub dry_run: bool,
    #[command(flatten)]
    pub pci: PciArgs,
}

#[derive(Debug, Args)]
pub struct Unbind {
    /// The card, as `permafrost card list` shows it: 0000:01:00.0
    pub bdf: Bdf,
    /// Only say what would be written, and what is missing
    #[arg(long)]
    pub dry_run: bool,
    #[command(flatten)]
    pub pci: PciArgs,
}

#[derive(Debug, Args)]
pub struct Selftest {
    #[command(flatten)]
    pub card: CardArgs,
    /// Seed of the random data
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Print one JSON object instead of a table
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
pub struct Reset {
    #[command(flatten)]
    pub card: CardArgs,
    /// Function level reset at once, not only when the controller reset fails
    #[arg(long)]
    pub function: bool,
    /// Print one JSON object instead of a table
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
pub struct Top {
    /// The card: `vfio-user:SOCKET` of `permafrost card serve`, or `vfio:BDF` on PCI (as root)
    #[arg(long, env = "PERMAFROST_CARD", value_name = "CARD", default_value = "sim")]
    pub card: String,
    /// The card served on this socket, whatever --card says
    #[arg(long, value_name = "SOCKET")]
    pub socket: Option<PathBuf>,
    /// The card with this observers' socket (`--observe` of `permafrost card serve`), whatever --card and --socket say
    #[arg(long, value_name = "SOCKET")]
    pub observe: Option<PathBuf>,
    /// Seconds from one look to the next, 0.1 to 86400
    #[arg(long, value_name = "S", default_value = "1", value_parser = seconds)]
    pub interval: f64,
    /// Looks to show; without end when not given
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub count: Option<u64>,
    /// Print one JSON object a look, each on a line
    #[arg(long, conflicts_with = "metrics")]
    pub json: bool,
    /// Print the counters once, in the text format of Prometheus
    #[arg(long, conflicts_with_all = ["count", "interval"])]
    pub metrics: bool,
    /// With --metrics: write this file instead, at once or not at all
    #[arg(long, value_name = "FILE", requires = "metrics")]
    pub out: Option<PathBuf>,
    #[command(flatten)]
    pub pci: PciArgs,
}

fn seconds(text: &str) -> Result<f64, String> {
    let seconds = text.parse().ok().filter(|s| (0.1..=86400.0).contains(s));
    seconds.ok_or_else(|| format!("`{text}` is no number from 0.1 to 86400"))
}
