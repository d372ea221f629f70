//! Proofs that are Rust: what a check reports, and their list.
//!
//! A check proves one property and tries its mutants. The manifest (`formal/properties/*.toml`) names checks by their name here.

use crate::tools::Tools;

/// What a check found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// `Ok`: proved, without a bound. Otherwise what could not be shown.
    pub proved: Result<(), String>,
    /// Mutants that were refuted.
    pub killed: usize,
    /// Mutants that compute the same as the design, each with the reason.
    pub equivalent: Vec<String>,
    /// Mutants that were not refuted and for which there is no reason: the runner ends with an error.
    pub alive: Vec<String>,
}

/// A check: `Err` is that a tool failed, which is neither proved nor refuted.
pub type Check = fn(&Tools) -> Result<Report, crate::Error>;

/// All checks by name.
pub const CHECKS: &[(&str, Check)] = &[];
