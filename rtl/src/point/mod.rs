//! Point units of BN254.

pub mod affine;
