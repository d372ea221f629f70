//! Poseidon2 on memory.

use super::bus::Builder;
use super::Chip;

/// Not there yet: no messages, so nothing can be executed through it.
#[derive(Clone, Copy, Debug)]
pub struct Poseidon2Call;

impl Chip for Poseidon2Call {
    fn width(&self) -> usize {
        1
    }

    fn names(&self) -> Vec<String> {
        vec!["none".into()]
    }

    fn eval<B: Builder>(&self, _: &mut B) {}
}
