//! FIFOs, arbiters and the memory streams.

use permafrost_rtl::{card::fifo::fifo, hdl::Module};
use std::sync::Arc;

pub fn design(name: &str) -> Option<Arc<Module>> {
    Some(match name {
        "fifo 3x4" => fifo(3, 4),
        _ => return None,
    })
}
