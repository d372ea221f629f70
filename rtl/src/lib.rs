//! Permafrost RTL generator: arithmetic graphs, engines, card top.

pub mod hdl;
