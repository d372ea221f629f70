//! Input and output words.

use super::bus::Builder;
use super::Chip;

/// Not there yet: no messages, so nothing can be executed through it.
#[derive(Clone, Copy, Debug)]
pub struct Words;

impl Chip for Words {
    fn width(&self) -> usize {
        1
    }

    fn names(&self) -> Vec<String> {
        vec!["none".into()]
    }

    fn eval<B: Builder>(&self, _: &mut B) {}
}

impl Words {
    /// The input.
    pub const INPUT: Self = Self;
    /// The output.
    pub const OUTPUT: Self = Self;
}
