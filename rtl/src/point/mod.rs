//! Point units of BN254.

pub mod affine;
pub mod g1_adder;
