//! Stores.

use super::bus::Builder;
use super::Chip;

/// Not there yet: no messages, so nothing can be executed through it.
#[derive(Clone, Copy, Debug)]
pub struct StoreWord;

impl Chip for StoreWord {
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
pub struct StorePart;

impl Chip for StorePart {
    fn width(&self) -> usize {
        1
    }

    fn names(&self) -> Vec<String> {
        vec!["none".into()]
    }

    fn eval<B: Builder>(&self, _: &mut B) {}
}

impl super::OpcodeChip for StoreWord {
    fn fill(&self, _: &crate::record::Step, _: &mut [crate::F]) {}
}

impl super::OpcodeChip for StorePart {
    fn fill(&self, _: &crate::record::Step, _: &mut [crate::F]) {}
}
