//! The card around its engines: queues, dispatcher, copy, registers, and the AXI seam.
//!
//! ```text
//!  BAR0 ─ axil ─ regs, counters, errors            semaphores
//!                  │ doorbells, enable, cancel           │
//!  host ring ─ queue 0 (admin) ─┐                 ┌─ admin ─► queues, semaphores
//!  host ring ─ queue 1 ─────────┼─ dispatch ──────┼─ copy ──► host, DRAM
//!  host ring ─ queue 2 ─────────┘  (decode)       └─ msm, ntt, vector ──► DRAM
//!             scrub: what was written of DRAM ─► fills of copy, between owners
//! ```
//! An engine is clocked only while it has work ([`gate`]). One module a block, one file a module; every block's protocol,
//! latency and reset stand at its function.

pub(crate) mod abi;
pub mod admin;
pub mod arbiter;
pub mod axil;
pub mod bus;
pub mod copy;
pub mod counters;
pub mod decode;
pub mod dispatch;
pub mod engines;
pub mod errors;
pub mod fifo;
pub mod gate;
pub mod irq;
pub mod queue;
pub mod regs;
pub mod round_robin;
pub mod scrub;
pub mod semaphore;
mod text;
pub mod top;

use crate::{
    config::{CardConfig, ConfigError},
    hdl::{Design, HdlError},
};
use engines::Engines;

/// Why a card could not be generated.
#[derive(Debug, thiserror::Error)]
pub enum CardError {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Hdl(#[from] HdlError),
    #[error("card configuration `{config}`: the engines given are not those that it names; give one for each of its lanes")]
    Engines { config: String },
}

/// The whole design of the card of `config`.
///
/// # Errors
/// [`CardError::Config`] when `config` is out of range.
pub fn generate(config: &CardConfig) -> Result<Design, CardError> {
    config.validate()?;
    generate_with(config, &Engines::new(config))
}

/// The whole design of a card with these engines; its top module is [`top::TOP`].
///
/// # Errors
/// [`CardError::Config`] when `config` is out of range; [`CardError::Engines`] when it names others than these;
/// [`CardError::Hdl`] when an engine has not the ports of its kind.
pub fn generate_with(config: &CardConfig, engines: &Engines) -> Result<Design, CardError> {
    config.validate()?;
    if !engines.are_of(config) {
        return Err(CardError::Engines { config: config.name.clone() });
    }
    Ok(Design::elaborate(&top::top(config, engines))?)
}
