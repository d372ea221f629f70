//! Permafrost simulated card: Verilator build cache, models of host memory and DRAM, and the card behind the
//! `Transport` trait.
//!
//! - [`verilated`] turns an `rtl` design into a loaded model: ports of any width, clocks, waveforms.
//! - [`axi`] is the shell side of the card's ports: memories, MMIO, protocol rules.
//! - [`dram`] is a timing model of DRAM, for the memory behind the card.
//! - [`SimCard`] is the card: model, memories and thread behind the `Transport` trait.
//! - [`pci`] is the card as a PCI function, [`vfio_user`] serves it to another process.

// Only in the modules that say so.
#![deny(unsafe_code)]

pub mod axi;
mod card;
pub mod dram;
mod error;
pub mod pci;
pub mod verilated;
pub mod vfio_user;

pub use card::{Side, SimCard, SimOptions, SimStats, Waveform};
pub use error::SimError;

#[cfg(target_endian = "big")]
compile_error!("port storage is accessed as little-endian bytes; big-endian hosts are not supported");
