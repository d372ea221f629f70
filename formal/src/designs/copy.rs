//! Copy engine, scrubber, register file and other blocks of the card.

use permafrost_rtl::{
    card::{
        axil::axil_slave,
        copy::{burst::burst_split, copy_engine, list::list_walker, read::read_side, write::write_side},
        counters::counters,
        gate::clock_gate,
        regs::regs,
        scrub::scrub,
    },
    config::CardConfig,
    hdl::Module,
    target::Target,
};
use std::sync::Arc;

pub fn design(name: &str) -> Option<Arc<Module>> {
    Some(match name {
        "axil" => axil_slave(),
        "clock gate" => clock_gate(Target::Generic),
        "counters" => counters(),
        "regs sim" => regs(&CardConfig::sim()),
        "scrub" => scrub(),
        "copy burst" => burst_split(),
        "copy list" => list_walker(),
        "copy read" => read_side(),
        "copy write" => write_side(),
        "copy engine" => copy_engine(),
        _ => return None,
    })
}
