//! AND, OR, XOR.

use super::bus::Builder;
use super::Chip;

/// Not there yet: no messages, so nothing can be executed through it.
#[derive(Clone, Copy, Debug)]
pub struct Bitwise;

impl Chip for Bitwise {
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
pub struct BitwiseImmediate;

impl Chip for BitwiseImmediate {
    fn width(&self) -> usize {
        1
    }

    fn names(&self) -> Vec<String> {
        vec!["none".into()]
    }

    fn eval<B: Builder>(&self, _: &mut B) {}
}

impl super::OpcodeChip for Bitwise {
    fn fill(&self, _: &crate::record::Step, _: &mut [crate::F]) {}
}

impl super::OpcodeChip for BitwiseImmediate {
    fn fill(&self, _: &crate::record::Step, _: &mut [crate::F]) {}
}
