//! Permafrost RTL generator: arithmetic graphs, engines, card top.

#![forbid(unsafe_code)]

pub mod card;
pub mod config;
pub mod field;
pub mod graph;
pub mod hdl;
pub mod msm;
pub mod ntt;
pub mod point;
pub mod report;
pub mod ring;
pub mod stream;
pub mod target;
pub mod vector;

/// Verilator configuration with the lint waivers of the generated designs, each with its reason.
pub const LINT_WAIVERS: &str = include_str!("lint.vlt");
