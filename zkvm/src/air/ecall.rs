//! ECALL.

use super::bus::Builder;
use super::Chip;

/// Not there yet: no messages, so nothing can be executed through it.
#[derive(Clone, Copy, Debug)]
pub struct Ecall;

impl Chip for Ecall {
    fn width(&self) -> usize {
        1
    }

    fn names(&self) -> Vec<String> {
        vec!["none".into()]
    }

    fn eval<B: Builder>(&self, _: &mut B) {}
}

impl super::OpcodeChip for Ecall {
    fn fill(&self, _: &crate::record::Step, _: &mut [crate::F]) {}
}
