//! What is proved of the field units' Verilog: functions, products in Fq2.

pub mod fq2;
pub mod functions;
pub mod inverse;
pub mod mul_add;
