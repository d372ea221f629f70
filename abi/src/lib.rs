//! Permafrost host–card contract: registers, counters, doorbells, commands, completions, status codes, data
//! formats, and the [`Transport`] through which software reaches a card.
//!
//! Every fact is stated once, as data, by the macros of [`define`]; it is read in three ways:
//! - Rust types and constants (this crate's items), used by the driver, the simulator and the generator;
//! - Verilog `localparam`s ([`verilog::verilog_params`]), included by the card's modules;
//! - the tables of the manual ([`manual::manual`]), committed as `docs/abi.md` and compared by a test.
//!
//! The crate depends on no other crate of the workspace.

// Only in the modules that say so.
#![deny(unsafe_code)]

#[macro_use]
pub mod define;

pub mod command;
pub mod completion;
pub mod constants;
pub mod format;
pub mod manual;
pub mod msm;
pub mod ntt;
pub mod pci;
pub mod registers;
pub mod status;
#[allow(unsafe_code)]
pub mod transport;
pub mod vector;
pub mod verilog;
pub mod vfio_user;

pub use command::{
    AbortCommand, Command, CommandBody, CopyCommand, CopyKind, CreateQueueCommand, DeleteQueueCommand,
    FillCommand, Group, MsmCommand, NopCommand, NttCommand, Opcode, SemaphoreSetCommand, SgEntry,
    VectorCommand,
};
pub use completion::Completion;
pub use constants::*;
pub use format::{AffinePoint, AffinePointG2, Element, Scalar};
pub use manual::manual;
pub use ntt::{NttParameters, NTT_REVERSED_IN, NTT_REVERSED_OUT};
pub use registers::{counter, cq_doorbell, queue_depth, reg, sq_doorbell};
pub use status::Status;
pub use transport::{DmaRegion, PageKind, Transport, TransportError};
pub use vector::{
    VectorKind, VectorOperation, VectorParameters, VECTOR_EXCLUSIVE, VECTOR_NEGATE_ADDEND,
    VECTOR_NEGATE_PRODUCT,
};
pub use verilog::verilog_params;
