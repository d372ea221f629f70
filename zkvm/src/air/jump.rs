//! JAL and JALR.

use super::bus::Builder;
use super::Chip;

/// Not there yet: no messages, so nothing can be executed through it.
#[derive(Clone, Copy, Debug)]
pub struct Jump;

impl Chip for Jump {
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
pub struct JumpRegister;

impl Chip for JumpRegister {
    fn width(&self) -> usize {
        1
    }

    fn names(&self) -> Vec<String> {
        vec!["none".into()]
    }

    fn eval<B: Builder>(&self, _: &mut B) {}
}

impl super::OpcodeChip for Jump {
    fn fill(&self, _: &crate::record::Step, _: &mut [crate::F]) {}
}

impl super::OpcodeChip for JumpRegister {
    fn fill(&self, _: &crate::record::Step, _: &mut [crate::F]) {}
}
