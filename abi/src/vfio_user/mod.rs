//! The vfio-user protocol, version 0.1: a PCI function in one process, its user in another, a Unix socket between them.
//! Source: the protocol specification in QEMU's `docs/interop/vfio-user.rst`; numbers shared with the kernel's VFIO are those
//! of `linux/vfio.h`.
//!
//! This module has the layouts, which both ends read, and, with the feature `vfio-user`, the framing on a
//! socket ([`Channel`]). All fields are in the byte order of the host.

#[cfg(feature = "vfio-user")]
mod channel;
mod wire;

#[cfg(feature = "vfio-user")]
pub use channel::{Channel, ChannelError, Message};
pub use wire::*;
