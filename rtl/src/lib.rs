//! Permafrost RTL generator: arithmetic graphs, engines, card top.

pub mod field;
pub mod graph;
pub mod hdl;
pub mod point;
pub mod target;
