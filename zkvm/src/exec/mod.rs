//! The executor: runs a program, records its cycles and cuts the run into segments.
//!
//! [`Executor::next_segment`] records, for proofs; [`Executor::run_to_end`] only runs. Both execute the same text.
//! Nothing of a segment stays behind once it is returned: what grows with the run is the memory that the program uses
//! (twice its size, and the tree over it when recording) and its output.

mod alu;
pub mod keccak;
mod memory;
mod recording;
mod rom;
mod service;
pub mod sha256;
mod step;

use std::sync::Arc;

use crate::error::Error;
use crate::isa::REGISTERS;
use crate::record::{Program, Segment, Statement, CYCLE, HALTED_PC, START};
use crate::tree::Tree;
use crate::{hash, Digest};
use memory::Memory;
use recording::Recording;
use rom::Rom;

/// Sizes of segments that can be proved, as log2 of their cycles.
pub const SEGMENT_LOG2: [u32; 2] = [10, 20];

/// Cycles between reports of progress.
const REPORT: u64 = 1 << 24;

/// Bounds of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Cycles after which a program that still runs is given up.
    pub cycles: u64,
    /// Log2 of the most cycles in a segment, 10 to 20.
    pub segment_log2: u32,
}

/// A program being executed.
pub struct Executor {
    program: Arc<Program>,
    limits: Limits,
    rom: Rom,
    memory: Memory,
    registers: [u32; REGISTERS as usize],
    /// Byte address of the next instruction.
    pc: u32,
    cycles: u64,
    exit: Option<u32>,
    input: Stream,
    hints: Stream,
    output: Vec<u32>,
    /// What is recorded of the segment that is being executed.
    segment: Recording,
    /// Segments returned.
    segments: u32,
    /// What the next segment starts from; made with the first one.
    start: Option<Start>,
}

/// Words that the program takes one after the other.
struct Stream {
    words: Vec<u32>,
    taken: usize,
}

impl Stream {
    /// The next word, left where it is.
    fn peek(&self) -> Option<u32> {
        self.words.get(self.taken).copied()
    }
}

/// The state at the start of a segment, as its statement has it.
struct Start {
    pc: u32,
    tree: Tree,
    input: Digest,
    output: Digest,
}

impl Executor {
    /// A run of `program`, which reads its words of `input` and `hints`.
    pub fn new(program: Arc<Program>, input: Vec<u32>, hints: Vec<u32>, limits: Limits) -> Self {
        Self {
            limits,
            rom: Rom::new(&program),
            memory: Memory::new(&program),
            registers: [0; REGISTERS as usize],
            pc: program.entry,
            cycles: 0,
            exit: None,
            input: Stream { words: input, taken: 0 },
            hints: Stream { words: hints, taken: 0 },
            output: Vec::new(),
            segment: Recording::new(limits.segment_log2),
            segments: 0,
            start: None,
            program,
        }
    }

    /// Executes and records the next segment; `None` after the one in which the program ended.
    ///
    /// A segment ends after 2^`segment_log2` cycles, and earlier if an access would look back too far, or if the table of Poseidon2 (with
    /// the memory's tree) or of a precompile would be higher than that and than 2^13.
    /// `statement.program` stays zero: the prover knows it.
    ///
    /// # Errors
    /// If the program does what it must not, needs more input than there is or more cycles than allowed, or if `segment_log2`
    /// is out of range. The run is then over: called again, the same comes back.
    pub fn next_segment(&mut self) -> Result<Option<Segment>, Error> {
        if self.exit.is_some() {
            return Ok(None);
        }
        let log2 = self.limits.segment_log2;
        if !(SEGMENT_LOG2[0]..=SEGMENT_LOG2[1]).contains(&log2) {
            return Err(Error::SegmentSize { log2, range: SEGMENT_LOG2 });
        }
        if self.start.is_none() {
            let tree = Tree::new(self.program.image.iter().copied());
            let zero = Digest::default();
            self.start = Some(Start { pc: self.pc, tree, input: zero, output: zero });
        }
        self.segment.steps.reserve(1 << log2);
        while self.exit.is_none() && self.segment.steps.len() < 1 << log2 && !self.segment.full() {
            if !self.cycle::<true>()? {
                break;
            }
        }
        Ok(self.start.take().map(|start| self.finish(start)))
    }

    /// Executes the rest of the program without recording it, and reports the cycles so far now and then.
    ///
    /// # Errors
    /// As [`Executor::next_segment`].
    pub fn run_to_end(&mut self, mut progress: impl FnMut(u64)) -> Result<(), Error> {
        let mut report = self.cycles + REPORT;
        while self.exit.is_none() {
            self.cycle::<false>()?;
            if self.cycles >= report {
                progress(self.cycles);
                report += REPORT;
            }
        }
        progress(self.cycles);
        Ok(())
    }

    /// Words written so far.
    pub fn output(&self) -> &[u32] {
        &self.output
    }

    /// Cycles executed so far.
    pub fn cycles(&self) -> u64 {
        self.cycles
    }

    /// The exit code, once the program has ended.
    pub fn exit(&self) -> Option<u32> {
        self.exit
    }

    /// Makes the segment of what was recorded, and starts the next recording.
    fn finish(&mut self, mut start: Start) -> Segment {
        let blocks = self.segment.blocks(&self.memory, &self.registers);
        let recording = std::mem::replace(&mut self.segment, Recording::new(self.limits.segment_log2));
        self.memory.next_segment();
        let before = start.tree.root();
        let nodes = start.tree.update(&blocks);
        let absorbed = |digest: Digest, words: &[crate::record::Word]| {
            words.iter().fold(digest, |digest, word| hash::absorb(&digest, word.value))
        };
        let input = absorbed(start.input, &recording.inputs);
        let output = absorbed(start.output, &recording.outputs);
        let pc = if self.exit.is_some() { HALTED_PC } else { self.pc / 4 };
        let statement = Statement {
            program: Digest::default(),
            number: self.segments,
            pc: [start.pc / 4, pc],
            memory: [before, start.tree.root()],
            input: [start.input, input],
            output: [start.output, output],
            exit: self.exit,
        };
        self.segments += 1;
        self.start = Some(Start { pc: self.pc, tree: start.tree, input, output });
        Segment {
            program: self.program.clone(),
            statement,
            end: START + CYCLE * recording.steps.len() as u32,
            steps: recording.steps,
            inputs: recording.inputs,
            outputs: recording.outputs,
            calls: recording.calls,
            blocks,
            nodes,
        }
    }
}

#[cfg(test)]
mod tests;
