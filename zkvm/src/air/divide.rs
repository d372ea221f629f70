//! Division.

use super::bus::Builder;
use super::Chip;

/// Not there yet: no messages, so nothing can be executed through it.
#[derive(Clone, Copy, Debug)]
pub struct Divide;

impl Chip for Divide {
    fn width(&self) -> usize {
        1
    }

    fn names(&self) -> Vec<String> {
        vec!["none".into()]
    }

    fn eval<B: Builder>(&self, _: &mut B) {}
}

impl super::OpcodeChip for Divide {
    fn fill(&self, _: &crate::record::Step, _: &mut [crate::F]) {}
}
