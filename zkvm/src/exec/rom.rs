//! The program's instructions by address.

use crate::isa::Instruction;
use crate::record::Program;

/// Instructions with at most this many other words between them are in one run.
const GAP: u32 = 64;

/// Consecutive words of the program.
struct Run {
    /// Byte address of the first.
    first: u32,
    /// What each decodes to.
    words: Vec<Option<Instruction>>,
}

/// The program's instructions, as runs of consecutive words; code mostly stays in one.
pub(super) struct Rom {
    runs: Vec<Run>,
    current: usize,
}

impl Rom {
    pub(super) fn new(program: &Program) -> Self {
        let mut runs: Vec<Run> = Vec::new();
        for &(pc, instruction) in &program.code {
            match runs.last_mut() {
                Some(run) if (pc - run.first) / 4 - run.words.len() as u32 <= GAP => {
                    run.words.resize(((pc - run.first) / 4) as usize, None);
                    run.words.push(Some(instruction));
                }
                _ => runs.push(Run { first: pc, words: vec![Some(instruction)] }),
            }
        }
        Self { runs, current: 0 }
    }

    /// The instruction at a byte address, which is a multiple of 4.
    #[inline(always)]
    pub(super) fn get(&mut self, pc: u32) -> Option<Instruction> {
        let run = self.runs.get(self.current)?;
        match run.words.get((pc.wrapping_sub(run.first) / 4) as usize) {
            Some(word) => *word,
            None => self.elsewhere(pc),
        }
    }

    #[cold]
    fn elsewhere(&mut self, pc: u32) -> Option<Instruction> {
        let place = self.runs.partition_point(|run| run.first <= pc).checked_sub(1)?;
        let run = &self.runs[place];
        let word = *run.words.get(((pc - run.first) / 4) as usize)?;
        self.current = place;
        word
    }
}
