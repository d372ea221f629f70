//! The card as a PCI function: config space, BARs and function level reset in front of the card's registers.
//!
//! What software finds is in [`permafrost_abi::pci`]; which bits it can write, and what they do, is here. Interrupts and
//! DMA leave through what the function is plugged into, not through this module: it only says whether they may
//! ([`Upstream`]).

mod config;
mod function;
mod msix;

pub use config::ConfigSpace;
pub use function::{AccessError, Function, Registers, Upstream};
pub use msix::MsixTable;
