//! The emitted designs that harnesses name, at the sizes at which they are proved.

mod copy;
mod msm;
mod ntt;
mod queue;
mod streams;

use permafrost_rtl::hdl::Module;
use std::sync::Arc;

/// The design of this name.
pub fn design(name: &str) -> Option<Arc<Module>> {
    [streams::design, queue::design, copy::design, msm::design, ntt::design]
        .iter()
        .find_map(|family: &fn(&str) -> Option<Arc<Module>>| family(name))
}
