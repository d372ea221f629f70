//! Point units of BN254 G1.

pub mod g1_adder;
