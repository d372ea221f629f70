//! Queues, semaphores, dispatcher and admin engine.

use permafrost_rtl::{
    card::{
        admin::admin, decode::decode, dispatch::dispatch, errors::errors, irq::irq_arbiter, queue::queue,
        semaphore::semaphores,
    },
    config::CardConfig,
    hdl::Module,
};
use std::sync::Arc;

pub fn design(name: &str) -> Option<Arc<Module>> {
    // Two engines beside the admin engine; the others are decoded and dispatched by the same text.
    let card = CardConfig { ntt_lanes: 0, vector_lanes: 0, ..CardConfig::sim() };
    Some(match name {
        "queue" => queue(),
        "semaphores 3" => semaphores(3),
        "admin" => admin(&card),
        "dispatch" => dispatch(&card),
        "decode" => decode(&card),
        "irq 4" => irq_arbiter(4),
        "errors 4" => errors(4),
        _ => return None,
    })
}
