//! The card as a PCI function: what a host sees before it can reach a register. Stated once for the simulated function
//! and for software that looks for it; it stops at the shell and is no part of the seam.

use crate::{BAR0_BYTES, MAX_IO_QUEUES};

/// Vendor id of a simulated card. With [`DEVICE_ID`] the first dword of config space is `ABI_MAGIC`. It is not assigned by
/// the PCI-SIG: a board carries the ids of its vendor.
pub const VENDOR_ID: u16 = crate::ABI_MAGIC as u16;
/// Device id of a simulated card.
pub const DEVICE_ID: u16 = (crate::ABI_MAGIC >> 16) as u16;
/// Class code: processing accelerator.
pub const CLASS: u32 = 0x12_0000;

/// BAR with the registers and doorbells.
pub const REGISTER_BAR: u32 = 0;
/// BAR with the MSI-X table and the pending bits.
pub const MSIX_BAR: u32 = 2;
/// Bytes of each BAR.
pub const BAR_BYTES: [u32; 6] = [BAR0_BYTES, 0, 0x1000, 0, 0, 0];

/// MSI-X vectors: admin and fatal errors, then one for each I/O queue.
pub const MSIX_VECTORS: u16 = MAX_IO_QUEUES as u16 + 1;
/// Offset of the MSI-X table in its BAR.
pub const MSIX_TABLE: u32 = 0;
/// Offset of the pending bits in their BAR.
pub const MSIX_PBA: u32 = 0x800;

/// Bytes of the config space.
pub const CONFIG_BYTES: usize = 4096;
/// Offset of the command register in config space.
pub const COMMAND: usize = 0x04;
/// Command: the function answers memory accesses.
pub const COMMAND_MEMORY: u16 = 1 << 1;
/// Command: the function may do DMA and raise message-signalled interrupts.
pub const COMMAND_BUS_MASTER: u16 = 1 << 2;
