//! The card around its engines: queues, dispatcher, copy, registers, and the AXI seam.
//!
//! ```text
//!  BAR0 ─ axil ─ regs, counters, errors            semaphores
//!                  │ doorbells, enable, cancel           │
//!  host ring ─ queue 0 (admin) ─┐                 ┌─ admin ─► queues, semaphores
//!  host ring ─ queue 1 ─────────┼─ dispatch ──────┼─ copy ──► host, DRAM
//!  host ring ─ queue 2 ─────────┘  (decode)       └─ msm ───► DRAM
//! ```
//! One module a block, one file a module; every block's protocol, latency and reset stand at its function.

pub(crate) mod abi;
pub mod admin;
pub mod arbiter;
pub mod axil;
pub mod bus;
pub mod copy;
pub mod counters;
pub mod decode;
pub mod dispatch;
pub mod errors;
pub mod fifo;
pub mod irq;
pub mod queue;
pub mod regs;
pub mod round_robin;
pub mod semaphore;
mod text;
pub mod top;

use crate::{
    config::{CardConfig, ConfigError},
    hdl::{Design, HdlError, Module},
};
use std::sync::Arc;

/// Why a card could not be generated.
#[derive(Debug, thiserror::Error)]
pub enum CardError {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Hdl(#[from] HdlError),
}

/// The whole design of the card of `config`.
///
/// # Errors
/// [`CardError::Config`] when `config` is out of range.
pub fn generate(config: &CardConfig) -> Result<Design, CardError> {
    config.validate()?;
    generate_with(config, &crate::msm::engine(config))
}

/// The whole design of a card with `msm` as its MSM engine; its top module is [`top::TOP`].
///
/// # Errors
/// [`CardError::Config`] when `config` is out of range; [`CardError::Hdl`] when `msm` has not the ports of an MSM engine.
pub fn generate_with(config: &CardConfig, msm: &Arc<Module>) -> Result<Design, CardError> {
    config.validate()?;
    Ok(Design::elaborate(&top::top(config, msm))?)
}
