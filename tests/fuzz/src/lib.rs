//! What the fuzzers run: one function a target, from bytes to a call that must neither panic, nor hang, nor leak a
//! descriptor. `tests/tests/fuzz.rs` runs the same functions without libFuzzer. See `docs/fuzzing.md`.

mod client;
mod completion;
mod files;
mod input;
mod message;
mod pci;
mod server;

pub use client::vfio_user_client;
pub use completion::completion;
pub use files::{wtns, zkey};
pub use message::vfio_user_message;
pub use pci::pci_config;
pub use server::{vfio_user_server, vfio_user_session};
