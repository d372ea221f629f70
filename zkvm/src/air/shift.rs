//! Shifts.

use super::bus::Builder;
use super::Chip;

/// Not there yet: no messages, so nothing can be executed through it.
#[derive(Clone, Copy, Debug)]
pub struct Shift;

impl Chip for Shift {
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
pub struct ShiftImmediate;

impl Chip for ShiftImmediate {
    fn width(&self) -> usize {
        1
    }

    fn names(&self) -> Vec<String> {
        vec!["none".into()]
    }

    fn eval<B: Builder>(&self, _: &mut B) {}
}

impl super::OpcodeChip for Shift {
    fn fill(&self, _: &crate::record::Step, _: &mut [crate::F]) {}
}

impl super::OpcodeChip for ShiftImmediate {
    fn fill(&self, _: &crate::record::Step, _: &mut [crate::F]) {}
}
