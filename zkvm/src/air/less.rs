//! Comparisons.

use super::bus::Builder;
use super::Chip;

/// Not there yet: no messages, so nothing can be executed through it.
#[derive(Clone, Copy, Debug)]
pub struct Less;

impl Chip for Less {
    fn width(&self) -> usize {
        1
    }

    fn names(&self) -> Vec<String> {
        vec!["none".into()]
    }

    fn eval<B: Builder>(&self, _: &mut B) {}
}

/// Not there yet: no messages, so nothing can be executed through it.
#[derive(Clone, Copy, Debug)]
pub struct LessImmediate;

impl Chip for LessImmediate {
    fn width(&self) -> usize {
        1
    }

    fn names(&self) -> Vec<String> {
        vec!["none".into()]
    }

    fn eval<B: Builder>(&self, _: &mut B) {}
}

impl super::OpcodeChip for Less {
    fn fill(&self, _: &crate::record::Step, _: &mut [crate::F]) {}
}

impl super::OpcodeChip for LessImmediate {
    fn fill(&self, _: &crate::record::Step, _: &mut [crate::F]) {}
}
